//! Hashes of a file whose bytes arrive in any order.
//!
//! BLAKE3 is a tree: aligned blocks are hashed apart from each other as they come, and merged at the end
//! (`blake3::hazmat`). SHA-256 is a chain: it follows the contiguous front while those bytes are still in the page
//! cache, and its state is kept, so that neither a restart nor the end of the upload reads the file again.

use std::fs::File;
use std::os::unix::fs::FileExt;

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len};
use blake3::hazmat::{merge_subtrees_non_root, merge_subtrees_root};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256};

use crate::domain::digest::Digest;
use crate::domain::error::{Error, Result};

/// Bytes of one block's hash.
const HASH_BYTES: usize = 32;
/// Bytes read at once by the front hasher.
const READ_BYTES: usize = 256 * 1024;
/// Marks the layout of a stored SHA-256 state; it is the library's own, so it goes with its version.
const STATE_VERSION: u8 = 11;

/// Hashes the blocks of one chunk, or of a whole file that comes in order.
#[derive(Clone)]
pub struct BlockHasher {
    block_size: u64,
    /// Bytes in the current block. A full block is ended only when more follows, since the one block of a small file
    /// is hashed as a root.
    filled: u64,
    /// Where the current block begins in the file.
    block_offset: u64,
    hasher: Hasher,
    blocks: Vec<u8>,
}

impl BlockHasher {
    /// For bytes that begin at `offset`, a multiple of the block size.
    pub fn new(block_size: u64, offset: u64) -> Self {
        Self {
            block_size,
            filled: 0,
            block_offset: offset,
            hasher: hasher_at(offset),
            blocks: Vec::new(),
        }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled == self.block_size {
                self.end_block();
            }
            let left = self.block_size - self.filled;
            let (now, later) = bytes.split_at(bytes.len().min(left as usize));
            self.hasher.update(now);
            self.filled += now.len() as u64;
            bytes = later;
        }
    }

    fn end_block(&mut self) {
        let hash = self.hasher.finalize_non_root();
        self.blocks.extend_from_slice(&hash);
        self.block_offset += self.block_size;
        self.filled = 0;
        self.hasher = hasher_at(self.block_offset);
    }

    /// 32 bytes for each block of a part of a file.
    pub fn finish_part(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.end_block();
        }
        self.blocks
    }

    /// 32 bytes for each block of a whole file. A file of one block has no tree: its hash is the root itself.
    pub fn finish_whole(self) -> Vec<u8> {
        if self.blocks.is_empty() && self.filled > 0 {
            return self.hasher.finalize().as_bytes().to_vec();
        }
        self.finish_part()
    }
}

fn hasher_at(offset: u64) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(offset);
    hasher
}

/// Do these bytes have the hash that stands for the block with this index?
pub fn is_block(blocks: &[u8], block_size: u64, file_size: u64, index: u64, bytes: &[u8]) -> bool {
    let known = blocks.chunks_exact(HASH_BYTES).nth(index as usize);
    let mut hasher = BlockHasher::new(block_size, index * block_size);
    hasher.update(bytes);
    let hash = if file_size <= block_size { hasher.finish_whole() } else { hasher.finish_part() };
    known.is_some_and(|known| known == hash)
}

/// BLAKE3 of the whole file from the hashes of all its blocks.
pub fn merge(blocks: &[u8], block_size: u64, file_size: u64) -> Result<Digest> {
    let (blocks, rest) = blocks.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || blocks.len() as u64 != file_size.div_ceil(block_size) {
        return Err(Error::internal("the block hashes of an upload do not cover its file"));
    }
    Ok(match blocks {
        [] => Digest(*blake3::hash(b"").as_bytes()),
        [single] => Digest(*single),
        _ => {
            let left = left_subtree_len(file_size);
            let (first, second) = blocks.split_at((left / block_size) as usize);
            let root = merge_subtrees_root(
                &subtree(first, block_size, left),
                &subtree(second, block_size, file_size - left),
                Mode::Hash,
            );
            Digest(*root.as_bytes())
        }
    })
}

