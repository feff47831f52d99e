//! Lists of files, and what is told of one.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::{TestDrive, sha256};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

async fn list(client: &Client, query: &str) -> (Value, String) {
    client.list(&format!("/api/files?{query}")).await
}

async fn direct(client: &Client, query: &str, body: &[u8]) -> Value {
    let path = format!("/api/files/upload/direct?{query}");
    client.send(client.request(reqwest::Method::PUT, &path).body(body.to_vec())).await.ok()
}

#[tokio::test]
async fn a_file_is_told_in_full() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let me = user.get("/api/account").await.ok();
    let pool = user.get("/api/pools").await.ok()[0]["id"].clone();
    let bundle = user.post("/api/bundles", json!({ "name": "b" })).await.ok()["id"].clone();
    let wish = json!({
        "folder": "//docs/2025/", "contentType": "text/plain; charset=utf-8",
        "lastModified": "2025-11-09T03:00:00+01:00", "expiredAt": "2999-01-01T00:00:00Z",
        "bundleId": bundle,
    });
    // `é` in two code points comes out as one: a name has one spelling.
    let file = user.upload("caf\u{65}\u{301}.txt", b"hello", wish).await;
    let path = format!("/api/files/{}", file["id"].as_str().unwrap());
    let created = file["createdAt"].clone();
    let expected = json!({
        "id": file["id"], "name": "caf\u{e9}.txt", "folder": "/docs/2025", "size": 5,
        "contentType": "text/plain; charset=utf-8", "hash": format!("sha256:{}", sha256(b"hello")),
        "poolId": pool, "bundleId": bundle, "accountId": me["id"],
        "isEncrypted": false, "hasThumbnail": false,
        "metadata": { "lastModified": "2025-11-09T02:00:00.000Z", "plainSize": null }, "tags": [],
        "createdAt": created, "updatedAt": created, "uploadedAt": created,
        "expiredAt": "2999-01-01T00:00:00.000Z", "deletedAt": null, "purgeAt": null, "url": format!("{path}/content"),
    });
    assert_eq!(file, expected);
    assert_eq!(user.get(&path).await.ok(), expected);
    assert_eq!(list(&user, "").await, (json!([expected]), "1".to_owned()));
    let created = created.as_str().unwrap();
    assert!(created.len() == 24 && created.ends_with('Z'), "{created}");
}

#[tokio::test]
async fn every_sort_key_sorts_both_ways() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (name, size) in [("d", 2), ("B", 3), ("a", 1), ("c", 20)] {
        direct(&user, &format!("fileName={name}"), &vec![1; size]).await;
        drive.clock.advance_ms(1000);
    }
    for (key, rising) in [
        ("name", ["a", "B", "c", "d"]),
        ("size", ["a", "d", "B", "c"]),
        ("createdAt", ["d", "B", "a", "c"]),
        ("updatedAt", ["d", "B", "a", "c"]),
        ("uploadedAt", ["d", "B", "a", "c"]),
    ] {
        let (up, total) = list(&user, &format!("sortBy={key}&sortDescending=false")).await;
        assert_eq!((names(&up), total.as_str()), (rising.to_vec(), "4"), "{key}");
        let falling: Vec<_> = rising.into_iter().rev().collect();
        assert_eq!(names(&list(&user, &format!("sortBy={key}")).await.0), falling, "{key}");
    }
    assert_eq!(names(&list(&user, "").await.0), ["c", "a", "B", "d"], "the newest comes first");
}

#[tokio::test]
async fn pages_of_equal_files_neither_repeat_nor_miss_one() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for _ in 0..7 {
        direct(&user, "fileName=same", b"x").await;
    }
    for key in ["name", "size", "createdAt", "updatedAt"] {
        for way in ["true", "false"] {
            let order = format!("sortBy={key}&sortDescending={way}");
            let (whole, _) = list(&user, &order).await;
            let mut paged = Vec::new();
            for offset in [0, 3, 6, 9] {
                let (page, total) = list(&user, &format!("{order}&offset={offset}&limit=3")).await;
                assert_eq!(total, "7");
                paged.extend(page.as_array().unwrap().iter().cloned());
            }
            assert_eq!(Value::Array(paged), whole, "{order}");
        }
    }
}

#[tokio::test]
async fn a_question_is_part_of_the_name_letter_by_letter() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for name in [
        "100%25.txt",
        "100.txt",
        "a_b.txt",
        "aXb.txt",
        "Holiday.JPG",
        "%C3%BCber.txt",
        "quote%22'.txt",
    ] {
        direct(&user, &format!("fileName={name}"), b"x").await;
    }
    for (question, found) in [
        ("%25", vec!["100%.txt"]),
        ("100", vec!["100.txt", "100%.txt"]),
        ("_", vec!["a_b.txt"]),
        ("holiday.jpg", vec!["Holiday.JPG"]),
        ("%C3%BCb", vec!["über.txt"]),
        ("%22'", vec!["quote\"'.txt"]),
        ("%5C", vec![]),
        ("'%20or%201=1--", vec![]),
        ("nothing", vec![]),
    ] {
        let (files, total) = list(&user, &format!("q={question}&sortBy=createdAt")).await;
        assert_eq!((names(&files), total), (found.clone(), found.len().to_string()), "{question}");
    }
}

#[tokio::test]
async fn a_folder_holds_its_own_files_only() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (name, folder) in
        [("root", ""), ("a", "/docs"), ("b", "docs/"), ("deep", "/docs/2025"), ("other", "/DOCS")]
    {
        direct(&user, &format!("fileName={name}&folder={folder}"), b"x").await;
    }
    for (query, found) in [
        ("folder=/", vec!["root"]),
        ("folder=/docs", vec!["a", "b"]),
        ("folder=docs//", vec!["a", "b"]),
        ("folder=/docs/2025", vec!["deep"]),
        ("folder=/nowhere", vec![]),
        ("folder=/docs&q=b", vec!["b"]),
        ("", vec!["a", "b", "deep", "other", "root"]),
    ] {
        let (files, total) =
            list(&user, &format!("{query}&sortBy=name&sortDescending=false")).await;
        assert_eq!((names(&files), total), (found.clone(), found.len().to_string()), "{query}");
    }
    let refusal = user.get("/api/files?folder=/a/../b").await.refused(400, "INVALID_REQUEST");
    assert_eq!(refusal["details"]["field"], "folder");
}

#[tokio::test]
async fn nobody_sees_the_files_of_another() {
    let drive = TestDrive::spawn();
    let (ada, bob, admin) = (drive.user("bea").await, drive.user("bob").await, drive.admin().await);
    let file = ada.upload("mine.txt", b"mine", json!({})).await;
    let path = format!("/api/files/{}", file["id"].as_str().unwrap());
    for client in [&bob, &admin] {
        assert_eq!(list(client, "").await, (json!([]), "0".to_owned()));
        let theirs = client.get(&path).await.refused(404, "NOT_FOUND");
        let nobodys = client
            .get("/api/files/01a20d84-4cc9-74e6-9588-c587a52b521b")
            .await
            .refused(404, "NOT_FOUND");
        assert_eq!(theirs, nobodys, "the answer does not tell whether it exists");
        client.get(&format!("{path}/content")).await.refused(404, "NOT_FOUND");
    }
    ada.get("/api/files/not-an-id").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn two_files_of_one_name_live_side_by_side() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let first = direct(&user, "fileName=same.txt", b"first").await;
    let second = direct(&user, "fileName=same.txt", b"second").await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(user.content(first["id"].as_str().unwrap()).await, b"first");
    assert_eq!(user.content(second["id"].as_str().unwrap()).await, b"second");
}
