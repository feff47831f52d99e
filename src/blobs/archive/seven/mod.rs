//! 7z archives, read by the `sevenz-rust2` crate with its memory limit, in one pass from start to end: most are solid,
//! so that an entry cannot be had without those before it.

mod header;
mod made_up;
mod memory;

use std::io::{Read, Seek};

use sevenz_rust2::{Archive, ArchiveEntry, Block, BlockDecoder, EncoderMethod, Password};

use self::header::Claims;
use super::outlet::{Outlet, Way, What};
use super::read::{Inspected, Limits, Lock};
use super::source::Source;
use super::zip::read::lock_of;
use super::{
    DECODER_MEMORY_KIB, Kind, SECONDS_FROM_1601, decoding, invalid, password_required,
    password_wrong, too_much_memory, unsupported,
};
use crate::domain::error::{Error, Kind as ErrorKind, Result};

/// Inspecting knows no limits of the caller; this many entries are listed at most.
const INSPECT_ENTRIES: u64 = 100_000;

/// Enough of an encrypted file to see that its decoder stumbles.
const TRIAL_BYTES: u64 = 64 * 1024;

/// Windows attributes. The upper half is the Unix mode if the last of these says so.
const REPARSE_POINT: u32 = 0x400;
const UNIX_MODE_FOLLOWS: u32 = 0x8000;

/// Is something encrypted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    Plain,
    Encrypted,
}

impl Secrecy {
    fn of(block: &Block) -> Self {
        let is_aes = |id: &[u8]| id == EncoderMethod::ID_AES256_SHA256;
        match block.coders.iter().any(|coder| is_aes(coder.encoder_method_id())) {
            true => Self::Encrypted,
            false => Self::Plain,
        }
    }

    /// What seems damaged may well be a wrong password.
    fn doubt(self, error: Error) -> Error {
        match (self, error.kind()) {
            (Self::Encrypted, ErrorKind::ArchiveInvalid) => password_wrong().because(error),
            _ => error,
        }
    }
}

/// An archive whose header is within the limits.
struct Opened {
    archive: Archive,
    password: Password,
    header: Secrecy,
}

fn open<R: Read + Seek>(
    source: &mut Source<R>,
    password: Option<&str>,
    limits: &Limits,
) -> Result<Opened> {
    let password = password.map_or_else(Password::empty, Password::new);
    let header = match header::check(source, &password, limits)? {
        Claims::Nothing => {
            let archive = Archive::default();
            return Ok(Opened { archive, password, header: Secrecy::Plain });
        }
        Claims::Files(secrecy) => secrecy,
    };
    let memory = DECODER_MEMORY_KIB as usize;
    let archive = Archive::read_with_memory_limit(source, &password, memory)
        .map_err(|error| header.doubt(failed(error, None)))?;
    Ok(Opened { archive, password, header })
}

impl Opened {
    fn decoder<'a, R: Read + Seek>(
        &'a self,
        block: usize,
        source: &'a mut Source<R>,
    ) -> Result<BlockDecoder<'a, Source<R>>> {
        memory::check(&self.archive.blocks[block])?;
        let memory = DECODER_MEMORY_KIB as usize;
        Ok(BlockDecoder::new_with_memory_limit(
            1,
            memory,
            block,
            &self.archive,
            &self.password,
            source,
        ))
    }
}

pub fn extract<R: Read + Seek>(
    source: &mut Source<R>,
    password: Option<&str>,
    outlet: &mut Outlet,
) -> Result<()> {
    let opened = open(source, password, outlet.limits())?;
    let mut password_held = opened.header == Secrecy::Encrypted;
    for (index, block) in opened.archive.blocks.iter().enumerate() {
        let decoder = opened.decoder(index, source)?;
        let secrecy = Secrecy::of(block);
        let is_solid = decoder.entry_count() > 1;
        let mut last = None;
        let mut stopped = None;
        let result = decoder.for_each_entries(&mut |entry, content| {
            last = Some(entry.name.clone());
            entry_in_block(entry, content, is_solid, outlet).map_err(|error| {
                stopped = Some(error);
                sevenz_rust2::Error::Other("stopped".into())
            })
        });
        if let Err(error) = result {
            let error = stopped.unwrap_or_else(|| failed(error, last.as_deref()));
            return Err(if password_held { error } else { secrecy.doubt(error) });
        }
        password_held |= secrecy == Secrecy::Encrypted;
    }
    let blocks = &opened.archive.stream_map.file_block_index;
    for (entry, block) in opened.archive.files.iter().zip(blocks) {
        if block.is_none() {
            let way = begin(entry, outlet)?;
            outlet.end(way)?;
        }
    }
    Ok(())
}

