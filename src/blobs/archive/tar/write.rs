//! Writing tar, plain or inside a compressed stream.

use std::io::Write;

use ::tar::{EntryType, Header};

use super::super::pack::Packer;
use super::super::write::{Content, Entry, Sink, Written};
use super::{BLOCK, padding, pax};
use crate::domain::error::{Error, Result};

/// A compressed stream ends after the entry that makes it this long, so that an interrupted task loses little. Smaller
/// streams would compress worse.
const STREAM_BYTES: u64 = 8 * 1024 * 1024;

/// What twelve octal digits and a NUL can say.
const OCTAL_SIZE_MAX: u64 = 0o777_7777_7777;

const NAME_MAX_BYTES: usize = 100;

pub struct Tape {
    packer: Packer,
    /// Bytes in the compressed stream that is open.
    in_stream: u64,
}

impl Tape {
    pub fn new(packer: Packer) -> Self {
        Self { packer, in_stream: 0 }
    }

    pub fn is_at_rest(&self) -> bool {
        self.packer.is_at_rest()
    }

    pub fn add<W: Write>(
        &mut self,
        sink: &mut Sink<W>,
        entry: &Entry,
        content: &mut Content,
    ) -> Result<Written> {
        self.put(sink, &mut headers(entry)?)?;
        while let Some(piece) = content.next()? {
            self.put(sink, piece)?;
        }
        self.put(sink, &mut vec![0; padding(entry.size) as usize])?;
        if self.in_stream >= STREAM_BYTES {
            self.end_stream(sink)?;
        }
        Ok(Written {
            name: entry.name.to_owned(),
            size: entry.size,
            modified_ms: entry.modified_ms,
            offset: 0,
            compressed: 0,
            crc32: 0,
        })
    }

    pub fn finish<W: Write>(&mut self, sink: &mut Sink<W>) -> Result<()> {
        self.put(sink, &mut [0; 2 * BLOCK])?;
        self.end_stream(sink)
    }

    fn put<W: Write>(&mut self, sink: &mut Sink<W>, bytes: &mut [u8]) -> Result<()> {
        self.in_stream += bytes.len() as u64;
        self.packer.write(bytes, &mut |packed| sink.put(packed))
    }

    fn end_stream<W: Write>(&mut self, sink: &mut Sink<W>) -> Result<()> {
        self.in_stream = 0;
        self.packer.end(&mut |packed| sink.put(packed))
    }
}

/// The entry's header, with PAX records before it for what ustar cannot say.
fn headers(entry: &Entry) -> Result<Vec<u8>> {
    let seconds = entry.modified_ms.map_or(0, |ms| ms.div_euclid(1000));
    let mut records = Vec::new();
    if entry.name.len() > NAME_MAX_BYTES || !entry.name.is_ascii() {
        records.extend(pax::record("path", entry.name.as_bytes()));
    }
    if entry.size > OCTAL_SIZE_MAX {
        records.extend(pax::record("size", entry.size.to_string().as_bytes()));
    }
    if seconds < 0 {
        records.extend(pax::record("mtime", seconds.to_string().as_bytes()));
    }
    let mut bytes = Vec::new();
    if !records.is_empty() {
        let name = format!("PaxHeaders/{}", entry.name);
        bytes.extend(header(&name, EntryType::XHeader, records.len() as u64, 0)?);
        let filled = padding(records.len() as u64) as usize;
        bytes.extend(records);
        bytes.resize(bytes.len() + filled, 0);
    }
    let seconds = seconds.max(0).unsigned_abs();
    bytes.extend(header(entry.name, EntryType::Regular, entry.size, seconds)?);
    Ok(bytes)
}

fn header(name: &str, kind: EntryType, size: u64, modified: u64) -> Result<[u8; BLOCK]> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    // Beyond eight GiB in the binary form that GNU tar reads; the PAX record says it to the others.
    header.set_size(size);
    header.set_mtime(modified);
    let field = match header.as_ustar_mut() {
        Some(fields) => &mut fields.name,
        None => return Err(Error::internal("a new tar header is no ustar header")),
    };
    let name = &name[..name.floor_char_boundary(NAME_MAX_BYTES)];
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    Ok(*header.as_bytes())
}
