//! Every way on which a file appears ends in a preview, once, whatever comes between.

use std::collections::BTreeSet;
use std::io::Cursor;

use image::ImageFormat;
use serde_json::{Value, json};

use crate::encryption::{file_id, look};
use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::pictures::{ON, looked, picture, quarters, thumbnail};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, eventually, folder, other_disk};

async fn done(user: &Client, task_type: &str, wish: Value) -> Value {
    let task = user.run(task_type, wish).await;
    assert_eq!(task["status"], "Completed", "{task}");
    task["results"].clone()
}

#[tokio::test]
async fn whatever_makes_a_file_makes_a_preview() {
    let far = other_disk();
    let path = far.path().display().to_string();
    let mut settings = ON.to_vec();
    settings.extend([("DRIVE_POOL2_NAME", "far"), ("DRIVE_POOL2_PATH", path.as_str())]);
    let drive = TestDrive::spawn_with(&settings);
    let user = drive.admin().await;
    let content = picture(300, 200, ImageFormat::Png);
    let request =
        user.request(reqwest::Method::PUT, "/api/files/upload/direct?fileName=direct.png");
    let direct =
        user.send(request.header("content-type", "image/png").body(content.clone())).await.ok();
    let again =
        user.create("twin.png", content.len() as u64, json!({ "hash": direct["hash"] })).await.ok();
    assert_eq!(again["fileExists"], true, "{again}");
    let ids = json!([direct["id"]]);
    let wish = json!({ "fileIds": ids, "compressionFormat": "zip", "targetFolder": "/z" });
    let zip = done(&user, "FileCompress", wish).await["resultFileId"].clone();
    let wish = json!({ "fileId": zip, "targetFolder": "/out" });
    done(&user, "FileDecompress", wish).await;
    done(&user, "FileConversion", json!({ "fileId": direct["id"], "targetFormat": "jpg" })).await;
    let wish = json!({ "fileIds": ids, "password": "open sesame", "keepOriginal": true });
    let locked = done(&user, "FileEncrypt", wish).await["fileIds"].clone();
    let wish = json!({ "fileIds": locked, "password": "open sesame", "keepOriginal": true });
    done(&user, "FileDecrypt", wish).await;
    let far = user.pool("far").await;
    done(&user, "FileMove", json!({ "fileIds": ids, "targetPoolId": far })).await;
    looked(&drive).await;

    let (files, _) = user.list("/api/files").await;
    let mut seen = BTreeSet::new();
    for file in files.as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let expected = file["isEncrypted"] == false && !name.ends_with(".zip");
        assert_eq!(file["hasThumbnail"], expected, "{file}");
        assert_eq!(file["metadata"]["width"] == 300, expected, "{file}");
        seen.insert((name.to_owned(), file["folder"].as_str().unwrap().to_owned()));
    }
    assert!(seen.len() >= 7, "{seen:?}");
    let moved = look(&user, file_id(&direct)).await;
    assert_eq!((&moved["poolId"], &moved["hasThumbnail"]), (&far, &json!(true)));
}

#[tokio::test]
async fn there_is_one_task_at_a_time_and_people_may_ask_for_it() {
    let drive = TestDrive::spawn_with(&[ON[0], ("DRIVE_PREVIEWS_SETTLE_SECONDS", "1")]);
    let user = drive.user("ada").await;
    for number in 0..12 {
        let content = picture(40 + number, 30, ImageFormat::Png);
        user.upload(&format!("{number}.png"), &content, json!({})).await;
    }
    looked(&drive).await;
    let sql = "select count(*), sum(items_total) from tasks where unique_key = 'makePreviews'";
    let (tasks, items): (i64, i64) =
        drive.db().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!((1..=4).contains(&tasks) && items == 12, "{tasks} tasks over {items}");
    let (list, _) = user.list("/api/tasks?type=Custom").await;
    assert_eq!(list[0]["lane"], "maintenance");
    let idle = user.run("Custom", json!({ "handler": "makePreviews" })).await;
    assert_eq!(idle["results"], json!({ "previewCount": 0, "skippedCount": 0 }));
    let wrong = json!({ "handler": "makePreviews", "size": 1 });
    user.ask("Custom", wrong).await.refused(400, "INVALID_REQUEST");
}

/// Pictures that are all different, stored while nobody looks at them.
async fn stored(user: &Client, count: u32, side: u32) -> Vec<String> {
    let mut files = Vec::new();
    for number in 0..count {
        let mut image = quarters(side, side).to_rgb8();
        image.put_pixel(0, 0, image::Rgb([number as u8; 3]));
        let mut content = Cursor::new(Vec::new());
        image.write_to(&mut content, ImageFormat::Png).unwrap();
        let made = user.upload(&format!("{number}.png"), content.get_ref(), json!({})).await;
        files.push(file_id(&made).to_owned());
    }
    files
}

const MADE: &str = "select count(*) from previews where small is not null";

