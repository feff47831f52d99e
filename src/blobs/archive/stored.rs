//! A zip archive that is made while it is sent: nothing is compressed, so its length is known before its first byte,
//! and it can be read from any position. Nothing of it is ever written to disk.

use super::write::{Entry, Written};
use super::zip::records::{self, Packing};
use crate::domain::error::{Error, Result};

/// Entries of such an archive; its directory is held in memory at its end.
pub const ENTRIES_MAX: usize = 10_000;
/// Bytes read at once.
const PIECE: u64 = 256 * 1024;

/// Where the bytes of an entry come from.
pub trait Content: Send {
    /// `length` bytes from `offset` on, or an error: never fewer.
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>>;
}

/// What stands where in the archive.
#[derive(Debug)]
pub struct Layout {
    entries: Vec<Written>,
    /// Where the directory begins.
    directory: u64,
    length: u64,
}

fn entry(row: &Written) -> Entry<'_> {
    Entry { name: &row.name, size: row.size, modified_ms: row.modified_ms }
}

impl Layout {
    /// Name, size and modification time (milliseconds since 1970) of each entry, in order; names must be distinct.
    pub fn new(entries: impl IntoIterator<Item = (String, u64, Option<i64>)>) -> Result<Self> {
        let mut rows = Vec::new();
        let mut offset = 0;
        for (name, size, modified_ms) in entries {
            let row = Written { name, size, modified_ms, offset, compressed: size, crc32: 0 };
            offset += records::local(&entry(&row), Packing::Stored).len() as u64;
            offset += size + records::descriptor(&row).len() as u64;
            rows.push(row);
        }
        if rows.len() > ENTRIES_MAX {
            return Err(Error::invalid(
                "fileIds",
                format!("An archive takes {ENTRIES_MAX} files at most."),
            ));
        }
        let mut layout = Self { entries: rows, directory: offset, length: 0 };
        layout.length = offset + layout.tail().len() as u64;
        Ok(layout)
    }

    /// Bytes of the whole archive.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The directory and the end. Its length does not depend on the checksums.
    fn tail(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            self.entries.iter().flat_map(|row| records::central(row, Packing::Stored)).collect();
        let end = records::end(self.entries.len() as u64, bytes.len() as u64, self.directory);
        bytes.extend(end);
        bytes
    }
}

/// One entry that is open.
struct Open {
    index: usize,
    content: Box<dyn Content>,
    /// The checksum of the first `hashed` bytes.
    checksum: crc32fast::Hasher,
    hashed: u64,
}

/// Reads the archive from a position on. Checksums of what lies before it are made when they are needed, which reads
/// that content without sending it.
pub struct Reading<O> {
    layout: Layout,
    /// Opens the content of an entry by its number.
    source: O,
    at: u64,
    end: u64,
    /// Entries whose checksum is known.
    known: Vec<bool>,
    open: Option<Open>,
    tail: Vec<u8>,
}

impl<O: FnMut(usize) -> Result<Box<dyn Content>>> Reading<O> {
    /// The bytes from `from` up to `end`, which is not part of them.
    pub fn new(layout: Layout, source: O, from: u64, end: u64) -> Self {
        let known = vec![false; layout.entries.len()];
        let end = end.min(layout.length);
        Self { layout, source, at: from, end, known, open: None, tail: Vec::new() }
    }

    /// The next piece, or `None` at the end. After an error there is nothing more to be had.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let mut piece =
            if self.at >= self.layout.directory { self.of_tail()? } else { self.of_entry()? };
        piece.truncate(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        self.at += piece.len() as u64;
        Ok(Some(piece))
    }

    fn of_tail(&mut self) -> Result<Vec<u8>> {
        if self.tail.is_empty() {
            for index in 0..self.known.len() {
                self.checksum(index)?;
            }
            self.tail = self.layout.tail();
        }
        let from = (self.at - self.layout.directory) as usize;
        Ok(self.tail[from..self.tail.len().min(from + PIECE as usize)].to_vec())
    }

    fn of_entry(&mut self) -> Result<Vec<u8>> {
        let index = self.layout.entries.partition_point(|row| row.offset <= self.at) - 1;
        let row = &self.layout.entries[index];
        let (size, at) = (row.size, self.at - row.offset);
        let head = records::local(&entry(row), Packing::Stored);
        if at < head.len() as u64 {
            return Ok(head[at as usize..].to_vec());
        }
        let at = at - head.len() as u64;
        if at >= size {
            self.checksum(index)?;
            let descriptor = records::descriptor(&self.layout.entries[index]);
            return Ok(descriptor[(at - size) as usize..].to_vec());
        }
        let length = (size - at).min(PIECE) as usize;
        let open = self.opened(index)?;
        let bytes = open.content.read(at, length)?;
        if open.hashed == at {
            open.checksum.update(&bytes);
            open.hashed += length as u64;
        }
        Ok(bytes)
    }

