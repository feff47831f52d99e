//! An upload that failed is tried again under its id: without a byte, with its quota reserved anew.

use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::socket::Socket;
use crate::harness::{TestDrive, bytes, eventually, sha256};

const CHUNK: usize = 65_536;

fn data() -> Vec<u8> {
    content(1)
}

fn content(seed: u64) -> Vec<u8> {
    bytes(seed, 3 * CHUNK - 100)
}

async fn send(user: &Client, id: &str, data: &[u8]) {
    for (index, chunk) in data.chunks(CHUNK).enumerate() {
        user.chunk(id, index as u64, chunk).await.ok();
    }
}

/// An upload whose bytes were spoilt on their way.
async fn failed(user: &Client, name: &str) -> String {
    failed_of(user, name, data()).await
}

async fn failed_of(user: &Client, name: &str, data: Vec<u8>) -> String {
    let wish = json!({ "hash": sha256(&data), "chunkSize": CHUNK });
    let id = id(&user.create(name, data.len() as u64, wish).await.ok());
    let mut spoilt = data;
    spoilt[CHUNK] ^= 1;
    send(user, &id, &spoilt).await;
    user.complete(&id).await.refused(422, "HASH_MISMATCH");
    id
}

async fn retry(user: &Client, id: &str) -> Value {
    user.call(&format!("/api/tasks/{id}/retry")).await.ok()
}

async fn resume(user: &Client, id: &str) -> Value {
    user.get(&format!("/api/files/upload/resume/{id}")).await.ok()
}

#[tokio::test]
async fn it_begins_without_a_byte_and_completes() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1_000_000)).await;
    let id = failed(&user, "a.bin").await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    let told = retry(&user, &id).await;
    assert_eq!((&told["taskId"], &told["status"]), (&json!(id), &json!("InProgress")));
    assert_eq!((&told["progress"], &told["bytesDone"]), (&json!(0.0), &json!(0)));
    for key in ["results", "errorCode", "errorMessage", "completedAt"] {
        assert_eq!(told[key], json!(null), "{key}");
    }
    // What was told of the failure may still have been on its way when the socket opened.
    let moved = |packets: Vec<Value>| packets.last().unwrap()["data"]["status"].clone();
    while moved(socket.until("task.progress").await) == "Failed" {}
    assert_eq!(user.get(&format!("/api/tasks/{id}")).await.ok()["status"], "InProgress");
    assert_eq!(resume(&user, &id).await["uploadedChunks"], json!([]));
    let quota = user.get("/api/quota").await.ok();
    assert_eq!((&quota["used"], &quota["reserved"]), (&json!(0), &json!(data().len())));
    assert_eq!(drive.settled().await.staged.len(), 1);

    let missing = user.complete(&id).await.refused(409, "CHUNKS_MISSING");
    assert_eq!(missing["details"]["missingCount"], 3);
    send(&user, &id, &data()).await;
    let file = user.complete(&id).await.ok();
    assert_eq!(file["hash"], format!("sha256:{}", sha256(&data())));
    assert!(user.content(file["id"].as_str().unwrap()).await == data());
    let quota = user.get("/api/quota").await.ok();
    assert_eq!((&quota["used"], &quota["reserved"]), (&json!(data().len()), &json!(0)));
    user.call(&format!("/api/tasks/{id}/retry")).await.refused(409, "TASK_FINISHED");
}

#[tokio::test]
async fn it_may_fail_again_be_paused_restarted_and_cancelled() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (again, given_up) = (failed(&user, "a.bin").await, failed(&user, "b.bin").await);
    for _ in 0..2 {
        retry(&user, &again).await;
        send(&user, &again, &bytes(9, data().len())).await;
        user.complete(&again).await.refused(422, "HASH_MISMATCH");
    }
    retry(&user, &again).await;
    retry(&user, &given_up).await;
    user.chunk(&again, 2, &data()[2 * CHUNK..]).await.ok();
    user.call(&format!("/api/tasks/{again}/pause")).await.ok();
    user.chunk(&again, 0, &data()[..CHUNK]).await.refused(409, "TASK_PAUSED");
    user.call(&format!("/api/tasks/{given_up}/cancel")).await.ok();

    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    user.call(&format!("/api/tasks/{again}/resume")).await.ok();
    assert_eq!(resume(&user, &again).await["uploadedChunks"], json!([2]));
    for index in [0, 1] {
        user.chunk(&again, index, &data()[index as usize * CHUNK..][..CHUNK]).await.ok();
    }
    let file = user.complete(&again).await.ok();
    assert!(user.content(file["id"].as_str().unwrap()).await == data());
    assert!(drive.settled().await.staged.is_empty());
}

