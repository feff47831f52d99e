//! Reading tar. The header's fields are taken apart by the `tar` crate; its iterator is not used, since it holds names
//! and sparse maps of any length in memory.

use std::io::{self, Read, Seek};

use ::tar::{EntryType, Header};

use super::super::outlet::{Outlet, Way, What};
use super::super::source::Source;
use super::super::{decoding, invalid, limit};
use super::pax::Records;
use super::sparse::Map;
use super::{checksum_holds, padding};
use crate::domain::error::Result;

/// Bytes of a long name, or of the PAX records of one entry.
const EXTENSION_MAX_BYTES: u64 = 1024 * 1024;

/// The bytes of a tar archive.
pub trait Tape: Read {
    /// Passes over bytes without reading them; `false`, and nothing done, if that is not possible here.
    fn pass(&mut self, count: u64) -> io::Result<bool>;
}

impl<R: Read + Seek> Tape for Source<R> {
    fn pass(&mut self, count: u64) -> io::Result<bool> {
        let position = self.stream_position()?;
        match position.checked_add(count).filter(|position| *position <= self.size()) {
            Some(position) => self.go_to(position),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(true)
    }
}

/// What headers before the next file say of it.
#[derive(Default)]
struct Before {
    long_name: Option<String>,
    records: Records,
}

pub fn extract(tape: &mut dyn Tape, outlet: &mut Outlet) -> Result<()> {
    let mut before = Before::default();
    while let Some(header) = next_header(tape, outlet)? {
        let kind = header.entry_type();
        let size = header.entry_size().map_err(|error| decoding(None, &error))?;
        match kind {
            EntryType::XHeader => {
                before.records = Records::parse(&extension(tape, size, outlet)?)?;
            }
            EntryType::GNULongName => {
                let name = extension(tape, size, outlet)?;
                let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                before.long_name = Some(String::from_utf8_lossy(&name[..end]).into_owned());
            }
            EntryType::GNULongLink => {
                extension(tape, size, outlet)?;
            }
            EntryType::XGlobalHeader => {
                // It says nothing that we need, but counts: there could be any number of them.
                outlet.begin("./", What::Folder, None, None)?;
                extension(tape, size, outlet)?;
            }
            _ => entry(tape, &header, size, std::mem::take(&mut before), outlet)?,
        }
    }
    // What follows is filling; in a compressed stream, its checksum too.
    if tape.pass(0).map_err(|error| decoding(None, &error))? {
        return Ok(());
    }
    outlet.drain(&mut Whole(tape), "", Way::Drop).map(drop)
}

/// The next header, or `None` at the block of zeros that ends the archive.
fn next_header(tape: &mut dyn Tape, outlet: &mut Outlet) -> Result<Option<Header>> {
    let mut header = Header::new_old();
    tape.read_exact(header.as_mut_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => invalid(None, "the tar archive has no end"),
        _ => decoding(None, &error),
    })?;
    outlet.piece(header.as_bytes(), Way::Drop)?;
    if header.as_bytes().iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    match checksum_holds(header.as_bytes()) {
        true => Ok(Some(header)),
        false => Err(invalid(None, "the checksum of a tar header is wrong")),
    }
}

/// The content of a header that says something of the next entry.
fn extension(tape: &mut dyn Tape, size: u64, outlet: &mut Outlet) -> Result<Vec<u8>> {
    if size > EXTENSION_MAX_BYTES {
        return Err(limit(
            "A name in the archive is longer than 1 MiB, which Drive does not read.",
        ));
    }
    let mut bytes = vec![0; (size + padding(size)) as usize];
    tape.read_exact(&mut bytes).map_err(|error| decoding(None, &error))?;
    outlet.piece(&bytes, Way::Drop)?;
    bytes.truncate(size as usize);
    Ok(bytes)
}

fn entry(
    tape: &mut dyn Tape,
    header: &Header,
    stored: u64,
    before: Before,
    outlet: &mut Outlet,
) -> Result<()> {
    let Before { long_name, records } = before;
    let name = [records.sparse.name, records.path, long_name]
        .into_iter()
        .flatten()
        .next()
        .unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
    let what = what(header.entry_type(), &name);
    // Links, devices and folders have no content, whatever their size says.
    let stored = if has_content(header.entry_type()) { records.size.unwrap_or(stored) } else { 0 };
    let filling = padding(stored);
    let map = match header.as_gnu().filter(|_| header.entry_type() == EntryType::GNUSparse) {
        Some(fields) => Some(Map::of_header(fields, tape, &name)?),
        None if records.sparse.major.is_some_and(|major| major > 0) => {
            Some(Map::of_content(tape, stored, records.sparse.real_size, &name)?)
        }
        None => records.sparse.real_size.map(|size| Map {
            segments: records.sparse.segments,
            size,
            consumed: 0,
        }),
    };
    let size = map.as_ref().map_or(stored, |map| map.size);
    let modified_ms = records.modified_ms.or_else(|| modified_ms(header));
    let way = outlet.begin(&name, what, Some(size), modified_ms)?;
    let left = stored - map.as_ref().map_or(0, |map| map.consumed);
    let passed =
        way != Way::Give && tape.pass(left).map_err(|error| decoding(Some(&name), &error))?;
    match (passed, map) {
        (true, _) if way == Way::Count => outlet.passed(size)?,
        (true, _) => {}
        (false, Some(map)) if way != Way::Drop => {
            map.give(&mut Whole(tape), left, &name, way, outlet)?;
        }
        (false, _) => outlet.exactly(&mut Whole(tape), left, &name, way)?,
    }
    outlet.exactly(&mut Whole(tape), filling, &name, Way::Drop)?;
    outlet.end(way)
}

fn what(kind: EntryType, name: &str) -> What {
    match kind {
        EntryType::Directory => What::Folder,
        // Archives from before ustar know folders by their name.
        EntryType::Regular if name.ends_with('/') => What::Folder,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => What::File,
        EntryType::Symlink => What::Other("it is a symbolic link"),
        EntryType::Link => What::Other("it is a hard link"),
        EntryType::Char | EntryType::Block => What::Other("it is a device"),
        EntryType::Fifo => What::Other("it is a pipe"),
        _ => What::Other("it is no file"),
    }
}

fn has_content(kind: EntryType) -> bool {
    !matches!(
        kind,
        EntryType::Directory
            | EntryType::Symlink
            | EntryType::Link
            | EntryType::Char
            | EntryType::Block
            | EntryType::Fifo
    )
}

fn modified_ms(header: &Header) -> Option<i64> {
    i64::try_from(header.mtime().ok()?).ok()?.checked_mul(1000)
}

/// A tape as a plain reader.
struct Whole<'a>(&'a mut dyn Tape);

impl Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}
