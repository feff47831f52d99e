//! Is a file that somebody brings again the one that was begun? Name and date may be others on another device, and the
//! same ones on another file. Some blocks of what has arrived are hashed, and the client holds its own against them.

use sha2::{Digest as _, Sha256};

use super::Uploads;
use super::open::Open;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Result};
use crate::domain::id::{AccountId, TaskId};

/// At most so many blocks, so that an answer costs little whatever the file's size.
const BLOCKS_MAX: usize = 8;
/// Bytes of a block, at most.
const BLOCK_BYTES: u64 = 64 * 1024;

/// A piece of an upload's file that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Bytes before it.
    pub offset: u64,
    pub length: u64,
    pub sha256: Digest,
}

impl Uploads {
    /// The end of up to eight chunks that have arrived, spread over them all; none while there are none. An upload that has
    /// ended refuses.
    pub async fn blocks(&self, owner: AccountId, task_id: TaskId) -> Result<Vec<Block>> {
        let open = self.open.get(&self.engine.store, owner, task_id).await?;
        tokio::task::spawn_blocking(move || {
            spread(&open.arrived(), BLOCKS_MAX).map(|index| block(&open, index)).collect()
        })
        .await
        .map_err(Error::internal)?
    }
}

/// Ends rather than beginnings: files of one kind begin alike.
fn block(open: &Open, index: u32) -> Result<Block> {
    let plan = open.upload.plan;
    let chunk = plan.length(index)?;
    let length = chunk.min(BLOCK_BYTES);
    let offset = plan.offset(index) + chunk - length;
    let mut bytes = vec![0; length as usize];
    open.staging.read_at(&mut bytes, offset)?;
    Ok(Block { offset, length, sha256: Digest(Sha256::digest(&bytes).into()) })
}

/// At most `most` of them, the first and the last among them.
fn spread(of: &[u32], most: usize) -> impl Iterator<Item = u32> {
    let count = of.len().min(most);
    (0..count).map(move |at| of[if count > 1 { at * (of.len() - 1) / (count - 1) } else { 0 }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_spread_from_the_first_to_the_last() {
        let of = |count: u32| spread(&(0..count).collect::<Vec<_>>(), 8).collect::<Vec<_>>();
        assert!(of(0).is_empty());
        assert_eq!(of(1), [0]);
        assert_eq!(of(3), [0, 1, 2]);
        assert_eq!(of(8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(of(71), [0, 10, 20, 30, 40, 50, 60, 70]);
    }
}
