//! What the engine promises, as a small model in plain Rust: a list of tasks and the rules, no database, no threads.
//! `engine_machine` holds the real engine against it.

use std::collections::{BTreeMap, HashMap};

use drive::domain::error::Kind;
use drive::domain::task::{Intent, Status, Verb};
use drive::domain::work::Lane::{self, Cpu, Quick};
use drive::domain::work::backoff_ms;

use crate::harness::scripted::Act;
use crate::harness::world::HOUR_MS;

pub const SLOTS: [(Lane, usize); 2] = [(Quick, 2), (Cpu, 1)];
pub const QUOTA: u64 = 1_000;
const MAX_ATTEMPTS: i64 = 3;
const POINT_MS: i64 = 30_000;

/// What happens to the engine. Tasks are named by a number that wraps around.
#[derive(Clone, Debug)]
pub enum Step {
    Create(Wish),
    Claim(Lane),
    /// Begins what was claimed, or lets it do its next item.
    Work(usize),
    Ask(usize, Verb),
    Prioritise(usize, u8),
    Advance(i64),
    Sweep,
    Stop,
    Crash,
    /// A client connects, or goes.
    Connect,
    Disconnect,
    /// What the client of a task says of it.
    ClientEnds(usize, Verb),
}

#[derive(Clone, Debug)]
pub struct Wish {
    pub account: usize,
    pub lane: Lane,
    pub priority: u8,
    pub script: Vec<Act>,
    pub unique: Option<u8>,
    /// The key, and which request it stands for.
    pub idempotency: Option<(u8, u8)>,
    pub depends_on: Vec<usize>,
    pub parent: Option<usize>,
    pub delay_ms: Option<i64>,
    pub reserve: u64,
    pub client: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    None,
    Claimed,
    /// Held before this item, or before the end.
    Held,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub wish: Wish,
    pub depends_on: Vec<usize>,
    pub parent: Option<usize>,
    pub status: Status,
    pub intent: Intent,
    pub hands: Hands,
    pub gate: i64,
    pub run_at: Option<i64>,
    pub created: i64,
    pub touched: i64,
    pub expires: Option<i64>,
    pub finished: Option<i64>,
    pub priority: u8,
    pub epoch: i64,
    pub attempt: i64,
    pub crashes: i64,
    pub items_done: usize,
    pub reserved: u64,
    pub gone: bool,
}

impl Row {
    pub fn is_open(&self) -> bool {
        !self.gone && !self.status.is_final()
    }

    fn sort_key(&self) -> i64 {
        self.created - i64::from(self.priority) * POINT_MS
    }
}

/// What came of the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Nothing,
    New(usize),
    Known(usize),
    Claimed(Option<usize>),
    Done,
    Refused(Kind),
}

#[derive(Clone, Debug)]
pub struct Model {
    pub now: i64,
    pub rows: Vec<Row>,
    pub told: Told,
    keys: BTreeMap<(usize, u8), (u8, usize, i64)>,
    served: HashMap<(Lane, usize), i64>,
}

type Outcome = Result<(), Kind>;

impl Model {
    pub fn new(now: i64) -> Self {
        let (keys, served) = (BTreeMap::new(), HashMap::new());
        Self { now, rows: Vec::new(), told: Told::Nothing, keys, served }
    }

    /// The task that a number names.
    pub fn named(&self, number: usize) -> Option<usize> {
        (!self.rows.is_empty()).then(|| number % self.rows.len())
    }

    pub fn take(&mut self, step: &Step) {
        self.told = match step {
            Step::Create(wish) => self.create(wish).unwrap_or_else(Told::Refused),
            Step::Claim(lane) => Told::Claimed(self.claim(*lane)),
            Step::Ask(number, verb) => self.on(*number, |model, at| model.ask(at, *verb)),
            Step::Prioritise(number, priority) => self.on(*number, |model, at| {
                let row = &mut model.rows[at];
                if row.status.is_final() {
                    return Err(Kind::TaskFinished);
                }
                row.priority = *priority;
                Ok(())
            }),
            Step::ClientEnds(number, verb) => self.on(*number, |model, at| {
                if !model.rows[at].wish.client {
                    return Ok(());
                }
                model.apply(at, *verb).map(|_| ())
            }),
            step => {
                self.pass(step);
                Told::Nothing
            }
        };
    }

