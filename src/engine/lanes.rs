//! Lanes that an administrator pauses, so that the machine has its disks or processors for something else. Nothing new
//! is begun there, what runs is handed back at its next safe point with all it has done, and a restart changes nothing.

use std::sync::Arc;

use super::Engine;
use crate::domain::error::{Error, Result};
use crate::domain::work::Lane;
use crate::store::lanes;

impl Engine {
    /// Pauses a lane, or lets it go on. Doing it again changes nothing.
    pub async fn set_lane_paused(self: &Arc<Self>, lane: Lane, is_paused: bool) -> Result<()> {
        self.store.write(move |tx| lanes::set_paused(tx, lane, is_paused)).await?;
        let engine = self.clone();
        tokio::task::spawn_blocking(move || engine.follow_paused_lanes())
            .await
            .map_err(Error::internal)?
    }

    /// Takes what the database says of the lanes for the truth.
    pub(super) fn follow_paused_lanes(&self) -> Result<()> {
        self.queue.pause_lanes(|| self.store.read_now(lanes::paused))
    }
}
