//! One attempt at one delivery: what is sent, what came of it, and what follows.

use std::sync::Arc;
use std::time::Instant;

use super::told::{Told, push_message};
use super::{Notifier, forms};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, WebhookId};
use crate::domain::notification::{Format, Subject};
use crate::domain::time::Timestamp;
use crate::outgoing::{self, Incoming, Method, Outgoing};
use crate::store::outbox::{self, Attempt, Delivery, Next, Target};
use crate::store::webhooks::Arrived;
use crate::store::{Tx, push, webhooks};

/// Times between the attempts at a webhook: eight attempts within a day.
const WEBHOOK_WAITS_MS: [i64; 7] =
    [30_000, 120_000, 480_000, 1_800_000, 7_200_000, 21_600_000, 54_000_000];
/// Times between the attempts at a browser.
const PUSH_WAITS_MS: [i64; 2] = [30_000, 300_000];
/// A push service may ask for more time, but not for more than this.
const PUSH_WAIT_MAX_MS: i64 = 3_600_000;
/// Seconds that a push service keeps a message for a browser that is off.
const PUSH_TTL_SECONDS: u32 = 24 * 3600;
/// Deliveries given up in a row after which a webhook is turned off.
const FAILED_MAX: u32 = 50;
/// Bytes of a reason that the log keeps.
const REASON_MAX: usize = 300;

/// What became of a delivery.
enum Verdict {
    Sent,
    /// Not now; after `wait_ms` at least.
    Again {
        wait_ms: i64,
    },
    Failed,
    /// There is no such browser any more.
    Gone,
}

impl Notifier {
    /// Tries once, and writes down what came of it.
    pub(super) async fn deliver(self: Arc<Self>, delivery: Delivery) -> Result<()> {
        let at = self.engine.clock.now();
        let began = Instant::now();
        let answer = match self.prepare(&delivery, at).await {
            Ok(request) => outgoing::send(request, self.settings.reach).await,
            // It was removed after the sender looked.
            Err(error) if error.kind() == Kind::NotFound => return Ok(()),
            Err(error) => Err(error),
        };
        let attempt = Attempt {
            at,
            status: answer.as_ref().ok().map(|answer| answer.status),
            error: reason(&answer),
            took_ms: began.elapsed().as_millis() as i64,
        };
        let verdict = match delivery.target {
            Target::Browser(..) => of_browser(&answer, delivery.attempts),
            _ => of_webhook(&answer, delivery.attempts),
        };
        tracing::debug!(
            delivery = %delivery.id,
            status = attempt.status,
            took_ms = attempt.took_ms,
            "an attempt at a delivery"
        );
        let (notifier, store) = (self.clone(), self.engine.store.clone());
        store.write(move |tx| notifier.settle(tx, &delivery, &attempt, verdict)).await
    }

    async fn prepare(&self, delivery: &Delivery, now: Timestamp) -> Result<Outgoing> {
        let (store, reach) = (&self.engine.store, self.settings.reach);
        match delivery.target {
            Target::Webhook(owner, id) => {
                let webhook = store.read(move |db| webhooks::get(db, owner, id)).await?;
                let secret = self.secret_of(&webhook)?;
                let url = outgoing::parse_url("url", &webhook.url, reach)?;
                let secret = secret.as_ref().map(|secret| secret.as_str());
                forms::dress(webhook.format, url, secret, delivery, now)
            }
            Target::Billing => {
                let Some(billing) = self.billing() else {
                    return Err(Error::invalid("billing", "billing.webhook_url is not set."));
                };
                let (url, secret) = (billing.url.clone(), Some(billing.secret.as_str()));
                forms::dress(Format::Generic, url, secret, delivery, now)
            }
            Target::Browser(owner, id) => {
                let browser = store.read(move |db| push::get(db, owner, id)).await?;
                let address = self.address_of(&browser)?;
                let url = outgoing::parse_url("endpoint", &address.endpoint, reach)?;
                let contact = &self.settings.contact;
                let urgency = match delivery.subject {
                    Subject::TaskCompleted => "normal",
                    _ => "high",
                };
                let mut headers = vec![
                    ("authorization", self.vapid.authorization(&url, contact, now)?),
                    ("content-encoding", "aes128gcm".to_owned()),
                    ("content-type", "application/octet-stream".to_owned()),
                    ("ttl", PUSH_TTL_SECONDS.to_string()),
                    ("urgency", urgency.to_owned()),
                ];
                headers.extend(delivery.topic.clone().map(|topic| ("topic", topic)));
                let body = address.lock(&push_message(delivery.subject, &delivery.data))?;
                Ok(Outgoing { method: Method::Post, url, headers, body })
            }
        }
    }

