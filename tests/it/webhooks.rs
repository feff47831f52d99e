//! Webhooks: made, told, tried again, given up.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client, id};
use crate::harness::receiver::{Manner, PRIVATE, Received, Receiver};
use crate::harness::tasks::Tasks;
use crate::harness::{TestDrive, eventually};
use crate::notifications::fail;

const HOUR_MS: i64 = 3600 * 1000;
pub const SECRET: &str = "secret-of-the-hook";

/// What the receiver computes by itself over the moment and the body.
pub fn signature(secret: &str, one: &Received) -> String {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(one.header("x-drive-timestamp").as_bytes());
    mac.update(b".");
    mac.update(&one.body);
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    format!("sha256={}", drive::domain::digest::Digest(tag))
}

pub async fn hook(user: &Client, wish: Value) -> Value {
    user.post("/api/webhooks", wish).await.ok()
}

pub fn path(hook: &Value) -> String {
    format!("/api/webhooks/{}", hook["id"].as_str().unwrap())
}

async fn patch(user: &Client, hook: &Value, body: Value) -> Answer {
    user.patch(&path(hook), body).await
}

/// The log of a webhook once its newest delivery has so many attempts.
pub async fn attempts(user: &Client, hook: &Value, count: usize) -> Value {
    let patience = std::time::Instant::now();
    loop {
        let log = user.get(&format!("{}/deliveries", path(hook))).await.ok();
        if log[0]["attempts"].as_array().is_some_and(|all| all.len() == count) {
            return log;
        }
        assert!(patience.elapsed().as_secs() < 25, "in vain waited for {count} attempts: {log}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_receiver_can_tell_that_it_was_told_by_this_server() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    let made = hook(&user, json!({ "url": receiver.url("/in?x=1") })).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.len() >= 40, "a generated secret is long");
    assert_eq!(made["events"], json!(["task.failed", "task.completed", "file.shared"]));
    let task = fail(&user, "The tape is torn.").await;
    let one = receiver.wait(1).await.remove(0);
    assert_eq!(one.path, "/in?x=1", "{one:?}");
    assert_eq!(one.header("x-drive-event"), "task.failed", "{one:?}");
    assert_eq!(one.header("content-type"), "application/json", "{one:?}");
    assert_eq!(one.header("x-drive-signature"), signature(secret, &one), "{one:?}");
    let age = drive.clock.now().0 / 1000 - one.header("x-drive-timestamp").parse::<i64>().unwrap();
    assert!((0..30).contains(&age));
    let body = one.json();
    assert_eq!((&body["type"], &body["data"]["taskId"]), (&json!("task.failed"), &json!(task)));
    assert_eq!(body["data"]["message"], "The tape is torn.");
    assert_eq!(body["id"], one.header("x-drive-delivery"));
    let log = attempts(&user, &made, 1).await;
    assert_eq!((&log[0]["state"], &log[0]["attempts"][0]["status"]), (&json!("sent"), &json!(200)));
    assert!(log[0]["attempts"][0]["milliseconds"].is_u64());
    assert_eq!(log[0]["id"], body["id"]);
}

#[tokio::test]
async fn only_the_events_it_named_while_it_is_on() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    let wish = json!({ "url": receiver.url("/"), "events": ["task.completed"], "secret": SECRET });
    let made = hook(&user, wish).await;
    assert!(made["secret"].is_null(), "a secret of its owner's own is not shown");
    fail(&user, "unheard").await;
    patch(&user, &made, json!({ "events": ["task.failed"], "enabled": false })).await.ok();
    fail(&user, "unheard").await;
    user.call(&format!("{}/test", path(&made))).await.refused(409, "CONFLICT");
    let on = patch(&user, &made, json!({ "enabled": true })).await.ok();
    assert_eq!((&on["enabled"], &on["hasSecret"]), (&json!(true), &json!(true)));
    fail(&user, "heard").await;
    let one = receiver.wait(1).await.remove(0);
    assert_eq!(one.json()["data"]["message"], "heard");
    assert_eq!(one.header("x-drive-signature"), signature(SECRET, &one));
    let preferences = json!({ "task.failed": { "webhook": "never" } });
    let request = user.request(Method::PUT, "/api/notifications/preferences").json(&preferences);
    user.send(request).await.ok();
    fail(&user, "unheard").await;
    user.call(&format!("{}/test", path(&made))).await.ok();
    assert_eq!(receiver.wait(2).await[1].json()["type"], "test");
}

#[tokio::test]
async fn ntfy_and_gotify_are_told_in_their_own_forms() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let (ntfy, gotify) = (Receiver::start().await, Receiver::start().await);
    let wish =
        json!({ "url": ntfy.url("/sub/my-topic"), "format": "ntfy", "secret": "tk_0123456789" });
    hook(&user, wish).await;
    let wish = json!({ "url": gotify.url("/"), "format": "gotify", "secret": "A0123456789" });
    hook(&user, wish).await;
    fail(&user, "Torn.").await;
    let one = ntfy.wait(1).await.remove(0);
    assert_eq!((one.path.as_str(), one.header("authorization")), ("/sub/", "Bearer tk_0123456789"));
    let body = one.json();
    assert_eq!((&body["topic"], &body["message"]), (&json!("my-topic"), &json!("Torn.")));
    assert_eq!((&body["priority"], &body["tags"]), (&json!(4), &json!(["warning"])));
    assert!(body["title"].as_str().unwrap().starts_with("Failed: "));
    let one = gotify.wait(1).await.remove(0);
    assert_eq!((one.path.as_str(), one.header("x-gotify-key")), ("/message", "A0123456789"));
    assert_eq!((&one.json()["priority"], &one.json()["message"]), (&json!(8), &json!("Torn.")));
    assert_eq!(one.header("x-drive-signature"), "");
}

