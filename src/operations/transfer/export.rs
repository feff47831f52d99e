//! Writes the files of accounts as a plain tree, with a list of their hashes, so that nobody is locked in. Nothing that
//! is there with other bytes is ever replaced; what is there already is passed over, so that an interrupted export is
//! simply begun again. It reads only, and may work beside a running server.

use std::collections::HashSet;
use std::fs::{self, File as OsFile, FileTimes};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{CWD, RenameFlags};
use sha2::{Digest as _, Sha256};

use crate::blobs::Blobs;
use crate::blobs::bring::{is_no_way, link_out, no_way, open_plain, reflink};
use crate::blobs::draft::{copy, error_of};
use crate::blobs::pool::PoolDir;
use crate::blobs::reader::Reader;
use crate::domain::account::Account;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, FileName, Folder, stem_and_ending};
use crate::domain::id::ObjectId;
use crate::domain::time::Timestamp;
use crate::domain::transfer::{Tally, Told, Way};
use crate::operations::places::Hashed;
use crate::store::{Store, files};

/// Rows read at once.
const PAGE: usize = 500;
/// Names tried for one file.
const NAMES_MAX: u32 = 1_000;
/// The list of hashes, for `sha256sum -c`.
const MANIFEST: &str = "SHA256SUMS";
const HEADING: &str = "# Drive export";
/// Holds what is being written, on the target's own file system.
const WORK: &str = ".drive-export";

/// Whose files go where.
pub struct Share {
    pub account: Account,
    /// The folder of an account among several.
    pub folder: Option<String>,
}

struct Exporting<'a> {
    store: &'a Store,
    blobs: &'a Blobs,
    root: PathBuf,
    part: PathBuf,
    way: Way,
    manifest: BufWriter<OsFile>,
    /// Paths that this export has used, without regard to capitals: 8 bytes each.
    used: HashSet<u64>,
    tally: Tally,
    tell: &'a mut dyn FnMut(Told<'_>),
}

/// What is to stand in the tree.
struct Wanted<'a> {
    name: &'a str,
    size: u64,
    sha256: Digest,
    modified: Timestamp,
    bytes: Source<'a>,
}

enum Source<'a> {
    Object(&'a Arc<PoolDir>, ObjectId),
    Memory(&'a [u8]),
}

/// Writes the tree. What was written before an error stays, without a new list of hashes.
pub fn run(
    store: &Store,
    blobs: &Blobs,
    shares: &[Share],
    (target, way): (&Path, Way),
    now: Timestamp,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<Tally> {
    let wrong = |error: io::Error| {
        let message = format!("{} cannot be written to: {error}.", target.display());
        Error::invalid("DIR", message)
    };
    let work = target.join(WORK);
    fs::create_dir_all(&work).map_err(wrong)?;
    let lock = OsFile::create(work.join("lock")).map_err(wrong)?;
    lock.try_lock().map_err(|_| {
        Error::invalid("DIR", format!("Another export writes to {}.", target.display()))
    })?;
    refuse_foreign_manifest(target)?;
    let listed = work.join(MANIFEST);
    let manifest = OsFile::create(&listed).map_err(wrong)?;
    let mut exporting = Exporting {
        store,
        blobs,
        root: target.to_owned(),
        part: work.join("part"),
        way,
        manifest: BufWriter::new(manifest),
        used: HashSet::new(),
        tally: Tally::default(),
        tell,
    };
    exporting.list(&format!("{HEADING} of {now}; check it with: sha256sum -c {MANIFEST}"))?;
    for share in shares {
        exporting.share(share, now)?;
    }
    let Exporting { mut manifest, tally, .. } = exporting;
    // All that was written is on the disk before the list says so.
    manifest
        .flush()
        .and_then(|()| rustix::fs::syncfs(manifest.get_ref()).map_err(io::Error::from))
        .and_then(|()| fs::rename(&listed, target.join(MANIFEST)))
        .and_then(|()| OsFile::open(target)?.sync_all())
        .and_then(|()| fs::remove_dir_all(&work))
        .map_err(|error| Error::io("writing the list of hashes", &error))?;
    Ok(tally)
}

/// A list that is there may be replaced by a newer one, but not somebody else's file of that name.
fn refuse_foreign_manifest(target: &Path) -> Result<()> {
    let path = target.join(MANIFEST);
    let mut head = vec![0; HEADING.len()];
    match OsFile::open(&path).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) if head == HEADING.as_bytes() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => {
            let message = format!("{} is not of an export; choose another folder.", path.display());
            Err(Error::invalid("DIR", message))
        }
    }
}