    fn pass(&mut self, step: &Step) {
        match step {
            Step::Work(number) => {
                let at = self.named(*number).filter(|&at| self.rows[at].hands != Hands::None);
                if let Some(at) = at {
                    self.work(at, false);
                }
            }
            Step::Advance(milliseconds) => {
                self.now += milliseconds;
                let now = self.now;
                let due = |row: &Row| row.run_at.is_some_and(|at| at <= now) && row.gate != 0;
                for row in self.rows.iter_mut().filter(|row| row.status == Status::Pending) {
                    if due(row) {
                        (row.gate, row.run_at) = (row.gate & !1, None);
                    }
                }
            }
            Step::Sweep => self.sweep(),
            Step::Stop => {
                for at in 0..self.rows.len() {
                    while self.rows[at].hands != Hands::None {
                        self.work(at, true);
                    }
                }
                self.served.clear();
            }
            Step::Crash => {
                for at in 0..self.rows.len() {
                    if self.rows[at].hands != Hands::None {
                        self.rescue(at);
                    }
                }
                self.served.clear();
            }
            _ => {}
        }
    }

    fn on(&mut self, number: usize, act: impl FnOnce(&mut Self, usize) -> Outcome) -> Told {
        match self.named(number) {
            None => Told::Nothing,
            Some(at) if self.rows[at].gone => Told::Refused(Kind::NotFound),
            Some(at) => act(self, at).map_or_else(Told::Refused, |()| Told::Done),
        }
    }

    fn own(&self, account: usize, at: usize) -> Result<&Row, Kind> {
        let row = &self.rows[at];
        let own = !row.gone && row.wish.account == account;
        own.then_some(row).ok_or(Kind::NotFound)
    }

    fn create(&mut self, wish: &Wish) -> Result<Told, Kind> {
        let account = wish.account;
        if let Some((key, request)) = wish.idempotency
            && let Some(&(known, at, _)) = self.keys.get(&(account, key))
        {
            return match known == request {
                false => Err(Kind::IdempotencyMismatch),
                true => self.own(account, at).map(|_| Told::Known(at)),
            };
        }
        let named: Vec<usize> = wish.depends_on.iter().filter_map(|&on| self.named(on)).collect();
        if !named.is_empty() && wish.client {
            return Err(Kind::Invalid);
        }
        let mut depends_on = Vec::new();
        for at in named {
            match self.own(account, at)?.status {
                Status::Completed => {}
                status if status.is_final() => return Err(Kind::DependencyFailed),
                _ => depends_on.push(at),
            }
        }
        let parent = wish.parent.and_then(|parent| self.named(parent));
        if let Some(at) = parent
            && self.own(account, at)?.status.is_final()
        {
            return Err(Kind::TaskFinished);
        }
        let run_at = wish.delay_ms.filter(|&delay| delay > 0).map(|delay| self.now + delay);
        if run_at.is_some() && wish.client {
            return Err(Kind::Invalid);
        }
        let twin = |row: &&Row| {
            row.is_open() && row.wish.account == account && row.wish.unique == wish.unique
        };
        if wish.unique.is_some()
            && let Some(at) = self.rows.iter().position(|row| twin(&row))
        {
            return Ok(Told::Known(at));
        }
        if self.reserved(account) + wish.reserve > QUOTA {
            return Err(Kind::QuotaExceeded);
        }
        let at = self.rows.len();
        if let Some((key, request)) = wish.idempotency {
            self.keys.insert((account, key), (request, at, self.now));
        }
        let gate = i64::from(run_at.is_some()) + 2 * i64::from(!depends_on.is_empty());
        self.rows.push(Row {
            depends_on,
            parent,
            status: if wish.client { Status::InProgress } else { Status::Pending },
            intent: Intent::None,
            hands: Hands::None,
            gate,
            run_at,
            created: self.now,
            touched: self.now,
            expires: wish.client.then_some(self.now + 24 * HOUR_MS),
            finished: None,
            priority: wish.priority,
            epoch: 0,
            attempt: 0,
            crashes: 0,
            items_done: 0,
            reserved: wish.reserve,
            gone: false,
            wish: wish.clone(),
        });
        Ok(Told::New(at))
    }

    pub fn forget_keys(&mut self, before: i64) {
        self.keys.retain(|_, (_, _, at)| *at >= before);
    }

