//! Webhooks in hostile hands: addresses inside the network, receivers that misbehave, and secrets that must stay ones.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::harness::TestDrive;
use crate::harness::child::ChildDrive;
use crate::harness::client::Client;
use crate::harness::receiver::{Manner, PRIVATE, Receiver};
use crate::harness::socket::Socket;
use crate::notifications::fail;
use crate::web_push::Browser;
use crate::webhooks::{attempts, hook, path};

#[tokio::test]
async fn addresses_inside_the_network_are_refused_in_every_spelling() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let good = hook(&user, json!({ "url": "https://hooks.example/x", "enabled": false })).await;
    for url in [
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://192.168.0.1:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://0/",
        "http://hooks.example/",
        "https://user:pass@hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "hooks.example",
        "",
    ] {
        for refused in [
            user.post("/api/webhooks", json!({ "url": url })).await,
            user.send(user.request(Method::PATCH, &path(&good)).json(&json!({ "url": url }))).await,
        ] {
            assert_eq!(refused.refused(400, "INVALID_REQUEST")["details"]["field"], "url", "{url}");
        }
    }
    for (wrong, field) in [
        (json!({}), "url"),
        (json!({ "url": "https://a.example/", "format": "slack" }), "format"),
        (json!({ "url": "https://a.example/", "events": [] }), "events"),
        (json!({ "url": "https://a.example/", "events": ["usage"] }), "events"),
        (json!({ "url": "https://a.example/", "secret": "x\r\ny: 12345678" }), "secret"),
        (json!({ "url": "https://a.example/", "secret": "short" }), "secret"),
        (json!({ "url": "https://a.example/", "format": "ntfy" }), "url"),
        (json!({ "url": "https://a.example/", "format": "gotify" }), "secret"),
        (json!({ "url": "https://a.example/", "colour": "red" }), "colour"),
    ] {
        let refused = user.post("/api/webhooks", wrong).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refused["details"]["field"], field, "{refused}");
    }
    assert_eq!(user.get("/api/webhooks").await.ok().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_leads_home_is_refused_when_it_is_resolved() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    let url = format!("https://localhost:{}/", receiver.address.port());
    let made = hook(&user, json!({ "url": url })).await;
    fail(&user, "Torn.").await;
    let log = attempts(&user, &made, 1).await;
    let attempt = &log[0]["attempts"][0];
    assert!(attempt["error"].as_str().unwrap().contains("private network"), "{attempt}");
    assert!(attempt["status"].is_null() && receiver.received().is_empty());
}

#[tokio::test]
async fn what_was_allowed_once_is_looked_at_again_before_each_attempt() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    let made = hook(&user, json!({ "url": receiver.url("/") })).await;
    let drive = drive.restart();
    let user = Client { address: drive.address, ..user };
    fail(&user, "Torn.").await;
    let log = attempts(&user, &made, 1).await;
    assert!(log[0]["attempts"][0]["error"].is_string());
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn redirects_are_not_followed_and_endless_answers_are_cut() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let (receiver, inside) = (Receiver::start().await, Receiver::start().await);
    let made = hook(&user, json!({ "url": receiver.url("/") })).await;
    for status in [301, 302, 307, 308] {
        receiver.answer(Manner::With(status, format!("location: {}", inside.url("/secret"))));
        user.call(&format!("{}/test", path(&made))).await.ok();
        let log = attempts(&user, &made, 1).await;
        assert_eq!(log[0]["state"], "waiting");
        assert!(log[0]["attempts"][0]["error"].as_str().unwrap().contains("not followed"), "{log}");
    }
    assert!(inside.received().is_empty());
    receiver.answer(Manner::Endless);
    user.call(&format!("{}/test", path(&made))).await.ok();
    let log = attempts(&user, &made, 1).await;
    assert_eq!(log[0]["state"], "sent", "its status is all that counts: {log}");
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_nobody_else_up() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.answer(Manner::Silent);
    let mut made = Vec::new();
    for number in 0..8 {
        made.push(hook(&user, json!({ "url": slow.url(&format!("/{number}")) })).await);
    }
    hook(&other, json!({ "url": quick.url("/") })).await;
    fail(&user, "Torn.").await;
    slow.wait(2).await;
    let slow_since = std::time::Instant::now();
    let began = std::time::Instant::now();
    fail(&other, "Torn too.").await;
    quick.wait(1).await;
    assert!(began.elapsed().as_secs() < 5, "it waited for others");
    assert_eq!(slow.received().len(), 2, "an account has two places of four");
    // Two others of the same kind hold all four places, and have more that is due already; the next free place is not
    // theirs.
    let third = drive.user("eve").await;
    for _ in 0..8 {
        hook(&third, json!({ "url": slow.url("/more") })).await;
    }
    fail(&third, "Torn.").await;
    slow.wait(4).await;
    assert!(slow_since.elapsed().as_secs() < 12, "the machine is too slow for this test");
    fail(&other, "And again.").await;
    quick.wait(2).await;
    assert!(slow.received().len() <= 6, "its turn came late");
    let first = &slow.received()[0].path;
    let number: usize = first.trim_start_matches('/').parse().unwrap();
    let log = attempts(&user, &made[number], 1).await;
    let attempt = &log[0]["attempts"][0];
    assert!(attempt["error"].as_str().unwrap().contains("did not answer"), "{attempt}");
    assert!((14_000..20_000).contains(&attempt["milliseconds"].as_i64().unwrap()), "{attempt}");
    // The server stops in order while requests hang; `drop` would say so.
    let stopping = std::time::Instant::now();
    drop(drive);
    assert!(stopping.elapsed().as_secs() < 8);
}

