//! What people do with single files and folders: rename, move, tag, throw away, take back.

use serde_json::{Value, json};

use crate::harness::client::{Answer, Client};
use crate::harness::socket::Socket;
use crate::harness::{TestDrive, bytes};

async fn patch(user: &Client, file: &Value, body: Value) -> Answer {
    let path = format!("/api/files/{}", file["id"].as_str().unwrap());
    user.patch(&path, body).await
}

async fn file(user: &Client, name: &str, folder: &str) -> Value {
    user.upload(name, &bytes(name.len() as u64, 100), json!({ "folder": folder })).await
}

/// Folders and names of the files that are there, in order.
async fn names(user: &Client, query: &str) -> Vec<String> {
    let list = user.get(&format!("/api/files?limit=500{query}")).await.ok();
    let name = |file: &Value| {
        let folder = file["folder"].as_str().unwrap().trim_end_matches('/');
        format!("{folder}/{}", file["name"].as_str().unwrap())
    };
    let mut names: Vec<String> = list.as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_is_renamed_moved_tagged_and_told() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let one = file(&user, "a.txt", "/").await;
    let mut events = Socket::connect(&user, "").await;
    events.until("hello").await;
    let wish = json!({ "name": "b.txt", "folder": "/x/y", "tags": ["red", "blue"] });
    let changed = patch(&user, &one, wish).await.ok();
    assert_eq!(
        (changed["name"].as_str(), changed["folder"].as_str()),
        (Some("b.txt"), Some("/x/y"))
    );
    assert_eq!((&changed["tags"], &changed["hash"]), (&json!(["red", "blue"]), &one["hash"]));
    assert!(events.until("file.updated").await.last().unwrap()["data"]["name"] == "b.txt");
    assert_eq!(names(&user, "&tag=red").await, ["/x/y/b.txt"]);
    assert!(names(&user, "&tag=green").await.is_empty());
    assert_eq!(names(&user, "&type=text/*").await, ["/x/y/b.txt"]);
    assert!(names(&user, "&type=image/*").await.is_empty());
    let until = json!({ "expiredAt": "2999-01-01T00:00:00Z" });
    assert_eq!(patch(&user, &one, until).await.ok()["expiredAt"], "2999-01-01T00:00:00.000Z");
    assert_eq!(
        patch(&user, &one, json!({ "expiredAt": null })).await.ok()["expiredAt"],
        Value::Null
    );
    assert_eq!(patch(&user, &one, json!({})).await.ok()["name"], "b.txt");
    for (wrong, field) in [
        (json!({ "name": "a/b" }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "folder": "/../x" }), "folder"),
        (json!({ "tags": [""] }), "tags"),
        (json!({ "tags": ["a\nb"] }), "tags"),
        (json!({ "tags": vec!["x"; 33] }), "tags"),
        (json!({ "expiredAt": "2001-01-01T00:00:00Z" }), "expiredAt"),
        (json!({ "onConflict": "overwrite" }), "onConflict"),
        (json!({ "size": 1 }), "size"),
    ] {
        let refusal = patch(&user, &one, wrong).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field);
    }
    patch(&other, &one, json!({ "name": "c.txt" })).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_numbered_or_replaced() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (one, two) = (file(&user, "a.txt", "/").await, file(&user, "b.txt", "/").await);
    let refusal = patch(&user, &two, json!({ "name": "a.txt" })).await.refused(409, "NAME_TAKEN");
    assert_eq!(refusal["details"]["field"], "name");
    assert_eq!(names(&user, "").await, ["/a.txt", "/b.txt"]);
    let both = json!({ "name": "a.txt", "onConflict": "keepBoth" });
    assert_eq!(patch(&user, &two, both).await.ok()["name"], "a (2).txt");
    patch(&user, &two, json!({ "name": "b.txt" })).await.ok();
    let replace = json!({ "name": "a.txt", "onConflict": "replace" });
    assert_eq!(patch(&user, &two, replace).await.ok()["name"], "a.txt");
    assert_eq!(names(&user, "").await, ["/a.txt"]);
    let trash = user.get("/api/files?trashed=true").await.ok();
    assert_eq!(trash[0]["id"], one["id"]);
    // Its own name is no conflict.
    patch(&user, &two, json!({ "name": "a.txt" })).await.ok();
}

