//! Changes of files that are there: where they are, what they are called, whether they are in the trash.

use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension, params_from_iter};

use super::columns::failed;
use super::files::{COLUMNS, file};
use super::{Db, Tx, accounts, objects};
use crate::domain::error::{Error, Result};
use crate::domain::file::{File, Lock};
use crate::domain::id::{AccountId, BundleId, FileId, ObjectId, PoolId};
use crate::domain::search::natural_key;
use crate::domain::time::Timestamp;

/// A file of this account wherever it is, in the trash too.
pub fn find(db: &Db, owner: AccountId, id: FileId) -> Result<Option<File>> {
    db.prepare_cached(&format!("select {COLUMNS} from files where id = ?1 and account_id = ?2"))
        .and_then(|mut statement| statement.query_row((id, owner), file).optional())
        .map_err(failed)
}

/// The files of every account whose bytes lie in a pool, from `after` on.
pub fn in_pool(db: &Db, pool_id: PoolId, after: Option<FileId>, limit: usize) -> Result<Vec<File>> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from files where pool_id = ?1 and id > ?2 order by id limit ?3"
    ))
    .and_then(|mut statement| {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        statement.query_map((pool_id, after, limit as i64), file)?.collect()
    })
    .map_err(failed)
}

/// The names in a folder, to choose one that is free.
pub fn name_taken(db: &Db, owner: AccountId, folder: &str, name: &str) -> Result<bool> {
    db.prepare_cached(
        "select exists (select 1 from files where account_id = ?1 and folder = ?2 and name_key = ?4 and name = ?3 \
         and deleted_at is null)",
    )
    .and_then(|mut statement| statement.query_row((owner, folder, name, natural_key(name)), |row| row.get(0)))
    .map_err(failed)
}

/// The files of one name in a folder.
pub fn named(db: &Db, owner: AccountId, folder: &str, name: &str) -> Result<Vec<File>> {
    db.prepare_cached(&format!(
        "select {COLUMNS} from files where account_id = ?1 and folder = ?2 and name_key = ?4 and name = ?3 \
         and deleted_at is null"
    ))
    .and_then(|mut statement| statement.query_map((owner, folder, name, natural_key(name)), file)?.collect())
    .map_err(failed)
}

/// What a file shows is another object from now on; the old one loses a reference. Its charge follows.
pub struct Switch {
    pub object_id: ObjectId,
    pub pool_id: PoolId,
    pub size: u64,
    pub sha256: crate::domain::digest::Digest,
    pub charge: u64,
    pub lock: Option<Lock>,
}

pub fn switch(tx: &Tx<'_>, of: &File, to: &Switch) -> Result<()> {
    objects::share(tx, to.object_id)?;
    objects::unshare(tx, of.object_id)?;
    if to.charge > of.charge {
        accounts::charge(tx, of.account_id, to.charge - of.charge)?;
    } else {
        accounts::discharge(tx, of.account_id, of.charge - to.charge)?;
    }
    tx.connection
        .prepare_cached(
            "update files set object_id = ?2, pool_id = ?3, size = ?4, sha256 = ?5, charge = ?6, recipient = ?7, \
             wrapped_key = ?8, plain_size = ?9, updated_at = ?10 where id = ?1 and object_id = ?11",
        )
        .and_then(|mut statement| {
            statement.execute((
                of.id,
                to.object_id,
                to.pool_id,
                to.size as i64,
                to.sha256,
                to.charge as i64,
                to.lock.as_ref().map(|lock| &lock.recipient),
                to.lock.as_ref().map(|lock| &lock.wrapped_key),
                to.lock.as_ref().map(|lock| lock.plain_size as i64),
                tx.now,
                of.object_id,
            ))
        })
        .map_err(failed)
        .and_then(|changed| match changed {
            1 => Ok(()),
            _ => Err(Error::not_found("file")),
        })
}

/// What may change of a file without its bytes. `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct Amend {
    pub name: Option<String>,
    pub folder: Option<String>,
    pub bundle_id: Option<Option<BundleId>>,
    pub tags: Option<Vec<String>>,
    pub expired_at: Option<Option<Timestamp>>,
    pub deleted_at: Option<Option<Timestamp>>,
    pub wrapped_key: Option<Vec<u8>>,
}

pub fn amend(tx: &Tx<'_>, owner: AccountId, id: FileId, change: &Amend) -> Result<File> {
    let mut sets = vec!["updated_at = ?"];
    let mut values = vec![Sql::Integer(tx.now.0)];
    let mut set = |clause: &'static str, value: Sql| {
        sets.push(clause);
        values.push(value);
    };
    let moment = |moment: Option<Timestamp>| moment.map_or(Sql::Null, |moment| moment.0.into());
    if let Some(name) = &change.name {
        set("name = ?", name.clone().into());
        set("name_key = ?", natural_key(name).into());
    }
    if let Some(folder) = &change.folder {
        set("folder = ?", folder.clone().into());
    }
    if let Some(bundle) = change.bundle_id {
        set("bundle_id = ?", bundle.map_or(Sql::Null, |bundle| bundle.to_string().into()));
    }
    if let Some(tags) = &change.tags {
        set("tags = ?", serde_json::Value::from(tags.clone()).to_string().into());
    }
    if let Some(expired) = change.expired_at {
        set("expired_at = ?", moment(expired));
    }
    if let Some(deleted) = change.deleted_at {
        set("deleted_at = ?", moment(deleted));
    }
    if let Some(wrapped) = &change.wrapped_key {
        set("wrapped_key = ?", Sql::Blob(wrapped.clone()));
    }
    values.extend([Sql::Text(id.to_string()), Sql::Text(owner.to_string())]);
    let sql = format!("update files set {} where id = ? and account_id = ?", sets.join(", "));
    let changed = tx
        .connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.execute(params_from_iter(values)))
        .map_err(failed)?;
    if changed == 0 {
        return Err(Error::not_found("file"));
    }
    find(tx.connection, owner, id)?.ok_or_else(|| Error::not_found("file"))
}

/// The file is gone for good: its charge is given back, its object loses a reference.
pub fn purge(tx: &Tx<'_>, of: &File) -> Result<()> {
    let gone = tx
        .connection
        .prepare_cached("delete from files where id = ?1 and account_id = ?2")
        .and_then(|mut statement| statement.execute((of.id, of.account_id)))
        .map_err(failed)?;
    if gone == 0 {
        return Err(Error::not_found("file"));
    }
    objects::unshare(tx, of.object_id)?;
    accounts::discharge(tx, of.account_id, of.charge)
}
