//! From one archive format to another: each entry is taken out to a file of its own that nobody sees, then put into the
//! new archive. Memory stays bounded, and the limits of unpacking hold.

use std::io::{Read, Seek, Write};

use serde_json::{Value, json};

use super::Target;
use crate::blobs::archive::Format;
use crate::blobs::archive::names::{Names, safe_name};
use crate::blobs::archive::read::{Head, Limits, Lock, Visitor, Wanted, extract, inspect};
use crate::blobs::archive::write::{Entry, Writer, Written};
use crate::blobs::draft::{Draft, error_of};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::File;

const ENTRIES_MAX: u64 = 10_000;
const RATIO_MAX: u64 = 100;
const DEPTH_MAX: usize = 32;
/// The level of the new archive.
const LEVEL: u32 = 6;

/// Refuses an archive that is damaged or encrypted, as far as that can be told without unpacking it.
pub fn check<R: Read + Seek>(source: R, size: u64) -> Result<()> {
    let found = inspect(source, size, None)?;
    if found.lock != Lock::Open {
        let message = "The archive is encrypted. Unpack it with its password first.";
        return Err(Error::new(Kind::PasswordRequired, message));
    }
    Ok(())
}

/// Writes the archive as `target`; how many files went over and how many entries did not.
pub fn convert<R: Read + Seek>(
    source: R,
    file: &File,
    target: Target,
    scratch: &dyn Fn() -> Result<Draft>,
    sink: &mut dyn Write,
) -> Result<Value> {
    let format = match target {
        Target::Zip => Format::Zip,
        Target::TarGz => Format::TarGz,
        Target::TarZst => Format::TarZst,
        _ => return Err(Error::internal("no archive format")),
    };
    let limits =
        Limits { entries: ENTRIES_MAX, total_bytes: u64::MAX, ratio: RATIO_MAX, depth: DEPTH_MAX };
    let mut repack = Repack {
        scratch,
        writer: Writer::new(sink, format, LEVEL, None)?,
        names: Names::default(),
        written: Vec::new(),
        current: None,
        skipped: 0,
    };
    extract(source, file.size, &file.name, None, &limits, &mut repack)?;
    let Repack { writer, written, skipped, .. } = repack;
    let count = written.len();
    writer.finish(&mut written.into_iter().map(Ok))?;
    Ok(json!({ "fileCount": count, "skippedCount": skipped }))
}

struct Repack<'a, W> {
    scratch: &'a dyn Fn() -> Result<Draft>,
    writer: Writer<W>,
    names: Names,
    /// At most as many as an archive may have entries.
    written: Vec<Written>,
    current: Option<(Head, Draft)>,
    skipped: u64,
}

impl<W: Write> Visitor for Repack<'_, W> {
    fn entry(&mut self, head: &Head) -> Result<Wanted> {
        self.current = Some((head.clone(), (self.scratch)()?));
        Ok(Wanted::Content)
    }

    fn bytes(&mut self, piece: &[u8]) -> Result<()> {
        match &mut self.current {
            Some((_, draft)) => {
                draft.write_all(piece).map_err(|error| error_of("writing an object", error))
            }
            None => Ok(()),
        }
    }

    fn entry_end(&mut self) -> Result<()> {
        let Some((head, draft)) = self.current.take() else { return Ok(()) };
        let name = self.names.distinct(&safe_name("", &head.path.join("/")));
        let entry = Entry { name: &name, size: draft.size(), modified_ms: head.modified_ms };
        let written = self.writer.add(&entry, &mut draft.reader())?;
        self.written.push(written);
        Ok(())
    }

    fn skipped(&mut self, _name: &str, _why: &str) -> Result<()> {
        self.skipped += 1;
        Ok(())
    }

    fn folder(&mut self, _path: &[String]) -> Result<()> {
        Ok(())
    }
}
