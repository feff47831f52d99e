//! The registry of connected clients. Each has a bounded queue: progress of a task is merged there (the latest
//! wins), lasting events are not; a reader that falls too far behind is disconnected and comes back by `since`.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::{Event, Weight};
use crate::domain::id::{AccountId, SessionId, TaskId};
use crate::domain::progress::Throttle;
use crate::domain::time::Timestamp;

/// Lasting events that may wait for one client.
const QUEUE: usize = 1024;
const CLIENTS: usize = 2_000;
const CLIENTS_OF_ACCOUNT: usize = 64;
/// A throttle that nothing passed for this long is forgotten.
const FORGET_MS: i64 = 60_000;

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Too far behind; reconnect with the last number seen.
    TooSlow,
    /// The session was revoked.
    SignedOut,
    ShuttingDown,
}

/// One packet, ready to be sent.
#[derive(Clone, Debug)]
pub struct Packet {
    pub seq: Option<u64>,
    /// Which task it tells of, and which revision of it.
    pub revision: Option<(TaskId, i64)>,
    pub text: Arc<str>,
}

/// What one packet looks like on the wire.
pub fn packet(name: &str, data: &Value, seq: Option<u64>) -> Arc<str> {
    let mut packet = json!({ "type": name, "data": data });
    if let Some(seq) = seq {
        packet["seq"] = json!(seq);
    }
    packet.to_string().into()
}

