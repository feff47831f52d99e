//! Who works on what in this process: workers that wait, tasks that run, and the wishes they are to honour. Nobody
//! polls: a worker wakes up when something may have become claimable, the timer when a gate is due.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Engine, worker};
use crate::domain::error::{Error, Result};
use crate::domain::progress::Rate;
use crate::domain::task::{Driver, Intent, Status, Task};
use crate::domain::time::Timestamp;
use crate::domain::work::Lane;
use crate::store::queue as rows;

/// A worker that has not honoured a wish for this long is reported.
const STUCK: Duration = Duration::from_secs(30);
/// The timer looks around at least this often, for stuck workers.
const TIMER_MAX: Duration = Duration::from_secs(10);

/// Why a running task is to stop at its next safe point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    No,
    /// Pause, cancel or expiry: the task's row says which.
    Wish,
    Shutdown,
}

/// A task that a worker has.
pub struct Running {
    pub pk: i64,
    pub epoch: i64,
    pub name: String,
    stop: AtomicU8,
    asked: Mutex<Option<Instant>>,
    stuck: AtomicBool,
    rate: Mutex<(Rate, u64)>,
}

impl Running {
    fn new(task: &Task) -> Self {
        Self {
            pk: task.pk,
            epoch: task.epoch,
            name: task.id.to_string(),
            stop: AtomicU8::new(0),
            asked: Mutex::default(),
            stuck: AtomicBool::new(false),
            // What an earlier run did is no part of this run's rate.
            rate: Mutex::new((Rate::default(), task.units_done)),
        }
    }

    pub fn stopping(&self) -> Stopping {
        match self.stop.load(Ordering::Relaxed) {
            0 => Stopping::No,
            1 => Stopping::Wish,
            _ => Stopping::Shutdown,
        }
    }

    fn ask(&self, stopping: Stopping) {
        let number = match stopping {
            Stopping::No => 0,
            Stopping::Wish => 1,
            Stopping::Shutdown => 2,
        };
        self.stop.store(number, Ordering::Relaxed);
        *lock(&self.asked) = (number != 0).then(Instant::now);
    }

    /// Notes how far the task is, for its rate.
    pub fn sample(&self, done: u64, now: Timestamp) {
        let mut rate = lock(&self.rate);
        let fresh = done.saturating_sub(rate.1);
        rate.1 = done;
        rate.0.add(fresh, now);
    }

    /// Bytes a second; `None` while nothing moves.
    pub fn bytes_per_second(&self, now: Timestamp) -> Option<u64> {
        lock(&self.rate).0.bytes_per_second(now).filter(|&rate| rate > 0)
    }

    /// Has it ignored a wish for long?
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct State {
    /// Rises when something may have become claimable.
    turn: u64,
    /// Rises when the timer is to look anew.
    timer_turn: u64,
    stopping: bool,
    running: HashMap<i64, Arc<Running>>,
}

/// Called at each safe point of each running task.
pub type Probe = Arc<dyn Fn() + Send + Sync>;

/// The waiting room of the workers.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    bell: Condvar,
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
                    && running.stopping() != Stopping::Shutdown
                    && running.epoch == task.epoch
                {
                    running.ask(stopping);
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

    /// Takes note of a claim; a stop that came meanwhile counts at once.
    pub(super) fn begin(&self, task: &Task) -> Arc<Running> {
        let running = Arc::new(Running::new(task));
        let mut state = self.lock();
        if state.stopping {
            running.ask(Stopping::Shutdown);
        }
        state.running.insert(task.pk, running.clone());
        running
    }

    pub(super) fn end(&self, pk: i64) {
        self.lock().running.remove(&pk);
        self.ring();
    }

    /// The number to wait beyond; `None` when it is time to stop.
    fn turn(&self) -> Option<u64> {
        let state = self.lock();
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

    fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.running.values().for_each(|running| running.ask(Stopping::Shutdown));
        drop(state);
        self.bell.notify_all();
    }

    fn report_stuck(&self) {
        for running in self.lock().running.values() {
            let asked = *lock(&running.asked);
            let late = asked.is_some_and(|asked| asked.elapsed() > STUCK);
            if late && !running.stuck.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    task.id = running.name,
                    "a worker has not stopped for 30 seconds although it was asked to"
                );
            }
        }
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

    pub fn stop(self) {
        self.engine.queue.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
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
fn doors(lane: Lane) -> &'static [Lane] {
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
        let wait = match engine.open_gates() {
            Ok(wait) => wait.min(TIMER_MAX),
            Err(error) => {
                tracing::error!(%error, "the timer could not look at scheduled tasks; it tries again");
                TIMER_MAX
            }
        };
        engine.queue.report_stuck();
        match engine.queue.wait_timer(seen, wait) {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
