//! A look at a 7z archive's header before the crate reads it.
//!
//! The crate makes room for as many files as a header claims, hundreds of bytes for each byte of it. So the header is
//! walked here first and its claims are held against the limits. A packed header is unpacked for that by the crate
//! itself, from an archive made up to hold nothing else. Source of the format: `7zFormat.txt` of the LZMA SDK.

use std::io::{Read, Seek};

use sevenz_rust2::{Archive, BlockDecoder, Password};

use super::super::outlet::check_entries;
use super::super::read::Limits;
use super::super::source::Source;
use super::super::{DECODER_MEMORY_KIB, decoding, invalid, limit};
use super::made_up::{MadeUp, START_BYTES};
use super::{Secrecy, failed, memory};
use crate::domain::error::Result;

/// Bytes of a header: a path of 255 characters takes half a kilobyte in it.
const BYTES_PER_ENTRY: u64 = 1024;
const HEADER_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Most packed streams that one folder, in the sense of 7z, may have.
const STREAMS_PER_FOLDER: u64 = 64;

/// Property ids.
const END: u8 = 0;
const HEADER: u8 = 1;
const PROPERTIES: u8 = 2;
const MAIN_STREAMS: u8 = 4;
const FILES: u8 = 5;
const PACKED: u8 = 6;
const FOLDERS: u8 = 7;
const SUBSTREAMS: u8 = 8;
const SIZES: u8 = 9;
const CHECKSUMS: u8 = 10;
const FOLDER: u8 = 11;
const UNPACKED_SIZES: u8 = 12;
const SUBSTREAM_COUNTS: u8 = 13;
const PACKED_HEADER: u8 = 23;

/// What a header claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// The archive is empty.
    Nothing,
    Files(Secrecy),
}

/// Fails if the header claims more than the limits allow, or is no header.
pub fn check<R: Read + Seek>(
    source: &mut Source<R>,
    password: &Password,
    limits: &Limits,
) -> Result<Claims> {
    let start = source.read_at(0, START_BYTES).map_err(|error| decoding(None, &error))?;
    let Ok(start) = <[u8; START_BYTES]>::try_from(start) else {
        return Err(invalid(None, "the 7z archive ends in its first header"));
    };
    // An archive whose writer was struck down has zeros here. The crate would search it for something like a header.
    if start[8..].iter().all(|byte| *byte == 0) {
        return Err(invalid(None, "the 7z archive was never finished"));
    }
    let (offset, length) = (number(&start[12..20]), number(&start[20..28]));
    if length == 0 {
        return Ok(Claims::Nothing);
    }
    let offset = offset.checked_add(START_BYTES as u64).filter(|at| *at < source.size());
    let offset = offset.ok_or_else(|| invalid(None, "the 7z header lies outside the file"))?;
    if length > longest(limits) {
        return Err(too_long());
    }
    let header = source.read_at(offset, length as usize).map_err(|error| decoding(None, &error))?;
    match header.split_first() {
        Some((&HEADER, rest)) => walk(rest, limits).map(|()| Claims::Files(Secrecy::Plain)),
        Some((&PACKED_HEADER, rest)) => {
            let (unpacked, secrecy) = unpack(source, rest, password, limits)?;
            let result = match unpacked.split_first() {
                Some((&HEADER, rest)) => walk(rest, limits),
                _ => Err(invalid(None, "a packed 7z header holds no header")),
            };
            result.map_err(|error| secrecy.doubt(error)).map(|()| Claims::Files(secrecy))
        }
        _ => Err(invalid(None, "no 7z header where it should be")),
    }
}

/// Bytes that a header may have.
fn longest(limits: &Limits) -> u64 {
    limits.entries.saturating_mul(BYTES_PER_ENTRY).saturating_add(65_536).min(HEADER_MAX_BYTES)
}