/// Gives one entry; says whether the block is to be read on.
fn entry_in_block(
    entry: &ArchiveEntry,
    content: &mut dyn Read,
    is_solid: bool,
    outlet: &mut Outlet,
) -> Result<bool> {
    let way = begin(entry, outlet)?;
    if way != Way::Give && !is_solid {
        if way == Way::Count {
            outlet.passed(entry.size)?;
        }
        return Ok(false);
    }
    outlet.drain(content, &entry.name, way)?;
    outlet.end(way)?;
    Ok(true)
}

fn begin(entry: &ArchiveEntry, outlet: &mut Outlet) -> Result<Way> {
    let modified_ms = entry.has_last_modified_date.then(|| {
        let ticks = u64::from(entry.last_modified_date);
        (ticks / 10_000) as i64 - SECONDS_FROM_1601 * 1000
    });
    outlet.begin(&entry.name, what(entry), Some(entry.size), modified_ms)
}

fn what(entry: &ArchiveEntry) -> What {
    const TYPE: u32 = 0o170_000;
    if entry.is_anti_item {
        return What::Other("it only says that a file is gone");
    }
    let attributes = if entry.has_windows_attributes { entry.windows_attributes } else { 0 };
    let mode = if attributes & UNIX_MODE_FOLLOWS != 0 { attributes >> 16 } else { 0 };
    match mode & TYPE {
        0o120_000 => What::Other("it is a symbolic link"),
        0o020_000 | 0o060_000 => What::Other("it is a device"),
        0o010_000 => What::Other("it is a pipe"),
        0o140_000 => What::Other("it is a socket"),
        _ if attributes & REPARSE_POINT != 0 => What::Other("it is a link of Windows"),
        _ if entry.is_directory => What::Folder,
        _ => What::File,
    }
}

pub fn inspect<R: Read + Seek>(
    source: &mut Source<R>,
    password: Option<&str>,
) -> Result<Inspected> {
    let limits =
        Limits { entries: INSPECT_ENTRIES, total_bytes: u64::MAX, ratio: u64::MAX, depth: 1 };
    let locked = |lock, entries, total_bytes| Inspected {
        kind: Kind::SevenZip,
        is_tar: false,
        entries,
        total_bytes,
        lock,
    };
    let opened = match open(source, password, &limits) {
        Ok(opened) => opened,
        Err(error) => return lock_of(error).map(|lock| locked(lock, None, None)),
    };
    let encrypted =
        opened.archive.blocks.iter().position(|block| Secrecy::of(block) == Secrecy::Encrypted);
    let lock = match encrypted {
        Some(block) => match try_block(&opened, block, source) {
            Ok(()) => Lock::PasswordFits,
            Err(error) => lock_of(error)?,
        },
        None if opened.header == Secrecy::Encrypted => Lock::PasswordFits,
        None => Lock::Open,
    };
    let files = &opened.archive.files;
    let total = files.iter().fold(0_u64, |total, file| total.saturating_add(file.size));
    Ok(locked(lock, Some(files.len() as u64), Some(total)))
}

/// Decodes the beginning of an encrypted block.
fn try_block<R: Read + Seek>(opened: &Opened, block: usize, source: &mut Source<R>) -> Result<()> {
    if opened.password.is_empty() {
        return Err(password_required());
    }
    let mut result = Ok(());
    opened
        .decoder(block, source)?
        .for_each_entries(&mut |_, content| {
            result = std::io::copy(&mut content.take(TRIAL_BYTES), &mut std::io::sink()).map(drop);
            Ok(false)
        })
        .map_err(|error| Secrecy::Encrypted.doubt(failed(error, None)))?;
    result.map_err(|error| Secrecy::Encrypted.doubt(decoding(None, &error)))
}

/// What a failure of the crate means. That a password may be wrong is added where something is encrypted.
fn failed(error: sevenz_rust2::Error, entry: Option<&str>) -> Error {
    use sevenz_rust2::Error as Failure;
    match error {
        Failure::PasswordRequired => password_required(),
        Failure::MaxMemLimited { .. } => too_much_memory("dictionary"),
        Failure::UnsupportedCompressionMethod(method) => {
            unsupported(entry, format!("compression method {method}"))
        }
        Failure::UnsupportedVersion { .. } => unsupported(entry, "a newer form of 7z"),
        Failure::ExternalUnsupported => unsupported(entry, "a list of files kept apart"),
        Failure::Unsupported(what) => unsupported(entry, what),
        Failure::Io(error, _) | Failure::MaybeBadPassword(error) => decoding(entry, &error),
        error => invalid(entry, error),
    }
}