    /// Writes down an attempt and what follows from it.
    fn settle(
        &self,
        tx: &Tx<'_>,
        delivery: &Delivery,
        attempt: &Attempt,
        verdict: Verdict,
    ) -> Result<()> {
        let next = match verdict {
            Verdict::Sent => Next::Sent,
            Verdict::Again { wait_ms } => Next::Again(tx.now.plus_ms(wait_ms)),
            Verdict::Failed | Verdict::Gone => Next::Failed,
        };
        let is_there = outbox::attempted(tx, delivery.seq, attempt, next)?;
        match (delivery.target, verdict) {
            (Target::Browser(owner, id), Verdict::Gone) => push::remove(tx, owner, id).map(|_| ()),
            (Target::Browser(owner, id), Verdict::Sent) => {
                push::touch(tx, owner, id)?;
                outbox::forget(tx, delivery.seq)
            }
            (Target::Browser(..), Verdict::Failed) => outbox::forget(tx, delivery.seq),
            (Target::Webhook(owner, id), Verdict::Sent) if is_there => {
                webhooks::count(tx, owner, id, Arrived::Yes).map(|_| ())
            }
            (Target::Webhook(owner, id), Verdict::Failed) if is_there => {
                let failures = webhooks::count(tx, owner, id, Arrived::No)?;
                if failures >= FAILED_MAX { self.disable(tx, owner, id, failures) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Turns a webhook off that nobody seems to hear, and says so.
    fn disable(&self, tx: &Tx<'_>, owner: AccountId, id: WebhookId, failures: u32) -> Result<()> {
        let mut webhook = webhooks::get(tx.connection, owner, id)?;
        if !webhook.enabled {
            return Ok(());
        }
        webhook.enabled = false;
        webhooks::update(tx, owner, &webhook)?;
        outbox::give_up(tx, Target::Webhook(owner, id))?;
        let url = url::Url::parse(&webhook.url).map_err(Error::internal)?;
        let host = url.host_str().unwrap_or_default();
        self.tell(tx, owner, &Told::webhook_disabled(host, failures), true)
    }
}

/// Why an attempt did not succeed. Nothing of the answer itself: it may come from where only this server can look.
fn reason(answer: &Result<Incoming>) -> Option<String> {
    let text = match answer {
        Ok(answer) if (200..300).contains(&answer.status) => return None,
        Ok(answer) if (300..400).contains(&answer.status) => {
            format!("It answered {}; redirects are not followed.", answer.status)
        }
        Ok(answer) => format!("It answered {}.", answer.status),
        Err(error) => error.message().to_owned(),
    };
    Some(text[..text.floor_char_boundary(REASON_MAX)].to_owned())
}

fn again(waits: &[i64], attempts: u32, at_least: i64) -> Verdict {
    match waits.get(attempts as usize) {
        Some(&wait) => Verdict::Again { wait_ms: wait.max(at_least) },
        None => Verdict::Failed,
    }
}

fn of_webhook(answer: &Result<Incoming>, attempts: u32) -> Verdict {
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) => Verdict::Sent,
        _ => again(&WEBHOOK_WAITS_MS, attempts, 0),
    }
}

fn of_browser(answer: &Result<Incoming>, attempts: u32) -> Verdict {
    let Ok(answer) = answer else { return again(&PUSH_WAITS_MS, attempts, 0) };
    match answer.status {
        200..300 => Verdict::Sent,
        404 | 410 => Verdict::Gone,
        429 | 500.. => {
            let asked = answer.header("retry-after").and_then(|text| text.parse::<i64>().ok());
            let asked_ms = asked.unwrap_or(0).clamp(0, PUSH_WAIT_MAX_MS / 1000) * 1000;
            again(&PUSH_WAITS_MS, attempts, asked_ms)
        }
        _ => Verdict::Failed,
    }
}