#[tokio::test]
async fn it_needs_room_and_takes_nothing_when_it_is_refused() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(300_000)).await;
    let id = failed(&user, "a.bin").await;
    let before = drive.settled().await;
    user.upload("other.bin", &bytes(2, 200_000), json!({})).await;
    let refusal = user.call(&format!("/api/tasks/{id}/retry")).await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(refusal["details"]["limit"], 300_000);
    let told = user.get(&format!("/api/tasks/{id}")).await.ok();
    assert_eq!((&told["status"], &told["errorCode"]), (&json!("Failed"), &json!("HASH_MISMATCH")));
    let after = drive.settled().await;
    assert_eq!((after.staged, after.reserved_bytes), (before.staged, before.reserved_bytes));
    drive.db().execute("update accounts set quota_bytes = null", []).unwrap();
    retry(&user, &id).await;
    assert_eq!(drive.holdings().staged.len(), 1);
}

#[tokio::test]
async fn of_two_retries_at_once_one_is_too_late_and_leaves_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for round in 0..5 {
        let id = failed_of(&user, "a.bin", content(round)).await;
        let path = format!("/api/tasks/{id}/retry");
        let (one, two, three) = tokio::join!(user.call(&path), user.call(&path), user.call(&path));
        let mut statuses = [one.status.as_u16(), two.status.as_u16(), three.status.as_u16()];
        statuses.sort();
        assert_eq!(statuses, [200, 409, 409]);
        send(&user, &id, &content(round)).await;
        user.complete(&id).await.ok();
    }
    eventually("nothing is left in staging", || drive.holdings().staged.is_empty()).await;
}

#[tokio::test]
async fn it_stands_back_behind_a_new_upload_of_the_same() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let old = failed(&user, "a.bin").await;
    let wish = json!({ "hash": sha256(&data()), "chunkSize": CHUNK });
    let new = id(&user.create("a.bin", data().len() as u64, wish.clone()).await.ok());
    assert_ne!(new, old);
    let refusal = user.call(&format!("/api/tasks/{old}/retry")).await.refused(409, "CONFLICT");
    assert_eq!(refusal["details"]["taskId"], json!(new));
    assert_eq!(drive.settled().await.staged.len(), 1);
    user.call(&format!("/api/tasks/{new}/cancel")).await.ok();
    retry(&user, &old).await;
    let found = id(&user.create("a.bin", data().len() as u64, wish).await.ok());
    assert_eq!(found, old, "it is the open upload of these bytes now");
}

/// Failing, trying again and sending at the same time: whatever a chunk's answer of 200 came to is in the file.
#[tokio::test]
async fn no_chunk_of_an_earlier_try_is_taken_for_one_of_this() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for round in 0..10u64 {
        let again = content(round);
        let id = failed_of(&user, "a.bin", again.clone()).await;
        let path = format!("/api/tasks/{id}/retry");
        let (retried, early, _) =
            tokio::join!(user.call(&path), user.chunk(&id, 0, &again[..CHUNK]), user.complete(&id));
        retried.ok();
        let told = resume(&user, &id).await["uploadedChunks"].clone();
        let wanted = if early.status == 200 { json!([0]) } else { json!([]) };
        assert_eq!(told, wanted, "{}", early.status);
        for (index, chunk) in again.chunks(CHUNK).enumerate() {
            if index > 0 || early.status != 200 {
                user.chunk(&id, index as u64, chunk).await.ok();
            }
        }
        let file = user.complete(&id).await.ok();
        assert!(user.content(file["id"].as_str().unwrap()).await == again);
    }
}
