//! What time does: idle uploads expire, old tasks and events are forgotten, leftovers are swept.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Client, id};
use crate::harness::socket::Socket;
use drive::domain::id::ObjectId;
use drive::engine::recovery::LastStop;

const HOUR_MS: i64 = 3600 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

async fn status(client: &Client, id: &str) -> Value {
    client.get(&format!("/api/files/upload/progress/{id}")).await.ok()["status"].clone()
}

#[tokio::test]
async fn an_idle_upload_expires_after_a_day_and_an_active_one_does_not() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let wish = json!({ "chunkSize": 65_536 });
    let idle = id(&user.create("idle.bin", 2 * 65_536, wish.clone()).await.ok());
    let active = id(&user.create("active.bin", 2 * 65_536, wish).await.ok());
    drive.clock.advance_ms(23 * HOUR_MS);
    let user = drive.signed_in("ada").await;
    user.chunk(&active, 0, &[1; 65_536]).await.ok();
    drive.sweep().await;
    assert_eq!(status(&user, &idle).await, "InProgress", "an hour is left");

    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    drive.clock.advance_ms(HOUR_MS + 1000);
    drive.sweep().await;
    let expired = socket.until("task.expired").await.pop().unwrap();
    assert_eq!(expired["data"]["taskId"], idle);
    assert!(expired["data"]["expiredAt"].is_string() && expired["seq"].is_u64(), "{expired}");
    let user = drive.signed_in("ada").await;
    assert_eq!(
        (status(&user, &idle).await, status(&user, &active).await),
        (json!("Expired"), json!("InProgress"))
    );
    let holdings = drive.holdings();
    assert_eq!(
        (holdings.staged.len(), holdings.reserved_bytes, holdings.chunks),
        (1, 2 * 65_536, 1)
    );
    user.chunk(&idle, 1, &[1; 65_536]).await.refused(409, "TASK_FINISHED");

    // The active one has a day from its last chunk on, not from its creation.
    drive.clock.advance_ms(22 * HOUR_MS);
    drive.sweep().await;
    let user = drive.signed_in("ada").await;
    assert_eq!(status(&user, &active).await, "InProgress");
    drive.clock.advance_ms(2 * HOUR_MS);
    drive.sweep().await;
    assert_eq!(drive.holdings().staged.len(), 0);
}

#[tokio::test]
async fn a_paused_upload_lives_for_a_week() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let paused = id(&user.create("paused.bin", 10, json!({})).await.ok());
    user.call(&format!("/api/tasks/{paused}/pause")).await.ok();
    drive.clock.advance_ms(7 * DAY_MS - HOUR_MS);
    drive.sweep().await;
    let user = drive.signed_in("ada").await;
    assert_eq!(status(&user, &paused).await, "Paused");
    // A new pause is a new week.
    user.call(&format!("/api/tasks/{paused}/resume")).await.ok();
    user.call(&format!("/api/tasks/{paused}/pause")).await.ok();
    drive.clock.advance_ms(7 * DAY_MS + 1000);
    drive.sweep().await;
    let user = drive.signed_in("ada").await;
    assert_eq!(status(&user, &paused).await, "Expired");
    assert_eq!(drive.holdings().reserved_bytes, 0);

    // Who takes it up again has a day, not the rest of the week.
    let resumed = id(&user.create("resumed.bin", 10, json!({})).await.ok());
    user.call(&format!("/api/tasks/{resumed}/pause")).await.ok();
    user.call(&format!("/api/tasks/{resumed}/resume")).await.ok();
    drive.clock.advance_ms(DAY_MS + 1000);
    drive.sweep().await;
    let user = drive.signed_in("ada").await;
    assert_eq!(status(&user, &resumed).await, "Expired");
}

#[tokio::test]
async fn finished_tasks_are_forgotten_after_a_month_and_their_files_stay() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = user.upload("kept.bin", b"kept", json!({})).await;
    let cancelled = id(&user.create("gone.bin", 10, json!({})).await.ok());
    user.delete(&format!("/api/files/upload/task/{cancelled}")).await.ok();
    drive.clock.advance_ms(30 * DAY_MS - HOUR_MS);
    drive.sweep().await;
    assert_eq!(drive.holdings().tasks, 2);
    drive.clock.advance_ms(2 * HOUR_MS);
    drive.sweep().await;
    let holdings = drive.holdings();
    assert_eq!((holdings.tasks, holdings.files), (0, 1));
    let user = drive.signed_in("ada").await;
    user.get(&format!("/api/tasks/{cancelled}")).await.refused(404, "NOT_FOUND");
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, b"kept");
}

#[tokio::test]
async fn many_overdue_uploads_expire_in_one_sweep() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    // More than the janitor takes in one transaction.
    for index in 0..210 {
        user.create(&format!("{index}.bin"), 1, json!({})).await.ok();
    }
    drive.clock.advance_ms(DAY_MS + 1000);
    drive.sweep().await;
    let holdings = drive.holdings();
    assert_eq!((holdings.staged.len(), holdings.reserved_bytes), (0, 0));
    let user = drive.signed_in("ada").await;
    assert_eq!(user.get("/api/files/upload/stats").await.ok()["expiredTasks"], 210);
}

