//! The compressed streams that archives are made of: raw deflate for zip, gzip members and zstd frames for tar.
//!
//! The same bytes in the same pieces give the same output, wherever a member or frame began. That is what lets an
//! archive go on after an interruption as if there had been none.

use flate2::{Compress, Compression, FlushCompress, Status};
use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

use crate::domain::error::{Error, Result};

/// Compressed bytes handed on at once.
const OUT: usize = 64 * 1024;

/// zstd's levels for ours, 0 to 9: about the time that gzip takes for the same number, and 6 as `zstd` by itself.
const ZSTD_LEVELS: [i32; 10] = [1, 1, 2, 2, 3, 3, 3, 6, 9, 15];

/// Tables of at most 16 MiB each. Levels from 10 would take more than twice the memory for hardly a better result.
const ZSTD_TABLE_LOG_MAX: u32 = 22;

/// A member's header: deflate, no name, no time, system unknown. RFC 1952, section 2.3.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Takes compressed bytes; it may change them in place.
pub(super) type Give<'a> = dyn FnMut(&mut [u8]) -> Result<()> + 'a;

/// Raw deflate (RFC 1951), one stream after the other.
pub(super) struct Deflater {
    compress: Compress,
    out: Vec<u8>,
    filled: usize,
}

impl Deflater {
    /// `level` is 0 (stored) to 9.
    pub fn new(level: u32) -> Self {
        let compress = Compress::new(Compression::new(level.min(9)), false);
        Self { compress, out: vec![0; OUT], filled: 0 }
    }

    pub fn write(&mut self, mut input: &[u8], give: &mut Give) -> Result<()> {
        while !input.is_empty() {
            let (taken, _) = self.step(input, FlushCompress::None, give)?;
            input = &input[taken..];
        }
        Ok(())
    }

    /// Ends the stream and makes ready for the next.
    pub fn end(&mut self, give: &mut Give) -> Result<()> {
        while self.step(&[], FlushCompress::Finish, give)?.1 != Status::StreamEnd {}
        give(&mut self.out[..self.filled])?;
        self.filled = 0;
        self.compress.reset();
        Ok(())
    }

    fn step(
        &mut self,
        input: &[u8],
        flush: FlushCompress,
        give: &mut Give,
    ) -> Result<(usize, Status)> {
        if self.filled == self.out.len() {
            give(&mut self.out)?;
            self.filled = 0;
        }
        let (taken, given) = (self.compress.total_in(), self.compress.total_out());
        let status = self
            .compress
            .compress(input, &mut self.out[self.filled..], flush)
            .map_err(|error| Error::internal(format!("deflate: {error}")))?;
        self.filled += (self.compress.total_out() - given) as usize;
        Ok(((self.compress.total_in() - taken) as usize, status))
    }
}

/// The stream around a tar archive, cut into members or frames that may be read as one.
pub(super) enum Packer {
    Plain,
    Gzip { deflater: Deflater, checksum: Option<crc32fast::Hasher>, length: u32 },
    Zstd { level: i32, encoder: Option<Encoder<'static>>, out: Vec<u8> },
}

impl Packer {
    pub fn gzip(level: u32) -> Self {
        Self::Gzip { deflater: Deflater::new(level), checksum: None, length: 0 }
    }

    pub fn zstd(level: u32) -> Self {
        let level = ZSTD_LEVELS[level.min(9) as usize];
        Self::Zstd { level, encoder: None, out: vec![0; OUT] }
    }

    /// Nothing is held back: every byte so far has been handed on, and a new writer can go on from here.
    pub fn is_at_rest(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Gzip { checksum, .. } => checksum.is_none(),
            Self::Zstd { encoder, .. } => encoder.is_none(),
        }
    }

    pub fn write(&mut self, bytes: &mut [u8], give: &mut Give) -> Result<()> {
        match self {
            Self::Plain => give(bytes),
            Self::Gzip { deflater, checksum, length } => {
                if checksum.is_none() {
                    give(&mut GZIP_HEADER.clone())?;
                    *length = 0;
                }
                checksum.get_or_insert_default().update(bytes);
                *length = length.wrapping_add(bytes.len() as u32);
                deflater.write(bytes, give)
            }
            Self::Zstd { level, encoder, out } => {
                let encoder = match encoder {
                    Some(encoder) => encoder,
                    // Always a new one: a used encoder may choose other matches than a fresh one.
                    None => encoder.insert(zstd_encoder(*level)?),
                };
                let mut input = InBuffer::around(bytes);
                while input.pos() < bytes.len() {
                    let mut output = OutBuffer::around(out.as_mut_slice());
                    encoder.run(&mut input, &mut output).map_err(zstd_failed)?;
                    let filled = output.pos();
                    give(&mut out[..filled])?;
                }
                Ok(())
            }
        }
    }

    /// Ends the member or frame, if one is open.
    pub fn end(&mut self, give: &mut Give) -> Result<()> {
        match self {
            Self::Plain => Ok(()),
            Self::Gzip { deflater, checksum, length } => {
                let Some(sum) = checksum.take() else {
                    return Ok(());
                };
                deflater.end(give)?;
                let mut trailer = [sum.finalize().to_le_bytes(), length.to_le_bytes()].concat();
                give(&mut trailer)
            }
            Self::Zstd { encoder, out, .. } => {
                let Some(mut encoder) = encoder.take() else {
                    return Ok(());
                };
                loop {
                    let mut output = OutBuffer::around(out.as_mut_slice());
                    let left = encoder.finish(&mut output, true).map_err(zstd_failed)?;
                    let filled = output.pos();
                    give(&mut out[..filled])?;
                    if left == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }
}

fn zstd_encoder(level: i32) -> Result<Encoder<'static>> {
    let mut encoder = Encoder::new(level).map_err(zstd_failed)?;
    encoder.set_parameter(CParameter::ChecksumFlag(true)).map_err(zstd_failed)?;
    if level >= 10 {
        for table in [CParameter::HashLog, CParameter::ChainLog] {
            encoder.set_parameter(table(ZSTD_TABLE_LOG_MAX)).map_err(zstd_failed)?;
        }
    }
    Ok(encoder)
}

fn zstd_failed(error: std::io::Error) -> Error {
    Error::internal(format!("zstd: {error}"))
}
