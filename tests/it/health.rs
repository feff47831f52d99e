//! What monitors ask.

use serde_json::json;

use crate::harness::TestDrive;
use crate::harness::client::id;
use crate::harness::socket::Socket;

#[tokio::test]
async fn health_is_told_without_a_sign_in() {
    let drive = TestDrive::spawn();
    let nobody = drive.nobody();
    assert_eq!(nobody.get("/health/live").await.ok(), json!({ "status": "healthy" }));
    assert_eq!(nobody.get("/health/ready").await.ok(), json!({ "status": "healthy" }));
    let answer = nobody.get("/health/uploads").await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    let health = answer.ok();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["durability"], "full");
    assert_eq!(health["database"]["status"], "healthy");
    let pool = &health["pools"][0];
    assert_eq!((&pool["name"], &pool["status"]), (&json!("default"), &json!("healthy")));
    assert!(pool["freeBytes"].as_u64() <= pool["totalBytes"].as_u64());
    assert!(pool["freeBytes"].as_u64() > Some(0));
    assert!(
        health["queues"].as_object().unwrap().values().all(|lane| lane["pending"].is_u64()),
        "{health}"
    );
    let text = health.to_string();
    assert!(!text.contains(drive.data_dir().to_str().unwrap()), "strangers learn no paths");
}

#[tokio::test]
async fn it_counts_uploads_and_connections() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let counted = || async {
        let health = user.get("/health/uploads").await.ok();
        (
            health["uploads"]["active"].as_u64().unwrap(),
            health["websocket"]["connections"].as_u64().unwrap(),
        )
    };
    assert_eq!(counted().await, (0, 0));
    let task = user.create("a.bin", 10, json!({})).await.ok();
    user.create("b.bin", 10, json!({})).await.ok();
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    assert_eq!(counted().await, (2, 1));
    user.delete(&format!("/api/files/upload/task/{}", id(&task))).await.ok();
    drop(socket);
    let patience = std::time::Instant::now();
    while counted().await != (1, 0) {
        assert!(patience.elapsed().as_secs() < 10, "{:?}", counted().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_disk_with_no_room_left_is_told_before_anybody_finds_out() {
    let drive = TestDrive::spawn_with(&[("DRIVE_STORAGE_KEEP_FREE_BYTES", "4611686018427387904")]);
    let health = drive.nobody().get("/health/uploads").await;
    assert_eq!(health.status, 200, "reading and signing in still work");
    let health = health.ok();
    assert_eq!(
        (&health["status"], &health["pools"][0]["status"]),
        (&json!("degraded"), &json!("degraded"))
    );
    drive.user("ada").await.create("a.bin", 1, json!({})).await.refused(507, "DISK_FULL");
}

#[tokio::test]
async fn metrics_are_in_the_form_that_prometheus_reads() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let running = || async {
        let answer = drive.nobody().get("/metrics").await;
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let text = String::from_utf8(answer.body).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("drive_") && value.parse::<f64>().is_ok(), "{line}");
        }
        assert!(text.contains("drive_pool_free_bytes{pool=\"default\"} "), "{text}");
        let line = text.lines().find(|line| line.starts_with("drive_uploads_open ")).unwrap();
        line.rsplit_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(running().await, "0");
    let task = user.create("a.bin", 10, json!({})).await.ok();
    assert_eq!(running().await, "1");
    user.delete(&format!("/api/files/upload/task/{}", id(&task))).await.ok();
    assert_eq!(running().await, "0");
}
