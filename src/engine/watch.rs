//! Waits for pools that are offline to come back.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Engine, recovery};
use crate::domain::error::{Error, Result};

/// How often pools that are offline are looked for. Those that are online cost nothing.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The running watch; [`Watch::stop`] waits for the end of its look.
pub struct Watch {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub fn start(engine: Arc<Engine>) -> Result<Self> {
        let (stop, stopped) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("pools".into())
            .spawn(move || {
                while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    recovery::look_again(&engine);
                }
            })
            .map_err(|error| Error::io("starting the thread of pools", &error))?;
        Ok(Self { stop, thread })
    }

    pub fn stop(self) {
        let _ = self.stop.try_send(());
        let _ = self.thread.join();
    }
}
