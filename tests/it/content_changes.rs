//! Bytes that are asked for on conditions, and bytes that go or change while they are sent.

use reqwest::Method;
use serde_json::json;

use crate::content::{MIB, get, path};
use crate::harness::order::objects_in;
use crate::harness::{TestDrive, bytes, other_disk};

#[tokio::test]
async fn conditions_are_held_against_what_is_there() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    drive.clock.advance_ms(10_000);
    let file = user.upload("a.bin", b"0123456789", json!({})).await;
    let first = get(&user, &path(&file), &[]).await;
    let (etag, modified) = (first.header("etag").to_owned(), first.header("last-modified"));
    let (weak, old, late) =
        (format!("W/{etag}"), "Thu, 01 Jan 1970 00:00:00 GMT", "Tue, 31 Dec 2999 23:59:59 GMT");
    for (headers, status) in [
        (vec![("if-match", etag.as_str())], 200),
        (vec![("if-match", "*")], 200),
        (vec![("if-match", "\"x\""), ("if-match", &etag)], 200),
        (vec![("if-match", "\"x\"")], 412),
        // A weak tag never says that two are the same.
        (vec![("if-match", &weak)], 412),
        (vec![("if-match", &etag), ("if-unmodified-since", old)], 200),
        (vec![("if-unmodified-since", modified)], 200),
        (vec![("if-unmodified-since", old)], 412),
        (vec![("if-unmodified-since", "yesterday")], 200),
        (vec![("if-modified-since", modified)], 304),
        (vec![("if-modified-since", late)], 304),
        (vec![("if-modified-since", old)], 200),
        (vec![("if-modified-since", "Thursday, 01-Jan-70 00:00:00 GMT")], 200),
        (vec![("if-modified-since", "Tue Dec 31 23:59:59 2999")], 304),
        (vec![("if-modified-since", late), ("if-none-match", "\"x\"")], 200),
        (vec![("if-none-match", "\"x\""), ("if-none-match", &etag)], 304),
        (vec![("if-match", "\"x\""), ("if-none-match", &etag)], 412),
        (vec![("if-match", &etag), ("range", "bytes=2-3")], 206),
        (vec![("if-match", "\"x\""), ("range", "bytes=2-3")], 412),
    ] {
        let answer = get(&user, &path(&file), &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        let mut head = user.request(Method::HEAD, &path(&file));
        for (name, value) in &headers {
            head = head.header(*name, *value);
        }
        let status = if status == 206 { 200 } else { status };
        assert_eq!(user.send(head).await.status, status, "HEAD {headers:?}");
    }
    let wrong = get(&user, &path(&file), &[("if-match", "\"x\"")]).await;
    let wrong = wrong.refused(412, "PRECONDITION_FAILED");
    assert_eq!(wrong["details"]["etag"], etag);
    // What is encrypted is another content from then on, also by its date.
    drive.clock.advance_ms(10_000);
    let wish = json!({ "type": "FileEncrypt", "parameters": {
        "fileIds": [file["id"]], "password": "correct horse battery"
    } });
    let task = user.post("/api/tasks", wish).await.ok();
    let wait = format!("/api/tasks/{}/wait?timeout=20", task["taskId"].as_str().unwrap());
    assert_eq!(user.get(&wait).await.ok()["status"], "Completed");
    assert_eq!(get(&user, &path(&file), &[("if-modified-since", modified)]).await.status, 200);
    assert_eq!(get(&user, &path(&file), &[("if-match", &etag)]).await.status, 412);
}

/// Reads what has come so far, until there are so many bytes.
async fn read_on(answer: &mut reqwest::Response, into: &mut Vec<u8>, at_least: usize) {
    while into.len() < at_least
        && let Some(piece) = answer.chunk().await.unwrap()
    {
        into.extend_from_slice(&piece);
    }
}

