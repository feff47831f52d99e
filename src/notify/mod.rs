//! Tells people what happened while they were away: a list they find, browsers that are woken, webhooks. What is told is
//! decided in the transaction of its cause; sending it is the work of one task that reads rows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::domain::error::{Error, Result};
use crate::domain::event::Event;
use crate::domain::id::{AccountId, DeliveryId};
use crate::domain::notification::{Channel, Subject};
use crate::domain::task::Task;
use crate::engine::live::Live;
use crate::engine::{Engine, Witness};
use crate::outgoing::Reach;
use crate::store::notifications::{self, Notification};
use crate::store::outbox::{self, Target};
use crate::store::{Tx, accounts, events, push, webhooks};

pub mod billing;
mod deliver;
pub mod forms;
pub mod secrets;
pub mod sender;
pub mod told;
pub mod vapid;
pub mod web_push;

use told::Told;

/// A task that ran longer than this may be told of when it completes.
const LONG_MS: i64 = 60_000;

/// What this layer is told by the configuration.
pub struct Settings {
    /// Where webhooks and push services may lie.
    pub reach: Reach,
    /// An address for the operators of push services, `mailto:` or `https:`.
    pub contact: String,
    pub billing: Option<billing::Billing>,
}

/// Decides who is told, and holds what sending needs.
pub struct Notifier {
    engine: Arc<Engine>,
    live: Arc<Live>,
    settings: Settings,
    vapid: vapid::Keys,
    /// Wakes the sender.
    bell: Notify,
    /// Set in a transaction, looked at after its commit; the writer's thread does both.
    queued: AtomicBool,
}

impl Notifier {
    /// Made before the first task can end; it hears of all ends from then on.
    pub fn new(
        engine: Arc<Engine>,
        live: Arc<Live>,
        vapid: vapid::Keys,
        settings: Settings,
    ) -> Arc<Self> {
        let notifier = Arc::new(Self {
            engine,
            live,
            settings,
            vapid,
            bell: Notify::new(),
            queued: AtomicBool::new(false),
        });
        let witness: Arc<dyn Witness> = notifier.clone();
        let weak: Weak<dyn Witness> = Arc::downgrade(&witness);
        notifier.engine.set_witness(weak);
        notifier
    }

    /// Which addresses may be named.
    pub fn reach(&self) -> Reach {
        self.settings.reach
    }

    /// The public key that browsers subscribe with.
    pub fn public_key(&self) -> String {
        self.vapid.public()
    }

    /// Looks for something to send, after a commit that put it there.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Tells an account something, in the transaction of its cause, by the ways it chose; [`Notifier::ring`] after the
    /// commit, where the cause is not the end of a task. `missed`: it took long, and nobody was looking.
    pub fn tell(&self, tx: &Tx<'_>, owner: AccountId, told: &Told, missed: bool) -> Result<()> {
        let subject = told.new.subject;
        let wanted = |channel| {
            let choice = notifications::choice(tx.connection, owner, subject, channel)?;
            Ok::<_, Error>(choice.admits(missed))
        };
        if wanted(Channel::Stored)? {
            let made = notifications::insert(tx, owner, &told.new)?;
            let (_, unread) = notifications::counts(tx.connection, owner)?;
            let mut data = view(&made);
            data["unread"] = json!(unread);
            events::record(tx, Event::lasting(owner, "notification", None, data))?;
        }
        if wanted(Channel::Push)? {
            for browser in push::list(tx.connection, owner)? {
                self.put(tx, owner, Target::Browser(owner, browser.id), told)?;
            }
        }
        if wanted(Channel::Webhook)? {
            for webhook in webhooks::list(tx.connection, owner)? {
                if webhook.enabled && webhook.subjects.contains(&subject) {
                    self.put(tx, owner, Target::Webhook(owner, webhook.id), told)?;
                }
            }
        }
        Ok(())
    }

    fn put(&self, tx: &Tx<'_>, owner: AccountId, target: Target, told: &Told) -> Result<()> {
        // Whoever is locked out is not told either, beyond the list that waits for them.
        if accounts::get(tx.connection, owner, tx.now)?.is_none_or(|account| account.disabled) {
            return Ok(());
        }
        // At most 32 characters of base64url are a topic (RFC 8030, section 5.4): an id without its hyphens.
        let topic = told.new.task_id.map(|id| id.to_string().replace('-', ""));
        outbox::insert(tx, target, told.new.subject, topic.as_deref(), &told.data)?;
        self.queued.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Puts a test on its way; [`Notifier::ring`] after the commit.
pub fn test(tx: &Tx<'_>, target: Target) -> Result<DeliveryId> {
    outbox::insert(tx, target, Subject::Test, None, &Told::test().data)
}

impl Witness for Notifier {
    fn ended(&self, tx: &Tx<'_>, task: &Task) -> Result<()> {
        let Some(subject) = Subject::of_end(task.status) else { return Ok(()) };
        let started = task.started_at.unwrap_or(task.created_at);
        let ran_ms = task.finished_at.map_or(0, |finished| finished.ms_since(started));
        let missed = ran_ms > LONG_MS && !self.live.hears(task.account_id);
        self.tell(tx, task.account_id, &Told::end_of(subject, task), missed)
    }

    fn committed(&self) {
        if self.queued.swap(false, Ordering::Relaxed) {
            self.ring();
        }
    }
}

/// What clients see of a notification.
pub fn view(notification: &Notification) -> Value {
    json!({
        "id": notification.id,
        "event": notification.subject.name(),
        "title": notification.title,
        "body": notification.body,
        "taskId": notification.task_id,
        "createdAt": notification.at,
        "readAt": notification.read_at,
    })
}
