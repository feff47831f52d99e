//! The central directory of a zip file, which is the truth about it: read row by row, so that its size takes no memory.

use std::io::{Read, Seek};

use super::super::source::Source;
use super::super::{decoding, invalid, unsupported};
use super::crypt::Strength;
use super::*;
use crate::domain::error::Result;

/// A comment of the whole archive has at most this many bytes.
const COMMENT_MAX_BYTES: usize = 65_535;

/// A row with all its variable parts.
const ROW_MAX_BYTES: usize = CENTRAL_BYTES + 3 * 65_535;

/// Where the directory lies.
#[derive(Clone, Copy, Debug)]
pub struct Directory {
    pub offset: u64,
    pub size: u64,
    /// Rows, as the end record says; in its old form it counts to 65535 and starts anew.
    pub count: u64,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    flags: u16,
    pub method: u16,
    pub crc32: u32,
    pub compressed: u64,
    pub size: u64,
    pub offset: u64,
    pub modified_ms: Option<i64>,
    /// In the form of MS-DOS; old encryption checks the password by it.
    pub time: u16,
    /// Unix file type and permissions, if it was made there.
    pub mode: Option<u32>,
    pub aes: Option<AesForm>,
}

#[derive(Clone, Copy, Debug)]
pub struct AesForm {
    pub strength: Strength,
    /// AE-2: the checksum is left out.
    pub without_crc: bool,
}

impl Row {
    pub fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    pub fn has_end_mark(&self) -> bool {
        self.flags & HAS_END_MARK != 0
    }

    pub fn has_descriptor(&self) -> bool {
        self.flags & HAS_DESCRIPTOR != 0
    }

    /// Encryption that is neither WinZip's nor the old one.
    pub fn is_strange(&self) -> bool {
        self.flags & (STRONG_ENCRYPTION | MASKED) != 0
    }
}

impl Directory {
    /// Finds the directory from the end of the file.
    pub fn find<R: Read + Seek>(source: &mut Source<R>) -> Result<Self> {
        let failed = |error| decoding(None, &error);
        let length = (END_BYTES + COMMENT_MAX_BYTES).min(source.size() as usize);
        let start = source.size() - length as u64;
        let tail = source.read_at(start, length).map_err(failed)?;
        let at = (0..=tail.len().saturating_sub(END_BYTES)).rev().find(|at| is_end(&tail[*at..]));
        let at = at.ok_or_else(|| invalid(None, "the zip file has no end record"))?;
        let end = end_record(&tail[at..]).ok_or_else(|| invalid(None, "no end record"))?;
        let position = start + at as u64;
        let (directory, limit) = match position.checked_sub(END_64_LOCATOR_BYTES as u64) {
            Some(at) => match zip64_end(source, at)? {
                Some((directory, position)) => (directory, position),
                None => (end, position),
            },
            None => (end, position),
        };
        match directory.offset.checked_add(directory.size) {
            Some(end) if end <= limit => Ok(directory),
            _ => Err(invalid(None, "the zip directory lies outside the file")),
        }
    }

    pub fn rows(&self) -> Rows {
        Rows { at: self.offset, end: self.offset + self.size, window: Vec::new(), used: 0 }
    }
}

fn is_end(bytes: &[u8]) -> bool {
    let mut fields = Fields(bytes);
    let comment = Fields(bytes.get(END_BYTES - 2..).unwrap_or_default()).u16();
    fields.u32() == Some(END)
        && comment.is_some_and(|length| END_BYTES + usize::from(length) <= bytes.len())
}

fn end_record(bytes: &[u8]) -> Option<Directory> {
    let mut fields = Fields(bytes);
    // Signature and the numbers of disks, of which there is one.
    fields.bytes(8)?;
    let _here = fields.u16()?;
    let count = u64::from(fields.u16()?);
    let size = u64::from(fields.u32()?);
    Some(Directory { count, size, offset: u64::from(fields.u32()?) })
}

/// The zip64 form of the end record and its position, if a locator stands at `at`.
fn zip64_end<R: Read + Seek>(source: &mut Source<R>, at: u64) -> Result<Option<(Directory, u64)>> {
    let failed = |error| decoding(None, &error);
    let locator = source.read_at(at, END_64_LOCATOR_BYTES).map_err(failed)?;
    let mut fields = Fields(&locator);
    if fields.u32() != Some(END_64_LOCATOR) {
        return Ok(None);
    }
    fields.u32();
    let position = fields.u64().unwrap_or(u64::MAX);
    let record = source.read_at(position, END_64_BYTES).map_err(failed)?;
    let read = |mut fields: Fields| {
        let signature = fields.u32()?;
        // Its size, versions and the numbers of disks.
        fields.bytes(8 + 2 + 2 + 4 + 4 + 8)?;
        let (count, size, offset) = (fields.u64()?, fields.u64()?, fields.u64()?);
        (signature == END_64).then_some(Directory { count, size, offset })
    };
    match read(Fields(&record)) {
        Some(directory) if position <= at => Ok(Some((directory, position))),
        _ => Err(invalid(None, "the zip64 end record is wrong")),
    }
}

/// Goes through the rows. The source may be used for other things between them.
pub struct Rows {
    at: u64,
    end: u64,
    window: Vec<u8>,
    used: usize,
}