    fn opened(&mut self, index: usize) -> Result<&mut Open> {
        if self.open.as_ref().is_none_or(|open| open.index != index) {
            let content = (self.source)(index)?;
            self.open =
                Some(Open { index, content, checksum: crc32fast::Hasher::new(), hashed: 0 });
        }
        self.open.as_mut().ok_or_else(|| Error::internal("an entry is not open"))
    }

    /// Makes the checksum of an entry known, reading what was not sent.
    fn checksum(&mut self, index: usize) -> Result<()> {
        if self.known[index] {
            return Ok(());
        }
        let size = self.layout.entries[index].size;
        let open = self.opened(index)?;
        while open.hashed < size {
            let length = (size - open.hashed).min(PIECE) as usize;
            let bytes = open.content.read(open.hashed, length)?;
            open.checksum.update(&bytes);
            open.hashed += length as u64;
        }
        self.layout.entries[index].crc32 = open.checksum.clone().finalize();
        self.known[index] = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    struct Fixed(Vec<u8>);

    impl Content for Fixed {
        fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
            let offset = offset as usize;
            Ok(self.0[offset..offset + length].to_vec())
        }
    }

    fn files() -> Vec<(String, Vec<u8>)> {
        let bytes = |length: usize| (0..length).map(|at| (at * 7 % 251) as u8).collect::<Vec<_>>();
        vec![
            ("a.txt".into(), b"hello".to_vec()),
            ("empty".into(), Vec::new()),
            ("\u{fc}ber/lang.bin".into(), bytes(700_000)),
            ("z".into(), bytes(PIECE as usize)),
        ]
    }

    fn layout() -> Layout {
        let rows = files()
            .into_iter()
            .map(|(name, bytes)| (name, bytes.len() as u64, Some(1_700_000_000_000)));
        Layout::new(rows).unwrap()
    }

    fn read(from: u64, end: u64) -> Vec<u8> {
        let files = files();
        let open = move |index: usize| -> Result<Box<dyn Content>> {
            Ok(Box::new(Fixed(files[index].1.clone())))
        };
        let mut reading = Reading::new(layout(), open, from, end);
        let mut all = Vec::new();
        while let Some(piece) = reading.piece().unwrap() {
            assert!(!piece.is_empty());
            all.extend(piece);
        }
        all
    }

    #[test]
    fn others_read_it_and_its_length_is_known_before() {
        let whole = read(0, u64::MAX);
        assert_eq!(whole.len() as u64, layout().length());
        let mut archive = ::zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
        assert_eq!(archive.len(), files().len());
        for (name, bytes) in files() {
            let mut found = Vec::new();
            archive.by_name(&name).unwrap().read_to_end(&mut found).unwrap();
            assert_eq!(found, bytes, "{name}");
        }
    }

    #[test]
    fn any_part_is_the_same_part() {
        let whole = read(0, u64::MAX);
        let length = whole.len() as u64;
        let edges = [
            0,
            1,
            34,
            35,
            40,
            60,
            100,
            150,
            5000,
            300_000,
            700_150,
            800_000,
            length - 200,
            length - 22,
            length - 1,
        ];
        for from in edges {
            for end in edges.iter().copied().chain([length]).filter(|end| *end > from) {
                assert!(read(from, end) == whole[from as usize..end as usize], "{from}-{end}");
            }
        }
    }

    /// Beyond 4 GiB, in a file and in its place, without writing any of it.
    #[test]
    fn large_archives_have_large_numbers() {
        let five = 5 << 30;
        let layout = Layout::new([("big".into(), five, None), ("after".into(), 3, None)]).unwrap();
        assert!(layout.length() > five);
        let tail = layout.tail();
        let row = records::central(&layout.entries[1], Packing::Stored);
        assert_eq!(
            layout.entries[1].offset,
            five + records::local(&entry(&layout.entries[0]), Packing::Stored).len() as u64 + 24
        );
        // The offset of the second is in its zip64 field.
        assert!(row.windows(8).any(|bytes| bytes == layout.entries[1].offset.to_le_bytes()));
        assert!(tail.windows(4).any(|bytes| bytes == 0x0606_4b50u32.to_le_bytes()));
    }
}