fn number(drive: &TestDrive, sql: &str) -> i64 {
    drive.db().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_restart_in_the_middle_loses_and_repeats_nothing() {
    let drive = TestDrive::spawn();
    let files = stored(&drive.user("ada").await, 12, 300).await;
    let mut drive = drive.restart_with(&ON);
    for least in [1, 4] {
        eventually("some are made", || number(&drive, MADE) >= least).await;
        drive = drive.restart_with(&ON);
    }
    looked(&drive).await;
    let user = drive.signed_in("ada").await;
    for file in &files {
        assert_eq!(thumbnail(&user, file, "").await.status, 200);
    }
    assert_eq!(number(&drive, "select count(*) from tasks where unique_key = 'makePreviews'"), 1);
    let done = "select count(*) from task_items where state = 2";
    assert_eq!((number(&drive, done), number(&drive, MADE)), (12, 12));
}

#[tokio::test]
async fn a_kill_in_the_middle_loses_nothing() {
    let home = folder();
    let server = ChildDrive::start(home.path(), &[("DRIVE_PREVIEWS_ENABLED", "false")]);
    let mut user = server.nobody();
    user.set_up(server.setup_code.as_deref().unwrap(), "ada").await;
    let files = stored(&user, 10, 300).await;
    assert_eq!(server.stop(), Some(0));
    let db = rusqlite::Connection::open(home.path().join("drive.db")).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let made = || db.query_row(MADE, [], |row| row.get::<_, i64>(0)).unwrap();
    for least in [2, 5] {
        let server = ChildDrive::start(home.path(), &ON);
        eventually("some are made", || made() >= least).await;
        server.kill();
    }
    let stray = home.path().join("previews/00");
    std::fs::create_dir_all(&stray).unwrap();
    let stray = stray.join("00000000-0000-7000-8000-000000000000-256.webp");
    std::fs::write(&stray, b"RIFF").unwrap();
    let server = ChildDrive::start(home.path(), &ON);
    assert!(!stray.exists(), "what no row knows of is removed");
    eventually("all are made", || made() == 10).await;
    let mut user = server.nobody();
    user.sign_in("ada").await;
    for file in &files {
        assert_eq!(thumbnail(&user, file, "").await.status, 200);
    }
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn what_took_the_server_down_twice_is_given_up() {
    let drive = TestDrive::spawn();
    let files = stored(&drive.user("ada").await, 2, 60).await;
    let of = "object_id = (select object_id from files where id = ?1)";
    let sql = format!("update previews set tries = 2 where {of}");
    drive.db().execute(&sql, [&files[0]]).unwrap();
    let drive = drive.restart_with(&ON);
    looked(&drive).await;
    let user = drive.signed_in("ada").await;
    thumbnail(&user, &files[0], "").await.refused(404, "NO_THUMBNAIL");
    assert_eq!(thumbnail(&user, &files[1], "").await.status, 200);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_tried_again_and_then_given_up() {
    let drive = TestDrive::spawn();
    let files = stored(&drive.user("ada").await, 3, 60).await;
    let path = |file: &String| {
        let sql = "select object_id from files where id = ?1";
        let object: String = drive.db().query_row(sql, [file], |row| row.get(0)).unwrap();
        drive.data_dir().join("pool/objects").join(&object[object.len() - 2..]).join(&object)
    };
    let (gone, short) = (path(&files[0]), path(&files[1]));
    let whole = std::fs::read(&short).unwrap();
    std::fs::rename(&gone, gone.with_extension("away")).unwrap();
    std::fs::remove_file(&short).unwrap();
    std::fs::write(&short, &whole[..30]).unwrap();

    let drive = drive.restart_with(&ON);
    looked(&drive).await;
    let user = drive.signed_in("ada").await;
    for file in &files[..2] {
        thumbnail(&user, file, "").await.refused(404, "NO_THUMBNAIL");
    }
    assert_eq!(thumbnail(&user, &files[2], "").await.status, 200);
    let tasks = "select count(*) from tasks where unique_key = 'makePreviews' and status = 3";
    assert_eq!(number(&drive, tasks), 3, "twice tried, then given up");
    assert_eq!(number(&drive, "select count(*) from tasks where status = 4"), 0);
    // What the disk has lost is not this server's disorder.
    std::fs::rename(gone.with_extension("away"), &gone).unwrap();
    std::fs::write(&short, &whole).unwrap();
}

#[tokio::test]
async fn a_cancelled_task_waits_for_the_next_file() {
    let drive = TestDrive::spawn();
    stored(&drive.user("ada").await, 3, 60).await;
    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    let (reached, go) = drive.hold_at(2);
    let task = id(&user.ask("Custom", json!({ "handler": "makePreviews" })).await.ok());
    tokio::task::spawn_blocking(move || reached.recv().unwrap()).await.unwrap();
    let twin = user.ask("Custom", json!({ "handler": "makePreviews" })).await.ok();
    assert_eq!(id(&twin), task, "there is one at a time");
    user.call(&format!("/api/tasks/{task}/cancel")).await.ok();
    drop(go);
    drive.probe(None);
    assert_eq!(user.ended(&task).await["status"], "Cancelled");
    let pending = "select count(*) from previews where pending = 1 and tries = 0";
    assert!(number(&drive, pending) >= 2, "nothing is held against what was not looked at");
}
