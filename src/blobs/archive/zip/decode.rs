//! The compression methods of zip entries.

use std::io::{self, BufRead, Read};

use lzma_rust2::{LzmaReader, XzReader};

use super::super::{
    DECODER_MEMORY_KIB, ZSTD_WINDOW_LOG_MAX, decoding, invalid, too_much_memory, unsupported,
};
use super::directory::Row;
use super::{DEFLATE, STORED};
use crate::domain::error::Result;

const DEFLATE_64: u16 = 9;
const BZIP2: u16 = 12;
const LZMA: u16 = 14;
/// The number that zstd had at first.
const ZSTD_EARLY: u16 = 20;
const ZSTD: u16 = 93;
const XZ: u16 = 95;

/// The content behind `input`.
pub fn open<'a>(input: &'a mut dyn BufRead, row: &Row) -> Result<Box<dyn Read + 'a>> {
    let failed = |error: io::Error| decoding(Some(&row.name), &error);
    Ok(match row.method {
        STORED => Box::new(input),
        DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(input)),
        DEFLATE_64 => Box::new(deflate64::Deflate64Decoder::with_buffer(input)),
        BZIP2 => Box::new(bzip2::bufread::BzDecoder::new(input)),
        LZMA => Box::new(lzma(input, row)?),
        ZSTD | ZSTD_EARLY => {
            let mut decoder = zstd::Decoder::with_buffer(input).map_err(failed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(failed)?;
            Box::new(decoder)
        }
        XZ => Box::new(XzReader::new_mem_limit(input, true, DECODER_MEMORY_KIB)),
        method => {
            return Err(unsupported(Some(&row.name), format!("compression method {method}")));
        }
    })
}

/// LZMA begins with a version, the length of its properties and the properties. APPNOTE, section 5.8.8.
fn lzma<'a>(input: &'a mut dyn BufRead, row: &Row) -> Result<LzmaReader<&'a mut dyn BufRead>> {
    let failed = |error: io::Error| decoding(Some(&row.name), &error);
    let mut header = [0; 9];
    input.read_exact(&mut header).map_err(failed)?;
    let [_, _, 5, 0, properties, dictionary @ ..] = header else {
        return Err(invalid(Some(&row.name), "the LZMA header is wrong"));
    };
    let dictionary = u32::from_le_bytes(dictionary);
    let needed = lzma_rust2::lzma_get_memory_usage_by_props(dictionary, properties);
    if needed.map_err(failed)? > DECODER_MEMORY_KIB {
        return Err(too_much_memory("dictionary"));
    }
    let size = if row.has_end_mark() { u64::MAX } else { row.size };
    LzmaReader::new_with_props(input, size, properties, dictionary, None).map_err(failed)
}