#[tokio::test]
async fn the_trash_keeps_what_is_thrown_away_until_it_is_deleted_for_good() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1000)).await;
    let one = file(&user, "a.txt", "/x").await;
    let path = format!("/api/files/{}", one["id"].as_str().unwrap());
    let gone = user.delete(&path).await.ok();
    assert!(gone["deletedAt"].is_string());
    assert_eq!(user.delete(&path).await.ok()["deletedAt"], gone["deletedAt"]);
    user.get(&path).await.refused(404, "NOT_FOUND");
    user.get(&format!("{path}/content")).await.refused(404, "NOT_FOUND");
    patch(&user, &one, json!({ "name": "b.txt" })).await.refused(404, "NOT_FOUND");
    let quota = user.get("/api/quota").await.ok();
    assert_eq!((quota["used"].as_u64(), quota["trash"].as_u64()), (Some(100), Some(100)));
    assert!(names(&user, "").await.is_empty());
    assert_eq!(names(&user, "&trashed=true").await, ["/x/a.txt"]);
    user.get("/api/files?trashed=true&sortBy=name").await.refused(400, "INVALID_REQUEST");

    // Meanwhile another file took its name.
    file(&user, "a.txt", "/x").await;
    let back = user.call(&format!("{path}/restore")).await.ok();
    assert_eq!((back["name"].as_str(), back["folder"].as_str()), (Some("a (2).txt"), Some("/x")));
    assert_eq!(user.content(one["id"].as_str().unwrap()).await, bytes(5, 100));
    user.delete(&path).await.ok();
    assert_eq!(user.delete(&format!("{path}?permanent=true")).await.status, 204);
    user.delete(&path).await.refused(404, "NOT_FOUND");
    user.call(&format!("{path}/restore")).await.refused(404, "NOT_FOUND");
    assert_eq!(user.get("/api/quota").await.ok()["used"], 100);
    drive.swept().await;
    assert_eq!(drive.holdings().files, 1);
}

#[tokio::test]
async fn folders_are_told_with_their_sizes_and_moved_as_one() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    for (name, folder) in [
        ("r", "/"),
        ("a", "/docs"),
        ("b", "/docs/2025"),
        ("c", "/docs/2025/may"),
        ("d", "/docs2"),
        ("e", "/do%s_"),
    ] {
        file(&user, name, folder).await;
    }
    file(&other, "a", "/docs").await;
    let tree = user.get("/api/folders").await.ok();
    let row = |path: &str| -> Value {
        let found = tree.as_array().unwrap().iter().find(|row| row["path"] == path);
        found.unwrap_or_else(|| panic!("no {path} in {tree}")).clone()
    };
    assert_eq!((row("/")["files"].as_u64(), row("/")["allFiles"].as_u64()), (Some(1), Some(6)));
    assert_eq!(
        (row("/docs")["allFiles"].as_u64(), row("/docs")["allBytes"].as_u64()),
        (Some(3), Some(300))
    );
    assert_eq!(
        (row("/docs/2025")["files"].as_u64(), row("/docs/2025")["name"].as_str()),
        (Some(1), Some("2025"))
    );

    let go = |from: &'static str, to: &'static str, more: Value| {
        let mut body = json!({ "from": from, "to": to });
        body["onConflict"] = more;
        let user = &user;
        async move { user.post("/api/folders/move", body).await }
    };
    for (from, to, field) in [
        ("/", "/x", "from"),
        ("/docs", "/docs", "to"),
        ("/docs", "/docs/2025/x", "to"),
        ("/docs", "/a/../b", "to"),
    ] {
        let refusal = go(from, to, Value::Null).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field);
    }
    go("/nothing", "/x", Value::Null).await.refused(404, "NOT_FOUND");
    let deep = "/x".repeat(31);
    let body = json!({ "from": "/docs", "to": deep });
    user.post("/api/folders/move", body).await.refused(400, "INVALID_REQUEST");
    assert_eq!(go("/docs", "/Papers/all", Value::Null).await.ok()["movedCount"], 3);
    assert_eq!(
        names(&user, "").await,
        [
            "/Papers/all/2025/b",
            "/Papers/all/2025/may/c",
            "/Papers/all/a",
            "/do%s_/e",
            "/docs2/d",
            "/r"
        ]
    );
    assert_eq!(names(&other, "").await, ["/docs/a"]);
}

#[tokio::test]
async fn folders_that_meet_are_kept_apart_or_put_together() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (name, folder) in
        [("a", "/Papers/all"), ("b", "/Papers/all/2025"), ("d", "/docs2"), ("z", "/docs2!x")]
    {
        file(&user, name, folder).await;
    }
    let go = |from: &'static str, to: &'static str, more: Value| {
        let body = json!({ "from": from, "to": to, "onConflict": more });
        let user = &user;
        async move { user.post("/api/folders/move", body).await }
    };
    file(&user, "a", "/docs2").await;
    file(&user, "b", "/docs2/2025").await;
    go("/docs2", "/Papers/all", Value::Null).await.refused(409, "NAME_TAKEN");
    assert_eq!(go("/docs2", "/Papers/all", json!("keepBoth")).await.ok()["movedCount"], 3);
    assert_eq!(
        names(&user, "").await,
        [
            "/Papers/all/2025/b",
            "/Papers/all/2025/b (2)",
            "/Papers/all/a",
            "/Papers/all/a (2)",
            "/Papers/all/d",
            "/docs2!x/z"
        ]
    );
    // What is in the trash goes along and comes back to where its folder is now.
    let lost = file(&user, "lost", "/Papers/all/2025").await;
    let path = format!("/api/files/{}", lost["id"].as_str().unwrap());
    user.delete(&path).await.ok();
    go("/Papers/all", "/p", Value::Null).await.ok();
    assert_eq!(user.call(&format!("{path}/restore")).await.ok()["folder"], "/p/2025");
}
