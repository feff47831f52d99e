//! Tasks: types, statuses and the one table of legal moves.
//!
//! A task is one persistent run of an operation. A worker drives most of them; an upload is driven by its client.
//! A wish that must wait for a worker's next safe point is not a status but an [`Intent`] beside it.

use serde_json::Value;

use super::error::{Error, Kind, Result};
use super::id::{AccountId, TaskId};
use super::time::Timestamp;
use super::wire::wire_enum;
use super::work::Lane;

wire_enum! {
    /// What a task does.
    TaskType ("type") {
        FileUpload = 0,
        FileMove = 1,
        FileCompress = 2,
        FileDecompress = 3,
        FileEncrypt = 4,
        FileDecrypt = 5,
        BulkOperation = 6,
        StorageMigration = 7,
        FileConversion = 8,
        Custom = 9,
    }
}

wire_enum! {
    /// Where a task stands.
    Status ("status") {
        Pending = 0,
        InProgress = 1,
        Paused = 2,
        Completed = 3,
        Failed = 4,
        Cancelled = 5,
        Expired = 6,
    }
}

wire_enum! {
    /// A wish that the running worker honours at its next safe point.
    Intent ("requested") {
        None = 0,
        Pause = 1,
        Cancel = 2,
        Expire = 3,
    }
}

wire_enum! {
    /// Who does the work.
    Driver ("driver") {
        /// A worker thread of this server.
        Server = 0,
        /// HTTP requests of a client: an upload, or a script's own task.
        Client = 1,
    }
}

impl Status {
    /// The work is over; only `Failed` can be retried.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
    }

    /// As a sentence says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "waiting",
            Self::InProgress => "running",
            Self::Paused => "paused",
            Self::Completed => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// What can happen to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The dispatcher hands the task to a worker.
    Claim,
    /// The worker gives it back: retry later, shutdown, end of a time slice, or rescue after a crash.
    Yield,
    /// The worker reached a place where it may stop.
    Honour,
    /// The work is committed.
    Finish,
    /// The work cannot succeed.
    Fail,
    /// The engine refuses a task that is not running: its pool is gone, its parameters are not understood.
    Reject,
    /// A person asks.
    Pause,
    Resume,
    Cancel,
    Retry,
    /// Its time is over.
    Expire,
}

impl Verb {
    pub const ALL: &[Self] = &[
        Self::Claim,
        Self::Yield,
        Self::Honour,
        Self::Finish,
        Self::Fail,
        Self::Reject,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::Retry,
        Self::Expire,
    ];

    /// What a task can be: "it can no longer be …".
    fn participle(self) -> &'static str {
        match self {
            Self::Claim => "started",
            Self::Yield | Self::Honour => "put back",
            Self::Finish => "completed",
            Self::Fail | Self::Reject => "failed",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Cancel => "cancelled",
            Self::Retry => "tried again",
            Self::Expire => "ended",
        }
    }
}

/// Where a verb leads. Equal to the state before it when there is nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub status: Status,
    pub intent: Intent,
}

