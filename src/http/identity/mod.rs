//! People whom an outside issuer vouches for, by its tokens (`bearer`) or by a sign-in there (`oidc`). Each gets an
//! account of ours at first sight, which no password fits; from then on it is an account like any other.

use super::State;
use super::tokens::unusable_hash;
use crate::domain::error::Result;
use crate::domain::identity::{Mapping, Person, Provider, Trust};
use crate::domain::time::Timestamp;
use crate::store::Tx;
use crate::store::audit::{self, Entry};
use crate::store::identities::{self, Admitted, Welcome};

pub mod bearer;
mod claims;
mod keys;
pub mod links;
pub mod oidc;
mod provider;

/// The issuers that the settings name.
pub struct Outside {
    tokens: Option<bearer::Tokens>,
    sign_in: Option<oidc::SignIn>,
}

impl Outside {
    /// # Errors
    /// Names the setting whose file cannot be used.
    pub fn open(trust: Option<Trust>, provider: Option<Provider>) -> Result<Self> {
        Ok(Self {
            tokens: trust.map(bearer::Tokens::open).transpose()?,
            sign_in: provider.map(oidc::SignIn::open).transpose()?,
        })
    }

    /// Their names, as their tokens say them.
    fn issuers(&self) -> Vec<&str> {
        let tokens = self.tokens.as_ref().map(bearer::Tokens::issuer);
        tokens.into_iter().chain(self.sign_in.as_ref().map(oidc::SignIn::issuer)).collect()
    }
}

impl State {
    /// What somebody who was never here gets; `None` where nobody new is let in.
    fn welcome(&self, mapping: &Mapping) -> Result<Option<Welcome>> {
        if !mapping.create {
            return Ok(None);
        }
        let quota_bytes = self.settings.default_quota;
        Ok(Some(Welcome { password_hash: unusable_hash()?, quota_bytes }))
    }
}

/// Finds or makes the account of a person, and tells the audit log of one that is new.
fn admit(
    tx: &Tx<'_>,
    person: &Person,
    issued: Timestamp,
    welcome: Option<&Welcome>,
    address: &str,
) -> Result<Option<Admitted>> {
    let Some(admitted) = identities::admit(tx, person, issued, welcome)? else { return Ok(None) };
    if admitted.made {
        let vouched = &admitted.vouched;
        tracing::info!(account.id = %vouched.account_id, issuer = %person.issuer, "an account was made");
        let entry = Entry {
            account_id: Some(vouched.account_id),
            account: vouched.name.clone(),
            session_id: None,
            action: "account.create".to_owned(),
            object: vouched.account_id.to_string(),
            address: address.to_owned(),
            outcome: "ok".to_owned(),
        };
        audit::append(tx, &entry)?;
    }
    Ok(Some(admitted))
}
