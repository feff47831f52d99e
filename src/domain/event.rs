//! What is announced to the clients of an account.

use serde_json::Value;

use super::id::{AccountId, TaskId};

/// How an announcement is delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weight {
    /// A lasting change: stored, numbered, replayed, never lost.
    Lasting,
    /// A change of status as progress: sent at once, may be merged with what follows.
    Prompt,
    /// Mere progress, in percent: throttled and merged.
    Tick(f64),
}

/// One announcement.
#[derive(Clone, Debug)]
pub struct Event {
    pub account_id: AccountId,
    /// The word on the wire, such as `task.created`.
    pub name: &'static str,
    pub task_id: Option<TaskId>,
    pub weight: Weight,
    /// Contiguous within an account; given to lasting events when they are stored.
    pub seq: Option<u64>,
    pub data: Value,
}

impl Event {
    pub fn lasting(
        account_id: AccountId,
        name: &'static str,
        task_id: Option<TaskId>,
        data: Value,
    ) -> Self {
        Self { account_id, name, task_id, weight: Weight::Lasting, seq: None, data }
    }

    pub fn passing(
        account_id: AccountId,
        name: &'static str,
        task_id: TaskId,
        weight: Weight,
        data: Value,
    ) -> Self {
        Self { account_id, name, task_id: Some(task_id), weight, seq: None, data }
    }
}
