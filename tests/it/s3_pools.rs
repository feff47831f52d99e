//! A pool in a bucket, against a real S3 server: what goes into it comes out of it, whole and in part, and leaves
//! nothing behind.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::bucket::{Bucket, SECRET};
use crate::harness::child::{ChildDrive, run};
use crate::harness::client::{Client, PASSWORD};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes, folder, sha256};
use crate::offline_pools::pool_view;

const MIB: usize = 1024 * 1024;

/// A server whose second pool, `far`, lies in the bucket.
pub fn spawn(bucket: &Bucket) -> TestDrive {
    spawn_with(&bucket.settings())
}

pub fn spawn_with(settings: &[(String, String)]) -> TestDrive {
    TestDrive::spawn_with(&borrowed(settings))
}

pub fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn part(client: &Client, file: &Value, range: &str) -> Vec<u8> {
    let path = format!("/api/files/{}/content", file["id"].as_str().unwrap());
    let asked = client.request(Method::GET, &path).header(header::RANGE, format!("bytes={range}"));
    let answer = client.send(asked).await;
    assert_eq!(answer.status, 206, "{}", String::from_utf8_lossy(&answer.body));
    answer.body
}

async fn whole(client: &Client, file: &Value) -> Vec<u8> {
    client.content(file["id"].as_str().unwrap()).await
}

#[tokio::test]
async fn files_of_all_sizes_come_out_as_they_went_in_and_leave_nothing() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let far = user.pool("far").await;
    let view = pool_view(&user, "far").await;
    assert_eq!((&view["state"], &view["backend"]), (&json!("online"), &json!("s3")), "{view}");
    assert_eq!((&view["totalBytes"], &view["freeBytes"]), (&Value::Null, &Value::Null));
    let mut files = Vec::new();
    // Nothing, a single request, exactly one part, several parts.
    for (number, size) in (0..).zip([0, 70_000, 8 * MIB, 19 * MIB + 77]) {
        let data = bytes(number, size);
        let wish = json!({ "poolId": far, "hash": sha256(&data) });
        let file = user.upload(&format!("{number}.bin"), &data, wish).await;
        assert_eq!(file["poolId"], far);
        assert_eq!(whole(&user, &file).await, data, "{size}");
        files.push(file);
    }
    assert_eq!(bucket.asked(&["PUT", "partNumber"]).len(), 3, "only the large one goes in parts");
    assert_eq!(drive.holdings().staged.len(), 0, "the local copy goes");
    let direct =
        format!("/api/files/upload/direct?fileName=d.bin&poolId={}", far.as_str().unwrap());
    let data = bytes(9, 200_000);
    let file = user.send(user.request(Method::PUT, &direct).body(data.clone())).await.ok();
    assert_eq!(whole(&user, &file).await, data);
    files.push(file);

    let large = bytes(3, 19 * MIB + 77);
    for (first, last) in
        [(0, 0), (MIB - 3, MIB + 3), (18 * MIB, 19 * MIB + 76), (5 * MIB, 12 * MIB)]
    {
        let came = part(&user, &files[3], &format!("{first}-{last}")).await;
        assert_eq!(sha256(&came), sha256(&large[first..=last]), "{first}-{last}");
    }
    let secret = json!({ "poolId": far, "encryptPassword": "a password of mine" });
    let data = bytes(11, 9 * MIB);
    let locked = user.upload("locked.bin", &data, secret).await;
    let path = format!("/api/files/{}/content", locked["id"].as_str().unwrap());
    let open = user.request(Method::GET, &path).header("X-File-Password", "a password of mine");
    assert_eq!(sha256(&user.send(open).await.body), sha256(&data));
    files.push(locked);

    assert_eq!(bucket.objects().len(), files.len());
    assert!(pool_view(&user, "far").await["usedBytes"].as_u64().unwrap() > 36 * MIB as u64);
    for file in &files {
        let path = format!("/api/files/{}?permanent=true", file["id"].as_str().unwrap());
        assert!(user.delete(&path).await.status.is_success());
    }
    drive.swept().await;
    assert_eq!((bucket.objects(), bucket.loose_parts()), (Vec::new(), Vec::new()));
    assert_eq!(pool_view(&user, "far").await["usedBytes"], 0);
    assert!(bucket.asked(&["list-type"]).is_empty(), "a list is never asked for");
}