#[tokio::test]
async fn a_secret_does_not_outlive_the_form_it_was_for() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    let made = hook(&user, json!({ "url": receiver.url("/x"), "secret": SECRET })).await;
    patch(&user, &made, json!({ "format": "gotify" })).await.refused(400, "INVALID_REQUEST");
    let now = patch(&user, &made, json!({ "format": "ntfy" })).await.ok();
    assert_eq!(now["hasSecret"], false);
    fail(&user, "Torn.").await;
    assert_eq!(receiver.wait(1).await[0].header("authorization"), "");
    let now = patch(&user, &made, json!({ "format": "generic" })).await.ok();
    assert!(now["secret"].as_str().is_some_and(|secret| secret != SECRET), "a new one, shown once");
}

#[tokio::test]
async fn nobody_is_told_for_an_account_that_is_locked_out() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let (admin, user) = (drive.admin().await, drive.user("bob").await);
    let receiver = Receiver::start().await;
    hook(&user, json!({ "url": receiver.url("/") })).await;
    let task = id(&user.ask("Custom", json!({})).await.ok());
    let account = user.account_id().await;
    let lock = |disabled: bool| {
        let request = admin.request(Method::PATCH, &format!("/api/accounts/{account}"));
        admin.send(request.json(&json!({ "disabled": disabled })))
    };
    lock(true).await.ok();
    drive.command(&task, drive::domain::task::Verb::Fail).await.unwrap();
    lock(false).await.ok();
    let user = drive.signed_in("bob").await;
    fail(&user, "Heard.").await;
    assert_eq!(receiver.wait(1).await[0].json()["data"]["message"], "Heard.");
    assert_eq!(user.get("/api/notifications/unread").await.ok()["unread"], 2);
}

#[tokio::test]
async fn it_is_tried_eight_times_over_a_day_also_across_a_restart() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    receiver.answer(Manner::Status(503));
    let made = hook(&user, json!({ "url": receiver.url("/"), "secret": SECRET })).await;
    fail(&user, "Torn.").await;
    let log = attempts(&user, &made, 1).await;
    assert_eq!(log[0]["state"], "waiting");
    assert_eq!(log[0]["attempts"][0]["error"], "It answered 503.");
    drive.clock.advance_ms(29_000);
    drive.send_due();
    let drive = drive.restart_with(&[PRIVATE]);
    assert_eq!(receiver.received().len(), 1, "not before its time");
    let mut user = drive.signed_in("ada").await;
    let mut waited_ms = 29_000;
    for count in 2..=8 {
        let log = attempts(&user, &made, count - 1).await;
        assert_eq!(log[0]["state"], "waiting");
        let next = drive::domain::time::Timestamp(drive.clock.now().0);
        assert!(log[0]["nextAt"].as_str().unwrap() > next.to_string().as_str());
        let sql = "select due_at from deliveries";
        let due: i64 = drive.db().query_row(sql, [], |row| row.get(0)).unwrap();
        let wait = due - drive.clock.now().0 + 1;
        waited_ms += wait;
        drive.clock.advance_ms(wait);
        drive.send_due();
        receiver.wait(count).await;
        user = drive.signed_in("ada").await;
    }
    let log = attempts(&user, &made, 8).await;
    assert_eq!((&log[0]["state"], &log[0]["nextAt"]), (&json!("failed"), &Value::Null));
    assert!((20 * HOUR_MS..28 * HOUR_MS).contains(&waited_ms), "{waited_ms}");
    let all = receiver.received();
    let ids: std::collections::BTreeSet<_> =
        all.iter().map(|one| one.header("x-drive-delivery")).collect();
    assert_eq!((all.len(), ids.len()), (8, 1));
    assert!(all.iter().all(|one| one.header("x-drive-signature") == signature(SECRET, one)));
    let state = user.get(&path(&made)).await.ok();
    assert_eq!((&state["failedInRow"], &state["lastArrived"]), (&json!(1), &json!(false)));
    receiver.answer(Manner::Status(204));
    fail(&user, "Again.").await;
    receiver.wait(9).await;
    attempts(&user, &made, 1).await;
    let state = user.get(&path(&made)).await.ok();
    assert_eq!((&state["failedInRow"], &state["lastArrived"]), (&json!(0), &json!(true)));
}

