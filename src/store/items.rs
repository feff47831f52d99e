//! The frozen work lists of tasks over many files.

use rusqlite::Row;
use serde_json::Value;

use super::columns::{Json, failed};
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::work::{Item, ItemState, NewItem};

const COLUMNS: &str = "seq, name, item, bytes, state, detail, error_code, error_message";

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        seq: row.get(0)?,
        name: row.get(1)?,
        item: row.get::<_, Json>(2)?.0,
        bytes: row.get::<_, i64>(3)? as u64,
        state: row.get(4)?,
        detail: row.get::<_, Option<Json>>(5)?.map(|json| json.0),
        error_code: row.get(6)?,
        error_message: row.get(7)?,
    })
}

/// Appends to a task's list, which counts from 0, and to its totals.
pub fn insert(tx: &Tx<'_>, pk: i64, from: i64, items: &[NewItem]) -> Result<()> {
    let mut statement = tx
        .connection
        .prepare_cached(
            "insert into task_items (task_pk, seq, name, item, bytes) values (?1, ?2, ?3, ?4, ?5)",
        )
        .map_err(failed)?;
    for (seq, new) in (from..).zip(items) {
        statement
            .execute((pk, seq, &new.name, Json(new.item.clone()), new.bytes as i64))
            .map_err(failed)?;
    }
    Ok(())
}

/// The first items that are still to do.
pub fn open(db: &Db, pk: i64, limit: usize) -> Result<Vec<Item>> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from task_items where task_pk = ?1 and state < 2 order by seq limit ?2"
    ))
    .and_then(|mut statement| statement.query_map((pk, limit as i64), item)?.collect())
    .map_err(failed)
}

/// One page of a list, in order; all states, or one.
pub fn page(
    db: &Db,
    pk: i64,
    state: Option<ItemState>,
    offset: u64,
    limit: u32,
) -> Result<(Vec<Item>, u64)> {
    let total = db
        .prepare_cached(
            "select count(*) from task_items where task_pk = ?1 and (?2 is null or state = ?2)",
        )
        .and_then(|mut statement| statement.query_row((pk, state), |row| row.get::<_, i64>(0)))
        .map_err(failed)?;
    let items = db
        .prepare_cached(&format!(
            "select {COLUMNS} from task_items where task_pk = ?1 and (?2 is null or state = ?2) \
             order by seq limit ?3 offset ?4"
        ))
        .and_then(|mut statement| {
            statement.query_map((pk, state, limit, offset as i64), item)?.collect()
        })
        .map_err(failed)?;
    Ok((items, total as u64))
}

/// Up to `limit` items in `state`, from `seq` on.
pub fn from(db: &Db, pk: i64, state: ItemState, seq: i64, limit: usize) -> Result<Vec<Item>> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from task_items where task_pk = ?1 and state = ?2 and seq >= ?3 order by seq limit ?4"
    ))
    .and_then(|mut statement| {
        statement.query_map((pk, state, seq, limit as i64), item)?.collect()
    })
    .map_err(failed)
}

/// How many items are in each state, and their bytes.
pub fn count(db: &Db, pk: i64, state: ItemState) -> Result<(u64, u64)> {
    db.prepare_cached(
        "select count(*), coalesce(sum(bytes), 0) from task_items where task_pk = ?1 and state = ?2",
    )
    .and_then(|mut statement| {
        statement.query_row((pk, state), |row| {
            Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
        })
    })
    .map_err(failed)
}

/// Bytes of the items that are over, however they ended.
pub fn bytes_over(db: &Db, pk: i64) -> Result<u64> {
    db.prepare_cached(
        "select coalesce(sum(bytes), 0) from task_items where task_pk = ?1 and state >= 2",
    )
    .and_then(|mut statement| statement.query_row([pk], |row| row.get::<_, i64>(0)))
    .map(|bytes| bytes as u64)
    .map_err(failed)
}

/// What goes into an item's row when it is over.
#[derive(Default)]
pub struct Mark {
    pub detail: Option<Value>,
    /// Code word and sentence.
    pub error: Option<(String, String)>,
}

/// Ends an item and counts it; false when it was over already.
pub fn mark(tx: &Tx<'_>, pk: i64, seq: i64, state: ItemState, mark: &Mark) -> Result<bool> {
    let changed = tx
        .connection
        .prepare_cached(
            "update task_items set state = ?3, detail = coalesce(?4, detail), error_code = ?5, error_message = ?6 \
             where task_pk = ?1 and seq = ?2 and state < 2",
        )
        .and_then(|mut statement| {
            let (code, message) = mark.error.as_ref().map(|(a, b)| (a, b)).unzip();
            statement.execute((pk, seq, state, mark.detail.clone().map(Json), code, message))
        })
        .map_err(failed)?;
    if changed == 1 && state >= ItemState::Done {
        tx.connection
            .prepare_cached(
                "update tasks set items_done = items_done + 1, rev = rev + 1, last_activity = ?2 where id = ?1",
            )
            .and_then(|mut statement| statement.execute((pk, tx.now)))
            .map_err(failed)?;
    }
    Ok(changed == 1)
}

/// Opens every item again whose state is one of these, for another try.
pub fn reopen(tx: &Tx<'_>, pk: i64, states: &[ItemState]) -> Result<()> {
    for state in states {
        tx.connection
            .prepare_cached(
                "update task_items set state = 0, detail = null, error_code = null, error_message = null \
                 where task_pk = ?1 and state = ?2",
            )
            .and_then(|mut statement| statement.execute((pk, state)))
            .map_err(failed)?;
    }
    tx.connection
        .prepare_cached(
            "update tasks set items_done = (select count(*) from task_items where task_pk = ?1 and state >= 2) \
             where id = ?1",
        )
            .and_then(|mut statement| statement.execute([pk]))
        .map_err(failed)?;
    Ok(())
}

/// Opens the items from `seq` on, whatever came of them.
pub fn reopen_from(tx: &Tx<'_>, pk: i64, seq: i64) -> Result<()> {
    tx.connection
        .execute(
            "update task_items set state = 0, detail = null, error_code = null, error_message = null \
             where task_pk = ?1 and seq >= ?2 and state <> 0",
            (pk, seq),
        )
        .map_err(failed)?;
    reopen(tx, pk, &[])
}

/// One more item than was known.
pub fn count_new(tx: &Tx<'_>, pk: i64) -> Result<()> {
    tx.connection
        .prepare_cached("update tasks set items_total = items_total + 1 where id = ?1")
        .and_then(|mut statement| statement.execute([pk]))
        .map_err(failed)?;
    Ok(())
}

/// Forgets a task's list; what operations find while they run is appended anew.
pub fn clear(tx: &Tx<'_>, pk: i64) -> Result<()> {
    tx.connection
        .prepare_cached("delete from task_items where task_pk = ?1")
        .and_then(|mut statement| statement.execute([pk]))
        .map_err(failed)?;
    set_totals(tx, pk, 0)
}

/// How many items there are, where an operation found out while it ran.
pub fn set_totals(tx: &Tx<'_>, pk: i64, items_total: u64) -> Result<()> {
    tx.connection
        .prepare_cached(
            "update tasks set items_total = ?2, items_done = \
             (select count(*) from task_items where task_pk = ?1 and state >= 2) where id = ?1",
        )
        .and_then(|mut statement| statement.execute((pk, items_total as i64)))
        .map_err(failed)?;
    Ok(())
}
