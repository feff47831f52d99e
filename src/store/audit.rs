//! The audit log: who did what, to what, from where, and how it ended. Each row's hash covers the row and the hash of
//! the row before it, so that no row can be changed or taken out of the middle without being noticed. Old rows are
//! taken off the beginning; the number and hash of the last one taken stand in the settings.

use rusqlite::{OptionalExtension, Row, ToSql};
use sha2::{Digest as _, Sha256};

use super::columns::failed;
use super::settings::{self, key};
use super::{Db, Tx};
use crate::domain::digest::Digest;
use crate::domain::error::Result;
use crate::domain::id::{AccountId, SessionId};
use crate::domain::time::Timestamp;

/// Rows that one sweep takes off, at most.
const PRUNE_MAX: u64 = 50_000;
const VERIFY_PAGE: u64 = 1_000;

/// What happened.
#[derive(Clone, Debug)]
pub struct Entry {
    pub account_id: Option<AccountId>,
    /// The account's name, or the name that someone tried.
    pub account: String,
    pub session_id: Option<SessionId>,
    pub action: String,
    pub object: String,
    pub address: String,
    /// "ok", or the code of the refusal.
    pub outcome: String,
}

impl Entry {
    /// What was done at the command line.
    pub fn by_command(action: &str, object: &str) -> Self {
        Self {
            account_id: None,
            account: "command line".to_owned(),
            session_id: None,
            action: action.to_owned(),
            object: object.to_owned(),
            address: String::new(),
            outcome: "ok".to_owned(),
        }
    }
}

/// An entry in its place.
pub struct Kept {
    pub seq: u64,
    pub at: Timestamp,
    pub entry: Entry,
    pub hash: Digest,
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        seq: row.get::<_, i64>(0)? as u64,
        at: row.get(1)?,
        entry: Entry {
            account_id: row.get(2)?,
            account: row.get(3)?,
            session_id: row.get(4)?,
            action: row.get(5)?,
            object: row.get(6)?,
            address: row.get(7)?,
            outcome: row.get(8)?,
        },
        hash: row.get(9)?,
    })
}

const COLUMNS: &str =
    "seq, at, account_id, account, session_id, action, object, address, outcome, hash";

/// Each field with its length before it, so that nothing can be moved from one field to the next.
fn chain(before: Digest, seq: u64, at: Timestamp, entry: &Entry) -> Digest {
    let account_id = entry.account_id.map(|id| id.to_string()).unwrap_or_default();
    let session_id = entry.session_id.map(|id| id.to_string()).unwrap_or_default();
    let mut hasher = Sha256::new();
    hasher.update(before.0);
    hasher.update(seq.to_be_bytes());
    hasher.update(at.0.to_be_bytes());
    for field in [
        &account_id,
        &entry.account,
        &session_id,
        &entry.action,
        &entry.object,
        &entry.address,
        &entry.outcome,
    ] {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field);
    }
    Digest(hasher.finalize().into())
}

/// The number and hash before the first row that is kept.
fn pruned(db: &Db) -> Result<(u64, Digest)> {
    let text = settings::get(db, key::AUDIT_PRUNED)?;
    let known = text.as_deref().and_then(|text| {
        let (seq, hash) = text.split_once(':')?;
        Some((seq.parse().ok()?, Digest::parse_hex(hash)?))
    });
    Ok(known.unwrap_or((0, Digest([0; 32]))))
}

fn last(db: &Db) -> Result<(u64, Digest)> {
    let found = db
        .prepare_cached("select seq, hash from audit order by seq desc limit 1")
        .and_then(|mut statement| {
            statement
                .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))
                .optional()
        })
        .map_err(failed)?;
    found.map_or_else(|| pruned(db), Ok)
}

