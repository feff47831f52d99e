//! Settings: flags win over the environment, the environment over the file, the file over the defaults. The defaults
//! are `drive.toml` itself, compiled in; unknown keys and bad values stop the start and name the key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use url::Url;

use crate::domain::chunks::CHUNK_STEP_BYTES;
use crate::domain::error::{Error, Result};
use crate::domain::id::PoolId;
use crate::domain::net::Network;

pub mod identity;
pub mod merged;
pub mod notify;
pub mod pool;
pub mod previews;

use pool::PoolSection;

/// The compiled-in defaults.
pub const DEFAULTS: &str = include_str!("../../drive.toml");

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Where database, secrets and files live
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", global = true)]
    pub listen: Option<String>,
    /// A settings file; see drive.toml for what can be in it
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Use TLS with a certificate of the server's own making, for a first try
    #[arg(long, global = true)]
    pub tls_self_signed: bool,
    /// A proxy with TLS stands before this server: allow plain http on any address
    #[arg(long, global = true)]
    pub behind_proxy: bool,
    /// Allow plain http on any address, on a network you trust
    #[arg(long, global = true)]
    pub insecure_http: bool,
    /// What the log tells: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", global = true)]
    pub log_level: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub tls: Tls,
    pub log: Log,
    pub storage: Storage,
    /// The first is the one that `[pool]` and `DRIVE_POOL_…` mean.
    #[serde(rename = "pool")]
    pub pools: Vec<PoolSection>,
    pub uploads: Uploads,
    pub tasks: Tasks,
    pub janitor: Janitor,
    pub accounts: Accounts,
    pub auth: Auth,
    pub oidc: identity::Oidc,
    pub audit: Audit,
    pub notify: notify::Notify,
    pub previews: previews::Previews,
    pub billing: notify::Billing,
    pub limits: Limits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub public_url: String,
    pub content_url: String,
    pub workers: usize,
    pub allowed_hosts: Vec<String>,
    pub cors_origins: Vec<String>,
    pub behind_proxy: bool,
    pub insecure_http: bool,
    pub trusted_proxies: Vec<String>,
    pub shutdown_seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub self_signed: bool,
    pub acme_domains: Vec<String>,
    pub acme_email: String,
    pub acme_directory: String,
}

