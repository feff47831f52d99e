//! What is on its way to webhooks and browsers, and the log of what came of it. Bounded by rows for each receiver.

use rusqlite::{OptionalExtension, Row};
use serde_json::Value;

use super::columns::{Json, failed};
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::{AccountId, DeliveryId, SubscriptionId, WebhookId};
use crate::domain::notification::Subject;
use crate::domain::time::Timestamp;

/// Ended deliveries that a receiver's log keeps.
const LOG: i64 = 100;
/// Deliveries that may wait for one receiver; older ones are given up.
const WAITING: i64 = 200;

/// Who is to receive something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Webhook(AccountId, WebhookId),
    Browser(AccountId, SubscriptionId),
    /// The operator's books.
    Billing,
}

impl Target {
    /// Whose it is; `None` for the operator's.
    pub fn account_id(self) -> Option<AccountId> {
        match self {
            Self::Webhook(owner, _) | Self::Browser(owner, _) => Some(owner),
            Self::Billing => None,
        }
    }

    fn key(self) -> String {
        match self {
            Self::Webhook(_, id) => id.to_string(),
            Self::Browser(_, id) => id.to_string(),
            Self::Billing => "billing".to_owned(),
        }
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Sent,
    Failed,
}

impl State {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    fn of(number: i64) -> Self {
        match number {
            0 => Self::Waiting,
            1 => Self::Sent,
            _ => Self::Failed,
        }
    }
}

/// One thing on its way.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub seq: i64,
    pub id: DeliveryId,
    pub target: Target,
    pub subject: Subject,
    pub topic: Option<String>,
    pub data: Value,
    /// Attempts that were made.
    pub attempts: u32,
    pub due_at: Timestamp,
    pub created_at: Timestamp,
}

const COLUMNS: &str = "d.seq, d.id, d.account_id, d.webhook_id, d.subscription_id, d.subject, d.topic, d.data, \
                       d.attempts, d.due_at, d.created_at";

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let ids: (Option<AccountId>, Option<WebhookId>, Option<SubscriptionId>) =
        (row.get(2)?, row.get(3)?, row.get(4)?);
    Ok(Delivery {
        seq: row.get(0)?,
        id: row.get(1)?,
        target: match ids {
            (Some(owner), Some(id), _) => Target::Webhook(owner, id),
            (Some(owner), _, Some(id)) => Target::Browser(owner, id),
            _ => Target::Billing,
        },
        subject: row.get(5)?,
        topic: row.get(6)?,
        data: row.get::<_, Json>(7)?.0,
        attempts: row.get(8)?,
        due_at: row.get(9)?,
        created_at: row.get(10)?,
    })
}

/// Puts something on its way, due now.
pub fn insert(
    tx: &Tx<'_>,
    target: Target,
    subject: Subject,
    topic: Option<&str>,
    data: &Value,
) -> Result<DeliveryId> {
    let (id, key) = (DeliveryId::generate(), target.key());
    let (webhook, browser) = match target {
        Target::Webhook(_, id) => (Some(id), None),
        Target::Browser(_, id) => (None, Some(id)),
        Target::Billing => (None, None),
    };
    if topic.is_some() && browser.is_some() {
        let sql = "delete from deliveries where target = ?1 and state = 0 and topic = ?2";
        tx.connection.execute(sql, (&key, topic)).map_err(failed)?;
    }
    tx.connection
        .prepare_cached(
            "insert into deliveries (id, account_id, target, webhook_id, subscription_id, subject, topic, data, \
             due_at, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
        )
        .and_then(|mut statement| {
            statement.execute((
                id,
                target.account_id(),
                &key,
                webhook,
                browser,
                subject,
                topic,
                Json(data.clone()),
                tx.now,
            ))
        })
        .map_err(failed)?;
    bound(tx, &key)?;
    Ok(id)
}

/// Keeps a receiver's rows within their limits.
fn bound(tx: &Tx<'_>, key: &str) -> Result<()> {
    tx.connection
        .prepare_cached(
            "update deliveries set state = 2, ended_at = ?3 where target = ?1 and state = 0 and seq <= \
             (select seq from deliveries where target = ?1 and state = 0 order by seq desc limit 1 offset ?2)",
        )
        .and_then(|mut statement| statement.execute((key, WAITING, tx.now)))
        .map_err(failed)?;
    tx.connection
        .prepare_cached(
            "delete from deliveries where target = ?1 and state <> 0 and seq <= \
             (select seq from deliveries where target = ?1 and state <> 0 order by seq desc limit 1 offset ?2)",
        )
        .and_then(|mut statement| statement.execute((key, LOG)))
        .map_err(failed)?;
    Ok(())
}

