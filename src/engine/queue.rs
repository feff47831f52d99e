//! Who works on what in this process: workers that wait, tasks that run, and the wishes they are to honour. Nobody
//! polls: a worker wakes up when something may have become claimable, the timer when a gate is due.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::running::{Running, Stopping, lock};
use super::{Engine, worker};
use crate::domain::error::{Error, Result};
use crate::domain::id::AccountId;
use crate::domain::task::{Driver, Intent, Status, Task};
use crate::domain::time::Timestamp;
use crate::domain::work::{Lane, sort_key};
use crate::store::queue::{self as rows, Head};

/// A worker that has not honoured a wish for this long is reported.
const STUCK: Duration = Duration::from_secs(30);
/// The timer looks around at least this often, for stuck workers.
const TIMER_MAX: Duration = Duration::from_secs(10);
/// How long a stop waits for workers that do not listen.
const STOP_WAIT: Duration = Duration::from_secs(8);
const STOP_LOOK: Duration = Duration::from_millis(2);
/// Turns that are remembered; beyond, all is forgotten, and age alone counts for one round.
const SERVED_MAX: usize = 10_000;

#[derive(Default)]
struct State {
    /// Rises when something may have become claimable.
    turn: u64,
    /// How often workers looked for work.
    looks: u64,
    /// Rises when the timer is to look anew.
    timer_turn: u64,
    stopping: bool,
    running: HashMap<i64, Arc<Running>>,
    /// Lanes from which nothing is taken.
    paused: HashSet<Lane>,
    /// When a worker of a lane last began or ended a task of an account.
    served: HashMap<(Lane, AccountId), Timestamp>,
    /// [`STUCK`], where a test does not say otherwise.
    stuck_after: Option<Duration>,
    /// [`STOP_WAIT`], likewise.
    stop_wait: Option<Duration>,
}

/// Called at each safe point of each running task.
pub type Probe = Arc<dyn Fn() + Send + Sync>;

