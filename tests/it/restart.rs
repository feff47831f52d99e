//! Uploads over restarts of the server and in every state: what they answer, what they still need.

use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::{TestDrive, bytes, sha256};

const KIB: usize = 1024;

async fn resume(client: &Client, id: &str) -> Value {
    client.get(&format!("/api/files/upload/resume/{id}")).await.ok()
}

#[tokio::test]
async fn uploads_go_on_after_a_restart_and_no_chunk_is_asked_for_twice() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(1, 20 * 64 * KIB - 9);
    let more = json!({ "chunkSize": 64 * KIB, "hash": sha256(&data), "priority": 7 });
    let task = user.create("long.bin", data.len() as u64, more.clone()).await.ok();
    let id = id(&task);
    let chunk = |index: usize| data.chunks(64 * KIB).nth(index).unwrap();
    let sent = [0, 1, 2, 3, 4, 5, 9, 19, 12];
    for index in sent {
        user.chunk(&id, index as u64, chunk(index)).await.ok();
    }
    let before = resume(&user, &id).await;

    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    let after = resume(&user, &id).await;
    assert_eq!(after, before, "a restart changes nothing that a client sees");
    assert_eq!(after["uploadedChunks"], json!([0, 1, 2, 3, 4, 5, 9, 12, 19]));
    let again = user.create("long.bin", data.len() as u64, more).await.ok();
    assert_eq!(
        (&again["taskId"], &again["uploadedChunks"]),
        (&json!(id), &after["uploadedChunks"])
    );
    user.chunk(&id, 9, chunk(9)).await.refused(409, "CHUNK_ALREADY_UPLOADED");
    for index in (0..20).filter(|index| !sent.contains(index)) {
        user.chunk(&id, index as u64, chunk(index)).await.ok();
    }
    let file = user.complete(&id).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

#[tokio::test]
async fn the_hash_of_what_has_arrived_is_kept_over_a_restart() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(2, 12 * 64 * KIB);
    let more = json!({ "chunkSize": 64 * KIB, "hash": sha256(&data) });
    let id = id(&user.create("hashed.bin", data.len() as u64, more).await.ok());
    let front = |drive: &TestDrive| -> i64 {
        drive.db().query_row("select sha256_front from uploads", [], |row| row.get(0)).unwrap()
    };
    let mut chunks = data.chunks(64 * KIB).enumerate();
    // The state is stored with a later chunk, once the hash has come so far.
    while front(&drive) == 0 {
        let (index, chunk) = chunks.next().expect("the hash state is stored before the last chunk");
        user.chunk(&id, index as u64, chunk).await.ok();
    }
    let kept = front(&drive);

    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    assert_eq!(front(&drive), kept);
    // Bytes before the mark are not read again: even when they are spoilt, the hash that was kept decides.
    let staged = drive.holdings().staged.into_iter().next().unwrap();
    let path = drive.data_dir().join("uploads").join(staged);
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, &[data[0] ^ 1], 0).unwrap();
    for (index, chunk) in chunks {
        user.chunk(&id, index as u64, chunk).await.ok();
    }
    user.complete(&id).await.ok();
}

#[tokio::test]
async fn a_paused_upload_stays_paused_over_a_restart() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("paused.bin", 100, json!({})).await.ok());
    user.call(&format!("/api/tasks/{id}/pause")).await.ok();
    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    assert_eq!(resume(&user, &id).await["status"], "Paused");
    user.chunk(&id, 0, &[1; 100]).await.refused(409, "TASK_PAUSED");
    user.call(&format!("/api/tasks/{id}/resume")).await.ok();
    user.chunk(&id, 0, &[1; 100]).await.ok();
    user.complete(&id).await.ok();
}

