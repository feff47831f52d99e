//! Accounts, roles and quota.

use serde::{Deserialize, Serialize};

use super::error::{Error, Kind, Result};
use super::id::{AccountId, SessionId};
use super::time::Timestamp;

/// What an account may do. Ordered: each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Guest,
    User,
    Admin,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "guest" => Ok(Self::Guest),
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            _ => Err(Error::invalid("role", "role is one of admin, user, guest.")),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    pub quota: Quota,
    pub created_at: Timestamp,
}

/// Bytes of an account. `limit` is `None` where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: Option<u64>,
    pub used: u64,
    pub reserved: u64,
}

impl Quota {
    pub fn exceeded(self, asked: u64) -> Error {
        let limit = self.limit.unwrap_or(0);
        Error::new(
            Kind::QuotaExceeded,
            format!(
                "This needs {asked} bytes, but of your {limit} bytes {} are used and {} reserved by open uploads.",
                self.used, self.reserved
            ),
        )
        .with("limit", limit)
        .with("used", self.used)
        .with("reserved", self.reserved)
        .with("asked", asked)
    }

    pub fn has_room(self, asked: u64) -> bool {
        let wanted = self.used.saturating_add(self.reserved).saturating_add(asked);
        self.limit.is_none_or(|limit| wanted <= limit)
    }
}

/// Who is asking: an account in one of its sessions.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account_id: AccountId,
    pub session_id: SessionId,
    pub role: Role,
}

/// An account's name: 1 to 64 letters, digits and `. _ - @`, compared without regard to case.
pub fn parse_name(text: &str) -> Result<String> {
    let legal = |c: char| c.is_alphanumeric() || "._-@".contains(c);
    if text.is_empty() || text.chars().count() > 64 || !text.chars().all(legal) {
        return Err(Error::invalid(
            "name",
            "name must be 1 to 64 letters, digits or the characters . _ - @",
        ));
    }
    Ok(text.to_owned())
}

/// A password: 8 to 256 characters; what they are is its owner's business.
pub fn check_password(text: &str) -> Result<()> {
    match text.chars().count() {
        8..=256 => Ok(()),
        _ => Err(Error::invalid("password", "password must have 8 to 256 characters.")),
    }
}
