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
        StatusCode::from_u16(status(self.0.kind())).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
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
        if let Some(seconds) = self.0.details().get("retryAfter").and_then(Value::as_u64) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            if let Some(limit) = self.0.details().get("perMinute").and_then(Value::as_u64) {
                super::limits::tell(response.headers_mut(), limit, 0, seconds);
            }
        }
        note(&mut response, &self.0);
        response
    }
}

/// Says what went wrong in an answer that may have another form than an error's: the audit log asks for it.
pub fn note(response: &mut HttpResponse, error: &Error) {
    response.extensions_mut().insert(Facts {
        code: error.kind().code(),
        message: error.message().to_owned(),
        details: error.details().clone(),
        cause: error.cause().map(str::to_owned),
    });
}

struct Facts {
    code: &'static str,
    message: String,
    details: Map<String, Value>,
    cause: Option<String>,
}

/// The code word of an error answer.
pub fn code_of(response: &HttpResponse<impl MessageBody>) -> Option<&'static str> {
    response.extensions().get::<Facts>().map(|facts| facts.code)
}

/// The status of each kind of error; the README lists it beside its code word.
pub fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Invalid
        | Kind::BadJson
        | Kind::HashInvalid
        | Kind::ChunkIndexOutOfRange
        | Kind::ChunkLengthWrong
        | Kind::BodyIncomplete
        | Kind::MultipartInvalid
        | Kind::PasswordRequired
        | Kind::ConversionUnsupported
        | Kind::ConfirmationRequired => 400,
        Kind::NotSignedIn | Kind::SignInFailed | Kind::CodeRequired | Kind::PasscodeRequired => 401,
        Kind::Forbidden
        | Kind::ScopeMissing
        | Kind::CrossSite
        | Kind::SetupClosed
        | Kind::QuotaExceeded
        | Kind::PoolRefuses
        | Kind::PasswordWrong
        | Kind::PasscodeWrong => 403,
        Kind::NotFound | Kind::NoThumbnail | Kind::NoRoute => 404,
        Kind::MethodNotAllowed => 405,
        Kind::ShareEnded => 410,
        Kind::BodyTimeout => 408,
        Kind::Conflict
        | Kind::ChunkAlreadyUploaded
        | Kind::ChunkInFlight
        | Kind::ChunksMissing
        | Kind::TaskPaused
        | Kind::TaskFinished
        | Kind::UploadFinishing
        | Kind::NameTaken
        | Kind::NotEncrypted
        | Kind::DependencyFailed => 409,
        Kind::FileExpired => 410,
        Kind::PreconditionFailed => 412,
        Kind::ChunkTooLarge | Kind::BodyTooLarge | Kind::FileTooLarge => 413,
        Kind::UnsupportedMedia => 415,
        Kind::RangeNotSatisfiable => 416,
        Kind::HostUnknown => 421,
        Kind::HashMismatch
        | Kind::DigestMismatch
        | Kind::IdempotencyMismatch
        | Kind::ArchiveInvalid
        | Kind::ArchiveLimit
        | Kind::ContentInvalid
        | Kind::ContentLimit => 422,
        Kind::TooMany => 429,
        Kind::ContentCorrupt | Kind::Io | Kind::Database | Kind::Internal | Kind::TaskCrashed => {
            500
        }
        Kind::Unreachable => 502,
        Kind::Busy | Kind::PoolOffline | Kind::ShuttingDown => 503,
        Kind::DiskFull => 507,
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
    if matches!(status.as_u16(), 429 | 503) && !headers.contains_key(header::RETRY_AFTER) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"drive\""));
    }
}