fn too_long() -> crate::domain::error::Error {
    limit(
        "The list of files in the archive is too long for Drive. Split it, or unpack it elsewhere.",
    )
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Unpacks a header: `streams` is where and how it is packed.
fn unpack<R: Read + Seek>(
    source: &mut Source<R>,
    streams: &[u8],
    password: &Password,
    limits: &Limits,
) -> Result<(Vec<u8>, Secrecy)> {
    let most = longest(limits);
    let mut made_up = MadeUp::new(source, header_of(streams, limits)?);
    let memory_kib = DECODER_MEMORY_KIB as usize;
    let archive = Archive::read_with_memory_limit(&mut made_up, password, memory_kib)
        .map_err(|error| failed(error, None))?;
    let ([block], [file]) = (archive.blocks.as_slice(), archive.files.as_slice()) else {
        return Err(invalid(None, "a packed 7z header is in several pieces"));
    };
    if file.size > most {
        return Err(too_long());
    }
    memory::check(block)?;
    let secrecy = Secrecy::of(block);
    let mut header = Vec::new();
    BlockDecoder::new_with_memory_limit(1, memory_kib, 0, &archive, password, &mut made_up)
        .for_each_entries(&mut |_, content| {
            content.take(most).read_to_end(&mut header)?;
            Ok(true)
        })
        .map_err(|error| secrecy.doubt(failed(error, None)))?;
    Ok((header, secrecy))
}

/// A header that names one file, which is the packed header itself.
fn header_of(streams: &[u8], limits: &Limits) -> Result<Vec<u8>> {
    let mut walk = Walk::new(streams, limits);
    walk.streams()?.ok_or_else(|| invalid(None, "a packed 7z header is malformed"))?;
    // Without its end.
    let described = &streams[..streams.len() - walk.bytes.len() - 1];
    // What a file needs to be read, and what most writers leave out here.
    let substreams: &[u8] = if walk.has_substreams { &[] } else { &[SUBSTREAMS, END] };
    Ok([&[HEADER, MAIN_STREAMS], described, substreams, &[END, FILES, 1, END, END]].concat())
}

/// Holds every count of a header against the limits.
fn walk(header: &[u8], limits: &Limits) -> Result<()> {
    Walk::new(header, limits).header()?.ok_or_else(|| invalid(None, "the 7z header is malformed"))
}

/// `None` is a malformed header, an error one that claims too much.
type Step<T> = Result<Option<T>>;

macro_rules! some {
    ($value:expr) => {
        match $value {
            Some(value) => value,
            None => return Ok(None),
        }
    };
}

struct Walk<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    folders: u64,
    has_substreams: bool,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], limits: &'a Limits) -> Self {
        Self { bytes, limits, folders: 0, has_substreams: false }
    }

    fn header(&mut self) -> Step<()> {
        let mut id = some!(self.byte());
        if id == PROPERTIES {
            while some!(self.byte()) != END {
                let length = some!(self.number());
                some!(self.pass(length));
            }
            id = some!(self.byte());
        }
        if id == MAIN_STREAMS {
            some!(self.streams()?);
            id = some!(self.byte());
        }
        if id == FILES {
            check_entries(some!(self.number()), self.limits)?;
            return Ok(Some(()));
        }
        Ok((id == END).then_some(()))
    }

    fn streams(&mut self) -> Step<()> {
        let mut id = some!(self.byte());
        if id == PACKED {
            self.number();
            let count = some!(self.number());
            self.check_streams(count)?;
            id = some!(self.byte());
            if id == SIZES {
                some!(self.numbers(count));
                id = some!(self.byte());
            }
            if id == CHECKSUMS {
                some!(self.checksums(count));
                id = some!(self.byte());
            }
            if id != END {
                return Ok(None);
            }
            id = some!(self.byte());
        }
        let mut with_checksum = Vec::new();
        if id == FOLDERS {
            with_checksum = some!(self.folders()?);
            id = some!(self.byte());
        }
        if id == SUBSTREAMS {
            self.has_substreams = true;
            some!(self.substreams(&with_checksum)?);
            id = some!(self.byte());
        }
        Ok((id == END).then_some(()))
    }

    /// Which folders have a checksum.
    fn folders(&mut self) -> Step<Vec<bool>> {
        if some!(self.byte()) != FOLDER {
            return Ok(None);
        }
        self.folders = some!(self.number());
        check_entries(self.folders, self.limits)?;
        // Not in another stream.
        if some!(self.byte()) != 0 {
            return Ok(None);
        }
        let mut outputs = 0_u64;
        for _ in 0..self.folders {
            outputs += some!(self.folder());
        }
        if some!(self.byte()) != UNPACKED_SIZES {
            return Ok(None);
        }
        some!(self.numbers(outputs));
        let mut with_checksum = vec![false; self.folders as usize];
        let mut id = some!(self.byte());
        if id == CHECKSUMS {
            with_checksum = some!(self.checksums(self.folders));
            id = some!(self.byte());
        }
        Ok((id == END).then_some(with_checksum))
    }

    /// Passes over one folder; gives the number of its output streams.
    fn folder(&mut self) -> Option<u64> {
        let coders = self.number().filter(|count| (1..=STREAMS_PER_FOLDER).contains(count))?;
        let (mut inputs, mut outputs) = (0_u64, 0_u64);
        for _ in 0..coders {
            let flags = self.byte()?;
            self.pass(u64::from(flags & 15))?;
            let (ins, outs) =
                if flags & 0x10 == 0 { (1, 1) } else { (self.number()?, self.number()?) };
            inputs = inputs.checked_add(ins)?;
            outputs = outputs.checked_add(outs)?;
            if inputs.max(outputs) > STREAMS_PER_FOLDER {
                return None;
            }
            if flags & 0x20 != 0 {
                let length = self.number()?;
                self.pass(length)?;
            }
        }
        let pairs = outputs.checked_sub(1)?;
        self.numbers(2 * pairs)?;
        let packed = inputs.checked_sub(pairs)?;
        if packed > 1 {
            self.numbers(packed)?;
        }
        Some(outputs)
    }

    fn substreams(&mut self, with_checksum: &[bool]) -> Step<()> {
        let mut counts = vec![1; self.folders as usize];
        let mut id = some!(self.byte());
        if id == SUBSTREAM_COUNTS {
            let mut total = 0_u64;
            for count in &mut counts {
                *count = some!(self.number());
                total = total.saturating_add(*count);
                check_entries(total, self.limits)?;
            }
            id = some!(self.byte());
        }
        if id == SIZES {
            some!(self.numbers(counts.iter().map(|count| count.saturating_sub(1)).sum()));
            id = some!(self.byte());
        }
        if id == CHECKSUMS {
            let known =
                counts.iter().zip(with_checksum).filter(|(count, has)| **count == 1 && **has);
            let missing = counts.iter().sum::<u64>() - known.count() as u64;
            some!(self.checksums(missing));
            id = some!(self.byte());
        }
        Ok((id == END).then_some(()))
    }

    fn check_streams(&self, count: u64) -> Result<()> {
        match count <= self.limits.entries.saturating_mul(4).saturating_add(STREAMS_PER_FOLDER) {
            true => Ok(()),
            false => Err(too_long()),
        }
    }

    /// Passes over checksums; says which of `count` are there.
    fn checksums(&mut self, count: u64) -> Option<Vec<bool>> {
        let count = usize::try_from(count).ok()?;
        let defined = match self.byte()? {
            0 => {
                let bits = self.take(count.div_ceil(8))?;
                (0..count).map(|index| bits[index / 8] & (0x80 >> (index % 8)) != 0).collect()
            }
            _ => vec![true; count],
        };
        self.pass(4 * defined.iter().filter(|defined| **defined).count() as u64)?;
        Some(defined)
    }

    fn numbers(&mut self, count: u64) -> Option<()> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    /// A number of one to nine bytes: the leading ones of the first say how many follow.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.leading_ones() as usize;
        let low = number(self.take(more)?);
        let high = u64::from(first) & (0x7f_u64 >> more.min(7));
        Some(if more < 8 { high << (8 * more) | low } else { low })
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        self.take(usize::try_from(count).ok()?).map(drop)
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }
}
