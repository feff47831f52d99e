//! People whom an outside issuer vouches for, and what its claims mean here.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::account::{Role, begins_name, is_of_name};
use super::error::{Error, Result};

/// What a token says, as it says it (RFC 7519, section 4).
pub type Claims = Map<String, Value>;

/// Bytes of the text by which an issuer knows somebody (OpenID Connect Core, section 2).
const SUBJECT_MAX: usize = 255;
/// Characters of a name that an issuer proposes; the rest is for a number that makes it unique.
const NAME_MAX: usize = 56;

/// How a token may be signed (RFC 7518, section 3.1; RFC 8037 for EdDSA with Ed25519).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// With a secret that issuer and server share.
    #[serde(rename = "HS256")]
    Hs256,
}

impl Algorithm {
    /// As the header of a token names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }
}

/// Whose access tokens are believed, and how they are checked.
#[derive(Clone, Debug)]
pub struct Trust {
    pub issuer: String,
    pub audience: String,
    pub algorithm: Algorithm,
    pub key_file: PathBuf,
    /// How far the issuer's clock may be off.
    pub skew_seconds: i64,
    pub mapping: Mapping,
}

/// A provider that people sign in at (OpenID Connect).
#[derive(Clone, Debug)]
pub struct Provider {
    pub issuer: String,
    pub client_id: String,
    /// `None` for a public client, which has PKCE alone.
    pub secret_file: Option<PathBuf>,
    pub scopes: String,
    /// What the button says after "Sign in with".
    pub label: String,
    /// The provider may be on this machine or its network.
    pub allow_private: bool,
    pub mapping: Mapping,
}

/// What the claims of an issuer mean here.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The claim that tells people apart, and never changes.
    pub account_claim: String,
    /// The claim with the name that a new account gets.
    pub name_claim: String,
    /// The claim with roles or groups; `None`: roles are given here, not there.
    pub role_claim: Option<String>,
    /// What each value of it means. Values that are not here mean nothing.
    pub roles: Vec<(String, Role)>,
    /// Somebody who was never here gets an account.
    pub create: bool,
}

/// Somebody, as an issuer knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub issuer: String,
    pub subject: String,
    /// A legal name, perhaps taken already.
    pub name: String,
    /// `None` where the issuer has no say in it.
    pub role: Option<Role>,
}

impl Mapping {
    /// Whom these claims are about; `None` when they do not say.
    pub fn person(&self, issuer: &str, claims: &Claims) -> Option<Person> {
        let subject = claim(claims, &self.account_claim)?.as_str()?;
        if subject.is_empty() || subject.len() > SUBJECT_MAX {
            return None;
        }
        let proposed = claim(claims, &self.name_claim).and_then(Value::as_str);
        let name = proposed.and_then(legal_name).or_else(|| legal_name(subject));
        Some(Person {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            name: name.unwrap_or_else(|| "account".to_owned()),
            role: self.role_claim.as_ref().map(|path| self.role(claim(claims, path))),
        })
    }

    /// The highest role that one of the values means; without any, that of a user.
    fn role(&self, value: Option<&Value>) -> Role {
        let values = match value {
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        let means = |value: &Value| {
            let text = value.as_str()?;
            self.roles.iter().filter(|(known, _)| known == text).map(|(_, role)| *role).max()
        };
        values.iter().filter_map(means).max().unwrap_or(Role::User)
    }
}

/// A claim by its name, or by a path with dots into objects, such as `realm_access.roles`.
fn claim<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

/// A name that is legal here; `None` when nothing of it is.
fn legal_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.nfc().take(NAME_MAX) {
        match is_of_name(c) {
            true => name.push(c),
            false if name.ends_with('-') => {}
            false => name.push('-'),
        }
    }
    let name = name.trim_start_matches(|c| !begins_name(c)).trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// Reads what values of the role claim mean, each written `VALUE=ROLE`.
///
/// # Errors
/// Names the first entry that has another form.
pub fn parse_roles(entries: &[String]) -> Result<Vec<(String, Role)>> {
    let parse = |entry: &String| {
        let (value, role) = entry.rsplit_once('=')?;
        let value = value.trim();
        (!value.is_empty()).then_some((value.to_owned(), Role::parse(role.trim()).ok()?))
    };
    let wrong = |entry: &String| {
        let message =
            format!("\"{entry}\" has not the form VALUE=ROLE, with admin, user or guest as role.");
        Error::invalid("role_map", message)
    };
    entries.iter().map(|entry| parse(entry).ok_or_else(|| wrong(entry))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping(role_claim: Option<&str>) -> Mapping {
        Mapping {
            account_claim: "sub".into(),
            name_claim: "preferred_username".into(),
            role_claim: role_claim.map(str::to_owned),
            roles: parse_roles(&["boss=admin".into(), "team = user".into(), "a=b=guest".into()])
                .unwrap(),
            create: true,
        }
    }

    fn person(role_claim: Option<&str>, claims: &Value) -> Option<Person> {
        mapping(role_claim).person("https://id.example", claims.as_object().unwrap())
    }

    #[test]
    fn claims_name_a_person() {
        let name = |claims: Value| person(None, &claims).map(|person| person.name);
        assert_eq!(name(json!({ "sub": "7", "preferred_username": "ada" })).unwrap(), "ada");
        assert_eq!(name(json!({ "sub": "7", "preferred_username": " A  da/\n" })).unwrap(), "A-da");
        assert_eq!(name(json!({ "sub": "7", "preferred_username": 5 })).unwrap(), "7");
        assert_eq!(name(json!({ "sub": "/" })).unwrap(), "account");
        assert_eq!(name(json!({ "sub": "7", "preferred_username": "..@ada." })).unwrap(), "ada.");
        assert_eq!(name(json!({ "sub": "7", "preferred_username": ".." })).unwrap(), "7");
        assert_eq!(name(json!({ "sub": "x".repeat(200) })).unwrap().len(), NAME_MAX);
        for nobody in [json!({}), json!({ "sub": "" }), json!({ "sub": 7 })] {
            assert_eq!(name(nobody), None);
        }
        assert_eq!(name(json!({ "sub": "x".repeat(256) })), None);
    }

    #[test]
    fn roles_come_from_the_map_alone() {
        let role = |path: Option<&str>, claims: Value| person(path, &claims).unwrap().role;
        assert_eq!(role(None, json!({ "sub": "7", "role": "admin" })), None);
        for (value, expected) in [
            (json!("boss"), Role::Admin),
            (json!("admin"), Role::User),
            (json!(["team", "boss"]), Role::Admin),
            (json!(["a=b"]), Role::Guest),
            (json!(["a=b", "team"]), Role::User),
            (json!({ "boss": true }), Role::User),
            (json!(["nothing"]), Role::User),
            (json!("boss team"), Role::User),
            (Value::Null, Role::User),
        ] {
            let flat = json!({ "sub": "7", "role": value });
            assert_eq!(role(Some("role"), flat), Some(expected), "{value}");
            let deep = json!({ "sub": "7", "realm": { "roles": value } });
            assert_eq!(role(Some("realm.roles"), deep), Some(expected), "{value}");
        }
        for wrong in ["boss", "=admin", "boss=king", "boss="] {
            assert!(parse_roles(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
