//! Settings of pools.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Config, refuse};
use crate::domain::account::Role;
use crate::domain::error::Result;
use crate::domain::pool::{Encryption, Policy};

/// Where a pool's files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    Local,
    S3,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolSection {
    pub name: String,
    pub backend: Backend,
    pub path: PathBuf,
    pub bucket: String,
    pub endpoint: String,
    pub region: String,
    pub prefix: String,
    pub credentials_file: PathBuf,
    pub path_style: bool,
    pub allow_http: bool,
    pub verify_reads: bool,
    pub max_file_size: u64,
    pub accept_types: Vec<String>,
    pub require_role: Role,
    pub encryption: Encryption,
    pub quota_multiplier: f64,
    pub public: bool,
    pub recycle_days: u32,
}

impl PoolSection {
    pub fn policy(&self) -> Policy {
        Policy {
            max_file_size: (self.max_file_size > 0).then_some(self.max_file_size),
            accept_types: self.accept_types.clone(),
            require_role: self.require_role,
            encryption: self.encryption,
            quota_multiplier: self.quota_multiplier,
            public: self.public,
            recycle_days: self.recycle_days,
        }
    }

    /// What is wrong with a bucket's address: key and reason.
    fn wrong_address(&self) -> Option<(&'static str, &'static str)> {
        let names = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte))
        };
        let host = self.endpoint.split_once("://").map(|(_, host)| host.trim_end_matches('/'));
        let is_host = host.is_some_and(|host| {
            !host.is_empty()
                && !host.contains(['/', '@', '?', '#'])
                && !host.contains(char::is_whitespace)
        });
        let http = self.endpoint.starts_with("http://");
        if self.bucket.is_empty() || self.bucket.contains('/') || !names(&self.bucket) {
            return Some(("bucket", "must be the name of a bucket where the backend is \"s3\"."));
        }
        if !self.endpoint.is_empty()
            && !(is_host && (http || self.endpoint.starts_with("https://")))
        {
            return Some(("endpoint", "must be https:// and a host, without a path."));
        }
        if http && !self.allow_http {
            let why = "must begin with https://, or allow_http must be true: without TLS everybody on the way reads \
                       the files.";
            return Some(("endpoint", why));
        }
        if self.region.is_empty() || !names(&self.region) {
            return Some(("region", "must be set; many servers of one's own take us-east-1."));
        }
        if self.prefix.len() > 200 || !names(&self.prefix) || self.prefix.contains("//") {
            return Some(("prefix", "must be at most 200 letters, digits, - . _ and /."));
        }
        (!self.path.as_os_str().is_empty()).then_some(("path", "is not for the backend \"s3\"."))
    }
}

impl Config {
    pub(super) fn check_pools(&self) -> Result<()> {
        let mut names = Vec::new();
        for (number, pool) in (1..).zip(&self.pools) {
            let section = if number == 1 { "pool".to_owned() } else { format!("pool{number}") };
            let refuse = |key: &str, why: &str| refuse(&format!("{section}.{key}"), why);
            let multiplier = pool.quota_multiplier;
            if !multiplier.is_finite() || !(0.0..=1000.0).contains(&multiplier) {
                return refuse("quota_multiplier", "must be between 0 and 1000.");
            }
            if pool.recycle_days > 36_500 {
                return refuse("recycle_days", "must be between 0 and 36500.");
            }
            if pool.name.is_empty() || pool.name.len() > 64 {
                return refuse("name", "must have 1 to 64 bytes.");
            }
            if names.contains(&&pool.name) {
                return refuse("name", "is the name of another pool.");
            }
            match pool.backend {
                Backend::Local if number > 1 && pool.path.as_os_str().is_empty() => {
                    return refuse("path", "must be set for every local pool but the first.");
                }
                Backend::Local if !pool.bucket.is_empty() => {
                    return refuse("bucket", "is for the backend \"s3\" alone.");
                }
                Backend::Local => {}
                Backend::S3 => {
                    if let Some((key, why)) = pool.wrong_address() {
                        return refuse(key, why);
                    }
                }
            }
            names.push(&pool.name);
        }
        Ok(())
    }
}
