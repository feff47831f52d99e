//! All tasks of an account at a glance, forgetting old ones, and what this server can do.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::State;
use super::super::auth::Signed;
use super::super::input::{Query, whose};
use super::Answer;
use super::lists::Words;
use crate::domain::error::{Error, Result};
use crate::domain::task::{Status, TaskType};
use crate::domain::time::DAY_MS;
use crate::engine::janitor;
use crate::store::accounts;
use crate::store::task_facts::{Sums, sums};
use crate::store::upkeep;

/// Tasks that one transaction forgets.
const CLEANUP_BATCH: usize = 200;
const CLEANUP_DAYS: u32 = 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatsQuery {
    /// For administrators: the id of another account, or `all`.
    account: Option<String>,
}

pub async fn stats(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<StatsQuery>,
) -> Answer {
    let of = whose(&caller, asked.account.as_deref())?;
    let now = state.engine.clock.now();
    let read = state.engine.store.read(move |db| {
        let owners = match of {
            Some(owner) => vec![owner],
            None => accounts::list(db, now)?.iter().map(|account| account.id).collect(),
        };
        let each = owners.into_iter().map(|owner| sums(db, owner)).collect::<Result<Vec<_>>>()?;
        Ok(each.into_iter().flatten().collect::<Vec<_>>())
    });
    let all = read.await?;
    let mut of_type: BTreeMap<TaskType, Vec<&Sums>> = BTreeMap::new();
    for one in &all {
        of_type.entry(one.task_type).or_default().push(one);
    }
    let by_type: Map<String, Value> =
        of_type.iter().map(|(kind, some)| (kind.name().to_owned(), told(some))).collect();
    let mut stats = told(&all.iter().collect::<Vec<_>>());
    stats["byType"] = by_type.into();
    Ok(HttpResponse::Ok().json(stats))
}

/// What some rows of the sums come to.
fn told(some: &[&Sums]) -> Value {
    let count = |status: Status| -> u64 {
        some.iter().filter(|one| one.status == status).map(|one| one.tasks).sum()
    };
    let by_status: Map<String, Value> = Status::ALL
        .iter()
        .map(|&status| (status.name().to_owned(), count(status).into()))
        .collect();
    let completed = || some.iter().filter(|one| one.status == Status::Completed);
    let (took_ms, took) =
        completed().fold((0, 0), |(ms, count), one| (ms + one.took_ms, count + one.took));
    json!({
        "total": some.iter().map(|one| one.tasks).sum::<u64>(),
        "byStatus": by_status,
        "averageDurationSeconds": (took > 0).then(|| took_ms as f64 / took as f64 / 1000.0),
        "bytesProcessed": some.iter().map(|one| one.bytes).sum::<u64>(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanupQuery {
    max_age_days: Option<u32>,
    status: Option<Words>,
}

/// Forgets the caller's ended tasks that are older than some days; 0 means all that have ended.
pub async fn cleanup(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<CleanupQuery>,
) -> Answer {
    let mut statuses = Words::statuses(asked.status.as_ref())?;
    if statuses.is_empty() {
        statuses = Status::ALL.iter().copied().filter(|status| status.is_final()).collect();
    }
    if let Some(open) = statuses.iter().find(|status| !status.is_final()) {
        let message = format!("Tasks that are {} have not ended; cancel them first.", open.name());
        return Err(Error::invalid("status", message).into());
    }
    // One that ended a moment ago may not be cleaned yet, and would stay.
    let engine = state.engine.clone();
    tokio::task::spawn_blocking(move || janitor::clean(&engine))
        .await
        .map_err(Error::internal)??;
    let days = asked.max_age_days.unwrap_or(CLEANUP_DAYS);
    let before = state.engine.clock.now().plus_ms(-i64::from(days) * DAY_MS);
    let mut removed = 0;
    for status in statuses {
        loop {
            let owner = caller.account_id;
            let forgetting = state
                .engine
                .store
                .write(move |tx| upkeep::forget_ended(tx, owner, status, before, CLEANUP_BATCH));
            let gone = forgetting.await?;
            removed += gone;
            if gone < CLEANUP_BATCH {
                break;
            }
        }
    }
    Ok(HttpResponse::Ok().json(json!({ "removed": removed })))
}

/// Every type of task that this server knows.
pub async fn operations(state: web::Data<State>, Signed(_): Signed) -> Answer {
    let all: Vec<_> = state
        .engine
        .operations()
        .iter()
        .map(|operation| {
            json!({
                "type": operation.task_type(),
                "number": operation.task_type().number(),
                "title": operation.title(),
                "parameters": operation.schema(),
                "creatable": operation.is_creatable(),
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(all))
}
