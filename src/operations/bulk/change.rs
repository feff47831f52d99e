//! The changes that a bulk operation knows, and what each may be told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Kinds, fresh_name};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, Folder};
use crate::domain::id::{BundleId, FileId};
use crate::domain::time::Timestamp;
use crate::store::file_changes::{self, Amend};
use crate::store::{Tx, accounts, files, objects};

const TAGS_MAX: usize = 32;
const TAG_MAX_BYTES: usize = 64;
const PATTERN_MAX_BYTES: usize = 255;

/// `operationParameters`: each operation takes some of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Change {
    /// Only files that are older; the same as in the filter.
    pub older_than_days: Option<u32>,
    /// Nothing is changed; the results tell what would be.
    pub dry_run: bool,
    /// Needed to delete.
    pub confirm: bool,
    pub target_folder: Option<String>,
    pub target_bundle_id: Option<BundleId>,
    /// The new name: `{stem}` and `{ext}` of the old one, `{n}` counts from 1.
    pub pattern: Option<String>,
    pub add: Vec<String>,
    pub remove: Vec<String>,
    /// `None` takes an expiry away.
    pub expired_at: Option<Timestamp>,
}

/// The schema of the whole operation's parameters.
pub fn schema() -> Value {
    let uuid = json!({ "type": "string", "format": "uuid" });
    let words =
        json!({ "type": "array", "items": { "type": "string", "maxLength": TAG_MAX_BYTES } });
    json!({
        "type": "object",
        "required": ["operationType"],
        "additionalProperties": false,
        "properties": {
            "operationType": {
                "enum": ["delete", "restore", "purge", "move", "copy", "rename", "tag", "setExpiry"],
                "title": "What to do"
            },
            "targetIds": { "type": "array", "items": uuid, "title": "Files" },
            "filter": {
                "type": "object",
                "title": "Or all files that",
                "additionalProperties": false,
                "properties": {
                    "olderThanDays": { "type": "integer", "minimum": 0 },
                    "type": { "type": "string", "title": "Media type, such as image/*" },
                    "folder": { "type": "string" },
                    "includeSubfolders": { "type": "boolean", "default": true },
                    "bundleId": uuid, "poolId": uuid,
                    "tag": { "type": "string" },
                    "minSize": { "type": "integer", "minimum": 0 },
                    "maxSize": { "type": "integer", "minimum": 0 }
                }
            },
            "operationParameters": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "olderThanDays": { "type": "integer", "minimum": 0 },
                    "dryRun": { "type": "boolean", "default": false },
                    "confirm": { "type": "boolean", "default": false, "title": "Needed to delete" },
                    "targetFolder": { "type": "string" },
                    "targetBundleId": uuid,
                    "pattern": { "type": "string", "title": "New name, from {stem}, {ext} and {n}" },
                    "add": words, "remove": words,
                    "expiredAt": { "type": "string", "format": "date-time" }
                }
            }
        }
    })
}

fn field(name: &str) -> String {
    format!("parameters.operationParameters.{name}")
}