    pub fn reserved(&self, account: usize) -> u64 {
        let own = self.rows.iter().filter(|row| !row.gone && row.wish.account == account);
        own.map(|row| row.reserved).sum()
    }

    fn claim(&mut self, worker: Lane) -> Option<usize> {
        let doors: &[Lane] = if worker == Quick { &[Quick] } else { &[Cpu, Quick] };
        let (at, lane) = doors.iter().find_map(|&lane| Some((self.next(lane)?, lane)))?;
        let row = &mut self.rows[at];
        (row.status, row.hands) = (Status::InProgress, Hands::Claimed);
        (row.epoch, row.attempt, row.touched) = (row.epoch + 1, row.attempt + 1, self.now);
        self.served.insert((lane, row.wish.account), self.now);
        Some(at)
    }

    fn next(&self, lane: Lane) -> Option<usize> {
        let slots = SLOTS.iter().find(|(of, _)| *of == lane)?.1;
        let is_in = |row: &Row| !row.gone && row.wish.lane == lane;
        let running = |account: usize| {
            let holds = |row: &&Row| row.hands != Hands::None && row.wish.account == account;
            self.rows.iter().filter(|row| is_in(row)).filter(holds).count()
        };
        let heads: Vec<usize> = (0..2)
            .filter_map(|account| {
                let waits = |&at: &usize| {
                    let row = &self.rows[at];
                    let mine = is_in(row) && row.wish.account == account;
                    mine && row.status == Status::Pending && row.gate == 0
                };
                let own = (0..self.rows.len()).filter(waits);
                own.min_by_key(|&at| (self.rows[at].sort_key(), at))
            })
            .collect();
        let cap = (slots - 1).max(1);
        let below = heads.iter().copied().filter(|&at| running(self.rows[at].wish.account) < cap);
        let below: Vec<usize> = below.collect();
        let place = |at: usize| {
            let row = &self.rows[at];
            let turn = self.served.get(&(lane, row.wish.account)).copied();
            let turn = turn.map(|turn| turn - i64::from(row.priority) * POINT_MS);
            (turn.unwrap_or(i64::MIN).max(row.sort_key()), row.sort_key(), at)
        };
        let among = if below.is_empty() { heads } else { below };
        among.into_iter().min_by_key(|&at| place(at))
    }

    /// One step of a worker; `stopping` when the server is.
    fn work(&mut self, at: usize, stopping: bool) {
        self.act(at, stopping);
        let row = &self.rows[at];
        if row.hands == Hands::None {
            self.served.insert((row.wish.lane, row.wish.account), self.now);
        }
    }

    fn act(&mut self, at: usize, stopping: bool) {
        let row = &mut self.rows[at];
        let asked = stopping || row.intent != Intent::None;
        if row.hands == Hands::Claimed {
            match asked {
                true => self.stop_here(at),
                false => row.hands = Hands::Held,
            }
            return;
        }
        let Some(act) = row.wish.script.get(row.items_done).cloned() else {
            let _ = self.apply(at, Verb::Finish);
            return;
        };
        match act {
            Act::Passing(last) if row.attempt <= last => self.fail(at, true),
            Act::Panic(last) if row.attempt <= last => {
                let first = row.attempt < 2;
                self.fail(at, first);
            }
            Act::Fatal => self.fail(at, false),
            _ => {
                (row.items_done, row.touched) = (row.items_done + 1, self.now);
                if asked {
                    self.stop_here(at);
                }
            }
        }
    }

    fn stop_here(&mut self, at: usize) {
        let row = &mut self.rows[at];
        if matches!(row.intent, Intent::None | Intent::Pause) {
            row.attempt -= 1;
        }
        let _ = self.apply(at, Verb::Yield);
    }

    fn fail(&mut self, at: usize, passing: bool) {
        let attempt = self.rows[at].attempt;
        if !passing || attempt >= MAX_ATTEMPTS {
            let _ = self.apply(at, Verb::Fail);
            return;
        }
        let _ = self.apply(at, Verb::Yield);
        let row = &mut self.rows[at];
        if row.status == Status::Pending {
            let wait = backoff_ms(attempt + 1, (at as u64 + 1) * 37);
            (row.gate, row.run_at) = (row.gate | 1, Some(self.now + wait));
        }
    }
}