pub fn append(tx: &Tx<'_>, entry: &Entry) -> Result<()> {
    let (seq, before) = last(tx.connection)?;
    let seq = seq + 1;
    let hash = chain(before, seq, tx.now, entry);
    tx.connection
        .prepare_cached(&format!(
            "insert into audit ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        ))
        .and_then(|mut statement| {
            statement.execute((
                seq as i64,
                tx.now,
                entry.account_id,
                &entry.account,
                entry.session_id,
                &entry.action,
                &entry.object,
                &entry.address,
                &entry.outcome,
                hash,
            ))
        })
        .map_err(failed)?;
    Ok(())
}

/// Which rows are asked for. An action that ends in a dot means all that begin with it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub account_id: Option<AccountId>,
    pub action: Option<String>,
    pub outcome: Option<String>,
    pub after: Option<Timestamp>,
    pub before: Option<Timestamp>,
    /// Only rows with smaller numbers: the next page.
    pub below: Option<u64>,
}

/// The newest rows first.
pub fn list(db: &Db, filter: &Filter, limit: u32) -> Result<Vec<Kept>> {
    let mut sql = format!("select {COLUMNS} from audit where seq < ?1");
    let mut values: Vec<Box<dyn ToSql>> =
        vec![Box::new(filter.below.map_or(i64::MAX, |seq| seq as i64))];
    let mut add = |condition: &str, value: Box<dyn ToSql>| {
        values.push(value);
        sql.push_str(&format!(" and {condition}{}", values.len()));
    };
    if let Some(id) = filter.account_id {
        add("account_id = ?", Box::new(id));
    }
    if let Some(action) = filter.action.clone() {
        match action.strip_suffix('.') {
            None => add("action = ?", Box::new(action)),
            Some(group) => {
                add("+action < ?", Box::new(format!("{group}/")));
                add("+action > ?", Box::new(action));
            }
        }
    }
    if let Some(outcome) = filter.outcome.clone() {
        add("outcome = ?", Box::new(outcome));
    }
    if let Some(after) = filter.after {
        add("at >= ?", Box::new(after));
    }
    if let Some(before) = filter.before {
        add("at < ?", Box::new(before));
    }
    sql.push_str(&format!(" order by seq desc limit {limit}"));
    db.prepare_cached(&sql)
        .and_then(|mut statement| {
            let values = rusqlite::params_from_iter(values.iter().map(|value| &**value));
            statement.query_map(values, kept)?.collect()
        })
        .map_err(failed)
}

/// How far the log is as it was written.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of these rows.
    Whole { rows: u64, last: Digest },
    /// The row with this number, or one before it, was changed or taken away.
    Broken { seq: u64 },
}

/// Computes the chain anew. The last hash, noted elsewhere, tells later whether rows were taken off the end.
pub fn verify(db: &Db) -> Result<Verdict> {
    let (mut seq, mut hash) = pruned(db)?;
    let mut rows = 0;
    loop {
        let page: Vec<Kept> = db
            .prepare_cached(&format!(
                "select {COLUMNS} from audit where seq > ?1 order by seq limit {VERIFY_PAGE}"
            ))
            .and_then(|mut statement| statement.query_map([seq as i64], kept)?.collect())
            .map_err(failed)?;
        if page.is_empty() {
            return Ok(Verdict::Whole { rows, last: hash });
        }
        for row in page {
            if row.seq != seq + 1 || row.hash != chain(hash, row.seq, row.at, &row.entry) {
                return Ok(Verdict::Broken { seq: row.seq });
            }
            (seq, hash) = (row.seq, row.hash);
            rows += 1;
        }
    }
}

/// Takes off rows from before a moment.
pub fn prune(tx: &Tx<'_>, before: Timestamp) -> Result<u64> {
    let (first, _) = pruned(tx.connection)?;
    let sql = "select seq, hash from audit where seq > ?1 and seq <= ?2 and at < ?3 order by seq desc limit 1";
    let found: Option<(i64, Digest)> = tx
        .connection
        .query_row(sql, (first as i64, (first + PRUNE_MAX) as i64, before), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map_err(failed)?;
    let Some((seq, hash)) = found else { return Ok(0) };
    settings::set(tx, key::AUDIT_PRUNED, &format!("{seq}:{hash}"))?;
    let gone = tx.connection.execute("delete from audit where seq <= ?1", [seq]).map_err(failed)?;
    Ok(gone as u64)
}
