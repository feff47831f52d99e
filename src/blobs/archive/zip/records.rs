//! The records of a zip file that is being written, as bytes.

use time::OffsetDateTime;

use super::super::write::{Entry, Written};
use super::*;

/// An entry of this size or more gets 64-bit sizes. Below it, deflate cannot make it larger than 32 bits can say: it
/// adds five bytes to each 16 KiB at most.
pub const LARGE_BYTES: u64 = 0xff00_0000;

/// Versions needed to read, times ten.
const VERSION_DEFLATE: u16 = 20;
const VERSION_ZIP64: u16 = 45;
const VERSION_AES: u16 = 51;

/// Made by version 6.3 on Unix, so that readers look at the mode.
const MADE_BY: u16 = 3 << 8 | 63;

/// A regular file, 0644, in the upper half.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// Midnight of 1 January 1980, the first moment that zip knows.
const FIRST_DAY: (u16, u16) = (0, 1 << 5 | 1);

/// What was done to the content of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Deflated,
    /// Deflated, then encrypted.
    Encrypted,
    /// As they are.
    Stored,
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn extra(&mut self, id: u16, content: &[u8]) -> &mut Self {
        self.u16(id).u16(content.len() as u16);
        self.0.extend(content);
        self
    }

    /// What local and central headers share, from the version needed to the date.
    fn common(&mut self, large: bool, packing: Packing, modified_ms: Option<i64>) -> &mut Self {
        let (time, date) = dos_time(modified_ms);
        let (version, flags, method) = match packing {
            Packing::Encrypted => (VERSION_AES, ENCRYPTED, AES),
            Packing::Deflated if large => (VERSION_ZIP64, 0, DEFLATE),
            Packing::Deflated => (VERSION_DEFLATE, 0, DEFLATE),
            Packing::Stored if large => (VERSION_ZIP64, 0, STORED),
            Packing::Stored => (VERSION_DEFLATE, 0, STORED),
        };
        self.u16(version).u16(flags | HAS_DESCRIPTOR | UTF8).u16(method).u16(time).u16(date)
    }

    /// The extra fields that local and central headers share.
    fn common_extra(&mut self, packing: Packing, modified_ms: Option<i64>) -> &mut Self {
        if let Some(seconds) = unix_seconds(modified_ms) {
            let time = seconds.to_le_bytes();
            self.extra(EXTRA_TIME, &[&[1], &time[..]].concat());
        }
        if packing == Packing::Encrypted {
            // AE-2, 256 bits, deflate inside.
            self.extra(EXTRA_AES, &[2, 0, b'A', b'E', 3, DEFLATE as u8, 0]);
        }
        self
    }
}

pub fn is_large(size: u64) -> bool {
    size >= LARGE_BYTES
}

/// The header before an entry's content. Sizes and checksum follow in the descriptor.
pub fn local(entry: &Entry, packing: Packing) -> Vec<u8> {
    let large = is_large(entry.size);
    let mut extra = Bytes(Vec::new());
    if large {
        extra.extra(EXTRA_ZIP64, &[0; 16]);
    }
    extra.common_extra(packing, entry.modified_ms);
    let sizes = if large { IN_ZIP64 } else { 0 };
    let mut bytes = Bytes(Vec::new());
    bytes.u32(LOCAL).common(large, packing, entry.modified_ms).u32(0).u32(sizes).u32(sizes);
    bytes.u16(entry.name.len() as u16).u16(extra.0.len() as u16);
    bytes.0.extend(entry.name.as_bytes());
    bytes.0.extend(extra.0);
    bytes.0
}

/// What follows an entry's content.
pub fn descriptor(written: &Written) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    bytes.u32(DESCRIPTOR).u32(written.crc32);
    if is_large(written.size) {
        bytes.u64(written.compressed).u64(written.size);
    } else {
        bytes.u32(written.compressed as u32).u32(written.size as u32);
    }
    bytes.0
}

/// An entry's row in the central directory.
pub fn central(written: &Written, packing: Packing) -> Vec<u8> {
    let large = is_large(written.size);
    let far = written.offset >= u64::from(IN_ZIP64);
    let mut zip64 = Bytes(Vec::new());
    if large {
        zip64.u64(written.size).u64(written.compressed);
    }
    if far {
        zip64.u64(written.offset);
    }
    let mut extra = Bytes(Vec::new());
    if !zip64.0.is_empty() {
        extra.extra(EXTRA_ZIP64, &zip64.0);
    }
    extra.common_extra(packing, written.modified_ms);
    let or_zip64 = |value: u64, is_there: bool| if is_there { IN_ZIP64 } else { value as u32 };
    let mut bytes = Bytes(Vec::new());
    bytes.u32(CENTRAL).u16(MADE_BY).common(large || far, packing, written.modified_ms);
    bytes.u32(written.crc32);
    bytes.u32(or_zip64(written.compressed, large)).u32(or_zip64(written.size, large));
    bytes.u16(written.name.len() as u16).u16(extra.0.len() as u16);
    // No comment, first disk, binary content.
    bytes.u16(0).u16(0).u16(0).u32(ATTRIBUTES).u32(or_zip64(written.offset, far));
    bytes.0.extend(written.name.as_bytes());
    bytes.0.extend(extra.0);
    bytes.0
}

/// The end of the archive: a directory of `count` rows and `size` bytes at `offset`.
pub fn end(count: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    let small = |value: u64| u32::try_from(value).unwrap_or(IN_ZIP64);
    let few = u16::try_from(count).unwrap_or(u16::MAX);
    if few == u16::MAX || small(size) == IN_ZIP64 || small(offset) == IN_ZIP64 {
        bytes.u32(END_64).u64(END_64_BYTES as u64 - 12).u16(MADE_BY).u16(VERSION_ZIP64);
        bytes.u32(0).u32(0).u64(count).u64(count).u64(size).u64(offset);
        bytes.u32(END_64_LOCATOR).u32(0).u64(offset + size).u32(1);
    }
    bytes.u32(END).u16(0).u16(0).u16(few).u16(few).u32(small(size)).u32(small(offset)).u16(0);
    bytes.0
}

/// Time and date in the form of MS-DOS, in UTC; years from 1980 to 2107.
fn dos_time(modified_ms: Option<i64>) -> (u16, u16) {
    let seconds = modified_ms.map(|ms| ms.div_euclid(1000));
    let moment = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let Some(moment) = moment.filter(|moment| (1980..=2107).contains(&moment.year())) else {
        return FIRST_DAY;
    };
    let time = u16::from(moment.hour()) << 11
        | u16::from(moment.minute()) << 5
        | u16::from(moment.second() / 2);
    let date = ((moment.year() - 1980) as u16) << 9
        | u16::from(u8::from(moment.month())) << 5
        | u16::from(moment.day());
    (time, date)
}

/// Seconds since 1970, as far as the extra field can say them.
fn unix_seconds(modified_ms: Option<i64>) -> Option<i32> {
    i32::try_from(modified_ms?.div_euclid(1000)).ok()
}
