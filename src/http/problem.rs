//! Errors on the wire. This is the one place that knows which status and code a kind of error has, and every error
//! answer of the server, the framework's own included, leaves through [`finish`].

use std::fmt;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};

use crate::domain::error::{Error, Kind};

/// An error on its way out of a handler.
#[derive(Debug)]
pub struct Problem(pub Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(wire(self.0.kind()).0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Carries the facts; the body is written by [`finish`], which knows the request's id.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::new(self.status_code());
        if let (Kind::RangeNotSatisfiable, Some(size)) =
            (self.0.kind(), self.0.details().get("size"))
            && let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}"))
        {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        response.extensions_mut().insert(Facts {
            code: wire(self.0.kind()).1,
            message: self.0.message().to_owned(),
            details: self.0.details().clone(),
            cause: self.0.cause().map(str::to_owned),
        });
        response
    }
}

struct Facts {
    code: &'static str,
    message: String,
    details: Map<String, Value>,
    cause: Option<String>,
}

/// Status and stable code word of each kind of error; the README's table is the same.
pub fn wire(kind: Kind) -> (u16, &'static str) {
    match kind {
        Kind::Invalid => (400, "INVALID_REQUEST"),
        Kind::BadJson => (400, "INVALID_JSON"),
        Kind::HashInvalid => (400, "HASH_INVALID"),
        Kind::ChunkIndexOutOfRange => (400, "CHUNK_INDEX_OUT_OF_RANGE"),
        Kind::ChunkLengthWrong => (400, "CHUNK_LENGTH_WRONG"),
        Kind::BodyIncomplete => (400, "BODY_INCOMPLETE"),
        Kind::MultipartInvalid => (400, "MULTIPART_INVALID"),
        Kind::EncryptionUnavailable => (400, "ENCRYPTION_UNAVAILABLE"),
        Kind::NotSignedIn => (401, "NOT_SIGNED_IN"),
        Kind::SignInFailed => (401, "SIGN_IN_FAILED"),
        Kind::Forbidden => (403, "FORBIDDEN"),
        Kind::CrossSite => (403, "CROSS_SITE"),
        Kind::SetupClosed => (403, "SETUP_CLOSED"),
        Kind::QuotaExceeded => (403, "QUOTA_EXCEEDED"),
        Kind::PoolRefuses => (403, "POOL_REFUSES"),
        Kind::NotFound => (404, "NOT_FOUND"),
        Kind::NoRoute => (404, "ROUTE_NOT_FOUND"),
        Kind::MethodNotAllowed => (405, "METHOD_NOT_ALLOWED"),
        Kind::BodyTimeout => (408, "BODY_TIMEOUT"),
        Kind::Conflict => (409, "CONFLICT"),
        Kind::ChunkAlreadyUploaded => (409, "CHUNK_ALREADY_UPLOADED"),
        Kind::ChunkInFlight => (409, "CHUNK_IN_FLIGHT"),
        Kind::ChunksMissing => (409, "CHUNKS_MISSING"),
        Kind::TaskPaused => (409, "TASK_PAUSED"),
        Kind::TaskFinished => (409, "TASK_FINISHED"),
        Kind::UploadFinishing => (409, "UPLOAD_FINISHING"),
        Kind::NameTaken => (409, "NAME_TAKEN"),
        Kind::FileTooLarge => (413, "FILE_TOO_LARGE"),
        Kind::ChunkTooLarge => (413, "CHUNK_TOO_LARGE"),
        Kind::BodyTooLarge => (413, "BODY_TOO_LARGE"),
        Kind::UnsupportedMedia => (415, "UNSUPPORTED_MEDIA_TYPE"),
        Kind::RangeNotSatisfiable => (416, "RANGE_NOT_SATISFIABLE"),
        Kind::HashMismatch => (422, "HASH_MISMATCH"),
        Kind::DigestMismatch => (422, "DIGEST_MISMATCH"),
        Kind::IdempotencyMismatch => (422, "IDEMPOTENCY_KEY_REUSED"),
        Kind::TooMany => (429, "TOO_MANY_REQUESTS"),
        Kind::Io => (500, "STORAGE_ERROR"),
        Kind::Database => (500, "DATABASE_ERROR"),
        Kind::Internal => (500, "INTERNAL_ERROR"),
        Kind::Busy => (503, "BUSY"),
        Kind::ShuttingDown => (503, "SHUTTING_DOWN"),
        Kind::DiskFull => (507, "DISK_FULL"),
    }
}

/// What an error of the framework itself says, which knows only its status.
fn plain(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        400 => ("INVALID_REQUEST", "The request is malformed."),
        404 => ("ROUTE_NOT_FOUND", "There is no such route."),
        405 => ("METHOD_NOT_ALLOWED", "This route does not take that method."),
        408 => ("BODY_TIMEOUT", "The request took too long."),
        413 => ("BODY_TOO_LARGE", "The request is too large."),
        415 => ("UNSUPPORTED_MEDIA_TYPE", "The content type is not supported."),
        416 => ("RANGE_NOT_SATISFIABLE", "The range lies outside the file."),
        500.. => ("INTERNAL_ERROR", "Something went wrong on the server. The log has the reason."),
        _ => ("INVALID_REQUEST", "The request was refused."),
    }
}

/// Gives every error answer its body, and logs those that are the server's own fault.
pub fn finish<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    request_id: &str,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    if response.status().as_u16() < 400 {
        return response.map_into_left_body();
    }
    let (request, mut answer) = response.into_parts();
    let body = describe(&mut answer, request.path(), request_id);
    let mut answer = answer.map_body(|_, _| EitherBody::right(BoxBody::new(body)));
    label(&mut answer);
    ServiceResponse::new(request, answer)
}

/// The whole answer to an error that comes without its request, such as a panic.
pub fn render(error: &dyn ResponseError, path: &str, request_id: &str) -> HttpResponse<BoxBody> {
    let mut answer = error.error_response();
    let body = describe(&mut answer, path, request_id);
    let mut answer = answer.set_body(BoxBody::new(body));
    label(&mut answer);
    answer
}

fn describe<B>(answer: &mut HttpResponse<B>, path: &str, request_id: &str) -> String {
    let status = answer.status();
    let facts = answer.extensions_mut().remove::<Facts>();
    let facts = facts.unwrap_or_else(|| {
        let (code, message) = plain(status);
        Facts { code, message: message.to_owned(), details: Map::new(), cause: None }
    });
    let mut details = facts.details;
    if status.is_server_error() {
        details.insert("requestId".into(), request_id.into());
        let cause = facts.cause.as_deref().unwrap_or(&facts.message);
        tracing::error!(request.id = request_id, path, status = status.as_u16(), "{cause}");
    }
    json!({ "code": facts.code, "message": facts.message, "status": status.as_u16(), "details": details }).to_string()
}

fn label<B>(answer: &mut HttpResponse<B>) {
    let status = answer.status();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_LENGTH);
    if matches!(status.as_u16(), 429 | 503) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"drive\""));
    }
}
