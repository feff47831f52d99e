//! Folders: paths that files name. A folder is there as long as a file is in it or below it, or somebody made it.

use super::columns::failed;
use super::files::{COLUMNS, file};
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::file::File;
use crate::domain::id::AccountId;
use crate::domain::time::Timestamp;

/// The files of one folder, without those below it.
pub struct Sum {
    pub folder: String,
    pub files: u64,
    pub bytes: u64,
}

pub fn sums(db: &Db, owner: AccountId, now: Timestamp) -> Result<Vec<Sum>> {
    db.prepare_cached(
        "select folder, count(*), sum(size) from files indexed by files_tree where account_id = ?1 \
         and deleted_at is null and (expired_at is null or expired_at > ?2) group by folder",
    )
    .and_then(|mut statement| {
        let sum = |row: &rusqlite::Row<'_>| {
            Ok(Sum {
                folder: row.get(0)?,
                files: row.get::<_, i64>(1)? as u64,
                bytes: row.get::<_, i64>(2)? as u64,
            })
        };
        statement.query_map((owner, now), sum)?.collect()
    })
    .map_err(failed)
}

/// A folder and all paths below it, as a range of the index, so that no character of a name is special. What lies
/// between a folder and the paths below it, such as `/a!` between `/a` and `/a/b`, is left out.
const BELOW: &str = "files.account_id = ?1 and files.folder >= ?2 and files.folder < ?4 \
    and (files.folder = ?2 or files.folder >= ?3)";

/// The same of the folders that were made.
fn made_below() -> String {
    BELOW.replace("files.folder", "folders.path").replace("files.", "folders.")
}

/// The second, third and fourth value of [`BELOW`].
pub(super) fn range(folder: &str) -> (&str, String, String) {
    let below = format!("{}/", folder.trim_end_matches('/'));
    let end = format!("{below}\u{10ffff}");
    (folder, below, end)
}

/// What lies in a folder and below it.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// In the trash too.
    pub files: u64,
    /// Not in the trash.
    pub live: u64,
    /// Folders that were made, itself among them.
    pub made: u64,
    /// Bytes of the longest path.
    pub longest: usize,
    /// Levels of the deepest one.
    pub deepest: usize,
}

pub fn extent(db: &Db, owner: AccountId, folder: &str) -> Result<Extent> {
    let (at, from, to) = range(folder);
    let made = made_below();
    db.prepare_cached(&format!(
        "select sum(of_files), sum(live), sum(1 - of_files), max(length(cast(path as blob))), \
         max(length(path) - length(replace(path, '/', ''))) \
         from (select folder as path, 1 as of_files, deleted_at is null as live from files where {BELOW} \
         union all select path, 0, 0 from folders where {made})"
    ))
    .and_then(|mut statement| {
        statement.query_row((owner, at, &from, &to), |row| {
            let number = |at| row.get::<_, Option<i64>>(at).map(|found| found.unwrap_or(0));
            Ok(Extent {
                files: number(0)? as u64,
                live: number(1)? as u64,
                made: number(2)? as u64,
                longest: number(3)? as usize,
                deepest: number(4)? as usize,
            })
        })
    })
    .map_err(failed)
}

/// Files of one folder that would meet another of their name when the folder is moved.
pub fn colliding(db: &Db, owner: AccountId, from: &str, to: &str) -> Result<Vec<File>> {
    let (at, begin, end) = range(from);
    db.prepare_cached(&format!(
        "select {COLUMNS} from files where {BELOW} and deleted_at is null and exists (select 1 from files other \
         where other.account_id = ?1 and other.name_key = files.name_key and other.name = files.name \
         and other.deleted_at is null \
         and other.folder = ?5 || substr(files.folder, length(?2) + 1))"
    ))
    .and_then(|mut statement| statement.query_map((owner, at, &begin, &end, to), file)?.collect())
    .map_err(failed)
}

/// Every path that begins with a folder begins with another one from now on.
pub fn rename(tx: &Tx<'_>, owner: AccountId, from: &str, to: &str) -> Result<()> {
    let (at, begin, end) = range(from);
    tx.connection
        .prepare_cached(&format!(
            "update files set folder = ?5 || substr(folder, length(?2) + 1), updated_at = ?6 where {BELOW}"
        ))
        .and_then(|mut statement| statement.execute((owner, at, &begin, &end, to, tx.now)))
        .map_err(failed)?;
    tx.connection
        .prepare_cached(&format!(
            "update or replace folders set path = ?5 || substr(path, length(?2) + 1) where {}",
            made_below()
        ))
        .and_then(|mut statement| statement.execute((owner, at, &begin, &end, to)))
        .map_err(failed)?;
    Ok(())
}

/// Puts all that is in a folder and below it into the trash; how many files.
pub fn trash(tx: &Tx<'_>, owner: AccountId, folder: &str) -> Result<u64> {
    let (at, begin, end) = range(folder);
    tx.connection
        .prepare_cached(&format!(
            "update files set deleted_at = ?5, updated_at = ?5 where {BELOW} and deleted_at is null"
        ))
        .and_then(|mut statement| statement.execute((owner, at, &begin, &end, tx.now)))
        .map(|count| count as u64)
        .map_err(failed)
}

/// The paths of the folders that were made.
pub fn made(db: &Db, owner: AccountId) -> Result<Vec<String>> {
    db.prepare_cached("select path from folders where account_id = ?1 order by path")
        .and_then(|mut statement| statement.query_map([owner], |row| row.get(0))?.collect())
        .map_err(failed)
}

pub fn insert(tx: &Tx<'_>, owner: AccountId, path: &str) -> Result<()> {
    tx.connection
        .prepare_cached("insert into folders (account_id, path, created_at) values (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute((owner, path, tx.now)))
        .map_err(failed)?;
    Ok(())
}

/// Forgets that a folder and those below it were made; how many that were.
pub fn forget(tx: &Tx<'_>, owner: AccountId, folder: &str) -> Result<usize> {
    let (at, begin, end) = range(folder);
    tx.connection
        .prepare_cached(&format!("delete from folders where {}", made_below()))
        .and_then(|mut statement| statement.execute((owner, at, &begin, &end)))
        .map_err(failed)
}
