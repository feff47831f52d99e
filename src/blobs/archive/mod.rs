//! Reading and writing archives over `Read`, `Write` and `Seek`; knows neither tasks nor the database.
//!
//! Writing stops at any entry and goes on later with exactly the bytes of an uninterrupted run, so a task may be
//! paused for a week. Reading trusts nothing: what comes out is counted while it comes out, memory does not grow
//! with the archive, and nothing but regular files and folders leaves it.
//!
//! | file | what it knows |
//! |---|---|
//! | `write`, `pack` | the writer of all formats; deflate, gzip and zstd streams |
//! | `read`, `outlet`, `source` | extracting and inspecting; limits and paths; the archive file beneath |
//! | `names` | names of entries, in both directions |
//! | `zip/`, `tar/`, `seven/`, `stream` | the formats |
//!
//! An error of the given `Read` or `Write` ends the work at once, whatever its kind: `ErrorKind::Interrupted` is not
//! tried again.

use std::io;

use crate::domain::error::{Error, Kind as ErrorKind, Result};

pub mod names;
mod outlet;
mod pack;
pub mod read;
mod seven;
mod source;
pub mod stored;
mod stream;
mod tar;
pub mod write;
mod zip;

#[cfg(test)]
mod tests;

/// Bytes read or handed on at once.
const PIECE: usize = 256 * 1024;

/// What a decoder may hold of its dictionary. The largest presets of xz and 7-Zip need 64 MiB and a little more.
const DECODER_MEMORY_KIB: u32 = 66 * 1024;

/// The zstd window that goes with it: 64 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 26;

/// Windows counts from 1601, we from 1970.
const SECONDS_FROM_1601: i64 = 11_644_473_600;

/// Formats that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Zip,
    Tar,
    TarGz,
    TarZst,
}

impl Format {
    pub const ALL: [Self; 4] = [Self::Zip, Self::Tar, Self::TarGz, Self::TarZst];

    /// The format by its word, which is also the ending of its files.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == text).ok_or_else(|| {
            Error::invalid("format", "format must be one of zip, tar, tar.gz and tar.zst.")
        })
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Tar => "application/x-tar",
            Self::TarGz => "application/gzip",
            Self::TarZst => "application/zstd",
        }
    }
}

/// Formats that are read. The last four hold one stream, which may be a tar archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Zip,
    SevenZip,
    Tar,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

/// Says what a file is by its first 512 bytes; names are not asked.
pub fn sniff(head: &[u8]) -> Option<Kind> {
    let magics: [(&[u8], Kind); 6] = [
        (b"PK\x03\x04", Kind::Zip),
        (b"PK\x05\x06", Kind::Zip),
        (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
        (b"\x1f\x8b\x08", Kind::Gzip),
        (b"\xfd7zXZ\0", Kind::Xz),
        (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    ];
    if let Some((_, kind)) = magics.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(*kind);
    }
    if head.starts_with(b"BZh") && head.get(3).is_some_and(|level| (b'1'..=b'9').contains(level)) {
        return Some(Kind::Bzip2);
    }
    // A skippable frame, such as pzstd puts first.
    if head.len() > 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18] {
        return Some(Kind::Zstd);
    }
    tar::is_header(head).then_some(Kind::Tar)
}

/// The archive is damaged, or no archive we read. `entry` is the entry it happened in, where that is known.
fn invalid(entry: Option<&str>, why: impl std::fmt::Display) -> Error {
    match entry {
        Some(name) => {
            let name = names::shortened(name);
            let message =
                format!("\"{name}\" in the archive is damaged. Make the archive again and retry.");
            Error::new(ErrorKind::ArchiveInvalid, message).with("entry", name).because(why)
        }
        None => {
            let message = "The archive is damaged or incomplete. Make it again and retry.";
            Error::new(ErrorKind::ArchiveInvalid, message).because(why)
        }
    }
}

/// The archive is sound and does something that we do not read.
fn unsupported(entry: Option<&str>, what: impl std::fmt::Display) -> Error {
    let place = entry.map_or("The archive".to_owned(), |name| {
        format!("\"{}\" in the archive", names::shortened(name))
    });
    let message = format!("{place} uses {what}, which Drive does not read. Unpack it elsewhere.");
    Error::new(ErrorKind::ArchiveInvalid, message)
}

fn limit(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ArchiveLimit, message)
}

fn too_much_memory(what: &str) -> Error {
    limit(format!(
        "Unpacking needs a {what} of more than 64 MiB, which Drive does not spend. Pack it again with a lower level."
    ))
}

fn password_required() -> Error {
    Error::new(ErrorKind::PasswordRequired, "The archive is encrypted. Give its password.")
}

fn password_wrong() -> Error {
    Error::new(ErrorKind::PasswordWrong, "The password does not open the archive. Try another.")
}

/// What a decoder's failure means. Failures of the file beneath are told apart later, by [`source::Source`].
fn decoding(entry: Option<&str>, error: &io::Error) -> Error {
    // The zstd library says it in words only; a test holds them.
    let text = error.to_string();
    if error.kind() == io::ErrorKind::OutOfMemory || text.contains("too much memory") {
        return too_much_memory("dictionary").because(text);
    }
    invalid(entry, text)
}
