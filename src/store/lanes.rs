//! What the lanes have to do, and which of them rest.

use rusqlite::named_params;

use super::columns::failed;
use super::settings::{self, key};
use super::{Db, Tx};
use crate::domain::error::Result;
use crate::domain::id::AccountId;
use crate::domain::task::Status;
use crate::domain::time::Timestamp;
use crate::domain::work::Lane;

/// How many tasks of a lane wait, have a worker, and failed since some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    pub pending: u64,
    pub running: u64,
    pub failed: u64,
}

/// The figures of a lane, of one account's tasks or of all.
pub fn figures(
    db: &Db,
    lane: Lane,
    owner: Option<AccountId>,
    failed_since: Timestamp,
) -> Result<Figures> {
    let whose = if owner.is_some() { "and account_id = :owner" } else { "and :owner is null" };
    let sql = format!(
        "select count(*) from tasks where driver = 0 and lane = :lane and status = :status {whose} \
         and (:since is null or finished_at >= :since)"
    );
    let count = |status: Status, since: Option<Timestamp>| {
        let of =
            named_params! { ":lane": lane, ":status": status, ":owner": owner, ":since": since };
        db.prepare_cached(&sql)
            .and_then(|mut found| found.query_row(of, |row| row.get::<_, i64>(0)))
            .map(|count| count as u64)
            .map_err(failed)
    };
    Ok(Figures {
        pending: count(Status::Pending, None)?,
        running: count(Status::InProgress, None)?,
        failed: count(Status::Failed, Some(failed_since))?,
    })
}

/// The lanes that an administrator paused.
pub fn paused(db: &Db) -> Result<Vec<Lane>> {
    let words = settings::get(db, key::LANES_PAUSED)?.unwrap_or_default();
    words.split(',').filter(|word| !word.is_empty()).map(Lane::parse).collect()
}

/// Notes that a lane is paused, or is no more.
pub fn set_paused(tx: &Tx<'_>, lane: Lane, is_paused: bool) -> Result<()> {
    let mut lanes = paused(tx.connection)?;
    lanes.retain(|&other| other != lane);
    lanes.extend(is_paused.then_some(lane));
    let words: Vec<_> = lanes.iter().map(|lane| lane.word()).collect();
    settings::set(tx, key::LANES_PAUSED, &words.join(","))
}
