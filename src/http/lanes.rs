//! The lanes of workers: what each has to do, and its pause.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{NoBody, Query, whose};
use super::problem::Problem;
use crate::domain::error::Result;
use crate::domain::time::DAY_MS;
use crate::domain::work::Lane;
use crate::store::lanes;

type Answer = std::result::Result<HttpResponse, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// For administrators: the id of another account, or `all`.
    account: Option<String>,
}

/// For each lane: its workers, whether it is paused, and how many of the caller's tasks wait, run, and failed within a
/// day. Administrators may ask for another account's, or for all.
pub async fn list(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<ListQuery>,
) -> Answer {
    let owner = whose(&caller, asked.account.as_deref())?;
    let since = state.engine.clock.now().plus_ms(-DAY_MS);
    let engine = state.engine.clone();
    let read = state.engine.store.read(move |db| {
        let view = |&lane: &Lane| {
            let figures = lanes::figures(db, lane, owner, since)?;
            Ok(json!({
                "lane": lane.word(),
                "workers": engine.settings.workers.get(&lane).copied().unwrap_or(0),
                "isPaused": engine.queue.is_paused(lane),
                "pending": figures.pending,
                "running": figures.running,
                "failed": figures.failed,
            }))
        };
        Lane::ALL.iter().map(view).collect::<Result<Vec<Value>>>()
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

/// Begins nothing more in a lane; what runs there is handed back at its next safe point and goes on from there later.
pub async fn pause(state: web::Data<State>, lane: web::Path<String>, _: NoBody) -> Answer {
    set_paused(&state, &lane, true).await
}

pub async fn resume(state: web::Data<State>, lane: web::Path<String>, _: NoBody) -> Answer {
    set_paused(&state, &lane, false).await
}

async fn set_paused(state: &State, lane: &str, is_paused: bool) -> Answer {
    let lane = Lane::parse(lane)?;
    state.engine.set_lane_paused(lane, is_paused).await?;
    Ok(HttpResponse::Ok().json(json!({ "lane": lane.word(), "isPaused": is_paused })))
}
