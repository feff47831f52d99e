//! Wrong requests about files and folders that are there: refused with the field's name, and nothing is changed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client};

fn path(file: &Value) -> String {
    format!("/api/files/{}", file["id"].as_str().unwrap())
}

async fn file(user: &Client, name: &str, folder: &str) -> Value {
    user.upload(name, name.as_bytes(), json!({ "folder": folder })).await
}

/// All that can be seen of an account's files.
async fn world(user: &Client) -> (Value, Value, Value, Value) {
    (
        user.get("/api/files?limit=500&sortBy=name").await.ok(),
        user.get("/api/files?trashed=true").await.ok(),
        user.get("/api/folders").await.ok(),
        user.get("/api/quota").await.ok(),
    )
}

#[track_caller]
fn names(answer: Answer, field: &str) {
    let refusal = answer.refused(400, "INVALID_REQUEST");
    assert_eq!(refusal["details"]["field"], field, "{refusal}");
    let message = refusal["message"].as_str().unwrap();
    assert!(message.len() < 300, "a refusal is short, whatever was sent");
}

#[tokio::test]
async fn folders_move_in_no_circle_and_to_no_place_that_is_none() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (name, folder) in
        [("a", "/one"), ("b", "/one/two"), ("c", "/one/two/three"), ("d", "/ones")]
    {
        file(&user, name, folder).await;
    }
    let before = world(&user).await;
    let deep = "/x".repeat(100);
    let long = format!("/{}", "y".repeat(256));
    let longest = format!("/{}", "z/".repeat(3000));
    for (from, to, field) in [
        ("/one", "/one", "to"),
        ("/one", "/one/two", "to"),
        ("/one", "one//two/", "to"),
        ("/one", "/one/two/three/four", "to"),
        ("/one/two", "/one/two/three/two", "to"),
        ("/", "/elsewhere", "from"),
        ("", "/elsewhere", "from"),
        ("/one", "/a/../b", "to"),
        ("/one", "/./a", "to"),
        ("/one", "/a\\b", "to"),
        ("/one", "/a\u{0}b", "to"),
        ("/one", "/a\nb", "to"),
        ("/one", "/evil\u{202e}gpj", "to"),
        ("/one", "/ /a", "to"),
        ("/one", &deep, "to"),
        ("/one", &long, "to"),
        ("/one", &longest, "to"),
        (&deep, "/one", "from"),
        ("/../one", "/x", "from"),
    ] {
        let wish = json!({ "from": from, "to": to });
        names(user.post("/api/folders/move", wish).await, field);
    }
    for (wish, field) in [
        (json!({ "from": "/one" }), "to"),
        (json!({ "from": 1, "to": "/x" }), "from"),
        (json!({ "from": "/one", "to": "/x", "onConflict": "merge" }), "onConflict"),
        (json!({ "from": "/one", "to": "/x", "onConflict": 1 }), "onConflict"),
        (json!({ "from": "/one", "to": "/x", "colour": 1 }), "colour"),
    ] {
        names(user.post("/api/folders/move", wish).await, field);
    }
    user.post("/api/folders/move", json!({ "from": "/nowhere", "to": "/x" }))
        .await
        .refused(404, "NOT_FOUND");
    // One level more than there may be, once its content is counted.
    let to = "/x".repeat(31);
    names(user.post("/api/folders/move", json!({ "from": "/one", "to": to })).await, "to");
    assert_eq!(world(&user).await, before);
    // A folder whose name only begins alike is no circle.
    let wish = json!({ "from": "/one", "to": "/ones/one" });
    assert_eq!(user.post("/api/folders/move", wish).await.ok()["movedCount"], 3);
}

#[tokio::test]
async fn names_that_differ_in_capitals_are_two_names() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (small, large) = (file(&user, "a.txt", "/x").await, file(&user, "A.txt", "/x").await);
    file(&user, "a.txt", "/X").await;
    assert_ne!(small["id"], large["id"]);
    let third = file(&user, "b.txt", "/x").await;
    user.patch(&path(&third), json!({ "name": "B.txt" })).await.ok();
    user.patch(&path(&third), json!({ "name": "a.TXT" })).await.ok();
    user.patch(&path(&third), json!({ "name": "A.txt" })).await.refused(409, "NAME_TAKEN");
    let folders = user.get("/api/folders").await.ok();
    let paths: Vec<_> = folders.as_array().unwrap().iter().map(|row| &row["path"]).collect();
    assert_eq!(paths, ["/", "/X", "/x"]);
    let wish = json!({ "from": "/X", "to": "/Y" });
    assert_eq!(user.post("/api/folders/move", wish).await.ok()["movedCount"], 1);
}

