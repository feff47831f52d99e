//! What is asked of an OpenID Connect provider: its description (OpenID Connect Discovery), its keys, and the exchange
//! of a code for an ID token (OpenID Connect Core, section 3.1.3; PKCE by RFC 7636). Every request goes out through
//! [`crate::outgoing`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::claims::{self, Expected};
use super::keys::{self, Key, Opened, Refusal};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::identity::{Algorithm, Claims, Provider};
use crate::domain::time::Timestamp;
use crate::outgoing::{self, Incoming, Method, Outgoing, Reach};

/// How long the provider's description and keys are believed.
const REMEMBER: Duration = Duration::from_secs(15 * 60);
/// A token with an unknown key makes the keys be fetched again, this often at most.
const REFETCH: Duration = Duration::from_secs(30);
/// Ways to sign that are accepted. No shared secret: whoever knows the client's could sign in as anybody.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
/// How far the provider's clock may be off.
const SKEW_SECONDS: i64 = 30;

/// What the provider says of itself.
pub struct Metadata {
    /// Where people sign in.
    pub authorization: Url,
    token: Url,
    keys: Url,
    /// It tells its name along with the code (RFC 9207).
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Described {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What the provider answered a while ago.
#[derive(Default)]
struct Remembered {
    metadata: Option<(Arc<Metadata>, Instant)>,
    keys: Option<(Arc<Vec<Key>>, Instant)>,
    refetched: Option<Instant>,
}

/// The provider that the settings name.
pub struct Client {
    pub provider: Provider,
    secret: Option<String>,
    description: Url,
    reach: Reach,
    remembered: Mutex<Remembered>,
}

fn fresh<T: Clone>(known: Option<&(T, Instant)>) -> Option<T> {
    known.filter(|(_, at)| at.elapsed() < REMEMBER).map(|(known, _)| known.clone())
}

impl Client {
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn open(provider: Provider) -> Result<Self> {
        let reach = if provider.allow_private { Reach::Anywhere } else { Reach::Public };
        let issuer = provider.issuer.trim_end_matches('/');
        let description = format!("{issuer}/.well-known/openid-configuration");
        let description = outgoing::parse_url("oidc.issuer", &description, reach)?;
        let read = |path: &std::path::PathBuf| {
            let secret = std::fs::read_to_string(path).map_err(|error| {
                let key = "oidc.client_secret_file";
                Error::invalid(key, format!("{key} {}: {error}", path.display()))
            })?;
            Ok::<_, Error>(secret.trim_end().to_owned())
        };
        let secret = provider.secret_file.as_ref().map(read).transpose()?;
        Ok(Self { provider, secret, description, reach, remembered: Mutex::default() })
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provider's description, asked for when it is not known or old.
    pub async fn metadata(&self) -> Result<Arc<Metadata>> {
        if let Some(known) = fresh(self.remembered().metadata.as_ref()) {
            return Ok(known);
        }
        let body = self.fetch(&self.description).await?;
        let told: Described = serde_json::from_slice(&body)
            .map_err(|error| nonsense(format!("its description cannot be read: {error}")))?;
        // Or one provider could speak for another (OpenID Connect Discovery, section 4.3).
        if told.issuer != self.provider.issuer {
            return Err(nonsense(format!("it calls itself {:?}", told.issuer)));
        }
        let address = |text: &str| {
            outgoing::parse_url("endpoint", text, self.reach)
                .map_err(|error| nonsense(format!("{text:?}: {}", error.message())))
        };
        let metadata = Arc::new(Metadata {
            authorization: address(&told.authorization_endpoint)?,
            token: address(&told.token_endpoint)?,
            keys: address(&told.jwks_uri)?,
            names_itself: told.authorization_response_iss_parameter_supported,
        });
        self.remembered().metadata = Some((metadata.clone(), Instant::now()));
        Ok(metadata)
    }

    async fn keys(&self, metadata: &Metadata) -> Result<Arc<Vec<Key>>> {
        if let Some(known) = fresh(self.remembered().keys.as_ref()) {
            return Ok(known);
        }
        self.fetch_keys(metadata).await
    }

    async fn fetch_keys(&self, metadata: &Metadata) -> Result<Arc<Vec<Key>>> {
        let body = self.fetch(&metadata.keys).await?;
        let keys = keys::from_jwks(&body, &ALGORITHMS)
            .ok_or_else(|| nonsense("its keys cannot be read".to_owned()))?;
        let keys = Arc::new(keys);
        self.remembered().keys = Some((keys.clone(), Instant::now()));
        Ok(keys)
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<u8>> {
        let headers = vec![("accept", "application/json".to_owned())];
        let request = Outgoing { method: Method::Get, url: url.clone(), headers, body: Vec::new() };
        let answer = outgoing::send(request, self.reach).await?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(nonsense(format!("{url} answered {status}"))),
        }
    }

    /// Exchanges a code for the claims of its ID token.
    ///
    /// # Errors
    /// [`Kind::SignInFailed`] when the provider or we refuse, [`Kind::Unreachable`] when it does not work.
    pub async fn exchange(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Claims> {
        let metadata = self.metadata().await?;
        let answer = self.ask_for_token(&metadata, code, redirect_uri, verifier).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match answer.status {
            200 => {}
            400..500 => {
                let error = body["error"].as_str().unwrap_or("no reason");
                return Err(failed(format!("the provider refused the code: {}", quoted(error))));
            }
            status => return Err(nonsense(format!("its token endpoint answered {status}"))),
        }
        let token = body["id_token"].as_str().ok_or_else(|| failed("there is no ID token"))?;
        let opened = self.open_token(&metadata, token).await?;
        self.check(opened, nonce, now).map_err(failed)
    }

    async fn ask_for_token(
        &self,
        metadata: &Metadata,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Incoming> {
        let client_id = self.provider.client_id.as_str();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("code_verifier", verifier);
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        match &self.secret {
            // `client_secret_basic`: both parts in the form's encoding first (RFC 6749, section 2.3.1).
            Some(secret) => {
                let encode = |text: &str| {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                let pair = STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret)));
                headers.push(("authorization", format!("Basic {pair}")));
            }
            None => {
                form.append_pair("client_id", client_id);
            }
        }
        let body = form.finish().into_bytes();
        let url = metadata.token.clone();
        outgoing::send(Outgoing { method: Method::Post, url, headers, body }, self.reach).await
    }

    /// Checks the signature of an ID token. A key that nobody knows yet is asked for, once.
    async fn open_token(&self, metadata: &Metadata, token: &str) -> Result<Opened> {
        let known = self.keys(metadata).await?;
        let refusal = match keys::open(token, &known) {
            Ok(opened) => return Ok(opened),
            Err(refusal) => refusal,
        };
        if refusal == Refusal::UnknownKey && self.may_refetch() {
            let fetched = self.fetch_keys(metadata).await?;
            return keys::open(token, &fetched).map_err(|refusal| failed(format!("{refusal:?}")));
        }
        Err(failed(format!("{refusal:?}")))
    }

    fn may_refetch(&self) -> bool {
        let mut remembered = self.remembered();
        let may = remembered.refetched.is_none_or(|at| at.elapsed() >= REFETCH);
        if may {
            remembered.refetched = Some(Instant::now());
        }
        may
    }

    /// OpenID Connect Core, section 3.1.3.7.
    fn check(&self, token: Opened, nonce: &str, now: Timestamp) -> Result<Claims, &'static str> {
        let client_id = self.provider.client_id.as_str();
        let expected = Expected {
            issuer: &self.provider.issuer,
            audience: client_id,
            kinds: &["jwt"],
            skew_seconds: SKEW_SECONDS,
        };
        claims::check(&token, &expected, now)?;
        let claims = token.claims;
        if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err("it answers another request");
        }
        let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
        match claims.get("azp") {
            Some(party) if party.as_str() != Some(client_id) => {
                Err("it was made for another party")
            }
            None if several => Err("it does not say for which party it was made"),
            _ => Ok(claims),
        }
    }
}

/// The beginning of what a provider says, fit for a log.
pub fn quoted(text: &str) -> String {
    format!("{:?}", &text[..text.floor_char_boundary(64)])
}

/// A sign-in that was refused; `cause` is for the log.
pub fn failed(cause: impl std::fmt::Display) -> Error {
    Error::new(Kind::SignInFailed, "Signing in did not work. Try it again.").because(cause)
}

fn nonsense(cause: String) -> Error {
    Error::new(Kind::Unreachable, "The sign-in provider does not work at the moment.")
        .because(cause)
}
