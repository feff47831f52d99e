//! Uploads: the side table of upload tasks, and the chunks that are durable.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params_from_iter};

use super::columns::failed;
use super::{Tx, task_lists, tasks};
use crate::domain::chunks::ChunkPlan;
use crate::domain::error::{Error, Result};
use crate::domain::file::LockKey;
use crate::domain::id::{AccountId, FileId, ObjectId, TaskId};
use crate::domain::task::{Status, Task, TaskType};
use crate::domain::upload::{NewUpload, Upload};

const COLUMNS: &str = "u.file_name, u.folder, u.content_type, u.file_size, u.chunk_size, u.pool_id, u.bundle_id, \
    u.object_id, u.declared_hash, u.fingerprint, u.file_expires_at, u.last_modified, u.charge, u.chunks_received, \
    u.bytes_received, u.file_id, u.recipient, u.wrapped_key";

/// An upload with its task, and the file that came of it.
#[derive(Clone, Debug)]
pub struct Record {
    pub task: Task,
    pub upload: Upload,
    pub file_id: Option<FileId>,
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let task = tasks::task(row)?;
    let at = tasks::COLUMN_COUNT;
    let file_size = row.get::<_, i64>(at + 3)? as u64;
    let upload = Upload {
        task_id: task.id,
        file_name: row.get(at)?,
        folder: row.get(at + 1)?,
        content_type: row.get(at + 2)?,
        plan: ChunkPlan::stored(file_size, row.get::<_, i64>(at + 4)? as u64),
        pool_id: row.get(at + 5)?,
        bundle_id: row.get(at + 6)?,
        object_id: row.get(at + 7)?,
        declared_hash: row.get(at + 8)?,
        fingerprint: row.get(at + 9)?,
        file_expires_at: row.get(at + 10)?,
        last_modified: row.get(at + 11)?,
        charge: row.get::<_, i64>(at + 12)? as u64,
        chunks_received: row.get(at + 13)?,
        bytes_received: row.get::<_, i64>(at + 14)? as u64,
        key: key(row, at + 16)?,
    };
    Ok(Record { task, upload, file_id: row.get(at + 15)? })
}

fn key(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<LockKey>> {
    let Some(recipient) = row.get(at)? else { return Ok(None) };
    Ok(Some(LockKey { recipient, wrapped_key: row.get(at + 1)? }))
}

fn select() -> String {
    format!(
        "select {}, {COLUMNS} from tasks t join uploads u on u.task_pk = t.id",
        tasks::columns()
    )
}

pub fn insert(tx: &Tx<'_>, task: &Task, new: &NewUpload, object_id: ObjectId) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert into uploads (task_pk, account_id, file_name, folder, file_size, content_type, chunk_size, \
             chunks_count, pool_id, bundle_id, object_id, declared_hash, fingerprint, file_expires_at, \
             last_modified, charge, recipient, wrapped_key) \
             values (:pk, :account, :name, :folder, :size, :type, :chunk_size, :chunks, :pool, :bundle, :object, \
             :hash, :fingerprint, :expires, :modified, :charge, :recipient, :wrapped_key)",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":pk": task.pk,
                ":account": task.account_id,
                ":name": new.file_name.as_str(),
                ":folder": new.folder.as_str(),
                ":size": new.plan.file_size() as i64,
                ":type": new.content_type.as_str(),
                ":chunk_size": new.plan.chunk_size() as i64,
                ":chunks": new.plan.count(),
                ":pool": new.pool_id,
                ":bundle": new.bundle_id,
                ":object": object_id,
                ":hash": new.declared_hash,
                ":fingerprint": new.fingerprint,
                ":expires": new.file_expires_at,
                ":modified": new.last_modified,
                ":charge": new.charge as i64,
                ":recipient": new.key.as_ref().map(|key| &key.recipient),
                ":wrapped_key": new.key.as_ref().map(|key| &key.wrapped_key),
            })
        })
        .map_err(failed)?;
    Ok(())
}

/// An upload of this account, or `NotFound`.
pub fn get(connection: &Connection, owner: AccountId, id: TaskId) -> Result<Record> {
    connection
        .prepare_cached(&format!("{} where t.task_id = ?1 and t.account_id = ?2", select()))
        .and_then(|mut statement| statement.query_row((id, owner), record).optional())
        .map_err(failed)?
        .ok_or_else(|| Error::not_found("upload"))
}

/// Everything that is known of the bytes of an open upload.
pub struct Arrived {
    /// Index and block hashes of each durable chunk, in order.
    pub chunks: Vec<u32>,
    pub sha256_state: Option<Vec<u8>>,
    pub sha256_front: u64,
}

