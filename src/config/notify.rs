//! Settings of what is told, and to whom.

use std::path::PathBuf;

use serde::Deserialize;

use super::Config;
use super::refuse;
use crate::domain::error::Result;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    pub allow_private: bool,
    pub contact: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    pub webhook_url: String,
    pub webhook_secret_file: PathBuf,
    pub hour: u32,
}

impl Config {
    pub(super) fn check_notify(&self) -> Result<()> {
        let contact = self.notify.contact.as_str();
        if !contact.is_empty() && !["mailto:", "https:"].iter().any(|by| contact.starts_with(by)) {
            return refuse("notify.contact", "must begin with mailto: or https:.");
        }
        let billing = &self.billing;
        if billing.hour > 23 {
            return refuse("billing.hour", "must be between 0 and 23.");
        }
        if !billing.webhook_url.is_empty() && billing.webhook_secret_file.as_os_str().is_empty() {
            return refuse(
                "billing.webhook_secret_file",
                "must be set where billing.webhook_url is set.",
            );
        }
        Ok(())
    }

    /// Whom operators of push services can turn to.
    pub fn contact(&self) -> String {
        match (self.notify.contact.as_str(), self.server.public_url.as_str()) {
            ("", url) if url.starts_with("https:") => url.to_owned(),
            // Services refuse messages without a contact.
            ("", _) => "mailto:drive@example.org".to_owned(),
            (contact, _) => contact.to_owned(),
        }
    }
}
