//! What is said, once, before each receiver gets it in its own form.

use serde_json::{Value, json};

use crate::domain::id::TaskId;
use crate::domain::notification::Subject;
use crate::domain::task::{Status, Task};
use crate::store::notifications::New;

/// Bytes of a title and of a text that are kept.
const TITLE_MAX: usize = 200;
const BODY_MAX: usize = 1000;
/// Bytes of a push message before it is encrypted.
const PUSH_MAX: usize = 3 * 1024;

/// Something to be told.
pub struct Told {
    pub new: New,
    /// Facts for programs.
    pub data: Value,
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

impl Told {
    /// What is too long is cut.
    pub fn new(subject: Subject, title: &str, body: &str, task_id: Option<TaskId>) -> Self {
        let (title, body) = (cut(title, TITLE_MAX).to_owned(), cut(body, BODY_MAX).to_owned());
        let mut data = json!({ "title": title, "message": body });
        if let Some(id) = task_id {
            data["taskId"] = json!(id);
        }
        Self { new: New { subject, title, body, task_id }, data }
    }

    /// That a task has ended.
    pub fn end_of(subject: Subject, task: &Task) -> Self {
        let failed = failed_count(task.results.as_ref());
        let some = format!("{failed} of its files failed. Look at the task.");
        let (word, body) = match task.status {
            Status::Failed => ("Failed", task.error_message.as_deref().unwrap_or("It failed.")),
            _ if failed > 0 => ("Done in part", some.as_str()),
            _ => ("Done", "It is complete."),
        };
        let mut told = Self::new(subject, &format!("{word}: {}", task.name), body, Some(task.id));
        told.data["taskName"] = json!(task.name);
        told.data["taskType"] = json!(task.task_type);
        told.data["status"] = json!(task.status);
        told.data["startedAt"] = json!(task.started_at);
        told.data["finishedAt"] = json!(task.finished_at);
        if let Some(code) = &task.error_code {
            told.data["errorCode"] = json!(code);
        }
        told
    }

    /// That a webhook is off now.
    pub fn webhook_disabled(host: &str, failures: u32) -> Self {
        let title = format!("A webhook was turned off: {host}");
        let body = format!(
            "{failures} deliveries in a row did not arrive. Look at its log, mend its address, and turn it on again."
        );
        Self::new(Subject::WebhookDisabled, &title, &body, None)
    }

    /// That its owner wanted to see whether this arrives.
    pub fn test() -> Self {
        Self::new(Subject::Test, "Drive", "This is a test. It arrived.", None)
    }
}

/// Files that a task could not do, though it came to its end.
fn failed_count(results: Option<&Value>) -> u64 {
    let told = |name: &str| results.and_then(|results| results[name].as_u64());
    told("failedCount").or_else(|| told("corruptCount")).unwrap_or(0)
}

/// What a browser shows: at most 3 KiB.
pub fn push_message(subject: Subject, data: &Value) -> Vec<u8> {
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let task_id = data["taskId"].as_str();
    let mut body = text("message");
    loop {
        let message = json!({
            "title": cut(text("title"), TITLE_MAX),
            "body": body,
            "url": task_id.map_or("/".to_owned(), |id| format!("/#task={id}")),
            "tag": task_id.unwrap_or(subject.name()),
        })
        .to_string();
        // What has to be escaped takes up to six times its room.
        if message.len() <= PUSH_MAX || body.is_empty() {
            return message.into_bytes();
        }
        body = cut(body, body.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_tells_what_the_task_could_not_do() {
        let failed = |results| super::failed_count(Some(&results));
        assert_eq!(failed(json!({ "processed": 3, "failedCount": 2, "failed": [] })), 2);
        assert_eq!(failed(json!({ "verifiedCount": 3, "corruptCount": 1 })), 1);
        assert_eq!((failed(json!({ "failedCount": "many" })), super::failed_count(None)), (0, 0));
    }

    #[test]
    fn messages_for_browsers_stay_small_whatever_is_in_them() {
        for text in ["\u{1}".repeat(9000), "é".repeat(9000), "\"".repeat(9000), String::new()] {
            let told = Told::new(Subject::TaskFailed, &text, &text, Some(TaskId::generate()));
            let message = push_message(Subject::TaskFailed, &told.data);
            assert!(message.len() <= PUSH_MAX, "{}", message.len());
            let json: Value = serde_json::from_slice(&message).unwrap();
            assert!(json["url"].as_str().unwrap().starts_with("/#task="));
        }
    }
}
