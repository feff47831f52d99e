//! Requests that the server itself makes: webhooks, push messages, an identity provider, S3. Whoever can name an address
//! here could make the server knock at doors inside its own network, so: the name is resolved first, every address is
//! looked at, the connection goes to one of exactly these, redirects are not followed, and what comes back is cut.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::domain::error::{Error, Kind, Result};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
const WHOLE_WAIT: Duration = Duration::from_secs(15);
/// How long a connection to an S3 server is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 256 * 1024;

/// Which addresses a request may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those of the internet alone.
    Public,
    /// Also this machine and its network, because the settings say so.
    Anywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// A request on its way out.
#[derive(Debug)]
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Incoming {
    pub status: u16,
    headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Incoming {
    /// A header, where it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An address for [`send`]: `https`, or `http` where anything may be reached. No user, no password.
///
/// # Errors
/// [`Kind::Invalid`] names `field`.
pub fn parse_url(field: &str, text: &str, reach: Reach) -> Result<Url> {
    let wrong = |why: &str| Err(Error::invalid(field, format!("{field} {why}")));
    let Ok(url) = Url::parse(text) else { return wrong("must be a whole address (https://…).") };
    let plain = url.scheme() == "http" && reach == Reach::Anywhere;
    if url.scheme() != "https" && !plain {
        return wrong("must begin with https://.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not hold a name or password.");
    }
    match url.host() {
        Some(Host::Ipv4(address)) if !allowed(address.into(), reach) => {
            wrong("leads into a private network.")
        }
        Some(Host::Ipv6(address)) if !allowed(address.into(), reach) => {
            wrong("leads into a private network.")
        }
        Some(_) if text.len() <= 2000 => Ok(url),
        _ => wrong("must have a host and at most 2000 characters."),
    }
}

/// Sends a request and reads the beginning of its answer.
///
/// # Errors
/// [`Kind::Unreachable`] says why there was no answer.
pub async fn send(request: Outgoing, reach: Reach) -> Result<Incoming> {
    let unreachable = |why: String| Error::new(Kind::Unreachable, why);
    let host = request.url.host_str().unwrap_or_default().to_owned();
    let addresses = resolve(&request.url, reach).await?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .resolve_to_addrs(&host, &addresses)
        .connect_timeout(CONNECT_WAIT)
        .timeout(WHOLE_WAIT)
        .pool_max_idle_per_host(0)
        .tls_backend_preconfigured(tls()?)
        .build()
        .map_err(Error::internal)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let value = HeaderValue::from_str(value).map_err(Error::internal)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let sent = client.request(method, request.url).headers(headers).body(request.body).send().await;
    let mut answer = sent.map_err(|error| {
        // The address may hold a secret.
        unreachable(format!("{host} did not answer: {}.", deepest(&error.without_url())))
    })?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() == ANSWER_MAX {
            break;
        }
    }
    Ok(Incoming { status, headers, body })
}

/// The way of requests to S3 servers, whose address an administrator has set. Time is limited by whoever asks.
#[derive(Clone, Debug)]
pub struct Connector(reqwest::Client);

impl Connector {
    pub fn new() -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_WAIT)
            .pool_idle_timeout(IDLE)
            .tls_backend_preconfigured(tls()?)
            .build()
            .map_err(Error::internal)?;
        Ok(Self(client))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// The first cause of an error, which is what a person can do something about.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}

async fn resolve(url: &Url, reach: Reach) -> Result<Vec<SocketAddr>> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let refused = |why: &str| Err(Error::new(Kind::Unreachable, format!("{host} {why}")));
    let found =
        tokio::time::timeout(CONNECT_WAIT, tokio::net::lookup_host((host.as_str(), port))).await;
    let Ok(Ok(found)) = found else { return refused("has no address.") };
    let found: Vec<SocketAddr> = found.take(16).collect();
    // One private address among public ones is as bad as none: the client would choose.
    if found.is_empty() || found.iter().any(|address| !allowed(address.ip(), reach)) {
        return refused("leads into a private network, which the settings do not allow.");
    }
    Ok(found)
}

/// May a request go to this address?
pub fn allowed(address: IpAddr, reach: Reach) -> bool {
    reach == Reach::Anywhere || is_public(address.to_canonical())
}

/// Is this an address of the internet? By the registries of special-purpose addresses (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = matches!(
                (a, b, c),
                (0 | 10 | 127, ..)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18..=19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
                    | (224.., ..)
            );
            !special
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            // Global unicast, without documentation, Teredo, ORCHID and 6to4, which hide other addresses.
            let hidden =
                first == 0x2002 || (first == 0x2001 && (second < 0x200 || second == 0xdb8));
            (0x2000..0x4000).contains(&first) && !hidden && first != 0x3fff
        }
    }
}

/// Makes ring the one provider of cryptography for TLS in this process. To be called before anything uses TLS; again does
/// nothing.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// TLS of a client: the trust of this machine, or Mozilla's where it has none.
pub fn tls() -> Result<ClientConfig> {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let config =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| config).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_private_networks_are_known() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
            "64:ff9b::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!allowed(private.parse().unwrap(), Reach::Public), "{private}");
            assert!(allowed(private.parse().unwrap(), Reach::Anywhere), "{private}");
        }
        for public in
            ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]
        {
            assert!(allowed(public.parse().unwrap(), Reach::Public), "{public}");
        }
    }

    #[test]
    fn addresses_are_refused_before_anything_is_sent() {
        let ok = |text: &str, reach| parse_url("url", text, reach).is_ok();
        for wrong in [
            "",
            "example.org",
            "http://example.org/",
            "ftp://example.org",
            "file:///etc/passwd",
            "https://u:p@example.org",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://127.1/",
            "https://[::ffff:10.0.0.1]/",
            "javascript:alert(1)",
        ] {
            assert!(!ok(wrong, Reach::Public), "{wrong}");
        }
        assert!(ok("https://example.org/hook?x=1", Reach::Public));
        assert!(
            ok("http://127.0.0.1:9/x", Reach::Anywhere) && !ok("ftp://127.0.0.1", Reach::Anywhere)
        );
    }

    #[tokio::test]
    async fn names_that_lead_home_are_refused_when_they_are_resolved() {
        let request = || Outgoing {
            method: Method::Get,
            url: Url::parse("https://localhost:1/").unwrap(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let refused = send(request(), Reach::Public).await.unwrap_err();
        assert!(refused.message().contains("private network"), "{refused}");
        let refused = send(request(), Reach::Anywhere).await.unwrap_err();
        assert!(refused.message().contains("did not answer"), "{refused}");
    }
}
