//! Conditional requests (RFC 9110, section 13): what a client has already is not sent again, and what it believes to be
//! there is held against what is.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HttpDate};

use super::input::text;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::time::Timestamp;

/// Does the client have just this already? In the order of section 13.2.2; `PreconditionFailed` where it wants another.
pub fn is_known(request: &HttpRequest, etag: &str, modified: Timestamp) -> Result<bool> {
    let changed_after = |date: HttpDate| {
        let date = SystemTime::from(date).duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        modified.0 / 1000 > date.min(i64::MAX as u64) as i64
    };
    let failed = match list(request, header::IF_MATCH) {
        Some(tags) => !names(&tags, etag, |one| one),
        None => date(request, header::IF_UNMODIFIED_SINCE).is_some_and(changed_after),
    };
    if failed {
        let message = "The file is not what the request wants it to be; ask for it anew.";
        return Err(Error::new(Kind::PreconditionFailed, message).with("etag", etag));
    }
    Ok(match list(request, header::IF_NONE_MATCH) {
        Some(tags) => names(&tags, etag, |one| one.trim_start_matches("W/")),
        None => date(request, header::IF_MODIFIED_SINCE).is_some_and(|date| !changed_after(date)),
    })
}

/// A range counts when `If-Range` is absent or names exactly this content. A date is never exact enough.
pub fn if_range(request: &HttpRequest, etag: &str) -> bool {
    text(request, header::IF_RANGE).is_none_or(|wanted| wanted.trim() == etag)
}

/// The lines of a list as one; what is no text names nothing.
fn list(request: &HttpRequest, name: HeaderName) -> Option<String> {
    let lines: Vec<_> =
        request.headers().get_all(name).map(|line| line.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn names(tags: &str, etag: &str, strip: impl Fn(&str) -> &str) -> bool {
    tags.trim() == "*" || tags.split(',').any(|one| strip(one.trim()) == etag)
}

/// A date in any of its three forms; what is none counts for nothing.
fn date(request: &HttpRequest, name: HeaderName) -> Option<HttpDate> {
    text(request, name)?.parse().ok()
}
