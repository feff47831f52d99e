//! The wire: routes, JSON shapes, status codes, sockets. The whole route table is here.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::Semaphore;

use crate::domain::error::{Error, Kind};
use crate::domain::net::Network;
use crate::engine::Engine;
use crate::engine::live::Live;
use crate::notify::Notifier;
use crate::operations::previews::desk::Bell;
use crate::operations::upload::Uploads;

#[macro_use]
pub mod access;
pub mod account;
pub mod accounts;
pub mod address;
pub mod archive;
pub mod assets;
pub mod audit;
pub mod auth;
pub mod bundles;
pub mod conditions;
pub mod content;
pub mod content_links;
pub mod embedded;
pub mod file_changes;
pub mod file_drop;
pub mod files;
pub mod folders;
pub mod gate;
pub mod guard;
pub mod health;
pub mod identity;
pub mod input;
pub mod lanes;
pub mod limits;
pub mod locks;
pub mod notifications;
pub mod once;
pub mod origin;
pub mod pages;
pub mod problem;
pub mod push;
pub mod ranges;
pub mod sealed;
pub mod second_factor;
pub mod share;
pub mod sign_in;
pub mod socket;
pub mod tasks;
pub mod throttle;
pub mod thumbnails;
pub mod tokens;
pub mod uploads;
pub mod usage;
pub mod webhooks;

use once::once;
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
    pub origins: origin::Origins,
    pub trusted_proxies: Vec<Network>,
    /// False: neither rates nor guesses are limited.
    pub limits_enabled: bool,
    /// How many requests of each class in a minute.
    pub per_minute: Vec<(access::Class, u32)>,
    /// The code that allows the first set-up; `None` when there is an administrator.
    pub setup_code: Option<String>,
    /// Called when the first administrator is there.
    pub setup_done: Box<dyn Fn() + Send + Sync>,
    /// Verified in the place of an unknown account's hash.
    pub dummy_hash: String,
    /// Rung when a thumbnail turns out to be missing.
    pub previews: Arc<Bell>,
    /// Outside issuers that may vouch for people.
    pub outside: identity::Outside,
}

