//! Stopping in order, whatever is connected.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::raw::Raw;
use crate::harness::socket::Socket;
use crate::harness::{TestDrive, bytes, folder, order, sha256};
use drive::engine::recovery::LastStop;

const MIB: usize = 1024 * 1024;
/// What open requests get, in the tests of this module.
const PATIENCE: (&str, &str) = ("DRIVE_SERVER_SHUTDOWN_SECONDS", "3");
/// Less than that: nobody was waited for.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn admin(drive: &ChildDrive) -> Client {
    let mut client = drive.nobody();
    client.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    client
}

/// Sends SIGTERM and waits for the end on another thread, so that this one goes on being a client.
async fn stop(drive: ChildDrive) -> (Option<i32>, Duration) {
    let since = Instant::now();
    let code = tokio::task::spawn_blocking(move || drive.stop()).await.unwrap();
    (code, since.elapsed())
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let folder = folder();
    let drive = ChildDrive::start(folder.path(), &[PATIENCE]);
    let user = admin(&drive).await;
    // One connection that was used and is kept, one on which nothing was ever said.
    let mut kept = Raw::connect(&user).await;
    kept.head(&user, "GET", "/api/account", "").await;
    kept.answer().await.ok();
    let silent = Raw::connect(&user).await;
    let task = user.create("open.bin", 10, json!({})).await.ok();
    let (code, took) = stop(drive).await;
    assert_eq!(code, Some(0));
    assert!(took < AT_ONCE, "{took:?}");
    drop((kept, silent));
    order::check(folder.path());

    let drive = ChildDrive::start(folder.path(), &[]);
    let mut user = drive.nobody();
    user.sign_in("ada").await;
    assert_eq!(user.get(&format!("/api/tasks/{}", id(&task))).await.ok()["status"], "InProgress");
}

#[tokio::test]
async fn open_sockets_are_told_and_do_not_hold_it_up() {
    let folder = folder();
    let drive = ChildDrive::start(folder.path(), &[PATIENCE]);
    let user = admin(&drive).await;
    let mut answering = Socket::connect(&user, "").await;
    answering.until("sync.snapshot").await;
    let mut silent = Socket::connect(&user, "").await;
    silent.until("sync.snapshot").await;
    let (stopping, closed) = tokio::join!(stop(drive), answering.closed());
    assert_eq!(closed, Some(1001), "the socket is told why");
    assert_eq!(stopping.0, Some(0));
    assert!(stopping.1 < AT_ONCE, "{:?}", stopping.1);
    assert_eq!(silent.closed().await, Some(1001));
}

#[test]
fn a_stop_right_after_the_start_is_in_order_too() {
    let folder = folder();
    for _ in 0..20 {
        let drive = ChildDrive::start(folder.path(), &[]);
        assert_eq!(drive.stop(), Some(0), "whoever reads that it is ready may stop it");
    }
}

#[tokio::test]
async fn a_chunk_on_its_way_is_let_in_before_the_end() {
    let folder = folder();
    let drive = ChildDrive::start(folder.path(), &[PATIENCE]);
    let user = admin(&drive).await;
    let data = bytes(1, MIB);
    let wish = json!({ "chunkSize": MIB, "hash": sha256(&data) });
    let id = id(&user.create("late.bin", MIB as u64, wish).await.ok());
    let mut raw = Raw::connect(&user).await;
    let path = format!("/api/files/upload/chunk/{id}/0");
    raw.head(&user, "POST", &path, &format!("Content-Length: {MIB}\r\nExpect: 100-continue\r\n"))
        .await;
    // The server has the request in hand: it asks for the body.
    assert_eq!(raw.answer().await.status, 100);
    let finish = async {
        raw.send(&data[..MIB / 2]).await;
        // Meanwhile the server has begun to stop: it takes no new connections.
        while tokio::net::TcpStream::connect(user.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        raw.send(&data[MIB / 2..]).await;
        raw.answer().await.ok()
    };
    let ((code, _), receipt) = tokio::join!(stop(drive), finish);
    assert_eq!((code, &receipt["chunksUploaded"]), (Some(0), &json!(1)));

    let drive = ChildDrive::start(folder.path(), &[]);
    let mut user = drive.nobody();
    user.sign_in("ada").await;
    user.complete(&id).await.ok();
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_in_time() {
    let folder = folder();
    let drive = ChildDrive::start(folder.path(), &[PATIENCE]);
    let user = admin(&drive).await;
    let id = id(&user.create("endless.bin", MIB as u64, json!({})).await.ok());
    let mut raw = Raw::connect(&user).await;
    let path = format!("/api/files/upload/chunk/{id}/0");
    raw.head(&user, "POST", &path, &format!("Content-Length: {MIB}\r\nExpect: 100-continue\r\n"))
        .await;
    assert_eq!(raw.answer().await.status, 100);
    raw.send(&vec![1; MIB / 2]).await;
    let (code, took) = stop(drive).await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(6), "{took:?}");
    order::check(folder.path());
}

#[tokio::test]
async fn the_next_start_knows_how_the_last_run_ended() {
    let drive = TestDrive::spawn();
    assert_eq!(drive.last_stop, LastStop::First);
    let drive = drive.restart();
    assert_eq!(drive.last_stop, LastStop::Clean);

    // The program itself says the same of its own end: a server opened after it finds a clean stop.
    let stopped = drive.restart_after(|data_dir| {
        assert_eq!(ChildDrive::start(data_dir, &[]).stop(), Some(0));
    });
    assert_eq!(stopped.last_stop, LastStop::Clean);
    let killed = stopped.restart_after(|data_dir| ChildDrive::start(data_dir, &[]).kill());
    assert_eq!(killed.last_stop, LastStop::Crash);
}
