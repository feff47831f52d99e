//! How the server is doing, for people and for monitors.

use std::fmt::Write as _;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::State;
use super::problem::Problem;
use crate::domain::error::Result;
use crate::domain::work::Lane;
use crate::store::{Db, queue, uploads};

/// Writes that wait before the database counts as overloaded.
const QUEUE_WARN: usize = 512;

pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "healthy" }))
}

pub async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    state.engine.store.read(|db| queue::lengths(db).map(|_| ())).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "healthy" })))
}

pub async fn uploads(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let database = state.engine.store.read(figures).await;
    let writes = state.engine.store.queue_length();
    let mut pools = Vec::new();
    let mut full = false;
    for pool in &state.uploads.pools {
        let dir = state.uploads.blobs().pool(pool.id)?;
        let (looked, room) = (dir.space(), dir.staging_room().unwrap_or(0));
        full |= room == 0;
        let status = match (&looked, room) {
            (Err(_), _) => "unhealthy",
            (_, 0) => "degraded",
            _ => "healthy",
        };
        let space = looked.ok().flatten();
        pools.push(json!({
            "name": pool.name,
            "status": status,
            "freeBytes": space.map(|(_, free)| free),
            "totalBytes": space.map(|(total, _)| total),
        }));
    }
    // With one pool away the others go on.
    let lost = pools.iter().all(|pool| pool["status"] == "unhealthy");
    let status = match &database {
        Err(_) => "unhealthy",
        Ok(_) if lost => "unhealthy",
        Ok(_) if full || writes > QUEUE_WARN => "degraded",
        Ok(_) => "healthy",
    };
    let is_readable = database.is_ok();
    let (lanes, active) = database.unwrap_or_default();
    let queue = |(lane, pending, running): &(Lane, u64, u64)| {
        let paused = state.engine.queue.is_paused(*lane);
        let view = json!({ "pending": pending, "running": running, "paused": paused });
        (lane.word().to_owned(), view)
    };
    let queues: serde_json::Map<_, _> = lanes.iter().map(queue).collect();
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "durability": "full",
        "uptimeSeconds": state.started.elapsed().as_secs(),
        "database": {
            "status": if is_readable { "healthy" } else { "unhealthy" },
            "writeQueue": writes,
        },
        "pools": pools,
        "uploads": { "active": active, "inMemory": state.uploads.open.len() },
        "queues": queues,
        "stuckWorkers": state.engine.queue.stuck(),
        "websocket": { "connections": state.live.connections() },
    });
    Ok(match status {
        "unhealthy" => HttpResponse::ServiceUnavailable().json(body),
        _ => HttpResponse::Ok().json(body),
    })
}

/// Lanes with their waiting and running tasks, and the number of open uploads.
type Figures = (Vec<(Lane, u64, u64)>, u64);

fn figures(db: &Db) -> Result<Figures> {
    Ok((queue::lengths(db)?, uploads::count_all_open(db)?))
}

/// Figures for Prometheus, in its text format (version 0.0.4).
pub async fn metrics(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let (lanes, active) = state.engine.store.read(figures).await?;
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(String, f64)]| {
        let _ = writeln!(text, "# HELP drive_{name} {help}\n# TYPE drive_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "drive_{name}{labels} {value}");
        }
    };
    let plain = |value: f64| [(String::new(), value)];
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    gauge("build_info", "The version that runs.", &[(version, 1.0)]);
    gauge("uptime_seconds", "Time since the start.", &plain(state.started.elapsed().as_secs_f64()));
    let by_lane = |pick: &dyn Fn(&(Lane, u64, u64)) -> u64| -> Vec<_> {
        let label = |lane: Lane| format!("{{lane=\"{}\"}}", lane.word());
        lanes.iter().map(|figures| (label(figures.0), pick(figures) as f64)).collect()
    };
    gauge("tasks_pending", "Tasks that wait for a worker.", &by_lane(&|lane| lane.1));
    gauge("tasks_running", "Tasks that a worker has.", &by_lane(&|lane| lane.2));
    gauge(
        "lane_paused",
        "1 where an administrator paused the lane.",
        &by_lane(&|lane| u64::from(state.engine.queue.is_paused(lane.0))),
    );
    let stuck = state.engine.queue.stuck() as f64;
    gauge("workers_stuck", "Workers that do not stop although asked to.", &plain(stuck));
    gauge("uploads_open", "Uploads that may receive chunks.", &plain(active as f64));
    gauge(
        "uploads_in_memory",
        "Uploads that hold an open file.",
        &plain(state.uploads.open.len() as f64),
    );
    let queue = state.engine.store.queue_length() as f64;
    gauge("database_write_queue", "Changes that wait for the writer.", &plain(queue));
    let connections = state.live.connections() as f64;
    gauge("websocket_connections", "Connected live clients.", &plain(connections));
    let (mut online, mut total, mut free) = (Vec::new(), Vec::new(), Vec::new());
    for pool in &state.uploads.pools {
        let label = format!("{{pool={:?}}}", pool.name);
        let looked = state.uploads.blobs().pool(pool.id)?.space();
        online.push((label.clone(), f64::from(u8::from(looked.is_ok()))));
        if let Ok(Some((all, left))) = looked {
            total.push((label.clone(), all as f64));
            free.push((label, left as f64));
        }
    }
    gauge("pool_online", "1 where the pool's disk or server can be reached.", &online);
    gauge("pool_total_bytes", "Size of the pool's file system.", &total);
    gauge("pool_free_bytes", "Free bytes of the pool's file system.", &free);
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
