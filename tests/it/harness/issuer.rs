//! An outside issuer: keys of every kind, and tokens as it, or somebody who plays it, would make them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use drive::domain::time::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use ring::{hmac, rand};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Client;
use super::{TestDrive, folder};

pub const ISSUER: &str = "https://id.example/realm";
pub const AUDIENCE: &str = "drive-api";

enum Key {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

/// A key that signs.
pub struct Signer {
    pub kid: String,
    key: Key,
    /// The public key as PEM; of a secret, the secret itself.
    pub file: Vec<u8>,
}

/// What OpenSSL answers to this input.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program openssl");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

fn pem(prefix: &str, point: &[u8]) -> Vec<u8> {
    let mut der: Vec<u8> = (0..prefix.len() / 2)
        .map(|at| u8::from_str_radix(&prefix[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    der.extend_from_slice(point);
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
        .into_bytes()
}

impl Signer {
    /// A new key for an algorithm by its name in tokens.
    pub fn new(algorithm: &str, kid: &str) -> Self {
        let random = SystemRandom::new();
        let (key, file) = match algorithm {
            "RS256" => {
                let wish = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
                let private = openssl(&wish, b"");
                let public = openssl(&["pkey", "-pubout"], &private);
                let form = ["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"];
                let private = openssl(&form, &private);
                (Key::Rsa(Box::new(RsaKeyPair::from_pkcs8(&private).unwrap())), public)
            }
            "ES256" => {
                let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let private = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
                let key = EcdsaKeyPair::from_pkcs8(kind, private.as_ref(), &random).unwrap();
                let prefix = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
                let file = pem(prefix, key.public_key().as_ref());
                (Key::P256(key), file)
            }
            "EdDSA" => {
                let private = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                let key = Ed25519KeyPair::from_pkcs8(private.as_ref()).unwrap();
                let file = pem("302a300506032b6570032100", key.public_key().as_ref());
                (Key::Ed25519(key), file)
            }
            "HS256" => {
                let secret: [u8; 48] = rand::generate(&random).unwrap().expose();
                let secret = STANDARD.encode(secret).into_bytes();
                (Key::Secret(secret.clone()), secret)
            }
            other => panic!("no key for {other}"),
        };
        Self { kid: kid.to_owned(), key, file }
    }

    /// Signs by HMAC with this secret: what whoever confuses algorithms would do with a public key.
    pub fn with_secret(secret: &[u8]) -> Self {
        let secret = secret.to_vec();
        Self { kid: "secret".into(), key: Key::Secret(secret.clone()), file: secret }
    }

    pub fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rsa(_) => "RS256",
            Key::P256(_) => "ES256",
            Key::Ed25519(_) => "EdDSA",
            Key::Secret(_) => "HS256",
        }
    }

    /// The key as issuers publish it.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.key {
            Key::Rsa(key) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "n": text(&parts.n), "e": text(&parts.e) })
            }
            Key::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Key::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref()) })
            }
            Key::Secret(secret) => json!({ "kty": "oct", "k": text(secret) }),
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Key::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Key::Secret(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
        }
    }

    /// A token with the usual header.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({}), claims)
    }

    /// A token with these fields in its header beside, or in the place of, the usual ones. Null takes one away.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let mut all = json!({ "alg": self.algorithm(), "typ": "JWT", "kid": self.kid });
        for (name, value) in header.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&all), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

/// A set of keys as issuers publish it.
pub fn jwks(signers: &[&Signer]) -> String {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() }).to_string()
}

/// What an honest issuer says of somebody, good for ten minutes.
pub fn claims(now: Timestamp, subject: &str, more: Value) -> Value {
    let seconds = now.0 / 1000;
    let mut claims = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": seconds,
        "exp": seconds + 600,
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// An issuer and the file with its key.
pub struct Issuer {
    pub signer: Signer,
    folder: TempDir,
}

impl Issuer {
    /// With the key as PEM, or the secret as it is.
    pub fn new(algorithm: &str) -> Self {
        let issuer = Self { signer: Signer::new(algorithm, "one"), folder: folder() };
        issuer.publish(&issuer.signer.file);
        issuer
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// Replaces the key file.
    pub fn publish(&self, bytes: impl AsRef<[u8]>) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// A server that believes this issuer.
    pub fn spawn(&self, more: &[(&str, &str)]) -> TestDrive {
        let file = self.file().display().to_string();
        let own = [
            ("DRIVE_AUTH_JWT_ISSUER", ISSUER),
            ("DRIVE_AUTH_JWT_AUDIENCE", AUDIENCE),
            ("DRIVE_AUTH_JWT_ALGORITHM", self.signer.algorithm()),
            ("DRIVE_AUTH_JWT_KEY_FILE", file.as_str()),
        ];
        TestDrive::spawn_with(&[&own[..], more].concat())
    }

    /// Somebody with a token of this issuer.
    pub fn client(&self, drive: &TestDrive, subject: &str, more: Value) -> Client {
        with_token(drive, self.signer.token(&claims(drive.clock.now(), subject, more)))
    }
}

pub fn with_token(drive: &TestDrive, token: String) -> Client {
    Client { token: Some(token), ..drive.nobody() }
}
