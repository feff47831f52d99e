//! A 7z archive made up of another one's bytes and a header of our own, so that the crate unpacks what we want it to.

use std::io::{self, Read, Seek, SeekFrom};

use super::super::source::Source;

/// Bytes before the packed streams: the signature, and where the header is.
pub const START_BYTES: usize = 32;

/// The archive with another header behind it: one file, which is the packed header.
pub struct MadeUp<'a, R> {
    source: &'a mut Source<R>,
    start: [u8; START_BYTES],
    header: Vec<u8>,
    position: u64,
}

impl<'a, R: Read + Seek> MadeUp<'a, R> {
    pub fn new(source: &'a mut Source<R>, header: Vec<u8>) -> Self {
        let offset = source.size() - START_BYTES as u64;
        let mut place = Vec::new();
        place.extend(offset.to_le_bytes());
        place.extend((header.len() as u64).to_le_bytes());
        place.extend(crc32fast::hash(&header).to_le_bytes());
        let mut start = [0; START_BYTES];
        start[..8].copy_from_slice(b"7z\xbc\xaf\x27\x1c\0\x04");
        start[8..12].copy_from_slice(&crc32fast::hash(&place).to_le_bytes());
        start[12..].copy_from_slice(&place);
        Self { source, start, header, position: 0 }
    }

    fn size(&self) -> u64 {
        self.source.size() + self.header.len() as u64
    }
}

impl<R: Read + Seek> Read for MadeUp<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (at, size) = (self.position, self.source.size());
        let count = if at < START_BYTES as u64 {
            (&self.start[at as usize..]).read(into)?
        } else if at < size {
            self.source.go_to(at);
            self.source.read(into)?
        } else {
            self.header.get((at - size) as usize..).unwrap_or_default().read(into)?
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for MadeUp<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
