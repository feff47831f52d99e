//! Settings: flags win over the environment, the environment over the file, the file over the defaults. The defaults
//! are `drive.toml` itself, compiled in; unknown keys and bad values stop the start and name the key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::domain::account::Role;
use crate::domain::chunks::CHUNK_STEP_BYTES;
use crate::domain::error::{Error, Result};
use crate::domain::id::PoolId;
use crate::domain::pool::{Encryption, Policy};

pub mod merged;

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
    /// What the log tells: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", global = true)]
    pub log_level: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub log: Log,
    pub storage: Storage,
    pub pool: PoolSection,
    pub uploads: Uploads,
    pub janitor: Janitor,
    pub accounts: Accounts,
    pub auth: Auth,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub public_url: String,
    pub workers: usize,
    pub insecure_http: bool,
    pub shutdown_seconds: u64,
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
pub struct PoolSection {
    pub name: String,
    pub path: PathBuf,
    pub max_file_size: u64,
    pub accept_types: Vec<String>,
    pub require_role: Role,
    pub encryption: Encryption,
    pub quota_multiplier: f64,
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
}

impl Config {
    fn check(&self) -> Result<()> {
        let refuse = |key: &str, why: &str| Err(Error::invalid(key, format!("{key} {why}")));
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
        ];
        for (key, value) in times {
            if value == 0 || value > 100_000 {
                return refuse(key, "must be between 1 and 100000.");
            }
        }
        let multiplier = self.pool.quota_multiplier;
        if !multiplier.is_finite() || !(0.0..=1000.0).contains(&multiplier) {
            return refuse("pool.quota_multiplier", "must be between 0 and 1000.");
        }
        if self.pool.name.is_empty() || self.pool.name.len() > 64 {
            return refuse("pool.name", "must have 1 to 64 bytes.");
        }
        if !self.server.public_url.is_empty() && !self.server.public_url.starts_with("http") {
            return refuse("server.public_url", "must begin with http:// or https://.");
        }
        if !self.server.listen.ip().is_loopback() && !self.server.insecure_http {
            return refuse(
                "server.listen",
                "is not an address of this machine alone, and without TLS passwords would cross the network in \
                 clear. Put a TLS proxy before Drive and keep 127.0.0.1, or set server.insecure_http = true \
                 (DRIVE_SERVER_INSECURE_HTTP=true) for a network you trust.",
            );
        }
        self.preferred_pool().map(|_| ())
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

    pub fn policy(&self) -> Policy {
        Policy {
            max_file_size: (self.pool.max_file_size > 0).then_some(self.pool.max_file_size),
            accept_types: self.pool.accept_types.clone(),
            require_role: self.pool.require_role,
            encryption: self.pool.encryption,
            quota_multiplier: self.pool.quota_multiplier,
        }
    }

    pub fn default_quota(&self) -> Option<u64> {
        (self.accounts.default_quota_bytes > 0).then_some(self.accounts.default_quota_bytes)
    }

    pub fn pool_path(&self) -> PathBuf {
        or_in(&self.pool.path, &self.server.data_dir, "pool")
    }

    pub fn uploads_path(&self) -> PathBuf {
        or_in(&self.storage.uploads_path, &self.server.data_dir, "uploads")
    }
}

fn or_in(path: &Path, data_dir: &Path, name: &str) -> PathBuf {
    if path.as_os_str().is_empty() { data_dir.join(name) } else { path.to_owned() }
}