#[tokio::test]
async fn one_that_never_answers_well_is_turned_off_and_its_owner_hears() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    receiver.answer(Manner::Status(404));
    let made = hook(&user, json!({ "url": receiver.url("/") })).await;
    fail(&user, "one").await;
    attempts(&user, &made, 1).await;
    fail(&user, "two").await;
    attempts(&user, &made, 1).await;
    // The last attempt of the fiftieth delivery in a row.
    drive.db().execute_batch("update webhooks set failed_in_row = 49").unwrap();
    let last = "update deliveries set attempts = 7, due_at = 0 where seq = (select min(seq) from deliveries)";
    drive.db().execute_batch(last).unwrap();
    drive.send_due();
    receiver.wait(3).await;
    eventually("it is off", || {
        let sql = "select enabled from webhooks";
        drive.db().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() == 0
    })
    .await;
    let log = user.get(&format!("{}/deliveries", path(&made))).await.ok();
    assert!(log.as_array().unwrap().iter().all(|one| one["state"] == "failed"), "{log}");
    let told = user.get("/api/notifications").await.ok();
    assert_eq!(told[0]["event"], "webhook.disabled");
    assert!(told[0]["title"].as_str().unwrap().contains("127.0.0.1"));
    fail(&user, "three").await;
    let on = patch(&user, &made, json!({ "enabled": true })).await.ok();
    assert_eq!((&on["enabled"], &on["failedInRow"]), (&json!(true), &json!(0)));
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn they_are_their_owners_alone_and_ten_at_most() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let receiver = Receiver::start().await;
    let made = hook(&user, json!({ "url": receiver.url("/") })).await;
    let path = path(&made);
    other.get(&path).await.refused(404, "NOT_FOUND");
    patch(&other, &made, json!({ "enabled": false })).await.refused(404, "NOT_FOUND");
    other.delete(&path).await.refused(404, "NOT_FOUND");
    other.call(&format!("{path}/test")).await.refused(404, "NOT_FOUND");
    other.get(&format!("{path}/deliveries")).await.refused(404, "NOT_FOUND");
    user.get("/api/webhooks/x").await.refused(404, "NOT_FOUND");
    assert_eq!(other.get("/api/webhooks").await.ok(), json!([]));
    for _ in 1..10 {
        hook(&user, json!({ "url": receiver.url("/") })).await;
    }
    let eleventh = user.post("/api/webhooks", json!({ "url": receiver.url("/") })).await;
    eleventh.refused(409, "CONFLICT");
    assert_eq!(user.get("/api/webhooks").await.ok().as_array().unwrap().len(), 10);
    assert_eq!(user.delete(&path).await.status, 204);
    hook(&user, json!({ "url": receiver.url("/") })).await;
    user.get(&path).await.refused(404, "NOT_FOUND");
    let kept = user.get("/api/audit?action=webhook.remove").await.ok();
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["object"]), (1, &made["id"]));
    let kept = user.get("/api/audit?action=webhook.create").await.ok();
    assert_eq!(kept.as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn the_log_keeps_a_hundred() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let receiver = Receiver::start().await;
    let made = hook(&user, json!({ "url": receiver.url("/") })).await;
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 150) \
        insert into deliveries (id, account_id, target, webhook_id, subject, data, state, due_at, created_at) \
        select '01a20d84-4cc9-74e6-9588-' || printf('%012d', i), account_id, id, id, 'test', '{}', 1, 0, 0 \
        from n, webhooks";
    drive.db().execute_batch(many).unwrap();
    user.call(&format!("{}/test", path(&made))).await.ok();
    attempts(&user, &made, 1).await;
    let log = user.get(&format!("{}/deliveries?limit=500", path(&made))).await.ok();
    assert_eq!(log.as_array().unwrap().len(), 101, "a hundred, and the one that was under way");
    let page = user.get(&format!("{}/deliveries?limit=2", path(&made))).await;
    let cursor = page.header("x-next-cursor").to_owned();
    let next = user.get(&format!("{}/deliveries?limit=2&cursor={cursor}", path(&made))).await.ok();
    assert_eq!(next[0]["id"], log[2]["id"]);
}
