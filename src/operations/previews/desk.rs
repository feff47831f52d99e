//! Makes the tasks that make previews. Nothing tells it which file is new: after tasks have ended it looks whether
//! anything waits for a preview, and does not look again for a while. So a burst of files becomes one task.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use tokio::sync::Notify;

use crate::domain::account::{Caller, Role};
use crate::domain::error::{Kind, Result};
use crate::domain::id::AccountId;
use crate::domain::task::{Status, Task, TaskType};
use crate::engine::Engine;
use crate::engine::submit::Wanted;
use crate::operations::custom::{HANDLER, make_previews};
use crate::store::{accounts, previews, tasks};

/// Rung when there may be something to look at.
#[derive(Default)]
pub struct Bell(Notify);

impl Bell {
    /// There is something to look at.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Hears of moves after their commit: whatever makes a file is a task that ends. A task that makes previews rings
    /// for those that came meanwhile, unless it was cancelled or failed: else it would come back at once.
    pub fn hear(&self, moved: &[Task]) {
        let own = |task: &Task| task.parameters[HANDLER] == make_previews::NAME;
        let rings = |task: &Task| {
            let over = task.status.is_final() || task.status == Status::Paused;
            over && (!own(task) || task.status == Status::Completed)
        };
        if moved.iter().any(rings) {
            self.ring();
        }
    }
}

pub struct Desk {
    pub engine: Arc<Engine>,
    pub bell: Arc<Bell>,
    /// From the first new file to the task that looks at it.
    pub settle: Duration,
}

impl Desk {
    /// Works until it is aborted.
    pub async fn watch(self) {
        // What an earlier run left, and what was stored before there were previews.
        self.bell.ring();
        loop {
            self.bell.0.notified().await;
            tokio::time::sleep(self.settle).await;
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "previews could not be looked for; the next file brings another look");
            }
        }
    }

    async fn round(&self) -> Result<()> {
        for owner in self.engine.store.read(previews::waiting).await? {
            if let Err(error) = self.submit(owner).await
                && error.kind() != Kind::TooMany
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// A task of the account's own, unless there is one; its end brings the next look. Who may make no tasks gets no
    /// previews.
    async fn submit(&self, owner: AccountId) -> Result<()> {
        let now = self.engine.clock.now();
        let read = self.engine.store.read(move |db| {
            let open = tasks::by_unique_key(db, owner, make_previews::NAME)?;
            Ok(if open.is_some() { None } else { accounts::get(db, owner, now)? })
        });
        let account = read.await?.filter(|one| !one.disabled && one.role >= Role::User);
        let Some(account) = account else { return Ok(()) };
        let caller = Caller::on_behalf_of(&account);
        let wanted = Wanted {
            task_type: TaskType::Custom,
            name: None,
            description: None,
            priority: 0,
            parameters: Map::from_iter([(HANDLER.to_owned(), make_previews::NAME.into())]),
            run_at: None,
            depends_on: Vec::new(),
            parent_id: None,
            idempotency: None,
        };
        self.engine.submit(caller, wanted).await.map(|_| ())
    }
}
