//! Room for a while, on top of the quota.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::Client;
use crate::harness::socket::Socket;

const DAY_MS: i64 = 24 * 3600 * 1000;

async fn account(client: &Client) -> Value {
    client.get("/api/account").await.ok()
}

#[tokio::test]
async fn a_grant_gives_room_until_it_ends() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.account("bob", "user", Some(1000)).await;
    let path = format!("/api/accounts/{}/grants", account(&user).await["id"].as_str().unwrap());
    let until = |ms: i64| serde_json::to_value(drive.clock.now().plus_ms(ms)).unwrap();
    for (body, field) in [
        (json!({ "bytes": 0, "expiresAt": until(DAY_MS) }), "bytes"),
        (json!({ "bytes": 5, "expiresAt": until(-1) }), "expiresAt"),
        (json!({ "bytes": 5 }), "expiresAt"),
        (json!({ "bytes": 5, "expiresAt": "tomorrow" }), "expiresAt"),
    ] {
        let refusal = admin.post(&path, body).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field);
    }
    user.create("a.bin", 1500, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    let body = json!({ "bytes": 500, "expiresAt": until(DAY_MS), "reason": "holiday" });
    let made = admin.post(&path, body.clone()).await;
    assert_eq!(made.status, 201);
    let first = made.ok();
    assert_eq!(account(&user).await["quotaBytes"], 1500);
    assert_eq!(user.get("/api/quota").await.ok()["limit"], 1500);
    user.upload("a.bin", &crate::harness::bytes(1, 1500), json!({})).await;
    let refusal = user.create("b.bin", 1, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(refusal["details"]["limit"], 1500);

    let second = admin.post(&path, body).await.ok();
    assert_eq!(admin.get(&path).await.ok().as_array().unwrap().len(), 2);
    user.post(&path, json!({})).await.refused(403, "FORBIDDEN");
    let one = format!("{path}/{}", second["id"].as_str().unwrap());
    assert_eq!(admin.delete(&one).await.status, 204);
    admin.delete(&one).await.refused(404, "NOT_FOUND");
    // What lies over the quota at the end stays, and nothing can be added.
    drive.clock.advance_ms(DAY_MS + 1000);
    let (user, admin) = (drive.signed_in("bob").await, drive.signed_in("ada").await);
    assert_eq!(account(&user).await["quotaBytes"], 1000);
    assert_eq!(account(&user).await["usedBytes"], 1500);
    user.create("b.bin", 1, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    assert!(admin.get(&path).await.ok().as_array().unwrap().is_empty());
    assert_eq!(first["reason"], "holiday");
}

#[tokio::test]
async fn another_quota_is_told_at_once() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.account("bob", "user", Some(1000)).await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    let path = format!("/api/accounts/{}", account(&user).await["id"].as_str().unwrap());
    admin.patch(&path, json!({ "quotaBytes": 2000 })).await.ok();
    let packets = socket.until("quota.changed").await;
    assert_eq!(packets.last().unwrap()["data"]["limit"], 2000);
}

#[tokio::test]
async fn of_sixty_four_at_once_as_many_pass_as_have_room() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.account("bob", "user", Some(600)).await;
    let path = format!("/api/accounts/{}/grants", account(&user).await["id"].as_str().unwrap());
    let until = serde_json::to_value(drive.clock.now().plus_ms(DAY_MS)).unwrap();
    admin.post(&path, json!({ "bytes": 400, "expiresAt": until })).await.ok();
    let names: Vec<_> = (0..64).map(|number| format!("{number}.bin")).collect();
    let answers = join_all(names.iter().map(|name| user.create(name, 100, json!({})))).await;
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(passed, 10);
    assert_eq!(account(&user).await["reservedBytes"], 1000);
}
