//! What webhooks and browsers trusted us with, sealed with the server's key: a copy of the database alone writes to nobody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::Notifier;
use super::web_push::Address;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Result};
use crate::domain::id::{SubscriptionId, WebhookId};
use crate::store::push::Subscription;
use crate::store::webhooks::Webhook;

const SECRET_BYTES: usize = 32;

/// A new secret for signatures.
pub fn generate() -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(bytes.as_mut())
        .map_err(|error| Error::internal(format!("no random bytes: {error}")))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

fn webhook_purpose(id: WebhookId) -> String {
    format!("webhook {id}")
}

fn browser_purpose(id: SubscriptionId) -> String {
    format!("push subscription {id}")
}

impl Notifier {
    /// A webhook's secret, as it is stored.
    pub fn seal_secret(&self, id: WebhookId, secret: &str) -> Result<Vec<u8>> {
        self.engine.key.seal(&webhook_purpose(id), secret.as_bytes())
    }

    pub(super) fn secret_of(&self, webhook: &Webhook) -> Result<Option<Zeroizing<String>>> {
        let Some(sealed) = &webhook.secret else { return Ok(None) };
        let bytes = self.engine.key.open(&webhook_purpose(webhook.id), sealed)?;
        let text = std::str::from_utf8(&bytes).map_err(Error::internal)?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    /// A browser's endpoint and keys, as they are stored, and what tells the endpoint again.
    pub fn seal_address(&self, id: SubscriptionId, address: &Address) -> Result<(Vec<u8>, Digest)> {
        let text = Zeroizing::new(serde_json::to_vec(address).map_err(Error::internal)?);
        let sealed = self.engine.key.seal(&browser_purpose(id), &text)?;
        Ok((sealed, Digest(self.engine.key.fingerprint(address.endpoint.as_bytes()))))
    }

    pub(super) fn address_of(&self, browser: &Subscription) -> Result<Address> {
        let text = self.engine.key.open(&browser_purpose(browser.id), &browser.sealed)?;
        serde_json::from_slice(&text).map_err(Error::internal)
    }
}
