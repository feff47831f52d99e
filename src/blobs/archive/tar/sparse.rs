//! Sparse files: only their segments are in the archive, the rest are zeros.

use std::io::Read;

use ::tar::{GnuHeader, GnuSparseHeader};

use super::super::outlet::{Outlet, Way};
use super::super::{PIECE, decoding, invalid, limit};
use super::BLOCK;
use crate::domain::error::Result;

/// More would take more memory than a file of honest holes is worth.
const SEGMENTS_MAX: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub offset: u64,
    pub length: u64,
}

/// Where a sparse file's content goes.
#[derive(Debug)]
pub struct Map {
    pub segments: Vec<Segment>,
    /// Bytes of the whole file.
    pub size: u64,
    /// Bytes of content that were read to learn this.
    pub consumed: u64,
}

impl Map {
    /// The old form of GNU tar: four segments in the header, more in blocks after it.
    pub fn of_header(header: &GnuHeader, stream: &mut dyn Read, name: &str) -> Result<Self> {
        let mut segments = Vec::new();
        let mut more = header.is_extended();
        take(&header.sparse, &mut segments, name)?;
        while more {
            let mut block = ::tar::GnuExtSparseHeader::new();
            stream
                .read_exact(block.as_mut_bytes())
                .map_err(|error| decoding(Some(name), &error))?;
            take(block.sparse(), &mut segments, name)?;
            more = block.is_extended();
        }
        let size = header.real_size().map_err(|error| decoding(Some(name), &error))?;
        Ok(Self { segments, size, consumed: 0 })
    }

    /// PAX, version 1.0: numbers in lines at the start of the content, filled up to a block. `stored` is the size of
    /// the content.
    pub fn of_content(
        stream: &mut dyn Read,
        stored: u64,
        size: Option<u64>,
        name: &str,
    ) -> Result<Self> {
        let mut lines = Lines { stream, block: [0; BLOCK], used: BLOCK, consumed: 0, stored };
        let count = lines.number(name)?;
        let mut segments = Vec::new();
        for _ in 0..count {
            push(&mut segments, lines.number(name)?, lines.number(name)?, name)?;
        }
        let size = size.ok_or_else(|| invalid(Some(name), "a sparse file without its size"))?;
        Ok(Self { segments, size, consumed: lines.consumed })
    }

    /// Gives the whole file, zeros and all. `stored` bytes of content are read from `stream`.
    pub fn give(
        &self,
        stream: &mut dyn Read,
        stored: u64,
        name: &str,
        way: Way,
        outlet: &mut Outlet,
    ) -> Result<()> {
        let mut at = 0;
        let mut left = stored;
        for segment in &self.segments {
            let end = segment.offset.checked_add(segment.length);
            let fits = segment.offset >= at && end.is_some_and(|end| end <= self.size);
            if !fits || segment.length > left {
                return Err(invalid(Some(name), "the segments of a sparse file do not fit"));
            }
            zeros(segment.offset - at, way, outlet)?;
            outlet.exactly(stream, segment.length, name, way)?;
            at = segment.offset + segment.length;
            left -= segment.length;
        }
        if left > 0 {
            return Err(invalid(Some(name), "a sparse file has content outside its segments"));
        }
        zeros(self.size - at, way, outlet)
    }
}

fn zeros(mut count: u64, way: Way, outlet: &mut Outlet) -> Result<()> {
    let piece = vec![0; PIECE];
    while count > 0 {
        let length = usize::try_from(count).map_or(PIECE, |count| count.min(PIECE));
        outlet.piece(&piece[..length], way)?;
        count -= length as u64;
    }
    Ok(())
}

fn take(list: &[GnuSparseHeader], segments: &mut Vec<Segment>, name: &str) -> Result<()> {
    for segment in list.iter().filter(|segment| !segment.is_empty()) {
        let offset = segment.offset().map_err(|error| decoding(Some(name), &error))?;
        let length = segment.length().map_err(|error| decoding(Some(name), &error))?;
        push(segments, offset, length, name)?;
    }
    Ok(())
}

fn push(segments: &mut Vec<Segment>, offset: u64, length: u64, name: &str) -> Result<()> {
    if segments.len() == SEGMENTS_MAX {
        return Err(limit(format!(
            "\"{}\" is a sparse file of more than {SEGMENTS_MAX} pieces, which Drive does not unpack.",
            super::super::names::shortened(name)
        )));
    }
    segments.push(Segment { offset, length });
    Ok(())
}

/// Decimal numbers in lines, read block by block.
struct Lines<'a> {
    stream: &'a mut dyn Read,
    block: [u8; BLOCK],
    used: usize,
    consumed: u64,
    stored: u64,
}

impl Lines<'_> {
    fn number(&mut self, name: &str) -> Result<u64> {
        let mut number: Option<u64> = None;
        loop {
            match (self.byte(name)?, number) {
                (b'\n', Some(number)) => return Ok(number),
                (digit @ b'0'..=b'9', so_far) => {
                    let next = so_far.unwrap_or(0).checked_mul(10);
                    number = next.and_then(|tens| tens.checked_add(u64::from(digit - b'0')));
                    if number.is_none() {
                        return Err(invalid(Some(name), "a number of a sparse file is too large"));
                    }
                }
                _ => return Err(invalid(Some(name), "a sparse file has no list of segments")),
            }
        }
    }

    fn byte(&mut self, name: &str) -> Result<u8> {
        if self.used == BLOCK {
            self.consumed += BLOCK as u64;
            if self.consumed > self.stored {
                return Err(invalid(
                    Some(name),
                    "the list of segments of a sparse file ends early",
                ));
            }
            self.stream
                .read_exact(&mut self.block)
                .map_err(|error| decoding(Some(name), &error))?;
            self.used = 0;
        }
        self.used += 1;
        Ok(self.block[self.used - 1])
    }
}
