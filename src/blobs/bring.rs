//! Files of this machine that become objects, and objects that become files outside.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::draft::{Draft, copy, error_of};
use super::pool::PoolDir;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::transfer::Way;

/// Opens for reading what is no symbolic link; a pipe in its place does not make anyone wait.
pub fn open_plain(path: &Path) -> std::io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

/// Lets a file share the blocks of another one; false where the file system cannot.
pub fn reflink(to: &File, from: &File) -> Result<bool> {
    match rustix::fs::ioctl_ficlone(to, from) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => {
            Ok(false)
        }
        Err(error) => Err(Error::io("sharing the blocks of a file", &error.into())),
    }
}

/// Gives an object a second name outside; false where the file system cannot.
pub fn link_out(object: &Path, to: &Path) -> Result<bool> {
    match rustix::fs::link(object, to) {
        Ok(()) => Ok(true),
        Err(error) if super::staging::is_no_link(error) => Ok(false),
        Err(error) => Err(Error::io("linking an object", &error.into())),
    }
}

/// Why a way that was asked for is none here.
pub fn no_way(what: &str) -> Error {
    Error::new(Kind::Invalid, format!("The file system gives no {what} between these two places."))
        .with("field", "way")
}

pub fn is_no_way(error: &Error) -> bool {
    error.details().get("field").is_some_and(|field| field == "way")
}

/// A draft of the bytes of a file, which is read once; its hashes are those of what the draft holds. What `path` names
/// must be the open file.
pub fn bring(pool: &Arc<PoolDir>, path: &Path, source: &mut File, way: Way) -> Result<Draft> {
    if pool.is_remote() && matches!(way, Way::Link | Way::Reflink) {
        return Err(no_way("links"));
    }
    let looking = |error: std::io::Error| Error::io("looking at a file", &error);
    if way == Way::Link
        && let Some(linked) = Draft::linked(pool, path)?
    {
        let (own, other) = (linked.file().metadata().map_err(looking)?, source.metadata());
        let other = other.map_err(looking)?;
        if (own.dev(), own.ino()) == (other.dev(), other.ino()) {
            return Ok(linked);
        }
    }
    let mut draft = Draft::create(pool)?;
    if matches!(way, Way::Best | Way::Reflink) && draft.share(source)? {
        return Ok(draft);
    }
    if way == Way::Reflink {
        return Err(no_way("reflinks"));
    }
    copy(source, &mut draft).map_err(|error| error_of("copying a file", error))?;
    Ok(draft)
}