impl Tls {
    pub fn is_on(&self) -> bool {
        self.self_signed
            || !self.certificate.as_os_str().is_empty()
            || !self.acme_domains.is_empty()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    pub uploads_path: PathBuf,
    pub preferred_pool: String,
    pub keep_free_bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    pub default_chunk_size: u64,
    pub max_chunk_size: u64,
    pub stale_hours: u32,
    pub paused_days: u32,
    pub cache_minutes: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    pub quick_workers: usize,
    pub io_workers: usize,
    pub cpu_workers: usize,
    pub maintenance_workers: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Janitor {
    pub interval_minutes: u32,
    pub keep_finished_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    pub default_quota_bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub access_minutes: u32,
    pub session_days: u32,
    pub jwt: identity::Jwt,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    pub keep_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub enabled: bool,
    pub login_per_minute: u32,
    pub create_per_minute: u32,
    pub chunk_per_minute: u32,
    pub write_per_minute: u32,
    pub read_per_minute: u32,
    pub events_per_minute: u32,
}

impl Limits {
    fn all(&self) -> [(&'static str, u32); 6] {
        [
            ("limits.login_per_minute", self.login_per_minute),
            ("limits.create_per_minute", self.create_per_minute),
            ("limits.chunk_per_minute", self.chunk_per_minute),
            ("limits.write_per_minute", self.write_per_minute),
            ("limits.read_per_minute", self.read_per_minute),
            ("limits.events_per_minute", self.events_per_minute),
        ]
    }
}

impl Config {
    fn check(&self) -> Result<()> {
        let uploads = &self.uploads;
        if uploads.max_chunk_size < CHUNK_STEP_BYTES || uploads.max_chunk_size > 1 << 30 {
            return refuse("uploads.max_chunk_size", "must be between 65536 and 1073741824 bytes.");
        }
        if !uploads.max_chunk_size.is_multiple_of(CHUNK_STEP_BYTES) {
            return refuse("uploads.max_chunk_size", "must be a multiple of 65536 bytes.");
        }
        if uploads.default_chunk_size == 0 || uploads.default_chunk_size > uploads.max_chunk_size {
            return refuse(
                "uploads.default_chunk_size",
                "must be between 1 and uploads.max_chunk_size.",
            );
        }
        let times = [
            ("uploads.stale_hours", uploads.stale_hours),
            ("uploads.paused_days", uploads.paused_days),
            ("janitor.interval_minutes", self.janitor.interval_minutes),
            ("janitor.keep_finished_days", self.janitor.keep_finished_days),
            ("auth.access_minutes", self.auth.access_minutes),
            ("auth.session_days", self.auth.session_days),
            ("audit.keep_days", self.audit.keep_days),
        ];
        for (key, value) in times {
            if value == 0 || value > 100_000 {
                return refuse(key, "must be between 1 and 100000.");
            }
        }
        self.check_previews()?;
        self.check_pools()?;
        self.check_notify()?;
        let workers = [
            ("tasks.quick_workers", self.tasks.quick_workers),
            ("tasks.io_workers", self.tasks.io_workers),
            ("tasks.maintenance_workers", self.tasks.maintenance_workers),
        ];
        for (key, count) in workers {
            if count == 0 {
                return refuse(key, "must be at least 1.");
            }
        }
        for (key, count) in
            workers.into_iter().chain([("tasks.cpu_workers", self.tasks.cpu_workers)])
        {
            if count > 64 {
                return refuse(key, "must be at most 64.");
            }
        }
        self.check_content_url()?;
        if !self.server.public_url.is_empty() && !self.server.public_url.starts_with("http") {
            return refuse("server.public_url", "must begin with http:// or https://.");
        }
        self.check_network()?;
        if let Some((key, _)) = self.limits.all().into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "must be at least 1.");
        }
        self.auth.jwt.trust()?;
        self.oidc.provider()?;
        identity::check_apart(&self.auth.jwt, &self.oidc)?;
        self.trusted_proxies()?;
        self.preferred_pool().map(|_| ())
    }

    fn check_network(&self) -> Result<()> {
        let excused = self.tls.is_on() || self.server.behind_proxy || self.server.insecure_http;
        if !self.server.listen.ip().is_loopback() && !excused {
            return refuse(
                "server.listen",
                "is not an address of this machine alone, and without TLS passwords would cross the network in \
                 clear. Set tls.certificate and tls.key, or try --tls-self-signed; or say --behind-proxy when a \
                 proxy with TLS stands before Drive, or --insecure-http on a network you trust \
                 (server.insecure_http = true).",
            );
        }
        if self.tls.certificate.as_os_str().is_empty() != self.tls.key.as_os_str().is_empty() {
            return refuse("tls.certificate", "and tls.key must be set together.");
        }
        if self.tls.self_signed && !self.tls.certificate.as_os_str().is_empty() {
            return refuse("tls.self_signed", "cannot be true when tls.certificate is set.");
        }
        if !self.tls.acme_domains.is_empty()
            && (self.tls.self_signed || !self.tls.certificate.as_os_str().is_empty())
        {
            return refuse("tls.acme_domains", "excludes tls.certificate and tls.self_signed.");
        }
        for origin in &self.server.cors_origins {
            let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if rest.is_none_or(|host| host.is_empty() || host.contains(['/', '*'])) {
                return refuse(
                    "server.cors_origins",
                    "must hold origins such as https://app.example, without a path.",
                );
            }
        }
        Ok(())
    }

    pub fn preferred_pool(&self) -> Result<Option<PoolId>> {
        match self.storage.preferred_pool.as_str() {
            "" => Ok(None),
            text => PoolId::parse(text).map(Some).map_err(|_| {
                Error::invalid(
                    "storage.preferred_pool",
                    "storage.preferred_pool must be the id of a pool (a UUID).",
                )
            }),
        }
    }

    pub fn trusted_proxies(&self) -> Result<Vec<Network>> {
        let wrong = |error: Error| {
            let key = "server.trusted_proxies";
            Error::invalid(key, format!("{key}: {}", error.message()))
        };
        self.server.trusted_proxies.iter().map(|text| Network::parse(text).map_err(wrong)).collect()
    }

    pub fn default_quota(&self) -> Option<u64> {
        (self.accounts.default_quota_bytes > 0).then_some(self.accounts.default_quota_bytes)
    }

    pub fn pool_path(&self, pool: &PoolSection) -> PathBuf {
        or_in(&pool.path, &self.server.data_dir, "pool")
    }

    pub fn uploads_path(&self) -> PathBuf {
        or_in(&self.storage.uploads_path, &self.server.data_dir, "uploads")
    }
}

/// What is wrong with a setting, by its name.
impl Config {
    /// An origin, and another name than that of the pages.
    fn check_content_url(&self) -> Result<()> {
        let content = &self.server.content_url;
        if content.is_empty() {
            return Ok(());
        }
        let parsed = Url::parse(content).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.path() == "/"
                && url.query().is_none()
                && url.username().is_empty()
        });
        let Some(url) = parsed else {
            return refuse(
                "server.content_url",
                "must be http:// or https:// and a name, without a path.",
            );
        };
        let pages = Url::parse(&self.server.public_url).ok();
        let own = pages.as_ref().and_then(Url::host_str);
        let names = self.server.allowed_hosts.iter().map(String::as_str).chain(own);
        match names.into_iter().any(|name| url.host_str() == Some(name)) {
            true => refuse("server.content_url", "must have another name than the pages have."),
            false => Ok(()),
        }
    }
}

fn refuse<T>(key: &str, why: &str) -> Result<T> {
    Err(Error::invalid(key, format!("{key} {why}")))
}

fn or_in(path: &Path, data_dir: &Path, name: &str) -> PathBuf {
    if path.as_os_str().is_empty() { data_dir.join(name) } else { path.to_owned() }
}
