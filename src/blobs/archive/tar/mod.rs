//! Tar archives: POSIX ustar with PAX records when writing; those, GNU's long names and sparse files when reading.
//! Sources: POSIX.1-2017, `pax`; the GNU tar manual, "Basic Tar Format" and "Storing Sparse Files".

pub mod pax;
pub mod read;
pub mod sparse;
pub mod write;

/// Everything comes in blocks.
const BLOCK: usize = 512;

/// Where the checksum stands in a header.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Does this begin with a tar header? Its checksum says so; old archives have no magic.
pub fn is_header(head: &[u8]) -> bool {
    head.get(..BLOCK).is_some_and(|block| block[0] != 0 && checksum_holds(block))
}

/// `block` has 512 bytes.
fn checksum_holds(block: &[u8]) -> bool {
    let digits = block[CHECKSUM].iter().copied().skip_while(|byte| *byte == b' ');
    let mut said = None;
    for digit in digits.take_while(|byte| (b'0'..=b'7').contains(byte)) {
        said = Some(said.unwrap_or(0) * 8 + u32::from(digit - b'0'));
    }
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let spaces = CHECKSUM.len() as u32 * u32::from(b' ');
    said == Some(sum(&block[..CHECKSUM.start]) + spaces + sum(&block[CHECKSUM.end..]))
}

/// Bytes from the end of `size` bytes of content to the next block.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}
