//! Requests that create something and must not do so twice: with an `Idempotency-Key`, the same request gets the answer
//! of the first one, for a day. The key is claimed before anything is made, so a request whose answer was lost with the
//! server is not done again: it is told to look first. Uploads and tasks have keys of their own, kept with what they made.

use actix_web::body::to_bytes_limited;
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::State;
use super::input::{idempotency_key, whole};
use super::problem::Problem;
use crate::domain::account::Caller;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::store::idempotency::{self, Claim, Key};

type Answer = Result<HttpResponse, actix_web::Error>;

/// Bytes of a body, and of an answer that is kept.
const BODY_MAX: usize = 64 * 1024;
const ANSWER_MAX: usize = 32 * 1024;

#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    body: String,
}

/// The handler, done once for each key.
pub fn once<H, Args>(
    handler: H,
) -> impl Fn(HttpRequest, web::Payload) -> LocalBoxFuture<'static, Answer> + Clone + 'static
where
    H: Handler<Args, Output = Result<HttpResponse, Problem>>,
    Args: FromRequest + 'static,
{
    move |request, payload| {
        let handler = handler.clone();
        Box::pin(async move {
            let known = idempotency_key(&request).map_err(Problem)?;
            let caller = request.extensions().get::<Caller>().cloned();
            let Some((key, caller)) = known.zip(caller) else {
                return run(handler, request, payload.into_inner()).await;
            };
            let mut inner = payload.into_inner();
            let body = whole(&request, &mut inner, BODY_MAX).await.map_err(Problem)?;
            // A client that hangs up does not leave a key that is claimed for ever.
            let keyed = keyed(handler, request, caller.account_id, key, body);
            let done = actix_web::rt::spawn(keyed).await;
            done.map_err(|error| Problem(Error::internal(error)))?
        })
    }
}

async fn run<H, Args>(handler: H, request: HttpRequest, mut payload: Payload) -> Answer
where
    H: Handler<Args, Output = Result<HttpResponse, Problem>>,
    Args: FromRequest,
{
    let args = Args::from_request(&request, &mut payload).await.map_err(Into::into)?;
    Ok(handler.call(args).await?)
}

async fn keyed<H, Args>(
    handler: H,
    request: HttpRequest,
    owner: AccountId,
    key: String,
    body: Vec<u8>,
) -> Answer
where
    H: Handler<Args, Output = Result<HttpResponse, Problem>>,
    Args: FromRequest,
{
    let state = request.app_data::<web::Data<State>>().cloned();
    let state = state.ok_or_else(|| Problem(Error::internal("no state")))?;
    let what = [request.method().as_str().as_bytes(), request.path().as_bytes(), &body].join(&0);
    let claimed: Key = (key.clone(), state.engine.key.fingerprint(&what));
    let claim = state.engine.store.write(move |tx| idempotency::claim(tx, owner, &claimed)).await;
    match claim.map_err(Problem)? {
        Claim::Fresh => {}
        Claim::Other => return Err(Problem(reused()).into()),
        Claim::Pending => return Err(Problem(lost()).into()),
        Claim::Answered(sealed) => {
            return Ok(state.answer_again(owner, &key, &sealed).map_err(Problem)?);
        }
    }
    let bytes = stream::once(std::future::ready(Ok(web::Bytes::from(body))));
    let payload = Payload::Stream { payload: bytes.boxed_local() };
    match run(handler, request, payload).await {
        Ok(answer) if answer.status().is_success() => state.keep_answer(owner, key, answer).await,
        refused => {
            let settle =
                move |tx: &crate::store::Tx<'_>| idempotency::settle(tx, owner, &key, None);
            state.engine.store.write(settle).await.map_err(Problem)?;
            refused
        }
    }
}

fn reused() -> Error {
    let message = "This Idempotency-Key was used for another request. Use a new key.";
    Error::new(Kind::IdempotencyMismatch, message)
}

fn lost() -> Error {
    let message = "The request with this Idempotency-Key is under way, or its answer was lost. Look whether it was done; if \
        not, send it with a new key.";
    Error::new(Kind::Conflict, message)
}

fn purpose(owner: AccountId, key: &str) -> String {
    format!("answer:{owner}:{key}")
}

impl State {
    async fn keep_answer(&self, owner: AccountId, key: String, answer: HttpResponse) -> Answer {
        let (head, body) = answer.into_parts();
        let body = to_bytes_limited(body, ANSWER_MAX)
            .await
            .map_err(|_| Problem(Error::internal("an answer is too long to be kept")))??;
        let text = String::from_utf8_lossy(&body).into_owned();
        let kept = Kept { status: head.status().as_u16(), body: text };
        let plain = serde_json::to_vec(&kept).map_err(|error| Problem(Error::internal(error)))?;
        let sealed = self.engine.key.seal(&purpose(owner, &key), &plain).map_err(Problem)?;
        let settle =
            move |tx: &crate::store::Tx<'_>| idempotency::settle(tx, owner, &key, Some(&sealed));
        self.engine.store.write(settle).await.map_err(Problem)?;
        Ok(head.set_body(body).map_into_boxed_body())
    }

    fn answer_again(&self, owner: AccountId, key: &str, sealed: &[u8]) -> Result<HttpResponse> {
        let plain = self.engine.key.open(&purpose(owner, key), sealed)?;
        let kept: Kept = serde_json::from_slice(&plain).map_err(Error::internal)?;
        let status = StatusCode::from_u16(kept.status).map_err(Error::internal)?;
        Ok(HttpResponse::build(status)
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .insert_header(("idempotent-replayed", "true"))
            .body(kept.body))
    }
}
