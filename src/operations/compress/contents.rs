//! What goes into an archive: which files, under which names.

use std::vec::IntoIter;

use serde_json::{Value, json};

use super::Parameters;
use crate::blobs::archive::Format;
use crate::blobs::archive::names::{Names, safe_name};
use crate::blobs::archive::write::Written;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, Folder};
use crate::domain::task::Task;
use crate::domain::work::{Item, ItemState, NewItem};
use crate::engine::Engine;
use crate::engine::submit::ITEMS_MAX;
use crate::operations::places::own_files;
use crate::store::file_filter::{self, Filter};
use crate::store::{Store, items};

pub fn schema() -> Value {
    let uuid = |title: &str| json!({ "type": "string", "format": "uuid", "title": title });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "fileIds": { "type": "array", "items": { "type": "string", "format": "uuid" }, "title": "Files" },
            "folder": { "type": "string", "title": "Or all of a folder" },
            "bundleId": uuid("Or all of a bundle"),
            "compressionFormat": { "enum": ["zip", "tar", "tar.gz", "tar.zst"], "default": "zip", "title": "Format" },
            "compressionLevel": { "type": "integer", "minimum": 0, "maximum": 9, "default": 6, "title": "Level, from 0 (fast) to 9 (small)" },
            "outputFileName": { "type": "string", "title": "Name of the archive" },
            "targetFolder": { "type": "string", "title": "Into folder" },
            "targetPoolId": uuid("Into pool"),
            "targetBundleId": uuid("Into bundle"),
            "password": { "type": "string", "format": "password", "title": "Password (zip only)" }
        }
    })
}

/// The frozen list of an archive.
pub struct Chosen {
    pub items: Vec<NewItem>,
    /// What an archive without a wished name is called.
    pub name: String,
    /// The folder it is put into where none is wished.
    pub beside: String,
}

pub fn choose(engine: &Engine, caller: &Caller, asked: &Parameters) -> Result<Chosen> {
    let files = files(engine, caller, asked)?;
    if files.is_empty() {
        let message = "There is no file to compress there.";
        return Err(Error::invalid("parameters", message));
    }
    let root = match &asked.folder {
        // A folder keeps its own name in the archive.
        Some(folder) => parent(Folder::parse_as("parameters.folder", folder)?.as_str()).to_owned(),
        None => common_folder(&files).to_owned(),
    };
    let mut names = Names::default();
    let items = files
        .iter()
        .map(|file| {
            let below = file.folder.strip_prefix(root.as_str()).unwrap_or(&file.folder);
            // What is encrypted goes in as it is stored, and is named so.
            let ending = if file.lock.is_some() { ".age" } else { "" };
            NewItem {
                name: names.distinct(&safe_name(below, &format!("{}{ending}", file.name))),
                item: json!({ "fileId": file.id, "sha256": file.sha256.to_string() }),
                bytes: file.size,
            }
        })
        .collect();
    let name = match (&asked.folder, files.as_slice()) {
        (Some(folder), _) if folder.trim_matches('/').is_empty() => "files".to_owned(),
        (Some(folder), _) => {
            folder.trim_matches('/').rsplit('/').next().unwrap_or("files").to_owned()
        }
        (None, [one]) => {
            one.name.rsplit_once('.').map_or(one.name.as_str(), |(stem, _)| stem).to_owned()
        }
        (None, _) => match common_folder(&files).rsplit('/').next() {
            Some("") | None => "archive".to_owned(),
            Some(name) => name.to_owned(),
        },
    };
    let name = if name.is_empty() { "archive".to_owned() } else { name };
    let beside = if asked.folder.is_some() { root } else { common_folder(&files).to_owned() };
    let beside = if beside.is_empty() { "/".to_owned() } else { beside };
    Ok(Chosen { items, name, beside })
}

fn files(engine: &Engine, caller: &Caller, asked: &Parameters) -> Result<Vec<File>> {
    let owner = caller.account_id;
    let filter = match (&asked.file_ids, &asked.folder, asked.bundle_id) {
        (Some(ids), None, None) => return own_files(engine, owner, ids),
        (None, Some(folder), None) => Filter {
            folder: Some(Folder::parse_as("parameters.folder", folder)?.as_str().to_owned()),
            deep: true,
            ..Filter::default()
        },
        (None, None, Some(bundle)) => Filter { bundle_id: Some(bundle), ..Filter::default() },
        _ => {
            let message = "Name what to compress by fileIds, folder or bundleId; one of the three.";
            return Err(Error::invalid("parameters.fileIds", message));
        }
    };
    let now = engine.clock.now();
    engine.store.read_now(|db| file_filter::matching(db, owner, &filter, now, ITEMS_MAX + 1))
}

fn parent(folder: &str) -> &str {
    folder.rfind('/').map_or("", |at| &folder[..at])
}

/// The deepest folder that holds all files.
fn common_folder(files: &[File]) -> &str {
    let mut common = files.first().map_or("/", |file| file.folder.as_str());
    for file in files {
        while !(file.folder == common
            || common.is_empty()
            || common == "/"
            || file.folder.strip_prefix(common).is_some_and(|rest| rest.starts_with('/')))
        {
            common = parent(common);
        }
    }
    common
}

/// A wished name, with the ending of its format where that is missing.
pub fn with_ending(name: &str, format: Format) -> String {
    let ending = format!(".{}", format.extension());
    let known = name.to_lowercase().ends_with(&ending)
        || (format == Format::TarGz && name.to_lowercase().ends_with(".tgz"));
    if known { name.to_owned() } else { format!("{name}{ending}") }
}

/// A file that is gone when its turn comes.
pub fn lost(name: &str, error: Error) -> Error {
    match error.kind() {
        Kind::NotFound => Error::new(
            Kind::NotFound,
            format!("\"{name}\" was deleted before it was in the archive. Start again without it."),
        ),
        _ => error,
    }
}

pub fn check_unchanged(file: &File, item: &Item) -> Result<()> {
    if item.item["sha256"] == json!(file.sha256.to_string()) {
        return Ok(());
    }
    let message =
        format!("\"{}\" was changed before it was in the archive. Start again.", item.name);
    Err(Error::new(Kind::Conflict, message))
}

/// A password is forgotten when its task ends; without it there is no other try.
pub fn retry_needs_no_secret(task: &Task) -> Result<()> {
    if task.parameters["encrypted"] != json!(true) {
        return Ok(());
    }
    let message =
        "The password was forgotten when the task failed. Ask for a new task and give it again.";
    Err(Error::new(Kind::PasswordRequired, message))
}

/// The entries that earlier runs put into the archive, read page by page.
pub struct WrittenBefore<'a> {
    store: &'a Store,
    pk: i64,
    page: usize,
    next: i64,
    read: IntoIter<Item>,
}

impl<'a> WrittenBefore<'a> {
    pub fn new(store: &'a Store, pk: i64, page: usize) -> Self {
        Self { store, pk, page, next: 0, read: Vec::new().into_iter() }
    }
}

impl Iterator for WrittenBefore<'_> {
    type Item = Result<Written>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read.as_slice().is_empty() {
            let (pk, next, page) = (self.pk, self.next, self.page);
            let read = self.store.read_now(|db| items::from(db, pk, ItemState::Done, next, page));
            match read {
                Ok(items) => self.read = items.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
        let item = self.read.next()?;
        self.next = item.seq + 1;
        let detail = item.detail.unwrap_or_default();
        Some(serde_json::from_value(detail).map_err(Error::internal))
    }
}