/// What all three routes answer about an upload, which must agree.
async fn told(client: &Client, id: &str) -> Value {
    let resume = resume(client, id).await;
    let progress = client.get(&format!("/api/files/upload/progress/{id}")).await.ok();
    let details = client.get(&format!("/drive/files/upload/tasks/{id}/details")).await.ok();
    assert_eq!(progress, resume);
    assert_eq!(details["task"], resume);
    assert_eq!(details["pool"]["name"], "default");
    assert_eq!(details["pool"]["id"], resume["poolId"]);
    for key in [
        "bundle",
        "uploadSpeed",
        "uploadSpeedText",
        "estimatedTimeRemaining",
        "estimatedTimeRemainingText",
    ] {
        assert!(details.get(key).is_some(), "{key} is missing in {details}");
    }
    resume
}

#[tokio::test]
async fn resume_progress_and_details_answer_in_every_state() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(3, 128 * KIB);
    let wish = json!({ "chunkSize": 64 * KIB, "folder": "/a", "contentType": "text/plain" });
    let mut tasks = Vec::new();
    for status in ["InProgress", "Paused", "Completed", "Failed", "Cancelled", "Expired"] {
        let mut wish = wish.clone();
        if status == "Failed" {
            wish["hash"] = json!(sha256(b"other"));
        }
        let id = id(&user.create(&format!("{status}.bin"), data.len() as u64, wish).await.ok());
        user.chunk(&id, 1, &data[64 * KIB..]).await.ok();
        if matches!(status, "Completed" | "Failed") {
            user.chunk(&id, 0, &data[..64 * KIB]).await.ok();
            assert_eq!(user.complete(&id).await.status.is_success(), status == "Completed");
        }
        match status {
            "Paused" => drop(user.call(&format!("/api/tasks/{id}/pause")).await.ok()),
            "Cancelled" => drop(user.delete(&format!("/api/files/upload/task/{id}")).await.ok()),
            "Expired" => {
                // Its time is over while the others, and this sign-in, still have some.
                let sql = "update tasks set expires_at = 1, last_activity = 1 where task_id = ?1";
                drive.db().execute(sql, [&id]).unwrap();
                drive.sweep().await;
            }
            _ => {}
        }
        tasks.push((status, id));
    }
    assert_eq!(drive.settled().await.staged.len(), 2, "what has ended keeps no bytes aside");
    for (status, id) in &tasks {
        let told = told(&user, id).await;
        assert_eq!(told["status"], *status);
        assert_eq!(
            (&told["taskId"], &told["fileName"]),
            (&json!(id), &json!(format!("{status}.bin")))
        );
        assert_eq!((&told["fileSize"], &told["chunksCount"]), (&json!(data.len()), &json!(2)));
        let chunks = match *status {
            "InProgress" | "Paused" => json!([1]),
            "Completed" => json!([0, 1]),
            _ => json!([]),
        };
        assert_eq!(told["uploadedChunks"], chunks, "{status}");
        let ended = !matches!(*status, "InProgress" | "Paused");
        assert_eq!(told["completedAt"].is_string(), ended, "{status}");
        assert_eq!(told["fileId"].is_string(), *status == "Completed", "{status}");
    }
}

#[tokio::test]
async fn speed_and_time_left_are_told_while_bytes_move() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("fast.bin", 10 * 65_536, json!({ "chunkSize": 65_536 })).await.ok());
    let details =
        || async { user.get(&format!("/api/files/upload/tasks/{id}/details")).await.ok() };
    assert_eq!(details().await["uploadSpeed"], Value::Null);
    user.chunk(&id, 0, &[1; 65_536]).await.ok();
    drive.clock.advance_ms(2000);
    user.chunk(&id, 1, &[1; 65_536]).await.ok();
    let told = details().await;
    let speed = told["uploadSpeed"].as_u64().unwrap();
    assert!(
        (40_000..=65_536).contains(&speed),
        "131072 bytes in little more than two seconds: {speed}"
    );
    assert_eq!(told["estimatedTimeRemaining"], (8 * 65_536u64).div_ceil(speed));
    assert!(told["uploadSpeedText"].as_str().unwrap().ends_with("kB/s"), "{told}");
    assert!(told["estimatedTimeRemainingText"].as_str().unwrap().ends_with(" s"), "{told}");
}
