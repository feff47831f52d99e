//! What a block's decoders need of memory, all together: the crate limits each by itself, and a block may chain 64.

use sevenz_rust2::{Block, Coder, EncoderMethod};

use super::super::too_much_memory;
use crate::domain::error::Result;

/// The largest preset of 7-Zip for programs: one dictionary of 64 MiB and two of 1 MiB, with their models.
const BLOCK_MAX_BYTES: u64 = 72 * 1024 * 1024;

const BZIP2_BYTES: u64 = 4 * 1024 * 1024;

/// The window of all but the last levels. The crate's own bound is twice the whole limit.
const ZSTD_BYTES: u64 = 64 * 1024 * 1024;

const SMALL_BYTES: u64 = 256 * 1024;

pub fn check(block: &Block) -> Result<()> {
    let total: u64 = block.coders.iter().map(bytes).sum();
    if total > BLOCK_MAX_BYTES {
        return Err(too_much_memory("dictionary").with("bytes", total));
    }
    Ok(())
}

fn bytes(coder: &Coder) -> u64 {
    let properties = coder.properties();
    // Too short a field is refused by the crate.
    let number = properties.get(1..5).and_then(|bytes| bytes.try_into().ok());
    let number = u64::from(number.map_or(0, u32::from_le_bytes));
    match coder.encoder_method_id() {
        EncoderMethod::ID_LZMA | EncoderMethod::ID_PPMD => number,
        EncoderMethod::ID_LZMA2 => {
            let bits = u32::from(properties.first().copied().unwrap_or(0)).min(40);
            u64::from(2 | bits & 1) << (bits / 2 + 11)
        }
        EncoderMethod::ID_BZIP2 => BZIP2_BYTES,
        EncoderMethod::ID_ZSTD => ZSTD_BYTES,
        _ => SMALL_BYTES,
    }
}
