//! What an account may store: its quota, and what the pool takes.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client, id};
use crate::harness::raw::Raw;
use crate::harness::{TestDrive, eventually, sha256};

async fn quota(client: &Client) -> (u64, u64) {
    let told = client.get("/api/quota").await.ok();
    (told["used"].as_u64().unwrap(), told["reserved"].as_u64().unwrap())
}

async fn direct(client: &Client, name: &str, size: usize) -> Answer {
    let path = format!("/api/files/upload/direct?fileName={name}");
    client.send(client.request(Method::PUT, &path).body(vec![1; size])).await
}

#[tokio::test]
async fn a_refusal_tells_limit_used_reserved_and_asked() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1000)).await;
    user.upload("used.bin", &[1; 300], json!({})).await;
    user.create("reserved.bin", 200, json!({})).await.ok();
    let before = drive.settled().await;
    let refusal = user.create("asked.bin", 501, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    let told = json!({ "limit": 1000, "used": 300, "reserved": 200, "asked": 501 });
    assert_eq!(refusal["details"], told);
    let message = refusal["message"].as_str().unwrap();
    assert!(
        ["1000", "300", "200", "501"].iter().all(|number| message.contains(number)),
        "{message}"
    );
    let refusal = direct(&user, "asked.bin", 501).await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(refusal["details"], told);
    assert_eq!(drive.holdings(), before);
    user.create("fits.bin", 500, json!({})).await.ok();
    assert_eq!(quota(&user).await, (300, 700));
    user.create("one-more.bin", 1, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    user.create("nothing.bin", 0, json!({})).await.ok();
}

#[tokio::test]
async fn of_sixty_four_creates_at_once_as_many_pass_as_there_is_room_for() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(10 * 1000 + 999)).await;
    let creating = (0..64).map(|index| {
        let (user, name) = (&user, format!("{index}.bin"));
        async move { user.create(&name, 1000, json!({})).await }
    });
    let (passed, refused): (Vec<_>, Vec<_>) =
        join_all(creating).await.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((passed.len(), refused.len()), (10, 54));
    refused.into_iter().for_each(|answer| drop(answer.refused(403, "QUOTA_EXCEEDED")));
    let holdings = drive.holdings();
    assert_eq!((holdings.tasks, holdings.reserved_bytes, holdings.staged.len()), (10, 10_000, 10));
}

#[tokio::test]
async fn direct_uploads_at_once_do_not_outgrow_the_quota_either() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(3500)).await;
    let names: Vec<_> = (0..16).map(|index| format!("{index}.bin")).collect();
    let answers = join_all(names.iter().map(|name| direct(&user, name, 1000))).await;
    let (passed, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((passed.len(), refused.len()), (3, 13));
    refused.into_iter().for_each(|answer| drop(answer.refused(403, "QUOTA_EXCEEDED")));
    assert_eq!(quota(&user).await, (3000, 0));
    eventually("the staging files go", || drive.holdings().staged.is_empty()).await;
}

#[tokio::test]
async fn a_body_of_unknown_length_is_held_against_the_quota_too() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1000)).await;
    let mut raw = Raw::connect(&user).await;
    raw.head(&user, "PUT", "/api/files/upload/direct?fileName=a", "Transfer-Encoding: chunked\r\n")
        .await;
    raw.piece(&[1; 1001]).await;
    raw.piece(b"").await;
    let refusal = raw.answer().await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(refusal["details"]["asked"], 1001);
    eventually("the staging file goes", || drive.holdings().staged.is_empty()).await;
    assert_eq!(drive.holdings().files, 0);
}

#[tokio::test]
async fn a_reservation_becomes_use_or_is_given_back() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1000)).await;
    let open = |name: &'static str, more: Value| {
        let user = &user;
        async move { id(&user.create(name, 600, more).await.ok()) }
    };
    let cancelled = open("cancelled.bin", json!({})).await;
    assert_eq!(quota(&user).await, (0, 600));
    user.delete(&format!("/api/files/upload/task/{cancelled}")).await.ok();
    assert_eq!(quota(&user).await, (0, 0));

    let failed = open("failed.bin", json!({ "hash": sha256(b"other") })).await;
    user.chunk(&failed, 0, &[1; 600]).await.ok();
    assert_eq!(quota(&user).await, (0, 600));
    user.complete(&failed).await.refused(422, "HASH_MISMATCH");
    assert_eq!(quota(&user).await, (0, 0));

    let paused = open("paused.bin", json!({})).await;
    user.call(&format!("/api/tasks/{paused}/pause")).await.ok();
    assert_eq!(quota(&user).await, (0, 600), "a paused upload keeps its room");
    let sql = "update tasks set expires_at = 1, last_activity = 1 where task_id = ?1";
    drive.db().execute(sql, [&paused]).unwrap();
    drive.sweep().await;
    assert_eq!(quota(&user).await, (0, 0));

    user.upload("stored.bin", &[1; 600], json!({})).await;
    assert_eq!(quota(&user).await, (600, 0));
}

