//! Changes of single files and folders that are done while the request waits: only rows change, in one transaction.

use std::collections::BTreeMap;

use serde_json::json;

use super::bulk::Kinds;
use super::bulk::change::{Change, check_tags};
use super::places::{announce_change, announce_file, free_name};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::{File, FileName, Folder};
use crate::domain::id::{AccountId, BundleId, FileId};
use crate::domain::pool::Recycling;
use crate::domain::time::Timestamp;
use crate::engine::{Engine, announce_quota};
use crate::store::file_changes::{self, Amend};
use crate::store::{Tx, events, folders};

/// Files that one request moves with their folder, at most.
const FOLDER_FILES_MAX: u64 = 100_000;

/// What becomes of a name that another file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    Refuse,
    /// The next free number is added: "notes (2).txt".
    KeepBoth,
    /// The other file goes to the trash.
    Replace,
}

impl OnConflict {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "keepBoth" => Ok(Self::KeepBoth),
            "replace" => Ok(Self::Replace),
            _ => {
                Err(Error::invalid("onConflict", "onConflict is one of refuse, keepBoth, replace."))
            }
        }
    }
}

/// What is to change of a file; `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub name: Option<FileName>,
    pub folder: Option<Folder>,
    pub bundle_id: Option<Option<BundleId>>,
    pub tags: Option<Vec<String>>,
    pub expired_at: Option<Option<Timestamp>>,
}

/// Renames, moves, tags a file, or sets its end.
pub async fn change(
    engine: &Engine,
    owner: AccountId,
    id: FileId,
    wish: Wish,
    on_conflict: OnConflict,
) -> Result<File> {
    if let Some(tags) = &wish.tags {
        check_tags("tags", tags)?;
    }
    let now = engine.clock.now();
    if wish.expired_at.flatten().is_some_and(|moment| moment <= now) {
        return Err(Error::invalid("expiredAt", "expiredAt must be in the future."));
    }
    let recycling = engine.settings.recycling.clone();
    engine
        .store
        .write(move |tx| {
            let file = present(tx, owner, id)?;
            let folder = wish.folder.as_ref().map_or(file.folder.as_str(), Folder::as_str);
            let name = wish.name.as_ref().map_or(file.name.as_str(), FileName::as_str);
            let goes = folder != file.folder || name != file.name;
            let name = match goes {
                true => place(tx, &file, folder, name, on_conflict, &recycling)?,
                false => name.into(),
            };
            let amend = Amend {
                name: Some(name),
                folder: Some(folder.to_owned()),
                bundle_id: wish.bundle_id,
                tags: wish.tags.clone(),
                expired_at: wish.expired_at,
                ..Amend::default()
            };
            let file = file_changes::amend(tx, owner, id, &amend)?;
            announce_file(tx, "file.updated", &file)?;
            Ok(file)
        })
        .await
}

/// A file that is not in the trash.
fn present(tx: &Tx<'_>, owner: AccountId, id: FileId) -> Result<File> {
    crate::store::files::get(tx.connection, owner, id, tx.now)
}

/// The name that a file gets in a folder.
fn place(
    tx: &Tx<'_>,
    file: &File,
    folder: &str,
    name: &str,
    on_conflict: OnConflict,
    recycling: &Recycling,
) -> Result<String> {
    let others = file_changes::named(tx.connection, file.account_id, folder, name)?;
    let is_there = |other: &File| other.expired_at.is_none_or(|end| end > tx.now);
    let others: Vec<_> =
        others.into_iter().filter(|other| other.id != file.id && is_there(other)).collect();
    match on_conflict {
        _ if others.is_empty() => Ok(name.to_owned()),
        OnConflict::KeepBoth => free_name(tx.connection, file.account_id, folder, name),
        OnConflict::Refuse => {
            let message = format!(
                "There is a file \"{name}\" in {folder} already. Choose another name, or say onConflict: keepBoth or replace."
            );
            Err(Error::new(Kind::NameTaken, message).with("field", "name"))
        }
        OnConflict::Replace => {
            for other in others {
                let kind = Kinds::Delete.of(&other, recycling);
                let gone = Change::default().apply(tx, kind, &other, 0)?;
                announce_change(tx, kind.event(), &gone)?;
            }
            Ok(name.to_owned())
        }
    }
}

/// Puts a file into the trash, takes it out again, or deletes it for good: the same change that many files get by a
/// bulk operation. What is there already is no change, and not told. `None` when the file is gone for good.
pub async fn apply(
    engine: &Engine,
    owner: AccountId,
    id: FileId,
    kind: Kinds,
) -> Result<Option<File>> {
    let recycling = engine.settings.recycling.clone();
    engine
        .store
        .write(move |tx| {
            let found = file_changes::find(tx.connection, owner, id)?;
            let file = found.ok_or_else(|| Error::not_found("file"))?.unexpired(tx.now)?;
            let kind = kind.of(&file, &recycling);
            let changed = Change::default().apply(tx, kind, &file, 0)?;
            if kind == Kinds::Purge || changed.deleted_at != file.deleted_at {
                announce_change(tx, kind.event(), &changed)?;
            }
            Ok((kind != Kinds::Purge).then_some(changed))
        })
        .await
}

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
    let sums = engine.store.read(move |db| folders::sums(db, owner, now)).await?;
    let mut tree: BTreeMap<String, Content> =
        BTreeMap::from([("/".to_owned(), Content::default())]);
    for sum in sums {
        let own = tree.entry(sum.folder.clone()).or_default();
        own.files += sum.files;
        own.bytes += sum.bytes;
        let mut path = sum.folder.as_str();
        loop {
            let above = tree.entry(path.to_owned()).or_default();
            above.all_files += sum.files;
            above.all_bytes += sum.bytes;
            match path.rfind('/') {
                Some(0) if path != "/" => path = "/",
                Some(at) if at > 0 => path = &path[..at],
                _ => break,
            }
        }
    }
    Ok(tree)
}

/// Moves or renames a folder with all that is below it, the trash of it too; how many files that were.
pub async fn move_folder(
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
            let files = extent.files;
            if files == 0 {
                return Err(Error::not_found("folder").with("field", "from"));
            }
            if files > FOLDER_FILES_MAX {
                let message = format!("The folder has more than {FOLDER_FILES_MAX} files; move its parts.");
                return Err(Error::invalid("from", message));
            }
            let longest = extent.longest - from.as_str().len() + to.as_str().len();
            Folder::check_size("to", longest, extent.deepest - from.depth() + to.depth())?;
            let there = folders::extent(tx.connection, owner, to.as_str())?.files;
            if there > 0 && on_conflict != OnConflict::KeepBoth {
                let message = format!("There is a folder {} already. Say onConflict: keepBoth to put the files together.", to.as_str());
                return Err(Error::new(Kind::NameTaken, message).with("field", "to"));
            }
            if there > 0 {
                for file in folders::colliding(tx.connection, owner, from.as_str(), to.as_str())? {
                    let folder = format!("{}{}", to.as_str(), &file.folder[from.as_str().len()..]);
                    let name = free_name(tx.connection, owner, &folder, &file.name)?;
                    let amend = Amend { name: Some(name), ..Amend::default() };
                    file_changes::amend(tx, owner, file.id, &amend)?;
                }
            }
            folders::rename(tx, owner, from.as_str(), to.as_str())?;
            let data = json!({ "count": files, "from": from.as_str(), "folder": to.as_str() });
            events::record(tx, Event::lasting(owner, "file.updated", None, data))?;
            announce_quota(tx, owner)?;
            Ok(files)
        })
        .await
}
