//! A folder tree of this machine, read as it comes: only the folders on the way to the current entry are open.

use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::error::{Error, Result};
use crate::domain::file::{FileName, Folder};

/// What is met in a tree.
pub(super) enum Met {
    File {
        path: PathBuf,
        folder: Folder,
        name: FileName,
    },
    Symlink,
    /// A socket, a pipe, a device.
    Special,
    LeftOut(PathBuf, String),
}

struct Level {
    path: PathBuf,
    folder: Folder,
    entries: ReadDir,
}

/// Walks a tree, each folder with its entries in the order of the disk. As many folders are open as a virtual folder may
/// have levels.
pub(super) struct Tree {
    levels: Vec<Level>,
}

impl Tree {
    pub(super) fn open(root: &Path, folder: Folder) -> Result<Self> {
        let entries = fs::read_dir(root).map_err(|error| {
            let message = format!("{} cannot be read as a folder: {error}.", root.display());
            Error::invalid("DIR", message)
        })?;
        Ok(Self { levels: vec![Level { path: root.to_owned(), folder, entries }] })
    }

    /// `None` when it is a folder, which comes next.
    fn look(&mut self, entry: &DirEntry, folder: &Folder) -> io::Result<Option<Met>> {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_symlink() {
            return Ok(Some(Met::Symlink));
        }
        if !kind.is_dir() && !kind.is_file() {
            return Ok(Some(Met::Special));
        }
        let Ok(text) = entry.file_name().into_string() else {
            return Ok(Some(Met::LeftOut(path, "Its name is not UTF-8.".into())));
        };
        let parsed = FileName::parse("The name", &text).and_then(|name| {
            // A folder is a longer path; a file is not.
            let below = format!("{}/{}", folder.as_str(), if kind.is_dir() { &text } else { "" });
            Ok((name, Folder::parse_as("The folder", &below)?))
        });
        let (name, below) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Some(Met::LeftOut(path, error.message().to_owned()))),
        };
        if kind.is_file() {
            return Ok(Some(Met::File { path, folder: below, name }));
        }
        let entries = fs::read_dir(&path)?;
        self.levels.push(Level { path, folder: below, entries });
        Ok(None)
    }
}

impl Iterator for Tree {
    type Item = Met;

    fn next(&mut self) -> Option<Met> {
        loop {
            let level = self.levels.last_mut()?;
            let (path, folder) = (level.path.clone(), level.folder.clone());
            let failed =
                |path: PathBuf, error: io::Error| Some(Met::LeftOut(path, error.to_string()));
            match level.entries.next() {
                None => drop(self.levels.pop()),
                Some(Err(error)) => {
                    // The rest of a folder that cannot be read would fail in the same way for ever.
                    self.levels.pop();
                    return failed(path, error);
                }
                Some(Ok(entry)) => match self.look(&entry, &folder) {
                    Ok(None) => {}
                    Ok(met) => return met,
                    Err(error) => return failed(entry.path(), error),
                },
            }
        }
    }
}
