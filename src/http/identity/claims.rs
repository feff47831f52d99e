//! What a token must say before it is believed (RFC 7519, section 4.1; RFC 8725, sections 3.8 to 3.12).

use serde_json::Value;

use super::keys::Opened;
use crate::domain::time::Timestamp;

/// What is asked of a token.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
    /// Kinds (`typ`) that it may say it is of; it need not say.
    pub kinds: &'a [&'a str],
    /// How far the issuer's clock may be off.
    pub skew_seconds: i64,
}

/// The moments of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// When it was issued; the beginning of time where it does not say.
    pub issued: Timestamp,
    /// When it ends, the skew included.
    pub ends: Timestamp,
}

/// Holds a token against what is expected.
///
/// # Errors
/// Says what is wrong, for the log.
pub fn check(
    token: &Opened,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Moments, &'static str> {
    let kind = token.kind.as_deref().map(|kind| kind.to_ascii_lowercase());
    let kind = kind.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
    if kind.is_some_and(|kind| !expected.kinds.contains(&kind)) {
        return Err("it is a token of another kind");
    }
    let claims = &token.claims;
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err("another issuer");
    }
    let for_us = |value: &Value| value.as_str() == Some(expected.audience);
    let addressed = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(for_us),
        Some(one) => for_us(one),
        None => false,
    };
    if !addressed {
        return Err("it is for somebody else");
    }
    let moment = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(seconds).map(Some).ok_or("a moment is no number"),
    };
    let skew_ms = expected.skew_seconds * 1000;
    let ends = moment("exp")?.ok_or("it never ends")?.plus_ms(skew_ms);
    if ends <= now {
        return Err("it is over");
    }
    let (begins, issued) = (moment("nbf")?, moment("iat")?);
    if begins.max(issued).is_some_and(|moment| moment > now.plus_ms(skew_ms)) {
        return Err("it is from the future");
    }
    Ok(Moments { issued: issued.unwrap_or(Timestamp(0)), ends })
}

/// Seconds since 1970, perhaps with a fraction; what is too large is cut.
fn seconds(value: f64) -> Timestamp {
    Timestamp((value * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn checked(change: impl FnOnce(&mut Opened)) -> Result<Moments, &'static str> {
        let claims = json!({ "iss": "i", "aud": "a", "exp": 1_000_060, "iat": 999_990 });
        let Value::Object(claims) = claims else { unreachable!() };
        let mut token = Opened { kind: None, claims };
        change(&mut token);
        let expected =
            Expected { issuer: "i", audience: "a", kinds: &["jwt", "at+jwt"], skew_seconds: 30 };
        check(&token, &expected, NOW)
    }

    #[test]
    fn tokens_must_say_what_is_asked() {
        let good = Moments { issued: Timestamp(999_990_000), ends: Timestamp(1_000_090_000) };
        assert_eq!(checked(|_| {}), Ok(good));
        for kind in ["JWT", "at+jwt", "application/at+JWT"] {
            assert!(checked(|token| token.kind = Some(kind.into())).is_ok(), "{kind}");
        }
        for kind in ["", "logout+jwt", "dpop+jwt", "application/application/jwt"] {
            assert!(checked(|token| token.kind = Some(kind.into())).is_err(), "{kind}");
        }
        let with = |name: &str, value: Value| {
            checked(|token| {
                token.claims.insert(name.into(), value);
            })
        };
        for (name, value) in [
            ("aud", json!(["b", "a"])),
            ("exp", json!(999_971)),
            ("exp", json!(1e300)),
            ("nbf", json!(1_000_029)),
            ("iat", json!(1_000_029.5)),
        ] {
            assert!(with(name, value.clone()).is_ok(), "{name} {value}");
        }
        for (name, value) in [
            ("iss", json!("I")),
            ("iss", json!(["i"])),
            ("aud", json!("b")),
            ("aud", json!([])),
            ("aud", json!({ "a": "a" })),
            ("aud", json!(["aa"])),
            ("exp", json!(999_970)),
            ("exp", json!("2000000")),
            ("exp", Value::Null),
            ("exp", json!(-1e300)),
            ("nbf", json!(1_000_031)),
            ("nbf", json!("soon")),
            ("iat", json!(1_000_031)),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
        for name in ["iss", "aud", "exp"] {
            assert!(checked(|token| drop(token.claims.remove(name))).is_err(), "{name}");
        }
    }
}
