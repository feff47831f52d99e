//! Tasks of every type by their own routes: listing, looking, pausing, resuming, cancelling.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Client, id};

async fn call(client: &Client, id: &str, verb: &str) -> Value {
    client.call(&format!("/api/tasks/{id}/{verb}")).await.ok()
}

#[tokio::test]
async fn a_task_is_told_in_full() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let wish = json!({ "chunkSize": 65_536, "priority": 7, "folder": "/a" });
    let id = id(&user.create("a.bin", 2 * 65_536, wish).await.ok());
    user.chunk(&id, 0, &[1; 65_536]).await.ok();
    let task = user.get(&format!("/drive/tasks/{id}")).await.ok();
    for (key, value) in [
        ("taskId", json!(id)),
        ("name", json!("Upload File")),
        ("description", json!("a.bin")),
        ("type", json!("FileUpload")),
        ("status", json!("InProgress")),
        ("requested", json!(null)),
        ("progress", json!(50.0)),
        ("phase", json!(null)),
        ("priority", json!(7)),
        ("results", json!(null)),
        ("errorCode", json!(null)),
        ("errorMessage", json!(null)),
        ("completedAt", json!(null)),
        ("bytesDone", json!(65_536)),
        ("bytesTotal", json!(2 * 65_536)),
        ("parentId", json!(null)),
    ] {
        assert_eq!(task[key], value, "{key} in {task}");
    }
    assert_eq!(task["parameters"]["fileName"], "a.bin");
    for key in ["createdAt", "startedAt", "updatedAt", "lastActivity"] {
        assert!(task[key].as_str().unwrap().ends_with('Z'), "{key} in {task}");
    }
    user.chunk(&id, 1, &[1; 65_536]).await.ok();
    let file = user.complete(&id).await.ok();
    let task = user.get(&format!("/api/tasks/{id}")).await.ok();
    assert_eq!((&task["status"], &task["progress"]), (&json!("Completed"), &json!(100.0)));
    let results = json!({
        "fileId": file["id"], "fileName": "a.bin", "fileSize": 2 * 65_536, "hash": file["hash"],
    });
    assert_eq!(task["results"], results);
    assert!(task["completedAt"].is_string());
}

#[tokio::test]
async fn a_wish_that_is_fulfilled_already_is_no_error() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("a.bin", 10, json!({})).await.ok());
    for (verb, status) in [
        ("resume", "InProgress"),
        ("pause", "Paused"),
        ("pause", "Paused"),
        ("resume", "InProgress"),
        ("resume", "InProgress"),
        ("pause", "Paused"),
        ("cancel", "Cancelled"),
        ("cancel", "Cancelled"),
    ] {
        let task = call(&user, &id, verb).await;
        assert_eq!((&task["status"], &task["requested"]), (&json!(status), &json!(null)), "{verb}");
    }
    for verb in ["pause", "resume"] {
        let refusal =
            user.call(&format!("/api/tasks/{id}/{verb}")).await.refused(409, "TASK_FINISHED");
        assert_eq!(refusal["details"]["taskStatus"], "Cancelled");
    }
    let moves: i64 = drive
        .db()
        .query_row("select count(*) from events where name in ('task.paused', 'task.resumed', 'task.cancelled')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(moves, 4, "only what changed something is announced");
}

#[tokio::test]
async fn lists_are_filtered_by_type_and_status_and_sorted() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(id(&user.create(name, 10, json!({})).await.ok()));
        drive.clock.advance_ms(1000);
    }
    call(&user, &ids[0], "pause").await;
    let order = |list: Value| -> String {
        let all = list.as_array().unwrap().iter();
        all.map(|task| task["parameters"]["fileName"].as_str().unwrap()).collect()
    };
    for (query, found) in [
        ("", "acb"),
        ("sortBy=createdAt", "cba"),
        ("sortBy=createdAt&sortDescending=false", "abc"),
        ("sort_by=updatedAt&sort_descending=false", "bca"),
        ("sortBy=lastActivity&limit=1&offset=1", "c"),
        ("type=FileUpload&status=Paused", "a"),
        ("type=0&status=1,2&sortBy=createdAt", "cba"),
        ("type=FileMove", ""),
        ("type=FileMove,FileUpload&status=InProgress&sortBy=createdAt", "cb"),
    ] {
        let answer = user.get(&format!("/api/tasks?{query}")).await;
        let total = answer.header("x-total").to_owned();
        assert_eq!(order(answer.ok()), found, "{query}");
        let all = if query.contains("limit") { 3 } else { found.len() };
        assert_eq!(total, all.to_string(), "{query}");
    }
}
