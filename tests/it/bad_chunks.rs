//! Chunks that are not what they should be: at the wrong place, of the wrong length, cut off, at the wrong time.

use std::os::unix::fs::FileExt;

use reqwest::{Method, multipart};
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client, id};
use crate::harness::raw::Raw;
use crate::harness::{TestDrive, bytes, eventually, sha256};

const MIB: usize = 1024 * 1024;

async fn resume(client: &Client, id: &str) -> Value {
    client.get(&format!("/api/files/upload/resume/{id}")).await.ok()
}

fn path(id: &str, index: u64) -> String {
    format!("/api/files/upload/chunk/{id}/{index}")
}

#[tokio::test]
async fn indexes_that_are_none_are_refused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("a.bin", 3 * 65_536, json!({ "chunkSize": 65_536 })).await.ok());
    for index in
        ["-1", "3", "4294967295", "4294967296", "99999999999999999999", "abc", "1.0", "0x1", "%201"]
    {
        let path = format!("/drive/files/upload/chunk/{id}/{index}");
        let request = user.request(Method::POST, &path).body(vec![0; 65_536]);
        user.send(request).await.refused(400, "CHUNK_INDEX_OUT_OF_RANGE");
    }
    let refusal = user.chunk(&id, 3, &[0; 65_536]).await.refused(400, "CHUNK_INDEX_OUT_OF_RANGE");
    assert_eq!(refusal["details"], json!({ "chunkIndex": 3, "chunksCount": 3 }));
    assert_eq!(resume(&user, &id).await["chunksUploaded"], 0);
}

/// Sends a chunk of some length in one of the ways a length can be told, or not.
async fn of_length(client: &Client, way: &str, id: &str, index: u64, length: usize) -> Answer {
    let body = vec![7; length];
    match way {
        "declared" => client.chunk(id, index, &body).await,
        "form" => client.chunk_form(id, index, "chunk", &body).await,
        "unknown" => {
            let mut raw = Raw::connect(client).await;
            raw.head(client, "PUT", &path(id, index), "Transfer-Encoding: chunked\r\n").await;
            for piece in body.chunks(10_000) {
                raw.piece(piece).await;
            }
            raw.piece(b"").await;
            raw.answer().await
        }
        _ => panic!("{way}"),
    }
}

#[tokio::test]
async fn a_chunk_of_another_length_is_refused_and_does_not_count() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let size = 2 * 65_536 + 100;
    for way in ["declared", "form", "unknown"] {
        let id = id(&user.create("a.bin", size, json!({ "chunkSize": 65_536 })).await.ok());
        for (index, expected) in [(0, 65_536), (2, 100)] {
            for actual in [0, 1, expected - 1] {
                let answer = of_length(&user, way, &id, index, actual).await;
                let refusal = answer.refused(400, "CHUNK_LENGTH_WRONG");
                let told = json!({ "chunkIndex": index, "expected": expected, "actual": actual });
                assert_eq!(refusal["details"], told, "{way}");
            }
            for actual in [expected + 1, 2 * expected, 300_000] {
                let answer = of_length(&user, way, &id, index, actual).await;
                let refusal = answer.refused(413, "CHUNK_TOO_LARGE");
                assert_eq!(refusal["details"]["expected"], expected, "{way}");
            }
        }
        assert_eq!(resume(&user, &id).await["uploadedChunks"], json!([]), "{way}");
        for (index, length) in [(0, 65_536), (1, 65_536), (2, 100)] {
            of_length(&user, way, &id, index, length).await.ok();
        }
        user.complete(&id).await.ok();
    }
}

/// Waits until the server has written the first of these bytes, which are on their way.
async fn on_its_way(drive: &TestDrive, offset: usize, bytes: &[u8]) {
    eventually("the first bytes are written", || {
        let staged = drive.holdings().staged.into_iter().next().expect("a staging file");
        let file = std::fs::File::open(drive.data_dir().join("uploads").join(staged)).unwrap();
        let mut first = [0; 16];
        file.read_at(&mut first, offset as u64).is_ok() && first == bytes[..16]
    })
    .await;
}

