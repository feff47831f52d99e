//! A small file in one request.

use futures_util::future::join_all;
use reqwest::{Method, multipart};
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client};
use crate::harness::raw::Raw;
use crate::harness::{TestDrive, bytes, eventually, sha256};

const MIB: usize = 1024 * 1024;

/// The same with an idempotency key.
async fn keyed(client: &Client, key: &str, query: &str, body: &[u8]) -> Answer {
    let request = client.request(Method::PUT, &format!("/api/files/upload/direct?{query}"));
    client.send(request.header("idempotency-key", key).body(body.to_vec())).await
}

async fn direct(client: &Client, method: Method, query: &str, body: Vec<u8>) -> Answer {
    let request = client.request(method, &format!("/api/files/upload/direct?{query}"));
    client.send(request.body(body)).await
}

#[tokio::test]
async fn a_file_comes_raw_or_as_form_by_post_or_put() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (seed, (prefix, method)) in
        [("/api", Method::POST), ("/drive", Method::PUT)].into_iter().enumerate()
    {
        let data = bytes(seed as u64, MIB + 17);
        let path = format!("{prefix}/files/upload/direct?fileName=Gr%C3%BC%C3%9Fe.txt&folder=a/b");
        let raw = user.send(user.request(method.clone(), &path).body(data.clone())).await.ok();
        assert_eq!((&raw["name"], &raw["folder"]), (&json!("Grüße.txt"), &json!("/a/b")));
        assert_eq!((&raw["size"], &raw["contentType"]), (&json!(data.len()), &json!("text/plain")));
        assert_eq!(user.content(raw["id"].as_str().unwrap()).await, data);

        let part = multipart::Part::bytes(data.clone()).file_name("ignored.bin");
        let form = multipart::Form::new().text("note", "hello").part("file", part);
        let formed = user.send(user.request(method, &path).multipart(form)).await.ok();
        assert_eq!(user.content(formed["id"].as_str().unwrap()).await, data);
    }
    let usage = user.get("/api/quota").await.ok();
    assert_eq!((&usage["used"], &usage["reserved"]), (&json!(4 * (MIB + 17)), &json!(0)));
}

#[tokio::test]
async fn it_leaves_a_completed_task_behind_like_any_upload() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = direct(&user, Method::POST, "fileName=a.bin", vec![1; 100]).await.ok();
    let tasks = user.get("/api/files/upload/tasks").await.ok();
    let task = &tasks[0];
    assert_eq!((&task["status"], &task["progress"]), (&json!("Completed"), &json!(100.0)));
    assert_eq!((&task["fileId"], &task["fileSize"]), (&file["id"], &json!(100)));
    assert_eq!(
        (&task["chunksUploaded"], &task["bytesUploaded"]),
        (&task["chunksCount"], &json!(100))
    );
}

#[tokio::test]
async fn an_empty_body_is_an_empty_file() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = direct(&user, Method::PUT, "fileName=empty.bin", Vec::new()).await.ok();
    assert_eq!(
        (&file["size"], &file["hash"]),
        (&json!(0), &json!(format!("sha256:{}", sha256(b""))))
    );
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, b"");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_taken_and_measured() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(8, 3 * MIB + 1);
    let mut raw = Raw::connect(&user).await;
    let path = format!("/api/files/upload/direct?fileName=stream.bin&hash={}", sha256(&data));
    raw.head(&user, "PUT", &path, "Transfer-Encoding: chunked\r\n").await;
    for piece in data.chunks(100_000) {
        raw.piece(piece).await;
    }
    raw.piece(b"").await;
    let file = raw.answer().await.ok();
    assert_eq!(file["size"], data.len());
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
}

#[tokio::test]
async fn too_large_a_body_is_refused_with_the_way_to_send_it() {
    let drive = TestDrive::spawn_with(&[
        ("UPLOAD_MAX_CHUNK_SIZE", "1048576"),
        ("UPLOAD_DEFAULT_CHUNK_SIZE", "1048576"),
    ]);
    let user = drive.user("ada").await;
    direct(&user, Method::POST, "fileName=fits.bin", vec![0; MIB]).await.ok();
    let before = drive.holdings();
    let refusal = direct(&user, Method::POST, "fileName=big.bin", vec![0; MIB + 1])
        .await
        .refused(413, "BODY_TOO_LARGE");
    assert_eq!(refusal["details"]["limit"], MIB);
    let message = refusal["message"].as_str().unwrap();
    assert!(message.contains("1048576") && message.contains("chunks"), "{message}");

    let part = multipart::Part::bytes(vec![0; MIB + 1]).file_name("big.bin");
    let form = multipart::Form::new().part("file", part);
    let request = user.request(Method::POST, "/api/files/upload/direct?fileName=big.bin");
    user.send(request.multipart(form)).await.refused(413, "BODY_TOO_LARGE");
    eventually("the staging files go", || drive.holdings() == before).await;
}

