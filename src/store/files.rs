//! Files: names over objects.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::Tx;
use super::columns::{Json, failed};
use crate::domain::error::{Error, Result};
use crate::domain::file::{File, Lock};
use crate::domain::id::{AccountId, FileId};
use crate::domain::search::natural_key;
use crate::domain::time::Timestamp;

pub(super) const COLUMNS: &str = "files.id, account_id, pool_id, bundle_id, object_id, name, folder, content_type, size, sha256, \
    last_modified, created_at, updated_at, uploaded_at, expired_at, charge, recipient, wrapped_key, plain_size, tags, \
    deleted_at";

pub(super) fn file(row: &Row<'_>) -> rusqlite::Result<File> {
    Ok(File {
        id: row.get(0)?,
        account_id: row.get(1)?,
        pool_id: row.get(2)?,
        bundle_id: row.get(3)?,
        object_id: row.get(4)?,
        name: row.get(5)?,
        folder: row.get(6)?,
        content_type: row.get(7)?,
        size: row.get::<_, i64>(8)? as u64,
        sha256: row.get(9)?,
        last_modified: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        uploaded_at: row.get(13)?,
        expired_at: row.get(14)?,
        charge: row.get::<_, i64>(15)? as u64,
        lock: lock(row)?,
        tags: row
            .get::<_, Json>(19)
            .map(|json| serde_json::from_value(json.0).unwrap_or_default())?,
        deleted_at: row.get(20)?,
    })
}

fn lock(row: &Row<'_>) -> rusqlite::Result<Option<Lock>> {
    let Some(recipient) = row.get(16)? else { return Ok(None) };
    Ok(Some(Lock {
        recipient,
        wrapped_key: row.get(17)?,
        plain_size: row.get::<_, Option<i64>>(18)?.unwrap_or(0) as u64,
    }))
}

pub fn insert(tx: &Tx<'_>, new: &File) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert into files (id, account_id, pool_id, bundle_id, object_id, name, name_key, folder, content_type, \
             size, sha256, charge, recipient, wrapped_key, plain_size, tags, last_modified, created_at, updated_at, \
             uploaded_at, expired_at) \
             values (:id, :account, :pool, :bundle, :object, :name, :name_key, :folder, :type, :size, :sha256, :charge, \
             :recipient, :wrapped_key, :plain_size, :tags, :modified, :created, :updated, :uploaded, :expired)",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": new.id,
                ":account": new.account_id,
                ":pool": new.pool_id,
                ":bundle": new.bundle_id,
                ":object": new.object_id,
                ":name": new.name,
                ":name_key": natural_key(&new.name),
                ":folder": new.folder,
                ":type": new.content_type,
                ":size": new.size as i64,
                ":sha256": new.sha256,
                ":charge": new.charge as i64,
                ":recipient": new.lock.as_ref().map(|lock| &lock.recipient),
                ":wrapped_key": new.lock.as_ref().map(|lock| &lock.wrapped_key),
                ":plain_size": new.lock.as_ref().map(|lock| lock.plain_size as i64),
                ":tags": Json(new.tags.clone().into()),
                ":modified": new.last_modified,
                ":created": new.created_at,
                ":updated": new.updated_at,
                ":uploaded": new.uploaded_at,
                ":expired": new.expired_at,
            })
        })
        .map_err(failed)?;
    Ok(())
}

/// A file of this account that is there at `now`, or `NotFound`, or `FileExpired`.
pub fn get(connection: &Connection, owner: AccountId, id: FileId, now: Timestamp) -> Result<File> {
    connection
        .prepare_cached(&format!(
            "select {COLUMNS} from files where id = ?1 and account_id = ?2 and deleted_at is null"
        ))
        .and_then(|mut statement| statement.query_row((id, owner), file).optional())
        .map_err(failed)?
        .ok_or_else(|| Error::not_found("file"))?
        .unexpired(now)
}

/// A file of this account over the same object that is equal in every respect a client can ask for.
pub fn twin(connection: &Connection, wanted: &File) -> Result<Option<File>> {
    connection
        .prepare_cached(&format!(
            "select {COLUMNS} from files where account_id = ?1 and object_id = ?2 and name = ?3 and folder = ?4 \
             and bundle_id is ?5 and expired_at is ?6 and deleted_at is null limit 1"
        ))
        .and_then(|mut statement| {
            statement
                .query_row(
                    (
                        wanted.account_id,
                        wanted.object_id,
                        &wanted.name,
                        &wanted.folder,
                        wanted.bundle_id,
                        wanted.expired_at,
                    ),
                    file,
                )
                .optional()
        })
        .map_err(failed)
}

/// The files of an account that are there, in the order of their places, from behind this one on.
pub fn by_place(
    connection: &Connection,
    owner: AccountId,
    now: Timestamp,
    after: Option<&File>,
    limit: usize,
) -> Result<Vec<File>> {
    let id = after.map(|file| file.id.to_string()).unwrap_or_default();
    let folder = after.map_or("", |file| &file.folder);
    let name = after.map(|file| natural_key(&file.name)).unwrap_or_default();
    connection
        .prepare_cached(&format!(
            "select {COLUMNS} from files where account_id = ?1 and deleted_at is null \
             and (folder, name_key, id) > (?2, ?3, ?4) and (expired_at is null or expired_at > ?5) \
             order by folder, name_key, id limit ?6"
        ))
        .and_then(|mut statement| {
            statement.query_map((owner, folder, name, id, now, limit as i64), file)?.collect()
        })
        .map_err(failed)
}
