//! Waiting for the end of a task, for programs that want no socket. Nobody polls: the engine tells of every end.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::super::State;
use super::super::auth::Signed;
use super::super::input::Query;
use super::{Answer, parse_id};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, TaskId};
use crate::domain::task::Task;
use crate::store::{queue, tasks as rows};

/// Requests that wait at once, over all accounts.
const WAITERS_MAX: usize = 1_000;
const TIMEOUT_SECONDS: u64 = 30;
const TIMEOUT_MAX_SECONDS: u64 = 60;

/// The bench of those who wait.
pub struct Waiters {
    seats: Semaphore,
    closing: watch::Sender<bool>,
}

impl Default for Waiters {
    fn default() -> Self {
        Self { seats: Semaphore::new(WAITERS_MAX), closing: watch::Sender::new(false) }
    }
}

impl Waiters {
    /// Answers everybody at once: the server is stopping.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// Seconds.
    timeout: Option<u64>,
}

/// The task when it has ended, or as it is when the time is over.
pub async fn wait(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Query(asked): Query<WaitQuery>,
) -> Answer {
    let id = parse_id(&id)?;
    let seconds = asked.timeout.unwrap_or(TIMEOUT_SECONDS);
    if !(1..=TIMEOUT_MAX_SECONDS).contains(&seconds) {
        let message = format!("timeout is 1 to {TIMEOUT_MAX_SECONDS} seconds.");
        return Err(Error::invalid("timeout", message).into());
    }
    let _seat = state.waiters.seats.try_acquire().map_err(|_| {
        let message = "Too many requests are waiting for tasks. Try again in a moment.";
        Error::new(Kind::TooMany, message).with("limit", WAITERS_MAX)
    })?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let waiting = state.ended(caller.account_id, id);
    let task = match timeout_at(until, waiting).await {
        Ok(task) => task?,
        Err(_) => state.look(caller.account_id, id).await?,
    };
    let asking = task.clone();
    let position = state.engine.store.read(move |db| queue::position(db, &asking)).await?;
    Ok(HttpResponse::Ok().json(state.now(&task, position)))
}

impl State {
    async fn look(&self, owner: AccountId, id: TaskId) -> Result<Task> {
        self.engine.store.read(move |db| rows::get(db, owner, id)).await
    }

    /// Returns the task when it has ended, or when the server stops.
    async fn ended(&self, owner: AccountId, id: TaskId) -> Result<Task> {
        // Both before the look, so that nothing falls in between.
        let mut ends = self.engine.ends();
        let mut closing = self.waiters.closing.subscribe();
        loop {
            let task = self.look(owner, id).await?;
            if task.status.is_final() || *closing.borrow_and_update() {
                return Ok(task);
            }
            loop {
                tokio::select! {
                    end = ends.recv() => match end {
                        Ok(other) if other != id => continue,
                        // It has ended; or more ended than are remembered, and it may be among them.
                        Ok(_) | Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return Ok(task),
                    },
                    _ = closing.changed() => break,
                }
            }
        }
    }
}