const CANARY: &str = "Zq8-hook-secret-never-written";

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// All files below a folder that contain one of the needles.
fn files_with(folder: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needles));
        } else if let Ok(bytes) = std::fs::read(&path)
            && needles.iter().any(|needle| holds(&bytes, needle))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn secrets_and_keys_of_browsers_are_written_nowhere() {
    let folder = crate::harness::folder();
    let log = folder.path().join("log");
    let data = folder.path().join("data");
    let drive = ChildDrive::start_talkative_with(&data, &[PRIVATE], &log);
    let mut user = drive.nobody();
    user.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    let mut socket = Socket::connect(&user, "").await;
    let receiver = Receiver::start().await;
    let browser = Browser::new(77).await;
    let subscription = browser.subscription();
    let own = hook(&user, json!({ "url": receiver.url("/own"), "secret": CANARY })).await;
    let made = hook(&user, json!({ "url": receiver.url("/made") })).await;
    let generated = made["secret"].as_str().unwrap().to_owned();
    browser.subscribe(&user).await;
    let mut answers = Vec::new();
    fail(&user, "Torn.").await;
    receiver.wait(2).await;
    browser.service.wait(1).await;
    for hook in [&own, &made] {
        attempts(&user, hook, 1).await;
        for path in [path(hook), format!("{}/deliveries", path(hook))] {
            answers.extend(user.get(&path).await.body);
        }
    }
    for path in ["/api/webhooks", "/api/push/subscriptions", "/api/notifications", "/api/audit"] {
        answers.extend(user.get(path).await.body);
    }
    let request = user.request(Method::PATCH, &path(&own)).json(&json!({ "secret": CANARY }));
    answers.extend(user.send(request).await.body);
    for packet in socket.until("notification").await {
        answers.extend(packet.to_string().into_bytes());
    }
    assert!(!files_with(&data, &[b"/made".to_vec()]).is_empty(), "the search finds what is there");
    let key = |name: &str| subscription["keys"][name].as_str().unwrap().as_bytes().to_vec();
    let needles = vec![
        CANARY.as_bytes().to_vec(),
        generated.into_bytes(),
        key("auth"),
        key("p256dh"),
        browser.auth.to_vec(),
        b"/send/ab12".to_vec(),
    ];
    for needle in &needles {
        assert!(!holds(&answers, needle), "an answer tells {}", String::from_utf8_lossy(needle));
    }
    assert_eq!(files_with(folder.path(), &needles), Vec::<String>::new(), "while it runs");
    assert_eq!(drive.stop(), Some(0));
    assert_eq!(files_with(folder.path(), &needles), Vec::<String>::new(), "when it has stopped");
    assert!(holds(&std::fs::read(&log).unwrap(), b"an attempt at a delivery"), "it was talkative");
}

#[tokio::test]
async fn what_is_wrong_with_telling_never_keeps_a_task_from_ending() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    hook(&user, json!({ "url": receiver.url("/") })).await;
    drive
        .db()
        .execute_batch("drop table delivery_attempts; alter table deliveries rename to gone")
        .unwrap();
    let task = fail(&user, "Torn.").await;
    let told = user.get(&format!("/api/tasks/{task}")).await.ok();
    assert_eq!(told["status"], "Failed");
    assert_eq!(user.get("/api/notifications").await.ok(), json!([]), "all of it or nothing");
    drive.db().execute_batch("alter table gone rename to deliveries").unwrap();
}

#[tokio::test]
async fn what_was_under_way_when_the_server_was_killed_is_sent_by_the_next() {
    let folder = crate::harness::folder();
    let drive = ChildDrive::start(folder.path(), &[PRIVATE]);
    let mut user = drive.nobody();
    user.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    let receiver = Receiver::start().await;
    receiver.answer(Manner::Silent);
    hook(&user, json!({ "url": receiver.url("/") })).await;
    fail(&user, "Torn.").await;
    let first = receiver.wait(1).await.remove(0);
    drive.kill();
    receiver.answer(Manner::Status(200));
    let drive = ChildDrive::start(folder.path(), &[PRIVATE]);
    let again = receiver.wait(2).await.remove(1);
    assert_eq!(again.header("x-drive-delivery"), first.header("x-drive-delivery"));
    assert_eq!(again.body, first.body);
    assert_eq!(drive.stop(), Some(0));
}