/// The waiting room of the workers.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    bell: Condvar,
    /// Held while `paused` is brought up to what the database says.
    pausing: Mutex<()>,
    probed: AtomicBool,
    probe: Mutex<Option<Probe>>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Lets a test hold a task at a chosen safe point.
    #[doc(hidden)]
    pub fn set_probe(&self, probe: Option<Probe>) {
        self.probed.store(probe.is_some(), Ordering::Relaxed);
        *lock(&self.probe) = probe;
    }

    pub(super) fn pass_probe(&self) {
        if self.probed.load(Ordering::Relaxed) {
            let probe = lock(&self.probe).clone();
            if let Some(probe) = probe {
                probe();
            }
        }
    }

    /// Wakes the workers that wait.
    pub fn ring(&self) {
        self.lock().turn += 1;
        self.bell.notify_all();
    }

    fn ring_timer(&self) {
        self.lock().timer_turn += 1;
        self.bell.notify_all();
    }

    /// Follows a committed move.
    pub(super) fn on_moved(&self, task: &Task) {
        if task.driver == Driver::Client {
            return;
        }
        match task.status {
            Status::Pending if task.gate != 0 => self.ring_timer(),
            Status::InProgress => {
                let stopping =
                    if task.intent == Intent::None { Stopping::No } else { Stopping::Wish };
                if let Some(running) = self.running(task.pk)
                    && running.epoch == task.epoch
                {
                    running.ask(task.rev, stopping);
                }
            }
            _ => self.ring(),
        }
    }

    /// The task in a worker's hands.
    pub fn running(&self, pk: i64) -> Option<Arc<Running>> {
        self.lock().running.get(&pk).cloned()
    }

    /// How many workers have ignored a wish for long.
    pub fn stuck(&self) -> usize {
        self.lock().running.values().filter(|running| running.is_stuck()).count()
    }

    /// Takes note of a claim; a stop, or a pause of its lane, that came meanwhile counts at once.
    pub(super) fn begin(&self, task: &Task) -> Arc<Running> {
        let running = Arc::new(Running::new(task));
        let mut state = self.lock();
        if state.stopping {
            running.shut_down();
        } else if state.paused.contains(&task.lane) {
            running.hand_back();
        }
        state.running.insert(task.pk, running.clone());
        running
    }

    /// Forgets a run, unless a newer one of the same task has taken its place.
    pub(super) fn end(&self, over: &Running, now: Timestamp) {
        let mut state = self.lock();
        if state.running.get(&over.pk).is_some_and(|running| running.epoch == over.epoch) {
            state.running.remove(&over.pk);
        }
        drop(state);
        self.serves(over.lane, over.account_id, now);
        self.ring();
    }

    /// Which of the accounts' first tasks is next: the one that has waited longest, each point of priority counting
    /// as age. An account waits since it last had a worker of this lane, so that one with thousands of tasks
    /// does not keep another waiting for all of them, not even where there is one worker.
    pub(super) fn next_of(&self, lane: Lane, heads: &[Head]) -> Option<i64> {
        let state = self.lock();
        let place = |head: &Head| match state.served.get(&(lane, head.account_id)) {
            Some(&turn) => head.sort_key.max(sort_key(turn, head.priority)),
            None => head.sort_key,
        };
        let next = heads.iter().min_by_key(|head| (place(head), head.sort_key, head.pk))?;
        Some(next.pk)
    }

    pub(super) fn serves(&self, lane: Lane, account_id: AccountId, now: Timestamp) {
        let mut state = self.lock();
        if state.served.len() >= SERVED_MAX {
            state.served.clear();
        }
        state.served.insert((lane, account_id), now);
    }

    /// Is nothing taken from this lane?
    pub fn is_paused(&self, lane: Lane) -> bool {
        self.lock().paused.contains(&lane)
    }

    /// From now on these lanes are paused, and no others: what runs in them is handed back. Of two who do it at once the
    /// one that reads later counts.
    pub(super) fn pause_lanes(&self, read: impl FnOnce() -> Result<Vec<Lane>>) -> Result<()> {
        let _one_at_a_time = lock(&self.pausing);
        let paused = read()?;
        let mut state = self.lock();
        state.paused = paused.into_iter().collect();
        let held = state.running.values().filter(|running| state.paused.contains(&running.lane));
        held.for_each(|running| running.hand_back());
        drop(state);
        self.ring();
        Ok(())
    }

    /// How often workers have looked for work; an idle engine does not.
    pub fn looks(&self) -> u64 {
        self.lock().looks
    }

    /// A stop waits this long for workers that do not listen, instead of 8 seconds.
    #[doc(hidden)]
    pub fn stop_waits_at_most(&self, patience: Duration) {
        self.lock().stop_wait = Some(patience);
    }

    /// Reports workers that ignore a wish for this long, instead of for 30 seconds.
    #[doc(hidden)]
    pub fn report_stuck_after(&self, patience: Duration) {
        self.lock().stuck_after = Some(patience);
        self.ring_timer();
    }

    /// The number to wait beyond; `None` when it is time to stop.
    fn turn(&self) -> Option<u64> {
        let mut state = self.lock();
        state.looks += 1;
        (!state.stopping).then_some(state.turn)
    }

    fn wait_beyond(&self, turn: u64) {
        let state = self.lock();
        drop(self.bell.wait_while(state, |state| state.turn == turn && !state.stopping));
    }

    fn wait_timer(&self, seen: u64, at_most: Duration) -> Option<u64> {
        let state = self.lock();
        let waiting = |state: &mut State| state.timer_turn == seen && !state.stopping;
        let (state, _) = self
            .bell
            .wait_timeout_while(state, at_most, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.stopping).then_some(state.timer_turn)
    }

    /// Asks every running task to stop; no other is begun.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.running.values().for_each(|running| running.shut_down());
        drop(state);
        self.bell.notify_all();
    }

    /// Tells of workers that do not stop; how long until it is worth another look.
    fn report_stuck(&self) -> Duration {
        let state = self.lock();
        let patience = state.stuck_after.unwrap_or(STUCK);
        state.running.values().for_each(|running| running.report_if_late(patience));
        TIMER_MAX.min(patience / 3)
    }
}

