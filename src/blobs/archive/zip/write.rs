//! Writing zip: deflate, data descriptors after the content since the sink is not sought in, zip64 where needed.

use std::io::Write;

use super::super::pack::Deflater;
use super::super::write::{Content, Entry, Sink, Written, ZipSecret};
use super::crypt::{Aes, SALT_256_BYTES, Strength};
use super::records::{self, Packing};
use crate::domain::error::{Error, Result};

/// Rows of the central directory are handed on together, about this many bytes at once.
const ROWS_BYTES: usize = 64 * 1024;

pub struct Zip {
    deflater: Deflater,
    secret: Option<ZipSecret>,
}

impl Zip {
    pub fn new(level: u32, secret: Option<ZipSecret>) -> Self {
        Self { deflater: Deflater::new(level), secret }
    }

    fn packing(&self) -> Packing {
        if self.secret.is_some() { Packing::Encrypted } else { Packing::Deflated }
    }

    /// `index` is the entry's number; its salt depends on it.
    pub fn add<W: Write>(
        &mut self,
        sink: &mut Sink<W>,
        index: u64,
        entry: &Entry,
        content: &mut Content,
    ) -> Result<Written> {
        if u16::try_from(entry.name.len()).is_err() {
            return Err(Error::invalid("name", "A name in a zip archive has at most 65535 bytes."));
        }
        let offset = sink.offset();
        sink.put(&records::local(entry, self.packing()))?;
        let start = sink.offset();
        let mut aes = None;
        if let Some(secret) = &self.secret {
            let salt = salt(&secret.seed, index);
            let (cipher, verifier) = Aes::new(&secret.password, &salt, Strength::Aes256)?;
            sink.put(&salt)?;
            sink.put(&verifier)?;
            aes = Some(cipher);
        }
        let mut give = |packed: &mut [u8]| {
            if let Some(aes) = &mut aes {
                aes.encrypt(packed);
            }
            sink.put(packed)
        };
        let mut checksum = crc32fast::Hasher::new();
        while let Some(piece) = content.next()? {
            checksum.update(piece);
            self.deflater.write(piece, &mut give)?;
        }
        self.deflater.end(&mut give)?;
        // AE-2 leaves the checksum out: it would tell something of the content.
        let crc32 = match aes {
            Some(aes) => {
                sink.put(&aes.tag())?;
                0
            }
            None => checksum.finalize(),
        };
        let written = Written {
            name: entry.name.to_owned(),
            size: entry.size,
            modified_ms: entry.modified_ms,
            offset,
            compressed: sink.offset() - start,
            crc32,
        };
        sink.put(&records::descriptor(&written))?;
        Ok(written)
    }

    pub fn finish<W: Write>(
        &mut self,
        sink: &mut Sink<W>,
        count: u64,
        entries: &mut dyn Iterator<Item = Result<Written>>,
    ) -> Result<()> {
        let start = sink.offset();
        let mut rows = Vec::new();
        let mut listed = 0;
        for written in entries {
            rows.extend(records::central(&written?, self.packing()));
            listed += 1;
            if rows.len() >= ROWS_BYTES {
                sink.put(&rows)?;
                rows.clear();
            }
        }
        if listed != count {
            let why = format!("a zip archive of {count} entries was ended with {listed} rows");
            return Err(Error::internal(why));
        }
        sink.put(&rows)?;
        sink.put(&records::end(count, sink.offset() - start, start))
    }
}

/// Distinct for each entry of each archive, and the same when the archive is gone on with.
fn salt(seed: &[u8; 32], index: u64) -> [u8; SALT_256_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(seed);
    hasher.update(b"salt of a zip entry");
    hasher.update(&index.to_le_bytes());
    let mut salt = [0; SALT_256_BYTES];
    hasher.finalize_xof().fill(&mut salt);
    salt
}
