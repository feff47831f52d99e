//! `/ws`: signing in, what it says first, the events of an upload as the original design shows them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::socket::{Next, Socket};
use crate::harness::{TestDrive, bytes, sha256};

const KIB: usize = 1024;

/// A socket that has heard `hello` and the snapshot.
async fn listen(client: &Client) -> Socket {
    let mut socket = Socket::connect(client, "").await;
    socket.until("sync.snapshot").await;
    socket
}

async fn ticket(client: &Client) -> String {
    client.call("/api/auth/ws-ticket").await.ok()["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_signs_in_by_header_cookie_ticket_or_first_message() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let token = format!("Bearer {}", user.token.as_deref().unwrap());
    let cookie = user.cookie.clone().unwrap();
    let by_ticket = format!("/ws?ticket={}", ticket(&user).await);
    let own = format!("http://{}", drive.address);
    let ways: [(&str, &[(&str, &str)]); 6] = [
        ("/ws", &[("authorization", &token)]),
        ("/api/ws", &[("cookie", &cookie)]),
        ("/drive/ws", &[("cookie", &cookie), ("origin", &own)]),
        ("/ws", &[("authorization", &token), ("origin", &own)]),
        (&by_ticket, &[]),
        ("/ws", &[]),
    ];
    for (path, headers) in ways {
        let headers: Vec<_> = headers.iter().map(|&(name, value)| (leak(name), value)).collect();
        let mut socket = Socket::open(&user, path, &headers).await.unwrap();
        if headers.is_empty() && path == "/ws" {
            // Nothing is told before the sign-in, so that `hello` is the first packet all the same.
            user.upload("before.bin", b"x", json!({})).await;
            socket.send(json!({ "type": "auth", "token": user.token })).await;
        }
        let hello = socket.packet().await;
        assert_eq!(hello["type"], "hello", "{path} {headers:?}");
        let data = &hello["data"];
        assert!(data["streamId"].is_string() && data["seq"].is_u64(), "{hello}");
        assert!(data["serverTime"].as_str().unwrap().ends_with('Z'), "{hello}");
        assert_eq!(socket.packet().await["type"], "sync.snapshot");
        // Clients of the original send this in any case.
        socket.send(json!({ "type": "auth", "token": "whatever" })).await;
        let answered = socket.until_pong().await;
        assert!(answered.iter().all(|packet| packet["type"] != "error"), "{answered:?}");
    }
}

/// Header names of a handshake live as long as the program.
fn leak(name: &str) -> &'static str {
    match name {
        "authorization" => "authorization",
        "cookie" => "cookie",
        "origin" => "origin",
        _ => panic!("{name}"),
    }
}

#[tokio::test]
async fn a_sign_in_that_is_none_is_refused() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let once = format!("/ws?ticket={}", ticket(&user).await);
    Socket::open(&user, &once, &[]).await.unwrap().until("hello").await;
    for path in [once.as_str(), "/ws?ticket=x", "/ws?ticket=0000000000000000"] {
        assert_eq!(
            Socket::refused(&user, path, &[]).await,
            (401, json!("NOT_SIGNED_IN")),
            "{path}"
        );
    }
    for first in [
        json!({ "type": "auth", "token": "x.y.z" }),
        json!({ "type": "auth" }),
        json!({ "type": "subscribe", "since": "x:0" }),
        json!("hello"),
        json!({ "type": "auth", "token": user.refresh_token }),
    ] {
        let mut socket = Socket::open(&user, "/ws", &[]).await.unwrap();
        socket.send(first.clone()).await;
        assert_eq!(socket.next().await, Next::Closed(Some(4001)), "{first}");
    }
    assert_eq!(
        Socket::refused(&user, "/ws?colour=red", &[]).await,
        (400, json!("INVALID_REQUEST"))
    );
    user.get("/ws").await.refused(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn pages_of_other_sites_get_no_socket() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let cookie = user.cookie.clone().unwrap();
    for origin in ["http://evil.example", "https://127.0.0.1:1", "null", "file://"] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        assert_eq!(
            Socket::refused(&user, "/ws", &headers).await,
            (403, json!("CROSS_SITE")),
            "{origin}"
        );
    }
    let path = format!("/ws?ticket={}", ticket(&user).await);
    let refused = Socket::refused(&user, &path, &[("origin", "http://evil.example")]).await;
    assert_eq!(refused, (403, json!("CROSS_SITE")), "a ticket does not help");
}

/// The packets of one type, without their numbers.
fn of_type<'a>(packets: &'a [Value], name: &str) -> Vec<&'a Value> {
    packets.iter().filter(|packet| packet["type"] == name).map(|packet| &packet["data"]).collect()
}

