//! An S3 server that goes away in the middle of something, refuses, or was never there: the server runs on, says so, and
//! goes on where it stopped.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::bucket::{BUCKET, Bucket, SECRET};
use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes, eventually, folder, sha256};
use crate::offline_pools::{pool_view, tried, until_online};
use crate::s3_pools::{borrowed, spawn, spawn_with};

const MIB: usize = 1024 * 1024;
/// Six parts.
const LARGE: usize = 43 * MIB + 5;

/// All chunks of an upload into the far pool, not completed yet.
async fn sent(user: &Client, data: &[u8]) -> String {
    let far = user.pool("far").await;
    let wish = json!({ "poolId": far, "chunkSize": 16 * MIB });
    let task = id(&user.create("large.bin", data.len() as u64, wish).await.ok());
    for (index, chunk) in (0..).zip(data.chunks(16 * MIB)) {
        user.chunk(&task, index, chunk).await.ok();
    }
    task
}

/// How often the server took each part.
fn parts(bucket: &Bucket) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for asked in bucket.asked(&["PUT", "partNumber"]) {
        let number = asked.split("partNumber=").nth(1).unwrap().split('&').next().unwrap();
        *counts.entry(number.to_owned()).or_default() += 1;
    }
    counts
}

/// The outcome of an upload that is completed by itself.
async fn stored(user: &Client, task: &str, data: &[u8]) {
    let ended = user.ended(task).await;
    assert_eq!(ended["status"], "Completed", "{ended}");
    let file = ended["results"]["fileId"].as_str().unwrap();
    assert_eq!(sha256(&user.content(file).await), sha256(data));
}

#[tokio::test]
async fn an_end_that_an_outage_broke_off_goes_on_after_a_restart_and_sends_no_part_twice() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let data = bytes(1, LARGE);
    let task = sent(&user, &data).await;
    bucket.take_parts(2);
    let refused = user.complete(&task).await.refused(503, "POOL_OFFLINE");
    assert_eq!(refused["details"]["pool"], "far");
    assert_eq!(user.get(&format!("/api/tasks/{task}")).await.ok()["status"], "InProgress");
    assert_eq!(pool_view(&user, "far").await["state"], "offline");
    user.upload("other.bin", b"other pools go on", json!({})).await;
    let before = parts(&bucket);
    assert_eq!(before.len(), 2);

    // The server is still away at the start.
    let settings = bucket.settings();
    let drive = drive.restart_with(&borrowed(&settings));
    let user = drive.signed_in("ada").await;
    assert_eq!(pool_view(&user, "far").await["state"], "offline");
    assert!(bucket.is_away());
    bucket.go_away(false);
    stored(&user, &task, &data).await;
    let after = parts(&bucket);
    assert_eq!((after.len(), after.values().max()), (6, Some(&1)), "{after:?}");
    assert_eq!(bucket.asked(&["POST", "uploads"]).len(), 1, "it is one multipart upload");
    assert!(bucket.loose_parts().is_empty());
    assert_eq!(drive.settled().await.staged.len(), 0);
}

#[tokio::test]
async fn killed_in_the_middle_of_an_end_it_goes_on_with_the_next_part() {
    let bucket = Bucket::start();
    let (data_dir, settings) = (folder(), bucket.settings());
    let drive = ChildDrive::start(data_dir.path(), &borrowed(&settings));
    let mut user = drive.nobody();
    user.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    let data = bytes(2, LARGE);
    let task = sent(&user, &data).await;
    let completing = user.request(Method::POST, &format!("/api/files/upload/complete/{task}"));
    let asked = tokio::spawn(completing.send());
    let rows = "select count(*) from multipart_parts";
    let db = rusqlite::Connection::open(data_dir.path().join("drive.db")).unwrap();
    eventually("a part is there", || {
        db.query_row(rows, [], |row| row.get::<_, i64>(0)).unwrap_or(0) > 0
    })
    .await;
    drive.kill();
    assert!(asked.await.unwrap().is_err(), "there was no answer yet");
    let remembered: Vec<String> = {
        let mut numbers =
            db.prepare("select cast(number + 1 as text) from multipart_parts").unwrap();
        numbers.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    drop(db);
    let drive = ChildDrive::start(data_dir.path(), &borrowed(&settings));
    let mut user = drive.nobody();
    user.sign_in("ada").await;
    stored(&user, &task, &data).await;
    // What was on its way when the server died may arrive twice; what was remembered does not.
    let parts = parts(&bucket);
    assert_eq!(parts.len(), 6, "{parts:?}");
    for number in remembered {
        assert_eq!(parts[&number], 1, "part {number} was remembered: {parts:?}");
    }
    assert_eq!(drive.stop(), Some(0));
}

#[tokio::test]
async fn parts_that_somebody_cleaned_up_are_sent_again() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let data = bytes(7, LARGE);
    let task = sent(&user, &data).await;
    bucket.take_parts(2);
    user.complete(&task).await.refused(503, "POOL_OFFLINE");
    bucket.forget_next();
    bucket.go_away(false);
    stored(&user, &task, &data).await;
    assert_eq!(bucket.asked(&["POST", "uploads"]).len(), 2, "another multipart upload was begun");
    assert_eq!(bucket.objects().len(), 1);
}