pub fn arrived(connection: &Connection, task_pk: i64) -> Result<Arrived> {
    let chunks = connection
        .prepare_cached(
            "select chunk_index from upload_chunks where task_pk = ?1 order by chunk_index",
        )
        .and_then(|mut statement| statement.query_map([task_pk], |row| row.get(0))?.collect())
        .map_err(failed)?;
    connection
        .prepare_cached("select sha256_state, sha256_front from uploads where task_pk = ?1")
        .and_then(|mut statement| {
            statement.query_row([task_pk], |row| {
                Ok(Arrived {
                    chunks,
                    sha256_state: row.get(0)?,
                    sha256_front: row.get::<_, i64>(1)? as u64,
                })
            })
        })
        .map_err(failed)
}

/// The block hashes of all chunks, in order, as one run of 32-byte values.
pub fn blocks(connection: &Connection, task_pk: i64) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    connection
        .prepare_cached("select blocks from upload_chunks where task_pk = ?1 order by chunk_index")
        .and_then(|mut statement| {
            let mut rows = statement.query([task_pk])?;
            while let Some(row) = rows.next()? {
                all.extend_from_slice(row.get_ref(0)?.as_blob()?);
            }
            Ok(all)
        })
        .map_err(failed)
}

/// A chunk whose bytes are on the disk.
pub struct DurableChunk {
    pub index: u32,
    pub length: u64,
    pub blocks: Vec<u8>,
    /// SHA-256 of the bytes before this position, unfinished.
    pub sha256: Option<(Vec<u8>, u64)>,
}

/// Records a chunk of the staging file of this object and counts it; chunks and bytes received so far. `None` when the
/// upload has begun anew with another one.
pub fn add_chunk(
    tx: &Tx<'_>,
    task_pk: i64,
    object_id: ObjectId,
    chunk: &DurableChunk,
) -> Result<Option<(u32, u64)>> {
    tx.connection
        .prepare_cached(
            "insert into upload_chunks (task_pk, chunk_index, blocks) values (?1, ?2, ?3)",
        )
        .and_then(|mut statement| statement.execute((task_pk, chunk.index, &chunk.blocks)))
        .map_err(failed)?;
    let (state, front) = chunk.sha256.as_ref().map(|(state, front)| (state, *front as i64)).unzip();
    tx.connection
        .prepare_cached(
            "update uploads set chunks_received = chunks_received + 1, bytes_received = bytes_received + ?2, \
             sha256_state = coalesce(?3, sha256_state), sha256_front = coalesce(?4, sha256_front) \
             where task_pk = ?1 and object_id = ?5 returning chunks_received, bytes_received",
        )
        .and_then(|mut statement| {
            statement
                .query_row((task_pk, chunk.length as i64, state, front, object_id), |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))
                })
                .optional()
        })
        .map_err(failed)
}

pub fn set_file(tx: &Tx<'_>, task_pk: i64, file_id: FileId) -> Result<()> {
    tx.connection
        .execute(
            "update uploads set file_id = ?2, completing = 0 where task_pk = ?1",
            (task_pk, file_id),
        )
        .map_err(failed)?;
    Ok(())
}

/// Counts all bytes and chunks as received, for a file that came in one request.
pub fn set_received(tx: &Tx<'_>, task_pk: i64) -> Result<()> {
    tx.connection
        .execute(
            "update uploads set chunks_received = chunks_count, bytes_received = file_size where task_pk = ?1",
            [task_pk],
        )
        .map_err(failed)?;
    Ok(())
}

/// Its client has asked for its end.
pub fn set_completing(tx: &Tx<'_>, task_pk: i64) -> Result<()> {
    tx.connection
        .prepare_cached("update uploads set completing = 1 where task_pk = ?1")
        .and_then(|mut statement| statement.execute([task_pk]))
        .map_err(failed)?;
    Ok(())
}

