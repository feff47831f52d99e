//! The keys of an outside issuer and what they signed (JWS, RFC 7515; keys as JWK, RFC 7517 and 7518, or as PEM,
//! RFC 5480 and 8410). How a token may be signed is fixed by the settings and by the key itself; a token's header only
//! says which of these keys to try (RFC 8725, sections 3.1 and 3.2). Keys that a token brings along or points at
//! (`jwk`, `jku`, `x5u`, `x5c`) are not even read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::identity::{Algorithm, Claims};

/// Bytes of a token.
const TOKEN_MAX: usize = 8 * 1024;
/// Keys of one issuer that are kept.
const KEYS_MAX: usize = 64;
/// Bytes of a shared secret, at least (RFC 7518, section 3.2).
const SECRET_MIN: usize = 32;
const P256_POINT: usize = 65;
const ED25519_POINT: usize = 32;

/// A key that signatures are checked with.
pub struct Key {
    /// `None` where the file does not name it.
    id: Option<String>,
    material: Material,
}

enum Material {
    /// PKCS #1, in DER.
    Rsa(Vec<u8>),
    /// Modulus and exponent, big endian.
    RsaParts(Vec<u8>, Vec<u8>),
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(hmac::Key),
}

impl Key {
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa(_) | Material::RsaParts(..) => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
            Material::Secret(_) => Algorithm::Hs256,
        }
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa(der) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
                .verify(message, signature)
                .is_ok(),
            Material::RsaParts(n, e) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Material::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature).is_ok()
            }
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

/// The keys in a file: a JWKS, a PEM public key, or the secret of HS256. Those of other algorithms are left out.
///
/// # Errors
/// Says in words for people what is wrong with the file.
pub fn from_file(bytes: &[u8], algorithm: Algorithm) -> Result<Vec<Key>, String> {
    let text = bytes.trim_ascii_start();
    let keys = if text.starts_with(b"{") {
        from_jwks(bytes, &[algorithm]).ok_or("is not a JWKS.")?
    } else if text.starts_with(b"-----BEGIN") {
        vec![from_pem(bytes).ok_or("is not a public key (BEGIN PUBLIC KEY) of a known kind.")?]
    } else if algorithm == Algorithm::Hs256 {
        vec![from_secret(bytes)?]
    } else {
        return Err("is neither a PEM public key nor a JWKS.".to_owned());
    };
    match keys.iter().all(|key| key.algorithm() == algorithm) && !keys.is_empty() {
        true => Ok(keys),
        false => Err(format!("holds no key for {}.", algorithm.name())),
    }
}

/// A line end behind the secret is not part of it.
fn from_secret(bytes: &[u8]) -> Result<Key, String> {
    let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if secret.len() < SECRET_MIN {
        return Err(format!("must hold a secret of {SECRET_MIN} bytes or more."));
    }
    Ok(Key { id: None, material: Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret)) })
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

/// The keys of a JWKS for these algorithms; those of other kinds and purposes are left out. `None`: it is none.
pub fn from_jwks(bytes: &[u8], algorithms: &[Algorithm]) -> Option<Vec<Key>> {
    let set: Jwks = serde_json::from_slice(bytes).ok()?;
    let usable = |value: Value| {
        let key = from_jwk(serde_json::from_value(value).ok()?)?;
        algorithms.contains(&key.algorithm()).then_some(key)
    };
    Some(set.keys.into_iter().filter_map(usable).take(KEYS_MAX).collect())
}

fn from_jwk(jwk: Jwk) -> Option<Key> {
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let number = |text: &Option<String>| {
        let digits = bytes(text)?;
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        Some(digits[zeros..].to_vec())
    };
    let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Material::RsaParts(number(&jwk.n)?, number(&jwk.e)?),
        ("EC", Some("P-256")) => {
            let point = [vec![4], bytes(&jwk.x)?, bytes(&jwk.y)?].concat();
            (point.len() == P256_POINT).then_some(Material::P256(point))?
        }
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&jwk.x)?),
        ("oct", _) => from_secret(&bytes(&jwk.k)?).ok()?.material,
        _ => return None,
    };
    let key = Key { id: jwk.kid, material };
    let meant = jwk.purpose.is_none_or(|purpose| purpose == "sig")
        && jwk.alg.is_none_or(|alg| alg == key.algorithm().name());
    meant.then_some(key)
}

