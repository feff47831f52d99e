//! exportManifest: a text file that lists files with their hashes, in the form of a BagIt manifest (RFC 8493, section
//! 2.1.3), so that `sha256sum -c` or any bag tool can check an export years later. Not a byte of the files is read.

use std::collections::HashSet;
use std::io::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Handler;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Result};
use crate::domain::file::{File, FileName, Folder, stem_and_ending};
use crate::domain::id::{AccountId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::work::Lane;
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work};
use crate::engine::operation::{Plan, Request};
use crate::operations::places::{Outlet, Places, announce_change, files_below, new_file, publish};
use crate::operations::sealing::seal;

const CONTENT_TYPE: &str = "text/plain; charset=utf-8";
const FILE_NAME: &str = "manifest-sha256.txt";
/// Bytes written at once.
const PIECE_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    folder: Option<String>,
    file_name: Option<String>,
    target_folder: Option<String>,
    target_pool_id: Option<PoolId>,
}

/// The same, checked and complete.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    folder: String,
    file_name: String,
    target_folder: String,
    target_pool_id: PoolId,
}

pub struct ExportManifest;

impl Handler for ExportManifest {
    fn name(&self) -> &'static str {
        "exportManifest"
    }

    fn title(&self) -> &'static str {
        "Write a manifest of files and their hashes"
    }

    fn properties(&self) -> Value {
        json!({
            "folder": { "type": "string", "default": "/", "title": "Of this folder, with all below it" },
            "fileName": { "type": "string", "default": FILE_NAME, "title": "Name of the manifest" },
            "targetFolder": { "type": "string", "default": "/", "title": "Into folder" },
            "targetPoolId": { "type": "string", "format": "uuid", "title": "Into pool" }
        })
    }

    fn plan(&self, places: &Places, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        let folder = |field: &str, text: &Option<String>| {
            let text = text.as_deref().unwrap_or("/");
            Folder::parse_as(field, text).map(|folder| folder.as_str().to_owned())
        };
        let name = asked.file_name.as_deref().unwrap_or(FILE_NAME);
        let pool = places.target(asked.target_pool_id, places.default_pool()?.id)?;
        let wish = Wish {
            folder: folder("parameters.folder", &asked.folder)?,
            file_name: FileName::parse("parameters.fileName", name)?.as_str().to_owned(),
            target_folder: folder("parameters.targetFolder", &asked.target_folder)?,
            target_pool_id: pool.id,
        };
        let files = listed(engine, request.caller.account_id, &wish.folder)?;
        let size = Manifest::of(&files).map(|line| line.len() as u64).sum();
        admit(places, pool, size, &request.caller)?;
        let parameters = serde_json::to_value(&wish).map_err(Error::internal)?;
        let title = format!("List {} with hashes", wish.folder);
        let mut plan = Plan::new(title, Lane::Io, parameters);
        plan.reserve_bytes = pool.charge(size);
        Ok(plan)
    }

    fn run(&self, places: &Places, context: &Context) -> Work<Ending> {
        let wish: Wish =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        let pool = places.pool(wish.target_pool_id, "parameters.targetPoolId")?;
        let files = listed(&context.engine, context.task.account_id, &wish.folder)?;
        let size = Manifest::of(&files).map(|line| line.len() as u64).sum();
        context.phase("writing", Some(size))?;
        context.recount()?;

        let sink = Outlet::new(context, places.draft(pool.id)?);
        let mut sink = std::io::BufWriter::with_capacity(PIECE_BYTES, sink);
        for line in Manifest::of(&files) {
            let written = sink.write_all(line.as_bytes());
            context.settle(written.map_err(|error| Error::io("writing a manifest", &error)))?;
            context.advance(line.len() as u64)?;
        }
        let sink =
            sink.into_inner().map_err(|error| Error::io("writing a manifest", error.error()));
        let object = seal(context, pool.id, context.settle(sink)?.sink)?;
        let (count, bytes) = (files.len(), files.iter().map(|file| file.size).sum::<u64>());
        let owner = context.task.account_id;
        let file = File {
            content_type: CONTENT_TYPE.to_owned(),
            ..new_file(owner, pool, &object, &wish.file_name, &wish.target_folder)
        };
        Ok(Box::new(move |tx, task| {
            let file = publish(tx, task.pk, file)?;
            announce_change(tx, "file.created", &file)?;
            Ok(json!({
                "resultFileId": file.id,
                "fileName": file.name,
                "fileCount": count,
                "totalBytes": bytes,
            }))
        }))
    }
}

/// What can be known to fail is refused before the task is made.
fn admit(places: &Places, pool: &Pool, size: u64, caller: &Caller) -> Result<()> {
    places.admit(pool, size, CONTENT_TYPE, caller)?;
    let room = places.dir(pool.id)?.room()?;
    if size > room {
        return Err(Error::disk_full().with("needed", size).with("free", room));
    }
    Ok(())
}

fn listed(engine: &Engine, owner: AccountId, folder: &str) -> Result<Vec<File>> {
    files_below(engine, owner, folder, "list its folders one by one.")
}

/// The lines of a manifest, in the order of the files.
struct Manifest<'a> {
    files: std::slice::Iter<'a, File>,
    /// A manifest names each path once; two files of one name in one folder are told apart by a number.
    taken: HashSet<String>,
}

impl<'a> Manifest<'a> {
    fn of(files: &'a [File]) -> Self {
        Self { files: files.iter(), taken: HashSet::new() }
    }
}

impl Iterator for Manifest<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let file = self.files.next()?;
        let folder = file.folder.trim_matches('/');
        let slash = if folder.is_empty() { "" } else { "/" };
        let (stem, ending) = stem_and_ending(&file.name);
        let mut path = format!("{folder}{slash}{}", file.name);
        let mut number = 2;
        while !self.taken.insert(path.clone()) {
            path = format!("{folder}{slash}{stem} ({number}){ending}");
            number += 1;
        }
        Some(format!("{}  data/{}\n", file.sha256, encoded(&path)))
    }
}

/// Line ends and the sign of the encoding itself, as RFC 8493 section 2.1.3 has them; everything else stays readable.
fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::id::ObjectId;
    use crate::domain::pool::Policy;
    use crate::store::objects::NewObject;

    fn file(folder: &str, name: &str) -> File {
        let pool =
            Pool { id: PoolId::generate(), name: "default".into(), policy: Policy::default() };
        let object = NewObject {
            id: ObjectId::generate(),
            pool_id: pool.id,
            size: 1,
            sha256: Digest([0xab; 32]),
            blake3: Digest([0; 32]),
            block_size: 1,
            blocks: Vec::new(),
        };
        new_file(AccountId::generate(), &pool, &object, name, folder)
    }

    #[test]
    fn lines_are_those_of_rfc_8493() {
        let files = [
            file("/", "a.txt"),
            file("/", "a.txt"),
            file("/", "a (2).txt"),
            file("/deep/100%", "b\r\nc"),
            file("/", ".rc"),
            file("/", ".rc"),
        ];
        let hash = "ab".repeat(32);
        let lines: Vec<String> = Manifest::of(&files).collect();
        let paths =
            ["a.txt", "a (2).txt", "a (2) (2).txt", "deep/100%25/b%0D%0Ac", ".rc", ".rc (2)"];
        assert_eq!(lines, paths.map(|path| format!("{hash}  data/{path}\n")));
    }
}
