//! Uploads that are encrypted when they are complete.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::encryption::{SECRET, file_id, look, open_with};
use crate::harness::child::ChildDrive;
use crate::harness::client::{Answer, Client, id};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes, eventually, order, sha256};

const LARGE: usize = 64 << 20;

/// An upload with a password and all its chunks, which lacks only its completion.
async fn sent(user: &Client, name: &str, content: &[u8], more: Value) -> String {
    let mut wish = json!({ "encryptPassword": SECRET, "chunkSize": 16 << 20 });
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        wish[key] = value;
    }
    let task = user.create(name, content.len() as u64, wish).await.ok();
    for (index, chunk) in content.chunks(task["chunkSize"].as_u64().unwrap() as usize).enumerate() {
        user.chunk(&id(&task), index as u64, chunk).await.ok();
    }
    id(&task)
}

async fn direct(user: &Client, query: &str, password: Option<&str>, body: &[u8]) -> Answer {
    let mut request = user.request(Method::POST, &format!("/api/files/upload/direct?{query}"));
    if let Some(password) = password {
        request = request.header("x-file-password", password);
    }
    user.send(request.body(body.to_vec())).await
}

/// Asks for the completion, and returns once the encryption has begun; `None` when the server has gone meanwhile.
async fn completing(user: &Client, task_id: &str) -> tokio::task::JoinHandle<Option<Answer>> {
    let (asking, id) = (user.clone(), task_id.to_owned());
    let asked = tokio::spawn(async move {
        let path = format!("/api/files/upload/complete/{id}");
        let answer = asking.request(Method::POST, &path).send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Some(Answer { status, headers, body: answer.bytes().await.ok()?.to_vec() })
    });
    loop {
        let task = user.get(&format!("/api/tasks/{task_id}")).await.ok();
        if task["phase"] == "encrypting" {
            return asked;
        }
        assert_eq!(task["status"], "InProgress", "{task}");
    }
}

#[tokio::test]
async fn what_was_sent_plain_is_stored_encrypted() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_QUOTA_MULTIPLIER", "2")]);
    let user = drive.account("ada", "user", Some(20_000_000)).await;
    let content = bytes(1, 3_000_000);
    let more = json!({ "hash": sha256(&content), "folder": "/in", "chunkSize": 1 << 20 });
    let task = sent(&user, "film.mp4", &content, more).await;
    let now = user.get(&format!("/api/tasks/{task}")).await.ok();
    assert_eq!((&now["progress"], &now["bytesDone"]), (&json!(90.0), &json!(3_000_000)));
    let file = user.complete(&task).await.ok();
    let file_id = file_id(&file);
    assert_eq!((&file["name"], &file["folder"]), (&json!("film.mp4"), &json!("/in")));
    assert_eq!((&file["isEncrypted"], &file["contentType"]), (&json!(true), &json!("video/mp4")));
    assert_eq!(file["metadata"]["plainSize"], 3_000_000);
    let raw = user.content(file_id).await;
    assert!(raw.starts_with(b"age-encryption.org/v1\n"));
    assert_eq!(file["hash"], format!("sha256:{}", sha256(&raw)));
    assert!(open_with(&user, file_id, SECRET).await == content);
    assert_eq!(user.complete(&task).await.ok()["id"], file["id"]);
    let quota = user.get("/api/quota").await.ok();
    assert_eq!((&quota["used"], &quota["reserved"]), (&json!(2 * raw.len()), &json!(0)));
    assert!(drive.settled().await.staged.is_empty(), "the plain bytes are gone");
    assert_eq!(user.get(&format!("/api/tasks/{task}")).await.ok()["progress"], 100.0);

    // The same bytes are not found again: nothing stored has this hash.
    let more = json!({ "hash": sha256(&content), "encryptPassword": SECRET });
    assert_eq!(user.create("film.mp4", 3_000_000, more).await.ok()["fileExists"], false);
    let empty = sent(&user, "empty", b"", json!({})).await;
    let empty = user.complete(&empty).await.ok();
    assert_eq!(open_with(&user, empty["id"].as_str().unwrap(), SECRET).await, b"");
}

