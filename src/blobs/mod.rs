//! Bytes on disk and in buckets; knows no database. A pool is a folder, or the same in a bucket of an S3 server, whose
//! uploads are staged on the local disk all the same:
//!
//! ```text
//! <pool>/.drive-pool               whose pool this is: its id; without it the pool is offline
//! <pool>/objects/<00..ff>/<id>     sealed objects, named by random ids
//! <pool>/quarantine/               files that nothing explains, kept for a person to look at
//! <uploads>/<id>.part              one preallocated file for each open upload
//! <previews>/<00..ff>/<id>-256.webp  thumbnails, which can be made again
//! ```
//!
//! No name a user chose is ever part of a path here.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use crate::domain::error::{Error, Result};
use crate::domain::id::PoolId;
use pool::PoolDir;
use previews::PreviewDir;

pub mod archive;
pub mod bring;
pub mod bucket;
pub mod cipher;
pub mod draft;
pub mod folder;
pub mod ledger;
pub mod pool;
pub mod previews;
pub mod reader;
pub mod sealed;
pub mod staging;
mod writeback;

/// All pools of this server.
#[derive(Clone, Debug, Default)]
pub struct Blobs {
    pools: HashMap<PoolId, Arc<PoolDir>>,
    pub previews: Arc<PreviewDir>,
}

impl Blobs {
    pub fn new(pools: impl IntoIterator<Item = PoolDir>, previews: PreviewDir) -> Self {
        let pools = pools.into_iter().map(|pool| (pool.id, Arc::new(pool))).collect();
        Self { pools, previews: Arc::new(previews) }
    }

    pub fn pool(&self, id: PoolId) -> Result<&Arc<PoolDir>> {
        self.pools.get(&id).ok_or_else(|| Error::internal(format!("pool {id} is not configured")))
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<PoolDir>> {
        self.pools.values()
    }
}

/// Makes a folder that only this user may enter.
pub fn make_dir(path: &Path) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).recursive(true).create(path) {
        Ok(()) => Ok(()),
        Err(error) => Err(Error::io(&format!("making the folder {}", path.display()), &error)),
    }
}

fn open_dir(path: &Path) -> Result<File> {
    File::open(path)
        .map_err(|error| Error::io(&format!("opening the folder {}", path.display()), &error))
}

/// Makes the names in a folder durable.
pub fn sync_dir(path: &Path) -> Result<()> {
    open_dir(path)?.sync_all().map_err(|error| Error::io("flushing a folder", &error))
}

fn list_names(folder: &Path) -> Result<Vec<String>> {
    let read = || -> std::io::Result<Vec<String>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    read().map_err(|error| Error::io("listing a folder", &error))
}

/// Writes a small private file whole: aside, flushed, renamed, folder flushed.
pub fn write_durably(path: &Path, content: &[u8]) -> Result<()> {
    let aside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().map_err(|error| Error::io(&format!("writing {}", path.display()), &error))?;
    path.parent().map_or(Ok(()), sync_dir)
}
