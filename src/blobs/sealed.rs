//! Small secrets that must outlive a restart, such as the key of a file whose task still waits, sealed with a key of the
//! server: a copy of the database alone then opens nothing. XChaCha20-Poly1305
//! (<https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03>), whose nonce is long enough to be random.
//!
//! ```text
//! 1 byte     version, 1
//! 24 bytes   nonce
//! the rest   ciphertext and 16 bytes of tag; the version and the purpose are authenticated with it
//! ```

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::domain::error::{Error, Kind, Result};

pub const KEY_BYTES: usize = 32;
/// The longest secret that is sealed.
pub const SECRET_LIMIT_BYTES: usize = 64 * 1024;
/// What sealing adds to a secret.
pub const SEAL_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The key of this server. Its memory is cleared on drop.
pub struct ServerKey(Zeroizing<[u8; KEY_BYTES]>);

impl ServerKey {
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh key from the operating system's random bytes.
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        fill_randomly(key.as_mut())?;
        Ok(Self(key))
    }

    /// To be kept in a private file beside the database, never in it.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Seals a secret for one purpose, a word that says where it is kept; only that purpose opens it. `ContentLimit`
    /// above [`SECRET_LIMIT_BYTES`].
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
        if plain.len() > SECRET_LIMIT_BYTES {
            return Err(Error::new(
                Kind::ContentLimit,
                format!("A secret has at most {SECRET_LIMIT_BYTES} bytes. Shorten it."),
            ));
        }
        let mut nonce = XNonce::default();
        fill_randomly(&mut nonce)?;
        let ciphertext = self
            .cipher()
            .encrypt(&nonce, Payload { msg: plain, aad: &context(purpose) })
            .map_err(Error::internal)?;
        Ok([&[VERSION], nonce.as_slice(), &ciphertext].concat())
    }

    /// Opens what was sealed for this purpose with this key; otherwise `ContentCorrupt`.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (version, rest) = sealed.split_first().ok_or_else(|| unopened("it is empty"))?;
        if *version != VERSION {
            return Err(unopened(format!("its version is {version}")));
        }
        let (nonce, ciphertext) =
            rest.split_at_checked(NONCE_BYTES).ok_or_else(|| unopened("it is cut short"))?;
        if ciphertext.len() > SECRET_LIMIT_BYTES + TAG_BYTES {
            return Err(unopened("it is too long"));
        }
        self.cipher()
            .decrypt(XNonce::from_slice(nonce), Payload { msg: ciphertext, aad: &context(purpose) })
            .map(Zeroizing::new)
            .map_err(|_| unopened("it is damaged, or of another key or purpose"))
    }

    /// Tells two requests apart without keeping what is in them: whoever has the database but not this key cannot try
    /// passwords against it.
    pub fn fingerprint(&self, request: &[u8]) -> [u8; 32] {
        let key = blake3::derive_key("drive 2026-07 fingerprint of a request", self.as_bytes());
        *blake3::keyed_hash(&key, request).as_bytes()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.as_bytes().into())
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey")
    }
}

fn context(purpose: &str) -> Vec<u8> {
    [&[VERSION], purpose.as_bytes()].concat()
}

fn fill_randomly(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::internal(format!("no random bytes: {error}")))
}

fn unopened(reason: impl fmt::Display) -> Error {
    Error::new(
        Kind::ContentCorrupt,
        "A stored secret cannot be opened with this server's key. Start the work anew with the password.",
    )
    .because(format!("opening a sealed secret: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ServerKey {
        ServerKey::from_bytes([7; KEY_BYTES])
    }

    #[track_caller]
    fn refused(key: &ServerKey, purpose: &str, sealed: &[u8]) {
        assert_eq!(key.open(purpose, sealed).unwrap_err().kind(), Kind::ContentCorrupt);
    }

    #[test]
    fn opens_what_it_sealed() {
        let key = ServerKey::generate().unwrap();
        for length in [0, 1, 74, SECRET_LIMIT_BYTES] {
            let plain = vec![0x5a; length];
            let sealed = key.seal("task", &plain).unwrap();
            assert_eq!(sealed.len(), length + SEAL_BYTES);
            assert_eq!(*key.open("task", &sealed).unwrap(), plain);
        }
        let again = ServerKey::from_bytes(*key.as_bytes());
        assert_eq!(**again.open("task", &key.seal("task", b"kept").unwrap()).unwrap(), *b"kept");
    }

    #[test]
    fn never_seals_twice_alike() {
        assert_ne!(key().seal("task", b"secret").unwrap(), key().seal("task", b"secret").unwrap());
        assert_ne!(
            ServerKey::generate().unwrap().as_bytes(),
            ServerKey::generate().unwrap().as_bytes()
        );
    }

    #[test]
    fn another_key_or_purpose_opens_nothing() {
        let sealed = key().seal("task", b"secret").unwrap();
        refused(&ServerKey::from_bytes([8; KEY_BYTES]), "task", &sealed);
        refused(&key(), "share", &sealed);
        refused(&key(), "", &sealed);
    }

    #[test]
    fn any_change_is_noticed() {
        let sealed = key().seal("task", b"secret").unwrap();
        for length in 0..sealed.len() {
            refused(&key(), "task", &sealed[..length]);
        }
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            refused(&key(), "task", &changed);
        }
        refused(&key(), "task", &[sealed.as_slice(), b"!"].concat());
    }

    #[test]
    fn fingerprints_depend_on_the_key() {
        assert_eq!(key().fingerprint(b"a"), key().fingerprint(b"a"));
        assert_ne!(key().fingerprint(b"a"), key().fingerprint(b"b"));
        let other = ServerKey::from_bytes([8; KEY_BYTES]);
        assert_ne!(key().fingerprint(b"a"), other.fingerprint(b"a"));
    }

    #[test]
    fn has_a_limit() {
        let error = key().seal("task", &vec![0; SECRET_LIMIT_BYTES + 1]).unwrap_err();
        assert_eq!(error.kind(), Kind::ContentLimit);
        refused(&key(), "task", &vec![VERSION; SECRET_LIMIT_BYTES + SEAL_BYTES + 1]);
    }

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", key()), "ServerKey");
    }
}
