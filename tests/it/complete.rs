//! The end of an upload: what is missing, what does not match, one file whatever happens.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client, id};
use crate::harness::{TestDrive, bytes, eventually, sha256};

const KIB: usize = 1024;

/// Creates an upload and sends all its chunks.
async fn sent(client: &Client, name: &str, data: &[u8], more: Value) -> String {
    let task = client.create(name, data.len() as u64, more).await.ok();
    let (id, size) = (id(&task), task["chunkSize"].as_u64().unwrap());
    for (index, chunk) in data.chunks(size as usize).enumerate() {
        client.chunk(&id, index as u64, chunk).await.ok();
    }
    id
}

async fn details(client: &Client, id: &str) -> Value {
    client.get(&format!("/api/files/upload/tasks/{id}/details")).await.ok()
}

#[tokio::test]
async fn missing_chunks_are_listed_and_the_upload_goes_on() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(1, 5 * 64 * KIB);
    let task =
        user.create("gaps.bin", data.len() as u64, json!({ "chunkSize": 64 * KIB })).await.ok();
    let id = id(&task);
    let refusal = user.complete(&id).await.refused(409, "CHUNKS_MISSING");
    assert_eq!(refusal["details"]["missingChunks"], json!([0, 1, 2, 3, 4]));
    for index in [1, 3] {
        let chunk = data.chunks(64 * KIB).nth(index).unwrap();
        user.chunk(&id, index as u64, chunk).await.ok();
    }
    let refusal = user.complete(&id).await.refused(409, "CHUNKS_MISSING");
    assert_eq!(refusal["details"]["missingChunks"], json!([0, 2, 4]));
    assert_eq!(details(&user, &id).await["task"]["status"], "InProgress");

    for index in [4, 0, 2] {
        let chunk = data.chunks(64 * KIB).nth(index).unwrap();
        user.chunk(&id, index as u64, chunk).await.ok();
    }
    let file = user.complete(&id).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

#[tokio::test]
async fn completing_again_gives_the_same_file() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = sent(&user, "once.bin", b"only once", json!({})).await;
    let first = user.complete(&id).await.ok();
    assert_eq!(user.complete(&id).await.ok(), first);
    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    assert_eq!(user.complete(&id).await.ok(), first, "after a restart too");
    assert_eq!(drive.holdings().files, 1);
}

#[tokio::test]
async fn sixteen_that_complete_at_once_get_one_file() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    // Several rounds, since the late ones must fall into the moment of the end.
    for round in 1..=5 {
        let data = bytes(round, 100 * KIB);
        let id = sent(&user, "at-once.bin", &data, json!({ "hash": sha256(&data) })).await;
        let answers = join_all((0..16).map(|_| user.complete(&id))).await;
        let files: Vec<_> = answers.into_iter().map(Answer::ok).collect();
        assert!(files.iter().all(|file| file == &files[0]), "{files:#?}");
        let holdings = drive.holdings();
        assert_eq!(holdings.files, round as i64);
        assert_eq!(holdings.used_bytes, (round as usize * data.len()) as i64);
    }
}

#[tokio::test]
async fn bytes_that_do_not_match_the_declared_hash_end_the_upload_and_leave_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1_000_000)).await;
    let data = bytes(3, 100 * KIB);
    let blake3 = format!("blake3:{}", blake3::hash(&data).to_hex());
    let wrong = format!("blake3:{}", blake3::hash(b"other").to_hex());
    let actual = format!("sha256:{}", sha256(&data));
    let declared = format!("sha256:{}", sha256(b"other"));
    for (declared, actual) in [(declared, actual), (wrong, blake3)] {
        let id = sent(&user, "wrong.bin", &data, json!({ "hash": declared })).await;
        let refusal = user.complete(&id).await.refused(422, "HASH_MISMATCH");
        assert_eq!(refusal["details"]["declared"], declared);
        assert_eq!(refusal["details"]["actual"], actual);
        let task = details(&user, &id).await["task"].clone();
        assert_eq!(
            (&task["status"], &task["errorCode"]),
            (&json!("Failed"), &json!("HASH_MISMATCH"))
        );
        assert_eq!(task["fileId"], Value::Null);
        // Asked again, the answer is the same and still tells both.
        let again = user.complete(&id).await.refused(422, "HASH_MISMATCH");
        assert_eq!(again["message"], refusal["message"]);
        assert_eq!(again["details"], refusal["details"]);
    }
    assert_eq!(user.get("/api/files").await.ok(), json!([]));
    assert_eq!(
        user.get("/api/quota").await.ok(),
        json!({ "used": 0, "reserved": 0, "limit": 1_000_000, "trash": 0 })
    );
    eventually("the staging files go", || drive.holdings().staged.is_empty()).await;
}

