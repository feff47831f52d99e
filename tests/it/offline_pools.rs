//! A pool whose disk is not there is offline: nothing of it is believed to be gone, everything else goes on, and when it
//! is back it works again.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes, eventually, folder};
use crate::power::Disk;

const MIB: usize = 1024 * 1024;

/// Lets the disk of a pool vanish, as if it were unmounted: an empty folder is left.
fn unmount(pool: &Path, away: &TempDir) {
    std::fs::rename(pool, away.path().join("pool")).unwrap();
    std::fs::create_dir(pool).unwrap();
}

/// The folder where the disk was must still be empty.
fn mount_again(pool: &Path, away: &TempDir) {
    std::fs::remove_dir(pool).expect("nothing was made in the place of the disk");
    std::fs::rename(away.path().join("pool"), pool).unwrap();
}

pub async fn pool_view(client: &Client, name: &str) -> Value {
    let pools = client.get("/api/pools").await.ok();
    pools.as_array().unwrap().iter().find(|pool| pool["name"] == name).unwrap().clone()
}

pub async fn until_online(client: &Client, name: &str) {
    let patience = std::time::Instant::now();
    while pool_view(client, name).await["state"] != "online" {
        assert!(patience.elapsed().as_secs() < 20, "{name} does not come back");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The task once an attempt of it has failed.
pub async fn tried(client: &Client, task: &str) -> Value {
    let patience = std::time::Instant::now();
    loop {
        let now = client.get(&format!("/api/tasks/{task}")).await.ok();
        if !now["errorCode"].is_null() {
            return now;
        }
        assert!(patience.elapsed().as_secs() < 30, "no attempt failed: {now}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn content(file: &Value) -> String {
    format!("/api/files/{}/content", file["id"].as_str().unwrap())
}

fn rows(drive: &TestDrive, sql: &str) -> i64 {
    drive.db().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_pool_whose_disk_is_not_mounted_at_the_start_is_offline_until_it_is() {
    let drive = TestDrive::spawn();
    let (admin, away) = (drive.admin().await, folder());
    let file = admin.upload("kept.bin", &bytes(1, 300_000), json!({})).await;
    let doomed = admin.upload("doomed.bin", &bytes(2, 1000), json!({})).await;
    let open =
        id(&admin.create("open.bin", 2 * MIB as u64, json!({ "chunkSize": MIB })).await.ok());
    let data = bytes(3, 2 * MIB);
    admin.chunk(&open, 0, &data[..MIB]).await.ok();
    // A sealed object of an upload that was being completed, as a crash leaves it.
    let pool = drive.data_dir().join("pool");
    let drive = drive.restart_after(|data_dir| {
        unmount(&data_dir.join("pool"), &away);
        let db = rusqlite::Connection::open(data_dir.join("drive.db")).unwrap();
        db.execute("update settings set value = 'no' where key = 'clean_stop'", []).unwrap();
    });
    let admin = drive.signed_in("ada").await;
    let view = pool_view(&admin, "default").await;
    assert_eq!(
        (&view["state"], &view["usedBytes"]),
        (&json!("offline"), &json!(301_000)),
        "{view}"
    );
    assert_eq!((&view["totalBytes"], &view["backend"]), (&Value::Null, &json!("local")));
    assert!(view["reason"].as_str().unwrap().contains("is its disk mounted?"), "{view}");
    let guest = drive.user("bob").await;
    assert_eq!(pool_view(&guest, "default").await["reason"], Value::Null, "paths are not for all");

    // Its files are listed, and nothing else.
    assert_eq!(admin.get("/api/files").await.ok().as_array().unwrap().len(), 2);
    let refused = admin.get(&content(&file)).await.refused(503, "POOL_OFFLINE");
    assert_eq!(refused["details"]["pool"], "default");
    admin.create("new.bin", 10, json!({})).await.refused(503, "POOL_OFFLINE");
    let direct = admin.request(reqwest::Method::PUT, "/api/files/upload/direct?fileName=new.bin");
    admin.send(direct.body("0123456789")).await.refused(503, "POOL_OFFLINE");
    admin.chunk(&open, 1, &data[MIB..]).await.refused(503, "POOL_OFFLINE");
    let path = format!("/api/files/{}?permanent=true", doomed["id"].as_str().unwrap());
    assert!(admin.delete(&path).await.status.is_success(), "a row can go");
    drive.sweep().await;
    assert_eq!(rows(&drive, "select count(*) from objects"), 2, "garbage waits for its pool");
    assert_eq!(rows(&drive, "select count(*) from upload_chunks"), 1, "chunks are still believed");
    assert!(drive.nobody().get("/health/live").await.status.is_success());

    mount_again(&pool, &away);
    until_online(&admin, "default").await;
    assert_eq!(admin.content(file["id"].as_str().unwrap()).await, bytes(1, 300_000));
    admin.chunk(&open, 1, &data[MIB..]).await.ok();
    let file = admin.complete(&open).await.ok();
    assert_eq!(admin.content(file["id"].as_str().unwrap()).await, data);
    drive.swept().await;
    assert_eq!(rows(&drive, "select count(*) from objects"), 2);
    assert_eq!(std::fs::read_dir(pool.join("quarantine")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_pool_that_vanishes_while_the_server_runs_comes_back_without_a_restart() {
    let (far, away) = (folder(), folder());
    let place = far.path().join("pool");
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "far"),
        ("DRIVE_POOL2_PATH", place.to_str().unwrap()),
    ]);
    let mut user = drive.user("ada").await;
    let (here, there) = (user.pool("default").await, user.pool("far").await);
    let to_far = json!({ "poolId": there });
    let data = bytes(1, 2 * MIB);
    let file = user.upload("kept.bin", &data, to_far.clone()).await;
    let doomed = user.upload("doomed.bin", &bytes(2, 1000), to_far.clone()).await;
    let open = id(&user.create("open.bin", 1000, to_far.clone()).await.ok());
    user.chunk(&open, 0, &bytes(3, 1000)).await.ok();

    unmount(&place, &away);
    user.get(&content(&file)).await.refused(503, "POOL_OFFLINE");
    assert_eq!(pool_view(&user, "far").await["state"], "offline");
    user.complete(&open).await.refused(503, "POOL_OFFLINE");
    user.create("new.bin", 10, to_far).await.refused(503, "POOL_OFFLINE");
    let path = format!("/api/files/{}?permanent=true", doomed["id"].as_str().unwrap());
    user.delete(&path).await;
    drive.sweep().await;
    assert_eq!(rows(&drive, "select count(*) from objects where refs = 0"), 1);
    // Nobody can go on with an upload there, so it is not held to be idle.
    drive.clock.advance_ms(48 * 3_600_000);
    drive.sweep().await;
    user.sign_in("ada").await;
    assert_eq!(user.get(&format!("/api/tasks/{open}")).await.ok()["status"], "InProgress");
    // A task over it waits for another try; what is in other pools goes on.
    let wish = json!({ "fileIds": [file["id"]], "targetPoolId": here });
    let task = id(&user.ask("FileMove", wish).await.ok());
    let waits = tried(&user, &task).await;
    assert_eq!(
        (&waits["status"], &waits["errorCode"]),
        (&json!("Pending"), &json!("POOL_OFFLINE"))
    );
    user.upload("other.bin", b"goes on", json!({})).await;
    let health = drive.nobody().get("/health/uploads").await;
    assert_eq!((health.status.as_u16(), &health.json()["status"]), (200, &json!("degraded")));

    mount_again(&place, &away);
    until_online(&user, "far").await;
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
    user.complete(&open).await.ok();
    drive.clock.advance_ms(10_000);
    drive.tick();
    let moved = user.ended(&task).await;
    assert_eq!(moved["status"], "Completed", "{moved}");
    drive.swept().await;
    assert_eq!(rows(&drive, "select count(*) from objects where refs = 0"), 0);
}

#[tokio::test]
async fn a_folder_with_another_pools_marker_is_offline_and_stays_as_it_is() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    admin.upload("a.bin", b"kept", json!({})).await;
    let marker = drive.data_dir().join("pool/.drive-pool");
    let own = std::fs::read(&marker).unwrap();
    let other = "0192f0c1-2345-7000-8000-000000000000\n";
    let drive = drive.restart_after(|data_dir| {
        std::fs::write(data_dir.join("pool/.drive-pool"), other).unwrap();
    });
    let admin = drive.signed_in("ada").await;
    let view = pool_view(&admin, "default").await;
    assert!(view["reason"].as_str().unwrap().contains("belongs to pool 0192f0c1"), "{view}");
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), other);
    std::fs::write(&marker, own).unwrap();
    until_online(&admin, "default").await;
    let told = drive.nobody().get("/metrics").await;
    eventually("the figure tells it", || {
        String::from_utf8_lossy(&told.body).contains("drive_pool_online{pool=\"default\"} 1")
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_is_pulled_out_and_plugged_in_again_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::make(folder.path(), "ext4") else {
        println!("left out: ext4 on a loop device and xfs_io are not to be had here");
        return;
    };
    let place = disk.mount.join("pool");
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "far"),
        ("DRIVE_POOL2_PATH", place.to_str().unwrap()),
    ]);
    let user = drive.user("ada").await;
    let far = user.pool("far").await;
    let kept = user.upload("kept.bin", &bytes(1, MIB), json!({ "poolId": far })).await;
    let data = bytes(2, 3 * MIB);
    let wish = json!({ "poolId": far, "chunkSize": MIB });
    let task = id(&user.create("open.bin", data.len() as u64, wish).await.ok());
    user.chunk(&task, 0, &data[..MIB]).await.ok();
    user.chunk(&task, 1, &data[MIB..2 * MIB]).await.ok();

    // Its writes fail first, then its files are gone.
    disk.cut();
    let failed = user.chunk(&task, 2, &data[2 * MIB..]).await;
    assert!(matches!(failed.status.as_u16(), 500 | 503), "{}", failed.status);
    disk.pull();
    user.get(&content(&kept)).await.refused(503, "POOL_OFFLINE");
    user.chunk(&task, 2, &data[2 * MIB..]).await.refused(503, "POOL_OFFLINE");
    let state = user.get(&format!("/api/files/upload/resume/{task}")).await.ok();
    assert_eq!(state["uploadedChunks"], json!([0, 1]), "what was acknowledged is believed");
    assert_eq!(std::fs::read_dir(&disk.mount).unwrap().count(), 0, "nothing was made in its place");

    assert!(disk.attach());
    until_online(&user, "far").await;
    assert_eq!(user.content(kept["id"].as_str().unwrap()).await, bytes(1, MIB));
    user.chunk(&task, 2, &data[2 * MIB..]).await.ok();
    let file = user.complete(&task).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
    drive.swept().await;
}