#[tokio::test]
async fn bytes_that_are_stored_plain_are_not_taken_for_an_encrypted_upload() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(1, 100_000);
    user.upload("plain.bin", &content, json!({})).await;
    let more = json!({ "hash": sha256(&content), "encryptPassword": SECRET });
    let created = user.create("locked.bin", 100_000, more).await.ok();
    assert_eq!(created["fileExists"], false);
    // Nor is an open upload that would stay plain.
    let more = |password: Option<&str>| json!({ "fingerprint": "f", "encryptPassword": password });
    let plain = id(&user.create("a.bin", 10, more(None)).await.ok());
    let locked = id(&user.create("a.bin", 10, more(Some(SECRET))).await.ok());
    assert_ne!(plain, locked);
}

#[tokio::test]
async fn a_small_file_is_encrypted_in_one_request() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(2, 200_000);
    let query = format!("fileName=notes.txt&hash={}", sha256(&content));
    let file = direct(&user, &query, Some(SECRET), &content).await.ok();
    assert_eq!(
        (&file["isEncrypted"], &file["metadata"]["plainSize"]),
        (&json!(true), &json!(200_000))
    );
    assert!(open_with(&user, file_id(&file), SECRET).await == content);
    let quota = user.get("/api/quota").await.ok();
    assert_eq!((&quota["used"], &quota["reserved"]), (&file["size"], &json!(0)));
    let before = drive.settled().await;
    assert!(before.staged.is_empty());
    direct(&user, &query, Some("short"), &content).await.refused(400, "INVALID_REQUEST");
    direct(&user, &query, Some(SECRET), b"other bytes").await.refused(422, "HASH_MISMATCH");
    let refusal = direct(&user, "fileName=a&encryptPassword=in-a-url", None, b"x").await;
    assert_eq!(refusal.refused(400, "INVALID_REQUEST")["details"]["field"], "encryptPassword");
    assert_eq!(drive.settled().await, before);
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_anything_is_stored() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_ENCRYPTION", "required")]);
    let user = drive.account("ada", "user", Some(700)).await;
    for wrong in ["", "seven77", &"x".repeat(257)] {
        let wish = json!({ "encryptPassword": wrong });
        let refusal = user.create("a.bin", 10, wish).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "encryptPassword");
    }
    user.create("a.bin", 10, json!({})).await.refused(403, "POOL_REFUSES");
    direct(&user, "fileName=a.bin", None, b"0123456789").await.refused(403, "POOL_REFUSES");
    let secret = || json!({ "encryptPassword": SECRET });
    user.create("a.bin", 200, secret()).await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(drive.holdings().tasks, 0);
    let task = sent(&user, "a.bin", &[1; 10], json!({ "hash": sha256(&[2; 10]) })).await;
    user.complete(&task).await.refused(422, "HASH_MISMATCH");
    assert_eq!(drive.settled().await.reserved_bytes, 0);
    let task = sent(&user, "a.bin", &[1; 10], json!({})).await;
    user.complete(&task).await.ok();

    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_ENCRYPTION", "forbidden")]);
    let user = drive.user("ada").await;
    user.create("a.bin", 10, secret()).await.refused(403, "POOL_REFUSES");
    direct(&user, "fileName=a.bin", Some(SECRET), b"x").await.refused(403, "POOL_REFUSES");
}