fn from_pem(bytes: &[u8]) -> Option<Key> {
    const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
    const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
    const EDWARDS: &[u8] = b"\x2b\x65\x70";
    let info = SubjectPublicKeyInfoDer::from_pem_slice(bytes).ok()?;
    let (info, _) = element(info.as_ref(), 0x30)?;
    let (kind, key) = element(info, 0x30)?;
    let (name, parameters) = element(kind, 0x06)?;
    let (key, _) = element(key, 0x03)?;
    // The first byte counts unused bits; keys have none.
    let key = key.strip_prefix(&[0])?.to_vec();
    let material = match name {
        RSA => Material::Rsa(key),
        EC if element(parameters, 0x06)?.0 == P256 && key.len() == P256_POINT => {
            Material::P256(key)
        }
        EDWARDS if key.len() == ED25519_POINT => Material::Ed25519(key),
        _ => return None,
    };
    Some(Key { id: None, material })
}

/// The content of the DER element that the bytes begin with, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    if head[0] != tag {
        return None;
    }
    let (length, rest) = match head[1] {
        short @ ..=0x7f => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A token whose signature is good. Nothing of what it says is checked yet.
pub struct Opened {
    /// What kind of token it says it is (`typ`).
    pub kind: Option<String>,
    pub claims: Claims,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too long, not three parts, no JSON, or a demand that we do not understand.
    Malformed,
    /// None of the keys is the one that the header names.
    UnknownKey,
    BadSignature,
}

/// No other header is read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// Checks the signature of a token in compact form (RFC 7515, section 5.2).
///
/// # Errors
/// [`Refusal::UnknownKey`] may be mended by fetching the keys again; the others cannot.
pub fn open(token: &str, keys: &[Key]) -> Result<Opened, Refusal> {
    let malformed = || Refusal::Malformed;
    if token.len() > TOKEN_MAX {
        return Err(Refusal::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
    // Extensions that must be understood (RFC 7515, section 4.1.11); we know none.
    if header.crit.is_some() {
        return Err(Refusal::Malformed);
    }
    let signature = decode(signature)?;
    let named = |key: &&Key| {
        key.algorithm().name() == header.alg
            && (key.id.is_none() || header.kid.is_none() || key.id == header.kid)
    };
    let mut candidates = keys.iter().filter(named).peekable();
    if candidates.peek().is_none() {
        return Err(Refusal::UnknownKey);
    }
    if !candidates.any(|key| key.signed(message.as_bytes(), &signature)) {
        return Err(Refusal::BadSignature);
    }
    let claims = serde_json::from_slice(&decode(payload)?).map_err(|_| malformed())?;
    Ok(Opened { kind: header.typ, claims })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7515, appendix A.1.
    const SECRET: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    /// The key and token of RFC 8037, appendix A; its payload is no JSON.
    const EDWARDS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    const EDWARDS_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn refusal(token: &str, keys: &[Key]) -> Option<Refusal> {
        open(token, keys).err()
    }

    #[test]
    fn the_examples_of_the_standards_are_read() {
        let secret = URL_SAFE_NO_PAD.decode(SECRET).unwrap();
        let keys = from_file(&secret, Algorithm::Hs256).unwrap();
        let opened = open(TOKEN, &keys).ok().unwrap();
        assert_eq!((opened.kind.as_deref(), &opened.claims["iss"]), (Some("JWT"), &"joe".into()));
        let last = TOKEN.len() - 1;
        assert_eq!(refusal(&format!("{}w", &TOKEN[..last]), &keys), Some(Refusal::BadSignature));
        let keys = from_jwks(EDWARDS.as_bytes(), &[Algorithm::EdDsa]).unwrap();
        assert_eq!(refusal(EDWARDS_TOKEN, &keys), Some(Refusal::Malformed), "good, but no JSON");
        assert_eq!(refusal(TOKEN, &keys), Some(Refusal::UnknownKey));
        assert_eq!(refusal("", &keys), Some(Refusal::Malformed));
        assert_eq!(refusal("a.b", &keys), Some(Refusal::Malformed));
        assert_eq!(refusal(&format!("{EDWARDS_TOKEN}.x"), &keys), Some(Refusal::Malformed));
    }

    #[test]
    fn keys_are_of_their_algorithm_or_none() {
        let other = from_file(EDWARDS.as_bytes(), Algorithm::Es256).err().unwrap();
        assert!(other.contains("ES256"), "{other}");
        for (file, algorithm) in [
            ("short", Algorithm::Hs256),
            ("no key of any kind, though it is long enough", Algorithm::Rs256),
            ("{}", Algorithm::EdDsa),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", Algorithm::Rs256),
        ] {
            assert!(from_file(file.as_bytes(), algorithm).is_err(), "{file}");
        }
        let odd = r#"{"keys":[7,{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA"},
            {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"},
            {"kty":"oct","k":"AAAA"}]}"#;
        assert!(from_jwks(odd.as_bytes(), &[Algorithm::EdDsa]).unwrap().is_empty());
    }
}
