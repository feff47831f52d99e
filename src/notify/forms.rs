//! The forms in which receivers want to be told: our own with a signature, ntfy's, Gotify's.

use ring::hmac;
use serde_json::{Value, json};
use url::Url;

use crate::domain::error::{Error, Result};
use crate::domain::notification::{Format, Subject};
use crate::domain::time::Timestamp;
use crate::outgoing::{Method, Outgoing};
use crate::store::outbox::Delivery;

/// Characters of a secret.
const SECRET_MIN: usize = 8;
const SECRET_MAX: usize = 256;

/// Looks whether an address can be one of this form.
///
/// # Errors
/// `Invalid` names `url`.
pub fn check_url(format: Format, url: &Url) -> Result<()> {
    if format == Format::Ntfy && topic(url).is_none() {
        let message = "url must end with the topic, as in https://ntfy.example/my-topic.";
        return Err(Error::invalid("url", message));
    }
    Ok(())
}

/// Looks whether this can be a secret: it stands in headers.
///
/// # Errors
/// `Invalid` names `secret`.
pub fn check_secret(secret: &str) -> Result<()> {
    let fits = (SECRET_MIN..=SECRET_MAX).contains(&secret.len());
    if !fits || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "secret must have {SECRET_MIN} to {SECRET_MAX} visible ASCII characters, no spaces."
        );
        return Err(Error::invalid("secret", message));
    }
    Ok(())
}

/// The last part of an ntfy address, and the address without it.
fn topic(url: &Url) -> Option<(String, Url)> {
    let topic = url.path_segments()?.next_back().filter(|topic| !topic.is_empty())?.to_owned();
    let mut base = url.clone();
    base.path_segments_mut().ok()?.pop().push("");
    base.set_query(None);
    Some((topic, base))
}

/// The request that tells a receiver.
pub fn dress(
    format: Format,
    url: Url,
    secret: Option<&str>,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Outgoing> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("Drive/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    let (url, body) = match format {
        Format::Generic => {
            let body = generic(delivery);
            headers.push(("x-drive-event", delivery.subject.name().to_owned()));
            headers.push(("x-drive-delivery", delivery.id.to_string()));
            if let Some(secret) = secret {
                let timestamp = (now.0 / 1000).to_string();
                headers.push(("x-drive-signature", signature(secret, &timestamp, &body)));
                headers.push(("x-drive-timestamp", timestamp));
            }
            (url, body)
        }
        Format::Ntfy => {
            let Some((topic, base)) = topic(&url) else {
                return Err(Error::internal("an ntfy address without a topic"));
            };
            if let Some(secret) = secret {
                headers.push(("authorization", format!("Bearer {secret}")));
            }
            (base, ntfy(delivery, &topic))
        }
        Format::Gotify => {
            if let Some(secret) = secret {
                headers.push(("x-gotify-key", secret.to_owned()));
            }
            (gotify_url(url), gotify(delivery))
        }
    };
    Ok(Outgoing { method: Method::Post, url, headers, body: body.into_bytes() })
}

/// The body in our own form.
fn generic(delivery: &Delivery) -> String {
    json!({
        "id": delivery.id,
        "type": delivery.subject.name(),
        "createdAt": delivery.created_at,
        "data": delivery.data,
    })
    .to_string()
}

/// HMAC-SHA256 over the moment and the body, so that an old message cannot be sent again as a new one.
fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

fn text<'a>(data: &'a Value, name: &str) -> &'a str {
    data[name].as_str().unwrap_or_default()
}

fn ntfy(delivery: &Delivery, topic: &str) -> String {
    let (priority, tag) = match delivery.subject {
        Subject::TaskFailed | Subject::WebhookDisabled => (4, "warning"),
        _ => (3, "white_check_mark"),
    };
    json!({
        "topic": topic,
        "title": text(&delivery.data, "title"),
        "message": text(&delivery.data, "message"),
        "priority": priority,
        "tags": [tag],
    })
    .to_string()
}

fn gotify(delivery: &Delivery) -> String {
    let priority = match delivery.subject {
        Subject::TaskFailed | Subject::WebhookDisabled => 8,
        _ => 5,
    };
    json!({
        "title": text(&delivery.data, "title"),
        "message": text(&delivery.data, "message"),
        "priority": priority,
    })
    .to_string()
}

/// Messages go to `/message` of the server, whether or not its owner wrote that.
fn gotify_url(mut url: Url) -> Url {
    if !url.path().ends_with("/message")
        && let Ok(mut path) = url.path_segments_mut()
    {
        path.pop_if_empty().push("message");
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{AccountId, DeliveryId, WebhookId};
    use crate::store::outbox::Target;

    fn delivery() -> Delivery {
        Delivery {
            seq: 1,
            id: DeliveryId::generate(),
            target: Target::Webhook(AccountId::generate(), WebhookId::generate()),
            subject: Subject::TaskFailed,
            topic: None,
            data: json!({ "title": "Failed: a", "message": "why" }),
            attempts: 0,
            due_at: Timestamp(0),
            created_at: Timestamp(0),
        }
    }

    fn dressed(format: Format, url: &str) -> (String, Value) {
        let url = Url::parse(url).unwrap();
        let request = dress(format, url, Some("secret-token"), &delivery(), Timestamp(0)).unwrap();
        (request.url.to_string(), serde_json::from_slice(&request.body).unwrap())
    }

    #[test]
    fn addresses_become_those_of_each_service() {
        for (format, given, expected) in [
            (Format::Generic, "https://a.example/x?y=1", "https://a.example/x?y=1"),
            (Format::Ntfy, "https://ntfy.sh/my-topic", "https://ntfy.sh/"),
            (Format::Ntfy, "https://a.example/ntfy/top?x=1", "https://a.example/ntfy/"),
            (Format::Gotify, "https://a.example", "https://a.example/message"),
            (Format::Gotify, "https://a.example/gotify/", "https://a.example/gotify/message"),
            (Format::Gotify, "https://a.example/message", "https://a.example/message"),
        ] {
            assert_eq!(dressed(format, given).0, expected);
        }
        assert_eq!(dressed(Format::Ntfy, "https://ntfy.sh/my-topic").1["topic"], "my-topic");
        assert!(check_url(Format::Ntfy, &Url::parse("https://ntfy.sh/").unwrap()).is_err());
    }

    /// Computed with `openssl dgst -sha256 -hmac`.
    #[test]
    fn a_signature_covers_the_moment_and_the_body() {
        let expected = "sha256=2ed71134a77d3a0a07f27e652ca3ed59ee953d80c0c7c5ccb491abb093c40180";
        assert_eq!(signature("secret-of-the-hook", "1700000000", "{\"a\":1}"), expected);
        assert_ne!(signature("secret-of-the-hook", "1700000001", "{\"a\":1}"), expected);
        assert_ne!(signature("secret-of-the-hook", "1700000000", "{\"a\":2}"), expected);
    }

    #[test]
    fn secrets_can_stand_in_a_header() {
        for wrong in ["", "short", "with a space", "line\nbreak-here", "ümlaut-secret"] {
            assert!(check_secret(wrong).is_err(), "{wrong}");
        }
        check_secret("tk_0123456789").unwrap();
    }
}