#[tokio::test]
async fn an_upload_is_told_from_its_creation_to_its_end() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = listen(&user).await;
    let data = bytes(1, 128 * KIB);
    let wish = json!({ "chunkSize": 64 * KIB, "hash": sha256(&data), "folder": "/docs" });
    let file = user.upload("document.pdf", &data, wish).await;
    let packets = socket.until("file.created").await;

    let seen: Vec<_> = packets.iter().map(|one| one["type"].as_str().unwrap()).collect();
    let lasting: Vec<_> =
        seen.iter().copied().filter(|name| !name.ends_with(".progress")).collect();
    assert_eq!(
        lasting,
        ["task.created", "quota.changed", "task.completed", "upload.completed", "file.created"]
    );
    let before_end = seen.iter().position(|name| *name == "task.completed").unwrap() - 1;
    assert_eq!(seen[before_end], "task.progress");

    let created = of_type(&packets, "task.created")[0];
    let task = created["taskId"].clone();
    assert_eq!((&created["name"], &created["type"]), (&json!("Upload File"), &json!("FileUpload")));
    assert!(created["createdAt"].as_str().unwrap().ends_with('Z'));
    let pool = &file["poolId"];
    let parameters = json!({
        "fileName": "document.pdf", "fileSize": data.len(), "contentType": "application/pdf", "folder": "/docs",
        "poolId": pool, "bundleId": null, "chunkSize": 64 * KIB, "chunksCount": 2,
        "hash": format!("sha256:{}", sha256(&data)),
    });
    assert_eq!(created["parameters"], parameters, "just these: no secret is among them");

    for progress in of_type(&packets, "task.progress") {
        assert_eq!((&progress["taskId"], &progress["name"]), (&task, &json!("Upload File")));
        assert_eq!(progress["type"], "FileUpload");
        assert!(
            progress["progress"].is_f64() && progress["lastActivity"].is_string(),
            "{progress}"
        );
    }
    let last = *of_type(&packets, "task.progress").last().unwrap();
    assert_eq!((&last["status"], &last["progress"]), (&json!("Completed"), &json!(100.0)));
    for progress in of_type(&packets, "upload.progress") {
        assert_eq!((&progress["taskId"], &progress["fileName"]), (&task, &json!("document.pdf")));
        assert_eq!(
            (&progress["fileSize"], &progress["chunksCount"]),
            (&json!(data.len()), &json!(2))
        );
        assert!(
            progress["progress"].is_number() && progress["chunksUploaded"].is_u64(),
            "{progress}"
        );
    }
    let completed = of_type(&packets, "task.completed")[0];
    assert_eq!((&completed["taskId"], &completed["type"]), (&task, &json!("FileUpload")));
    assert!(completed["completedAt"].is_string());
    let results = json!({
        "fileId": file["id"], "fileName": "document.pdf", "fileSize": data.len(), "hash": file["hash"],
    });
    assert_eq!(completed["results"], results);
    let completed = of_type(&packets, "upload.completed")[0];
    assert_eq!((&completed["taskId"], &completed["fileId"]), (&task, &file["id"]));
    assert_eq!(
        (&completed["fileName"], &completed["fileSize"]),
        (&json!("document.pdf"), &json!(data.len()))
    );
    assert_eq!(of_type(&packets, "file.created")[0]["fileId"], file["id"]);
}

#[tokio::test]
async fn a_failed_upload_is_told_with_its_reason() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = listen(&user).await;
    let id = id(&user.create("a.bin", 4, json!({ "hash": sha256(b"other") })).await.ok());
    user.chunk(&id, 0, b"data").await.ok();
    user.complete(&id).await.refused(422, "HASH_MISMATCH");
    let packets = socket.until("upload.failed").await;
    let failed = of_type(&packets, "task.failed")[0];
    assert_eq!(
        (&failed["taskId"], &failed["name"], &failed["type"]),
        (&json!(id), &json!("Upload File"), &json!("FileUpload"))
    );
    assert!(
        failed["failedAt"].is_string()
            && failed["errorMessage"].as_str().unwrap().contains("declared")
    );
    assert_eq!(failed["errorCode"], "HASH_MISMATCH");
    let twin = of_type(&packets, "upload.failed")[0];
    assert_eq!((&twin["taskId"], &twin["fileName"]), (&json!(id), &json!("a.bin")));
    assert_eq!(twin["errorMessage"], failed["errorMessage"]);
}

#[tokio::test]
async fn every_move_is_told_as_progress_first() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = listen(&user).await;
    let first = id(&user.create("a.bin", 10, json!({})).await.ok());
    socket.until("quota.changed").await;
    let second = id(&user.create("b.bin", 10, json!({})).await.ok());
    socket.until("quota.changed").await;
    for (verb, task, name, status) in [
        ("pause", &first, "task.paused", "Paused"),
        ("resume", &first, "task.resumed", "InProgress"),
        ("cancel", &first, "task.cancelled", "Cancelled"),
        ("", &second, "task.expired", "Expired"),
    ] {
        if verb.is_empty() {
            drive
                .db()
                .execute(
                    "update tasks set expires_at = 1, last_activity = 1 where task_id = ?1",
                    [task],
                )
                .unwrap();
            drive.sweep().await;
        } else {
            user.call(&format!("/api/tasks/{task}/{verb}")).await.ok();
        }
        let packets = socket.until(name).await;
        let about: Vec<_> =
            packets.iter().filter(|packet| packet["data"]["taskId"] == json!(task)).collect();
        let [progress, moved] = about.as_slice() else { panic!("{about:#?}") };
        assert_eq!(
            (&progress["type"], &progress["data"]["status"]),
            (&json!("task.progress"), &json!(status))
        );
        assert_eq!((&moved["type"], &moved["data"]["status"]), (&json!(name), &json!(status)));
        let moment = name.replace("task.", "") + "At";
        assert!(moved["data"][&moment].is_string(), "{moment} in {moved}");
    }
}

