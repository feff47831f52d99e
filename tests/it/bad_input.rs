//! Requests that are wrong: refused in the contract's error form, naming what is wrong, and without any trace left.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client, PASSWORD, id};
use crate::harness::raw::Raw;
use crate::harness::{TestDrive, routes, sha256};

const CREATE: &str = "/api/files/upload/create";

/// Sends a create with just this body and content type.
async fn create(client: &Client, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = client.request(Method::POST, CREATE).header("content-type", content_type);
    client.send(request.body(body)).await
}

#[tokio::test]
async fn wrong_fields_of_a_create_are_named() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let before = drive.holdings();
    let cases = [
        ("fileName", json!("")),
        ("fileName", json!("   ")),
        ("fileName", json!(".")),
        ("fileName", json!("..")),
        ("fileName", json!("a/b")),
        ("fileName", json!("/etc/passwd")),
        ("fileName", json!("..\\windows")),
        ("fileName", json!("a\u{0}b")),
        ("fileName", json!("a\nb")),
        ("fileName", json!("a\u{7f}")),
        ("fileName", json!("a\u{85}b")),
        ("fileName", json!("evil\u{202e}gpj.exe")),
        ("fileName", json!("a\u{2066}b")),
        ("fileName", json!("é".repeat(150))),
        ("fileName", json!(null)),
        ("fileName", json!(5)),
        ("fileSize", json!(-1)),
        ("fileSize", json!(9_223_372_036_854_775_808u64)),
        ("fileSize", json!(1e30)),
        ("fileSize", json!(1.5)),
        ("fileSize", json!("5")),
        ("fileSize", json!(null)),
        ("chunkSize", json!(-1)),
        ("chunkSize", json!("big")),
        ("contentType", json!("nonsense")),
        ("contentType", json!("text/html\r\nX-Evil: 1")),
        ("folder", json!("/a/../b")),
        ("folder", json!("a\u{0}")),
        ("folder", json!("x/".repeat(40))),
        ("folder", json!("y".repeat(5000))),
        ("poolId", json!("pool")),
        ("poolId", json!("550e8400e29b41d4a716446655440000")),
        ("bundleId", json!(7)),
        ("lastModified", json!("yesterday")),
        ("colour", json!("red")),
        ("filename", json!("a.bin")),
    ];
    for (field, value) in cases {
        let mut wish = json!({ "fileName": "a.bin", "fileSize": 10 });
        wish[field] = value.clone();
        let refusal = user.post(CREATE, wish).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{value}: {refusal}");
        assert!(refusal["message"].as_str().unwrap().contains(field), "{value}: {refusal}");
    }
    for (missing, wish) in
        [("fileName", json!({ "fileSize": 1 })), ("fileSize", json!({ "fileName": "a" }))]
    {
        let refusal = user.post(CREATE, wish).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], missing);
    }
    assert_eq!(drive.holdings(), before);
}

#[tokio::test]
async fn a_hash_that_could_not_be_verified_is_refused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let before = drive.holdings();
    let hex = sha256(b"x");
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    for hash in [
        md5.to_owned(),
        format!("md5:{md5}"),
        hex[1..].to_owned(),
        format!("{hex}0"),
        format!("sha1:{hex}"),
        format!("sha256:{md5}"),
        "junk".to_owned(),
        "g".repeat(64),
        "é".repeat(32),
    ] {
        let refusal =
            user.create("a.bin", 10, json!({ "hash": hash })).await.refused(400, "HASH_INVALID");
        assert_eq!(refusal["details"]["field"], "hash", "{hash}");
    }
    assert_eq!(drive.holdings(), before);
}

#[tokio::test]
async fn an_unknown_pool_is_not_found() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let unknown = json!({ "poolId": "550e8400-e29b-41d4-a716-446655440000" });
    let refusal = user.create("a.bin", 10, unknown).await.refused(404, "NOT_FOUND");
    assert_eq!(refusal["details"]["field"], "poolId");
    assert_eq!(drive.holdings().tasks, 0);
    let pools = user.get("/api/pools").await.ok();
    user.create("a.bin", 10, json!({ "poolId": pools[0]["id"] })).await.ok();
}