/// Shared by all handlers.
pub struct State {
    pub engine: Arc<Engine>,
    pub uploads: Arc<Uploads>,
    pub live: Arc<Live>,
    pub notifier: Arc<Notifier>,
    pub keys: tokens::Keys,
    pub known: auth::Known,
    pub throttle: throttle::Throttle,
    pub limiter: limits::Limiter,
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
        notifier: Arc<Notifier>,
        secret: &[u8],
        settings: Settings,
    ) -> Self {
        Self {
            engine,
            uploads,
            live,
            notifier,
            keys: tokens::Keys::new(secret),
            known: auth::Known::default(),
            throttle: throttle::Throttle::default(),
            limiter: limits::Limiter::new(settings.limits_enabled, &settings.per_minute),
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
    outside(config);
    config
        .service(web::scope("/api").wrap(from_fn(gate::gate)).configure(api))
        .service(web::scope("/drive").wrap(from_fn(gate::gate)).configure(api))
        .default_service(web::to(unknown));
}

routes! {
    /// Routes without a prefix. A socket signs in by itself, perhaps with its first message, and is held against
    /// [`access::TASKS_READ`] then.
    pub const OUTSIDE, fn outside {
        GET    "/health/uploads"  PUBLIC Read "" => health::uploads;
        GET    "/health/live"     PUBLIC Read "" => health::alive;
        GET    "/health/ready"    PUBLIC Read "" => health::ready;
        GET    "/metrics"         PUBLIC Read "" => health::metrics;
        GET    "/ws"              PUBLIC Events "" => socket::connect;
        GET    "/api/ws"          PUBLIC Events "" => socket::connect;
        GET    "/drive/ws"        PUBLIC Events "" => socket::connect;
        GET    "/"                PUBLIC Read "" => assets::index;
        GET    "/s/{slug}"        PUBLIC Read "" => assets::share;
        GET    "/c/{word}/{name}" PUBLIC Read "" => content_links::open;
        HEAD   "/c/{word}/{name}" PUBLIC Read "" => content_links::open;
        GET    "/manifest.webmanifest" PUBLIC Read "" => assets::manifest;
        GET    "/worker.js"       PUBLIC Read "" => assets::worker;
        GET    "/a/{hash}/{path:.*}" PUBLIC Read "" => assets::asset;
    }
}

routes! {
    /// Everything below `/api`, and again below `/drive`.
    pub const API, fn within {
        POST   "/auth/setup"                              PUBLIC      Login  "account.setup"     => sign_in::setup;
        POST   "/auth/login"                              PUBLIC      Login  "account.sign_in"   => sign_in::login;
        POST   "/auth/refresh"                            PUBLIC      Login  ""                  => sign_in::refresh;
        GET    "/auth/oidc"                               PUBLIC      Read   ""                  => identity::oidc::offer;
        GET    "/auth/oidc/start"                         PUBLIC      Login  ""                  => identity::oidc::start;
        GET    "/auth/oidc/callback"                      PUBLIC      Login  "account.sign_in"   => identity::oidc::callback;
        POST   "/auth/logout"                             ANYONE      Write  "account.sign_out"  => sign_in::logout;
        POST   "/auth/ws-ticket"                          TASKS_READ  Events ""                  => sign_in::ws_ticket;
        GET    "/account"                                 ANYONE      Read   ""                  => account::me;
        GET    "/quota"                                   ANYONE      Read   ""                  => account::quota;
        POST   "/account/password"                        OWN         Login  "account.password"  => account::password;
        GET    "/account/totp"                            OWN         Read   ""                  => second_factor::status;
        POST   "/account/totp"                            OWN         Login  "account.totp"      => second_factor::begin;
        POST   "/account/totp/confirm"                    OWN         Login  "account.totp_on"   => second_factor::confirm;
        POST   "/account/totp/remove"                     OWN         Login  "account.totp_off"  => second_factor::remove;
        GET    "/auth/sessions"                           OWN         Read   ""                  => account::sessions;
        DELETE "/auth/sessions"                           OWN         Write  "session.end_others" => account::end_other_sessions;
        DELETE "/auth/sessions/{session_id}"              OWN         Write  "session.end"       => account::end_session;
        GET    "/tokens"                                  OWN         Read   ""                  => account::tokens;
        POST   "/tokens"                                  OWN         Write  "token.create"      => once(account::make_token);
        DELETE "/tokens/{session_id}"                     OWN         Write  "token.remove"      => account::remove_token;
        GET    "/accounts"                                ADMIN       Read   ""                  => accounts::list;
        POST   "/accounts"                                ADMIN       Write  "account.create"    => once(accounts::create);
        GET    "/accounts/{account_id}"                   ADMIN       Read   ""                  => accounts::get;
        PATCH  "/accounts/{account_id}"                   ADMIN       Write  "account.change"    => accounts::change;
        GET    "/accounts/{account_id}/grants"            ADMIN       Read   ""                  => accounts::list_grants;
        POST   "/accounts/{account_id}/grants"            ADMIN       Write  "grant.create"      => once(accounts::grant);
        DELETE "/accounts/{account_id}/grants/{grant_id}" ADMIN       Write  "grant.end"         => accounts::end_grant;
        GET    "/accounts/{account_id}/identities"        ADMIN       Read   ""                  => identity::links::list;
        POST   "/accounts/{account_id}/identities"        ADMIN       Write  "identity.link"     => identity::links::link;
        DELETE "/accounts/{account_id}/identities"        ADMIN       Write  "identity.unlink"   => identity::links::unlink;
        GET    "/audit"                                   ANYONE      Read   ""                  => audit::list;
        GET    "/usage"                                   ANYONE      Read   ""                  => usage::usage;
        POST   "/files/upload/create"                     FILES_WRITE Create "upload.create"     => uploads::create::create;
        POST   "/files/upload/chunk/{task_id}/{index}"    FILES_WRITE Chunk  ""                  => uploads::body::chunk;
        PUT    "/files/upload/chunk/{task_id}/{index}"    FILES_WRITE Chunk  ""                  => uploads::body::chunk;
        POST   "/files/upload/complete/{task_id}"         FILES_WRITE Write  "upload.complete"   => uploads::complete;
        POST   "/files/upload/direct"                     FILES_WRITE Create "file.create"       => uploads::body::direct;
        PUT    "/files/upload/direct"                     FILES_WRITE Create "file.create"       => uploads::body::direct;
        GET    "/files/upload/tasks"                      FILES_READ  Read   ""                  => uploads::list;
        GET    "/files/upload/tasks/recent"               FILES_READ  Read   ""                  => uploads::recent;
        DELETE "/files/upload/tasks/cleanup"              FILES_WRITE Write  "upload.cleanup"    => uploads::cleanup;
        GET    "/files/upload/tasks/{task_id}/details"    FILES_READ  Read   ""                  => uploads::details;
        GET    "/files/upload/progress/{task_id}"         FILES_READ  Read   ""                  => uploads::progress;
        GET    "/files/upload/resume/{task_id}"           FILES_READ  Read   ""                  => uploads::resume;
        GET    "/files/upload/blocks/{task_id}"           FILES_READ  Read   ""                  => uploads::blocks;
        DELETE "/files/upload/task/{task_id}"             FILES_WRITE Write  "upload.cancel"     => uploads::cancel;
        GET    "/files/upload/stats"                      FILES_READ  Read   ""                  => uploads::stats;
        GET    "/files"                                   FILES_READ  Read   ""                  => files::list;
        GET    "/files/archive"                           FILES_READ  Read   "file.archive"      => archive::of_query;
        HEAD   "/files/archive"                           FILES_READ  Read   ""                  => archive::of_query;
        POST   "/files/archive"                           FILES_READ  Read   "file.archive"      => archive::of_body;
        GET    "/files/{file_id}"                         FILES_READ  Read   ""                  => files::get;
        GET    "/files/{file_id}/content"                 FILES_READ  Read   "file.read"         => content::content;
        HEAD   "/files/{file_id}/content"                 FILES_READ  Read   ""                  => content::content;
        GET    "/files/{file_id}/thumbnail"               FILES_READ  Read   ""                  => thumbnails::thumbnail;
        POST   "/files/{file_id}/link"                    FILES_READ  Read   "file.link"         => content_links::make;
        GET    "/files/{file_id}/key"                     FILES_READ  Read   "file.key"          => locks::key;
        POST   "/files/{file_id}/password"                FILES_WRITE Write  "file.password"     => locks::change;
        PATCH  "/files/{file_id}"                         FILES_WRITE Write  "file.change"       => file_changes::change;
        DELETE "/files/{file_id}"                         FILES_WRITE Write  "file.delete"       => file_changes::delete;
        POST   "/files/{file_id}/restore"                 FILES_WRITE Write  "file.restore"      => file_changes::restore;
        POST   "/files/{file_id}/copy"                    FILES_WRITE Create "file.copy"         => once(file_changes::copy);
        GET    "/bundles"                                 FILES_READ  Read   ""                  => bundles::list;
        POST   "/bundles"                                 FILES_WRITE Create "bundle.create"     => once(bundles::create);
        GET    "/bundles/{bundle_id}"                     FILES_READ  Read   ""                  => bundles::get;
        PATCH  "/bundles/{bundle_id}"                     FILES_WRITE Write  "bundle.change"     => bundles::change;
        DELETE "/bundles/{bundle_id}"                     FILES_WRITE Write  "bundle.remove"     => bundles::remove;
        GET    "/share/{slug}"                            PUBLIC      Read   ""                  => share::list;
        POST   "/share/{slug}"                            PUBLIC      Login  "share.unlock"      => share::unlock;
        GET    "/share/{slug}/archive"                    PUBLIC      Read   ""                  => archive::of_share;
        HEAD   "/share/{slug}/archive"                    PUBLIC      Read   ""                  => archive::of_share;
        GET    "/share/{slug}/files/{file_id}/content"    PUBLIC      Read   ""                  => share::content;
        HEAD   "/share/{slug}/files/{file_id}/content"    PUBLIC      Read   ""                  => share::content;
        GET    "/share/{slug}/files/{file_id}/thumbnail"  PUBLIC      Read   ""                  => share::thumbnail;
        POST   "/share/{slug}/uploads"                    PUBLIC      Create "share.upload"      => file_drop::create;
        POST   "/share/{slug}/uploads/{upload}/complete"  PUBLIC      Write  "share.file"        => file_drop::complete;
        PUT    "/share/{slug}/uploads/{upload}/{index}"   PUBLIC      Chunk  ""                  => file_drop::chunk;
        GET    "/share/{slug}/uploads/{upload}"           PUBLIC      Read   ""                  => file_drop::progress;
        DELETE "/share/{slug}/uploads/{upload}"           PUBLIC      Write  ""                  => file_drop::cancel;
        DELETE "/trash"                                   FILES_WRITE Write  "trash.empty"       => file_changes::empty_trash;
        GET    "/folders"                                 FILES_READ  Read   ""                  => folders::list;
        POST   "/folders"                                 FILES_WRITE Write  "folder.create"     => folders::create;
        DELETE "/folders"                                 FILES_WRITE Write  "folder.delete"     => folders::delete;
        POST   "/folders/move"                            FILES_WRITE Write  "folder.move"       => folders::rename;
        GET    "/tasks"                                   TASKS_READ  Read   ""                  => tasks::lists::list;
        POST   "/tasks"                                   TASKS       Create "task.create"       => tasks::create::create;
        GET    "/tasks/recent"                            TASKS_READ  Read   ""                  => tasks::lists::recent;
        GET    "/tasks/stats"                             TASKS_READ  Read   ""                  => tasks::overview::stats;
        DELETE "/tasks/cleanup"                           TASKS       Write  "task.cleanup"      => tasks::overview::cleanup;
        POST   "/tasks/pause"                             TASKS       Write  "task.pause"        => tasks::many::pause;
        POST   "/tasks/resume"                            TASKS       Write  "task.resume"       => tasks::many::resume;
        POST   "/tasks/cancel"                            TASKS       Write  "task.cancel"       => tasks::many::cancel;
        POST   "/tasks/retry"                             TASKS       Write  "task.retry"        => tasks::many::retry;
        GET    "/tasks/{task_id}"                         TASKS_READ  Read   ""                  => tasks::get;
        PATCH  "/tasks/{task_id}"                         TASKS       Write  "task.change"       => tasks::amend;
        GET    "/tasks/{task_id}/items"                   TASKS_READ  Read   ""                  => tasks::items;
        GET    "/tasks/{task_id}/wait"                    TASKS_READ  Read   ""                  => tasks::wait::wait;
        POST   "/tasks/{task_id}/pause"                   TASKS       Write  "task.pause"        => tasks::pause;
        POST   "/tasks/{task_id}/resume"                  TASKS       Write  "task.resume"       => tasks::resume;
        POST   "/tasks/{task_id}/cancel"                  TASKS       Write  "task.cancel"       => tasks::cancel;
        POST   "/tasks/{task_id}/retry"                   TASKS       Write  "task.retry"        => tasks::retry;
        POST   "/tasks/{task_id}/progress"                TASKS       Write  ""                  => tasks::reports::progress;
        POST   "/tasks/{task_id}/complete"                TASKS       Write  "task.complete"     => tasks::reports::complete;
        POST   "/tasks/{task_id}/fail"                    TASKS       Write  "task.fail"         => tasks::reports::fail;
        GET    "/notifications"                            OWN         Read   ""                  => notifications::list;
        GET    "/notifications/unread"                     OWN         Read   ""                  => notifications::unread;
        POST   "/notifications/read"                       OWN         Write  ""                  => notifications::read;
        GET    "/notifications/preferences"                OWN         Read   ""                  => notifications::preferences;
        PUT    "/notifications/preferences"                OWN         Write  "notification.preferences" => notifications::set_preferences;
        DELETE "/notifications/{notification_id}"          OWN         Write  "notification.remove" => notifications::remove;
        GET    "/push/key"                                 OWN         Read   ""                  => push::key;
        GET    "/push/subscriptions"                       OWN         Read   ""                  => push::list;
        POST   "/push/subscriptions"                       OWN         Write  "push.subscribe"    => once(push::subscribe);
        DELETE "/push/subscriptions/{subscription_id}"     OWN         Write  "push.unsubscribe"  => push::unsubscribe;
        POST   "/push/test"                                OWN         Write  "push.test"         => push::test;
        GET    "/webhooks"                                 OWN         Read   ""                  => webhooks::list;
        POST   "/webhooks"                                 OWN         Write  "webhook.create"    => once(webhooks::create);
        GET    "/webhooks/{webhook_id}"                    OWN         Read   ""                  => webhooks::get;
        PATCH  "/webhooks/{webhook_id}"                    OWN         Write  "webhook.change"    => webhooks::change;
        DELETE "/webhooks/{webhook_id}"                    OWN         Write  "webhook.remove"    => webhooks::remove;
        POST   "/webhooks/{webhook_id}/test"               OWN         Write  "webhook.test"      => webhooks::test;
        GET    "/webhooks/{webhook_id}/deliveries"         OWN         Read   ""                  => webhooks::deliveries;
        POST   "/usage/send"                               ADMIN       Write  "usage.send"        => usage::send;
        GET    "/lanes"                                   TASKS_READ  Read   ""                  => lanes::list;
        POST   "/lanes/{lane}/pause"                      ADMIN       Write  "lane.pause"        => lanes::pause;
        POST   "/lanes/{lane}/resume"                     ADMIN       Write  "lane.resume"       => lanes::resume;
        GET    "/operations"                              ANYONE      Read   ""                  => tasks::overview::operations;
        GET    "/pools"                                   ANYONE      Read   ""                  => files::pools;
    }
}

fn api(config: &mut web::ServiceConfig) {
    within(config);
    config.default_service(web::to(unknown));
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
