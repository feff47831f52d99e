//! What a client missed while it was away comes once and in order; where that is not possible, it is told so.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Client, id};
use crate::harness::socket::Socket;

/// Where a stream stood when a socket said hello.
async fn hello(socket: &mut Socket) -> (String, u64) {
    let hello = socket.packet().await;
    assert_eq!(hello["type"], "hello");
    let data = &hello["data"];
    (data["streamId"].as_str().unwrap().to_owned(), data["seq"].as_u64().unwrap())
}

/// The lasting events of one piece of [`work`], to its last one.
async fn heard(socket: &mut Socket) -> Vec<Value> {
    let mut packets = socket.until("file.created").await;
    packets.extend(socket.until("quota.changed").await);
    packets.retain(|packet| packet["seq"].is_u64());
    packets
}

/// Makes events of several kinds; the last ones are `file.created` and `quota.changed`.
async fn work(client: &Client) {
    let id = id(&client.create("a.bin", 10, json!({})).await.ok());
    for verb in ["pause", "resume", "cancel"] {
        client.call(&format!("/api/tasks/{id}/{verb}")).await.ok();
    }
    client.upload("b.bin", b"done", json!({})).await;
}

#[tokio::test]
async fn numbers_are_contiguous_for_each_account() {
    let drive = TestDrive::spawn();
    let (ada, bob) = (drive.user("ada").await, drive.user("bob").await);
    work(&bob).await;
    let mut socket = Socket::connect(&ada, "").await;
    assert_eq!(hello(&mut socket).await.1, 0);
    let mut packets = Vec::new();
    for _ in 0..3 {
        work(&ada).await;
        work(&bob).await;
        packets.extend(heard(&mut socket).await);
    }
    let numbers: Vec<_> = packets.iter().map(|packet| packet["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(numbers.len() >= 3 * 11, "{}", numbers.len());
}

#[tokio::test]
async fn exactly_what_was_missed_comes_once_and_in_order() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut witness = Socket::connect(&user, "").await;
    let (stream, _) = hello(&mut witness).await;
    work(&user).await;
    let known = heard(&mut witness).await.last().unwrap()["seq"].as_u64().unwrap();
    work(&user).await;
    let missed = heard(&mut witness).await;
    assert_eq!(missed[0]["seq"], known + 1);

    let mut back = Socket::connect(&user, &format!("?since={stream}:{known}")).await;
    let (same, seq) = hello(&mut back).await;
    assert_eq!((same, json!(seq)), (stream.clone(), missed.last().unwrap()["seq"].clone()));
    assert_eq!(back.until_pong().await, missed, "no more, no less, and no snapshot");
    work(&user).await;
    let live = heard(&mut witness).await;
    assert_eq!(heard(&mut back).await, live, "then it follows");

    // By message, on a connection that began without.
    let mut asking = Socket::connect(&user, "").await;
    asking.until("sync.snapshot").await;
    asking.send(json!({ "type": "subscribe", "since": format!("{stream}:{known}") })).await;
    let again = asking.until_pong().await;
    assert_eq!(again, [missed, live].concat());

    // Nothing was missed: nothing comes.
    let now = again.last().unwrap()["seq"].as_u64().unwrap();
    let mut even = Socket::connect(&user, &format!("?since={stream}:{now}")).await;
    hello(&mut even).await;
    assert_eq!(even.until_pong().await, Vec::<Value>::new());
}

#[tokio::test]
async fn many_missed_events_come_whole_and_survive_a_restart() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = Socket::connect(&user, "").await;
    let (stream, _) = hello(&mut socket).await;
    drop(socket);
    for _ in 0..120 {
        work(&user).await;
    }
    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    let mut back = Socket::connect(&user, &format!("?since={stream}:0")).await;
    let (same, last) = hello(&mut back).await;
    assert_eq!(same, stream, "the numbering goes on");
    let numbers: Vec<_> =
        back.until_pong().await.iter().map(|packet| packet["seq"].as_u64().unwrap()).collect();
    assert!(last > 1000, "more than the pages that are read at once: {last}");
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_names_no_number_gets_the_tasks_as_they_are() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("done.bin", b"done", json!({})).await;
    let running = id(&user.create("running.bin", 10, json!({})).await.ok());
    let paused = id(&user.create("paused.bin", 10, json!({})).await.ok());
    user.call(&format!("/api/tasks/{paused}/pause")).await.ok();
    let mut socket = Socket::connect(&user, "").await;
    let packets = socket.until("sync.snapshot").await;
    assert_eq!(packets.len(), 2, "hello and the snapshot");
    let data = &packets[1]["data"];
    assert_eq!(data["truncated"], false);
    let shown = user.get("/api/tasks?status=InProgress").await.ok()[0].clone();
    assert_eq!(id(&shown), running);
    let tasks = data["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 2, "what has ended is not active");
    assert!(tasks.contains(&shown), "a task looks as it does in the list");
    assert!(tasks.iter().any(|task| task["taskId"] == json!(paused) && task["status"] == "Paused"));
}

#[tokio::test]
async fn where_the_history_is_not_known_the_client_is_told_to_begin_anew() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let open = id(&user.create("open.bin", 10, json!({})).await.ok());
    let mut socket = Socket::connect(&user, "").await;
    let (stream, seq) = hello(&mut socket).await;
    socket.until("sync.snapshot").await;
    for since in [
        "another-stream:1".to_owned(),
        format!("{stream}:{}", seq + 1),
        format!("{stream}:18446744073709551615"),
        format!("{stream}:-1"),
        format!("{stream}:x"),
        stream.clone(),
        ":".to_owned(),
    ] {
        let mut back = Socket::connect(&user, &format!("?since={since}")).await;
        hello(&mut back).await;
        socket.send(json!({ "type": "subscribe", "since": since })).await;
        for asked in [&mut back, &mut socket] {
            let reset = asked.packet().await;
            let told = json!({ "streamId": stream, "seq": seq });
            assert_eq!((&reset["type"], &reset["data"]), (&json!("sync.reset"), &told), "{since}");
            let snapshot = asked.packet().await;
            assert_eq!(snapshot["type"], "sync.snapshot");
            assert_eq!(snapshot["data"]["tasks"][0]["taskId"], json!(open));
        }
    }
}

