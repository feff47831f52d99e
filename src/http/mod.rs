//! The wire: routes, JSON shapes, status codes, sockets. The whole route table is here.

use std::sync::Arc;
use std::time::Instant;

use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::Semaphore;

use crate::domain::error::{Error, Kind};
use crate::engine::Engine;
use crate::engine::live::Live;
use crate::operations::upload::Uploads;

pub mod accounts;
pub mod assets;
pub mod auth;
pub mod content;
pub mod files;
pub mod guard;
pub mod health;
pub mod input;
pub mod locks;
pub mod problem;
pub mod socket;
pub mod tasks;
pub mod tokens;
pub mod uploads;

use problem::Problem;

/// Sign-ins that may wait for their turn at hashing.
const PASSWORD_QUEUE: usize = 16;
const PASSWORD_WORKERS: usize = 2;

/// What this layer is told by the configuration.
pub struct Settings {
    /// The origin browsers use, where a proxy stands before this server; empty otherwise.
    pub public_url: String,
    pub access_ms: i64,
    pub session_ms: i64,
    pub default_quota: Option<u64>,
    /// The code that allows the first set-up; `None` when there is an administrator.
    pub setup_code: Option<String>,
    /// Called when the first administrator is there.
    pub setup_done: Box<dyn Fn() + Send + Sync>,
    /// Verified in the place of an unknown account's hash.
    pub dummy_hash: String,
}

/// Shared by all handlers.
pub struct State {
    pub engine: Arc<Engine>,
    pub uploads: Arc<Uploads>,
    pub live: Arc<Live>,
    pub keys: tokens::Keys,
    pub gate: auth::Gate,
    pub settings: Settings,
    pub started: Instant,
    /// Requests that wait for the end of a task.
    pub waiters: tasks::wait::Waiters,
    password_queue: Semaphore,
    password_work: Semaphore,
}

impl State {
    pub fn new(
        engine: Arc<Engine>,
        uploads: Arc<Uploads>,
        live: Arc<Live>,
        secret: &[u8],
        settings: Settings,
    ) -> Self {
        Self {
            engine,
            uploads,
            live,
            keys: tokens::Keys::new(secret),
            gate: auth::Gate::default(),
            settings,
            started: Instant::now(),
            waiters: tasks::wait::Waiters::default(),
            password_queue: Semaphore::new(PASSWORD_QUEUE),
            password_work: Semaphore::new(PASSWORD_WORKERS),
        }
    }
}

/// Every route of the server.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/health/uploads", web::get().to(health::uploads))
        .route("/health/live", web::get().to(health::alive))
        .route("/health/ready", web::get().to(health::ready))
        .route("/metrics", web::get().to(health::metrics))
        .route("/ws", web::get().to(socket::connect))
        .route("/api/ws", web::get().to(socket::connect))
        .route("/drive/ws", web::get().to(socket::connect))
        .service(web::scope("/api").wrap(from_fn(auth::gate)).configure(api))
        .service(web::scope("/drive").wrap(from_fn(auth::gate)).configure(api))
        .route("/", web::get().to(assets::index))
        .route("/a/{hash}/{path:.*}", web::get().to(assets::asset))
        .default_service(web::to(unknown));
}

/// Everything below `/api`, and again below `/drive`.
fn api(config: &mut web::ServiceConfig) {
    config
        .route("/auth/setup", web::post().to(accounts::setup))
        .route("/auth/login", web::post().to(accounts::login))
        .route("/auth/refresh", web::post().to(accounts::refresh))
        .route("/auth/logout", web::post().to(accounts::logout))
        .route("/auth/ws-ticket", web::post().to(accounts::ws_ticket))
        .route("/account", web::get().to(accounts::me))
        .route("/quota", web::get().to(accounts::quota))
        .route("/files/upload/create", web::post().to(uploads::create::create))
        .route("/files/upload/chunk/{task_id}/{index}", web::post().to(uploads::body::chunk))
        .route("/files/upload/chunk/{task_id}/{index}", web::put().to(uploads::body::chunk))
        .route("/files/upload/complete/{task_id}", web::post().to(uploads::complete))
        .route("/files/upload/direct", web::post().to(uploads::body::direct))
        .route("/files/upload/direct", web::put().to(uploads::body::direct))
        .route("/files/upload/tasks", web::get().to(uploads::list))
        .route("/files/upload/tasks/recent", web::get().to(uploads::recent))
        .route("/files/upload/tasks/cleanup", web::delete().to(uploads::cleanup))
        .route("/files/upload/tasks/{task_id}/details", web::get().to(uploads::details))
        .route("/files/upload/progress/{task_id}", web::get().to(uploads::progress))
        .route("/files/upload/resume/{task_id}", web::get().to(uploads::resume))
        .route("/files/upload/task/{task_id}", web::delete().to(uploads::cancel))
        .route("/files/upload/stats", web::get().to(uploads::stats))
        .route("/files", web::get().to(files::list))
        .route("/files/{file_id}", web::get().to(files::get))
        .route("/files/{file_id}/content", web::get().to(content::content))
        .route("/files/{file_id}/content", web::head().to(content::content))
        .route("/files/{file_id}/key", web::get().to(locks::key))
        .route("/files/{file_id}/password", web::post().to(locks::change))
        .route("/tasks", web::get().to(tasks::lists::list))
        .route("/tasks", web::post().to(tasks::create::create))
        .route("/tasks/recent", web::get().to(tasks::lists::recent))
        .route("/tasks/stats", web::get().to(tasks::overview::stats))
        .route("/tasks/cleanup", web::delete().to(tasks::overview::cleanup))
        .route("/tasks/pause", web::post().to(tasks::many::pause))
        .route("/tasks/resume", web::post().to(tasks::many::resume))
        .route("/tasks/cancel", web::post().to(tasks::many::cancel))
        .route("/tasks/retry", web::post().to(tasks::many::retry))
        .route("/tasks/{task_id}", web::get().to(tasks::get))
        .route("/tasks/{task_id}", web::patch().to(tasks::amend))
        .route("/tasks/{task_id}/items", web::get().to(tasks::items))
        .route("/tasks/{task_id}/wait", web::get().to(tasks::wait::wait))
        .route("/tasks/{task_id}/pause", web::post().to(tasks::pause))
        .route("/tasks/{task_id}/resume", web::post().to(tasks::resume))
        .route("/tasks/{task_id}/cancel", web::post().to(tasks::cancel))
        .route("/tasks/{task_id}/retry", web::post().to(tasks::retry))
        .route("/tasks/{task_id}/progress", web::post().to(tasks::reports::progress))
        .route("/tasks/{task_id}/complete", web::post().to(tasks::reports::complete))
        .route("/tasks/{task_id}/fail", web::post().to(tasks::reports::fail))
        .route("/operations", web::get().to(tasks::overview::operations))
        .route("/pools", web::get().to(files::pools))
        .default_service(web::to(unknown));
}

/// No route, or a route with another method.
async fn unknown(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.resource_map().has_resource(request.path()) && request.path() != "/" {
        let message = format!("{} is not possible here.", request.method());
        return Err(Error::new(Kind::MethodNotAllowed, message)
            .with("method", request.method().as_str())
            .into());
    }
    Err(Error::new(Kind::NoRoute, "There is no such route.").with("path", request.path()).into())
}
