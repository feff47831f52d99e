//! The only reader of the wall clock. Tests move it by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::time::Timestamp;

/// The wall clock, plus an offset that only tests set.
#[derive(Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
    /// Time passes by [`Clock::advance_ms`] alone.
    still: bool,
}

impl Clock {
    /// A clock that stands still until it is moved, for tests in which each moment counts.
    pub fn still(at: Timestamp) -> Self {
        Self { offset_ms: Arc::new(AtomicI64::new(at.0)), still: true }
    }

    pub fn now(&self) -> Timestamp {
        let offset_ms = self.offset_ms.load(Ordering::Relaxed);
        if self.still {
            return Timestamp(offset_ms);
        }
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let wall = SystemTime::now();
        let since_epoch =
            wall.duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as i64);
        Timestamp(since_epoch + offset_ms)
    }

    /// Moves the clock forward (or back) for a test.
    pub fn advance_ms(&self, milliseconds: i64) {
        self.offset_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }
}