fn subtree(blocks: &[ChainingValue], block_size: u64, length: u64) -> ChainingValue {
    if let [single] = blocks {
        return *single;
    }
    let left = left_subtree_len(length);
    let (first, second) = blocks.split_at((left / block_size) as usize);
    merge_subtrees_non_root(
        &subtree(first, block_size, left),
        &subtree(second, block_size, length - left),
        Mode::Hash,
    )
}

/// SHA-256 of the first `position` bytes of a file, to be continued.
#[derive(Clone)]
pub struct FrontHasher {
    hasher: Sha256,
    position: u64,
}

impl Default for FrontHasher {
    fn default() -> Self {
        Self { hasher: Sha256::new(), position: 0 }
    }
}

impl FrontHasher {
    /// A state as it was stored; `None` when another version wrote it, so the file is hashed from its beginning.
    pub fn restore(state: &[u8], position: u64) -> Option<Self> {
        let (&version, state) = state.split_first()?;
        if version != STATE_VERSION {
            return None;
        }
        let hasher = Sha256::deserialize(state.try_into().ok()?).ok()?;
        Some(Self { hasher, position })
    }

    pub fn store(&self) -> Vec<u8> {
        let mut state = vec![STATE_VERSION];
        state.extend_from_slice(&self.hasher.serialize());
        state
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes bytes that follow on.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.position += bytes.len() as u64;
    }

    /// Reads on to `end`, by way of `buffer`.
    pub fn advance(&mut self, file: &File, end: u64, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.resize(READ_BYTES, 0);
        while self.position < end {
            let length = READ_BYTES.min((end - self.position) as usize);
            file.read_exact_at(&mut buffer[..length], self.position)
                .map_err(|error| Error::io("reading a staging file", &error))?;
            self.update(&buffer[..length]);
        }
        Ok(())
    }

    pub fn finish(self) -> Digest {
        Digest(self.hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: usize = 1024;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    /// Hashes the file chunk by chunk in the given order, each chunk in uneven pieces.
    fn tree(data: &[u8], chunk: usize, block: usize, order: &[usize]) -> Digest {
        let mut parts = vec![Vec::new(); data.len().div_ceil(chunk)];
        for &index in order {
            let range = index * chunk..data.len().min((index + 1) * chunk);
            let mut hasher = BlockHasher::new(block as u64, range.start as u64);
            for piece in data[range].chunks(7001) {
                hasher.update(piece);
            }
            parts[index] =
                if parts.len() == 1 { hasher.finish_whole() } else { hasher.finish_part() };
        }
        merge(&parts.concat(), block as u64, data.len() as u64).unwrap()
    }

    #[test]
    fn lengths_around_block_edges_hash_as_usual() {
        let block = 64 * KIB;
        for length in
            [0, 1, block - 1, block, block + 1, 2 * block, 3 * block, 5 * block + 17, 8 * block]
        {
            let data = bytes(length);
            let order: Vec<_> = (0..length.div_ceil(3 * block)).collect();
            assert_eq!(
                tree(&data, 3 * block, block, &order).0,
                *blake3::hash(&data).as_bytes(),
                "{length}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_order_gives_the_same_hash(
            length in 1usize..3 << 20, factor in 1usize..4, seed in any::<u64>(),
        ) {
            let block = 64 * KIB;
            let chunk = block * factor;
            let data = bytes(length);
            let mut order: Vec<_> = (0..length.div_ceil(chunk)).collect();
            order.sort_by_key(|&index| (index as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
            prop_assert_eq!(tree(&data, chunk, block, &order).0, *blake3::hash(&data).as_bytes());
        }
    }

    #[test]
    fn the_front_can_be_put_away_and_taken_up_again() {
        let data = bytes(300_000);
        let mut front = FrontHasher::default();
        for piece in data.chunks(70_001) {
            front.update(piece);
            front = FrontHasher::restore(&front.store(), front.position()).unwrap();
        }
        let expected: [u8; 32] = Sha256::digest(&data).into();
        assert_eq!(front.finish().0, expected);
        assert!(FrontHasher::restore(&[0; 105], 0).is_none());
        assert!(merge(&[0; 31], 1024, 1024).is_err());
    }
}