/// Sends a long upload with many moves in it, then a second of each.
async fn lively(client: &Client) {
    let id =
        id(&client.create("lively.bin", 60 * 65_536, json!({ "chunkSize": 65_536 })).await.ok());
    for index in 0..60 {
        client.chunk(&id, index, &[1; 65_536]).await.ok();
        if index % 4 == 0 {
            client.call(&format!("/api/tasks/{id}/pause")).await.ok();
            client.call(&format!("/api/tasks/{id}/resume")).await.ok();
        }
    }
    client.complete(&id).await.ok();
}

/// The revision of a task that a packet shows.
fn revision(packet: &Value) -> Option<u64> {
    packet["data"]["rev"].as_u64()
}

#[tokio::test]
async fn a_client_that_comes_back_in_the_middle_of_work_is_never_led_back_in_time() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = Socket::connect(&user, "").await;
    let (stream, _) = hello(&mut socket).await;
    let since = format!("?since={stream}:0");
    let coming = async {
        let mut back = Vec::new();
        for _ in 0..40 {
            back.push(Socket::connect(&user, &since).await);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        back
    };
    let ((), mut back) = tokio::join!(lively(&user), coming);
    for (nth, socket) in back.iter_mut().enumerate() {
        let mut packets = socket.until("file.created").await;
        packets.extend(socket.until_pong().await);
        let revisions: Vec<_> = packets.iter().filter_map(revision).collect();
        assert!(revisions.is_sorted(), "socket {nth} was led back: {revisions:?}");
        let numbers: Vec<_> = packets.iter().filter_map(|packet| packet["seq"].as_u64()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "socket {nth}");
    }
}
