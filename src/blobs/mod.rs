//! Bytes on disk; knows no database. A pool is a folder:
//!
//! ```text
//! <pool>/.drive-pool               whose pool this is: its id
//! <pool>/objects/<00..ff>/<id>     sealed objects, named by random ids
//! <pool>/quarantine/               files that nothing explains, kept for a person to look at
//! <uploads>/<id>.part              one preallocated file for each open upload
//! <previews>/<00..ff>/<id>-256.webp  thumbnails, which can be made again
//! ```
//!
//! No name a user chose is ever part of a path here.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::error::{Error, Result};
use crate::domain::id::{ObjectId, PoolId};

pub mod archive;
pub mod bring;
pub mod cipher;
pub mod draft;
pub mod ledger;
pub mod previews;
pub mod reader;
pub mod sealed;
pub mod staging;
mod writeback;

use previews::PreviewDir;

const MARKER: &str = ".drive-pool";

/// Has this pool been used before?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Never,
    Before,
}

/// One pool's folders.
#[derive(Debug)]
pub struct PoolDir {
    pub id: PoolId,
    root: PathBuf,
    uploads: PathBuf,
    /// Open for the life of the program, so that a folder can be flushed without opening it each time.
    uploads_dir: File,
    /// Bytes that are never given to uploads.
    keep_free: u64,
}

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

impl PoolDir {
    /// Opens a pool, making its folders when it is new. A pool that was used before and has lost its marker is
    /// refused: more likely its disk is not mounted than that all its files are gone.
    pub fn open(
        id: PoolId,
        root: &Path,
        wished_uploads: &Path,
        keep_free: u64,
        seen: Seen,
    ) -> Result<Self> {
        make_dir(root)?;
        let marker = root.join(MARKER);
        match fs::read_to_string(&marker) {
            Ok(text) if text.trim() == id.to_string() => {}
            Ok(text) => {
                return Err(Error::internal(format!(
                    "{} belongs to pool {}, not to {id}",
                    root.display(),
                    text.trim()
                )));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && seen == Seen::Before => {
                return Err(Error::internal(format!(
                    "{} has no {MARKER} file although pool {id} was used before; is its disk mounted?",
                    root.display()
                )));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("reading the pool's marker", &error)),
        }
        let objects = root.join("objects");
        make_dir(&objects)?;
        for first in 0..=255u8 {
            make_dir(&objects.join(format!("{first:02x}")))?;
        }
        make_dir(&root.join("quarantine"))?;
        let uploads = choose_uploads(root, wished_uploads)?;
        for folder in [&objects, &uploads, root] {
            sync_dir(folder)?;
        }
        write_durably(&marker, format!("{id}\n").as_bytes())?;
        let uploads_dir = open_dir(&uploads)?;
        Ok(Self { id, root: root.to_owned(), uploads, uploads_dir, keep_free })
    }

    pub fn uploads_path(&self) -> &Path {
        &self.uploads
    }

    /// Do both pools lie on one file system, so that one file can stand in both?
    pub fn shares_disk(&self, other: &Self) -> bool {
        let device = |pool: &Self| fs::metadata(&pool.root).map(|meta| meta.dev()).ok();
        device(self).is_some_and(|own| Some(own) == device(other))
    }

    fn object_dir(&self, id: ObjectId) -> PathBuf {
        let name = id.to_string();
        self.root.join("objects").join(&name[name.len() - 2..])
    }

    pub fn object_path(&self, id: ObjectId) -> PathBuf {
        self.object_dir(id).join(id.to_string())
    }

    fn part_path(&self, id: ObjectId) -> PathBuf {
        self.uploads.join(format!("{id}.part"))
    }

    /// Bytes that uploads may still take: free for this user, less what is kept back.
    pub fn room(&self) -> Result<u64> {
        Ok(self.space()?.1.saturating_sub(self.keep_free))
    }

    /// Total and free bytes of the pool's file system.
    pub fn space(&self) -> Result<(u64, u64)> {
        let stat = rustix::fs::fstatvfs(&self.uploads_dir)
            .map_err(|error| Error::io("asking for free space", &error.into()))?;
        Ok((stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize))
    }

    /// Names of the staging files that exist.
    pub fn staged(&self) -> Result<Vec<ObjectId>> {
        let names = list_names(&self.uploads)?;
        Ok(names
            .iter()
            .filter_map(|name| ObjectId::parse(name.strip_suffix(".part")?).ok())
            .collect())
    }

    /// Names of all sealed objects; one read of 256 folders.
    pub fn sealed(&self) -> Result<Vec<ObjectId>> {
        let mut found = Vec::new();
        for first in 0..=255u8 {
            let names = list_names(&self.root.join("objects").join(format!("{first:02x}")))?;
            found.extend(names.iter().filter_map(|name| ObjectId::parse(name).ok()));
        }
        Ok(found)
    }

    /// Puts an object that nothing explains aside. A listing alone never deletes: the database may be an old copy.
    pub fn quarantine(&self, id: ObjectId) -> Result<()> {
        fs::rename(self.object_path(id), self.root.join("quarantine").join(id.to_string()))
            .map_err(|error| Error::io("moving a file to quarantine", &error))
    }
}

/// The uploads folder lies on the pool's file system, because a finished upload is renamed, never copied.
fn choose_uploads(root: &Path, wished: &Path) -> Result<PathBuf> {
    make_dir(wished)?;
    let device = |path: &Path| {
        fs::metadata(path)
            .map(|meta| meta.dev())
            .map_err(|error| Error::io("looking at a folder", &error))
    };
    if device(root)? == device(wished)? {
        return Ok(wished.to_owned());
    }
    let own = root.join("uploads");
    make_dir(&own)?;
    tracing::warn!(
        wished = %wished.display(), used = %own.display(),
        "the uploads folder is on another file system than the pool; this pool uses its own",
    );
    Ok(own)
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
