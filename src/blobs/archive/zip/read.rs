//! Extracting zip files, entry by entry in the order of the directory.

use std::io::{self, BufRead, BufReader, Read, Seek};

use super::super::outlet::{Outlet, Way, What, check_entries};
use super::super::read::{Inspected, Limits, Lock};
use super::super::source::Source;
use super::super::{Kind, decoding, invalid, password_required, password_wrong};
use super::crypt::{
    Aes, AesReader, OLD_HEADER_BYTES, OldKeys, OldReader, TAG_BYTES, VERIFIER_BYTES,
};
use super::directory::{Directory, Row, Rows};
use super::{Fields, LOCAL, LOCAL_BYTES, decode};
use crate::domain::error::{Error, Kind as ErrorKind, Result};

/// Rows read together, so that directory and content are not read in turns.
const BATCH_ROWS: usize = 256;
const BATCH_NAME_BYTES: usize = 1024 * 1024;

/// Inspecting stops after this much of the directory.
const INSPECT_ROWS: u64 = 100_000;
const INSPECT_BYTES: u64 = 32 * 1024 * 1024;

/// Bytes read at once from an encrypted entry.
const DECRYPT_BYTES: usize = 64 * 1024;

pub fn extract<R: Read + Seek>(
    source: &mut Source<R>,
    password: Option<&str>,
    outlet: &mut Outlet,
) -> Result<()> {
    let directory = Directory::find(source)?;
    let starts = starts(source, &directory, outlet.limits())?;
    let mut extraction = Extraction { source, password, starts, password_held: false };
    let mut rows = directory.rows();
    loop {
        let batch = batch(&mut rows, extraction.source)?;
        if batch.is_empty() {
            return Ok(());
        }
        for row in &batch {
            extraction.entry(row, outlet)?;
        }
    }
}

/// Where entries begin, in order, and the directory after them. What reaches into the next one is refused: entries
/// that share content are how small files unpack to petabytes.
fn starts<R: Read + Seek>(
    source: &mut Source<R>,
    directory: &Directory,
    limits: &Limits,
) -> Result<Vec<u64>> {
    let mut starts = Vec::new();
    let mut rows = directory.rows();
    while let Some(row) = rows.next(source)? {
        starts.push(row.offset);
        check_entries(starts.len() as u64, limits)?;
    }
    if starts.len() as u64 & 0xffff != directory.count & 0xffff {
        return Err(invalid(None, "the zip directory has another number of rows than it says"));
    }
    starts.push(directory.offset);
    starts.sort_unstable();
    Ok(starts)
}

fn batch<R: Read + Seek>(rows: &mut Rows, source: &mut Source<R>) -> Result<Vec<Row>> {
    let mut batch = Vec::new();
    let mut name_bytes = 0;
    while batch.len() < BATCH_ROWS && name_bytes < BATCH_NAME_BYTES {
        let Some(row) = rows.next(source)? else {
            break;
        };
        name_bytes += row.name.len();
        batch.push(row);
    }
    Ok(batch)
}

struct Extraction<'a, R> {
    source: &'a mut Source<R>,
    password: Option<&'a str>,
    starts: Vec<u64>,
    /// The password has opened an entry to its end.
    password_held: bool,
}

impl<R: Read + Seek> Extraction<'_, R> {
    fn entry(&mut self, row: &Row, outlet: &mut Outlet) -> Result<()> {
        let way = outlet.begin(&row.name, what(row), Some(row.size), row.modified_ms)?;
        match way {
            Way::Drop => return Ok(()),
            Way::Count => return outlet.passed(row.size),
            Way::Give => {}
        }
        let start = content_start(self.source, row)?;
        let end = start.checked_add(row.compressed);
        let next = self.starts.partition_point(|start| *start <= row.offset);
        let shared = next >= 2 && self.starts[next - 2] == row.offset;
        let fits = end.is_some_and(|end| self.starts.get(next).is_some_and(|next| end <= *next));
        if shared || !fits {
            return Err(invalid(Some(&row.name), "entries of the zip file overlap"));
        }
        let result = self.content(row, outlet);
        // The old encryption checks one byte of the password: what fails first may well be the rest of it.
        let doubtful = row.is_encrypted() && row.aes.is_none() && !self.password_held;
        result.map_err(|error| match error.kind() {
            ErrorKind::ArchiveInvalid if doubtful => password_wrong().because(error),
            _ => error,
        })?;
        self.password_held |= row.is_encrypted();
        outlet.end(way)
    }

    fn content(&mut self, row: &Row, outlet: &mut Outlet) -> Result<()> {
        let mut input = unlocked(self.source, row, self.password)?;
        let mut content = Checked {
            inner: decode::open(&mut input, row)?,
            checksum: crc32fast::Hasher::new(),
            left: row.size,
        };
        outlet.drain(&mut content, &row.name, Way::Give)?;
        if content.left > 0 {
            return Err(invalid(Some(&row.name), "it is shorter than the zip file says"));
        }
        let checksum = content.checksum.clone().finalize();
        drop(content);
        if let Some(form) = row.aes {
            // The tag stands behind all encrypted bytes, whether they were needed or not.
            io::copy(&mut input, &mut io::sink())
                .map_err(|error| decoding(Some(&row.name), &error))?;
            if form.without_crc {
                return Ok(());
            }
        }
        match checksum == row.crc32 {
            true => Ok(()),
            false => Err(invalid(Some(&row.name), "its checksum is wrong")),
        }
    }
}