#[tokio::test]
async fn paused_it_keeps_its_parts_and_cancelled_it_leaves_none() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let data = bytes(3, LARGE);
    let task = sent(&user, &data).await;
    bucket.take_parts(1);
    user.complete(&task).await.refused(503, "POOL_OFFLINE");
    user.call(&format!("/api/tasks/{task}/pause")).await.ok();
    bucket.go_away(false);
    until_online(&user, "far").await;
    user.complete(&task).await.refused(409, "TASK_PAUSED");
    user.call(&format!("/api/tasks/{task}/resume")).await.ok();
    stored(&user, &task, &data).await;
    assert_eq!(parts(&bucket).values().max(), Some(&1));

    let other = bytes(4, LARGE);
    let far = user.pool("far").await;
    let wish = json!({ "poolId": far, "chunkSize": 16 * MIB });
    let task = id(&user.create("other.bin", LARGE as u64, wish).await.ok());
    for (index, chunk) in (0..).zip(other.chunks(16 * MIB)) {
        user.chunk(&task, index, chunk).await.ok();
    }
    bucket.take_parts(2);
    user.complete(&task).await.refused(503, "POOL_OFFLINE");
    assert_ne!(bucket.loose_parts().len(), 0);
    user.call(&format!("/api/tasks/{task}/cancel")).await.ok();
    bucket.go_away(false);
    until_online(&user, "far").await;
    drive.swept().await;
    assert_eq!((bucket.objects().len(), bucket.loose_parts()), (1, Vec::<String>::new()));
}

#[tokio::test]
async fn a_download_that_an_outage_breaks_off_is_no_whole_file_and_works_after() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let data = bytes(5, LARGE);
    let far = user.pool("far").await;
    let file = user.upload("large.bin", &data, json!({ "poolId": far })).await;
    let path = format!("/api/files/{}/content", file["id"].as_str().unwrap());
    bucket.give_reads(3);
    let mut answer = user.request(Method::GET, &path).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(LARGE as u64)));
    let mut came = Vec::new();
    let broke_off = loop {
        match answer.chunk().await {
            Ok(Some(piece)) => came.extend_from_slice(&piece),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broke_off && came.len() < LARGE && came == data[..came.len()]);
    user.get(&path).await.refused(503, "POOL_OFFLINE");
    assert!(drive.nobody().get("/health/live").await.status.is_success());
    bucket.go_away(false);
    until_online(&user, "far").await;
    assert_eq!(sha256(&user.content(file["id"].as_str().unwrap()).await), sha256(&data));
}

#[tokio::test]
async fn a_task_that_an_outage_broke_off_is_tried_again_and_leaves_one_object() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let (here, there) = (user.pool("default").await, user.pool("far").await);
    let data = bytes(6, LARGE);
    let file = user.upload("large.bin", &data, json!({})).await;
    bucket.take_parts(2);
    let wish = json!({ "sourcePoolId": here, "targetPoolId": there });
    let task = id(&user.ask("StorageMigration", wish).await.ok());
    let waits = tried(&user, &task).await;
    assert_eq!(
        (&waits["status"], &waits["errorCode"]),
        (&json!("Pending"), &json!("POOL_OFFLINE"))
    );
    bucket.go_away(false);
    until_online(&user, "far").await;
    drive.clock.advance_ms(10_000);
    drive.tick();
    let moved = user.ended(&task).await;
    assert_eq!(moved["results"]["migratedCount"], 1, "{moved}");
    assert_eq!(sha256(&user.content(file["id"].as_str().unwrap()).await), sha256(&data));
    drive.swept().await;
    assert_eq!((bucket.objects().len(), bucket.loose_parts()), (1, Vec::<String>::new()));
}

