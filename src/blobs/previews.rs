//! Thumbnails on disk: `<data>/previews/<00..ff>/<object>-<side>.webp`. They are derived from objects, so they are not
//! flushed: whoever reads one holds it against its hash, and what is torn or missing is made again.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{list_names, make_dir};
use crate::domain::error::{Error, Result};
use crate::domain::id::ObjectId;
use crate::domain::preview::Scale;

/// The largest thumbnail that is kept, in bytes.
pub const BYTES_MAX: usize = 4 << 20;

/// The folder of thumbnails.
#[derive(Debug, Default)]
pub struct PreviewDir {
    root: PathBuf,
}

impl PreviewDir {
    pub fn open(root: &Path) -> Result<Self> {
        make_dir(root)?;
        Ok(Self { root: root.to_owned() })
    }

    fn folder(&self, id: ObjectId) -> PathBuf {
        let name = id.to_string();
        self.root.join(&name[name.len() - 2..])
    }

    fn path(&self, id: ObjectId, scale: Scale) -> PathBuf {
        self.folder(id).join(format!("{id}-{}.webp", scale.side()))
    }

    /// Writes a thumbnail whole, over an older one.
    pub fn write(&self, id: ObjectId, scale: Scale, content: &[u8]) -> Result<()> {
        let path = self.path(id, scale);
        make_dir(&self.folder(id))?;
        let aside = path.with_extension("new");
        fs::write(&aside, content)
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(|error| Error::io("writing a thumbnail", &error))
    }

    /// A thumbnail, or `None` when there is none.
    pub fn read(&self, id: ObjectId, scale: Scale) -> Result<Option<Vec<u8>>> {
        let failed = |error| Error::io("reading a thumbnail", &error);
        let file = match fs::File::open(self.path(id, scale)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let mut content = Vec::new();
        file.take(BYTES_MAX as u64 + 1).read_to_end(&mut content).map_err(failed)?;
        Ok(Some(content))
    }

    /// Removes the thumbnails of an object, also those that were never finished.
    pub fn remove(&self, id: ObjectId) -> Result<()> {
        for scale in Scale::ALL {
            let path = self.path(id, scale);
            for path in [path.with_extension("new"), path] {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(Error::io("removing a thumbnail", &error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Objects with thumbnails in the folder of this number.
    pub fn listed(&self, folder: u8) -> Result<Vec<ObjectId>> {
        let folder = self.root.join(format!("{folder:02x}"));
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let names = list_names(&folder)?;
        let id = |name: &String| ObjectId::parse(name.rsplit_once('-')?.0).ok();
        let mut found: Vec<ObjectId> = names.iter().filter_map(id).collect();
        found.dedup();
        Ok(found)
    }
}
