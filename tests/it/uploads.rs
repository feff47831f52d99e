//! Chunks on their way in: any order, any number at once, any of the forms a client may choose.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use reqwest::{Method, multipart};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::harness::client::{Client, id};
use crate::harness::{TestDrive, bytes, sha256};

const KIB: usize = 1024;

#[tokio::test]
async fn a_file_goes_in_by_chunks_in_any_order_and_comes_out() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(1, 300 * KIB);
    let task = user
        .create(
            "Grüße.bin",
            data.len() as u64,
            json!({ "chunkSize": 64 * KIB, "hash": sha256(&data), "folder": "a/b" }),
        )
        .await
        .ok();
    assert_eq!((&task["fileExists"], &task["chunksCount"]), (&Value::Bool(false), &json!(5)));
    let id = id(&task);
    for (sent, index) in [4, 0, 2, 1, 3].into_iter().enumerate() {
        let chunk = data.chunks(64 * KIB).nth(index).unwrap();
        let receipt = user.chunk(&id, index as u64, chunk).await.ok();
        assert_eq!(receipt["chunkIndex"], index);
        assert_eq!(
            (&receipt["chunksUploaded"], &receipt["chunksCount"]),
            (&json!(sent + 1), &json!(5))
        );
    }
    let file = user.complete(&id).await.ok();
    assert_eq!(file["name"], "Grüße.bin");
    assert_eq!(file["folder"], "/a/b");
    assert_eq!(file["hash"], format!("sha256:{}", sha256(&data)));
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

#[tokio::test]
async fn many_chunks_come_at_once_on_connections_of_their_own() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(2, 40 * 64 * KIB - 7);
    let more = json!({ "chunkSize": 64 * KIB, "hash": sha256(&data) });
    let task = user.create("many.bin", data.len() as u64, more).await.ok();
    let id = id(&task);
    let sending = data.chunks(64 * KIB).enumerate().rev().map(|(index, chunk)| {
        // A client of its own has a connection of its own.
        let client = Client { token: user.token.clone(), ..Client::new(drive.address) };
        let id = &id;
        async move { client.chunk(id, index as u64, chunk).await.ok() }
    });
    let receipts = join_all(sending).await;
    let mut counts: Vec<_> =
        receipts.iter().map(|one| one["chunksUploaded"].as_u64().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=40).collect::<Vec<_>>(), "each chunk is counted once, by itself");
    let file = user.complete(&id).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

/// Sends one chunk in one of the forms a client may choose.
async fn send_as(client: &Client, form: &str, method: Method, path: &str, chunk: &[u8]) -> Value {
    let request = client.request(method, path);
    let part = || multipart::Part::bytes(chunk.to_vec());
    let request = match form {
        "raw" => request.header("content-type", "application/octet-stream").body(chunk.to_vec()),
        "untyped" => request.body(chunk.to_vec()),
        "file" => request.multipart(multipart::Form::new().part("chunk", part().file_name("blob"))),
        "any name" => request.multipart(
            multipart::Form::new().percent_encode_noop().part("stück", part().file_name("x.bin")),
        ),
        "text part" => request.multipart(multipart::Form::new().part("chunk", part())),
        "among texts" => request.multipart(
            multipart::Form::new()
                .text("name", "video.mp4")
                .text("index", "3")
                .part("data", part().file_name("blob"))
                .text("after", "x".repeat(30 * KIB)),
        ),
        _ => panic!("{form}"),
    };
    client.send(request).await.ok()
}

#[tokio::test]
async fn a_chunk_comes_as_form_or_raw_by_put_or_post_under_both_prefixes() {
    let forms = ["raw", "untyped", "file", "any name", "text part", "among texts"];
    let ways = [
        ("/api", Method::POST),
        ("/api", Method::PUT),
        ("/drive", Method::POST),
        ("/drive", Method::PUT),
    ];
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(3, forms.len() * ways.len() * 64 * KIB - 100);
    let more = json!({ "chunkSize": 64 * KIB, "hash": sha256(&data) });
    let task = user.create("forms.bin", data.len() as u64, more).await.ok();
    let id = id(&task);
    let mut index = 0;
    for form in forms {
        for (prefix, method) in &ways {
            let path = format!("{prefix}/files/upload/chunk/{id}/{index}");
            let chunk = data.chunks(64 * KIB).nth(index).unwrap();
            let receipt = send_as(&user, form, method.clone(), &path, chunk).await;
            assert_eq!(receipt["chunkIndex"], index, "{form} {method} {prefix}");
            index += 1;
        }
    }
    let file = user.call(&format!("/drive/files/upload/complete/{id}")).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

#[tokio::test]
async fn snake_case_is_understood_everywhere() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let wish = json!({
        "file_name": "snake.txt", "file_size": 100_000, "content_type": "text/plain", "chunk_size": 65_536,
        "last_modified": "2025-11-09T02:00:00Z", "expired_at": "2999-01-01T00:00:00Z", "fingerprint": "f",
    });
    let task = user.post("/drive/files/upload/create", wish).await.ok();
    let seen = user.get(&format!("/drive/files/upload/resume/{}", id(&task))).await.ok();
    assert_eq!(seen["fileName"], "snake.txt");
    assert_eq!(seen["chunkSize"], 65_536);
    assert_eq!(seen["lastModified"], "2025-11-09T02:00:00.000Z");
    assert_eq!(seen["expiredAt"], "2999-01-01T00:00:00.000Z");
    let listed = user.get("/api/files/upload/tasks?sort_by=filename&sort_descending=false").await;
    assert_eq!(listed.header("x-total"), "1");
    listed.ok();
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha2::Sha256::digest(bytes)))
}