/// The worker threads and the timer; [`Workers::stop`] waits until each task has stopped at a safe point.
pub struct Workers {
    engine: Arc<Engine>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub fn start(engine: &Arc<Engine>) -> Result<Self> {
        let mut threads = Vec::new();
        for &lane in Lane::ALL {
            let count = engine.settings.workers.get(&lane).copied().unwrap_or(0);
            for number in 0..count {
                let name = format!("{}-{number}", lane.word());
                threads.push(spawn(engine, name, move |engine| serve(engine, lane))?);
            }
        }
        threads.push(spawn(engine, "timer".to_owned(), time)?);
        Ok(Self { engine: engine.clone(), threads })
    }

    /// Ends the workers; false when one of them did not stop in time. What it had is rescued at the next start.
    pub fn stop(self) -> bool {
        self.engine.queue.stop();
        let wait = self.engine.queue.lock().stop_wait.unwrap_or(STOP_WAIT);
        let asked = Instant::now();
        while asked.elapsed() < wait && !self.threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(STOP_LOOK);
        }
        let (over, stuck): (Vec<_>, Vec<_>) =
            self.threads.into_iter().partition(JoinHandle::is_finished);
        for thread in over {
            let _ = thread.join();
        }
        for thread in &stuck {
            let name = thread.thread().name().unwrap_or_default();
            tracing::error!(worker = name, "a worker did not stop in time and is left behind");
        }
        stuck.is_empty()
    }
}

fn spawn(
    engine: &Arc<Engine>,
    name: String,
    work: impl FnOnce(&Arc<Engine>) + Send + 'static,
) -> Result<JoinHandle<()>> {
    let engine = engine.clone();
    std::thread::Builder::new()
        .name(name)
        .spawn(move || work(&engine))
        .map_err(|error| Error::io("starting a worker thread", &error))
}

/// Small work may use the big doors, never the reverse.
pub(super) fn doors(lane: Lane) -> &'static [Lane] {
    match lane {
        Lane::Quick => &[Lane::Quick],
        Lane::Io => &[Lane::Io, Lane::Quick],
        Lane::Cpu => &[Lane::Cpu, Lane::Quick],
        Lane::Maintenance => &[Lane::Maintenance],
    }
}

fn serve(engine: &Arc<Engine>, lane: Lane) {
    let doors = doors(lane);
    while let Some(turn) = engine.queue.turn() {
        match worker::claim(engine, doors) {
            Ok(Some(task)) => worker::run(engine, task),
            Ok(None) => engine.queue.wait_beyond(turn),
            Err(error) => {
                tracing::error!(%error, "a worker could not look for work; it tries again");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

/// Opens gates when their time has come, and watches over workers that do not stop.
fn time(engine: &Arc<Engine>) {
    let mut seen = 0;
    loop {
        let wait = engine.open_gates().unwrap_or_else(|error| {
            tracing::error!(%error, "the timer could not look at scheduled tasks; it tries again");
            TIMER_MAX
        });
        let look = engine.queue.report_stuck();
        match engine.queue.wait_timer(seen, wait.min(look)) {
            Some(turn) => seen = turn,
            None => return,
        }
    }
}

impl Engine {
    /// Opens the gates that are due; how long until the next one is.
    pub fn open_gates(&self) -> Result<Duration> {
        let now = self.clock.now();
        let next = self.store.read_now(rows::next_due)?;
        let Some(next) = next else { return Ok(Duration::MAX) };
        if next > now {
            return Ok(Duration::from_millis(next.ms_since(now) as u64));
        }
        self.store.write_now(move |tx| rows::open_due(tx, now))?;
        self.queue.ring();
        Ok(Duration::ZERO)
    }
}