#[tokio::test]
async fn one_more_name_for_stored_bytes_is_charged_like_a_file() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1000)).await;
    user.upload("first.bin", &[1; 400], json!({})).await;
    let wish = json!({ "hash": sha256(&[1; 400]) });
    let second = user.create("second.bin", 400, wish.clone()).await.ok();
    assert_eq!((&second["fileExists"], quota(&user).await), (&json!(true), (800, 0)));
    user.create("second.bin", 400, wish.clone()).await.ok();
    assert_eq!(quota(&user).await, (800, 0), "the file that is there already costs nothing");
    let refusal = user.create("third.bin", 400, wish).await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(refusal["details"]["asked"], 400);
    assert_eq!(drive.holdings().files, 2);
}

#[tokio::test]
async fn the_multiplier_of_the_pool_is_applied() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_QUOTA_MULTIPLIER", "2.5")]);
    let user = drive.account("ada", "user", Some(1000)).await;
    let refusal = user.create("big.bin", 401, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(refusal["details"]["asked"], 1003);
    let task = user.create("fits.bin", 101, json!({})).await.ok();
    assert_eq!(quota(&user).await, (0, 253), "a part of a byte counts whole");
    user.chunk(&id(&task), 0, &[1; 101]).await.ok();
    user.complete(&id(&task)).await.ok();
    direct(&user, "direct.bin", 100).await.ok();
    assert_eq!(quota(&user).await, (503, 0));
    assert_eq!(user.get("/api/pools").await.ok()[0]["policy"]["quotaMultiplier"], 2.5);
}

#[tokio::test]
async fn the_pool_refuses_files_that_are_too_large_or_of_another_type() {
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL_MAX_FILE_SIZE", "1000"),
        ("DRIVE_POOL_ACCEPT_TYPES", "image/*,text/plain"),
    ]);
    let user = drive.user("ada").await;
    let before = drive.holdings();
    let refusal = user.create("a.png", 1001, json!({})).await.refused(413, "FILE_TOO_LARGE");
    assert_eq!(refusal["details"], json!({ "limit": 1000, "fileSize": 1001 }));
    direct(&user, "a.png", 1001).await.refused(413, "FILE_TOO_LARGE");
    let pool = user.get("/api/pools").await.ok()[0]["id"].clone();
    for (name, content_type) in [
        ("a.mp4", None),
        ("nameless", None),
        ("a.png", Some("video/mp4")),
        ("a.html", Some("text/html; charset=utf-8")),
    ] {
        let wish = json!({ "contentType": content_type });
        let refusal = user.create(name, 10, wish).await.refused(403, "POOL_REFUSES");
        assert_eq!(refusal["details"]["poolId"], pool, "{name}");
    }
    direct(&user, "a.mp4", 10).await.refused(403, "POOL_REFUSES");
    assert_eq!(drive.holdings(), before);
    user.create("a.png", 1000, json!({})).await.ok();
    user.create("a.dat", 10, json!({ "contentType": "Text/Plain; charset=utf-8" })).await.ok();
    direct(&user, "a.svg", 10).await.ok();
}

#[tokio::test]
async fn an_unknown_length_does_not_get_around_the_largest_size() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_MAX_FILE_SIZE", "1000")]);
    let user = drive.user("ada").await;
    let mut raw = Raw::connect(&user).await;
    raw.head(&user, "PUT", "/api/files/upload/direct?fileName=a", "Transfer-Encoding: chunked\r\n")
        .await;
    raw.piece(&[1; 1001]).await;
    raw.piece(b"").await;
    raw.answer().await.refused(413, "FILE_TOO_LARGE");
    eventually("the staging file goes", || drive.holdings().staged.is_empty()).await;
}

#[tokio::test]
async fn roles_decide_who_may_store() {
    let drive = TestDrive::spawn();
    let guest = drive.account("guest", "guest", None).await;
    guest.create("a.bin", 10, json!({})).await.refused(403, "FORBIDDEN");
    direct(&guest, "a.bin", 10).await.refused(403, "FORBIDDEN");
    assert_eq!(guest.get("/api/files").await.ok(), json!([]));
    assert_eq!(
        guest.get("/api/pools").await.ok(),
        json!([]),
        "pools that are not for the caller are not shown"
    );
    assert_eq!(drive.holdings().tasks, 0);

    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_REQUIRE_ROLE", "admin")]);
    let (admin, user) = (drive.admin().await, drive.user("bob").await);
    user.create("a.bin", 10, json!({})).await.refused(403, "FORBIDDEN");
    admin.create("a.bin", 10, json!({})).await.ok();
    assert_eq!(admin.get("/api/pools").await.ok()[0]["policy"]["requireRole"], "admin");
}

#[tokio::test]
async fn a_pool_for_encrypted_files_takes_no_plain_ones() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_ENCRYPTION", "required")]);
    let user = drive.user("ada").await;
    user.create("a.bin", 10, json!({})).await.refused(403, "POOL_REFUSES");
    direct(&user, "a.bin", 10).await.refused(403, "POOL_REFUSES");
}

#[tokio::test]
async fn a_new_account_gets_the_quota_of_the_settings() {
    let drive = TestDrive::spawn_with(&[("DRIVE_ACCOUNTS_DEFAULT_QUOTA_BYTES", "1000")]);
    let admin = drive.admin().await;
    assert_eq!(admin.get("/api/account").await.ok()["quotaBytes"], 1000);
    admin.create("a.bin", 1001, json!({})).await.refused(403, "QUOTA_EXCEEDED");
}