#[tokio::test]
async fn a_chunk_with_a_wrong_digest_does_not_count_and_is_sent_again() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(4, 100 * KIB);
    let more = json!({ "chunkSize": 64 * KIB, "hash": sha256(&data) });
    let task = user.create("digest.bin", data.len() as u64, more).await.ok();
    let id = id(&task);
    let path = format!("/api/files/upload/chunk/{id}/0");
    let (chunk, rest) = data.split_at(64 * KIB);
    let send = |digest: &str, bytes: &[u8]| {
        let request = user.request(Method::PUT, &path).header("content-digest", digest);
        user.send(request.body(bytes.to_vec()))
    };

    // What arrived is not what was sent: one bit fell over on the way.
    let mut damaged = chunk.to_vec();
    damaged[5] ^= 1;
    let refusal = send(&digest_of(chunk), &damaged).await.refused(422, "DIGEST_MISMATCH");
    assert_eq!(refusal["details"]["declared"], sha256(chunk));
    assert_eq!(refusal["details"]["actual"], sha256(&damaged));
    for malformed in ["sha-256=abc", "sha-256=:AAAA:", "md5=:AAAA:", "nonsense", "sha-256=:%%%:"] {
        let refusal = send(malformed, chunk).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "Content-Digest", "{malformed}");
    }
    let seen = user.get(&format!("/api/files/upload/resume/{id}")).await.ok();
    assert_eq!((&seen["uploadedChunks"], &seen["chunksUploaded"]), (&json!([]), &json!(0)));

    let several = format!("md5=:AAAA:, {}", digest_of(chunk));
    send(&several, chunk).await.ok();
    user.chunk(&id, 1, rest).await.ok();
    let file = user.complete(&id).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

#[tokio::test]
async fn chunk_sizes_are_clamped_and_rounded_and_the_answer_holds_the_effective_one() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (kib, mib) = (1024u64, 1024u64 * 1024);
    let cases = [
        (json!(null), 5 * mib),
        (json!(1), 64 * kib),
        (json!(64 * kib), 64 * kib),
        (json!(64 * kib + 1), 128 * kib),
        (json!(5 * mib), 5 * mib),
        (json!(16 * mib + 1), 16 * mib),
        (json!(u64::MAX), 16 * mib),
        (json!(0), 64 * kib),
    ];
    for (wished, effective) in cases {
        let task = user.create("size.bin", 12 * mib, json!({ "chunkSize": wished })).await.ok();
        assert_eq!(task["chunkSize"], effective, "{wished}");
        assert_eq!(task["chunksCount"], (12 * mib).div_ceil(effective), "{wished}");
        user.delete(&format!("/api/files/upload/task/{}", id(&task))).await.ok();
    }
}

#[tokio::test]
async fn what_create_answers_is_enough_to_start_sending() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let task = user.create("start.bin", 10, json!({})).await.ok();
    assert_eq!(task["fileExists"], false);
    assert_eq!(task["uploadedChunks"], json!([]));
    assert_eq!(task["durability"], "full");
    let id = id(&task);
    assert!(
        id.len() >= 21 && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
        "{id}"
    );
    let receipt = user.chunk_form(&id, 0, "chunk", &[7; 10]).await.ok();
    assert_eq!(
        receipt,
        json!({ "chunkIndex": 0, "chunksUploaded": 1, "chunksCount": 1, "progress": 100.0 })
    );
}

#[tokio::test]
async fn priority_and_expiry_outside_their_bounds_are_refused_by_name() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (field, value) in [
        ("priority", json!(101)),
        ("priority", json!(256)),
        ("priority", json!(-1)),
        ("expiredAt", json!("2020-01-01T00:00:00Z")),
        ("expiredAt", json!("tomorrow")),
        ("fingerprint", json!("")),
        ("fingerprint", json!("x".repeat(513))),
    ] {
        let refusal =
            user.create("a.bin", 10, json!({ field: value })).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{value}");
    }
    user.create("a.bin", 10, json!({ "priority": 100 })).await.ok();
    assert_eq!(drive.holdings().tasks, 1);
}

#[tokio::test]
async fn an_expired_file_is_neither_listed_nor_served() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let expiry = drive.clock.now().plus_ms(3_600_000).to_string();
    let file = user.upload("brief.txt", b"gone soon", json!({ "expiredAt": expiry })).await;
    user.upload("lasting.txt", b"here to stay", json!({})).await;
    let names = |list: Value| {
        list.as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(file["expiredAt"], expiry);
    assert_eq!(names(user.get("/api/files").await.ok()).len(), 2);
    // Past the expiry, but within the life of the session; a new access token is needed.
    drive.clock.advance_ms(3_601_000);
    let user = drive.signed_in("ada").await;
    let list = user.get("/api/files").await;
    assert_eq!(list.header("x-total"), "1");
    assert_eq!(names(list.ok()), ["lasting.txt"]);
    let path = format!("/api/files/{}", file["id"].as_str().unwrap());
    user.get(&path).await.refused(410, "FILE_EXPIRED");
    user.get(&format!("{path}/content")).await.refused(410, "FILE_EXPIRED");
}