/// Content with its checksum; more of it than the directory says is an error.
struct Checked<'a> {
    inner: Box<dyn Read + 'a>,
    checksum: crc32fast::Hasher,
    left: u64,
}

impl Read for Checked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.checksum.update(&into[..count]);
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("it is longer than the zip file says")),
        }
        Ok(count)
    }
}

fn what(row: &Row) -> What {
    const TYPE: u32 = 0o170_000;
    match row.mode.map_or(0, |mode| mode & TYPE) {
        0o120_000 => What::Other("it is a symbolic link"),
        0o020_000 | 0o060_000 => What::Other("it is a device"),
        0o010_000 => What::Other("it is a pipe"),
        0o140_000 => What::Other("it is a socket"),
        0o040_000 => What::Folder,
        _ if row.name.ends_with('/') => What::Folder,
        _ => What::File,
    }
}

/// Where an entry's content begins, by its local header.
fn content_start<R: Read + Seek>(source: &mut Source<R>, row: &Row) -> Result<u64> {
    let header = source
        .read_at(row.offset, LOCAL_BYTES)
        .map_err(|error| decoding(Some(&row.name), &error))?;
    let read = |mut fields: Fields| {
        let signature = fields.u32()?;
        fields.bytes(LOCAL_BYTES - 4 - 4)?;
        let (name, extra) = (fields.u16()?, fields.u16()?);
        (signature == LOCAL).then_some(LOCAL_BYTES as u64 + u64::from(name) + u64::from(extra))
    };
    let start = read(Fields(&header)).and_then(|length| row.offset.checked_add(length));
    let start = start.ok_or_else(|| invalid(Some(&row.name), "its header is missing"))?;
    source.go_to(start);
    Ok(start)
}

/// The entry's content as it was compressed. The source stands at its beginning.
fn unlocked<'a, R: Read + Seek>(
    source: &'a mut Source<R>,
    row: &Row,
    password: Option<&str>,
) -> Result<Box<dyn BufRead + 'a>> {
    if !row.is_encrypted() {
        return Ok(Box::new(source.take(row.compressed)));
    }
    let password = password.ok_or_else(password_required)?;
    let failed = |error: io::Error| decoding(Some(&row.name), &error);
    let short = || invalid(Some(&row.name), "it is too short for its encryption");
    if let Some(form) = row.aes {
        let around = form.strength.salt_bytes() + VERIFIER_BYTES + TAG_BYTES;
        let length = row.compressed.checked_sub(around as u64).ok_or_else(short)?;
        let mut salt = vec![0; form.strength.salt_bytes()];
        let mut verifier = [0; VERIFIER_BYTES];
        source.read_exact(&mut salt).map_err(failed)?;
        source.read_exact(&mut verifier).map_err(failed)?;
        let (aes, expected) = Aes::new(password, &salt, form.strength)?;
        if verifier != expected {
            return Err(password_wrong());
        }
        let reader = AesReader::new(source, aes, length);
        return Ok(Box::new(BufReader::with_capacity(DECRYPT_BYTES, reader)));
    }
    let length = row.compressed.checked_sub(OLD_HEADER_BYTES as u64).ok_or_else(short)?;
    let mut header = [0; OLD_HEADER_BYTES];
    source.read_exact(&mut header).map_err(failed)?;
    let mut keys = OldKeys::new(password);
    keys.decrypt(&mut header);
    let check = header[OLD_HEADER_BYTES - 1];
    // With a descriptor the checksum was not known yet; not all writers thought of that.
    let by_time = row.has_descriptor() && check == (row.time >> 8) as u8;
    if check != (row.crc32 >> 24) as u8 && !by_time {
        return Err(password_wrong());
    }
    let reader = OldReader { inner: source.take(length), keys };
    Ok(Box::new(BufReader::with_capacity(DECRYPT_BYTES, reader)))
}

pub fn inspect<R: Read + Seek>(
    source: &mut Source<R>,
    password: Option<&str>,
) -> Result<Inspected> {
    let directory = Directory::find(source)?;
    let mut rows = directory.rows();
    let (mut walked, mut total_bytes, mut locked) = (0, 0_u64, None);
    while walked < INSPECT_ROWS && rows.walked(&directory) < INSPECT_BYTES {
        let Some(row) = rows.next(source)? else {
            break;
        };
        walked += 1;
        total_bytes = total_bytes.saturating_add(row.size);
        if row.is_encrypted() && locked.is_none() {
            locked = Some(row);
        }
    }
    let lock = match locked {
        None => Lock::Open,
        Some(row) => lock(source, &row, password)?,
    };
    let all = rows.next(source)?.is_none();
    Ok(Inspected {
        kind: Kind::Zip,
        is_tar: false,
        entries: Some(if all { walked } else { directory.count.max(walked) }),
        total_bytes: all.then_some(total_bytes),
        lock,
    })
}

fn lock<R: Read + Seek>(source: &mut Source<R>, row: &Row, password: Option<&str>) -> Result<Lock> {
    content_start(source, row)?;
    match unlocked(source, row, password).map(drop) {
        Ok(()) => Ok(Lock::PasswordFits),
        Err(error) => lock_of(error),
    }
}

/// What is wrong with a password, as an answer.
pub fn lock_of(error: Error) -> Result<Lock> {
    match error.kind() {
        ErrorKind::PasswordRequired => Ok(Lock::PasswordMissing),
        ErrorKind::PasswordWrong => Ok(Lock::PasswordWrong),
        _ => Err(error),
    }
}
