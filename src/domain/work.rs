//! Work that waits for a worker: lanes, gates, the frozen list of items, retries.

use serde_json::Value;

use super::error::{Error, Kind};
use super::time::Timestamp;
use super::wire::wire_enum;

wire_enum! {
    /// A class of work with workers of its own, so that a long conversion never delays a small move.
    Lane ("lane") {
        /// Rows only.
        Quick = 0,
        /// Copies bytes.
        Io = 1,
        /// Computes.
        Cpu = 2,
        /// Can wait.
        Maintenance = 3,
    }
}

impl Lane {
    /// The word in settings, health and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Io => "io",
            Self::Cpu => "cpu",
            Self::Maintenance => "maintenance",
        }
    }
}

wire_enum! {
    /// Where one item of a task's work list stands.
    ItemState ("state") {
        Open = 0,
        Begun = 1,
        Done = 2,
        Skipped = 3,
        Failed = 4,
    }
}

/// Why a pending task may not be claimed yet.
pub mod gate {
    /// Its time has not come: `runAt`, or the pause before another attempt.
    pub const SCHEDULED: i64 = 1;
    /// A task it depends on has not completed.
    pub const DEPENDENCIES: i64 = 2;
}

/// One line of a task's work list, frozen when the task is made.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// What people see.
    pub name: String,
    /// What the operation needs to know.
    pub item: Value,
    pub bytes: u64,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub seq: i64,
    pub name: String,
    pub item: Value,
    pub bytes: u64,
    pub state: ItemState,
    /// What came of it.
    pub detail: Option<Value>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

/// How many milliseconds of age one point of priority is worth: 100 points are a head start of 50 minutes, so
/// nothing waits for ever.
pub const AGE_MS_PER_POINT: i64 = 30_000;

/// The order of claims: aging in one number, since `priority + age` orders like `created - priority`.
pub fn sort_key(created_at: Timestamp, priority: u8) -> i64 {
    created_at.0 - i64::from(priority) * AGE_MS_PER_POINT
}

/// Is another attempt worth it? What the disk, the pool or the database refused may work later; what is wrong stays wrong.
pub fn is_passing(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::DiskFull
            | Kind::Busy
            | Kind::PoolOffline
            | Kind::Io
            | Kind::Database
            | Kind::ShuttingDown
    )
}

/// Milliseconds before attempt `next` (2 is the first retry): 5 s, doubled each time, at most 30 minutes, and up to a
/// tenth more or less, told by `salt`, so that many do not return at once.
pub fn backoff_ms(next: i64, salt: u64) -> i64 {
    let doubled = 5_000i64.saturating_mul(1 << (next - 2).clamp(0, 10)).min(30 * 60 * 1000);
    doubled + doubled / 10 * ((salt % 201) as i64 - 100) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_later_and_later_but_never_after_half_an_hour_and_a_tenth() {
        for (next, base) in [(2, 5_000), (3, 10_000), (6, 80_000), (40, 1_800_000)] {
            for salt in [0, 100, 200, 77_777] {
                let wait = backoff_ms(next, salt);
                assert!((wait - base).abs() <= base / 10, "{next} {salt}: {wait}");
            }
        }
    }

    #[test]
    fn age_outweighs_priority_in_the_end() {
        let urgent = |created| sort_key(Timestamp(created), 100);
        let patient = sort_key(Timestamp(0), 0);
        assert!(urgent(0) < patient && urgent(2_999_999) < patient);
        assert!(urgent(3_000_001) > patient, "50 minutes later nothing overtakes");
    }
}
