//! A pool that is a folder: its marker, its 256 folders of objects, its quarantine.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::pool::{Opened, Seen};
use super::{list_names, make_dir, open_dir, sync_dir, write_durably};
use crate::domain::error::{Error, Result};
use crate::domain::id::{ObjectId, PoolId};

/// What says whose pool this is, in a folder as in a bucket.
pub(super) const MARKER: &str = ".drive-pool";

#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn object_dir_of(&self, name: &str) -> PathBuf {
        self.root.join("objects").join(&name[name.len() - 2..])
    }

    pub(super) fn object_dir(&self, id: ObjectId) -> PathBuf {
        self.object_dir_of(&id.to_string())
    }

    pub(super) fn object_path(&self, id: ObjectId) -> PathBuf {
        self.object_dir(id).join(id.to_string())
    }

    /// Opens the folder, making what is missing in it when it is new. In one that was used before nothing is made
    /// until its marker was read: it may be the empty place where a disk is mounted.
    pub(super) fn open(&self, id: PoolId, wished_uploads: &Path, seen: Seen) -> Result<Opened> {
        let root = &self.root;
        match (self.look(id), seen) {
            (Ok(()), _) => {}
            (Err(error), Seen::Before) => return Err(error),
            (Err(error), Seen::Never) => {
                if fs::symlink_metadata(root.join(MARKER)).is_ok() {
                    return Err(error);
                }
                make_dir(root)?;
            }
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
        if seen == Seen::Never {
            write_durably(&root.join(MARKER), format!("{id}\n").as_bytes())?;
        }
        let uploads_dir = open_dir(&uploads)?;
        Ok(Opened { uploads, uploads_dir })
    }

    /// Is this the folder of that pool, this moment?
    pub(super) fn look(&self, id: PoolId) -> Result<()> {
        let root = self.root.display();
        match fs::read_to_string(self.root.join(MARKER)) {
            Ok(text) if text.trim() == id.to_string() => Ok(()),
            Ok(text) => {
                let whose: String = text.trim().chars().take(64).collect();
                Err(Error::internal(format!("{root} belongs to pool {whose}, not to {id}.")))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::internal(format!(
                "{root} has no {MARKER} file although pool {id} was used before; is its disk mounted?"
            ))),
            Err(error) => Err(Error::io(&format!("reading {root}/{MARKER}"), &error)),
        }
    }

    pub(super) fn sealed(&self) -> Result<Vec<ObjectId>> {
        let mut found = Vec::new();
        for first in 0..=255u8 {
            let names = list_names(&self.root.join("objects").join(format!("{first:02x}")))?;
            found.extend(names.iter().filter_map(|name| ObjectId::parse(name).ok()));
        }
        Ok(found)
    }

    pub(super) fn quarantine(&self, id: ObjectId) -> Result<()> {
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