async fn complete_with(client: &Client, id: &str, body: Value) -> Answer {
    client.post(&format!("/api/files/upload/complete/{id}"), body).await
}

#[tokio::test]
async fn a_hash_found_while_sending_is_verified_at_the_end() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(40, 100 * KIB);
    let first = sent(&user, "good.bin", &data, json!({})).await;
    complete_with(&user, &first, json!({ "hash": "junk" })).await.refused(400, "HASH_INVALID");
    let refusal = complete_with(&user, &first, json!({ "colour": "red" })).await;
    assert_eq!(refusal.refused(400, "INVALID_REQUEST")["details"]["field"], "colour");
    assert_eq!(details(&user, &first).await["task"]["status"], "InProgress", "a slip ends nothing");
    complete_with(&user, &first, json!({ "hash": sha256(&data) })).await.ok();

    // Beside a hash that was declared and fits, one that does not is believed as well.
    for wish in
        [json!({}), json!({ "hash": format!("blake3:{}", blake3::hash(b"spoilt").to_hex()) })]
    {
        let second = sent(&user, "bad.bin", b"spoilt", wish).await;
        let wrong = json!({ "hash": sha256(b"other") });
        let refusal =
            complete_with(&user, &second, wrong.clone()).await.refused(422, "HASH_MISMATCH");
        assert_eq!(refusal["details"]["declared"], format!("sha256:{}", sha256(b"other")));
        assert_eq!(refusal["details"]["actual"], format!("sha256:{}", sha256(b"spoilt")));
        let again = complete_with(&user, &second, wrong).await.refused(422, "HASH_MISMATCH");
        assert_eq!(again["details"], refusal["details"]);
    }
    assert_eq!(drive.holdings().files, 1);
}

#[tokio::test]
async fn an_upload_that_failed_may_be_started_again_with_the_right_hash() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(4, 100 * KIB);
    let wrong = json!({ "hash": sha256(b"other") });
    let failed = sent(&user, "again.bin", &data, wrong.clone()).await;
    user.complete(&failed).await.refused(422, "HASH_MISMATCH");
    // Even the same wish is a new upload now: the failed one is over.
    let other = id(&user.create("again.bin", data.len() as u64, wrong).await.ok());
    assert_ne!(other, failed);
    user.upload("again.bin", &data, json!({ "hash": sha256(&data) })).await;
}

#[tokio::test]
async fn without_a_hash_the_server_tells_it() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(5, 200 * KIB);
    let file = user.upload("plain.bin", &data, json!({})).await;
    assert_eq!(file["hash"], format!("sha256:{}", sha256(&data)));
}

#[tokio::test]
async fn a_blake3_hash_is_verified_whatever_the_sizes() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    // Around the blocks that are hashed apart from each other and merged at the end.
    let sizes = [1, 1024, 64 * KIB, 64 * KIB + 1, 192 * KIB, 300 * KIB + 5];
    for (seed, size) in sizes.into_iter().enumerate() {
        for (more, chunk_size) in [64 * KIB, 192 * KIB].into_iter().enumerate() {
            let data = bytes((2 * seed + more) as u64, size);
            let hash = format!("blake3:{}", blake3::hash(&data).to_hex());
            let wish = json!({ "hash": hash, "chunkSize": chunk_size });
            let file = user.upload("hashed.bin", &data, wish).await;
            assert_eq!(file["hash"], format!("sha256:{}", sha256(&data)), "{size} by {chunk_size}");
        }
    }
}

