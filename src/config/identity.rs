//! Settings of the outside issuers that may vouch for people.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::error::Result;
use crate::domain::identity::{Algorithm, Mapping, Provider, Trust, parse_roles};

/// The issuer of our own access tokens, which no outside one may call itself.
const OURSELVES: &str = "drive";
/// A clock that is further off is not a clock.
const SKEW_MAX_SECONDS: u32 = 600;

/// Tokens of an outside issuer as access tokens. Without an issuer there are none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    pub issuer: String,
    pub audience: String,
    pub algorithm: Algorithm,
    pub key_file: PathBuf,
    pub clock_skew_seconds: u32,
    pub account_claim: String,
    pub name_claim: String,
    pub role_claim: String,
    pub role_map: Vec<String>,
    pub create_accounts: bool,
}

/// Signing in at an outside provider. Without an issuer there is none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    pub issuer: String,
    pub client_id: String,
    pub client_secret_file: PathBuf,
    pub scopes: String,
    pub label: String,
    pub allow_private: bool,
    pub account_claim: String,
    pub name_claim: String,
    pub role_claim: String,
    pub role_map: Vec<String>,
    pub create_accounts: bool,
}

fn refuse<T>(section: &str, key: &str, why: &str) -> Result<T> {
    super::refuse(&format!("{section}.{key}"), why)
}

impl Jwt {
    /// # Errors
    /// Names the setting that is missing or wrong.
    pub fn trust(&self) -> Result<Option<Trust>> {
        const SECTION: &str = "auth.jwt";
        if self.issuer.is_empty() {
            return match self.key_file.as_os_str().is_empty() {
                true => Ok(None),
                false => refuse(SECTION, "issuer", "must be set where there is a key_file."),
            };
        }
        if self.issuer == OURSELVES {
            return refuse(SECTION, "issuer", "must not be \"drive\", which issues Drive's own.");
        }
        if self.audience.is_empty() {
            return refuse(SECTION, "audience", "must say what tokens for Drive have as \"aud\".");
        }
        if self.key_file.as_os_str().is_empty() {
            return refuse(SECTION, "key_file", "must name the file with the issuer's key.");
        }
        if self.clock_skew_seconds > SKEW_MAX_SECONDS {
            return refuse(SECTION, "clock_skew_seconds", "must be at most 600.");
        }
        Ok(Some(Trust {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            algorithm: self.algorithm,
            key_file: self.key_file.clone(),
            skew_seconds: i64::from(self.clock_skew_seconds),
            mapping: mapping(
                SECTION,
                [&self.account_claim, &self.name_claim, &self.role_claim],
                &self.role_map,
                self.create_accounts,
            )?,
        }))
    }
}

impl Oidc {
    /// # Errors
    /// Names the setting that is missing or wrong.
    pub fn provider(&self) -> Result<Option<Provider>> {
        const SECTION: &str = "oidc";
        if self.issuer.is_empty() {
            return match self.client_id.is_empty() {
                true => Ok(None),
                false => refuse(SECTION, "issuer", "must be set where there is a client_id."),
            };
        }
        let plain = self.allow_private && self.issuer.starts_with("http://");
        if !self.issuer.starts_with("https://") && !plain {
            return refuse(SECTION, "issuer", "must begin with https://.");
        }
        if self.client_id.is_empty() {
            return refuse(SECTION, "client_id", "must be what the provider knows Drive by.");
        }
        if !self.scopes.split(' ').any(|scope| scope == "openid") {
            return refuse(SECTION, "scopes", "must hold openid.");
        }
        if self.label.trim().is_empty() || self.label.chars().count() > 64 {
            return refuse(SECTION, "label", "must have 1 to 64 characters.");
        }
        let secret = &self.client_secret_file;
        Ok(Some(Provider {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            secret_file: (!secret.as_os_str().is_empty()).then(|| secret.clone()),
            scopes: self.scopes.clone(),
            label: self.label.trim().to_owned(),
            allow_private: self.allow_private,
            mapping: mapping(
                SECTION,
                [&self.account_claim, &self.name_claim, &self.role_claim],
                &self.role_map,
                self.create_accounts,
            )?,
        }))
    }
}

fn mapping(
    section: &str,
    [account_claim, name_claim, role_claim]: [&String; 3],
    role_map: &[String],
    create: bool,
) -> Result<Mapping> {
    if account_claim.is_empty() {
        return refuse(section, "account_claim", "must name a claim, such as \"sub\".");
    }
    let roles = match parse_roles(role_map) {
        Ok(roles) => roles,
        Err(error) => return refuse(section, "role_map", error.message()),
    };
    if role_claim.is_empty() && !roles.is_empty() {
        return refuse(section, "role_claim", "must be set where there is a role_map.");
    }
    Ok(Mapping {
        account_claim: account_claim.clone(),
        name_claim: name_claim.clone(),
        role_claim: (!role_claim.is_empty()).then(|| role_claim.clone()),
        roles,
        create,
    })
}

/// The tokens that a provider gives to whoever signs in (ID tokens) are for this server too, but no access tokens
/// (RFC 8725, section 3.12): what is asked of the one must exclude the other.
pub fn check_apart(jwt: &Jwt, oidc: &Oidc) -> Result<()> {
    let same = !jwt.issuer.is_empty() && jwt.issuer == oidc.issuer;
    if same && jwt.audience == oidc.client_id {
        let why = "must not be oidc.client_id, or ID tokens would pass for access tokens.";
        return refuse("auth.jwt", "audience", why);
    }
    Ok(())
}
