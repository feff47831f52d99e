//! Reading here and there in a file, within a written limit: parsers see what they ask for until that is used up.

use crate::domain::error::Result;

/// Bytes read at once, and the most that can be asked for.
const BLOCK_BYTES: usize = 64 * 1024;
/// Bytes that are read of one file.
const BYTES_MAX: usize = 8 << 20;

/// Gives the bytes of a file from a position on, exactly as many as it is asked for.
type ReadAt<'a> = Box<dyn FnMut(u64, usize) -> Result<Vec<u8>> + 'a>;

pub struct Peek<'a> {
    read_at: ReadAt<'a>,
    size: u64,
    left: usize,
    at: u64,
    block: Vec<u8>,
}

impl<'a> Peek<'a> {
    pub fn new(size: u64, read_at: impl FnMut(u64, usize) -> Result<Vec<u8>> + 'a) -> Self {
        Self { read_at: Box::new(read_at), size, left: BYTES_MAX, at: 0, block: Vec::new() }
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `length` bytes from `at` on, or as many as there are; `None` behind the end, past the limit, and for more than a
    /// block.
    pub fn up_to(&mut self, at: u64, length: usize) -> Result<Option<&[u8]>> {
        let length = self.size.saturating_sub(at).min(length as u64) as usize;
        if length == 0 || length > BLOCK_BYTES {
            return Ok(None);
        }
        let end = at + length as u64;
        if at < self.at || end > self.at + self.block.len() as u64 {
            let wanted = (self.size - at).min(BLOCK_BYTES as u64) as usize;
            if wanted > self.left {
                return Ok(None);
            }
            self.left -= wanted;
            (self.block, self.at) = ((self.read_at)(at, wanted)?, at);
        }
        let from = (at - self.at) as usize;
        Ok(self.block.get(from..from + length))
    }

    /// Exactly `N` bytes.
    pub fn bytes<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>> {
        Ok(self.up_to(at, N)?.and_then(|bytes| bytes.try_into().ok()))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A file in memory.
    pub fn peek(file: &[u8]) -> Peek<'_> {
        Peek::new(file.len() as u64, |at, length| Ok(file[at as usize..][..length].to_vec()))
    }

    #[test]
    fn what_is_asked_for_is_read_until_the_limit_and_never_past_the_end() {
        let file: Vec<u8> = (0..200_000u32).map(|at| at as u8).collect();
        let mut near = peek(&file);
        assert_eq!(near.bytes(70_000).unwrap(), Some([112, 113]));
        assert_eq!(near.bytes(69_999).unwrap(), Some([111, 112]));
        assert_eq!(near.up_to(199_998, 10).unwrap(), Some(&file[199_998..]));
        assert_eq!(near.bytes::<3>(199_998).unwrap(), None);
        assert_eq!(near.up_to(200_000, 1).unwrap(), None);
        assert_eq!(near.up_to(u64::MAX, 1).unwrap(), None);
        let mut far = Peek::new(u64::MAX, |_, length| Ok(vec![0; length]));
        let reads = (0..1000u64).filter(|at| far.up_to(at << 32, 1).unwrap().is_some()).count();
        assert_eq!(reads, BYTES_MAX / BLOCK_BYTES);
    }
}