#[tokio::test]
async fn a_wrong_hash_stores_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(9, 1000);
    for (declared, actual) in [
        (format!("sha256:{}", sha256(b"other")), format!("sha256:{}", sha256(&data))),
        (
            format!("blake3:{}", blake3::hash(b"x").to_hex()),
            format!("blake3:{}", blake3::hash(&data).to_hex()),
        ),
    ] {
        let query = format!("fileName=a.bin&hash={declared}");
        let refusal =
            direct(&user, Method::POST, &query, data.clone()).await.refused(422, "HASH_MISMATCH");
        assert_eq!(refusal["details"], json!({ "declared": declared, "actual": actual }));
        let query = format!("fileName=a.bin&hash={actual}");
        direct(&user, Method::POST, &query, data.clone()).await.ok();
    }
    assert_eq!(drive.holdings().files, 2);
    eventually("the staging files go", || drive.holdings().staged.is_empty()).await;
}

#[tokio::test]
async fn bad_wishes_are_refused_like_those_of_create_and_leave_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let before = drive.holdings();
    let unknown_pool = "fileName=a&poolId=550e8400-e29b-41d4-a716-446655440000";
    let field =
        |refusal: Value| refusal["details"]["field"].as_str().unwrap_or_default().to_owned();
    for (query, status, code, named) in [
        ("", 400, "INVALID_REQUEST", "fileName"),
        ("fileName=..", 400, "INVALID_REQUEST", "fileName"),
        ("fileName=a%2Fb", 400, "INVALID_REQUEST", "fileName"),
        ("fileName=a&colour=red", 400, "INVALID_REQUEST", "colour"),
        ("fileName=a&expiredAt=2020-01-01T00:00:00Z", 400, "INVALID_REQUEST", "expiredAt"),
        ("fileName=a&hash=d41d8cd98f00b204e9800998ecf8427e", 400, "HASH_INVALID", "hash"),
        ("fileName=a&poolId=x", 400, "INVALID_REQUEST", "poolId"),
        (unknown_pool, 404, "NOT_FOUND", "poolId"),
    ] {
        let refusal = direct(&user, Method::POST, query, vec![1; 1000]).await.refused(status, code);
        assert_eq!(field(refusal), named, "{query}");
    }
    let request = user.request(Method::POST, "/api/files/upload/direct?fileName=a");
    let form = multipart::Form::new().text("note", "no file here");
    user.send(request.multipart(form)).await.refused(400, "MULTIPART_INVALID");
    eventually("nothing is left", || drive.holdings() == before).await;
}

#[tokio::test]
async fn an_idempotency_key_brings_the_same_file_again_and_stores_nothing_more() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let hashed = format!("fileName=a.txt&hash={}", sha256(b"abc"));
    let first = keyed(&user, "with a hash", &hashed, b"abc").await.ok();
    let bare = keyed(&user, "without", "fileName=a.txt", b"abc").await.ok();
    assert_ne!(first["id"], bare["id"]);
    let before = drive.holdings();
    assert_eq!(keyed(&user, "with a hash", &hashed, b"abc").await.ok(), first);
    assert_eq!(keyed(&user, "without", "fileName=a.txt", b"abc").await.ok(), bare);
    for (query, body) in [("fileName=b.txt", b"abc"), ("fileName=a.txt", b"xyz")] {
        keyed(&user, "without", query, body).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    }
    let create = user.request(Method::POST, "/api/files/upload/create");
    let wish = json!({ "fileName": "a.txt", "fileSize": 3, "hash": sha256(b"abc") });
    let create = create.header("idempotency-key", "with a hash").json(&wish);
    user.send(create).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    let refusal = keyed(&user, "", &hashed, b"abc").await.refused(400, "INVALID_REQUEST");
    assert_eq!(refusal["details"]["field"], "Idempotency-Key");
    eventually("nothing is left", || drive.holdings() == before).await;

    let stranger = drive.user("bob").await;
    assert_ne!(keyed(&stranger, "with a hash", &hashed, b"abc").await.ok()["id"], first["id"]);
}

#[tokio::test]
async fn a_repetition_needs_no_room_and_outlives_the_server() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(3)).await;
    let query = format!("fileName=a.txt&hash={}", sha256(b"abc"));
    let first = keyed(&user, "key", &query, b"abc").await.ok();
    assert_eq!(keyed(&user, "key", &query, b"abc").await.ok(), first);
    keyed(&user, "other", &query, b"abc").await.refused(403, "QUOTA_EXCEEDED");
    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    assert_eq!(keyed(&user, "key", &query, b"abc").await.ok(), first);
    let path = format!("/api/files/{}?permanent=true", first["id"].as_str().unwrap());
    assert_eq!(user.delete(&path).await.status, 204);
    keyed(&user, "key", &query, b"abc").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn sixteen_with_one_idempotency_key_store_one_file() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let send = |_| keyed(&user, "key", "fileName=a.txt", b"abc");
    let answers = join_all((0..16).map(send)).await;
    let ids: Vec<Value> = answers.into_iter().map(|answer| answer.ok()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    eventually("one file is left", || {
        let holdings = drive.holdings();
        (holdings.files, holdings.tasks, holdings.staged.len()) == (1, 1, 0)
    })
    .await;
}