#[tokio::test]
async fn every_spelling_of_a_sha256_is_understood() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let hash = sha256(b"spelled");
    let spellings =
        [hash.clone(), hash.to_uppercase(), format!("sha256:{hash}"), format!("SHA-256:{hash}")];
    let mut tasks = Vec::new();
    for (index, spelling) in spellings.iter().enumerate() {
        tasks.push(
            sent(&user, &format!("{index}.bin"), b"spelled", json!({ "hash": spelling })).await,
        );
    }
    for (task, spelling) in tasks.iter().zip(&spellings) {
        let file = user.complete(task).await.ok();
        assert_eq!(file["hash"], format!("sha256:{hash}"), "{spelling}");
    }
}

#[tokio::test]
async fn an_empty_file_has_no_chunks_and_is_completed_at_once() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let task = user.create("empty.txt", 0, json!({ "hash": sha256(b"") })).await.ok();
    assert_eq!(task["chunksCount"], 0);
    let id = id(&task);
    let refusal = user.chunk(&id, 0, b"").await.refused(400, "CHUNK_INDEX_OUT_OF_RANGE");
    assert_eq!(refusal["details"]["chunksCount"], 0);
    let file = user.complete(&id).await.ok();
    assert_eq!((&file["size"], &file["contentType"]), (&json!(0), &json!("text/plain")));
    assert_eq!(file["hash"], format!("sha256:{}", sha256(b"")));
    let answer = user.get(&format!("/api/files/{}/content", file["id"].as_str().unwrap())).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-length"), answer.body.len()),
        (200, "0", 0)
    );
    assert_eq!(details(&user, &id).await["task"]["progress"], 100.0);
}

#[tokio::test]
async fn the_type_comes_from_the_client_then_the_name_then_the_first_bytes() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
    for (name, content_type, found) in [
        ("picture.jpg", Some("Image/GIF"), "image/gif"),
        ("picture.jpg", None, "image/jpeg"),
        ("picture.jpg", Some(""), "image/jpeg"),
        ("picture", None, "image/png"),
        ("notes.md", None, "text/markdown"),
    ] {
        let file = user.upload(name, png, json!({ "contentType": content_type })).await;
        assert_eq!(file["contentType"], found, "{name} {content_type:?}");
    }
    let file = user.upload("nameless", b"nothing known", json!({})).await;
    assert_eq!(file["contentType"], "application/octet-stream");
}

#[tokio::test]
async fn whoever_comes_first_of_complete_and_cancel_the_other_is_told() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (mut completed, mut cancelled) = (0, 0);
    for round in 0..20 {
        let data = bytes(100 + round, 1000);
        let id = sent(&user, "race.bin", &data, json!({})).await;
        let cancel = format!("/api/files/upload/task/{id}");
        let (first, second) = if round % 2 == 0 {
            let both = tokio::join!(user.complete(&id), user.delete(&cancel));
            (both.0, both.1)
        } else {
            let both = tokio::join!(user.delete(&cancel), user.complete(&id));
            (both.1, both.0)
        };
        match details(&user, &id).await["task"]["status"].as_str().unwrap() {
            "Completed" => {
                completed += 1;
                let file = first.ok();
                assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
                second.refused(409, "TASK_FINISHED");
            }
            "Cancelled" => {
                cancelled += 1;
                first.refused(409, "TASK_FINISHED");
                second.ok();
            }
            other => panic!("{other}"),
        }
    }
    let holdings = drive.holdings();
    assert_eq!((completed + cancelled, holdings.files), (20, completed));
    assert_eq!((holdings.used_bytes, holdings.reserved_bytes), (completed * 1000, 0));
}

#[tokio::test]
async fn a_pause_in_the_moment_of_the_end_loses_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for round in 0..20 {
        let data = bytes(200 + round, 1000);
        let id = sent(&user, "race.bin", &data, json!({})).await;
        let pause = format!("/api/tasks/{id}/pause");
        let (finished, paused) = tokio::join!(user.complete(&id), user.call(&pause));
        if finished.status == 200 {
            paused.refused(409, "TASK_FINISHED");
        } else {
            assert_eq!(finished.status, 409, "{finished:?}");
            paused.ok();
            user.call(&format!("/api/tasks/{id}/resume")).await.ok();
        }
        let file = user.complete(&id).await.ok();
        assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
    }
}
