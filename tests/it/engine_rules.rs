//! The second half of the model: where a verb leads, and what that means for others.

use drive::domain::error::Kind;
use drive::domain::task::{Intent, Status, Verb};

use crate::engine_model::{Hands, Model, Row};
use crate::harness::world::HOUR_MS;

const DAY_MS: i64 = 24 * HOUR_MS;

impl Model {
    /// Where a verb leads from here; written down anew, not taken from `domain::task::step`.
    fn leads(row: &Row, verb: Verb) -> Result<(Status, Intent), Kind> {
        use Status::{Cancelled, Completed, Expired, Failed, InProgress, Paused, Pending};
        let now = (row.status, row.intent);
        let honoured = match row.intent {
            Intent::None => InProgress,
            Intent::Pause => Paused,
            Intent::Cancel => Cancelled,
            Intent::Expire => Expired,
        };
        let none = Intent::None;
        if row.status.is_final() {
            return match (row.status, verb) {
                (Cancelled, Verb::Cancel) => Ok(now),
                (Failed, Verb::Retry) if row.wish.client => Ok((InProgress, none)),
                (Failed, Verb::Retry) => Ok((Pending, none)),
                _ => Err(Kind::TaskFinished),
            };
        }
        if row.status == Paused {
            return match verb {
                Verb::Pause => Ok(now),
                Verb::Resume if row.wish.client => Ok((InProgress, none)),
                Verb::Resume => Ok((Pending, none)),
                Verb::Cancel => Ok((Cancelled, none)),
                Verb::Expire => Ok((Expired, none)),
                Verb::Reject => Ok((Failed, none)),
                _ => Err(Kind::TaskPaused),
            };
        }
        let kind = Err(Kind::Conflict);
        if row.status == Pending {
            return match verb {
                Verb::Pause => Ok((Paused, none)),
                Verb::Resume => Ok(now),
                Verb::Cancel => Ok((Cancelled, none)),
                Verb::Reject => Ok((Failed, none)),
                _ => kind,
            };
        }
        if row.wish.client {
            return match verb {
                Verb::Pause => Ok((Paused, none)),
                Verb::Resume => Ok(now),
                Verb::Cancel => Ok((Cancelled, none)),
                Verb::Expire => Ok((Expired, none)),
                Verb::Finish => Ok((Completed, none)),
                Verb::Fail => Ok((Failed, none)),
                _ => kind,
            };
        }
        match (verb, row.intent) {
            (Verb::Finish, _) => Ok((Completed, none)),
            (Verb::Yield, Intent::None) => Ok((Pending, none)),
            (Verb::Yield, _) | (Verb::Fail, Intent::Cancel | Intent::Expire) => {
                Ok((honoured, none))
            }
            (Verb::Fail, _) => Ok((Failed, none)),
            (Verb::Cancel, _) => Ok((InProgress, Intent::Cancel)),
            (Verb::Pause, Intent::None | Intent::Pause) => Ok((InProgress, Intent::Pause)),
            (Verb::Resume, Intent::None | Intent::Pause) => Ok((InProgress, none)),
            _ => kind,
        }
    }

    pub fn apply(&mut self, at: usize, verb: Verb) -> Result<bool, Kind> {
        let row = &mut self.rows[at];
        let to = Self::leads(row, verb)?;
        if to == (row.status, row.intent) {
            return Ok(false);
        }
        (row.status, row.intent) = to;
        row.touched = self.now;
        row.expires = match row.status {
            Status::Paused => Some(self.now + HOUR_MS),
            Status::InProgress if row.wish.client => Some(self.now + DAY_MS),
            _ => None,
        };
        if row.status != Status::InProgress {
            row.hands = Hands::None;
        }
        if row.gate & 1 == 0 {
            row.run_at = None;
        }
        row.finished = row.status.is_final().then_some(self.now);
        if row.status.is_final() {
            row.reserved = 0;
            self.settle(at);
        }
        Ok(true)
    }

    /// Those who waited may go, or fail with all who wait for them.
    fn settle(&mut self, ended: usize) {
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            let waits = row.is_open() && row.depends_on.contains(&ended);
            if !waits || row.status == Status::InProgress {
                continue;
            }
            if self.rows[ended].status != Status::Completed {
                let _ = self.apply(at, Verb::Reject);
            } else if self.is_ready(at) {
                self.rows[at].gate &= !2;
            }
        }
    }

    fn is_ready(&self, at: usize) -> bool {
        let over = |&on: &usize| self.rows[on].gone || self.rows[on].status == Status::Completed;
        self.rows[at].depends_on.iter().all(over)
    }

    pub fn ask(&mut self, at: usize, verb: Verb) -> Result<(), Kind> {
        Self::leads(&self.rows[at], verb)?;
        if verb == Verb::Retry {
            return self.retry(at);
        }
        let mut family = self.descendants(at);
        family.sort_unstable();
        for child in family.into_iter().rev() {
            let _ = self.apply(child, verb);
        }
        self.apply(at, verb).map(|_| ())
    }

    fn descendants(&self, at: usize) -> Vec<usize> {
        let children = (0..self.rows.len()).filter(|&child| {
            let row = &self.rows[child];
            row.is_open() && row.parent == Some(at)
        });
        children.flat_map(|child| [vec![child], self.descendants(child)].concat()).collect()
    }

    fn retry(&mut self, at: usize) -> Result<(), Kind> {
        let row = &self.rows[at];
        let vain = |&on: &usize| {
            let on = &self.rows[on];
            !on.gone && on.status.is_final() && on.status != Status::Completed
        };
        if row.depends_on.iter().any(vain) {
            return Err(Kind::DependencyFailed);
        }
        let same = |other: &Row| {
            other.is_open()
                && other.wish.account == row.wish.account
                && other.wish.unique == row.wish.unique
        };
        if row.wish.unique.is_some() && self.rows.iter().any(same) {
            return Err(Kind::Conflict);
        }
        self.apply(at, Verb::Retry)?;
        let ready = self.is_ready(at);
        let row = &mut self.rows[at];
        (row.attempt, row.crashes) = (0, 0);
        if ready {
            row.gate &= !2;
        }
        Ok(())
    }

    /// What a crash means for a task in a worker's hands.
    pub fn rescue(&mut self, at: usize) {
        let row = &mut self.rows[at];
        row.crashes += 1;
        if row.crashes >= 3 && row.intent == Intent::None {
            let _ = self.apply(at, Verb::Fail);
            return;
        }
        row.attempt -= 1;
        let _ = self.apply(at, Verb::Yield);
    }

    /// Expires what rested too long, forgets what ended long ago.
    pub fn sweep(&mut self) {
        let now = self.now;
        let mut overdue: Vec<(i64, usize)> = (0..self.rows.len())
            .filter(|&at| self.rows[at].is_open())
            .filter_map(|at| Some((self.rows[at].expires.filter(|&end| end <= now)?, at)))
            .collect();
        overdue.sort_unstable();
        for (_, at) in overdue {
            if self.rows[at].is_open() {
                let _ = self.apply(at, Verb::Expire);
            }
        }
        for at in 0..self.rows.len() {
            let old = self.rows[at].finished.is_some_and(|end| end < now - 3 * HOUR_MS);
            if old && !self.rows[at].gone {
                self.rows[at].gone = true;
                let orphans = self.rows.iter_mut().filter(|row| row.parent == Some(at));
                orphans.for_each(|row| row.parent = None);
            }
        }
        self.forget_keys(now - DAY_MS);
    }
}