#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let before = drive.holdings();
    for body in [
        "",
        "{",
        "{\"fileName\":\"a\"",
        "hello",
        "[]",
        "\"text\"",
        "null",
        "5",
        "{'a':1}",
        "\u{feff}{}",
    ] {
        create(&user, "application/json", body).await.refused(400, "INVALID_JSON");
    }
    create(&user, "application/json", &b"{\"fileName\":\"\xff\",\"fileSize\":1}"[..])
        .await
        .refused(400, "INVALID_JSON");
    let deep = format!("{{\"fileName\":{}", "[".repeat(50_000));
    create(&user, "application/json", deep).await.refused(400, "INVALID_JSON");
    let twice = "{\"fileName\":\"a\",\"file_name\":\"b\",\"fileSize\":1}";
    create(&user, "application/json", twice).await.refused(400, "INVALID_REQUEST");
    let wish = json!({ "fileName": "a.bin", "fileSize": 1 }).to_string();
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"]
    {
        create(&user, content_type, wish.clone()).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let untyped = user.request(Method::POST, CREATE).body(wish.clone());
    user.send(untyped).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(drive.holdings(), before);
    create(&user, "Application/JSON; charset=utf-8", wish).await.ok();
}

#[tokio::test]
async fn a_json_body_of_a_hundred_kibibytes_is_too_large_on_a_kept_connection_too() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let wish = json!({ "fileName": "a.bin", "fileSize": 1, "fingerprint": "x".repeat(100 * 1024) })
        .to_string();
    let refusal =
        create(&user, "application/json", wish.clone()).await.refused(413, "BODY_TOO_LARGE");
    assert_eq!(refusal["details"]["limit"], 65_536);
    let mut raw = Raw::connect(&user).await;
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", wish.len());
    raw.head(&user, "POST", CREATE, &headers).await;
    raw.send(wish.as_bytes()).await;
    raw.answer().await.refused(413, "BODY_TOO_LARGE");
    assert_eq!(drive.holdings().tasks, 0);
}

#[tokio::test]
async fn unknown_routes_are_not_found() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/nothing",
        "/drive/nothing",
        "/api/files/upload/nothing",
        "/api/tasks/x/y/z",
        "/apix",
        "/health",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
            let answer = user.send(user.request(method.clone(), path)).await;
            let refusal = answer.refused(404, "ROUTE_NOT_FOUND");
            assert_eq!(refusal["details"]["path"], path, "{method}");
        }
    }
}

#[tokio::test]
async fn a_known_route_with_another_method_says_so() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let nowhere = "01a20d84-4cc9-74e6-9588-c587a52b521b";
    let known = routes::all();
    let mut checked = 0;
    for route in &known {
        let path = route.path(nowhere, nowhere);
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            // A literal path may also be matched by the placeholder of another route.
            let taken =
                known.iter().any(|one| one.method == method && could_be(&one.pattern, &path));
            if taken || path == "/" {
                continue;
            }
            let answer = user.send(user.request(method.clone(), &path)).await;
            let refusal = answer.refused(405, "METHOD_NOT_ALLOWED");
            assert_eq!(refusal["details"]["method"], method.as_str(), "{path}");
            checked += 1;
        }
    }
    assert!(checked > 200, "only {checked} were checked");
}

/// Does a pattern match this path?
fn could_be(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(path).all(|(one, other)| one.starts_with('{') || *one == other)
}

/// What a route wants to be told before it looks for what its path names.
fn body_of(pattern: &str, method: &Method) -> Option<Value> {
    let (_, last) = pattern.rsplit_once('/')?;
    match (last, method) {
        ("progress", &Method::POST) => Some(json!({ "progress": 1 })),
        ("password", _) => Some(json!({ "password": PASSWORD, "newPassword": PASSWORD })),
        ("copy", _) => Some(json!({})),
        ("fail", _) => Some(json!({ "errorMessage": "no" })),
        (_, &Method::PATCH) => Some(json!({ "name": "mine" })),
        _ => None,
    }
}

