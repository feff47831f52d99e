//! What each account uses, for the operator's own books: once a day, and when an administrator asks.

use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::Notifier;
use crate::domain::account::Account;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::notification::Subject;
use crate::domain::time::{DAY_MS, HOUR_MS, Timestamp};
use crate::outgoing::{Reach, parse_url};
use crate::store::outbox::{self, Target};
use crate::store::settings::{self, key};
use crate::store::{Tx, accounts};

/// Accounts in one message.
const PART: usize = 1000;

/// Where usage goes.
pub struct Billing {
    pub url: Url,
    pub secret: Zeroizing<String>,
    /// Hour of the day at which it goes there, in UTC.
    pub hour: u32,
}

impl Billing {
    /// # Errors
    /// `Invalid` names the setting that is wrong.
    pub fn new(url: &str, secret: &str, hour: u32, reach: Reach) -> Result<Self> {
        let url = parse_url("billing.webhook_url", url, reach)?;
        super::forms::check_secret(secret).map_err(|error| {
            let key = "billing.webhook_secret_file";
            Error::invalid(key, format!("{key}: {}", error.message()))
        })?;
        Ok(Self { url, secret: Zeroizing::new(secret.to_owned()), hour })
    }

    /// The number of the day, counted from 1970, whose hour came last.
    fn day(&self, now: Timestamp) -> i64 {
        (now.0 - i64::from(self.hour) * HOUR_MS).div_euclid(DAY_MS)
    }

    fn begin_of(&self, day: i64) -> Timestamp {
        Timestamp(day * DAY_MS + i64::from(self.hour) * HOUR_MS)
    }
}

impl Notifier {
    pub(super) fn billing(&self) -> Option<&Billing> {
        self.settings.billing.as_ref()
    }

    /// Sends the usage of all accounts now; the number of messages.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when no receiver is set.
    pub async fn send_usage(&self) -> Result<usize> {
        if self.billing().is_none() {
            let message = "Nobody receives usage: set billing.webhook_url and billing.webhook_secret_file first.";
            return Err(Error::new(Kind::Conflict, message));
        }
        let parts = self.engine.store.write(put_usage).await?;
        self.ring();
        Ok(parts)
    }

    /// Puts the usage of this day on its way, unless it was already; when the next one is due.
    pub(super) async fn bill(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let Some(billing) = self.billing() else { return Ok(None) };
        let day = billing.day(now);
        let next = Some(billing.begin_of(day + 1));
        let store = &self.engine.store;
        let last = store.read(|db| settings::get(db, key::USAGE_DAY)).await?;
        let last = last.and_then(|text| text.parse::<i64>().ok());
        if last.is_some_and(|last| last >= day) {
            return Ok(next);
        }
        store
            .write(move |tx| {
                settings::set(tx, key::USAGE_DAY, &day.to_string())?;
                // The first start waits for the hour; one that missed it does not wait another day.
                if last.is_some() { put_usage(tx).map(|_| ()) } else { Ok(()) }
            })
            .await?;
        Ok(next)
    }
}

fn put_usage(tx: &Tx<'_>) -> Result<usize> {
    let all = accounts::list(tx.connection, tx.now)?;
    let parts = all.chunks(PART).count();
    for (number, part) in (1..).zip(all.chunks(PART)) {
        let data: Value = json!({
            "part": number,
            "parts": parts,
            "accounts": part.iter().map(usage).collect::<Vec<_>>(),
        });
        outbox::insert(tx, Target::Billing, Subject::Usage, None, &data)?;
    }
    Ok(parts)
}

fn usage(account: &Account) -> Value {
    json!({
        "accountId": account.id,
        "name": account.name,
        "usedBytes": account.quota.used,
        "reservedBytes": account.quota.reserved,
        "quotaBytes": account.quota.limit,
    })
}