#[tokio::test]
async fn old_events_are_forgotten_and_who_asks_for_them_is_told_to_begin_anew() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("old.bin", b"old", json!({})).await;
    let mut socket = Socket::connect(&user, "").await;
    let hello = socket.packet().await["data"].clone();
    let (stream, old) = (hello["streamId"].as_str().unwrap(), hello["seq"].as_u64().unwrap());
    drive.clock.advance_ms(8 * DAY_MS);
    let user = drive.signed_in("ada").await;
    user.upload("new.bin", b"new", json!({})).await;
    drive.sweep().await;
    let since = |seq: u64| format!("?since={stream}:{seq}");

    let mut late = Socket::connect(&user, &since(old - 1)).await;
    assert_eq!(late.packet().await["data"]["streamId"], stream, "the numbering is the same");
    assert_eq!(late.packet().await["type"], "sync.reset");
    assert_eq!(late.packet().await["type"], "sync.snapshot");
    // Who knows all that was forgotten misses nothing.
    let mut even = Socket::connect(&user, &since(old)).await;
    even.packet().await;
    let told = even.until_pong().await;
    assert_eq!(told[0]["seq"], old + 1);
    assert!(told.iter().any(|packet| packet["data"]["name"] == "new.bin"), "{told:#?}");
    let kept: i64 =
        drive.db().query_row("select count(*) from events", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, told.len() as i64);
}

#[tokio::test]
async fn staging_files_of_no_upload_are_swept_at_the_start() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.create("open.bin", 10, json!({})).await.ok();
    let before = drive.holdings().staged;
    let orphan = format!("{}.part", ObjectId::generate());
    let drive = drive.restart_after(|data_dir| {
        std::fs::write(data_dir.join("uploads").join(&orphan), b"left by a crash").unwrap();
    });
    assert_eq!(drive.holdings().staged, before, "the one of the open upload stays");
}

/// Puts an object that no row knows into a pool; its id.
fn stray(data_dir: &std::path::Path) -> String {
    let id = ObjectId::generate().to_string();
    let path = data_dir.join("pool/objects").join(&id[id.len() - 2..]).join(&id);
    std::fs::write(path, b"whose is this?").unwrap();
    id
}

fn quarantined(data_dir: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(data_dir.join("pool/quarantine")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Lets the next start believe that the last run was killed.
fn unclean(data_dir: &std::path::Path) {
    let db = rusqlite::Connection::open(data_dir.join("drive.db")).unwrap();
    db.execute("update settings set value = 'no' where key = 'clean_stop'", []).unwrap();
}

#[tokio::test]
async fn an_object_without_a_row_is_put_aside_only_after_an_unclean_stop() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = user.upload("known.bin", b"known", json!({})).await;
    let mut strays = Vec::new();
    // After a clean stop nothing is looked through: the start is quick whatever the size of the pool.
    let drive = drive.restart_after(|data_dir| strays.push(stray(data_dir)));
    assert_eq!(
        (drive.last_stop, quarantined(drive.data_dir())),
        (LastStop::Clean, Vec::<String>::new())
    );
    let drive = drive.restart_after(unclean);
    assert_eq!(drive.last_stop, LastStop::Crash);
    assert_eq!(quarantined(drive.data_dir()), strays, "put aside, not deleted");
    let user = drive.signed_in("ada").await;
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, b"known");
}

#[tokio::test]
async fn an_upload_whose_staging_file_is_lost_begins_anew_instead_of_being_believed() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("lost.bin", 2 * 65_536, json!({ "chunkSize": 65_536 })).await.ok());
    user.chunk(&id, 0, &[1; 65_536]).await.ok();
    let drive = drive.restart_after(|data_dir| {
        for entry in std::fs::read_dir(data_dir.join("uploads")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    });
    let user = drive.signed_in("ada").await;
    let told = user.get(&format!("/api/files/upload/resume/{id}")).await.ok();
    assert_eq!((&told["uploadedChunks"], &told["progress"]), (&json!([]), &json!(0.0)));
    for index in 0..2 {
        user.chunk(&id, index, &[1; 65_536]).await.ok();
    }
    user.complete(&id).await.ok();
}

#[tokio::test]
async fn bytes_that_were_counted_wrongly_are_counted_anew_at_the_start() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("a.bin", &[1; 1000], json!({})).await;
    user.create("open.bin", 10, json!({})).await.ok();
    let drive = drive.restart_after(|data_dir| {
        let db = rusqlite::Connection::open(data_dir.join("drive.db")).unwrap();
        db.execute("update accounts set used_bytes = 5, reserved_bytes = 7", []).unwrap();
    });
    let user = drive.signed_in("ada").await;
    let told = user.get("/api/quota").await.ok();
    assert_eq!((&told["used"], &told["reserved"]), (&json!(1000), &json!(10)));
}
