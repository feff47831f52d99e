//! Digests of files: SHA-256, which clients declare and read, and BLAKE3, which is made as the bytes arrive.

use std::fmt;

use super::error::{Error, Kind, Result};

/// 32 bytes of SHA-256 or BLAKE3.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Sixty-four hexadecimal digits.
    pub fn parse_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
            let digit = |c: u8| char::from(c).to_digit(16);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash a client declares for a whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredHash {
    Sha256(Digest),
    Blake3(Digest),
}

impl DeclaredHash {
    /// `hex`, `sha256:hex` or `blake3:hex`. Anything else is refused: a hash that cannot be verified protects nothing.
    pub fn parse(text: &str) -> Result<Self> {
        let (algorithm, hex) = text.split_once(':').unwrap_or(("sha256", text));
        let digest = Digest::parse_hex(hex);
        match (algorithm.to_ascii_lowercase().as_str(), digest) {
            ("sha256" | "sha-256", Some(digest)) => Ok(Self::Sha256(digest)),
            ("blake3", Some(digest)) => Ok(Self::Blake3(digest)),
            _ => Err(Error::new(
                Kind::HashInvalid,
                "hash must be the SHA-256 of the file in 64 hexadecimal digits, optionally as \"sha256:…\", \
                 or \"blake3:…\". Leave it out if you have neither.",
            )
            .with("field", "hash")),
        }
    }

    pub fn digest(self) -> Digest {
        match self {
            Self::Sha256(digest) | Self::Blake3(digest) => digest,
        }
    }
}

impl fmt::Display for DeclaredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(f, "sha256:{digest}"),
            Self::Blake3(digest) => write!(f, "blake3:{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verifiable_hashes_are_accepted() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(matches!(DeclaredHash::parse(hex), Ok(DeclaredHash::Sha256(_))));
        assert!(matches!(DeclaredHash::parse(&hex.to_uppercase()), Ok(DeclaredHash::Sha256(_))));
        assert_eq!(
            DeclaredHash::parse(&format!("blake3:{hex}")).unwrap().to_string(),
            format!("blake3:{hex}")
        );
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        for wrong in
            ["", md5, &format!("md5:{md5}"), &hex[1..], &format!("sha1:{hex}"), &"é".repeat(32)]
        {
            assert_eq!(
                DeclaredHash::parse(wrong).unwrap_err().kind(),
                Kind::HashInvalid,
                "{wrong}"
            );
        }
    }
}
