//! Custom tasks that a client drives itself: what it reports, and what is heard of it.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client, id};
use crate::harness::socket::Socket;
use crate::harness::tasks::Tasks;

const HOUR_MS: i64 = 3600 * 1000;

async fn custom(user: &Client) -> String {
    id(&user.ask("Custom", json!({ "what": "back-up" })).await.ok())
}

async fn report(user: &Client, id: &str, body: Value) -> Answer {
    user.post(&format!("/api/tasks/{id}/progress"), body).await
}

async fn told(user: &Client, id: &str) -> Value {
    user.get(&format!("/api/tasks/{id}")).await.ok()
}

/// The lasting events of one task, as a socket hears them up to the last one.
pub async fn lasting(socket: &mut Socket, task: &str, last: &str) -> Vec<Value> {
    let mut packets = socket.until(last).await;
    packets.retain(|packet| packet["seq"].is_u64() && packet["data"]["taskId"] == task);
    packets
}

pub fn names(packets: &[Value]) -> Vec<&str> {
    packets.iter().map(|packet| packet["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_client_drives_its_own_task_from_its_beginning_to_its_end() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let wish = json!({ "type": "Custom", "name": "Night run", "parameters": { "tape": 7, "a_b": [1, { "c": null }] } });
    let task = user.post("/api/tasks", wish).await;
    assert_eq!(task.status, 201);
    let task = task.ok();
    assert_eq!((&task["status"], &task["driver"]), (&json!("InProgress"), &json!("Client")));
    assert_eq!(
        task["parameters"],
        json!({ "tape": 7, "a_b": [1, { "c": null }] }),
        "kept as it came"
    );
    let id = id(&task);
    let body =
        json!({ "progress": 40.5, "statusMessage": "disk 1", "bytesDone": 10, "bytesTotal": 20 });
    let now = report(&user, &id, body).await.ok();
    assert_eq!((&now["progress"], &now["phase"]), (&json!(40.5), &json!("disk 1")));
    assert_eq!((&now["bytesDone"], &now["bytesTotal"]), (&json!(10), &json!(20)));
    // Progress never falls; what is not said stays.
    let now = report(&user, &id, json!({ "progress": 10 })).await.ok();
    assert_eq!((&now["progress"], &now["phase"]), (&json!(40.5), &json!("disk 1")));
    assert_eq!(now["bytesTotal"], 20);
    let now = report(&user, &id, json!({ "progress": 100, "status_message": "" })).await.ok();
    assert_eq!((&now["status"], &now["phase"]), (&json!("InProgress"), &json!(null)));

    let results = json!({ "results": { "files": 3 } });
    for _ in 0..2 {
        let done = user.post(&format!("/api/tasks/{id}/complete"), results.clone()).await.ok();
        assert_eq!(
            (&done["status"], &done["results"]),
            (&json!("Completed"), &json!({ "files": 3 }))
        );
    }
    report(&user, &id, json!({ "progress": 1 })).await.refused(409, "TASK_FINISHED");
    let late = user.post(&format!("/api/tasks/{id}/fail"), json!({ "errorMessage": "late" })).await;
    assert_eq!(late.refused(409, "TASK_FINISHED")["details"]["taskStatus"], "Completed");
    let plain = custom(&user).await;
    let done = user.call(&format!("/api/tasks/{plain}/complete")).await.ok();
    assert_eq!(done["results"], json!({}));
}

#[tokio::test]
async fn a_failure_is_kept_in_the_clients_own_words_and_can_be_retried() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = custom(&user).await;
    report(&user, &id, json!({ "progress": 60 })).await.ok();
    let why = json!({ "errorMessage": "The tape is full.", "errorCode": "TAPE_FULL" });
    for _ in 0..2 {
        let failed = user.post(&format!("/api/tasks/{id}/fail"), why.clone()).await.ok();
        assert_eq!(
            (&failed["status"], &failed["errorCode"]),
            (&json!("Failed"), &json!("TAPE_FULL"))
        );
        assert_eq!(failed["errorMessage"], "The tape is full.");
    }
    user.call(&format!("/api/tasks/{id}/complete")).await.refused(409, "TASK_FINISHED");
    let again = user.call(&format!("/api/tasks/{id}/retry")).await.ok();
    assert_eq!((&again["status"], &again["progress"]), (&json!("InProgress"), &json!(0.0)));
    assert_eq!((&again["errorCode"], &again["completedAt"]), (&json!(null), &json!(null)));
    report(&user, &id, json!({ "progress": 5 })).await.ok();
    user.call(&format!("/api/tasks/{id}/complete")).await.ok();
    let other = custom(&user).await;
    let failed =
        user.post(&format!("/api/tasks/{other}/fail"), json!({ "errorMessage": "no" })).await;
    assert_eq!(failed.ok()["errorCode"], "TASK_FAILED");
}

#[tokio::test]
async fn a_script_is_told_to_wait_while_its_task_is_paused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = custom(&user).await;
    let answer = user.call(&format!("/api/tasks/{id}/pause")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (200, &json!("Paused")));
    report(&user, &id, json!({ "progress": 1 })).await.refused(409, "TASK_PAUSED");
    user.call(&format!("/api/tasks/{id}/complete")).await.refused(409, "TASK_PAUSED");
    user.call(&format!("/api/tasks/{id}/resume")).await.ok();
    report(&user, &id, json!({ "progress": 1 })).await.ok();
    let answer = user.call(&format!("/api/tasks/{id}/cancel")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (200, &json!("Cancelled")));
    report(&user, &id, json!({ "progress": 2 })).await.refused(409, "TASK_FINISHED");
}

