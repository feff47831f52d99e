//! Folders: paths that files name, and those that somebody made before anything is in them. What changes here are
//! rows, in one transaction, while the request waits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::files::OnConflict;
use super::places::free_name;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::Folder;
use crate::domain::id::AccountId;
use crate::engine::{Engine, announce_quota};
use crate::store::file_changes::{self, Amend};
use crate::store::{Db, Tx, events, folders};

/// Files that one request moves or deletes with their folder, at most.
const FOLDER_FILES_MAX: u64 = 100_000;
/// Folders of one account that were made, at most.
const FOLDERS_MAX: usize = 10_000;

/// What lies in a folder, and in it and below it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Content {
    pub files: u64,
    pub bytes: u64,
    pub all_files: u64,
    pub all_bytes: u64,
}

/// All folders of an account with those above them, in the order of their paths.
pub async fn tree(engine: &Engine, owner: AccountId) -> Result<BTreeMap<String, Content>> {
    let now = engine.clock.now();
    let read = move |db: &Db| Ok((folders::sums(db, owner, now)?, folders::made(db, owner)?));
    let (sums, made) = engine.store.read(read).await?;
    let mut tree: BTreeMap<String, Content> =
        BTreeMap::from([("/".to_owned(), Content::default())]);
    for sum in sums {
        let own = tree.entry(sum.folder.clone()).or_default();
        own.files += sum.files;
        own.bytes += sum.bytes;
        for path in above(&sum.folder) {
            let above = tree.entry(path.to_owned()).or_default();
            above.all_files += sum.files;
            above.all_bytes += sum.bytes;
        }
    }
    for folder in made {
        for path in above(&folder) {
            tree.entry(path.to_owned()).or_default();
        }
    }
    Ok(tree)
}

/// A folder and all that it lies in, up to the root.
fn above(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |path| match path.rfind('/') {
        _ if *path == "/" => None,
        Some(at) if at > 0 => Some(&path[..at]),
        _ => Some("/"),
    })
}

/// Makes a folder before anything is in it; false when there is one already. Those above it are there as well.
pub async fn create(engine: &Engine, owner: AccountId, folder: Folder) -> Result<bool> {
    if folder == Folder::root() {
        return Err(Error::invalid("path", "path must name a folder; the root is always there."));
    }
    engine
        .store
        .write(move |tx| {
            let made = folders::made(tx.connection, owner)?;
            if made.iter().any(|path| path == folder.as_str()) {
                return Ok(false);
            }
            if made.len() >= FOLDERS_MAX {
                let message = format!("An account can make {FOLDERS_MAX} folders at most.");
                return Err(Error::new(Kind::TooMany, message).with("field", "path"));
            }
            let there = folders::extent(tx.connection, owner, folder.as_str())?.live > 0;
            folders::insert(tx, owner, folder.as_str())?;
            announce(tx, owner, "folder.created", json!({ "folder": folder.as_str() }))?;
            Ok(!there)
        })
        .await
}

/// Puts all files of a folder and below it into the trash and forgets the folder; how many files that were.
pub async fn delete(engine: &Engine, owner: AccountId, folder: Folder) -> Result<u64> {
    if folder == Folder::root() {
        return Err(Error::invalid("path", "path must not be the root."));
    }
    engine
        .store
        .write(move |tx| {
            let extent = folders::extent(tx.connection, owner, folder.as_str())?;
            check_size("path", extent.live)?;
            let made = folders::forget(tx, owner, folder.as_str())?;
            if extent.live == 0 && made == 0 {
                return Err(Error::not_found("folder").with("field", "path"));
            }
            let trashed = folders::trash(tx, owner, folder.as_str())?;
            let data = json!({ "count": trashed, "folder": folder.as_str() });
            announce(tx, owner, "folder.deleted", data)?;
            announce_quota(tx, owner)?;
            Ok(trashed)
        })
        .await
}

fn check_size(field: &str, files: u64) -> Result<()> {
    if files > FOLDER_FILES_MAX {
        let message = format!("The folder has more than {FOLDER_FILES_MAX} files; take its parts.");
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

fn announce(tx: &Tx<'_>, owner: AccountId, name: &'static str, data: Value) -> Result<()> {
    events::record(tx, Event::lasting(owner, name, None, data))
}

/// Moves or renames a folder with all that is below it, the trash of it too; how many files that were.
pub async fn rename(
    engine: &Engine,
    owner: AccountId,
    from: Folder,
    to: Folder,
    on_conflict: OnConflict,
) -> Result<u64> {
    if from == Folder::root() {
        return Err(Error::invalid("from", "from must not be the root."));
    }
    if to == from || to.as_str().starts_with(&format!("{}/", from.as_str())) {
        return Err(Error::invalid("to", "to must not lie in the folder itself."));
    }
    engine
        .store
        .write(move |tx| {
            let extent = folders::extent(tx.connection, owner, from.as_str())?;
            if extent.files == 0 && extent.made == 0 {
                return Err(Error::not_found("folder").with("field", "from"));
            }
            check_size("from", extent.files)?;
            let longest = extent.longest - from.as_str().len() + to.as_str().len();
            Folder::check_size("to", longest, extent.deepest - from.depth() + to.depth())?;
            let there = folders::extent(tx.connection, owner, to.as_str())?;
            let is_there = there.files > 0 || there.made > 0;
            if is_there && on_conflict != OnConflict::KeepBoth {
                let message = format!("There is a folder {} already. Say onConflict: keepBoth to put the files together.", to.as_str());
                return Err(Error::new(Kind::NameTaken, message).with("field", "to"));
            }
            if is_there {
                make_room(tx, owner, &from, &to)?;
            }
            folders::rename(tx, owner, from.as_str(), to.as_str())?;
            let data = json!({ "count": extent.files, "from": from.as_str(), "folder": to.as_str() });
            announce(tx, owner, "file.updated", data)?;
            Ok(extent.files)
        })
        .await
}

/// Files of a folder that is moved get another name where theirs is taken.
fn make_room(tx: &Tx<'_>, owner: AccountId, from: &Folder, to: &Folder) -> Result<()> {
    for file in folders::colliding(tx.connection, owner, from.as_str(), to.as_str())? {
        let folder = format!("{}{}", to.as_str(), &file.folder[from.as_str().len()..]);
        let name = free_name(tx.connection, owner, &folder, &file.name)?;
        let amend = Amend { name: Some(name), ..Amend::default() };
        file_changes::amend(tx, owner, file.id, &amend)?;
    }
    Ok(())
}
