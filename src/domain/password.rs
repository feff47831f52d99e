//! A password for files. It lives as long as its request, and nothing shows it.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::error::{Error, Result};

/// Its memory is cleared on drop, and `{:?}` does not show it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// What a new password must be: 8 to 256 characters. An error names `field`, never what was given.
    pub fn check(&self, field: &str) -> Result<()> {
        match self.0.chars().count() {
            8..=256 => Ok(()),
            _ => Err(Error::invalid(field, format!("{field} must have 8 to 256 characters."))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_length_counts_characters_and_nothing_shows_it() {
        let check = |text: String| Password::new(text).check("password").is_ok();
        assert!(!check("seven77".into()) && check("eight888".into()));
        assert!(check("ß".repeat(256)) && !check("ß".repeat(257)));
        let password = Password::new("secret".into());
        let error = password.check("parameters.password").unwrap_err();
        assert!(!format!("{password:?} {error:?}").contains("secret"));
    }
}
