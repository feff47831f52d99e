//! Bundles, and what a visitor of their link sees. The second half takes a [`Share`] in the place of an account.

use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension, Row, named_params, params_from_iter};

use super::columns::{failed, is_duplicate};
use super::files::{COLUMNS, file};
use super::{Db, Tx};
use crate::domain::bundle::{Bundle, Owner, Share, Slug};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, Folder};
use crate::domain::id::{AccountId, BundleId, FileId};
use crate::domain::time::Timestamp;

const BUNDLE: &str = "b.id, b.account_id, b.slug, b.name, b.description, b.passcode_hash, b.shared, b.expired_at, \
    b.download_limit, b.downloads, b.upload_into, b.created_at, b.updated_at";
/// Columns of [`BUNDLE`].
const WIDTH: usize = 13;

fn bundle(row: &Row<'_>) -> rusqlite::Result<Bundle> {
    Ok(Bundle {
        id: row.get(0)?,
        account_id: row.get(1)?,
        slug: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        passcode_hash: row.get(5)?,
        shared: row.get(6)?,
        expired_at: row.get(7)?,
        download_limit: row.get::<_, Option<i64>>(8)?.map(|limit| limit as u64),
        downloads: row.get::<_, i64>(9)? as u64,
        upload_into: row.get::<_, Option<String>>(10)?.and_then(|path| Folder::parse(&path).ok()),
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
    })
}

/// A bundle with what is in it.
pub struct Listed {
    pub bundle: Bundle,
    pub files: u64,
    pub bytes: u64,
}

/// Of this account, the newest first: those below `below`, which is the last of the page before.
pub fn list(
    db: &Db,
    owner: AccountId,
    below: Option<(Timestamp, BundleId)>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Listed>> {
    let (created, id) = below.map_or((i64::MAX, String::new()), |(at, id)| (at.0, id.to_string()));
    db.prepare_cached(&format!(
        "select {BUNDLE}, count(f.id), coalesce(sum(f.size), 0) from \
         (select * from bundles where account_id = ?1 and (created_at, id) < (?2, ?3) \
          order by created_at desc, id desc limit ?5) b \
         left join files f on f.account_id = ?1 and f.bundle_id = b.id and f.deleted_at is null \
           and (f.expired_at is null or f.expired_at > ?4) \
         group by b.id order by b.created_at desc, b.id desc"
    ))
    .and_then(|mut statement| {
        statement.query_map((owner, created, id, now, limit), listed)?.collect()
    })
    .map_err(failed)
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        bundle: bundle(row)?,
        files: row.get::<_, i64>(WIDTH)? as u64,
        bytes: row.get::<_, i64>(WIDTH + 1)? as u64,
    })
}

pub fn get(db: &Db, owner: AccountId, id: BundleId) -> Result<Bundle> {
    db.prepare_cached(&format!(
        "select {BUNDLE} from bundles b where b.id = ?1 and b.account_id = ?2"
    ))
    .and_then(|mut statement| statement.query_row((id, owner), bundle).optional())
    .map_err(failed)?
    .ok_or_else(|| Error::not_found("bundle"))
}

/// Refuses a bundle that this account does not have.
pub fn check(db: &Db, owner: AccountId, id: Option<BundleId>, field: &str) -> Result<()> {
    let Some(id) = id else { return Ok(()) };
    get(db, owner, id).map(|_| ()).map_err(|_| {
        let message =
            format!("{field} names no bundle of yours. Make one first, with POST /api/bundles.");
        Error::invalid(field, message)
    })
}

pub fn count(db: &Db, owner: AccountId) -> Result<u64> {
    db.prepare_cached("select count(*) from bundles where account_id = ?1")
        .and_then(|mut statement| statement.query_row([owner], |row| row.get::<_, i64>(0)))
        .map(|count| count as u64)
        .map_err(failed)
}

/// Puts a bundle, new or changed. `NameTaken` where another has its slug.
pub fn put(tx: &Tx<'_>, of: &Bundle) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert into bundles (id, account_id, slug, name, description, passcode_hash, shared, expired_at, \
             download_limit, downloads, upload_into, created_at, updated_at) \
             values (:id, :account, :slug, :name, :description, :hash, :shared, :expired, :limit, :downloads, \
             :into, :now, :now) \
             on conflict (id) do update set slug = :slug, name = :name, description = :description, \
             passcode_hash = :hash, shared = :shared, expired_at = :expired, download_limit = :limit, \
             downloads = :downloads, upload_into = :into, updated_at = :now where account_id = :account",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": of.id,
                ":account": of.account_id,
                ":slug": of.slug,
                ":name": of.name,
                ":description": of.description,
                ":hash": of.passcode_hash,
                ":shared": of.shared,
                ":expired": of.expired_at,
                ":limit": of.download_limit.map(|limit| limit as i64),
                ":downloads": of.downloads as i64,
                ":into": of.upload_into.as_ref().map(Folder::as_str),
                ":now": tx.now,
            })
        })
        .map(|_| ())
        .map_err(|error| match is_duplicate(&error) {
            true => Error::new(Kind::NameTaken, "This slug is taken. Choose another, or leave it out.")
                .with("field", "slug"),
            false => failed(error),
        })
}

