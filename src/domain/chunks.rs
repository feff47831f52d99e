//! Arithmetic of chunks: how a file is cut, which chunks have arrived.

use super::error::{Error, Kind, Result};

pub const KIB: u64 = 1024;
pub const MIB: u64 = 1024 * KIB;
/// The smallest chunk, and the step that chunk sizes are rounded up to.
pub const CHUNK_STEP_BYTES: u64 = 64 * KIB;
/// No upload has more chunks than this.
pub const CHUNKS_MAX: u64 = 100_000;
/// Hash blocks are at most this long.
const BLOCK_MAX_BYTES: u64 = MIB;

/// How one file is cut into chunks of equal size; only the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlan {
    file_size: u64,
    chunk_size: u64,
}

impl ChunkPlan {
    /// Clamps the wished size to 64 KiB … `max_chunk_size`, rounds it up to 64 KiB, and enlarges it where the file
    /// would need too many chunks.
    pub fn new(file_size: u64, wished_chunk_size: u64, max_chunk_size: u64) -> Result<Self> {
        let step = |size: u64| size.div_ceil(CHUNK_STEP_BYTES) * CHUNK_STEP_BYTES;
        let needed = file_size.div_ceil(CHUNKS_MAX);
        if needed > max_chunk_size {
            let limit = max_chunk_size.saturating_mul(CHUNKS_MAX);
            return Err(Error::new(
                Kind::FileTooLarge,
                format!("The file is larger than the {limit} bytes that one upload can hold."),
            )
            .with("limit", limit));
        }
        let wished = wished_chunk_size.max(needed).clamp(CHUNK_STEP_BYTES, max_chunk_size);
        Ok(Self { file_size, chunk_size: step(wished).min(max_chunk_size) })
    }

    /// A plan as it was stored.
    pub fn stored(file_size: u64, chunk_size: u64) -> Self {
        Self { file_size, chunk_size }
    }

    pub fn file_size(self) -> u64 {
        self.file_size
    }

    pub fn chunk_size(self) -> u64 {
        self.chunk_size
    }

    pub fn count(self) -> u32 {
        self.file_size.div_ceil(self.chunk_size) as u32
    }

    pub fn offset(self, index: u32) -> u64 {
        u64::from(index) * self.chunk_size
    }

    /// The exact length of a chunk, or an error that tells the legal indexes.
    pub fn length(self, index: u32) -> Result<u64> {
        let count = self.count();
        if index >= count {
            let legal = match count {
                0 => "The file is empty and has no chunks; complete it at once.".to_owned(),
                _ => format!("The chunk index must be between 0 and {}.", count - 1),
            };
            return Err(Error::new(Kind::ChunkIndexOutOfRange, legal)
                .with("chunkIndex", index)
                .with("chunksCount", count));
        }
        Ok(self.chunk_size.min(self.file_size - self.offset(index)))
    }

    /// Length of a hash block: the largest power of two that divides the chunk size, at most 1 MiB. BLAKE3 can hash
    /// such blocks apart from each other, in any order.
    pub fn block_size(self) -> u64 {
        (1 << self.chunk_size.trailing_zeros()).min(BLOCK_MAX_BYTES)
    }
}

/// Which chunks have arrived.
#[derive(Clone, Debug)]
pub struct ChunkSet {
    words: Vec<u64>,
    total: u32,
    present: u32,
    front: u32,
}

impl ChunkSet {
    pub fn new(total: u32) -> Self {
        Self { words: vec![0; (total as usize).div_ceil(64)], total, present: 0, front: 0 }
    }

    pub fn contains(&self, index: u32) -> bool {
        self.words.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Adds a chunk; false when it was there already.
    pub fn insert(&mut self, index: u32) -> bool {
        if index >= self.total || self.contains(index) {
            return false;
        }
        self.words[index as usize / 64] |= 1 << (index % 64);
        self.present += 1;
        while self.contains(self.front) {
            self.front += 1;
        }
        true
    }

    pub fn present(&self) -> u32 {
        self.present
    }

    /// The first index that has not arrived: everything before it has.
    pub fn front(&self) -> u32 {
        self.front
    }

    pub fn indexes(&self) -> Vec<u32> {
        (0..self.total).filter(|&index| self.contains(index)).collect()
    }

    /// The first `limit` indexes that have not arrived.
    pub fn missing(&self, limit: usize) -> Vec<u32> {
        (self.front..self.total).filter(|&index| !self.contains(index)).take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_clamped_rounded_and_enlarged() {
        let plan = |file, chunk| ChunkPlan::new(file, chunk, 16 * MIB).unwrap();
        assert_eq!(plan(1, 1).chunk_size(), CHUNK_STEP_BYTES);
        assert_eq!(plan(1, u64::MAX).chunk_size(), 16 * MIB);
        assert_eq!(plan(1, 64 * KIB + 1).chunk_size(), 128 * KIB);
        assert_eq!(plan(0, MIB).count(), 0);
        assert_eq!(plan(1 << 40, 64 * KIB).count(), 99_865);
        assert!(ChunkPlan::new(i64::MAX as u64, MIB, 16 * MIB).is_err());
        assert_eq!(plan(1, 5 * MIB).block_size(), MIB);
        assert_eq!(plan(1, 192 * KIB).block_size(), 64 * KIB);
    }

    proptest! {
        #[test]
        fn chunks_cover_the_file_exactly(file in 0u64..1 << 34, chunk in 1u64..1 << 25) {
            let plan = ChunkPlan::new(file, chunk, 16 * MIB).unwrap();
            let total: u64 = (0..plan.count()).map(|index| plan.length(index).unwrap()).sum();
            prop_assert_eq!(total, file);
            prop_assert!(plan.length(plan.count()).is_err());
            prop_assert_eq!(plan.chunk_size() % plan.block_size(), 0);
            for index in 1..plan.count() {
                prop_assert_eq!(plan.offset(index), plan.offset(index - 1) + plan.length(index - 1).unwrap());
            }
        }

        #[test]
        fn the_set_agrees_with_a_plain_list(order in proptest::sample::subsequence((0..200u32).collect::<Vec<_>>(), 0..200).prop_shuffle()) {
            let mut set = ChunkSet::new(200);
            let mut model = std::collections::BTreeSet::new();
            for index in order {
                prop_assert_eq!(set.insert(index), model.insert(index));
                prop_assert!(!set.insert(index));
                let front = (0..).find(|i| !model.contains(i)).unwrap();
                prop_assert_eq!(set.front(), front);
            }
            prop_assert_eq!(set.indexes(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.missing(500).len() + model.len(), 200);
            prop_assert!(!set.insert(200));
        }
    }
}
