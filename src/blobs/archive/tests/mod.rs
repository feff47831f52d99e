//! Archives against themselves, against other programs, and against people who mean harm.

use std::io::{Cursor, Read};

use super::Format;
use super::read::{Head, Inspected, Limits, Visitor, Wanted, extract, inspect};
use super::write::{Entry, Writer, Written, ZipSecret};
use crate::domain::error::{Error, Kind as ErrorKind, Result};

mod damaged;
mod hostile;
mod measure;
mod outside;
mod reading;
mod writing;

const LIMITS: Limits = Limits { entries: 10_000, total_bytes: 1 << 30, ratio: 100, depth: 32 };

const PASSWORD: &str = "correct hörse";

/// A file of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    name: String,
    content: Vec<u8>,
    modified_ms: Option<i64>,
}

fn file(name: &str, content: impl Into<Vec<u8>>) -> File {
    File { name: name.to_owned(), content: content.into(), modified_ms: Some(1_700_000_001_000) }
}

fn secret() -> ZipSecret {
    ZipSecret { password: PASSWORD.to_owned(), seed: [7; 32] }
}

/// Bytes that do not compress, the same each time.
fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof().fill(&mut bytes);
    bytes
}

/// Bytes that compress somewhat.
fn prose(length: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut number = 0_u32;
    while text.len() < length {
        text.extend_from_slice(format!("line {number} of a long story, ").as_bytes());
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % 10_007;
    }
    text.truncate(length);
    text
}

/// Files of all sorts.
fn samples() -> Vec<File> {
    let long = format!("{}/{}.bin", "folder".repeat(20), "name".repeat(50));
    vec![
        file("empty", ""),
        file("folder/a.txt", "hello"),
        file("Ünïcödé/日本語 🦀.txt", prose(100_000)),
        file(&long, noise(300_000, 1)),
        File { modified_ms: None, ..file("no time", "x") },
        File { modified_ms: Some(-5_000), ..file("before 1970", "y") },
        File { modified_ms: Some(5_000_000_000_000), ..file("after 2106", "z") },
        file("zeros", vec![0; 1_000_000]),
    ]
}

fn archive(format: Format, level: u32, secret: Option<ZipSecret>, files: &[File]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), format, level, secret).unwrap();
    let rows: Vec<Written> = files.iter().map(|file| add(&mut writer, file)).collect();
    writer.finish(&mut rows.into_iter().map(Ok)).unwrap()
}

fn add(writer: &mut Writer<Vec<u8>>, file: &File) -> Written {
    let entry =
        Entry { name: &file.name, size: file.content.len() as u64, modified_ms: file.modified_ms };
    writer.add(&entry, &mut file.content.as_slice()).unwrap()
}

/// Keeps what comes out of an archive.
#[derive(Debug, Default)]
struct Kept {
    files: Vec<File>,
    folders: Vec<String>,
    skipped: Vec<(String, String)>,
    indexes: Vec<u64>,
    whole: usize,
    /// Entries below this number are passed over.
    pass_below: u64,
    bytes: u64,
    /// Only counted, not kept.
    forget: bool,
}

impl Visitor for Kept {
    fn entry(&mut self, head: &Head) -> Result<Wanted> {
        assert!(head.path.iter().all(|part| !["", ".", ".."].contains(&part.as_str())));
        self.indexes.push(head.index);
        if head.index < self.pass_below {
            return Ok(Wanted::Pass);
        }
        assert_eq!(self.files.len(), self.whole, "an entry begins before the last one ended");
        self.files.push(File {
            name: head.path.join("/"),
            content: Vec::new(),
            modified_ms: head.modified_ms,
        });
        Ok(Wanted::Content)
    }

    fn bytes(&mut self, piece: &[u8]) -> Result<()> {
        assert!(!piece.is_empty() && piece.len() <= super::PIECE);
        self.bytes += piece.len() as u64;
        if !self.forget {
            self.files.last_mut().unwrap().content.extend_from_slice(piece);
        }
        Ok(())
    }

    fn entry_end(&mut self) -> Result<()> {
        self.whole += 1;
        assert_eq!(self.files.len(), self.whole);
        Ok(())
    }

    fn skipped(&mut self, name: &str, why: &str) -> Result<()> {
        self.skipped.push((name.to_owned(), why.to_owned()));
        Ok(())
    }

    fn folder(&mut self, path: &[String]) -> Result<()> {
        self.folders.push(path.join("/"));
        Ok(())
    }
}

impl Kept {
    fn names(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.name.as_str()).collect()
    }

    fn content(&self, name: &str) -> &[u8] {
        let file = self.files.iter().find(|file| file.name == name);
        &file.unwrap_or_else(|| panic!("no {name} in {:?}", self.names())).content
    }

    fn whys(&self) -> Vec<&str> {
        self.skipped.iter().map(|(_, why)| why.as_str()).collect()
    }
}

fn read_with(bytes: &[u8], password: Option<&str>, limits: &Limits, kept: &mut Kept) -> Result<()> {
    extract(Cursor::new(bytes), bytes.len() as u64, "archive.bin.gz", password, limits, kept)
}

fn read(bytes: &[u8], password: Option<&str>) -> Result<Kept> {
    let mut kept = Kept::default();
    read_with(bytes, password, &LIMITS, &mut kept).map(|()| kept)
}

fn look(bytes: &[u8], password: Option<&str>) -> Result<Inspected> {
    inspect(Cursor::new(bytes), bytes.len() as u64, password)
}

#[track_caller]
fn refused(bytes: &[u8], password: Option<&str>, kind: ErrorKind) -> Error {
    let error = read(bytes, password).expect_err("it must be refused");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

/// Gives bytes in pieces of odd sizes.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = (self.1 * 7 + 3) % 5000 + 1;
        let length = self.1.min(into.len());
        self.0.read(&mut into[..length])
    }
}