/// The bundle is gone; its files stay.
pub fn remove(tx: &Tx<'_>, owner: AccountId, id: BundleId) -> Result<()> {
    let gone = tx
        .connection
        .prepare_cached("delete from bundles where id = ?1 and account_id = ?2")
        .and_then(|mut statement| statement.execute((id, owner)))
        .map_err(failed)?;
    if gone == 0 {
        return Err(Error::not_found("bundle"));
    }
    Ok(())
}

/// The bundle behind a link, and its owner.
pub fn by_slug(db: &Db, slug: &Slug) -> Result<Option<(Bundle, Owner)>> {
    db.prepare_cached(&format!(
        "select {BUNDLE}, a.name, a.role, a.disabled from bundles b join accounts a on a.id = b.account_id \
         where b.slug = ?1"
    ))
    .and_then(|mut statement| {
        let found = |row: &Row<'_>| {
            let owner = Owner {
                name: row.get(WIDTH)?,
                role: row.get(WIDTH + 1)?,
                disabled: row.get(WIDTH + 2)?,
            };
            Ok((bundle(row)?, owner))
        };
        statement.query_row([slug], found).optional()
    })
    .map_err(failed)
}

/// What a link shows, as a condition on `files`: the only place that says so.
fn shown(share: &Share, now: Timestamp) -> (String, Vec<Sql>) {
    let bundle = share.bundle();
    let closed = vec!["?"; share.closed_pools().len()].join(", ");
    let clauses = format!(
        "account_id = ? and bundle_id = ? and deleted_at is null and (expired_at is null or expired_at > ?) \
         and pool_id not in ({closed})"
    );
    let mut values =
        vec![bundle.account_id.to_string().into(), bundle.id.to_string().into(), now.0.into()];
    values.extend(share.closed_pools().iter().map(|id| Sql::from(id.to_string())));
    (clauses, values)
}

/// A file that a link shows.
pub fn shared_file(db: &Db, share: &Share, id: FileId, now: Timestamp) -> Result<File> {
    let (clauses, mut values) = shown(share, now);
    values.push(id.to_string().into());
    db.prepare_cached(&format!("select {COLUMNS} from files where {clauses} and files.id = ?"))
        .and_then(|mut found| found.query_row(params_from_iter(values), file).optional())
        .map_err(failed)?
        .ok_or_else(|| Error::not_found("file"))
}

/// The files that a link shows, in the order of folders and names; at most `limit` from `offset` on.
pub fn shared_files(
    db: &Db,
    share: &Share,
    now: Timestamp,
    offset: u64,
    limit: usize,
) -> Result<Vec<File>> {
    let (clauses, mut values) = shown(share, now);
    values.extend([Sql::from(limit as i64), Sql::from(offset as i64)]);
    db.prepare_cached(&format!(
        "select {COLUMNS} from files indexed by files_bundle where {clauses} \
         order by folder, name_key, files.id limit ? offset ?"
    ))
    .and_then(|mut found| found.query_map(params_from_iter(values), file)?.collect())
    .map_err(failed)
}

/// Of all that a link shows.
pub struct Extent {
    pub files: u64,
    pub bytes: u64,
    /// Of their folders, each with a slash behind it, the first and the last by name: what they have in common, all have.
    pub folders: Option<(String, String)>,
}

pub fn shared_extent(db: &Db, share: &Share, now: Timestamp) -> Result<Extent> {
    let (clauses, values) = shown(share, now);
    db.prepare_cached(&format!(
        "select count(*), coalesce(sum(size), 0), min(folder || '/'), max(folder || '/') from files indexed by files_bundle \
         where {clauses}"
    ))
    .and_then(|mut found| {
        found.query_row(params_from_iter(values), |row| {
            let (first, last): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
            Ok(Extent {
                files: row.get::<_, i64>(0)? as u64,
                bytes: row.get::<_, i64>(1)? as u64,
                folders: first.zip(last),
            })
        })
    })
    .map_err(failed)
}

/// Counts one download; false when the limit is reached.
pub fn count_download(tx: &Tx<'_>, share: &Share) -> Result<bool> {
    let counted = tx
        .connection
        .prepare_cached(
            "update bundles set downloads = downloads + 1 where id = ?1 \
             and (download_limit is null or downloads < download_limit)",
        )
        .and_then(|mut statement| statement.execute([share.bundle().id]))
        .map_err(failed)?;
    Ok(counted == 1)
}

/// Notes that its owner is told of a visitor now; false when that was less than `pause_ms` ago.
pub fn note_told(tx: &Tx<'_>, share: &Share, pause_ms: i64) -> Result<bool> {
    let noted = tx
        .connection
        .prepare_cached("update bundles set told_at = ?2 where id = ?1 and told_at <= ?3")
        .and_then(|mut statement| {
            statement.execute((share.bundle().id, tx.now, tx.now.0 - pause_ms))
        })
        .map_err(failed)?;
    Ok(noted == 1)
}

/// Uploads that came by a link and are not complete.
pub fn open_uploads(db: &Db, share: &Share) -> Result<u64> {
    let mark = share.mark();
    db.prepare_cached(
        "select count(*) from uploads u join tasks t on t.id = u.task_pk \
         where u.account_id = ?1 and u.fingerprint >= ?2 and u.fingerprint < ?3 and t.status in (1, 2)",
    )
    .and_then(|mut statement| {
        let values = (share.bundle().account_id, &mark, format!("{mark}\u{10ffff}"));
        statement.query_row(values, |row| row.get::<_, i64>(0))
    })
    .map(|count| count as u64)
    .map_err(failed)
}
