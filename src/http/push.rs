//! The caller's browsers that want to be told while their page is closed (Web Push).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::auth::Signed;
use super::input::{self, Body, NoBody, text};
use super::problem::Problem;
use crate::domain::error::{Error, Result};
use crate::domain::id::SubscriptionId;
use crate::notify;
use crate::notify::web_push::Address;
use crate::outgoing::parse_url;
use crate::store::outbox::Target;
use crate::store::push::{self, Subscription};

type Answer = Result<HttpResponse, Problem>;

const DEVICE_MAX: usize = 200;

/// The key that `PushManager.subscribe` takes as `applicationServerKey`.
pub async fn key(state: web::Data<State>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({ "key": state.notifier.public_key() })))
}

fn view(browser: &Subscription) -> Value {
    json!({
        "id": browser.id,
        "service": browser.host,
        "device": browser.device,
        "createdAt": browser.created_at,
        "lastSentAt": browser.sent_at,
    })
}

pub async fn list(state: web::Data<State>, Signed(caller): Signed) -> Answer {
    let owner = caller.account_id;
    let browsers = state.engine.store.read(move |db| push::list(db, owner)).await?;
    Ok(HttpResponse::Ok().json(browsers.iter().map(view).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// What `PushSubscription.toJSON` gives.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscribeRequest {
    endpoint: String,
    keys: Keys,
    /// Services tell by 404 or 410 that a subscription is over; nobody needs to know before.
    #[serde(default, rename = "expirationTime")]
    _expiration_time: Option<f64>,
}

pub async fn subscribe(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(wanted): Body<SubscribeRequest>,
) -> Answer {
    let url = parse_url("endpoint", &wanted.endpoint, state.notifier.reach())?;
    let address =
        Address { endpoint: wanted.endpoint, p256dh: wanted.keys.p256dh, auth: wanted.keys.auth };
    address.check()?;
    let id = SubscriptionId::generate();
    let (sealed, endpoint_hash) = state.notifier.seal_address(id, &address)?;
    let device = text(&request, "user-agent").map(|agent| agent.chars().take(DEVICE_MAX).collect());
    let new = Subscription {
        id,
        endpoint_hash,
        host: url.host_str().unwrap_or_default().to_owned(),
        device,
        sealed,
        created_at: state.engine.clock.now(),
        sent_at: None,
    };
    let (owner, made) = (caller.account_id, view(&new));
    state.engine.store.write(move |tx| push::put(tx, owner, &new)).await?;
    Ok(HttpResponse::Created().json(made))
}

pub async fn unsubscribe(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    let id: SubscriptionId = input::id(&id, "subscription")?;
    let owner = caller.account_id;
    if !state.engine.store.write(move |tx| push::remove(tx, owner, id)).await? {
        return Err(Error::not_found("subscription").into());
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Sends a message to each of the caller's browsers.
pub async fn test(state: web::Data<State>, Signed(caller): Signed, _: NoBody) -> Answer {
    let owner = caller.account_id;
    let queued = state.engine.store.write(move |tx| {
        let browsers = push::list(tx.connection, owner)?;
        for browser in &browsers {
            notify::test(tx, Target::Browser(owner, browser.id))?;
        }
        Ok(browsers.len())
    });
    let queued = queued.await?;
    state.notifier.ring();
    Ok(HttpResponse::Accepted().json(json!({ "queued": queued })))
}
