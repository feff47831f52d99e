//! The one task that sends. It sleeps until a commit rings or the next attempt is due. A slow receiver holds one place,
//! an account never all of them, and the next free place goes to the account that has waited longest for one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{Id, JoinHandle, JoinSet};

use super::Notifier;
use crate::domain::error::Result;
use crate::domain::id::AccountId;
use crate::store::outbox::{self, Delivery, Target};

/// Requests under way at once.
const AT_ONCE: usize = 4;
/// Of them, those of one account.
const AT_ONCE_OF_ACCOUNT: usize = 2;
/// Receivers that are looked at in one round.
const HEADS: usize = 1024;
/// Accounts whose turn is remembered.
const TURNS: usize = 4096;
/// Nothing is slept through for longer than this, since the wall clock may be moved.
const SLEEP_MAX: Duration = Duration::from_secs(600);
/// Time until another try, where the database refused.
const DATABASE_WAIT: Duration = Duration::from_secs(5);
/// Time that requests under way have at the end; what does not make it is sent again at the next start.
const GRACE: Duration = Duration::from_secs(1);

/// The running sender.
pub struct Sender {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Sender {
    /// Begins to send, with what an earlier run left.
    pub fn start(notifier: Arc<Notifier>) -> Self {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(run(notifier, stop.clone()));
        Self { stop, task }
    }

    /// Ends it, and waits for that.
    pub async fn stop(self) {
        self.stop.notify_one();
        let _ = self.task.await;
    }
}

/// What is under way.
struct Round {
    notifier: Arc<Notifier>,
    sends: JoinSet<()>,
    busy: HashMap<Id, Target>,
    /// When each account last had a place, as a number that rises; `None` is the operator.
    turns: HashMap<Option<AccountId>, u64>,
    turn: u64,
}

async fn run(notifier: Arc<Notifier>, stop: Arc<Notify>) {
    let mut round = Round {
        notifier: notifier.clone(),
        sends: JoinSet::new(),
        busy: HashMap::new(),
        turns: HashMap::new(),
        turn: 0,
    };
    loop {
        let wait = round.begin_due().await.unwrap_or_else(|error| {
            tracing::error!(%error, "what is to be sent could not be read");
            DATABASE_WAIT
        });
        tokio::select! {
            () = stop.notified() => break,
            () = notifier.bell.notified() => {}
            Some(over) = round.sends.join_next_with_id() => {
                let id = over.map_or_else(|error| error.id(), |(id, ())| id);
                round.busy.remove(&id);
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
    let rest = async { while round.sends.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, rest).await;
}

impl Round {
    /// Begins all that is due and has room; how long nothing more will be due.
    async fn begin_due(&mut self) -> Result<Duration> {
        let now = self.notifier.engine.clock.now();
        let mut next = self.notifier.bill(now).await?;
        let heads = self.notifier.engine.store.read(|db| outbox::heads(db, HEADS)).await?;
        let split = heads.partition_point(|head| head.due_at <= now);
        if let Some(head) = heads.get(split) {
            next = Some(next.map_or(head.due_at, |next| next.min(head.due_at)));
        }
        let mut due: Vec<Delivery> = heads.into_iter().take(split).collect();
        // What has no room now is looked at again when one of those under way is over.
        while let Some(at) = self.first_in_turn(&due) {
            self.begin(due.swap_remove(at));
        }
        let wait = next.map_or(SLEEP_MAX, |next| Duration::from_millis(next.ms_since(now) as u64));
        Ok(wait.min(SLEEP_MAX))
    }

    /// Which of these is next.
    fn first_in_turn(&self, due: &[Delivery]) -> Option<usize> {
        let waited = |delivery: &Delivery| {
            let turn = self.turns.get(&delivery.target.account_id()).copied().unwrap_or(0);
            (turn, delivery.due_at, delivery.seq)
        };
        let fits = due.iter().enumerate().filter(|(_, one)| self.has_room(one.target));
        fits.min_by_key(|(_, one)| waited(one)).map(|(at, _)| at)
    }

    fn begin(&mut self, delivery: Delivery) {
        if self.turns.len() >= TURNS {
            self.turns.clear();
        }
        self.turn += 1;
        self.turns.insert(delivery.target.account_id(), self.turn);
        let (notifier, target) = (self.notifier.clone(), delivery.target);
        let send = async move {
            if let Err(error) = notifier.deliver(delivery).await {
                tracing::error!(%error, "a delivery could not be written down");
                tokio::time::sleep(DATABASE_WAIT).await;
            }
        };
        self.busy.insert(self.sends.spawn(send).id(), target);
    }

    /// One at a time to each receiver, so that it hears things in order.
    fn has_room(&self, target: Target) -> bool {
        let of_account = |busy: &&Target| {
            target.account_id().is_some() && busy.account_id() == target.account_id()
        };
        self.busy.len() < AT_ONCE
            && !self.busy.values().any(|busy| *busy == target)
            && self.busy.values().filter(of_account).count() < AT_ONCE_OF_ACCOUNT
    }
}
