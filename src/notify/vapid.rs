//! Who we are to push services: a key pair of this server, whose signature goes with every message (RFC 8292).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use url::Url;

use crate::domain::error::{Error, Result};
use crate::domain::time::Timestamp;

/// Seconds that a signature is good for; services refuse more than a day.
const LIFE_SECONDS: i64 = 12 * 3600;

/// The key pair. A new one voids all subscriptions, so it is kept for ever.
pub struct Keys {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Keys {
    /// A fresh key pair in PKCS #8, to be kept in a private file.
    pub fn generate() -> Result<Vec<u8>> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|document| document.as_ref().to_vec())
            .map_err(|_| Error::internal("no key pair for push messages could be made"))
    }

    /// Opens what [`Keys::generate`] made.
    pub fn open(pkcs8: &[u8]) -> Result<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map_err(|_| Error::internal("secrets/push.key is damaged; restore it"))?;
        Ok(Self { pair, random })
    }

    /// The public key as browsers want it: an uncompressed point in base64url.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref())
    }

    /// The header `Authorization` of a message to this endpoint.
    pub fn authorization(&self, endpoint: &Url, contact: &str, now: Timestamp) -> Result<String> {
        let header = json!({ "typ": "JWT", "alg": "ES256" }).to_string();
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.0 / 1000 + LIFE_SECONDS,
            "sub": contact,
        })
        .to_string();
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self
            .pair
            .sign(&self.random, signed.as_bytes())
            .map_err(|_| Error::internal("a push message could not be signed"))?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public()))
    }
}
