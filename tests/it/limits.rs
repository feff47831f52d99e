//! How much one account may have at once.

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::TestDrive;
use crate::harness::client::id;
use crate::harness::socket::{Next, Socket};

#[tokio::test]
async fn an_account_has_a_thousand_open_uploads_at_most() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    for batch in 0..20 {
        let names: Vec<_> = (0..50).map(|index| format!("{batch}-{index}.bin")).collect();
        let answers = join_all(names.iter().map(|name| user.create(name, 1, json!({})))).await;
        answers.into_iter().for_each(|answer| drop(answer.ok()));
    }
    let refusal = user.create("one-more.bin", 1, json!({})).await;
    assert_eq!(refusal.header("retry-after"), "1");
    let refusal = refusal.refused(429, "TOO_MANY_REQUESTS");
    assert_eq!(refusal["details"]["limit"], 1000);
    assert_eq!(drive.holdings().staged.len(), 1000);
    other.create("own.bin", 1, json!({})).await.ok();
    let some = user.get("/api/files/upload/tasks?limit=1").await.ok();
    user.delete(&format!("/api/files/upload/task/{}", id(&some[0]))).await.ok();
    user.create("one-more.bin", 1, json!({})).await.ok();
}

#[tokio::test]
async fn an_account_has_sixty_four_sockets_at_most() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let mut sockets = Vec::new();
    for _ in 0..64 {
        let mut socket = Socket::connect(&user, "").await;
        socket.until("sync.snapshot").await;
        sockets.push(socket);
    }
    assert_eq!(Socket::connect(&user, "").await.next().await, Next::Closed(Some(1013)));
    Socket::connect(&other, "").await.until("sync.snapshot").await;
    // All of them hear, and one that goes makes room.
    user.create("a.bin", 1, json!({})).await.ok();
    for socket in &mut sockets {
        socket.until("task.created").await;
    }
    sockets.pop();
    let patience = std::time::Instant::now();
    while Socket::connect(&user, "").await.next().await == Next::Closed(Some(1013)) {
        assert!(patience.elapsed().as_secs() < 15, "a socket that went takes a place");
    }
}
