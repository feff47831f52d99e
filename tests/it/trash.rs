//! What is thrown away: kept for a while, emptied when asked, gone by itself; and files whose own time is over.

use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::socket::Socket;
use crate::harness::{TestDrive, bytes, order};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn path(file: &Value) -> String {
    format!("/api/files/{}", file["id"].as_str().unwrap())
}

/// Used bytes, and those of them in the trash.
async fn quota(user: &Client) -> (u64, u64) {
    let told = user.get("/api/quota").await.ok();
    (told["used"].as_u64().unwrap(), told["trash"].as_u64().unwrap())
}

async fn ended(user: &Client, task: &Value) -> Value {
    user.get(&format!("/api/tasks/{}/wait?timeout=20", id(task))).await.ok()
}

/// Tasks of many files, the newest first.
async fn bulk_tasks(user: &Client) -> Vec<Value> {
    user.get("/api/tasks?type=BulkOperation").await.ok().as_array().unwrap().clone()
}

async fn sweep_and_wait(drive: &TestDrive, name: &str) -> (Client, Value) {
    drive.sweep().await;
    let user = drive.signed_in(name).await;
    let newest = bulk_tasks(&user).await[0].clone();
    let task = ended(&user, &newest).await;
    (user, task)
}

#[tokio::test]
async fn the_trash_empties_itself_after_its_days_and_gives_the_bytes_back() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let old = user.upload("old.bin", &bytes(1, 300), json!({ "folder": "/a" })).await;
    let young = user.upload("young.bin", &bytes(2, 50), json!({})).await;
    let kept = user.upload("kept.bin", &bytes(3, 7), json!({})).await;
    let gone = user.delete(&path(&old)).await.ok();
    let deleted_at = milliseconds(&gone["deletedAt"]);
    assert_eq!(milliseconds(&gone["purgeAt"]) - deleted_at, 30 * DAY_MS, "{gone}");
    assert_eq!(user.get("/api/files?trashed=true").await.ok()[0]["purgeAt"], gone["purgeAt"]);
    assert_eq!(kept["purgeAt"], Value::Null);

    drive.clock.advance_ms(29 * DAY_MS);
    let user = drive.signed_in("ada").await;
    user.delete(&path(&young)).await.ok();
    drive.sweep().await;
    assert!(bulk_tasks(&user).await.is_empty(), "a day is left");
    drive.clock.advance_ms(DAY_MS + 1000);
    let user = drive.signed_in("ada").await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    let (user, task) = sweep_and_wait(&drive, "ada").await;
    assert_eq!(
        task["results"],
        json!({ "processed": 1, "failedCount": 0, "failed": [] }),
        "{task}"
    );
    let told = socket.until("file.deleted").await.pop().unwrap();
    assert_eq!(told["data"]["fileId"], old["id"]);
    assert_eq!(quota(&user).await, (57, 50), "the young one stays in the trash");
    user.call(&format!("{}/restore", path(&old))).await.refused(404, "NOT_FOUND");
    assert_eq!(user.call(&format!("{}/restore", path(&young))).await.ok()["purgeAt"], Value::Null);
    drive.swept().await;
    assert_eq!(order::objects_in(&drive.data_dir().join("pool")).len(), 2);
    assert_eq!(bulk_tasks(&user).await.len(), 1, "where nothing is due there is no task");
}

/// Milliseconds of a moment on the wire.
fn milliseconds(moment: &Value) -> i64 {
    let moment: drive::domain::time::Timestamp = serde_json::from_value(moment.clone()).unwrap();
    moment.0
}

#[tokio::test]
async fn many_old_files_go_in_batches_and_the_task_is_made_once() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut ids = Vec::new();
    for number in 0..150 {
        let path = format!("/api/files/upload/direct?fileName={number}");
        let put = user.request(reqwest::Method::PUT, &path).body(vec![1; 10]);
        ids.push(user.send(put).await.ok()["id"].clone());
    }
    let parameters = json!({
        "operationType": "delete", "targetIds": ids, "operationParameters": { "confirm": true }
    });
    let wish = json!({ "type": "BulkOperation", "parameters": parameters });
    ended(&user, &user.post("/api/tasks", wish).await.ok()).await;
    drive.clock.advance_ms(31 * DAY_MS);
    let (reached, go) = drive.hold_at(1);
    drive.sweep().await;
    tokio::task::spawn_blocking(move || reached.recv().unwrap()).await.unwrap();
    // The task is at work; another sweep makes no second one.
    drive.sweep().await;
    let user = drive.signed_in("ada").await;
    let tasks = bulk_tasks(&user).await;
    assert_eq!(tasks.len(), 1, "the first one was forgotten, and one is under way: {tasks:#?}");
    // What is put back while the task is at work stays.
    let last = ids.last().unwrap().as_str().unwrap();
    user.call(&format!("/api/files/{last}/restore")).await.ok();
    drop(go);
    let task = ended(&user, &tasks[0]).await;
    assert_eq!(
        task["results"],
        json!({ "processed": 149, "failedCount": 0, "failed": [] }),
        "{task}"
    );
    assert_eq!(user.content(last).await, vec![1; 10]);
    assert_eq!(quota(&user).await, (10, 0));
}

