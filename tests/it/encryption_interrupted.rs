//! Encryption that is paused, stopped, killed, cancelled: whatever happens in between, it ends the same or not at all.

use std::time::Duration;

use serde_json::{Value, json};

use crate::encryption::{SECRET, file_id, look, open_with};
use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::tasks::{ENDS, Tasks as _};
use crate::harness::{TestDrive, bytes, order, sha256};

const LARGE: usize = 24 << 20;
const SMALL: u64 = 12;

/// One large file and some small ones, with what is in them.
async fn files(user: &Client) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for number in 0..=SMALL {
        let content = bytes(number, if number == 5 { LARGE } else { 90_000 + number as usize });
        let file = user.upload(&format!("{number}.bin"), &content, json!({})).await;
        files.push((file_id(&file).to_owned(), content));
    }
    files
}

fn wish(files: &[(String, Vec<u8>)]) -> Value {
    let ids: Vec<_> = files.iter().map(|(id, _)| id).collect();
    json!({ "fileIds": ids, "password": SECRET })
}

async fn encrypted(user: &Client, files: &[(String, Vec<u8>)]) {
    for (id, content) in files {
        let now = look(user, id).await;
        assert_eq!(
            (&now["isEncrypted"], &now["metadata"]["plainSize"]),
            (&json!(true), &json!(content.len()))
        );
        assert_eq!(sha256(&open_with(user, id, SECRET).await), sha256(content));
    }
}

async fn plain(user: &Client, files: &[(String, Vec<u8>)]) {
    for (id, content) in files {
        let now = look(user, id).await;
        let hash = format!("sha256:{}", sha256(content));
        assert_eq!((&now["isEncrypted"], &now["hash"]), (&json!(false), &json!(hash)));
        assert_eq!(sha256(&user.content(id).await), sha256(content));
    }
}

#[tokio::test]
async fn paused_and_resumed_at_many_points_it_ends_the_same() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let files = files(&user).await;
    for kind in ["FileEncrypt", "FileDecrypt"] {
        let task = id(&user.ask(kind, wish(&files)).await.ok());
        let mut pauses = 0;
        for round in 0..8u64 {
            tokio::time::sleep(Duration::from_millis(13 * round)).await;
            if !user.call(&format!("/api/tasks/{task}/pause")).await.status.is_success() {
                break;
            }
            let settled = user.until(&task, &["Paused", "Completed"]).await;
            if settled["status"] == "Completed" {
                break;
            }
            pauses += 1;
            user.call(&format!("/api/tasks/{task}/resume")).await.ok();
        }
        assert!(pauses > 0, "{kind} was over before it could be paused");
        assert_eq!(user.ended(&task).await["status"], "Completed");
        match kind {
            "FileEncrypt" => encrypted(&user, &files).await,
            _ => plain(&user, &files).await,
        }
        drive.swept().await;
    }
}

#[tokio::test]
async fn it_goes_on_after_an_orderly_stop() {
    let mut drive = TestDrive::spawn();
    let mut user = drive.user("ada").await;
    let files = files(&user).await;
    for kind in ["FileEncrypt", "FileDecrypt"] {
        let task = id(&user.ask(kind, wish(&files)).await.ok());
        for wait in [30, 90] {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            drive = drive.restart();
            user = drive.signed_in("ada").await;
        }
        assert_eq!(user.ended(&task).await["status"], "Completed");
        match kind {
            "FileEncrypt" => encrypted(&user, &files).await,
            _ => plain(&user, &files).await,
        }
    }
    drive.swept().await;
}

#[tokio::test]
async fn it_goes_on_after_kills() {
    let folder = crate::harness::folder();
    let data_dir = folder.path().join("data");
    let mut server = ChildDrive::start(&data_dir, &[]);
    let mut user = server.nobody();
    user.set_up(server.setup_code.as_deref().unwrap(), "ada").await;
    let files = files(&user).await;
    for round in 0..3u64 {
        for kind in ["FileEncrypt", "FileDecrypt"] {
            let task = id(&user.ask(kind, wish(&files)).await.ok());
            // Two are survived; after the third a task is given up.
            for wait in [20 + round * 40, 60 + round * 30] {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                server.kill();
                server = ChildDrive::start(&data_dir, &[]);
                user.address = server.address;
            }
            assert_eq!(user.ended(&task).await["status"], "Completed");
            match kind {
                "FileEncrypt" => encrypted(&user, &files).await,
                _ => plain(&user, &files).await,
            }
        }
    }
    assert_eq!(server.stop(), Some(0));
    drop(TestDriveOver(&data_dir));
}

/// An orderly life after all the kills, in which what they left is collected, and the look whether all is in order.
struct TestDriveOver<'a>(&'a std::path::Path);

impl Drop for TestDriveOver<'_> {
    fn drop(&mut self) {
        let server = ChildDrive::start(self.0, &[]);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(server.stop(), Some(0));
        order::check(self.0);
    }
}

#[tokio::test]
async fn a_cancel_leaves_nothing_behind() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1 << 30)).await;
    let files = files(&user).await;
    for (kind, keep) in [("FileEncrypt", true), ("FileEncrypt", false)] {
        let before = drive.settled().await;
        let mut wanted = wish(&files);
        wanted["keepOriginal"] = json!(keep);
        let task = id(&user.ask(kind, wanted).await.ok());
        // The large file is the sixth.
        loop {
            let now = user.get(&format!("/api/tasks/{task}")).await.ok();
            if now["itemsDone"].as_u64() >= Some(5) {
                break;
            }
            assert!(!ENDS.iter().any(|end| now["status"] == *end), "{now}");
        }
        let asked = std::time::Instant::now();
        user.call(&format!("/api/tasks/{task}/cancel")).await;
        let ended = user.ended(&task).await;
        assert_eq!(ended["status"], "Cancelled", "{ended}");
        assert!(asked.elapsed() < Duration::from_secs(1));
        drive.swept().await;
        let after = drive.settled().await;
        assert_eq!((after.reserved_bytes, &after.staged), (0, &before.staged));
        for (id, content) in &files {
            let now = look(&user, id).await;
            let kept = match now["isEncrypted"].as_bool().unwrap() {
                true => open_with(&user, id, SECRET).await,
                false => user.content(id).await,
            };
            assert_eq!(sha256(&kept), sha256(content));
        }
        let large = look(&user, &files[5].0).await;
        assert_eq!(large["isEncrypted"], false);
    }
}