/// The progress that packets of one type tell.
fn told(packets: &[Value], name: &str) -> Vec<f64> {
    of_type(packets, name).iter().map(|data| data["progress"].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn progress_rises_is_told_ten_times_a_second_at_most_and_the_last_is_seen() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = listen(&user).await;
    let id = id(&user.create("tiny.bin", 100 * 65_536, json!({ "chunkSize": 65_536 })).await.ok());
    let since = Instant::now();
    let sending = async {
        for index in 0..100 {
            user.chunk(&id, index, &[1; 65_536]).await.ok();
        }
    };
    let listening = async {
        let mut seen = Vec::new();
        // The two kinds are told apart from each other; both must come to their last value.
        while !["task.progress", "upload.progress"]
            .iter()
            .all(|name| told(&seen, name).contains(&100.0))
        {
            seen.push(socket.packet().await);
        }
        (seen, since.elapsed())
    };
    let ((), (mut seen, took)) = tokio::join!(sending, listening);
    seen.extend(socket.until_pong().await);
    for name in ["task.progress", "upload.progress"] {
        let told = told(&seen, name);
        assert!(told.is_sorted(), "{name} fell: {told:?}");
        assert_eq!(told.last(), Some(&100.0), "{name}");
        let most = took.as_millis() / 100 + 2;
        assert!(told.len() as u128 <= most, "{} times {name} in {took:?}", told.len());
    }
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[tokio::test]
async fn an_account_hears_nothing_of_another() {
    let drive = TestDrive::spawn();
    let (ada, bob) = (drive.user("ada").await, drive.user("bob").await);
    let mut socket = listen(&bob).await;
    ada.upload("secret.bin", b"secret", json!({})).await;
    let open = id(&ada.create("open.bin", 10, json!({})).await.ok());
    ada.call(&format!("/api/tasks/{open}/pause")).await.ok();
    assert_eq!(socket.until_pong().await, Vec::<Value>::new());
    let mut late = Socket::connect(&bob, "").await;
    assert_eq!(late.until("sync.snapshot").await[1]["data"]["tasks"], json!([]));
    bob.create("own.bin", 10, json!({})).await.ok();
    assert_eq!(socket.packet().await["data"]["parameters"]["fileName"], "own.bin");
}

#[tokio::test]
async fn all_sockets_of_an_account_hear_the_same() {
    let drive = TestDrive::spawn();
    let (user, elsewhere) = (drive.user("ada").await, drive.signed_in("ada").await);
    let mut sockets = [listen(&user).await, listen(&user).await, listen(&elsewhere).await];
    user.upload("a.bin", &bytes(2, 200 * KIB), json!({ "chunkSize": 64 * KIB })).await;
    let mut heard = Vec::new();
    for socket in &mut sockets {
        let packets = socket.until("file.created").await;
        heard.push(packets.into_iter().filter(|packet| packet["seq"].is_u64()).collect::<Vec<_>>());
    }
    assert_eq!(heard[0].len(), 5);
    assert!(heard[0] == heard[1] && heard[0] == heard[2], "{heard:#?}");
}

#[tokio::test]
async fn signing_out_closes_the_sockets_of_that_sign_in_within_a_second() {
    let drive = TestDrive::spawn();
    let (user, elsewhere) = (drive.user("ada").await, drive.signed_in("ada").await);
    let (mut first, mut second, mut other) =
        (listen(&user).await, listen(&user).await, listen(&elsewhere).await);
    let since = Instant::now();
    assert_eq!(user.call("/api/auth/logout").await.status, 204);
    assert_eq!((first.closed().await, second.closed().await), (Some(4001), Some(4001)));
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(other.until_pong().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_closed_socket_is_gone_at_once_so_that_its_client_can_come_back() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut refused = Socket::open(&user, "/ws", &[]).await.unwrap();
    refused.send(json!({ "type": "auth", "token": "x" })).await;
    let mut leaving = listen(&user).await;
    leaving.close().await;
    let signed_out = listen(&user).await;
    user.call("/api/auth/logout").await;
    // Browsers tell their page of the end when the connection is gone, not when the last packet has come.
    for (who, mut socket) in
        [("refused", refused), ("leaving", leaving), ("signed out", signed_out)]
    {
        let since = Instant::now();
        socket.gone().await;
        assert!(since.elapsed() < Duration::from_secs(2), "{who}: {:?}", since.elapsed());
    }
}

#[tokio::test]
async fn what_is_not_understood_is_answered_and_harms_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = listen(&user).await;
    for message in [json!({ "type": "dance" }), json!("text"), json!(null), json!([1, 2])] {
        socket.send(message).await;
        assert_eq!(socket.packet().await["type"], "error");
    }
    assert_eq!(socket.until_pong().await, Vec::<Value>::new());
}
