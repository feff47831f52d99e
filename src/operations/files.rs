//! Changes of single files that are done while the request waits: only rows change, in one transaction.

use super::bulk::Kinds;
use super::bulk::change::{self, Change, check_tags};
use super::places::{announce_change, announce_file, free_name};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, FileName, Folder};
use crate::domain::id::{AccountId, BundleId, FileId};
use crate::domain::pool::Recycling;
use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::store::file_changes::{self, Amend};
use crate::store::{Tx, bundles, files};

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
            bundles::check(tx.connection, owner, wish.bundle_id.flatten(), "bundleId")?;
            let folder = wish.folder.as_ref().map_or(file.folder.as_str(), Folder::as_str);
            let name = wish.name.as_ref().map_or(file.name.as_str(), FileName::as_str);
            let goes = folder != file.folder || name != file.name;
            let name = if goes {
                place(tx, owner, Some(id), folder, name, on_conflict, &recycling)?
            } else {
                name.into()
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
    files::get(tx.connection, owner, id, tx.now)
}

/// The name that a file gets in a folder: `file`, or a new one.
fn place(
    tx: &Tx<'_>,
    owner: AccountId,
    file: Option<FileId>,
    folder: &str,
    name: &str,
    on_conflict: OnConflict,
    recycling: &Recycling,
) -> Result<String> {
    let others = file_changes::named(tx.connection, owner, folder, name)?;
    let is_there = |other: &File| other.expired_at.is_none_or(|end| end > tx.now);
    let is_other = |other: &File| Some(other.id) != file && is_there(other);
    let others: Vec<_> = others.into_iter().filter(is_other).collect();
    match on_conflict {
        _ if others.is_empty() => Ok(name.to_owned()),
        OnConflict::KeepBoth => free_name(tx.connection, owner, folder, name),
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

/// One more name for the same bytes; none are copied. A name of `None` is the file's own, or the next that is free.
pub async fn copy(
    engine: &Engine,
    owner: AccountId,
    id: FileId,
    folder: Option<Folder>,
    name: Option<FileName>,
    on_conflict: OnConflict,
) -> Result<File> {
    let recycling = engine.settings.recycling.clone();
    engine
        .store
        .write(move |tx| {
            let file = present(tx, owner, id)?;
            let folder = folder.map_or_else(|| file.folder.clone(), |to| to.as_str().to_owned());
            let name = name.as_ref().map_or(file.name.as_str(), FileName::as_str);
            if on_conflict == OnConflict::Replace && (&folder, name) == (&file.folder, &*file.name)
            {
                let message = "A copy cannot replace the file that it is made of.";
                return Err(Error::invalid("onConflict", message));
            }
            let name = place(tx, owner, None, &folder, name, on_conflict, &recycling)?;
            let copy = change::copy(tx, &file, folder, name, file.bundle_id)?;
            announce_change(tx, "file.created", &copy)?;
            Ok(copy)
        })
        .await
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
