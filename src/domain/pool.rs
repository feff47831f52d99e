//! Pools: places for objects, each with a policy that decides what may be stored there.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::Role;
use super::error::{Error, Kind, Result};
use super::file::{ContentType, File};
use super::id::PoolId;
use super::time::{DAY_MS, Timestamp};

/// Whether files in a pool are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    #[default]
    Optional,
    Required,
    Forbidden,
}

/// What a pool accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Largest file in bytes; `None` for no limit.
    pub max_file_size: Option<u64>,
    /// `type/subtype` or `type/*`; empty means any.
    pub accept_types: Vec<String>,
    /// The least role that may store here.
    pub require_role: Role,
    pub encryption: Encryption,
    /// Bytes charged to an account for each byte stored.
    pub quota_multiplier: f64,
    /// May its files be shared by links?
    pub public: bool,
    /// Days that a file stays in the trash; with 0 deleting is for good.
    pub recycle_days: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_file_size: None,
            accept_types: Vec::new(),
            require_role: Role::User,
            encryption: Encryption::Optional,
            quota_multiplier: 1.0,
            public: true,
            recycle_days: 30,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Pool {
    pub id: PoolId,
    pub name: String,
    pub policy: Policy,
}

impl Pool {
    /// Ok, or the reason why this pool refuses such a file.
    pub fn admit(&self, size: u64, content_type: &ContentType, role: Role) -> Result<()> {
        self.admit_stored(size, content_type, role, false)
    }

    /// The same for a file that may be encrypted.
    pub fn admit_stored(
        &self,
        size: u64,
        content_type: &ContentType,
        role: Role,
        encrypted: bool,
    ) -> Result<()> {
        let refuse = |kind, message: String| {
            Err(Error::new(kind, message).with("poolId", self.id.to_string()))
        };
        let name = &self.name;
        if role < self.policy.require_role {
            return refuse(
                Kind::Forbidden,
                format!("Your role may not store files in pool \"{name}\"."),
            );
        }
        if let Some(limit) = self.policy.max_file_size
            && size > limit
        {
            return Err(Error::new(
                Kind::FileTooLarge,
                format!(
                    "Pool \"{name}\" takes files of at most {limit} bytes; this one has {size}."
                ),
            )
            .with("limit", limit)
            .with("fileSize", size));
        }
        let essence = content_type.essence();
        let accepted = |pattern: &String| match pattern.strip_suffix('*') {
            Some("*/") => true,
            Some(top) => essence.starts_with(top),
            None => pattern.eq_ignore_ascii_case(essence),
        };
        if !self.policy.accept_types.is_empty() && !self.policy.accept_types.iter().any(accepted) {
            return refuse(
                Kind::PoolRefuses,
                format!("Pool \"{name}\" does not take files of type {essence}."),
            );
        }
        self.admit_encrypted(encrypted)
    }

    /// Ok, or why this pool refuses files that are encrypted, or those that are not.
    pub fn admit_encrypted(&self, encrypted: bool) -> Result<()> {
        let name = &self.name;
        let message = match self.policy.encryption {
            Encryption::Required if !encrypted => {
                format!("Pool \"{name}\" takes encrypted files only.")
            }
            Encryption::Forbidden if encrypted => {
                format!("Pool \"{name}\" takes no encrypted files.")
            }
            _ => return Ok(()),
        };
        Err(Error::new(Kind::PoolRefuses, message).with("poolId", self.id.to_string()))
    }

    /// Bytes charged to an account's quota for a file of `size` bytes.
    pub fn charge(&self, size: u64) -> u64 {
        if self.policy.quota_multiplier == 1.0 {
            return size;
        }
        (size as f64 * self.policy.quota_multiplier).ceil().min(i64::MAX as f64) as u64
    }
}

/// How long each pool keeps what is thrown away.
#[derive(Clone, Debug, Default)]
pub struct Recycling(Arc<HashMap<PoolId, i64>>);

impl Recycling {
    pub fn of(pools: &[Pool]) -> Self {
        let keep = |pool: &Pool| (pool.id, i64::from(pool.policy.recycle_days) * DAY_MS);
        Self(Arc::new(pools.iter().map(keep).collect()))
    }

    /// Each pool with the milliseconds that a file stays in its trash.
    pub fn pools(&self) -> impl Iterator<Item = (PoolId, i64)> {
        self.0.iter().map(|(&pool, &keep_ms)| (pool, keep_ms))
    }

    /// Is deleting a file of this pool for good?
    pub fn is_off(&self, pool: PoolId) -> bool {
        self.0.get(&pool) == Some(&0)
    }

    /// When a file that is in the trash is deleted for good.
    pub fn purge_at(&self, file: &File) -> Option<Timestamp> {
        Some(file.deleted_at?.plus_ms(*self.0.get(&file.pool_id)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_its_reason() {
        let policy = Policy {
            max_file_size: Some(100),
            accept_types: vec!["image/*".into(), "text/plain".into()],
            quota_multiplier: 1.5,
            ..Policy::default()
        };
        let pool = Pool { id: PoolId::generate(), name: "photos".into(), policy };
        let kind = |size, content_type: &str, role| {
            pool.admit(size, &ContentType::parse(content_type).unwrap(), role).map_err(|e| e.kind())
        };
        assert_eq!(kind(100, "image/png", Role::User), Ok(()));
        assert_eq!(kind(1, "text/plain; charset=utf-8", Role::Admin), Ok(()));
        assert_eq!(kind(101, "image/png", Role::User), Err(Kind::FileTooLarge));
        assert_eq!(kind(1, "video/mp4", Role::User), Err(Kind::PoolRefuses));
        assert_eq!(kind(1, "image/png", Role::Guest), Err(Kind::Forbidden));
        assert_eq!(pool.charge(3), 5);
    }
}
