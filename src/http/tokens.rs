//! Secrets and tokens: access tokens (JWT, RFC 9068 profile), random secrets, password hashes.

use std::sync::Once;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm as Argon2Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use signature::{Signer, Verifier};

use crate::domain::digest::Digest;
use crate::domain::error::{Error, Result};
use crate::domain::id::{AccountId, SessionId};
use crate::domain::time::Timestamp;

/// Issuer and audience of our own tokens.
const ISSUER: &str = "drive";
/// Bytes of a random secret.
const SECRET_BYTES: usize = 32;

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    pub sub: AccountId,
    /// The session; a revoked one ends the token at once.
    pub sid: SessionId,
    iat: i64,
    exp: i64,
}

/// Signs and checks access tokens.
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Keys {
    pub fn new(secret: &[u8]) -> Self {
        install_provider();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The moment is checked by our own clock, which tests can set.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    pub fn sign(
        &self,
        sub: AccountId,
        sid: SessionId,
        now: Timestamp,
        life_ms: i64,
    ) -> Result<String> {
        let iat = now.0 / 1000;
        let claims = Claims {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub,
            sid,
            iat,
            exp: iat + life_ms / 1000,
        };
        let header = Header { typ: Some("at+jwt".into()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(Error::internal)
    }

    /// The claims of a token that is ours and not over.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        let fits = data.header.typ.as_deref() == Some("at+jwt") && data.claims.exp > now.0 / 1000;
        fits.then_some(data.claims)
    }
}

/// `jsonwebtoken` brings no cryptography of its own here; HS256 is all that our tokens need.
fn install_provider() {
    static ONCE: Once = Once::new();
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| {
            hs256(*algorithm, key.as_bytes()).map(|hmac| Box::new(hmac) as Box<dyn JwtSigner>)
        },
        verifier_factory: |algorithm, key| {
            hs256(*algorithm, key.try_get_as_bytes()?)
                .map(|hmac| Box::new(hmac) as Box<dyn JwtVerifier>)
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    ONCE.call_once(|| {
        // It can be set once in a process; a second server in the same tests finds it set.
        let _ = PROVIDER.install_default();
    });
}

struct Hs256(Hmac<Sha256>);

fn hs256(algorithm: Algorithm, key: &[u8]) -> jsonwebtoken::errors::Result<Hs256> {
    match (algorithm, Hmac::new_from_slice(key)) {
        (Algorithm::HS256, Ok(hmac)) => Ok(Hs256(hmac)),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), signature::Error> {
        self.0.clone().chain_update(message).verify_slice(tag).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

/// 32 random bytes from the operating system.
pub fn random() -> Result<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::internal(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

/// A new secret as text, and the hash that is stored in its place.
pub fn secret() -> Result<(String, Digest)> {
    let text = URL_SAFE_NO_PAD.encode(random()?);
    let hash = fingerprint(&text);
    Ok((text, hash))
}

/// What a token for a program begins with, so that people, and tools that look for leaked secrets, know it.
pub const TOKEN_PREFIX: &str = "drv_";

/// A new token for a program, and the hash that is stored in its place.
pub fn new_token() -> Result<(String, Digest)> {
    let text = format!("{TOKEN_PREFIX}{}", secret()?.0);
    let hash = fingerprint(&text);
    Ok((text, hash))
}

/// What is stored of a secret with 256 random bits; such a one needs no slow hash.
pub fn fingerprint(secret: &str) -> Digest {
    Digest(Sha256::digest(secret).into())
}

/// argon2id with 19 MiB, two passes: the floor that OWASP's password storage page names.
fn argon2() -> Argon2<'static> {
    Argon2::new(Argon2Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// A password's hash in PHC form. Takes about 50 ms and 19 MiB.
pub fn hash_password(password: &str) -> Result<String> {
    argon2()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(format!("hashing a password: {error}")))
}

/// A hash that no password is known to fit, for accounts that sign in elsewhere. Trying one takes as long as with any.
pub fn unusable_hash() -> Result<String> {
    let params = Params::default();
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, hash) =
        (STANDARD_NO_PAD.encode(&random()?[..16]), STANDARD_NO_PAD.encode(random()?));
    Ok(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}"))
}

pub fn verify_password(password: &str, hash: &str) -> bool {
    argon2().verify_password(password.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_other_keys_kinds_and_times_are_refused() {
        let keys = Keys::new(b"0123456789abcdef0123456789abcdef");
        let (account, session) = (AccountId::generate(), SessionId::generate());
        let now = Timestamp(1_000_000_000);
        let token = keys.sign(account, session, now, 60_000).unwrap();
        let claims = keys.verify(&token, now).unwrap();
        assert_eq!((claims.sub, claims.sid), (account, session));
        assert!(keys.verify(&token, now.plus_ms(61_000)).is_none());
        assert!(Keys::new(b"another key of thirty-two bytes!").verify(&token, now).is_none());

        let (head, rest) = token.split_once('.').unwrap();
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        assert!(keys.verify(&format!("{unsigned}.{rest}"), now).is_none());
        let body = rest.split_once('.').unwrap().0;
        assert!(keys.verify(&format!("{unsigned}.{body}."), now).is_none());
        let other = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let mut message = format!("{other}.{body}");
        let tag = hs256(Algorithm::HS256, b"0123456789abcdef0123456789abcdef")
            .unwrap()
            .try_sign(message.as_bytes())
            .unwrap();
        message.push('.');
        message.push_str(&URL_SAFE_NO_PAD.encode(tag));
        assert!(keys.verify(&message, now).is_none(), "a token made for another purpose");
        assert!(keys.verify(head, now).is_none());
    }

    #[test]
    fn passwords_verify_and_their_hashes_differ() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$") && hash != hash_password("correct horse").unwrap());
        assert!(verify_password("correct horse", &hash));
        assert!(!verify_password("wrong horse", &hash) && !verify_password("x", "not a hash"));
    }
}