impl Rows {
    /// Bytes of the directory that were read.
    pub fn walked(&self, directory: &Directory) -> u64 {
        self.at - directory.offset
    }

    pub fn next<R: Read + Seek>(&mut self, source: &mut Source<R>) -> Result<Option<Row>> {
        let left = self.window.len() - self.used;
        if left < ROW_MAX_BYTES && self.at < self.end {
            self.window.drain(..self.used);
            self.used = 0;
            let wanted = (self.end - self.at).min((2 * ROW_MAX_BYTES - left) as u64) as usize;
            let more = source.read_at(self.at, wanted).map_err(|error| decoding(None, &error))?;
            if more.len() < wanted {
                return Err(invalid(None, "the zip directory ends early"));
            }
            self.at += wanted as u64;
            self.window.extend(more);
        }
        let bytes = &self.window[self.used..];
        if bytes.is_empty() {
            return Ok(None);
        }
        let row = row(Fields(bytes));
        let (row, length) =
            row.ok_or_else(|| invalid(None, "a row of the zip directory is wrong"))?;
        self.used += length;
        if row.is_strange() {
            return Err(unsupported(Some(&row.name), "an encryption"));
        }
        Ok(Some(row))
    }
}

/// A row and the number of its bytes.
fn row(mut fields: Fields) -> Option<(Row, usize)> {
    if fields.u32()? != CENTRAL {
        return None;
    }
    let made_by = fields.u16()?;
    let _needed = fields.u16()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let (time, date) = (fields.u16()?, fields.u16()?);
    let (crc32, compressed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let lengths = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
    let _disk_and_kind = fields.u32()?;
    let attributes = fields.u32()?;
    let offset = fields.u32()?;
    let name = fields.bytes(lengths[0])?;
    let extra = Fields(fields.bytes(lengths[1])?);
    fields.bytes(lengths[2])?;
    let made_on = made_by >> 8;
    let mut row = Row {
        name: names::decoded(name),
        flags,
        method,
        crc32,
        compressed: u64::from(compressed),
        size: u64::from(size),
        offset: u64::from(offset),
        modified_ms: dos_ms(time, date),
        time,
        // Made on Unix or on a Mac.
        mode: (made_on == 3 || made_on == 19).then_some(attributes >> 16),
        aes: None,
    };
    row.extras(extra, name)?;
    (row.method != AES).then_some((row, CENTRAL_BYTES + lengths.iter().sum::<usize>()))
}

impl Row {
    /// Fields that are malformed are passed over, as long as nothing needs them.
    fn extras(&mut self, mut extra: Fields, raw_name: &[u8]) -> Option<()> {
        let mut has_unix_time = false;
        while let Some((id, mut content)) = extra.extra() {
            match id {
                EXTRA_ZIP64 => {
                    for field in [&mut self.size, &mut self.compressed, &mut self.offset] {
                        if *field == u64::from(IN_ZIP64)
                            && let Some(value) = content.u64()
                        {
                            *field = value;
                        }
                    }
                }
                EXTRA_AES if self.method == AES => self.aes_form(content)?,
                EXTRA_TIME => {
                    if content.u8().is_some_and(|flags| flags & 1 == 1)
                        && let Some(seconds) = content.array().map(i32::from_le_bytes)
                    {
                        self.modified_ms = Some(i64::from(seconds) * 1000);
                        has_unix_time = true;
                    }
                }
                EXTRA_NTFS if !has_unix_time => {
                    self.modified_ms = ntfs_ms(content).or(self.modified_ms);
                }
                EXTRA_NAME => {
                    // Holds only while the name it replaces is the one in the row.
                    if content.u8() == Some(1)
                        && content.u32() == Some(crc32fast::hash(raw_name))
                        && let Ok(name) = std::str::from_utf8(content.0)
                    {
                        self.name = name.to_owned();
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn aes_form(&mut self, mut content: Fields) -> Option<()> {
        let version = content.u16()?;
        content.u16()?;
        let strength = match content.u8()? {
            1 => Strength::Aes128,
            2 => Strength::Aes192,
            3 => Strength::Aes256,
            _ => return None,
        };
        self.method = content.u16()?;
        self.aes = Some(AesForm { strength, without_crc: version >= 2 });
        Some(())
    }
}

/// The time of change, in steps of 100 ns since 1601.
fn ntfs_ms(mut content: Fields) -> Option<i64> {
    content.u32()?;
    let (tag, mut times) = content.extra()?;
    let ticks = times.u64()?;
    (tag == 1).then_some(())?;
    i64::try_from(ticks / 10_000).ok()?.checked_sub(super::super::SECONDS_FROM_1601 * 1000)
}

fn dos_ms(time: u16, date: u16) -> Option<i64> {
    let month = time::Month::try_from((date >> 5 & 15) as u8).ok()?;
    let day = (date & 31) as u8;
    let date = time::Date::from_calendar_date(i32::from(date >> 9) + 1980, month, day).ok()?;
    let (hour, minute) = ((time >> 11) as u8, (time >> 5 & 63) as u8);
    let moment = date.with_hms(hour, minute, (time & 31) as u8 * 2).ok()?;
    Some(moment.assume_utc().unix_timestamp() * 1000)
}