/// Uploads in progress whose end was asked for, over all accounts.
pub fn completing(connection: &Connection) -> Result<Vec<(AccountId, TaskId)>> {
    connection
        .prepare_cached(
            "select t.account_id, t.task_id from uploads u cross join tasks t on t.id = u.task_pk \
             where u.completing = 1 and t.status = 1",
        )
        .and_then(|mut statement| {
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(failed)
}

/// Forgets a batch of an ended upload's chunks; how many went.
pub fn forget_chunks(tx: &Tx<'_>, task_pk: i64, batch: usize) -> Result<usize> {
    tx.connection
        .execute(
            "delete from upload_chunks where task_pk = ?1 and chunk_index in \
             (select chunk_index from upload_chunks where task_pk = ?1 limit ?2)",
            (task_pk, batch as i64),
        )
        .map_err(failed)
}

/// A staging file of another object takes the place of the one that is gone.
pub fn set_object(tx: &Tx<'_>, task_pk: i64, object_id: ObjectId) -> Result<()> {
    tx.connection
        .execute("update uploads set object_id = ?2 where task_pk = ?1", (task_pk, object_id))
        .map_err(failed)?;
    Ok(())
}

/// Drops everything that was said of an upload's bytes: its staging file is gone.
pub fn reset_bytes(tx: &Tx<'_>, task_pk: i64) -> Result<()> {
    tx.connection
        .execute("delete from upload_chunks where task_pk = ?1", [task_pk])
        .map_err(failed)?;
    tx.connection
        .execute(
            "update uploads set chunks_received = 0, bytes_received = 0, sha256_state = null, sha256_front = 0, \
             completing = 0 \
             where task_pk = ?1",
            [task_pk],
        )
        .map_err(failed)?;
    tx.connection
        .execute(
            "update tasks set units_done = 0, progress = 0, rev = rev + 1 where id = ?1",
            [task_pk],
        )
        .map_err(failed)?;
    Ok(())
}

/// Uploads that may still receive bytes, over all accounts.
pub fn open(connection: &Connection) -> Result<Vec<Record>> {
    connection
        .prepare(&format!("{} where t.status in (1, 2)", select()))
        .and_then(|mut statement| statement.query_map([], record)?.collect())
        .map_err(failed)
}

pub fn count_open(connection: &Connection, owner: AccountId) -> Result<u64> {
    task_lists::count(
        connection,
        "select count(*) from tasks where account_id = ? and type = 'FileUpload' and status in (1, 2)",
        &[Sql::Text(owner.to_string())],
    )
}

/// Uploads in progress or paused, over all accounts.
pub fn count_all_open(connection: &Connection) -> Result<u64> {
    task_lists::count(
        connection,
        // Open uploads are among the tasks that can expire, and these have an index of their own.
        "select count(*) from tasks where expires_at > 0 and status in (0, 1, 2) \
         and type = 'FileUpload' and status <> 0",
        &[],
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    FileName,
    FileSize,
    Task(task_lists::Sort),
}

pub struct Page {
    pub statuses: Vec<Status>,
    pub fingerprint: Option<String>,
    pub sort: Sort,
    pub descending: bool,
    pub offset: u64,
    pub limit: u32,
}

/// One page of an account's uploads, and how many match.
pub fn list(connection: &Connection, owner: AccountId, page: &Page) -> Result<(Vec<Record>, u64)> {
    const OF_UPLOADS: &str = "uploads u where u.account_id = ?";
    const OF_BOTH: &str = "uploads u cross join tasks t on t.id = u.task_pk where u.account_id = ?";
    const OF_TASKS: &str = "tasks t where t.account_id = ?";
    let (column, own) = match page.sort {
        Sort::FileName => ("u.file_name", true),
        Sort::FileSize => ("u.file_size", true),
        Sort::Task(sort) => (sort.column(), page.fingerprint.is_some()),
    };
    // The inner query finds the page inside an index, so that what the offset skips is never read. It joins only
    // where both tables are asked about.
    let from = match own {
        false => OF_TASKS,
        true if page.statuses.is_empty() && page.fingerprint.is_none() => OF_UPLOADS,
        true => OF_BOTH,
    };
    let (mut filter, mut values) = (String::new(), vec![Sql::Text(owner.to_string())]);
    if from != OF_UPLOADS {
        task_lists::filter_by(&mut filter, &mut values, &[TaskType::FileUpload], &page.statuses);
    }
    if let Some(fingerprint) = &page.fingerprint {
        filter.push_str(" and u.fingerprint = ?");
        values.push(Sql::Text(fingerprint.clone()));
    }
    let total = match &page.fingerprint {
        Some(_) => {
            task_lists::count(connection, &format!("select count(*) from {from}{filter}"), &values)?
        }
        None => task_lists::count_by(connection, owner, &[TaskType::FileUpload], &page.statuses)?,
    };

    let key = if own { "u.task_pk" } else { "t.id" };
    let way = if page.descending { "desc" } else { "asc" };
    let order = format!("{column} {way}, {key} {way}");
    values.extend([Sql::from(i64::from(page.limit)), Sql::from(page.offset as i64)]);
    let sql = format!(
        "{} where t.id in (select {key} from {from}{filter} order by {order} limit ? offset ?) order by {order}",
        select()
    );
    let uploads = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_map(params_from_iter(values), record)?.collect())
        .map_err(failed)?;
    Ok((uploads, total))
}

/// Sums over an account's uploads.
#[derive(Debug, Default)]
pub struct Stats {
    /// Uploads by the number of their status.
    pub by_status: [u64; 7],
    pub uploaded_bytes: u64,
    /// Mean progress of those in progress, 0 to 100.
    pub average_progress: f64,
}

pub fn stats(connection: &Connection, owner: AccountId) -> Result<Stats> {
    let mut stats = Stats::default();
    connection
        .prepare_cached(
            "select t.status, count(*), sum(u.bytes_received), avg(t.progress) \
             from tasks t join uploads u on u.task_pk = t.id where t.account_id = ?1 group by t.status",
        )
        .and_then(|mut statement| {
            let mut rows = statement.query([owner])?;
            while let Some(row) = rows.next()? {
                let status: Status = row.get(0)?;
                stats.by_status[status.number() as usize] = row.get::<_, i64>(1)? as u64;
                stats.uploaded_bytes += row.get::<_, i64>(2)? as u64;
                if status == Status::InProgress {
                    stats.average_progress = row.get(3)?;
                }
            }
            Ok(())
        })
        .map_err(failed)?;
    Ok(stats)
}