#[tokio::test]
async fn an_open_upload_is_found_again_with_its_password_only() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let create = async |password: &str, key: Option<&str>| {
        let wish = json!({ "fileName": "a.bin", "fileSize": 10, "fingerprint": "f", "encryptPassword": password });
        let request = user.request(Method::POST, "/api/files/upload/create").json(&wish);
        user.send(match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
        .await
    };
    let wrapped = || -> Vec<Vec<u8>> {
        let db = drive.db();
        let mut statement = db.prepare("select wrapped_key from uploads").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let first = id(&create(SECRET, Some("k")).await.ok());
    let key = wrapped();
    for again in [
        create(SECRET, Some("k")).await,
        create(SECRET, None).await,
        create(SECRET, Some("l")).await,
    ] {
        assert_eq!(id(&again.ok()), first);
    }
    let refusal = create("not this one", None).await.refused(403, "PASSWORD_WRONG");
    assert_eq!(refusal["details"]["taskId"], first.as_str());
    create("not this one", Some("m")).await.refused(403, "PASSWORD_WRONG");
    create("not this one", Some("k")).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(wrapped(), key, "it was not keyed anew");
}

#[tokio::test]
async fn pausing_stops_the_encryption_and_resuming_goes_on_with_it() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(3, LARGE);
    let task = sent(&user, "large.bin", &content, json!({})).await;
    let asked = completing(&user, &task).await;
    let now = Instant::now();
    user.call(&format!("/api/tasks/{task}/pause")).await.ok();
    asked.await.unwrap().unwrap().refused(409, "TASK_PAUSED");
    assert!(now.elapsed() < Duration::from_secs(1));
    let paused = user.get(&format!("/api/tasks/{task}")).await.ok();
    assert_eq!((&paused["status"], &paused["phase"]), (&json!("Paused"), &Value::Null));
    let staged = drive.holdings().staged.len();
    assert_eq!(staged, 1, "what was made of it is gone, what was sent is there");
    user.call(&format!("/api/tasks/{task}/resume")).await.ok();
    let ended = user.ended(&task).await;
    assert_eq!(ended["status"], "Completed", "by itself");
    let file = ended["results"]["fileId"].as_str().unwrap();
    assert_eq!(sha256(&open_with(&user, file, SECRET).await), sha256(&content));
    assert_eq!(user.complete(&task).await.ok()["id"], file);
    drive.swept().await;
}

#[tokio::test]
async fn cancelling_leaves_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1 << 30)).await;
    let task = sent(&user, "large.bin", &bytes(4, LARGE), json!({})).await;
    let asked = completing(&user, &task).await;
    let now = Instant::now();
    user.call(&format!("/api/tasks/{task}/cancel")).await.ok();
    asked.await.unwrap().unwrap().refused(409, "TASK_FINISHED");
    assert!(now.elapsed() < Duration::from_secs(1));
    drive.swept().await;
    eventually("nothing is staged", || drive.holdings().staged.is_empty()).await;
    let after = drive.settled().await;
    assert_eq!((after.files, after.reserved_bytes, after.used_bytes), (0, 0, 0));
    assert_eq!(order::objects_in(&drive.data_dir().join("pool")).len(), 0);
}

#[tokio::test]
async fn a_stopped_server_finishes_by_itself_when_it_runs_again() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(5, LARGE);
    let task = sent(&user, "large.bin", &content, json!({ "hash": sha256(&content) })).await;
    let asked = completing(&user, &task).await;
    let drive = drive.restart();
    asked.await.unwrap();
    let user = drive.signed_in("ada").await;
    let ended = user.ended(&task).await;
    assert_eq!(ended["status"], "Completed", "{ended}");
    let file = look(&user, ended["results"]["fileId"].as_str().unwrap()).await;
    assert_eq!(sha256(&open_with(&user, file_id(&file), SECRET).await), sha256(&content));
    drive.swept().await;
}

#[tokio::test]
async fn a_killed_server_finishes_by_itself_when_it_runs_again() {
    let folder = crate::harness::folder();
    let data_dir = folder.path().join("data");
    let mut server = ChildDrive::start(&data_dir, &[]);
    let mut user = server.nobody();
    user.set_up(server.setup_code.as_deref().unwrap(), "ada").await;
    let content = bytes(6, LARGE);
    for wait in [0, 40, 120, 250] {
        let task = sent(&user, &format!("{wait}.bin"), &content, json!({})).await;
        let asked = completing(&user, &task).await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        server.kill();
        asked.await.unwrap();
        server = ChildDrive::start(&data_dir, &[]);
        user.address = server.address;
        let ended = user.ended(&task).await;
        assert_eq!(ended["status"], "Completed", "{ended}");
        let file = user.complete(&task).await.ok();
        assert_eq!(file["id"], ended["results"]["fileId"]);
        assert_eq!(sha256(&open_with(&user, file_id(&file), SECRET).await), sha256(&content));
    }
    assert_eq!(server.stop(), Some(0));
    let server = ChildDrive::start(&data_dir, &[]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.stop(), Some(0));
    order::check(&data_dir);
}