#[tokio::test]
async fn what_a_client_reports_is_held_to_its_limits() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let id = custom(&user).await;
    for (route, body, field) in [
        ("progress", json!({}), "progress"),
        ("progress", json!({ "progress": 100.5 }), "progress"),
        ("progress", json!({ "progress": -1 }), "progress"),
        ("progress", json!({ "progress": "half" }), "progress"),
        ("progress", json!({ "progress": 1, "statusMessage": "x".repeat(256) }), "statusMessage"),
        ("progress", json!({ "progress": 1, "statusMessage": "a\nb" }), "statusMessage"),
        ("progress", json!({ "progress": 1, "bytesDone": 2, "bytesTotal": 1 }), "bytesDone"),
        ("progress", json!({ "progress": 1, "bytesTotal": u64::MAX }), "bytesTotal"),
        ("progress", json!({ "progress": 1, "status": "Completed" }), "status"),
        ("complete", json!({ "results": [1] }), "results"),
        ("complete", json!({ "results": { "a": "x".repeat(64 * 1024) } }), "results"),
        ("complete", json!({ "result": {} }), "result"),
        ("fail", json!({}), "errorMessage"),
        ("fail", json!({ "errorMessage": " " }), "errorMessage"),
        ("fail", json!({ "errorMessage": "x".repeat(1001) }), "errorMessage"),
        ("fail", json!({ "errorMessage": "x", "errorCode": "no spaces" }), "errorCode"),
    ] {
        let refusal = user.post(&format!("/api/tasks/{id}/{route}"), body.clone()).await;
        let refusal = refusal.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{route} {refusal}");
    }
    let full = json!({ "results": { "a": "x".repeat(65_000) } });
    report(&other, &id, json!({ "progress": 1 })).await.refused(404, "NOT_FOUND");
    other.post(&format!("/api/tasks/{id}/complete"), full.clone()).await.refused(404, "NOT_FOUND");
    assert_eq!(told(&user, &id).await["progress"], 0.0);
    report(&user, &id, json!({ "progress": 1, "statusMessage": "é".repeat(255) })).await.ok();
    user.post(&format!("/api/tasks/{id}/complete"), full).await.ok();
}

#[tokio::test]
async fn only_the_client_of_a_custom_task_may_report_on_it() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("a.bin", b"bytes", json!({})).await;
    let upload = id(&user.create("b.bin", 10, json!({})).await.ok());
    let wish = json!({ "type": "Custom", "parameters": { "handler": "verifyFiles" }, "runAt": "2999-01-01T00:00:00Z" });
    let handled = id(&user.post("/api/tasks", wish).await.ok());
    for task in [&upload, &handled] {
        report(&user, task, json!({ "progress": 1 })).await.refused(409, "CONFLICT");
        user.call(&format!("/api/tasks/{task}/complete")).await.refused(409, "CONFLICT");
        let why = json!({ "errorMessage": "no" });
        user.post(&format!("/api/tasks/{task}/fail"), why).await.refused(409, "CONFLICT");
    }
    assert_eq!(told(&user, &upload).await["status"], "InProgress");
    assert_eq!(told(&user, &handled).await["status"], "Pending");
}

#[tokio::test]
async fn a_task_that_its_client_has_left_expires() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (left, kept) = (custom(&user).await, custom(&user).await);
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    drive.clock.advance_ms(23 * HOUR_MS);
    let user = drive.signed_in("ada").await;
    report(&user, &kept, json!({ "progress": 1 })).await.ok();
    drive.clock.advance_ms(2 * HOUR_MS);
    drive.sweep().await;
    let user = drive.signed_in("ada").await;
    assert_eq!(told(&user, &left).await["status"], "Expired");
    assert_eq!(told(&user, &kept).await["status"], "InProgress");
    let events = lasting(&mut socket, &left, "task.expired").await;
    assert_eq!(names(&events), ["task.expired"]);
    report(&user, &left, json!({ "progress": 1 })).await.refused(409, "TASK_FINISHED");
}

#[tokio::test]
async fn a_client_driven_task_is_heard_of_in_order_and_again_after_a_break() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = Socket::connect(&user, "").await;
    let hello = socket.until("hello").await.pop().unwrap();
    let stream = hello["data"]["streamId"].as_str().unwrap().to_owned();
    let since = format!("?since={stream}:{}", hello["data"]["seq"]);
    let mut all = Vec::new();
    for end in ["complete", "fail", "cancel"] {
        let id = custom(&user).await;
        report(&user, &id, json!({ "progress": 30, "statusMessage": "disk 1" })).await.ok();
        for verb in ["pause", "pause", "resume"] {
            user.call(&format!("/api/tasks/{id}/{verb}")).await.ok();
        }
        let body = if end == "fail" { json!({ "errorMessage": "no" }) } else { json!({}) };
        user.post(&format!("/api/tasks/{id}/{end}"), body).await.ok();
        let last = match end {
            "complete" => "task.completed",
            "fail" => "task.failed",
            _ => "task.cancelled",
        };
        let events = lasting(&mut socket, &id, last).await;
        assert_eq!(names(&events), ["task.created", "task.paused", "task.resumed", last]);
        all.extend(events);
    }
    assert_eq!(all[0]["data"]["parameters"], json!({ "what": "back-up" }));
    assert_eq!(all[3]["data"]["results"], json!({}));
    assert_eq!(all[7]["data"]["errorMessage"], "no");
    let mut again = Socket::connect(&user, &since).await;
    let mut replayed = again.until("task.cancelled").await;
    replayed.retain(|packet| packet["seq"].is_u64());
    // That the failure was told of as well is not the task's own.
    let others = [json!("hello"), json!("notification")];
    replayed.retain(|packet| !others.contains(&packet["type"]));
    assert_eq!(replayed, all);
}
