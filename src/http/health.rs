//! How the server is doing, for people and for monitors.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::State;
use super::problem::Problem;
use crate::domain::error::Result;
use crate::store::tasks;

/// Writes that wait before the database counts as overloaded.
const QUEUE_WARN: usize = 512;

pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "healthy" }))
}

pub async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    state.engine.store.read(|db| tasks::queue_lengths(db).map(|_| ())).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "healthy" })))
}

pub async fn uploads(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let database = state.engine.store.read(tasks::queue_lengths).await;
    let queue = state.engine.store.queue_length();
    let mut pools = Vec::new();
    let mut full = false;
    for pool in &state.uploads.pools {
        let dir = state.uploads.blobs().pool(pool.id)?;
        let space = dir.space().ok();
        let room = dir.room().unwrap_or(0);
        full |= room == 0;
        pools.push(json!({
            "name": pool.name,
            "status": match (space, room) {
                (None, _) => "unhealthy",
                (_, 0) => "degraded",
                _ => "healthy",
            },
            "freeBytes": space.map(|(_, free)| free),
            "totalBytes": space.map(|(total, _)| total),
        }));
    }
    let lost = pools.iter().any(|pool| pool["status"] == "unhealthy");
    let status = match &database {
        Err(_) => "unhealthy",
        Ok(_) if lost => "unhealthy",
        Ok(_) if full || queue > QUEUE_WARN => "degraded",
        Ok(_) => "healthy",
    };
    let (pending, running) = *database.as_ref().unwrap_or(&(0, 0));
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "durability": "full",
        "uptimeSeconds": state.started.elapsed().as_secs(),
        "database": {
            "status": if database.is_ok() { "healthy" } else { "unhealthy" },
            "writeQueue": queue,
        },
        "pools": pools,
        "uploads": { "active": running, "inMemory": state.uploads.open.len() },
        "queues": { "client": { "pending": pending, "running": running } },
        "websocket": { "connections": state.live.connections() },
    });
    Ok(match status {
        "unhealthy" => HttpResponse::ServiceUnavailable().json(body),
        _ => HttpResponse::Ok().json(body),
    })
}
