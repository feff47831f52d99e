//! The way of a body's bytes: while one piece is written and hashed on another thread, the next one is received.
//! A request holds at most two pieces, so its memory is bounded whatever it sends.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use crate::blobs::ledger::BlockHasher;
use crate::blobs::staging::Staging;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Result};

/// Bytes of a piece: two of them and the one arriving stay below 256 KiB.
const PIECE_BYTES: usize = 96 * 1024;
/// The kernel is asked to begin writing each time this much has come.
const WRITEBACK_BYTES: u64 = 1024 * 1024;

/// What has been hashed of a body so far.
pub struct Hashes {
    pub blocks: BlockHasher,
    /// SHA-256 of the body itself, where it is wanted at once.
    pub sha256: Option<Sha256>,
}

impl Hashes {
    pub fn sha256(&self) -> Option<Digest> {
        self.sha256.clone().map(|hasher| Digest(hasher.finalize().into()))
    }
}

/// A body on its way into a staging file.
pub struct Intake<G> {
    staging: Arc<Staging>,
    /// Kept alive by every thread that still writes, so that nobody else writes there meanwhile.
    guard: Arc<G>,
    /// Where the next piece goes.
    offset: u64,
    /// Bytes since the last write-back.
    fresh: u64,
    received: u64,
    piece: Vec<Bytes>,
    piece_bytes: usize,
    hashes: Option<Hashes>,
    writing: Option<JoinHandle<Result<Hashes>>>,
}

impl<G: Send + Sync + 'static> Intake<G> {
    pub fn new(staging: Arc<Staging>, offset: u64, hashes: Hashes, guard: G) -> Self {
        Self {
            staging,
            guard: Arc::new(guard),
            offset,
            fresh: 0,
            received: 0,
            piece: Vec::new(),
            piece_bytes: 0,
            hashes: Some(hashes),
            writing: None,
        }
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next bytes; waits only when the piece before the last one is still being written.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        self.received += bytes.len() as u64;
        self.piece_bytes += bytes.len();
        self.piece.push(bytes);
        if self.piece_bytes >= PIECE_BYTES {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// Waits for the piece under way, then starts the next one.
    async fn hand_over(&mut self) -> Result<()> {
        let mut hashes = self.settle().await?;
        let pieces = std::mem::take(&mut self.piece);
        let length = std::mem::take(&mut self.piece_bytes) as u64;
        let offset = self.offset;
        self.offset += length;
        self.fresh += length;
        let writeback = (self.fresh >= WRITEBACK_BYTES).then(|| std::mem::take(&mut self.fresh));
        let (staging, guard) = (self.staging.clone(), self.guard.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            staging.write_at(&pieces, offset)?;
            if let Some(fresh) = writeback {
                staging.start_writeback(offset + length - fresh, fresh);
            }
            for piece in &pieces {
                hashes.blocks.update(piece);
                if let Some(sha256) = &mut hashes.sha256 {
                    sha256.update(piece);
                }
            }
            drop(guard);
            Ok(hashes)
        }));
        Ok(())
    }

    async fn settle(&mut self) -> Result<Hashes> {
        if let Some(writing) = self.writing.take() {
            let hashes = writing
                .await
                .map_err(|error| Error::internal(format!("writing a chunk: {error}")))??;
            self.hashes = Some(hashes);
        }
        self.hashes.take().ok_or_else(|| Error::internal("a body was used after it failed"))
    }

    /// Writes what is left; the hashes, and the guard to be held until the end.
    pub async fn finish(mut self) -> Result<(Hashes, Arc<G>)> {
        if self.piece_bytes > 0 {
            self.hand_over().await?;
        }
        let hashes = self.settle().await?;
        Ok((hashes, self.guard))
    }
}
