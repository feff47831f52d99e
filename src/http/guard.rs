//! Stands around everything: gives each request an id, catches panics, gives every error its form, sets the headers
//! that every answer carries.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;
use futures_util::FutureExt;
use uuid::Uuid;

use super::State;
use super::origin;
use super::problem::{self, Problem};
use crate::domain::error::Error;

/// What pages of ours may do. WebAssembly is compiled from bytes the page itself makes, for hashing. A frame shows nothing
/// from any address, but bytes that the page itself made a `blob:` of, and `elements/pdf-view.js` is the only place that
/// does: always as `application/pdf`, whatever the file says it is. So a frame can hold the browser's viewer of PDFs and
/// nothing else; bytes that are no PDF are not read in another way, and a blob inherits this policy besides.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; \
    connect-src 'self'; frame-src blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", PAGE_POLICY),
];

pub async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    let request_id = Uuid::new_v4().simple().to_string();
    // The request itself must not be kept: the router wants it for itself alone.
    let path = request.path().to_owned();
    let state = request
        .app_data::<web::Data<State>>()
        .cloned()
        .ok_or_else(|| Problem(Error::internal("no state")))?;
    let origins = &state.settings.origins;
    let more = origins.headers(request.request());
    if let Some(mut answer) = origins.preflight(request.request()) {
        dress(answer.headers_mut(), &request_id, &path, more);
        return Ok(request.into_response(answer).map_into_right_body());
    }
    let host = origin::host(request.request());
    let admitted = origins.admit(host).and_then(|()| origins.keep_apart(host, &path));
    let answered = match admitted {
        Ok(()) => AssertUnwindSafe(next.call(request)).catch_unwind().await,
        Err(error) => Ok(Err(Problem(error).into())),
    };
    let error: actix_web::Error = match answered {
        Ok(Ok(response)) => {
            let mut response = problem::finish(response, &request_id);
            dress(response.headers_mut(), &request_id, &path, more);
            return Ok(response);
        }
        Ok(Err(error)) => error,
        Err(panic) => {
            let why = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            Problem(Error::internal(format!("a handler panicked: {why}"))).into()
        }
    };
    let mut answer = problem::render(error.as_response_error(), &path, &request_id);
    dress(answer.headers_mut(), &request_id, &path, more);
    Err(InternalError::from_response("refused", answer).into())
}

fn dress(
    headers: &mut HeaderMap,
    request_id: &str,
    path: &str,
    more: Vec<(HeaderName, HeaderValue)>,
) {
    super::origin::dress(headers, more);
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    let is_api = ["/api/", "/drive/", "/health/"].iter().any(|prefix| path.starts_with(prefix));
    if is_api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}