/// The first that waits for each receiver, the earliest due first: as a loose scan, so that its cost does not grow with
/// what waits behind them.
pub fn heads(db: &Db, limit: usize) -> Result<Vec<Delivery>> {
    db.prepare_cached(&format!(
        "with recursive receivers(target) as ( \
           select min(target) from deliveries where state = 0 \
           union all \
           select (select min(n.target) from deliveries n where n.state = 0 and n.target > r.target) \
           from receivers r where r.target is not null) \
         select {COLUMNS} from receivers r join deliveries d on d.seq = \
           (select f.seq from deliveries f where f.state = 0 and f.target = r.target order by f.due_at, f.seq limit 1) \
         order by d.due_at, d.seq limit ?1"
    ))
    .and_then(|mut statement| statement.query_map([limit as i64], delivery)?.collect())
    .map_err(failed)
}

/// How one attempt went.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub at: Timestamp,
    /// HTTP status; `None` where there was no answer.
    pub status: Option<u16>,
    pub error: Option<String>,
    pub took_ms: i64,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Sent,
    Failed,
    Again(Timestamp),
}

/// Writes down an attempt and what follows; false when the delivery is gone meanwhile.
pub fn attempted(tx: &Tx<'_>, seq: i64, attempt: &Attempt, next: Next) -> Result<bool> {
    let (state, due_at) = match next {
        Next::Sent => (1, None),
        Next::Failed => (2, None),
        Next::Again(at) => (0, Some(at)),
    };
    let sql = "update deliveries set state = ?2, attempts = attempts + 1, due_at = coalesce(?3, due_at), \
               ended_at = iif(?2 = 0, null, ?4) where seq = ?1 and state = 0 returning attempts";
    let number: Option<i64> = tx
        .connection
        .query_row(sql, (seq, state, due_at, tx.now), |row| row.get(0))
        .optional()
        .map_err(failed)?;
    let Some(number) = number else { return Ok(false) };
    tx.connection
        .execute(
            "insert into delivery_attempts (delivery_seq, number, at, status, error, took_ms) \
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (seq, number, attempt.at, attempt.status, &attempt.error, attempt.took_ms),
        )
        .map_err(failed)?;
    Ok(true)
}

/// Forgets a delivery whose log nobody reads.
pub fn forget(tx: &Tx<'_>, seq: i64) -> Result<()> {
    tx.connection.execute("delete from deliveries where seq = ?1", [seq]).map_err(failed)?;
    Ok(())
}

/// Gives up all that waits for a receiver.
pub fn give_up(tx: &Tx<'_>, target: Target) -> Result<()> {
    let sql = "update deliveries set state = 2, ended_at = ?2 where target = ?1 and state = 0";
    tx.connection.execute(sql, (target.key(), tx.now)).map_err(failed)?;
    Ok(())
}

/// A delivery as its webhook's owner sees it.
pub struct Logged {
    pub seq: u64,
    pub id: DeliveryId,
    pub subject: Subject,
    pub state: State,
    pub created_at: Timestamp,
    /// When it is tried next, while it waits.
    pub due_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub attempts: Vec<Attempt>,
}

/// The deliveries of a webhook, the newest first.
pub fn log(
    db: &Db,
    owner: AccountId,
    webhook: WebhookId,
    below: Option<u64>,
    limit: u32,
) -> Result<Vec<Logged>> {
    let below = below.map_or(i64::MAX, |below| below.min(i64::MAX as u64) as i64);
    let row = |row: &Row<'_>| {
        Ok(Logged {
            seq: row.get::<_, i64>(0)? as u64,
            id: row.get(1)?,
            subject: row.get(2)?,
            state: State::of(row.get(3)?),
            created_at: row.get(4)?,
            due_at: row.get(5)?,
            ended_at: row.get(6)?,
            attempts: Vec::new(),
        })
    };
    let mut all: Vec<Logged> = db
        .prepare_cached(
            "select seq, id, subject, state, created_at, due_at, ended_at from deliveries \
             where target = ?1 and account_id = ?2 and seq < ?3 order by seq desc limit ?4",
        )
        .and_then(|mut statement| {
            statement.query_map((webhook.to_string(), owner, below, limit), row)?.collect()
        })
        .map_err(failed)?;
    for one in &mut all {
        one.attempts = attempts(db, one.seq)?;
    }
    Ok(all)
}

fn attempts(db: &Db, seq: u64) -> Result<Vec<Attempt>> {
    let row = |row: &Row<'_>| {
        Ok(Attempt {
            at: row.get(0)?,
            status: row.get(1)?,
            error: row.get(2)?,
            took_ms: row.get(3)?,
        })
    };
    db.prepare_cached(
        "select at, status, error, took_ms from delivery_attempts where delivery_seq = ?1 order by number",
    )
    .and_then(|mut statement| statement.query_map([seq as i64], row)?.collect())
    .map_err(failed)
}