#[tokio::test]
async fn wrong_changes_of_a_file_name_their_field() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let one = file(&user, "a.txt", "/x").await;
    file(&user, "b.txt", "/x").await;
    let before = world(&user).await;
    let many: Vec<_> = (0..10_000).map(|number| format!("t{number}")).collect();
    for (wish, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "  " }), "name"),
        (json!({ "name": ".." }), "name"),
        (json!({ "name": "a/b" }), "name"),
        (json!({ "name": "a\\b" }), "name"),
        (json!({ "name": "a\u{0}" }), "name"),
        (json!({ "name": "a\r\nSet-Cookie: x" }), "name"),
        (json!({ "name": "evil\u{202e}gpj.exe" }), "name"),
        (json!({ "name": "é".repeat(128) }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "folder": "/x".repeat(100) }), "folder"),
        (json!({ "folder": "/a/../b" }), "folder"),
        (json!({ "folder": format!("/{}", "y".repeat(256)) }), "folder"),
        (json!({ "folder": ["/a"] }), "folder"),
        (json!({ "tags": &many[..4_000] }), "tags"),
        (json!({ "tags": &many[..33] }), "tags"),
        (json!({ "tags": ["x".repeat(60_000)] }), "tags"),
        (json!({ "tags": ["x".repeat(65)] }), "tags"),
        (json!({ "tags": ["a", " "] }), "tags"),
        (json!({ "tags": ["a\u{7}"] }), "tags"),
        (json!({ "tags": "red" }), "tags"),
        (json!({ "tags": [1] }), "tags[0]"),
        (json!({ "bundleId": "rubbish" }), "bundleId"),
        (json!({ "expiredAt": "soon" }), "expiredAt"),
        (json!({ "expiredAt": "2001-01-01T00:00:00Z" }), "expiredAt"),
        (json!({ "onConflict": "Replace" }), "onConflict"),
        (json!({ "onConflict": "" }), "onConflict"),
        (json!({ "onConflict": null, "id": "x" }), "id"),
    ] {
        names(user.patch(&path(&one), wish).await, field);
    }
    // More than a body may have says that, and how much it may.
    for tags in [json!(many), json!(["x".repeat(1 << 20)])] {
        let refusal = user.patch(&path(&one), json!({ "tags": tags })).await;
        let refusal = refusal.refused(413, "BODY_TOO_LARGE");
        assert!(refusal["details"]["limit"].is_u64(), "{refusal}");
    }
    let bulk = |tags: Value| {
        let parameters = json!({
            "operationType": "tag", "targetIds": [one["id"]], "operationParameters": { "add": tags }
        });
        json!({ "type": "BulkOperation", "parameters": parameters })
    };
    for tags in [json!(many), json!(["x".repeat(1 << 20)])] {
        let refusal = user.post("/api/tasks", bulk(tags)).await;
        names(refusal, "parameters.operationParameters.add");
    }
    user.patch(&path(&one), json!({ "name": "b.txt" })).await.refused(409, "NAME_TAKEN");
    let refuse = json!({ "name": "b.txt", "onConflict": "refuse" });
    user.patch(&path(&one), refuse).await.refused(409, "NAME_TAKEN");
    assert_eq!(world(&user).await, before);
    assert_eq!(user.get("/api/tasks?type=BulkOperation").await.ok(), json!([]));
}

#[tokio::test]
async fn an_id_of_rubbish_names_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    file(&user, "a.txt", "/").await;
    let before = world(&user).await;
    let long = "9".repeat(2_000);
    for id in [
        "x",
        "0",
        "-1",
        "null",
        "%00",
        "..%2f..%2fetc%2fpasswd",
        "%F0%9F%92%A9",
        "'%20or%201=1--",
        "01a20d84-4cc9-74e6-9588-c587a52b521",
        "01a20d84-4cc9-74e6-9588-c587a52b521bb",
        "{01a20d84-4cc9-74e6-9588-c587a52b521b}",
        &long,
    ] {
        for (method, rest) in [
            (Method::GET, ""),
            (Method::GET, "/content"),
            (Method::GET, "/key"),
            (Method::PATCH, ""),
            (Method::DELETE, ""),
            (Method::DELETE, "?permanent=true"),
            (Method::POST, "/restore"),
        ] {
            let mut request = user.request(method.clone(), &format!("/api/files/{id}{rest}"));
            if method == Method::PATCH {
                request = request.json(&json!({ "name": "x" }));
            }
            let answer = user.send(request).await;
            let body = answer.json();
            let code = body["code"].as_str().unwrap_or_default();
            let told = (answer.status.as_u16(), code);
            assert!(
                matches!(told, (404, "NOT_FOUND" | "ROUTE_NOT_FOUND")),
                "{method} {id}{rest}: {body}"
            );
        }
    }
    assert_eq!(world(&user).await, before);
}

#[tokio::test]
async fn a_wrong_question_to_a_list_is_refused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (query, field) in [
        ("folder=/a/../b", "folder"),
        ("bundleId=rubbish", "bundleId"),
        ("poolId=1", "poolId"),
        ("trashed=perhaps", "trashed"),
        ("sortBy=colour", "sortBy"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("colour=red", "colour"),
    ] {
        names(user.get(&format!("/api/files?{query}")).await, field);
    }
    let deep = "x/".repeat(100);
    names(user.get(&format!("/api/files?folder={deep}")).await, "folder");
}
