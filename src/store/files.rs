//! Files: names over objects.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params_from_iter};

use super::columns::{Json, failed};
use super::{Tx, task_lists};
use crate::domain::error::{Error, Result};
use crate::domain::file::{File, Lock};
use crate::domain::id::{AccountId, BundleId, FileId, PoolId};
use crate::domain::time::Timestamp;

pub(super) const COLUMNS: &str = "id, account_id, pool_id, bundle_id, object_id, name, folder, content_type, size, sha256, \
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
            "insert into files (id, account_id, pool_id, bundle_id, object_id, name, folder, content_type, size, \
             sha256, charge, recipient, wrapped_key, plain_size, tags, last_modified, created_at, updated_at, \
             uploaded_at, expired_at) \
             values (:id, :account, :pool, :bundle, :object, :name, :folder, :type, :size, :sha256, :charge, \
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
    let (folder, name) = after.map_or(("", ""), |file| (&file.folder, &file.name));
    connection
        .prepare_cached(&format!(
            "select {COLUMNS} from files where account_id = ?1 and deleted_at is null \
             and (folder, name, id) > (?2, ?3, ?4) and (expired_at is null or expired_at > ?5) \
             order by folder, name, id limit ?6"
        ))
        .and_then(|mut statement| {
            statement.query_map((owner, folder, name, id, now, limit as i64), file)?.collect()
        })
        .map_err(failed)
}

/// Columns that a list may be sorted by; each has its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Name,
    Size,
    CreatedAt,
    UpdatedAt,
    /// Of the trash alone, and the only order it has.
    DeletedAt,
}

impl Sort {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::DeletedAt => "deleted_at",
        }
    }
}

pub struct Page {
    pub folder: Option<String>,
    /// Part of the name, without regard to case.
    pub query: Option<String>,
    pub pool_id: Option<PoolId>,
    pub bundle_id: Option<BundleId>,
    /// `type/subtype`, or `type/` for all of them.
    pub content_type: Option<String>,
    pub tag: Option<String>,
    pub sort: Sort,
    pub descending: bool,
    pub offset: u64,
    pub limit: u32,
}

/// What a page asks for, and the values of it. The signs before columns keep the planner in the index of the order.
fn asked(owner: AccountId, now: Timestamp, page: &Page) -> (String, Vec<Sql>) {
    let trashed = if page.sort == Sort::DeletedAt { "not null" } else { "null" };
    let mut filter = format!(
        "account_id = ? and deleted_at is {trashed} and (expired_at is null or expired_at > ?)"
    );
    let mut values = vec![Sql::Text(owner.to_string()), Sql::Integer(now.0)];
    let mut ask = |clause: &str, value: String| {
        filter.push_str(clause);
        values.push(Sql::Text(value));
    };
    if let Some(folder) = &page.folder {
        ask(if trashed == "null" { " and folder = ?" } else { " and +folder = ?" }, folder.clone());
    }
    if let Some(query) = &page.query {
        let escaped = query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        ask(" and +name like ? escape '\\'", format!("%{escaped}%"));
    }
    if let Some(pool) = page.pool_id {
        ask(" and +pool_id = ?", pool.to_string());
    }
    if let Some(bundle) = page.bundle_id {
        ask(" and +bundle_id = ?", bundle.to_string());
    }
    if let Some(kind) = &page.content_type {
        ask(" and +content_type >= ?", kind.clone());
        ask(" and +content_type < ?", format!("{kind}\u{10ffff}"));
    }
    if let Some(tag) = &page.tag {
        ask(" and exists (select 1 from json_each(tags) where value = ?)", tag.clone());
    }
    (filter, values)
}

/// One page of an account's files, and how many match.
pub fn list(
    connection: &Connection,
    owner: AccountId,
    now: Timestamp,
    page: &Page,
) -> Result<(Vec<File>, u64)> {
    let (filter, mut values) = asked(owner, now, page);
    let total = task_lists::count(
        connection,
        &format!("select count(*) from files where {filter}"),
        &values,
    )?;

    let way = if page.descending { "desc" } else { "asc" };
    values.extend([Sql::from(i64::from(page.limit)), Sql::from(page.offset as i64)]);
    let sql = format!(
        "select {COLUMNS} from files where {filter} order by {} {way}, id {way} limit ? offset ?",
        page.sort.column()
    );
    let files = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_map(params_from_iter(values), file)?.collect())
        .map_err(failed)?;
    Ok((files, total))
}