#[tokio::test]
async fn migration_goes_there_and_back() {
    let bucket = Bucket::start();
    let drive = spawn(&bucket);
    let user = drive.user("ada").await;
    let (here, there) = (user.pool("default").await, user.pool("far").await);
    let contents = [bytes(1, 300), bytes(2, 20 * MIB + 1), bytes(3, 0)];
    let mut files = Vec::new();
    for (number, content) in contents.iter().enumerate() {
        files.push(user.upload(&format!("{number}.bin"), content, json!({})).await);
    }
    for (from, to, in_bucket) in [(&here, &there, 3), (&there, &here, 0)] {
        let wish = json!({ "sourcePoolId": from, "targetPoolId": to });
        let task = user.run("StorageMigration", wish).await;
        assert_eq!(task["results"]["migratedCount"], 3, "{task}");
        drive.swept().await;
        assert_eq!(bucket.objects().len(), in_bucket);
        for (file, content) in files.iter().zip(&contents) {
            assert_eq!(sha256(&whole(&user, file).await), sha256(content));
        }
    }
}

#[tokio::test]
async fn tasks_read_and_write_there() {
    let bucket = Bucket::start();
    let mut settings = bucket.settings();
    settings.push(("DRIVE_POOL2_VERIFY_READS".into(), "true".into()));
    let drive = spawn_with(&settings);
    let user = drive.user("ada").await;
    let far = user.pool("far").await;
    let (one, two) = (bytes(1, 3 * MIB), bytes(2, 100_000));
    let to_far = json!({ "poolId": far });
    let first = user.upload("one.bin", &one, to_far.clone()).await;
    let second = user.upload("two.bin", &two, to_far).await;
    let wish = json!({ "fileIds": [first["id"], second["id"]], "outputFileName": "both.zip", "targetPoolId": far });
    let packed = user.run("FileCompress", wish).await;
    assert_eq!(packed["status"], "Completed", "{packed}");
    let archive = &packed["results"]["resultFileId"];
    let wish = json!({ "fileId": archive, "targetFolder": "/out", "targetPoolId": far });
    let unpacked = user.run("FileDecompress", wish).await;
    assert_eq!(unpacked["results"]["fileCount"], 2, "{unpacked}");
    let out = user.get("/api/files?folder=/out&sortBy=name&sortDescending=false").await.ok();
    assert_eq!(sha256(&whole(&user, &out[0]).await), sha256(&one));
    assert_eq!((sha256(&whole(&user, &out[1]).await), &out[1]["poolId"]), (sha256(&two), &far));
    let checked = user.run("Custom", json!({ "handler": "verifyFiles" })).await;
    assert_eq!(checked["results"]["verifiedCount"], 5, "{checked}");

    // Damage at the server is seen as on a disk, in a download and by a check.
    let damaged =
        bucket.objects().into_iter().find(|path| std::fs::metadata(path).unwrap().len() == 100_000);
    let damaged = damaged.unwrap();
    let mut stored = std::fs::read(&damaged).unwrap();
    stored[7] ^= 1;
    std::fs::write(&damaged, stored).unwrap();
    let checked = user.run("Custom", json!({ "handler": "verifyFiles" })).await;
    assert_eq!(checked["results"]["corruptCount"], 1, "{checked}");
    let mut refused = 0;
    for file in [&second, &out[1]] {
        let path = format!("/api/files/{}/content", file["id"].as_str().unwrap());
        let answer = user.get(&path).await;
        refused += usize::from(answer.status == 500 && answer.json()["code"] == "CONTENT_CORRUPT");
    }
    assert_eq!(refused, 1);
    // An object that is shorter than its row says is no file.
    std::fs::write(&damaged, b"short").unwrap();
    let checked = user.run("Custom", json!({ "handler": "verifyFiles" })).await;
    assert_eq!(checked["results"]["corruptCount"], 1, "{checked}");
}

#[tokio::test]
async fn the_key_is_shown_nowhere() {
    let bucket = Bucket::start();
    let (data_dir, settings) = (folder(), bucket.settings());
    let settings = borrowed(&settings);
    let config = run(&["config", "--data-dir", data_dir.path().to_str().unwrap()], &settings, "");
    let config = String::from_utf8(config.stdout).unwrap();
    assert!(config.contains("credentials_file") && !config.contains(SECRET), "{config}");
    let log = data_dir.path().join("log");
    let drive = ChildDrive::start_talkative_with(data_dir.path(), &settings, &log);
    let mut admin = drive.nobody();
    admin.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    let far = admin.pool("far").await;
    let file = admin.upload("a.bin", &bytes(1, 9 * MIB), json!({ "poolId": far })).await;
    whole(&admin, &file).await;
    bucket.go_away(true);
    let path = format!("/api/files/{}/content", file["id"].as_str().unwrap());
    admin.get(&path).await.refused(503, "POOL_OFFLINE");
    let view = pool_view(&admin, "far").await.to_string();
    assert_eq!(drive.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("a pool is offline"), "{log}");
    for text in [&log, &view] {
        assert!(!text.contains(SECRET) && !text.contains(PASSWORD));
    }
}
