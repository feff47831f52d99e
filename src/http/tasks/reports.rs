//! What the program behind a client's own task reports: progress, and the end.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::State;
use super::super::auth::Signed;
use super::super::input::{Body, MaybeBody};
use super::{Answer, parse_id, view};
use crate::domain::error::{Error, Result};
use crate::engine::report::{End, Report};

const MESSAGE_MAX_CHARS: usize = 255;
const ERROR_MAX_CHARS: usize = 1_000;
const CODE_MAX_BYTES: usize = 64;
/// Bytes of results as they are kept.
const RESULTS_MAX_BYTES: usize = 64 * 1024;
/// Bytes of a body around them.
const BODY_MAX_BYTES: usize = 2 * RESULTS_MAX_BYTES;
/// What a failure is called when its client does not say.
const FAILED: &str = "TASK_FAILED";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgressReport {
    progress: f64,
    status_message: Option<String>,
    bytes_done: Option<u64>,
    bytes_total: Option<u64>,
}

pub async fn progress(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(asked): Body<ProgressReport>,
) -> Answer {
    let id = parse_id(&id)?;
    if !(0.0..=100.0).contains(&asked.progress) {
        return Err(Error::invalid("progress", "progress must be between 0 and 100.").into());
    }
    let message = asked.status_message.map(|text| check_line("statusMessage", text)).transpose()?;
    let report = Report {
        progress: asked.progress,
        message,
        bytes_done: check_bytes("bytesDone", asked.bytes_done)?,
        bytes_total: check_bytes("bytesTotal", asked.bytes_total)?,
    };
    let task = state.engine.report(caller.account_id, id, report).await?;
    Ok(HttpResponse::Ok().json(view(&task)))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    results: Option<Map<String, Value>>,
}

pub async fn complete(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    MaybeBody(asked): MaybeBody<Completion, BODY_MAX_BYTES>,
) -> Answer {
    let id = parse_id(&id)?;
    let results = asked.results.map(Value::Object);
    if results.as_ref().is_some_and(|results| results.to_string().len() > RESULTS_MAX_BYTES) {
        let message = format!("results must have at most {RESULTS_MAX_BYTES} bytes as JSON.");
        return Err(Error::invalid("results", message).with("limit", RESULTS_MAX_BYTES).into());
    }
    let task = state.engine.conclude(caller.account_id, id, End::Completed { results }).await?;
    Ok(HttpResponse::Ok().json(view(&task)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    error_message: String,
    error_code: Option<String>,
}

pub async fn fail(
    state: web::Data<State>,
    Signed(caller): Signed,
    id: web::Path<String>,
    Body(asked): Body<Failure>,
) -> Answer {
    let id = parse_id(&id)?;
    let message = asked.error_message.trim();
    if message.is_empty() || message.chars().count() > ERROR_MAX_CHARS {
        let why = format!("errorMessage must have 1 to {ERROR_MAX_CHARS} characters.");
        return Err(Error::invalid("errorMessage", why).into());
    }
    let code = asked.error_code.as_deref().unwrap_or(FAILED);
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if code.is_empty() || code.len() > CODE_MAX_BYTES || !code.bytes().all(legal) {
        let why = format!("errorCode must have 1 to {CODE_MAX_BYTES} of A-Z, 0-9 and _.");
        return Err(Error::invalid("errorCode", why).into());
    }
    let end = End::Failed { code: code.to_owned(), message: message.to_owned() };
    let task = state.engine.conclude(caller.account_id, id, end).await?;
    Ok(HttpResponse::Ok().json(view(&task)))
}

fn check_line(field: &str, text: String) -> Result<String> {
    if text.chars().count() > MESSAGE_MAX_CHARS || text.chars().any(char::is_control) {
        let message =
            format!("{field} must have at most {MESSAGE_MAX_CHARS} characters on one line.");
        return Err(Error::invalid(field, message));
    }
    Ok(text)
}

fn check_bytes(field: &str, bytes: Option<u64>) -> Result<Option<u64>> {
    if bytes.is_some_and(|bytes| bytes > i64::MAX as u64) {
        return Err(Error::invalid(field, format!("{field} must be below 2^63.")));
    }
    Ok(bytes)
}
