//! Accounts, roles and quota.

use std::sync::Arc;

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
    /// Signing in takes a code beside the password.
    pub second_factor: bool,
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

/// Part of what an account may do. A token is limited to those it was made with, and never more than its account may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    FilesRead,
    FilesWrite,
    Tasks,
    Admin,
    /// The account itself: its password, sign-ins and tokens. No token has it.
    Own,
}

impl Scope {
    /// Those that a token can be made with.
    pub const OF_TOKENS: [Self; 4] = [Self::FilesRead, Self::FilesWrite, Self::Tasks, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::FilesRead => "files:read",
            Self::FilesWrite => "files:write",
            Self::Tasks => "tasks",
            Self::Admin => "admin",
            Self::Own => "account",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    pub const ALL: Self = Self(0x1f);
    pub const NONE: Self = Self(0);

    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Of a token: names of scopes, each once at least.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut bits = 0;
        for name in names {
            let known = Scope::OF_TOKENS.into_iter().find(|scope| scope.name() == name);
            let scope = known.ok_or_else(|| {
                let message = "scopes are of files:read, files:write, tasks, admin.";
                Error::invalid("scopes", message)
            })?;
            bits |= 1 << scope as u8;
        }
        match bits {
            0 => Err(Error::invalid("scopes", "scopes must name at least one.")),
            bits => Ok(Self(bits)),
        }
    }

    pub fn names(self) -> Vec<&'static str> {
        let all = Scope::OF_TOKENS.into_iter().filter(|scope| self.contains(*scope));
        all.map(Scope::name).collect()
    }
}

/// Who is asking: an account in one of its sessions.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account_id: AccountId,
    pub session_id: SessionId,
    /// The account's name.
    pub name: Arc<str>,
    pub role: Role,
    pub scopes: Scopes,
    /// When the outside token ends that this caller came with; whatever it opened ends with it.
    pub until: Option<Timestamp>,
}

impl Caller {
    /// The server itself, which does something for an account; no sign-in stands behind it.
    pub fn on_behalf_of(account: &Account) -> Self {
        Self {
            account_id: account.id,
            session_id: SessionId::generate(),
            name: account.name.as_str().into(),
            role: account.role,
            scopes: Scopes::ALL,
            until: None,
        }
    }

    /// Refuses who lacks the role or, as a token, the scope.
    pub fn must(&self, least: Role, scope: Option<Scope>) -> Result<()> {
        if self.role < least {
            let message =
                format!("This needs the role {}; yours is {}.", least.name(), self.role.name());
            return Err(Error::new(Kind::Forbidden, message).with("role", least.name()));
        }
        match scope.filter(|scope| !self.scopes.contains(*scope)) {
            None => Ok(()),
            Some(Scope::Own) => Err(Error::new(
                Kind::ScopeMissing,
                "A token cannot do this; sign in with the password.",
            )),
            Some(scope) => {
                let message = format!("This token was made without the scope {}.", scope.name());
                Err(Error::new(Kind::ScopeMissing, message).with("scope", scope.name()))
            }
        }
    }
}

/// May a name hold this character?
pub(super) fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || "._-@".contains(c)
}

/// May a name begin with it?
pub(super) fn begins_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// An account's name: 1 to 64 letters, digits and `. _ - @`, with a letter, digit or `_` first; compared without regard to case.
pub fn parse_name(text: &str) -> Result<String> {
    let count = text.chars().count();
    if !text.starts_with(begins_name) || count > 64 || !text.chars().all(is_of_name) {
        return Err(Error::invalid(
            "name",
            "name must be 1 to 64 letters, digits or the characters . _ - @, and begin with a letter or digit.",
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
