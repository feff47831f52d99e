//! Reading archives of all formats, within limits.

use std::io::{Read, Seek};

use super::outlet::Outlet;
use super::source::Source;
use super::{Kind, invalid, seven, sniff, stream, tar, zip};
use crate::domain::error::Result;

/// What an archive may cost. All are held while it is being unpacked, on bytes that really came.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries of any kind, folders and skipped ones too.
    pub entries: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// Bytes that come out for each byte of the archive file; judged once more than 10 MiB came.
    pub ratio: u64,
    /// Parts of a path. What lies deeper is skipped.
    pub depth: usize,
}

/// What is known of an entry before its content.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its number among all entries, from 0. The same on each run over the same archive.
    pub index: u64,
    /// At least one part; none is empty, `.`, `..` or longer than 255 bytes. Not normalised.
    pub path: Vec<String>,
    /// As the archive says; the content of formats that say it has exactly this many bytes.
    pub size: Option<u64>,
    /// Milliseconds since 1970. Zip files of old tools have local time, which is taken for UTC.
    pub modified_ms: Option<i64>,
}

/// Does the visitor need an entry's content?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Content,
    /// It was extracted before an interruption; it counts against the limits all the same.
    Pass,
}

/// Takes what comes out of an archive. Its errors end the work and are handed back as they are.
pub trait Visitor {
    fn entry(&mut self, head: &Head) -> Result<Wanted>;
    /// Up to 256 KiB of the content of a wanted entry.
    fn bytes(&mut self, piece: &[u8]) -> Result<()>;
    /// The content of a wanted entry is whole, and its checksum right. Before that it must not be used.
    fn entry_end(&mut self) -> Result<()>;
    /// An entry that is not extracted: a link, a device, a name that leads astray.
    fn skipped(&mut self, name: &str, why: &str) -> Result<()>;
    /// An entry that is a folder and nothing more.
    fn folder(&mut self, path: &[String]) -> Result<()>;
}

/// Can the content be read?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Nothing is encrypted.
    Open,
    PasswordMissing,
    PasswordWrong,
    /// The password fits as far as can be told without unpacking all: old zip encryption has a check of one byte only.
    PasswordFits,
}

/// What can be told of an archive without unpacking it.
#[derive(Clone, Copy, Debug)]
pub struct Inspected {
    pub kind: Kind,
    /// A tar archive, by itself or inside a compressed stream.
    pub is_tar: bool,
    /// Entries of any kind, where a list says so.
    pub entries: Option<u64>,
    /// Bytes of all files together, where a list says so; it may lie.
    pub total_bytes: Option<u64>,
    pub lock: Lock,
}

/// Reads an archive of `size` bytes from start to end. `name` is the archive file's own: a compressed file that is no
/// tar archive gives one file of that name without its ending.
///
/// Fails with `ArchiveInvalid`, `ArchiveLimit`, `PasswordRequired` or `PasswordWrong`, with `Io` when the source
/// fails, and with whatever the visitor says.
pub fn extract<R: Read + Seek>(
    source: R,
    size: u64,
    name: &str,
    password: Option<&str>,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let mut source = Source::new(source, size);
    let mut outlet = Outlet::new(visitor, limits, size);
    let result = extract_kind(&mut source, name, password, &mut outlet);
    source.settle(result)
}

fn extract_kind<R: Read + Seek>(
    source: &mut Source<R>,
    name: &str,
    password: Option<&str>,
    outlet: &mut Outlet,
) -> Result<()> {
    let kind = kind_of(source)?;
    match kind {
        Kind::Zip => zip::read::extract(source, password, outlet),
        Kind::SevenZip => seven::extract(source, password, outlet),
        Kind::Tar => tar::read::extract(source, outlet),
        Kind::Gzip | Kind::Bzip2 | Kind::Xz | Kind::Zstd => {
            stream::extract(kind, source, name, outlet)
        }
    }
}

/// Looks at an archive without unpacking more than a few kilobytes. Fails like [`extract`], except that what is wrong
/// with a password is part of the answer.
pub fn inspect<R: Read + Seek>(source: R, size: u64, password: Option<&str>) -> Result<Inspected> {
    let mut source = Source::new(source, size);
    let result = inspect_kind(&mut source, password);
    source.settle(result)
}

fn inspect_kind<R: Read + Seek>(
    source: &mut Source<R>,
    password: Option<&str>,
) -> Result<Inspected> {
    let kind = kind_of(source)?;
    let plain =
        Inspected { kind, is_tar: false, entries: None, total_bytes: None, lock: Lock::Open };
    match kind {
        Kind::Zip => zip::read::inspect(source, password),
        Kind::SevenZip => seven::inspect(source, password),
        Kind::Tar => Ok(Inspected { is_tar: true, ..plain }),
        Kind::Gzip | Kind::Bzip2 | Kind::Xz | Kind::Zstd => {
            Ok(Inspected { is_tar: stream::holds_tar(kind, source)?, ..plain })
        }
    }
}

fn kind_of<R: Read + Seek>(source: &mut Source<R>) -> Result<Kind> {
    let head = source.read_at(0, 512).map_err(|error| super::decoding(None, &error))?;
    source.go_to(0);
    sniff(&head).ok_or_else(|| {
        let error = invalid(None, "no known format");
        match head.len() {
            0 => error,
            _ => crate::domain::error::Error::new(
                error.kind(),
                "This is no archive that Drive can read: zip, 7z, tar, gz, bz2, xz and zst are.",
            ),
        }
    })
}
