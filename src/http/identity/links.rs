//! Which outside identities sign in to an account. Somebody new gets an account of their own, if the settings say so; into
//! one that exists only an administrator lets them, since a name proves nothing.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::domain::error::{Error, Result};
use crate::domain::id::AccountId;
use crate::http::State;
use crate::http::input::{self, Body, NoBody, Query};
use crate::http::problem::Problem;
use crate::store::{identities, sessions};

type Answer = Result<HttpResponse, Problem>;

/// Bytes of an issuer or a subject.
const TEXT_MAX: usize = 512;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// As `iss` of the issuer's tokens says it.
    issuer: String,
    /// As the claim says it by which accounts are told apart: `sub`, unless the settings name another.
    subject: String,
}

impl Identity {
    /// Refuses an identity that no issuer of the settings could vouch for.
    fn check(&self, state: &State) -> Result<()> {
        let known = state.settings.outside.issuers();
        if !known.contains(&self.issuer.as_str()) {
            let message = match known.is_empty() {
                true => "No outside issuer is set; see [auth.jwt] and [oidc] in the settings."
                    .to_owned(),
                false => format!("issuer is one of {}.", known.join(", ")),
            };
            return Err(Error::invalid("issuer", message));
        }
        if self.subject.is_empty() || self.subject.len() > TEXT_MAX {
            return Err(Error::invalid(
                "subject",
                format!("subject must have 1 to {TEXT_MAX} bytes."),
            ));
        }
        Ok(())
    }
}

async fn account(state: &State, id: &str) -> Result<AccountId> {
    let id = input::id(id, "account")?;
    state.account(id).await.map(|account| account.id)
}

pub async fn list(state: web::Data<State>, id: web::Path<String>) -> Answer {
    let id = account(&state, &id).await?;
    let known = state.engine.store.read(move |db| identities::list(db, id)).await?;
    let view = |known: &identities::Known| json!({ "issuer": known.issuer, "subject": known.subject, "createdAt": known.created_at });
    Ok(HttpResponse::Ok().json(known.iter().map(view).collect::<Vec<_>>()))
}

pub async fn link(
    state: web::Data<State>,
    id: web::Path<String>,
    Body(wanted): Body<Identity>,
) -> Answer {
    let id = account(&state, &id).await?;
    wanted.check(&state)?;
    let told = json!({ "issuer": wanted.issuer, "subject": wanted.subject });
    let store = &state.engine.store;
    store.write(move |tx| identities::link(tx, id, &wanted.issuer, &wanted.subject)).await?;
    Ok(HttpResponse::Created().json(told))
}

/// What came in by an outside token ends with it.
pub async fn unlink(
    state: web::Data<State>,
    id: web::Path<String>,
    Query(named): Query<Identity>,
    _: NoBody,
) -> Answer {
    let id = account(&state, &id).await?;
    let store = &state.engine.store;
    let ended = store
        .write(move |tx| {
            if !identities::unlink(tx, id, &named.issuer, &named.subject)? {
                return Err(Error::not_found("identity"));
            }
            sessions::revoke_all(tx, id)
        })
        .await?;
    state.known.forget_account(id);
    state.close(&ended);
    Ok(HttpResponse::NoContent().finish())
}
