//! Verbs for tasks that the server drives.

use serde_json::{Value, json};

use super::client::{Answer, Client, id};
use super::{bytes, sha256};

pub trait Tasks {
    /// Asks for a task; the answer as it is.
    async fn ask(&self, task_type: &str, parameters: Value) -> Answer;
    /// Asks for a task and waits until it is Completed, Failed, Cancelled or Expired; the task.
    async fn run(&self, task_type: &str, parameters: Value) -> Value;
    /// The task when it has one of these statuses.
    async fn until(&self, id: &str, statuses: &[&str]) -> Value;
    async fn ended(&self, id: &str) -> Value;
}

pub const ENDS: &[&str] = &["Completed", "Failed", "Cancelled", "Expired"];

impl Tasks for Client {
    async fn ask(&self, task_type: &str, parameters: Value) -> Answer {
        self.post("/api/tasks", json!({ "type": task_type, "parameters": parameters })).await
    }

    async fn run(&self, task_type: &str, parameters: Value) -> Value {
        let task = self.ask(task_type, parameters).await;
        assert_eq!(task.status, 201, "{}", String::from_utf8_lossy(&task.body));
        self.ended(&id(&task.json())).await
    }

    async fn until(&self, id: &str, statuses: &[&str]) -> Value {
        let patience = std::time::Instant::now();
        loop {
            let task = self.get(&format!("/api/tasks/{id}")).await.ok();
            if statuses.iter().any(|status| task["status"] == *status) {
                return task;
            }
            assert!(patience.elapsed().as_secs() < 60, "in vain waited for {statuses:?}: {task}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    async fn ended(&self, id: &str) -> Value {
        self.until(id, ENDS).await
    }
}

/// Keeps the one worker of the maintenance lane busy for a while: many names over the same large bytes are verified,
/// with safe points in each. The running task.
pub async fn busy(user: &Client) -> String {
    let data = bytes(1, 32 * 1024 * 1024);
    user.upload("0.bin", &data, json!({})).await;
    let hash = sha256(&data);
    for number in 1..60 {
        let wish = json!({ "hash": hash });
        let answer = user.create(&format!("{number}.bin"), data.len() as u64, wish).await.ok();
        assert_eq!(answer["fileExists"], true);
    }
    let task = id(&user.ask("Custom", json!({ "handler": "verifyFiles" })).await.ok());
    user.until(&task, &["InProgress"]).await;
    task
}