#[tokio::test]
async fn the_trash_is_emptied_by_one_request_for_its_account_alone() {
    let drive = TestDrive::spawn();
    let (ada, bob) = (drive.user("bea").await, drive.user("bob").await);
    for user in [&ada, &bob] {
        for name in ["a.txt", "b.txt"] {
            let file = user.upload(name, name.as_bytes(), json!({})).await;
            user.delete(&path(&file)).await.ok();
        }
        user.upload("stays.txt", b"stays", json!({})).await;
    }
    let answer = ada.delete("/api/trash").await;
    assert_eq!(answer.status, 202);
    let location = answer.header("location").to_owned();
    let task = answer.ok();
    assert_eq!(location, format!("/api/tasks/{}", id(&task)));
    assert_eq!(task["type"], "BulkOperation");
    let task = ended(&ada, &task).await;
    assert_eq!(
        task["results"],
        json!({ "processed": 2, "failedCount": 0, "failed": [] }),
        "{task}"
    );
    assert_eq!((quota(&ada).await, quota(&bob).await), ((5, 0), (15, 10)));
    let again = ended(&ada, &ada.delete("/api/trash").await.ok()).await;
    assert_eq!(again["results"], json!({ "processed": 0, "failedCount": 0, "failed": [] }));
    let guest = drive.account("eve", "guest", None).await;
    guest.delete("/api/trash").await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn where_a_pool_keeps_no_trash_deleting_is_for_good() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_RECYCLE_DAYS", "0")]);
    let user = drive.user("ada").await;
    let mut files = Vec::new();
    for name in ["a", "b", "c", "d"] {
        files.push(user.upload(name, name.as_bytes(), json!({})).await);
    }
    assert_eq!(user.get("/api/pools").await.ok()[0]["policy"]["recycleDays"], 0);
    assert_eq!(user.delete(&path(&files[0])).await.status, 204);
    let parameters = json!({
        "operationType": "delete", "targetIds": [files[1]["id"]],
        "operationParameters": { "confirm": true }
    });
    let wish = json!({ "type": "BulkOperation", "parameters": parameters });
    let task = ended(&user, &user.post("/api/tasks", wish).await.ok()).await;
    assert_eq!(task["results"]["processed"], 1);
    let replace = json!({ "name": "c", "onConflict": "replace" });
    user.patch(&path(&files[3]), replace).await.ok();
    assert_eq!(user.get("/api/files?trashed=true").await.ok(), json!([]));
    assert_eq!(quota(&user).await, (1, 0));
    for file in &files[..3] {
        user.get(&path(file)).await.refused(404, "NOT_FOUND");
    }
    drive.swept().await;
    assert_eq!(order::objects_in(&drive.data_dir().join("pool")).len(), 1);
}

#[tokio::test]
async fn a_file_whose_time_is_over_is_gone_for_everybody_and_then_for_good() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let end = drive.clock.now().plus_ms(DAY_MS).to_string();
    let wish = json!({ "expiredAt": end, "folder": "/short" });
    let file = user.upload("short.txt", b"for a day", wish.clone()).await;
    let trashed = user.upload("thrown.txt", b"away", wish).await;
    user.delete(&path(&trashed)).await.ok();
    let kept = user.upload("kept.txt", b"kept", json!({})).await;
    drive.clock.advance_ms(DAY_MS);
    let user = drive.signed_in("ada").await;
    for list in ["/api/files", "/api/files?folder=/short"] {
        let names = user.get(list).await.ok().to_string();
        assert!(!names.contains("short.txt"), "{names}");
    }
    assert_eq!(user.get("/api/files?trashed=true").await.ok(), json!([]));
    for path in [path(&file), format!("{}/content", path(&file))] {
        let refusal = user.get(&path).await.refused(410, "FILE_EXPIRED");
        assert_eq!(refusal["details"]["expiredAt"], end);
    }
    user.patch(&path(&file), json!({ "name": "x" })).await.refused(410, "FILE_EXPIRED");
    user.delete(&path(&file)).await.refused(410, "FILE_EXPIRED");
    user.call(&format!("{}/restore", path(&trashed))).await.refused(410, "FILE_EXPIRED");
    let wish = json!({ "type": "BulkOperation", "parameters": {
        "operationType": "restore", "targetIds": [trashed["id"]]
    } });
    user.post("/api/tasks", wish).await.refused(410, "FILE_EXPIRED");
    // Its name is free at once.
    user.patch(&path(&kept), json!({ "name": "short.txt", "folder": "/short" })).await.ok();
    assert_eq!(quota(&user).await.0, 17, "until the upkeep the bytes are there");

    let (user, task) = sweep_and_wait(&drive, "ada").await;
    assert_eq!(
        task["results"],
        json!({ "processed": 2, "failedCount": 0, "failed": [] }),
        "{task}"
    );
    assert_eq!(quota(&user).await, (4, 0));
    user.get(&path(&file)).await.refused(404, "NOT_FOUND");
    drive.swept().await;
    assert_eq!(order::objects_in(&drive.data_dir().join("pool")).len(), 1);
}

#[tokio::test]
async fn a_file_whose_end_was_put_off_survives_the_upkeep() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let end = drive.clock.now().plus_ms(DAY_MS).to_string();
    let file = user.upload("a.txt", b"a", json!({ "expiredAt": end })).await;
    user.patch(&path(&file), json!({ "expiredAt": null })).await.ok();
    drive.clock.advance_ms(2 * DAY_MS);
    drive.sweep().await;
    let user = drive.signed_in("ada").await;
    assert!(bulk_tasks(&user).await.is_empty());
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, b"a");
}