type ProgressKey = (TaskId, &'static str);

#[derive(Default)]
struct Queue {
    packets: VecDeque<Packet>,
    /// Number of packets that ever left the queue, so that positions stay valid while it moves.
    taken: u64,
    /// Position of the latest progress of a task, while it may still be replaced.
    replaceable: HashMap<ProgressKey, u64>,
    lasting: usize,
    close: Option<Close>,
}

/// One connected client.
pub struct Client {
    account_id: AccountId,
    session_id: SessionId,
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Client {
    /// Resolves when there is something to take.
    pub async fn ready(&self) {
        self.wake.notified().await;
    }

    /// All packets that wait, or the reason to close.
    pub fn take(&self) -> Result<Vec<Packet>, Close> {
        let mut queue = lock(&self.queue);
        if let Some(close) = queue.close {
            return Err(close);
        }
        queue.replaceable.clear();
        queue.lasting = 0;
        queue.taken += queue.packets.len() as u64;
        Ok(queue.packets.drain(..).collect())
    }

    fn push(&self, event: &Event, text: &Arc<str>) {
        let mut queue = lock(&self.queue);
        let revision = event.task_id.zip(event.data["rev"].as_i64());
        let packet = Packet { seq: event.seq, revision, text: text.clone() };
        match (event.weight, event.task_id) {
            (Weight::Lasting, task_id) => {
                queue.lasting += 1;
                if queue.lasting > QUEUE {
                    queue.close = Some(Close::TooSlow);
                    queue.packets.clear();
                }
                // What comes later must not overtake this event by replacing something before it.
                queue.replaceable.retain(|(of, _), _| Some(*of) != task_id);
                queue.packets.push_back(packet);
            }
            (_, Some(task_id)) => {
                let key = (task_id, event.name);
                match queue.replaceable.get(&key).map(|&position| (position - queue.taken) as usize)
                {
                    Some(index) => queue.packets[index] = packet,
                    None => {
                        let position = queue.taken + queue.packets.len() as u64;
                        queue.replaceable.insert(key, position);
                        queue.packets.push_back(packet);
                    }
                }
            }
            (_, None) => queue.packets.push_back(packet),
        }
        drop(queue);
        self.wake.notify_one();
    }

    fn close(&self, why: Close) {
        lock(&self.queue).close = Some(why);
        self.wake.notify_one();
    }
}

/// A task's progress on its way out.
struct Gate {
    throttle: Throttle,
    touched: Timestamp,
    /// Held back; sent when its time comes.
    held: Option<(f64, Event)>,
}

#[derive(Default)]
struct Registry {
    clients: HashMap<AccountId, Vec<Arc<Client>>>,
    gates: HashMap<ProgressKey, Gate>,
}

/// All connected clients of this process.
pub struct Live {
    clock: Clock,
    registry: Mutex<Registry>,
    connected: AtomicUsize,
}

/// Takes its client out of the registry when dropped.
pub struct Membership {
    live: Arc<Live>,
    pub client: Arc<Client>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut registry = lock(&self.live.registry);
        if let Some(clients) = registry.clients.get_mut(&self.client.account_id) {
            clients.retain(|client| !Arc::ptr_eq(client, &self.client));
            if clients.is_empty() {
                registry.clients.remove(&self.client.account_id);
            }
        }
        self.live.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Live {
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, registry: Mutex::default(), connected: AtomicUsize::new(0) })
    }

    pub fn connections(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    /// Is anybody of this account connected?
    pub fn hears(&self, account_id: AccountId) -> bool {
        lock(&self.registry).clients.contains_key(&account_id)
    }

    /// From now on the client's queue receives its account's events.
    pub fn join(
        self: &Arc<Self>,
        account_id: AccountId,
        session_id: SessionId,
    ) -> Result<Membership> {
        let mut registry = lock(&self.registry);
        let clients = registry.clients.entry(account_id).or_default();
        if clients.len() >= CLIENTS_OF_ACCOUNT || self.connections() >= CLIENTS {
            return Err(Error::new(
                Kind::TooMany,
                "Too many live connections are open. Close one and try again.",
            ));
        }
        let client = Arc::new(Client {
            account_id,
            session_id,
            queue: Mutex::default(),
            wake: Notify::new(),
        });
        clients.push(client.clone());
        self.connected.fetch_add(1, Ordering::Relaxed);
        Ok(Membership { live: self.clone(), client })
    }

    /// Hands committed events on, in order. Called by the database's writer thread: it never blocks.
    pub fn publish(&self, events: Vec<Event>) {
        let now = self.clock.now();
        let mut registry = lock(&self.registry);
        for event in events {
            if registry.clients.contains_key(&event.account_id) {
                registry.offer(event, now);
            }
        }
    }

    /// Sends held-back progress whose time has come. Called a few times a second.
    pub fn flush_due(&self) {
        let now = self.clock.now();
        let mut registry = lock(&self.registry);
        let due: Vec<Event> = registry
            .gates
            .values_mut()
            .filter_map(|gate| {
                let (percent, _) = gate.held.as_ref()?;
                let due = gate.throttle.admit(*percent, now);
                due.then(|| gate.held.take().map(|(_, event)| event)).flatten()
            })
            .collect();
        due.iter().for_each(|event| registry.send(event));
        registry.gates.retain(|_, gate| now.ms_since(gate.touched) < FORGET_MS);
    }

    /// Closes the sockets of one session, at sign-out.
    pub fn close_session(&self, session_id: SessionId) {
        self.close_where(Close::SignedOut, |client| client.session_id == session_id);
    }

    /// Closes every socket, at shutdown.
    pub fn close_all(&self) {
        self.close_where(Close::ShuttingDown, |_| true);
    }

    fn close_where(&self, why: Close, matches: impl Fn(&Client) -> bool) {
        let registry = lock(&self.registry);
        registry
            .clients
            .values()
            .flatten()
            .filter(|client| matches(client))
            .for_each(|client| client.close(why));
    }
}

impl Registry {
    fn offer(&mut self, event: Event, now: Timestamp) {
        match (event.weight, event.task_id) {
            (Weight::Tick(percent), Some(task_id)) => {
                let gate = self.gates.entry((task_id, event.name)).or_insert_with(|| Gate {
                    // The first progress of a task passes at once.
                    throttle: Throttle::new(-100.0, Timestamp(0)),
                    touched: now,
                    held: None,
                });
                gate.touched = now;
                if gate.throttle.admit(percent, now) {
                    gate.held = None;
                    self.send(&event);
                } else {
                    gate.held = Some((percent, event));
                }
            }
            (Weight::Prompt | Weight::Lasting, Some(task_id)) => {
                // What is held back is older than this, and must not come after it.
                self.gates.retain(|(of, _), _| *of != task_id || event.name == "task.created");
                self.send(&event);
            }
            _ => self.send(&event),
        }
    }

    fn send(&self, event: &Event) {
        let Some(clients) = self.clients.get(&event.account_id) else { return };
        let text = packet(event.name, &event.data, event.seq);
        clients.iter().for_each(|client| client.push(event, &text));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        live: Arc<Live>,
        clock: Clock,
        account: AccountId,
        task: TaskId,
    }

    fn scene() -> (Scene, Membership) {
        let clock = Clock::default();
        let live = Live::new(clock.clone());
        let (account, task) = (AccountId::generate(), TaskId::generate());
        let member = live.join(account, SessionId::generate()).unwrap();
        (Scene { live, clock, account, task }, member)
    }

    impl Scene {
        fn progress(&self, percent: f64) -> Event {
            Event::passing(
                self.account,
                "task.progress",
                self.task,
                Weight::Tick(percent),
                json!(percent),
            )
        }

        fn lasting(&self, seq: u64) -> Event {
            let mut event = Event::lasting(self.account, "task.paused", Some(self.task), json!({}));
            event.seq = Some(seq);
            event
        }
    }

    fn texts(member: &Membership) -> Vec<String> {
        member.client.take().unwrap().iter().map(|packet| packet.text.to_string()).collect()
    }

    #[test]
    fn progress_waiting_for_a_slow_reader_is_merged_but_never_moved_over_a_lasting_event() {
        let (scene, member) = scene();
        scene.live.publish(vec![scene.progress(10.0)]);
        scene.clock.advance_ms(200);
        scene.live.publish(vec![scene.progress(20.0), scene.lasting(1)]);
        scene.clock.advance_ms(200);
        scene.live.publish(vec![scene.progress(30.0)]);
        let seen = texts(&member);
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(
            seen[0].contains("20.0") && seen[1].contains("task.paused") && seen[2].contains("30.0")
        );
    }

    #[test]
    fn held_back_progress_is_sent_when_its_second_is_over() {
        let (scene, member) = scene();
        scene.live.publish(vec![scene.progress(10.0)]);
        scene.live.publish(vec![scene.progress(11.0)]);
        assert_eq!(texts(&member).len(), 1);
        scene.live.flush_due();
        assert!(texts(&member).is_empty());
        scene.clock.advance_ms(1000);
        scene.live.flush_due();
        assert!(texts(&member)[0].contains("11.0"));
    }

    #[test]
    fn a_reader_too_far_behind_is_disconnected_not_robbed() {
        let (scene, member) = scene();
        scene.live.publish((1..=QUEUE as u64).map(|seq| scene.lasting(seq)).collect());
        assert_eq!(member.client.take().unwrap().len(), QUEUE);
        scene.live.publish((0..=QUEUE as u64).map(|seq| scene.lasting(seq)).collect());
        assert_eq!(member.client.take().unwrap_err(), Close::TooSlow);
    }

    #[test]
    fn only_the_own_account_hears_and_leaving_is_noticed() {
        let (scene, member) = scene();
        let stranger = scene.live.join(AccountId::generate(), SessionId::generate()).unwrap();
        scene.live.publish(vec![scene.lasting(1)]);
        assert_eq!((texts(&member).len(), texts(&stranger).len()), (1, 0));
        assert_eq!(scene.live.connections(), 2);
        drop(stranger);
        assert_eq!(scene.live.connections(), 1);
        scene.live.close_session(member.client.session_id);
        assert_eq!(member.client.take().unwrap_err(), Close::SignedOut);
    }
}