/// Sends a chunk again until nobody else is said to be sending it.
async fn when_free(client: &Client, id: &str, index: u64, chunk: &[u8]) -> Answer {
    let patience = std::time::Instant::now();
    loop {
        let answer = client.chunk(id, index, chunk).await;
        if answer.status.is_success() || answer.json()["code"] != "CHUNK_IN_FLIGHT" {
            return answer;
        }
        assert!(
            patience.elapsed().as_secs() < 15,
            "the chunk of a lost connection stays in flight"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_counts_for_nothing_and_can_be_sent_again() {
    let form_head = "--X\r\nContent-Disposition: form-data; name=\"chunk\"; filename=\"b\"\r\n\r\n";
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(1, 3 * MIB);
    let more = json!({ "chunkSize": MIB, "hash": sha256(&data) });
    let id = id(&user.create("cut.bin", data.len() as u64, more).await.ok());
    for (index, way) in ["declared", "unknown", "form"].into_iter().enumerate() {
        let chunk = &data[index * MIB..(index + 1) * MIB];
        let length = format!("Content-Length: {}\r\n", MIB + 500);
        let headers = match way {
            "declared" => format!("Content-Length: {MIB}\r\n"),
            "unknown" => "Transfer-Encoding: chunked\r\n".to_owned(),
            _ => format!("Content-Type: multipart/form-data; boundary=X\r\n{length}"),
        };
        let mut raw = Raw::connect(&user).await;
        raw.head(&user, "POST", &path(&id, index as u64), &headers).await;
        match way {
            "declared" => raw.send(&chunk[..MIB / 2]).await,
            "unknown" => raw.piece(&chunk[..MIB / 2]).await,
            _ => {
                raw.send(form_head.as_bytes()).await;
                raw.send(&chunk[..MIB / 2]).await;
            }
        }
        on_its_way(&drive, index * MIB, chunk).await;
        drop(raw);
        let receipt = when_free(&user, &id, index as u64, chunk).await.ok();
        assert_eq!(receipt["chunksUploaded"], index + 1, "{way}");
    }
    user.complete(&id).await.ok();
}

#[tokio::test]
async fn of_two_senders_of_one_chunk_the_second_is_told_to_wait() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(2, MIB);
    let id = id(&user.create("two.bin", MIB as u64, json!({ "chunkSize": MIB })).await.ok());
    let mut slow = Raw::connect(&user).await;
    slow.head(&user, "POST", &path(&id, 0), &format!("Content-Length: {MIB}\r\n")).await;
    slow.send(&data[..MIB / 2]).await;
    on_its_way(&drive, 0, &data).await;

    let refusal = user.chunk(&id, 0, &data).await.refused(409, "CHUNK_IN_FLIGHT");
    assert_eq!(refusal["details"], json!({ "taskId": id, "chunkIndex": 0 }));
    user.chunk_form(&id, 0, "chunk", &data).await.refused(409, "CHUNK_IN_FLIGHT");
    user.complete(&id).await.refused(409, "CHUNKS_MISSING");
    slow.send(&data[MIB / 2..]).await;
    slow.answer().await.ok();
    user.chunk(&id, 0, &data).await.refused(409, "CHUNK_ALREADY_UPLOADED");
    let file = user.complete(&id).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

#[tokio::test]
async fn a_pause_or_a_cancel_in_the_middle_of_a_chunk_holds() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("held.bin", MIB as u64, json!({ "chunkSize": MIB })).await.ok());
    let half = async |data: &[u8]| {
        let mut slow = Raw::connect(&user).await;
        slow.head(&user, "POST", &path(&id, 0), &format!("Content-Length: {MIB}\r\n")).await;
        slow.send(&data[..MIB / 2]).await;
        on_its_way(&drive, 0, data).await;
        slow
    };
    let data = bytes(3, MIB);
    let mut slow = half(&data).await;
    user.call(&format!("/api/tasks/{id}/pause")).await.ok();
    slow.send(&data[MIB / 2..]).await;
    slow.answer().await.refused(409, "TASK_PAUSED");
    assert_eq!(resume(&user, &id).await["chunksUploaded"], 0);
    user.call(&format!("/api/tasks/{id}/resume")).await.ok();

    let data = bytes(33, MIB);
    let mut slow = half(&data).await;
    user.call(&format!("/api/tasks/{id}/cancel")).await.ok();
    slow.send(&data[MIB / 2..]).await;
    slow.answer().await.refused(409, "TASK_FINISHED");
    eventually("the staging file goes", || drive.holdings().staged.is_empty()).await;
    assert_eq!(drive.holdings().reserved_bytes, 0);
}

#[tokio::test]
async fn a_chunk_that_meets_a_cancel_is_in_or_told_so() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for round in 0..40 {
        let id = id(&user.create("race.bin", 1000, json!({})).await.ok());
        let cancel = format!("/api/tasks/{id}/cancel");
        // Each second time nothing of the upload is in memory yet.
        if round % 2 == 0 {
            user.chunk(&id, 0, &[1; 999]).await.refused(400, "CHUNK_LENGTH_WRONG");
        }
        let (chunk, cancelled) = tokio::join!(user.chunk(&id, 0, &[1; 1000]), user.call(&cancel));
        cancelled.ok();
        if chunk.status != 200 {
            chunk.refused(409, "TASK_FINISHED");
        }
    }
    let holdings = drive.settled().await;
    assert_eq!((holdings.staged.len(), holdings.reserved_bytes, holdings.chunks), (0, 0, 0));
}

