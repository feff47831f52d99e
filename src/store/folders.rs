//! Folders: paths that files name. A folder is there as long as a file is in it or below it.

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

/// The second, third and fourth value of [`BELOW`].
pub(super) fn range(folder: &str) -> (&str, String, String) {
    let below = format!("{}/", folder.trim_end_matches('/'));
    let end = format!("{below}\u{10ffff}");
    (folder, below, end)
}

/// What lies in a folder and below it, in the trash too.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub files: u64,
    /// Bytes of the longest path.
    pub longest: usize,
    /// Levels of the deepest one.
    pub deepest: usize,
}

pub fn extent(db: &Db, owner: AccountId, folder: &str) -> Result<Extent> {
    let (at, from, to) = range(folder);
    db.prepare_cached(&format!(
        "select count(*), max(length(cast(folder as blob))), max(length(folder) - length(replace(folder, '/', ''))) \
         from files where {BELOW}"
    ))
    .and_then(|mut statement| {
        statement.query_row((owner, at, &from, &to), |row| {
            let number = |at| row.get::<_, Option<i64>>(at).map(|found| found.unwrap_or(0));
            Ok(Extent {
                files: number(0)? as u64,
                longest: number(1)? as usize,
                deepest: number(2)? as usize,
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
         where other.account_id = ?1 and other.name = files.name and other.deleted_at is null \
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
    Ok(())
}