#[tokio::test]
async fn a_file_in_one_request_that_meets_an_outage_leaves_nothing() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let far = user.pool("far").await;
    let path = format!("/api/files/upload/direct?fileName=a.bin&poolId={}", far.as_str().unwrap());
    bucket.go_away(true);
    let put = || user.request(Method::PUT, &path).body(bytes(1, 100_000));
    user.send(put()).await.refused(503, "POOL_OFFLINE");
    bucket.go_away(false);
    until_online(&user, "far").await;
    drive.swept().await;
    let rows = |sql: &str| drive.db().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((rows("select count(*) from objects"), bucket.objects().len()), (0, 0));
    let file = user.send(put()).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, bytes(1, 100_000));
    // As a kill between the object and its file leaves it.
    let stray = bucket.objects()[0].file_name().unwrap().to_owned();
    let path = format!("/api/files/{}?permanent=true", file["id"].as_str().unwrap());
    assert!(user.delete(&path).await.status.is_success());
    drive.swept().await;
    assert_eq!(bucket.objects().len(), 0);
    let file = user.send(put()).await.ok();
    let object = bucket.objects()[0].file_name().unwrap().to_owned();
    assert_ne!(object, stray);
    let id = file["id"].as_str().unwrap();
    drive.db().execute("delete from files where id = ?1", [id]).unwrap();
    drive.db().execute("update objects set refs = 0, task_pk = 0", []).unwrap();
    drive.sweep().await;
    assert_eq!(bucket.objects().len(), 1, "a request may still be at it");
    let drive = drive.restart_with(&borrowed(&bucket.settings()));
    drive.swept().await;
    assert_eq!(bucket.objects().len(), 0);
}

#[tokio::test]
async fn a_wrong_key_a_missing_bucket_and_another_pools_bucket_are_offline_with_their_reason() {
    let bucket = Bucket::start();
    let reason = async |drive: &TestDrive, client: &Client| {
        let view: Value = pool_view(client, "far").await;
        assert_eq!(view["state"], "offline", "{view}");
        let far = client.pool("far").await;
        client.create("a.bin", 10, json!({ "poolId": far })).await.refused(503, "POOL_OFFLINE");
        client.upload("a.bin", b"the other pool", json!({})).await;
        assert!(drive.nobody().get("/health/ready").await.status.is_success());
        view["reason"].as_str().unwrap().to_owned()
    };
    let drive = spawn_with(&bucket.settings_with(BUCKET, "wrong"));
    let why = reason(&drive, &drive.admin().await).await;
    assert!(why.contains("the key was refused") && !why.contains("wrong"), "{why}");

    let drive = drive.restart_with(&borrowed(&bucket.settings_with("missing", SECRET)));
    let admin = drive.signed_in("ada").await;
    let why = reason(&drive, &admin).await;
    assert!(why.contains("NoSuchBucket"), "{why}");
    // It was never there, so it may be new: once its bucket exists, the pool begins.
    std::fs::create_dir(bucket.marker().ancestors().nth(3).unwrap().join("missing")).unwrap();
    until_online(&admin, "far").await;
    let far = admin.pool("far").await;
    admin.upload("b.bin", b"in the new bucket", json!({ "poolId": far })).await;

    // From now on a bucket without its marker is no new one.
    let drive = drive.restart_with(&borrowed(&bucket.settings()));
    let admin = drive.signed_in("ada").await;
    let why = reason(&drive, &admin).await;
    assert!(why.contains("was used before") && bucket.marker().metadata().is_err(), "{why}");
    std::fs::create_dir_all(bucket.marker().parent().unwrap()).unwrap();
    std::fs::write(bucket.marker(), "0192f0c1-2345-7000-8000-000000000000").unwrap();
    let nobody = spawn_with(&bucket.settings_with(BUCKET, SECRET));
    let why = reason(&nobody, &nobody.admin().await).await;
    assert!(why.contains("belongs to pool 0192f0c1"), "{why}");
}