#[tokio::test]
async fn a_stranger_finds_nobody_elses_upload_on_any_route() {
    let drive = TestDrive::spawn();
    let (owner, stranger) = (drive.user("ada").await, drive.user("bob").await);
    let open = id(&owner.create("open.bin", 65_536, json!({})).await.ok());
    let file = owner.upload("done.bin", b"done", json!({})).await;
    let file = file["id"].as_str().unwrap();
    let done =
        owner.get("/api/files/upload/tasks?status=Completed").await.ok()[0]["taskId"].clone();
    let before = drive.settled().await;
    let mut walked = 0;
    let of_uploads = |route: &&routes::Route| {
        ["{task_id}", "{file_id}"].iter().any(|id| route.pattern.contains(id))
    };
    for route in routes::all().iter().filter(of_uploads) {
        for task in [
            open.as_str(),
            done.as_str().unwrap(),
            "01a20d84-4cc9-74e6-9588-c587a52b521b",
            "x",
            "%00",
        ] {
            let path = route.path(task, file);
            let request = stranger.request(route.method.clone(), &path);
            let request = match body_of(&route.pattern, &route.method) {
                Some(body) => request.json(&body),
                None if path.contains("/chunk/") => request.body(vec![1; 100]),
                None => request,
            };
            let answer = stranger.send(request).await;
            assert_eq!(answer.status, 404, "{} {path}", route.method);
            if route.method != Method::HEAD {
                answer.refused(404, "NOT_FOUND");
            }
            walked += 1;
        }
    }
    assert!(walked >= 5 * 2 * 14, "only {walked} were walked");
    for list in
        ["/api/files", "/api/tasks", "/api/files/upload/tasks", "/api/files/upload/tasks/recent"]
    {
        assert_eq!(stranger.get(list).await.ok(), json!([]), "{list}");
    }
    assert_eq!(drive.holdings(), before);
    assert_eq!(owner.get(&format!("/api/tasks/{open}")).await.ok()["status"], "InProgress");
}

#[tokio::test]
async fn errors_carry_a_request_id_and_no_insides() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let answer = user.get("/api/tasks/01a20d84-4cc9-74e6-9588-c587a52b521b").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-request-id").len(), 32);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.refused(404, "NOT_FOUND");

    // The row of the object is there and its bytes are not: the server's own fault.
    let file = user.upload("lost.bin", b"lost", json!({})).await;
    let object: String =
        drive.db().query_row("select id from objects", [], |row| row.get(0)).unwrap();
    let path = drive.data_dir().join("pool/objects").join(&object[34..]).join(&object);
    let aside = drive.data_dir().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    let answer = user.get(&format!("/api/files/{}/content", file["id"].as_str().unwrap())).await;
    let request_id = answer.header("x-request-id").to_owned();
    let refusal = answer.refused(500, "STORAGE_ERROR");
    assert_eq!(refusal["details"], json!({ "requestId": request_id }));
    assert!(!refusal["message"].as_str().unwrap().contains(&object), "{refusal}");
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, b"lost");
}

#[tokio::test]
async fn malformed_http_gets_no_further() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (method, path, headers) in [
        ("GET", "/api/account HTTP/9.9\r\nX:", ""),
        ("GET", "/api/account", "Content-Length: nonsense\r\n"),
        ("POST", CREATE, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ] {
        let mut raw = Raw::connect(&user).await;
        raw.head(&user, method, path, headers).await;
        let status = raw.answer().await.status;
        assert!(status.is_client_error(), "{path} {headers}: {status}");
    }
    assert_eq!(user.get("/api/account").await.ok()["name"], Value::from("ada"));
}