/// The whole life of a task. Every status change of the program goes through here; a trigger in the database holds
/// the same 18 pairs. Finish beats pause; cancel beats pause and expire; an error while cancel is wanted is a cancel.
pub fn step(driver: Driver, now: State, verb: Verb) -> Result<State> {
    use Driver::{Client, Server};
    use Status::{Cancelled, Completed, Expired, Failed, InProgress, Paused, Pending};

    let at = |status| Ok(State { status, intent: Intent::None });
    let wish = |intent| Ok(State { status: InProgress, intent });
    let stay = Ok(now);

    match (driver, now.status, verb) {
        (Server, Pending, Verb::Claim) => at(InProgress),
        (Server, Pending, Verb::Pause) => at(Paused),
        (Server, Pending, Verb::Resume) => stay,

        (Server, InProgress, Verb::Yield) => match now.intent {
            Intent::None => at(Pending),
            wanted => at(honoured(wanted)),
        },
        (Server, InProgress, Verb::Honour) => match now.intent {
            Intent::None => stay,
            wanted => at(honoured(wanted)),
        },
        (Server, InProgress, Verb::Fail) => match now.intent {
            Intent::Cancel | Intent::Expire => at(honoured(now.intent)),
            Intent::None | Intent::Pause => at(Failed),
        },
        (Server, InProgress, Verb::Pause) => match now.intent {
            Intent::None | Intent::Pause => wish(Intent::Pause),
            Intent::Cancel | Intent::Expire => Err(refused(now, verb)),
        },
        (Server, InProgress, Verb::Resume) => match now.intent {
            Intent::None | Intent::Pause => wish(Intent::None),
            Intent::Cancel | Intent::Expire => Err(refused(now, verb)),
        },
        (Server, InProgress, Verb::Cancel) => wish(Intent::Cancel),
        (Server, InProgress, Verb::Expire) => match now.intent {
            Intent::Cancel => stay,
            _ => wish(Intent::Expire),
        },
        (Server, Paused, Verb::Resume) => at(Pending),
        (Server, Failed, Verb::Retry) => at(Pending),

        (Client, InProgress, Verb::Pause) => at(Paused),
        (Client, InProgress, Verb::Resume) => stay,
        (Client, InProgress, Verb::Fail) => at(Failed),
        (Client, InProgress, Verb::Cancel) => at(Cancelled),
        (Client, InProgress, Verb::Expire) => at(Expired),
        (Client, Paused, Verb::Resume) | (Client, Failed, Verb::Retry) => at(InProgress),

        (_, InProgress, Verb::Finish) => at(Completed),
        (_, Paused, Verb::Pause) => stay,
        (Server, Pending, Verb::Reject) | (_, Paused, Verb::Reject) => at(Failed),
        (Server, Pending, Verb::Cancel) | (_, Paused, Verb::Cancel) => at(Cancelled),
        (Server, Pending, Verb::Expire) | (_, Paused, Verb::Expire) => at(Expired),
        (_, Cancelled, Verb::Cancel) => stay,
        _ => Err(refused(now, verb)),
    }
}

fn honoured(intent: Intent) -> Status {
    match intent {
        Intent::None => Status::InProgress,
        Intent::Pause => Status::Paused,
        Intent::Cancel => Status::Cancelled,
        Intent::Expire => Status::Expired,
    }
}

fn refused(now: State, verb: Verb) -> Error {
    let (verb, word) = (verb.participle(), now.status.word());
    let error = if now.status.is_final() {
        Error::new(Kind::TaskFinished, format!("This task is {word}; it can no longer be {verb}."))
    } else if now.status == Status::Paused {
        Error::new(
            Kind::TaskPaused,
            format!("A task that is paused cannot be {verb}; resume it first."),
        )
    } else {
        Error::new(Kind::Conflict, format!("A task that is {word} cannot be {verb} now."))
    };
    error.with("taskStatus", now.status.name())
}