impl Exporting<'_> {
    fn list(&mut self, line: &str) -> Result<()> {
        writeln!(self.manifest, "{line}")
            .map_err(|error| Error::io("writing the list of hashes", &error))
    }

    fn share(&mut self, share: &Share, now: Timestamp) -> Result<()> {
        let base = PathBuf::from(share.folder.as_deref().unwrap_or_default());
        let owner = share.account.id;
        let mut last: Option<File> = None;
        loop {
            let page =
                self.store.read_now(|db| files::by_place(db, owner, now, last.as_ref(), PAGE))?;
            for file in &page {
                let place = base.join(file.folder.trim_start_matches('/'));
                match self.file(file, &place) {
                    Err(error) if ends_all(&error) => return Err(error),
                    Err(error) => {
                        self.tally.left_out += 1;
                        (self.tell)(Told::LeftOut(&place.join(&file.name), &error.to_string()));
                    }
                    Ok(()) => {}
                }
                (self.tell)(Told::Progress(&self.tally));
            }
            let full = page.len() == PAGE;
            last = page.into_iter().next_back();
            if !full {
                return Ok(());
            }
        }
    }

    fn file(&mut self, file: &File, place: &Path) -> Result<()> {
        // Rows hold what was checked when it came in; a path outside is worth another look.
        let folder = Folder::parse(&file.folder)?;
        let name = file.stored_name();
        let name = FileName::parse("name", &name)?;
        if folder.as_str() != file.folder {
            return Err(Error::invalid("folder", "Its folder is none that can be written."));
        }
        let top = place.iter().next().unwrap_or_default();
        if [WORK, MANIFEST].iter().any(|own| top.eq_ignore_ascii_case(own)) {
            let message = "The export itself needs the name of its folder; move it in the drive.";
            return Err(Error::new(Kind::NameTaken, message));
        }
        self.folders(place)?;
        let pool = self.blobs.pool(file.pool_id)?;
        let modified = file.last_modified.unwrap_or(file.created_at);
        let wanted = Wanted {
            name: name.as_str(),
            size: file.size,
            sha256: file.sha256,
            modified,
            bytes: Source::Object(pool, file.object_id),
        };
        self.put(place, &wanted)?;
        let Some(lock) = &file.lock else { return Ok(()) };
        // With the password this opens the other one, by `age` alone.
        self.put(
            place,
            &Wanted {
                name: &format!("{}.key.age", file.open_name()),
                size: lock.wrapped_key.len() as u64,
                sha256: Digest(Sha256::digest(&lock.wrapped_key).into()),
                modified,
                bytes: Source::Memory(&lock.wrapped_key),
            },
        )
    }

    /// Makes the folders on the way; a link in the place of one could lead anywhere.
    fn folders(&self, place: &Path) -> Result<()> {
        let mut path = self.root.clone();
        for part in place {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => continue,
                Ok(_) => {
                    let message = format!("{} is there and is no folder.", path.display());
                    return Err(Error::new(Kind::NameTaken, message));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(refused(&error)),
            }
            fs::create_dir(&path).map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    /// Puts bytes under their name, or under the first with a number that is free or holds just them already.
    fn put(&mut self, place: &Path, wanted: &Wanted<'_>) -> Result<()> {
        let (stem, ending) = stem_and_ending(wanted.name);
        let mut is_written = false;
        for number in 1..=NAMES_MAX {
            let name = match number {
                1 => wanted.name.to_owned(),
                _ => format!("{stem} ({number}){ending}"),
            };
            let inside = place.join(&name);
            if inside.to_string_lossy().eq_ignore_ascii_case(MANIFEST) {
                continue;
            }
            let path = self.root.join(&inside);
            // What another file of this export may have written says nothing of this one until it is read.
            let is_first = self.used.insert(key(&inside));
            match fs::symlink_metadata(&path) {
                Ok(meta) if is_same(&path, &meta, wanted, is_first)? => {
                    self.tally.there += 1;
                    return self.listed(&inside, wanted);
                }
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(refused(&error)),
            }
            if !is_written {
                self.write(wanted)?;
                is_written = true;
            }
            if !settle(&self.part, &path)? {
                continue;
            }
            self.tally.files += 1;
            self.tally.bytes += wanted.size;
            if number > 1 {
                let said = format!("The name was taken; it is called \"{name}\" there.");
                (self.tell)(Told::Note(&place.join(wanted.name), &said));
            }
            return self.listed(&inside, wanted);
        }
        Err(Error::new(Kind::NameTaken, "Its name and all with a number behind are taken."))
    }

    fn listed(&mut self, inside: &Path, wanted: &Wanted<'_>) -> Result<()> {
        self.list(&format!("{}  {}", wanted.sha256, inside.display()))
    }

    /// Writes the bytes aside.
    fn write(&self, wanted: &Wanted<'_>) -> Result<()> {
        let writing = |error: io::Error| Error::io("writing a file", &error);
        match fs::remove_file(&self.part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(writing(error)),
            _ => {}
        }
        let part = match &wanted.bytes {
            Source::Memory(bytes) => {
                let mut part = OsFile::create_new(&self.part).map_err(writing)?;
                part.write_all(bytes).map_err(writing)?;
                part
            }
            Source::Object(pool, id) => self.bring_out(pool, *id, wanted)?,
        };
        let moment = match u64::try_from(wanted.modified.0) {
            Ok(after) => UNIX_EPOCH + Duration::from_millis(after),
            Err(_) => UNIX_EPOCH - Duration::from_millis(wanted.modified.0.unsigned_abs()),
        };
        part.set_times(FileTimes::new().set_modified(moment)).map_err(writing)
    }

    fn bring_out(&self, pool: &Arc<PoolDir>, id: ObjectId, wanted: &Wanted<'_>) -> Result<OsFile> {
        let writing = |error: io::Error| Error::io("writing a file", &error);
        let local = pool.local_path(id)?;
        if let (Way::Link, Some(object)) = (self.way, &local)
            && link_out(object, &self.part)?
        {
            return open_plain(&self.part).map_err(writing);
        }
        let mut part = OsFile::create_new(&self.part).map_err(writing)?;
        if let (Way::Best | Way::Reflink, Some(object)) = (self.way, &local) {
            let opened = open_plain(object);
            let source = opened.map_err(|error| Error::io("opening an object", &error))?;
            if reflink(&part, &source)? {
                return Ok(part);
            }
        }
        if self.way == Way::Reflink {
            return Err(no_way("reflinks"));
        }
        let mut source = Hashed::new(Reader::open(pool, id, wanted.size)?.into_stream());
        copy(&mut source, &mut part).map_err(|error| error_of("writing a file", error))?;
        if source.finish() != wanted.sha256 {
            let message = "It is damaged in the pool: its bytes no longer have their hash.";
            return Err(Error::new(Kind::ContentCorrupt, message));
        }
        Ok(part)
    }
}

/// The same for paths that a target blind to capitals holds for one.
fn key(inside: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    inside.to_string_lossy().to_lowercase().hash(&mut hasher);
    hasher.finish()
}

/// Is what stands there just these bytes? Size and time may be believed, as an export sets them; else it is read.
fn is_same(path: &Path, meta: &fs::Metadata, wanted: &Wanted<'_>, believe: bool) -> Result<bool> {
    if !meta.is_file() || meta.len() != wanted.size {
        return Ok(false);
    }
    let milliseconds = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
    if believe && milliseconds == wanted.modified.0 {
        return Ok(true);
    }
    let reading = |error: io::Error| Error::io("reading a file that is there", &error);
    let mut source = Hashed::new(open_plain(path).map_err(reading)?);
    copy(&mut source, &mut io::sink()).map_err(reading)?;
    Ok(source.finish() == wanted.sha256)
}

/// Gives what was written aside its name; false when another file has that by now, as one with other capitals may.
fn settle(part: &Path, path: &Path) -> Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, part, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // Some file systems know no such rename; whether the name is free was looked at just before.
        Err(Errno::INVAL | Errno::NOSYS) if !path.exists() => {
            fs::rename(part, path).map(|()| true).map_err(|error| refused(&error))
        }
        Err(error) => Err(refused(&error.into())),
    }
}

/// What the target says to a name.
fn refused(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded {
        return Error::io("writing a file", error);
    }
    Error::new(Kind::Conflict, format!("The target does not take this name: {error}."))
}

/// What would be the same for every other file ends the export; the rest is the file's own.
fn ends_all(error: &Error) -> bool {
    is_no_way(error) || matches!(error.kind(), Kind::DiskFull | Kind::Database | Kind::Internal)
}