#[tokio::test]
async fn the_state_of_the_upload_decides_over_chunks() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("a.bin", 2 * 65_536, json!({ "chunkSize": 65_536 })).await.ok());
    let chunk = vec![1; 65_536];
    user.chunk(&id, 0, &chunk).await.ok();
    user.chunk(&id, 0, &chunk).await.refused(409, "CHUNK_ALREADY_UPLOADED");
    user.call(&format!("/api/tasks/{id}/pause")).await.ok();
    user.chunk(&id, 1, &chunk).await.refused(409, "TASK_PAUSED");
    user.complete(&id).await.refused(409, "TASK_PAUSED");
    user.call(&format!("/api/tasks/{id}/resume")).await.ok();
    user.chunk(&id, 1, &chunk).await.ok();
    user.complete(&id).await.ok();
    let refusal = user.chunk(&id, 1, &chunk).await.refused(409, "TASK_FINISHED");
    assert_eq!(refusal["details"]["taskStatus"], "Completed");
    for verb in ["pause", "resume", "cancel"] {
        user.call(&format!("/api/tasks/{id}/{verb}")).await.refused(409, "TASK_FINISHED");
    }
    user.delete(&format!("/api/files/upload/task/{id}")).await.refused(409, "TASK_FINISHED");
    user.complete(&id).await.ok();
}

#[tokio::test]
async fn a_cancelled_upload_takes_nothing_more_and_can_be_cancelled_again() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("a.bin", 10, json!({})).await.ok());
    for _ in 0..2 {
        let task = user.delete(&format!("/api/files/upload/task/{id}")).await.ok();
        assert_eq!(task["status"], "Cancelled");
    }
    let refusal = user.chunk(&id, 0, &[1; 10]).await.refused(409, "TASK_FINISHED");
    assert_eq!(refusal["details"]["taskStatus"], "Cancelled");
    user.complete(&id).await.refused(409, "TASK_FINISHED");
    user.call(&format!("/api/tasks/{id}/resume")).await.refused(409, "TASK_FINISHED");
}

#[tokio::test]
async fn forms_without_a_chunk_or_with_too_much_beside_it_are_refused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("a.bin", 10, json!({})).await.ok());
    let part = || multipart::Part::bytes(vec![1; 10]).file_name("b");
    let mut crowd = multipart::Form::new();
    for index in 0..20 {
        crowd = crowd.text(format!("field{index}"), "x");
    }
    let forms = [
        multipart::Form::new(),
        multipart::Form::new().text("note", "no chunk here"),
        multipart::Form::new().text("note", "x".repeat(100_000)).part("chunk", part()),
        crowd.part("chunk", part()),
    ];
    for form in forms {
        let request = user.request(Method::POST, &path(&id, 0));
        user.send(request.multipart(form)).await.refused(400, "MULTIPART_INVALID");
    }
    for (content_type, body) in [
        ("multipart/form-data", "--X--\r\n"),
        ("multipart/form-data; boundary=X", "no parts at all"),
        ("multipart/form-data; boundary=X", "--X\r\n\r\n1234567890\r\n--X--\r\n"),
        (
            "multipart/form-data; boundary=X",
            "--X\r\nContent-Disposition: form-data; name=\"chunk\"\r\n\r\n12345",
        ),
    ] {
        let request =
            user.request(Method::POST, &path(&id, 0)).header("content-type", content_type);
        user.send(request.body(body)).await.refused(400, "MULTIPART_INVALID");
    }
    assert_eq!(resume(&user, &id).await["chunksUploaded"], 0);
    user.chunk(&id, 0, &[1; 10]).await.ok();
}

#[tokio::test]
async fn a_refused_chunk_of_eight_mebibytes_leaves_its_connection_open() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(4, 8 * MIB);
    let id =
        id(&user.create("kept.bin", data.len() as u64, json!({ "chunkSize": 8 * MIB })).await.ok());
    user.chunk(&id, 0, &data).await.ok();
    let mut raw = Raw::connect(&user).await;
    let length = format!("Content-Length: {}\r\n", data.len());
    for _ in 0..3 {
        raw.head(&user, "POST", &path(&id, 0), &length).await;
        raw.send(&data).await;
        raw.answer().await.refused(409, "CHUNK_ALREADY_UPLOADED");
    }
    raw.head(&user, "POST", &format!("/api/files/upload/complete/{id}"), "Content-Length: 0\r\n")
        .await;
    assert_eq!(raw.answer().await.ok()["size"], 8 * MIB);
}

#[tokio::test]
async fn too_long_a_body_is_answered_before_the_client_has_sent_it_all() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("a.bin", 100, json!({})).await.ok());
    let mut raw = Raw::connect(&user).await;
    raw.head(&user, "POST", &path(&id, 0), "Content-Length: 1000000000000\r\n").await;
    // Much is read over, so that a client that writes first and reads then hears the reason; a terabyte is not.
    raw.send(&vec![0; 17 * MIB]).await;
    raw.answer().await.refused(413, "CHUNK_TOO_LARGE");
    drop(raw);
    user.chunk(&id, 0, &[1; 100]).await.ok();
}
