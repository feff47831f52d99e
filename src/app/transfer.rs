//! Import and export: the same world as the server's, without serving.

use std::path::{Path, PathBuf};

use super::{App, open_store, pools};
use crate::blobs::Blobs;
use crate::blobs::previews::PreviewDir;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::error::{Error, Result};
use crate::domain::transfer::{Export, Import, Tally, Told};
use crate::engine::recovery;
use crate::operations::transfer::export::{self, Share};
use crate::operations::transfer::import;
use crate::store::audit::{self, Entry};
use crate::store::{Listener, Store, accounts};

/// Brings a folder tree in, while no server runs.
pub fn import(config: &Config, wish: &Import, tell: &mut dyn FnMut(Told<'_>)) -> Result<Tally> {
    must_exist(config)?;
    refuse_own_folders(config, &wish.source)?;
    let app = App::open(config, Clock::default())?;
    let store = app.engine.store.clone();
    let outcome = import::run(&app.state.uploads, wish, tell);
    let outcome = kept(&store, "files.import", &wish.account, outcome);
    recovery::mark_clean(&store)?;
    store.close();
    outcome
}

/// Writes files out, also while the server runs.
pub fn export(config: &Config, wish: &Export, tell: &mut dyn FnMut(Told<'_>)) -> Result<Tally> {
    must_exist(config)?;
    refuse_own_folders(config, &wish.target)?;
    let clock = Clock::default();
    let store = open_store(config, clock.clone(), Listener::none())?;
    let (_, dirs) = pools::open(config, &store)?;
    let (now, name) = (clock.now(), wish.account.as_deref());
    let mut shares = Vec::new();
    for account in store.read_now(|db| accounts::list(db, now))? {
        match name {
            Some(name) if !name.eq_ignore_ascii_case(&account.name) => {}
            Some(_) => shares.push(Share { account, folder: None }),
            None => shares.push(Share { folder: Some(account.name.clone()), account }),
        }
    }
    if let (Some(name), true) = (name, shares.is_empty()) {
        return Err(Error::invalid("account", format!("There is no account {name}.")));
    }
    let blobs = Blobs::new(dirs, PreviewDir::open(&config.server.data_dir.join("previews"))?);
    let outcome = export::run(&store, &blobs, &shares, (&wish.target, wish.way), now, tell);
    let outcome = kept(&store, "files.export", name.unwrap_or("all"), outcome);
    store.close();
    outcome
}

/// Tells the audit log whose files came in or went out. Where that fails, as on a full disk, the outcome's own error comes
/// first.
fn kept(store: &Store, action: &str, account: &str, outcome: Result<Tally>) -> Result<Tally> {
    let mut entry = Entry::by_command(action, account);
    if let Err(error) = &outcome {
        entry.outcome = error.kind().code().to_owned();
    }
    let written = store.write_now(move |tx| audit::append(tx, &entry));
    let tally = outcome?;
    written.map(|()| tally)
}

/// A wrong path must not become a new data directory.
fn must_exist(config: &Config) -> Result<()> {
    let path = &config.server.data_dir;
    if path.join("drive.db").exists() {
        return Ok(());
    }
    let message = format!("There is no Drive at {}; see --data-dir.", path.display());
    Err(Error::invalid("server.data_dir", message))
}

/// Refuses a tree that holds folders of the server, or lies in one.
fn refuse_own_folders(config: &Config, tree: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut own = vec![config.server.data_dir.clone(), config.uploads_path()];
    own.extend(config.pools.iter().map(|pool| config.pool_path(pool)));
    let tree = real(&std::path::absolute(tree).unwrap_or_else(|_| PathBuf::from(tree)));
    for folder in own.iter().map(|path| real(path)) {
        if tree.starts_with(&folder) || folder.starts_with(&tree) {
            let message =
                format!("{} and Drive's own {} must lie apart.", tree.display(), folder.display());
            return Err(Error::invalid("DIR", message));
        }
    }
    Ok(())
}
