//! Messages that only the browser can read: encrypted by RFC 8291 to its key, in the form of RFC 8188 with one record.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::error::{Error, Result};

const SALT_BYTES: usize = 16;
const AUTH_BYTES: usize = 16;
/// An uncompressed point of P-256.
const POINT_BYTES: usize = 65;
/// Bytes of the one record; a message is always shorter.
const RECORD_BYTES: u32 = 4096;
/// Marks the last record of a message.
const LAST: u8 = 2;

/// What a browser gave: where its messages go and how they are locked. Kept sealed.
#[derive(Serialize, Deserialize)]
pub struct Address {
    pub endpoint: String,
    /// Public key and shared secret of the browser, in base64url.
    pub p256dh: String,
    pub auth: String,
}

impl Address {
    /// Looks whether a message could be locked for this browser.
    ///
    /// # Errors
    /// `Invalid` names the key that is wrong.
    pub fn check(&self) -> Result<()> {
        self.lock(b"").map(|_| ())
    }

    pub fn url(&self) -> Result<Url> {
        Url::parse(&self.endpoint).map_err(Error::internal)
    }

    /// The body of a message that only this browser can open.
    pub fn lock(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let theirs = decoded("keys.p256dh", &self.p256dh, POINT_BYTES)?;
        let auth = decoded("keys.auth", &self.auth, AUTH_BYTES)?;
        let random = SystemRandom::new();
        let failed = |_| Error::internal("a push message could not be encrypted");
        let mut salt = [0; SALT_BYTES];
        random.fill(&mut salt).map_err(failed)?;
        let ours = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(failed)?;
        let our_public = ours.compute_public_key().map_err(failed)?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, &theirs);
        agree_ephemeral(ours, &peer, |shared| {
            seal(shared, our_public.as_ref(), &theirs, &auth, &salt, plain)
        })
        .map_err(|_| Error::invalid("keys.p256dh", "keys.p256dh is not a point of P-256."))?
    }
}

fn decoded(field: &str, text: &str, length: usize) -> Result<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
    match bytes {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        _ => Err(Error::invalid(field, format!("{field} must be base64url of {length} bytes."))),
    }
}

/// Bytes that a key derivation is asked for.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; N]> {
    let mut out = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .and_then(|key| key.fill(&mut out))
        .map_err(|_| Error::internal("a key of a push message could not be derived"))?;
    Ok(out)
}

/// RFC 8291, section 3.4, from the shared secret on.
fn seal(
    shared: &[u8],
    ours: &[u8],
    theirs: &[u8],
    auth: &[u8],
    salt: &[u8; SALT_BYTES],
    plain: &[u8],
) -> Result<Vec<u8>> {
    let secret: [u8; 32] = derive(auth, shared, &[b"WebPush: info\0", theirs, ours])?;
    let key: [u8; 16] = derive(salt, &secret, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = derive(salt, &secret, &[b"Content-Encoding: nonce\0"])?;
    let failed = |_| Error::internal("a push message could not be encrypted");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(failed)?);
    let mut record = [plain, &[LAST]].concat();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)
        .map_err(failed)?;
    Ok([salt, &RECORD_BYTES.to_be_bytes()[..], &[POINT_BYTES as u8], ours, &record].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// Appendix A of RFC 8291, with its intermediate value of the key agreement.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let sealed = seal(
            &bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"),
            &bytes(
                "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
            ),
            &bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            &bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
            b"When I grow up, I want to be a watermelon",
        );
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY\
                        WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS\
                        gSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(sealed.unwrap()), expected);
    }

    #[test]
    fn keys_that_are_none_are_refused_by_name() {
        let good = Address {
            endpoint: "https://push.example/x".into(),
            p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4".into(),
            auth: "BTBZMqHH6r4Tts7J_aSIgg==".into(),
        };
        good.check().unwrap();
        assert_ne!(good.lock(b"x").unwrap(), good.lock(b"x").unwrap());
        let off_the_curve = format!("BA{}", "A".repeat(85));
        for (p256dh, auth, named) in [
            ("", good.auth.as_str(), "keys.p256dh"),
            ("AAAA", &good.auth, "keys.p256dh"),
            (off_the_curve.as_str(), &good.auth, "keys.p256dh"),
            (&good.p256dh, "AAAA", "keys.auth"),
            (&good.p256dh, "!", "keys.auth"),
        ] {
            let wrong = Address {
                endpoint: String::new(),
                p256dh: p256dh.to_owned(),
                auth: auth.to_owned(),
            };
            let error = wrong.check().unwrap_err();
            assert!(error.message().contains(named), "{error}");
        }
    }
}