#[tokio::test]
async fn a_file_that_goes_or_changes_while_it_is_sent_ends_as_it_began() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(6, 30 * MIB);
    let mut sent = Vec::new();
    for name in ["deleted.bin", "encrypted.bin"] {
        let file = user.upload(name, &data, json!({})).await;
        let mut answer = user.request(Method::GET, &path(&file)).send().await.unwrap();
        let mut got = Vec::new();
        read_on(&mut answer, &mut got, MIB).await;
        sent.push((file, answer, got));
    }
    let deleted = format!("/api/files/{}?permanent=true", sent[0].0["id"].as_str().unwrap());
    assert_eq!(user.delete(&deleted).await.status, 204);
    let wish = json!({ "type": "FileEncrypt", "parameters": {
        "fileIds": [sent[1].0["id"]], "password": "correct horse battery"
    } });
    let task = user.post("/api/tasks", wish).await.ok();
    let wait = format!("/api/tasks/{}/wait?timeout=30", task["taskId"].as_str().unwrap());
    assert_eq!(user.get(&wait).await.ok()["status"], "Completed");
    drive.swept().await;
    let objects = crate::harness::order::objects_in(&drive.data_dir().join("pool"));
    assert_eq!(objects.len(), 1, "both old objects are gone from the disk");
    for (file, mut answer, mut got) in sent {
        read_on(&mut answer, &mut got, data.len() + 1).await;
        assert!(got == data, "{} came whole", file["name"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_while_a_file_goes_gets_it_whole_or_hears_that_it_is_gone() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(7, 200_000);
    for _ in 0..15 {
        let file = user.upload("a.bin", &data, json!({})).await;
        let at = path(&file);
        let asking = (0..6).map(|_| {
            let (user, at) = (user.clone(), at.clone());
            tokio::spawn(async move { get(&user, &at, &[]).await })
        });
        let asking: Vec<_> = asking.collect();
        let gone = format!("/api/files/{}?permanent=true", file["id"].as_str().unwrap());
        assert_eq!(user.delete(&gone).await.status, 204);
        drive.sweep().await;
        for answer in asking {
            let answer = answer.await.unwrap();
            match answer.status.as_u16() {
                200 => assert!(answer.body == data, "other bytes"),
                _ => drop(answer.refused(404, "NOT_FOUND")),
            }
        }
    }
}

/// Test folders may lie in a file system that cannot tell what is in memory; this pool lies on a disk.
#[tokio::test]
async fn bytes_are_the_same_from_memory_and_from_the_disk() {
    let disk = other_disk();
    let pool_path = disk.path().join("pool");
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "disk"),
        ("DRIVE_POOL2_PATH", pool_path.to_str().unwrap()),
    ]);
    let user = drive.user("ada").await;
    let data = bytes(8, 5 * MIB + 77);
    let file = user.upload("a.bin", &data, json!({ "poolId": user.pool("disk").await })).await;
    let id = objects_in(&pool_path).pop_first().expect("one object");
    let object = pool_path.join("objects").join(&id[id.len() - 2..]).join(&id);
    let object = std::fs::File::open(object).unwrap();
    for in_memory in [true, false] {
        for (from, to) in [(0, data.len() - 1), (1, 65_536), (65_535, 65_537), (MIB, 4 * MIB + 5)] {
            if !in_memory {
                let none = rustix::fs::Advice::DontNeed;
                object.sync_all().unwrap();
                rustix::fs::fadvise(&object, 0, None, none).unwrap();
            }
            let range = format!("bytes={from}-{to}");
            let answer = get(&user, &path(&file), &[("range", &range)]).await;
            assert!(answer.body == data[from..=to], "{range}, in memory: {in_memory}");
        }
        let many = get(&user, &path(&file), &[("range", "bytes=-70000,0-69999")]).await;
        assert_eq!(many.status, 206);
        let at = |part: &[u8]| many.body.windows(part.len()).position(|window| window == part);
        let (last, first) = (at(&data[data.len() - 70_000..]), at(&data[..70_000]));
        assert!(last.is_some() && last < first, "{last:?} {first:?}");
    }
}
