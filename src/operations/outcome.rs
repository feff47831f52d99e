//! What a task over many files tells at its end.

use serde_json::{Value, json};

use crate::domain::error::{Error, Kind};
use crate::domain::work::{Item, ItemState};
use crate::engine::context::{Context, Ending, Stop, Work, results};
use crate::store::items;

/// Failed items that the results list, where nothing else is said; the rest is in the task's items.
pub const FAILED_LISTED: usize = 100;

/// How the items of a task ended.
pub struct Outcome {
    pub done: u64,
    /// Of the items that are done.
    pub bytes: u64,
    pub failed_count: u64,
    /// The first failed ones, as results list them.
    pub failed: Value,
}

/// Counts what is done, and lists at most `listed` of what failed. Nothing done at all is a failure: the first one's.
pub fn outcome(context: &Context, listed: usize) -> Work<Outcome> {
    let pk = context.task.pk;
    let ((done, bytes), failed_count, failed) = context.engine.store.read_now(|db| {
        let done = items::count(db, pk, ItemState::Done)?;
        let failed_count = items::count(db, pk, ItemState::Failed)?.0;
        Ok((done, failed_count, items::from(db, pk, ItemState::Failed, 0, listed)?))
    })?;
    if let Some(first) = failed.first()
        && done == 0
    {
        return Err(Stop::Failed(failure(first)));
    }
    Ok(Outcome { done, bytes, failed_count, failed: failed.iter().map(told).collect() })
}

/// The results of most tasks over many files: how many are done, and which failed.
pub fn finish(context: &Context, counted: &'static str) -> Work<Ending> {
    let outcome = outcome(context, FAILED_LISTED)?;
    results(json!({
        counted: outcome.done,
        "failedCount": outcome.failed_count,
        "failed": outcome.failed,
    }))
}

/// The failure of an item as the failure of its task.
fn failure(item: &Item) -> Error {
    let code = item.error_code.as_deref().unwrap_or_default();
    let kind = Kind::ALL.iter().copied().find(|kind| kind.code() == code).unwrap_or(Kind::Internal);
    let message = item.error_message.as_deref().unwrap_or("It failed.");
    Error::new(kind, format!("{}: {message}", item.name))
}

fn told(item: &Item) -> Value {
    json!({
        "fileId": item.item["fileId"],
        "name": item.name,
        "errorCode": item.error_code,
        "errorMessage": item.error_message,
    })
}
