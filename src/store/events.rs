//! Events that can be replayed, numbered without a gap within each account.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::Tx;
use super::columns::{Json, failed};
use crate::domain::error::Result;
use crate::domain::event::Event;
use crate::domain::id::AccountId;

/// Where an account's numbering stands.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub stream_id: String,
    pub last_seq: u64,
    /// Events up to this one are forgotten.
    pub pruned_through: u64,
}

/// Stores the event with the next number of its account, and announces it after the commit.
pub fn record(tx: &Tx<'_>, mut event: Event) -> Result<()> {
    let seq: i64 = tx
        .connection
        .prepare_cached(
            "insert into event_streams (account_id, stream_id, last_seq) values (?1, ?2, 1) \
             on conflict (account_id) do update set last_seq = last_seq + 1 returning last_seq",
        )
        .and_then(|mut statement| {
            statement.query_row((event.account_id, new_stream_id()), |row| row.get(0))
        })
        .map_err(failed)?;
    tx.connection
        .prepare_cached("insert into events (account_id, seq, at, name, task_id, data) values (?1, ?2, ?3, ?4, ?5, ?6)")
        .and_then(|mut statement| {
            let data = event.data.to_string();
            statement.execute((event.account_id, seq, tx.now, event.name, event.task_id, data))
        })
        .map_err(failed)?;
    event.seq = Some(seq as u64);
    tx.announce(event);
    Ok(())
}

fn new_stream_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The account's numbering, begun now if it has none.
pub fn stream(tx: &Tx<'_>, account_id: AccountId) -> Result<Stream> {
    tx.connection
        .execute(
            "insert into event_streams (account_id, stream_id) values (?1, ?2) on conflict do nothing",
            (account_id, new_stream_id()),
        )
        .map_err(failed)?;
    find_stream(tx.connection, account_id).map(Option::unwrap_or_default)
}

pub fn find_stream(connection: &Connection, account_id: AccountId) -> Result<Option<Stream>> {
    connection
        .prepare_cached(
            "select stream_id, last_seq, pruned_through from event_streams where account_id = ?1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([account_id], |row| {
                    Ok(Stream {
                        stream_id: row.get(0)?,
                        last_seq: row.get::<_, i64>(1)? as u64,
                        pruned_through: row.get::<_, i64>(2)? as u64,
                    })
                })
                .optional()
        })
        .map_err(failed)
}

/// A stored event: its number, name and data.
pub type Stored = (u64, String, serde_json::Value);

/// Up to `limit` events after `seq`, in order.
pub fn after(
    connection: &Connection,
    account_id: AccountId,
    seq: u64,
    limit: usize,
) -> Result<Vec<Stored>> {
    connection
        .prepare_cached(
            "select seq, name, data from events where account_id = ?1 and seq > ?2 order by seq limit ?3",
        )
        .and_then(|mut statement| {
            statement
                .query_map((account_id, seq as i64, limit as i64), |row| {
                    Ok((row.get::<_, i64>(0)? as u64, row.get(1)?, row.get::<_, Json>(2)?.0))
                })?
                .collect()
        })
        .map_err(failed)
}

/// Forgets a batch of what is older than `keep_ms` or beyond the newest `keep_count` of its account; how many went.
/// The mark moves first, so that a client either gets everything after its number or is told that it cannot.
pub fn prune(tx: &Tx<'_>, keep_ms: i64, keep_count: u64, batch: usize) -> Result<usize> {
    tx.connection
        .execute(
            "update event_streams set pruned_through = max(pruned_through, last_seq - ?2, coalesce( \
               (select max(e.seq) from events e where e.account_id = event_streams.account_id and e.at < ?1), 0))",
            (tx.now.0 - keep_ms, keep_count as i64),
        )
        .map_err(failed)?;
    tx.connection
        .execute(
            "delete from events where (account_id, seq) in \
             (select e.account_id, e.seq from event_streams s \
              join events e on e.account_id = s.account_id and e.seq <= s.pruned_through limit ?1)",
            [batch as i64],
        )
        .map_err(failed)
}
