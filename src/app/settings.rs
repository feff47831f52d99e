//! What the layers are told of the configuration.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::listen;
use crate::blobs::write_durably;
use crate::config::{Config, Limits};
use crate::domain::error::{Error, Result};
use crate::domain::pool::{Pool, Recycling};
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::work::Lane;
use crate::engine::live::Live;
use crate::engine::{Engine, Settings as EngineSettings};
use crate::http::access::Class;
use crate::http::identity::Outside;
use crate::http::{self, tokens};
use crate::notify::billing::Billing;
use crate::notify::{self, Notifier, vapid};
use crate::operations::previews::desk::Bell;
use crate::outgoing::Reach;

pub(super) fn engine_settings(config: &Config, pools: &[Pool]) -> EngineSettings {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let cpu_workers = match config.tasks.cpu_workers {
        0 => (cores / 2).max(1),
        count => count,
    };
    EngineSettings {
        stale_ms: i64::from(config.uploads.stale_hours) * HOUR_MS,
        paused_ms: i64::from(config.uploads.paused_days) * DAY_MS,
        keep_finished_ms: i64::from(config.janitor.keep_finished_days) * DAY_MS,
        keep_audit_ms: i64::from(config.audit.keep_days) * DAY_MS,
        recycling: Recycling::of(pools),
        sweep_ms: i64::from(config.janitor.interval_minutes) * 60 * 1000,
        workers: HashMap::from([
            (Lane::Quick, config.tasks.quick_workers),
            (Lane::Io, config.tasks.io_workers),
            (Lane::Cpu, cpu_workers),
            (Lane::Maintenance, config.tasks.maintenance_workers),
        ]),
    }
}

fn per_minute(limits: &Limits) -> Vec<(Class, u32)> {
    vec![
        (Class::Login, limits.login_per_minute),
        (Class::Create, limits.create_per_minute),
        (Class::Chunk, limits.chunk_per_minute),
        (Class::Write, limits.write_per_minute),
        (Class::Read, limits.read_per_minute),
        (Class::Events, limits.events_per_minute),
    ]
}

pub(super) fn http_settings(
    config: &Config,
    data_dir: &Path,
    setup_code: Option<String>,
    previews: Arc<Bell>,
) -> Result<http::Settings> {
    let code_file = data_dir.join("secrets/setup-code");
    Ok(http::Settings {
        public_url: config.server.public_url.clone(),
        access_ms: i64::from(config.auth.access_minutes) * 60 * 1000,
        session_ms: i64::from(config.auth.session_days) * DAY_MS,
        default_quota: config.default_quota(),
        origins: listen::origins(config),
        trusted_proxies: config.trusted_proxies()?,
        limits_enabled: config.limits.enabled,
        per_minute: per_minute(&config.limits),
        setup_code,
        setup_done: Box::new(move || {
            let _ = std::fs::remove_file(&code_file);
        }),
        previews,
        outside: Outside::open(config.auth.jwt.trust()?, config.oidc.provider()?)?,
        dummy_hash: tokens::hash_password("nobody has this password")?,
    })
}

/// What tells people of the ends of tasks, with the key pair that push services know this server by.
pub(super) fn notifier(
    config: &Config,
    data_dir: &Path,
    engine: &Arc<Engine>,
    live: &Arc<Live>,
) -> Result<Arc<Notifier>> {
    let path = data_dir.join("secrets/push.key");
    if !path.exists() {
        write_durably(&path, &vapid::Keys::generate()?)?;
    }
    let keys = std::fs::read(&path)
        .map_err(|error| Error::io("reading the key of push messages", &error))?;
    let reach = if config.notify.allow_private { Reach::Anywhere } else { Reach::Public };
    let billing = match config.billing.webhook_url.as_str() {
        "" => None,
        url => {
            let file = &config.billing.webhook_secret_file;
            let secret = std::fs::read_to_string(file).map_err(|error| {
                let key = "billing.webhook_secret_file";
                Error::invalid(key, format!("{key}: {}: {error}.", file.display()))
            })?;
            Some(Billing::new(url, secret.trim(), config.billing.hour, reach)?)
        }
    };
    let settings = notify::Settings { reach, contact: config.contact(), billing };
    Ok(Notifier::new(engine.clone(), live.clone(), vapid::Keys::open(&keys)?, settings))
}
