//! What comes in: JSON bodies and query strings in camelCase, snake_case as an alias, unknown fields refused by name.

use std::str::FromStr;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use crate::domain::account::{Caller, Role, Scope};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::AccountId;
use crate::domain::json;

/// Bytes of a JSON body.
const JSON_MAX_BYTES: usize = 64 * 1024;
/// Time without a byte after which a body is given up.
pub const IDLE: Duration = Duration::from_secs(30);
/// Items of a page, at most.
const LIMIT_MAX: u32 = 500;

/// A JSON body of at most `MAX` bytes.
pub struct Body<T, const MAX: usize = JSON_MAX_BYTES>(pub T);

impl<T: DeserializeOwned + 'static, const MAX: usize> FromRequest for Body<T, MAX> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request.content_type().eq_ignore_ascii_case("application/json");
        let body = whole(request, payload, MAX);
        Box::pin(async move {
            if !is_json {
                return Err(Error::new(
                    Kind::UnsupportedMedia,
                    "Send the body as JSON, with the header Content-Type: application/json.",
                )
                .into());
            }
            Ok(Self(parse(&body.await?)?))
        })
    }
}

/// For routes that need no body: one that comes all the same is read and forgotten, so that the connection can go on.
pub struct NoBody;

impl FromRequest for NoBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = whole(request, payload, JSON_MAX_BYTES);
        Box::pin(async move {
            body.await?;
            Ok(Self)
        })
    }
}

/// A JSON body of at most `MAX` bytes that may be left out.
pub struct MaybeBody<T, const MAX: usize = JSON_MAX_BYTES>(pub T);

impl<T: DeserializeOwned + Default + 'static, const MAX: usize> FromRequest for MaybeBody<T, MAX> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = whole(request, payload, MAX);
        Box::pin(async move {
            let bytes = body.await?;
            Ok(Self(if bytes.is_empty() { T::default() } else { parse(&bytes)? }))
        })
    }
}

/// A whole small body, read when it is awaited.
pub(super) fn whole(
    request: &HttpRequest,
    payload: &mut Payload,
    max: usize,
) -> impl Future<Output = Result<Vec<u8>>> + use<> {
    let payload = web::Payload::from_request(request, payload);
    async move {
        let mut payload = payload.await.map_err(|error| Error::internal(error.to_string()))?;
        let mut bytes = Vec::new();
        while let Some(piece) = next(&mut payload).await? {
            if bytes.len() + piece.len() > max {
                let message = format!("The body must be at most {max} bytes.");
                return Err(Error::new(Kind::BodyTooLarge, message).with("limit", max as u64));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// The next bytes of a body; an error when it breaks off or nothing comes for a while.
pub async fn next(payload: &mut web::Payload) -> Result<Option<web::Bytes>> {
    match tokio::time::timeout(IDLE, payload.next()).await {
        Err(_) => Err(Error::new(
            Kind::BodyTimeout,
            "No byte of the body came for 30 seconds; send it again.",
        )),
        Ok(None) => Ok(None),
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(error))) => {
            Err(Error::new(Kind::BodyIncomplete, "The body broke off; send it again.")
                .because(error))
        }
    }
}

pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Error::new(Kind::BadJson, format!("The body is not valid JSON: {error}."))
    })?;
    let Value::Object(fields) = value else {
        return Err(Error::new(Kind::BadJson, "The body must be a JSON object."));
    };
    json::object(fields, "")
}

/// A query string.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(query(request.query_string()).map(Self).map_err(Problem))
    }
}

fn query<T: DeserializeOwned>(text: &str) -> Result<T> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).map_err(|error| {
        Error::invalid("query", format!("The query string is malformed: {error}."))
    })?;
    let pairs: Vec<_> = pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (json::camel(&name), value))
        .collect();
    let again = serde_urlencoded::to_string(&pairs).map_err(Error::internal)?;
    let parser = serde_urlencoded::Deserializer::new(form(again.as_bytes()));
    serde_path_to_error::deserialize(parser).map_err(|error| {
        let path = error.path().to_string();
        json::named("", &path, &error.into_inner().to_string())
    })
}

fn form(bytes: &[u8]) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(bytes)
}

/// Whose rows are asked for: the caller's own; for administrators those of another account by its id, or by `all`
/// everybody's, which is `None`.
pub fn whose(caller: &Caller, account: Option<&str>) -> Result<Option<AccountId>> {
    let Some(account) = account else { return Ok(Some(caller.account_id)) };
    caller.must(Role::Admin, Some(Scope::Admin))?;
    match account {
        "all" => Ok(None),
        other => id(other, "account").map(Some),
    }
}

/// An id in a path. What is none names nothing, and is told like an unknown one.
pub fn id<T: FromStr>(text: &str, what: &str) -> Result<T> {
    text.parse().map_err(|_| Error::not_found(what))
}

/// The page of a list: from where and how many.
pub fn page(offset: Option<u64>, limit: Option<u32>) -> Result<(u64, u32)> {
    let offset = offset.unwrap_or(0);
    if offset > i64::MAX as u64 {
        return Err(Error::invalid("offset", "offset is too large."));
    }
    match limit.unwrap_or(50) {
        limit @ 1..=LIMIT_MAX => Ok((offset, limit)),
        _ => Err(Error::invalid("limit", format!("limit must be between 1 and {LIMIT_MAX}."))),
    }
}

/// The client's `Idempotency-Key`, when it sent one.
pub fn idempotency_key(request: &HttpRequest) -> Result<Option<String>> {
    match text(request, "idempotency-key") {
        Some(key) if key.is_empty() || key.len() > 255 => {
            Err(Error::invalid("Idempotency-Key", "Idempotency-Key must have 1 to 255 characters."))
        }
        key => Ok(key.map(str::to_owned)),
    }
}

/// A header as text, when it is there and readable.
pub fn text(request: &HttpRequest, name: impl header::AsHeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Sample {
        file_name: String,
        file_size: Option<u64>,
    }

    #[test]
    fn both_spellings_are_read_and_errors_name_the_field() {
        let ok: Sample = parse(br#"{"file_name":"a","fileSize":1}"#).unwrap();
        assert_eq!((ok.file_name.as_str(), ok.file_size), ("a", Some(1)));
        let field = |json: &str| {
            let error = parse::<Sample>(json.as_bytes()).unwrap_err();
            error.details().get("field").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        assert_eq!(field(r#"{"fileName":"a","fileSzie":1}"#), "fileSzie");
        assert_eq!(field(r#"{"fileSize":1}"#), "fileName");
        assert_eq!(field(r#"{"fileName":"a","fileSize":-1}"#), "fileSize");
        assert_eq!(field(r#"{"fileName":"a","fileSize":9223372036854775808e9}"#), "fileSize");
        assert_eq!(field(r#"{"fileName":"a","file_name":"b"}"#), "fileName");
        assert_eq!(parse::<Sample>(b"{").unwrap_err().kind(), Kind::BadJson);
        assert_eq!(parse::<Sample>(b"[]").unwrap_err().kind(), Kind::BadJson);
    }

    #[test]
    fn queries_follow_the_same_rules() {
        let ok: Sample = query("file_name=a%20b&fileSize=&").unwrap();
        assert_eq!((ok.file_name.as_str(), ok.file_size), ("a b", None));
        assert!(query::<Sample>("fileName=a&x=1").unwrap_err().message().contains("\"x\""));
        assert!(query::<Sample>("fileName=a&fileSize=many").is_err());
    }
}