/// Refuses too many tags and such as are no words.
pub(in crate::operations) fn check_tags(field: &str, tags: &[String]) -> Result<()> {
    let wrong = |tag: &String| {
        tag.trim().is_empty() || tag.len() > TAG_MAX_BYTES || tag.contains(char::is_control)
    };
    if tags.len() > TAGS_MAX || tags.iter().any(wrong) {
        let message =
            format!("{field} takes at most {TAGS_MAX} words of 1 to {TAG_MAX_BYTES} bytes.");
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

/// One more name for the same bytes; none are copied.
pub(in crate::operations) fn copy(
    tx: &Tx<'_>,
    file: &File,
    folder: String,
    name: String,
    bundle_id: Option<BundleId>,
) -> Result<File> {
    let copy = File {
        id: FileId::generate(),
        name,
        folder,
        bundle_id,
        created_at: tx.now,
        updated_at: tx.now,
        deleted_at: None,
        ..file.clone()
    };
    accounts::charge(tx, copy.account_id, copy.charge)?;
    objects::share(tx, copy.object_id)?;
    files::insert(tx, &copy)?;
    Ok(copy)
}

impl Change {
    /// Refuses what the operation cannot do with.
    pub fn check(&self, kind: Kinds, now: Timestamp) -> Result<()> {
        let refuse = |name: &str, why: &str| {
            Err(Error::invalid(&field(name), format!("{} {why}", field(name))))
        };
        match kind {
            Kinds::Delete | Kinds::Purge if !self.confirm && !self.dry_run => {
                return Err(Error::new(
                    Kind::ConfirmationRequired,
                    "Deleting many files needs operationParameters.confirm = true. Try dryRun first.",
                )
                .with("field", field("confirm")));
            }
            Kinds::Move | Kinds::Copy
                if self.target_folder.is_none() && self.target_bundle_id.is_none() =>
            {
                return refuse(
                    "targetFolder",
                    "or targetBundleId is needed. Another pool is the work of FileMove.",
                );
            }
            Kinds::Rename if self.pattern.as_deref().is_none_or(str::is_empty) => {
                return refuse("pattern", "is needed, such as \"{stem}-{n}.{ext}\".");
            }
            Kinds::Tag if self.add.is_empty() && self.remove.is_empty() => {
                return refuse("add", "or remove is needed.");
            }
            _ => {}
        }
        if let Some(folder) = &self.target_folder {
            Folder::parse_as(&field("targetFolder"), folder)?;
        }
        if self.pattern.as_ref().is_some_and(|pattern| pattern.len() > PATTERN_MAX_BYTES) {
            return refuse("pattern", "is too long.");
        }
        if self.expired_at.is_some_and(|moment| moment <= now) {
            return refuse("expiredAt", "must be in the future.");
        }
        check_tags(&field("add"), &self.add)?;
        check_tags(&field("remove"), &self.remove)
    }

    /// Changes one file; as it is then.
    pub fn apply(&self, tx: &Tx<'_>, kind: Kinds, file: &File, seq: i64) -> Result<File> {
        let amend = match kind {
            Kinds::Purge => {
                file_changes::purge(tx, file)?;
                return Ok(file.clone());
            }
            Kinds::Copy => return self.copy(tx, file),
            Kinds::Delete if file.deleted_at.is_some() => return Ok(file.clone()),
            Kinds::Delete => Amend { deleted_at: Some(Some(tx.now)), ..Amend::default() },
            Kinds::Restore if file.deleted_at.is_none() => return Ok(file.clone()),
            Kinds::Restore => Amend {
                deleted_at: Some(None),
                name: Some(fresh_name(tx, file, &file.folder, &file.name)?),
                ..Amend::default()
            },
            Kinds::Move => self.to_place(tx, file)?,
            Kinds::Rename => {
                let name = self.new_name(file, seq);
                let name = if name == file.name {
                    name
                } else {
                    fresh_name(tx, file, &file.folder, &name)?
                };
                Amend { name: Some(name), ..Amend::default() }
            }
            Kinds::Tag => Amend { tags: Some(self.new_tags(file)?), ..Amend::default() },
            Kinds::SetExpiry => Amend { expired_at: Some(self.expired_at), ..Amend::default() },
        };
        if file.deleted_at.is_some() && !matches!(kind, Kinds::Restore) {
            return Err(Error::new(Kind::Conflict, "The file is in the trash; put it back first."));
        }
        file_changes::amend(tx, file.account_id, file.id, &amend)
    }

    fn folder(&self, file: &File) -> Result<String> {
        match &self.target_folder {
            Some(text) => Ok(Folder::parse(text)?.as_str().to_owned()),
            None => Ok(file.folder.clone()),
        }
    }

    fn to_place(&self, tx: &Tx<'_>, file: &File) -> Result<Amend> {
        let folder = self.folder(file)?;
        let name = match folder == file.folder {
            true => None,
            false => Some(fresh_name(tx, file, &folder, &file.name)?),
        };
        let bundle_id = self.target_bundle_id.map(Some);
        Ok(Amend { folder: Some(folder), name, bundle_id, ..Amend::default() })
    }

    fn copy(&self, tx: &Tx<'_>, file: &File) -> Result<File> {
        let folder = self.folder(file)?;
        let name = fresh_name(tx, file, &folder, &file.name)?;
        copy(tx, file, folder, name, self.target_bundle_id.or(file.bundle_id))
    }

    fn new_name(&self, file: &File, seq: i64) -> String {
        let (stem, ext) = match file.name.rsplit_once('.') {
            Some((stem, ext)) if !stem.is_empty() => (stem, ext),
            _ => (file.name.as_str(), ""),
        };
        let pattern = self.pattern.as_deref().unwrap_or_default();
        let name = pattern
            .replace("{n}", &(seq + 1).to_string())
            .replace("{stem}", stem)
            .replace("{ext}", ext);
        name.trim_end_matches('.').to_owned()
    }

    fn new_tags(&self, file: &File) -> Result<Vec<String>> {
        let mut tags: Vec<String> =
            file.tags.iter().filter(|tag| !self.remove.contains(tag)).cloned().collect();
        for tag in &self.add {
            let tag = tag.trim().to_owned();
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        if tags.len() > TAGS_MAX {
            return Err(Error::invalid("tags", format!("A file has at most {TAGS_MAX} tags.")));
        }
        Ok(tags)
    }
}