/// One row of the task table.
#[derive(Clone, Debug)]
pub struct Task {
    /// The database's own number; never leaves the server.
    pub pk: i64,
    pub id: TaskId,
    pub account_id: AccountId,
    pub task_type: TaskType,
    pub name: String,
    pub description: Option<String>,
    pub driver: Driver,
    pub status: Status,
    pub intent: Intent,
    pub phase: Option<String>,
    pub priority: u8,
    pub parameters: Value,
    pub results: Option<Value>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub lane: Lane,
    /// Bits of [`super::work::gate`]; a pending task is claimed when none is set.
    pub gate: i64,
    /// Bytes.
    pub units_done: u64,
    pub units_total: Option<u64>,
    pub items_done: u64,
    pub items_total: u64,
    /// Bytes of the account's quota that the task holds.
    pub reserved_bytes: u64,
    /// 0 to 100.
    pub progress: f64,
    pub estimated_ms: Option<i64>,
    /// The fence: rises with each claim, so that a worker of an earlier one can change nothing more.
    pub epoch: i64,
    pub attempt: i64,
    pub max_attempts: i64,
    /// How often the server went down while it ran.
    pub crashes: i64,
    pub run_at: Option<Timestamp>,
    pub parent_id: Option<TaskId>,
    /// Rises with every visible change; clients ignore older ones.
    pub rev: i64,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    pub last_activity: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl Task {
    /// What people see.
    pub fn title(&self) -> &str {
        self.description.as_deref().filter(|text| !text.is_empty()).unwrap_or(&self.name)
    }

    pub fn state(&self) -> State {
        State { status: self.status, intent: self.intent }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The 18 pairs of statuses that may follow each other, as the database trigger holds them.
    #[rustfmt::skip]
    const LEGAL: [(i64, i64); 18] = [
        (0, 1), (0, 2), (0, 4), (0, 5), (0, 6),
        (1, 0), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6),
        (2, 0), (2, 1), (2, 4), (2, 5), (2, 6),
        (4, 0), (4, 1),
    ];

    /// Every state that can be reached from the two births, for one driver.
    fn reachable(driver: Driver) -> (Vec<State>, BTreeSet<(i64, i64)>) {
        let born = if driver == Driver::Server { Status::Pending } else { Status::InProgress };
        let mut seen = vec![State { status: born, intent: Intent::None }];
        let mut moves = BTreeSet::new();
        let mut next = 0;
        while let Some(&now) = seen.get(next) {
            next += 1;
            for &verb in Verb::ALL {
                let Ok(then) = step(driver, now, verb) else { continue };
                if then.status != now.status {
                    moves.insert((now.status.number(), then.status.number()));
                }
                if !seen.contains(&then) {
                    seen.push(then);
                }
            }
        }
        (seen, moves)
    }

    #[test]
    fn the_moves_used_are_exactly_the_legal_ones() {
        let (server, mut moves) = reachable(Driver::Server);
        let (client, client_moves) = reachable(Driver::Client);
        assert_eq!((server.len(), client.len()), (10, 6));
        moves.extend(client_moves);
        assert_eq!(moves, BTreeSet::from(LEGAL));
    }

    #[test]
    fn intents_exist_only_beside_a_running_worker() {
        for driver in [Driver::Server, Driver::Client] {
            for state in reachable(driver).0 {
                let may = driver == Driver::Server && state.status == Status::InProgress;
                assert!(may || state.intent == Intent::None, "{driver:?} {state:?}");
            }
        }
    }

    #[test]
    fn ends_absorb_everything_but_a_retry_of_a_failure() {
        for driver in [Driver::Server, Driver::Client] {
            for &status in Status::ALL.iter().filter(|status| status.is_final()) {
                for &verb in Verb::ALL {
                    let now = State { status, intent: Intent::None };
                    match step(driver, now, verb) {
                        Ok(then) if then == now => assert_eq!(verb, Verb::Cancel),
                        Ok(_) => assert_eq!((status, verb), (Status::Failed, Verb::Retry)),
                        Err(error) => assert_eq!(error.kind(), Kind::TaskFinished),
                    }
                }
            }
        }
    }

    #[test]
    fn races_are_decided_once() {
        let running = |intent| State { status: Status::InProgress, intent };
        let after = |intent, verb| step(Driver::Server, running(intent), verb).unwrap().status;
        assert_eq!(after(Intent::Pause, Verb::Finish), Status::Completed);
        assert_eq!(after(Intent::Cancel, Verb::Fail), Status::Cancelled);
        assert_eq!(after(Intent::Cancel, Verb::Yield), Status::Cancelled);
        assert_eq!(after(Intent::Pause, Verb::Yield), Status::Paused);
        assert!(step(Driver::Server, running(Intent::Cancel), Verb::Pause).is_err());
        let expire = step(Driver::Server, running(Intent::Cancel), Verb::Expire).unwrap();
        assert_eq!(expire.intent, Intent::Cancel);
    }

    #[test]
    fn enums_take_names_and_numbers() {
        assert_eq!(Status::parse("inprogress").unwrap(), Status::InProgress);
        assert_eq!(Status::parse("6").unwrap(), Status::Expired);
        assert!(Status::parse("7").is_err());
        let kind: TaskType = serde_json::from_str("8").unwrap();
        assert_eq!(kind, TaskType::FileConversion);
        assert_eq!(serde_json::to_string(&kind).unwrap(), "\"FileConversion\"");
    }
}
