//! Which names this server answers to, and which other sites may use it. A page elsewhere can let its own name point
//! here (DNS rebinding); it is refused by the name in `Host`, which no page can choose.

use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use url::Url;

use super::State;
use super::input::text;
use crate::domain::error::{Error, Kind, Result};

/// Headers that pages of allowed sites may read.
const EXPOSED: &str = "x-total, x-next-cursor, x-request-id, etag, location, retry-after, content-range, \
    ratelimit-limit, ratelimit-remaining, ratelimit-reset";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// Headers that they may send.
const ASKED: &str = "authorization, content-type, content-digest, idempotency-key, if-none-match, if-range, range, \
    x-file-password";
/// Seconds that a browser may remember the answer.
const REMEMBER: &str = "600";
const HSTS: &str = "max-age=31536000";

/// What the settings say of names and sites.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Names of this server, in small letters, without a port.
    pub hosts: Vec<String>,
    /// Origins of other sites whose pages may use the API with a token.
    pub cors: Vec<String>,
    /// Browsers reach this server by TLS.
    pub secure: bool,
    /// The origin at which content alone is shown; its name is none of `hosts`.
    pub content_url: Option<String>,
}

impl Origins {
    /// Refuses a request for another name. An address, or no name at all, is nobody's name.
    pub fn admit(&self, host: Option<&str>) -> Result<()> {
        let Some(host) = host.map(without_port) else { return Ok(()) };
        if self.is_content(host) {
            return Ok(());
        }
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if address || name == "localhost" || self.hosts.contains(&name) {
            return Ok(());
        }
        let message = format!(
            "This server does not know the name \"{name}\". If it is one of its names, add it to server.allowed_hosts."
        );
        Err(Error::new(Kind::HostUnknown, message).with("host", name))
    }

    fn is_content(&self, host: &str) -> bool {
        let known = self.content_url.as_deref().and_then(|url| Url::parse(url).ok());
        let name = host.trim_end_matches('.');
        known.is_some_and(|url| url.host_str().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    /// Refuses everything but content at the origin for content, and content everywhere else where there is such an
    /// origin.
    pub fn keep_apart(&self, host: Option<&str>, path: &str) -> Result<()> {
        let is_there = host.is_some_and(|host| self.is_content(without_port(host)));
        let is_content = path.starts_with(super::content_links::PREFIX);
        if self.content_url.is_none() || is_there == is_content {
            return Ok(());
        }
        Err(Error::new(Kind::NoRoute, "There is no such route.").with("path", path))
    }

    fn allowed<'a>(&self, request: &'a HttpRequest) -> Option<&'a str> {
        text(request, header::ORIGIN).filter(|origin| self.cors.iter().any(|known| known == origin))
    }

    /// The answer to a browser that asks whether a page of another site may send a request.
    pub fn preflight(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        self.allowed(request).filter(|_| asks)?;
        let mut answer = HttpResponse::build(StatusCode::NO_CONTENT);
        answer
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, REMEMBER));
        Some(answer.finish())
    }

    /// The headers for this request's answer: for pages of allowed sites, and for the times to come.
    pub fn headers(&self, request: &HttpRequest) -> Vec<(HeaderName, HeaderValue)> {
        let mut found = Vec::new();
        if self.secure {
            found.push((header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS)));
            // Browsers ignore it on plain http, and complain.
            let own = HeaderValue::from_static("same-origin");
            found.push((HeaderName::from_static("cross-origin-opener-policy"), own));
        }
        if let Some(origin) = self.allowed(request)
            && let Ok(origin) = HeaderValue::from_str(origin)
        {
            // Never with credentials: a page elsewhere has to bring a token of its own.
            found.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin));
            found.push((header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)));
        }
        if !self.cors.is_empty() {
            found.push((header::VARY, HeaderValue::from_static("origin")));
        }
        found
    }
}

/// Adds headers to an answer; what varies, varies by more.
pub fn dress(headers: &mut HeaderMap, more: Vec<(HeaderName, HeaderValue)>) {
    for (name, value) in more {
        if name == header::VARY {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
    }
}

/// The name and port that a request is for: what its target names (HTTP/2, RFC 9112 section 3.2.2), else `Host`.
pub fn host(request: &HttpRequest) -> Option<&str> {
    let target = request.uri().authority().map(|authority| authority.as_str());
    target.or_else(|| text(request, header::HOST))
}

impl State {
    /// Where the browser reached us. The provider holds the whole address against those it was told of, so a made-up
    /// `Host` leads nowhere.
    pub(super) fn own_address(&self, request: &HttpRequest) -> Result<String> {
        let known = self.settings.public_url.trim_end_matches('/');
        if !known.is_empty() {
            return Ok(known.to_owned());
        }
        let host = host(request).unwrap_or_default();
        let scheme = if self.settings.origins.secure { "https" } else { "http" };
        let origin = format!("{scheme}://{host}");
        let parsed = Url::parse(&origin).ok().filter(|url| {
            url.path() == "/"
                && url.username().is_empty()
                && url.query().is_none()
                && !host.is_empty()
        });
        match parsed.is_some() && !host.contains(['@', '#', '/', '\\']) {
            true => Ok(origin),
            false => Err(Error::invalid("Host", "The header Host must name this server.")),
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_to_its_own_names_and_to_addresses() {
        let origins = Origins { hosts: vec!["nas.lan".into()], ..Origins::default() };
        let known = |host: &str| origins.admit(Some(host)).is_ok();
        for own in [
            "nas.lan",
            "NAS.lan:8080",
            "nas.lan.",
            "localhost",
            "localhost:1",
            "127.0.0.1:8080",
            "192.168.1.5",
            "[::1]:8080",
            "[2001:db8::1]",
        ] {
            assert!(known(own), "{own}");
        }
        for other in [
            "evil.example",
            "nas.lan.evil.example",
            "xnas.lan",
            "",
            ":80",
            "127.0.0.1.evil.example",
        ] {
            assert!(!known(other), "{other}");
        }
        assert!(origins.admit(None).is_ok());
    }
}
