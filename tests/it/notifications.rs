//! What people are told of tasks that ended while they were away, and what they choose.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client, id};
use crate::harness::socket::Socket;
use crate::harness::tasks::Tasks;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// A task that its client drives and then fails.
pub async fn fail(user: &Client, why: &str) -> String {
    let task = id(&user.ask("Custom", json!({})).await.ok());
    user.post(&format!("/api/tasks/{task}/fail"), json!({ "errorMessage": why })).await.ok();
    task
}

/// A task that takes so long and then completes.
async fn complete(drive: &TestDrive, user: &Client, took_ms: i64) -> String {
    let task = id(&user.ask("Custom", json!({})).await.ok());
    drive.clock.advance_ms(took_ms);
    user.post(&format!("/api/tasks/{task}/complete"), json!({})).await.ok();
    task
}

async fn list(user: &Client, query: &str) -> Vec<Value> {
    user.get(&format!("/api/notifications{query}")).await.ok().as_array().unwrap().clone()
}

/// The tasks that the list tells of, the newest first.
async fn told(user: &Client) -> Vec<String> {
    let of = |row: &Value| row["taskId"].as_str().unwrap().to_owned();
    list(user, "").await.iter().map(of).collect()
}

async fn put(user: &Client, path: &str, body: Value) -> Answer {
    user.send(user.request(Method::PUT, path).json(&body)).await
}

#[tokio::test]
async fn failures_are_told_and_long_work_that_ended_unseen() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let failed = fail(&user, "The tape is torn.").await;
    complete(&drive, &user, MINUTE_MS / 2).await;
    let long = complete(&drive, &user, MINUTE_MS + 1).await;
    let cancelled = id(&user.ask("Custom", json!({})).await.ok());
    drive.clock.advance_ms(MINUTE_MS * 2);
    user.call(&format!("/api/tasks/{cancelled}/cancel")).await.ok();
    assert_eq!(told(&user).await, [long.clone(), failed.clone()]);

    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    complete(&drive, &user, MINUTE_MS * 2).await;
    assert_eq!(told(&user).await, [long, failed.clone()], "somebody was looking");
    let seen = fail(&user, "Torn again.").await;
    let packets = socket.until("notification").await;
    let event = packets.last().unwrap();
    assert!(event["seq"].is_u64(), "{event}");
    assert_eq!(
        (&event["data"]["taskId"], &event["data"]["unread"], &event["data"]["event"]),
        (&json!(seen), &json!(3), &json!("task.failed"))
    );
    let rows = list(&user, "").await;
    assert_eq!(rows[0]["id"], event["data"]["id"]);
    assert_eq!((&rows[0]["body"], &rows[0]["readAt"]), (&json!("Torn again."), &Value::Null));
    assert_eq!(rows[2]["taskId"], json!(failed));
    let other = drive.user("bob").await;
    assert!(list(&other, "").await.is_empty());
}

#[tokio::test]
async fn the_list_is_read_page_by_page_and_counted() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for number in 0..5 {
        fail(&user, &format!("{number}")).await;
    }
    let answer = user.get("/api/notifications?limit=2").await;
    assert_eq!((answer.header("x-total"), answer.header("x-unread")), ("5", "5"));
    let next = answer.header("x-next-cursor").to_owned();
    let first = answer.ok();
    let second = list(&user, &format!("?limit=2&cursor={next}")).await;
    assert_eq!((&first[0]["body"], &second[0]["body"]), (&json!("4"), &json!("2")));
    let read = json!({ "ids": [first[0]["id"], second[0]["id"]] });
    let other = drive.user("bob").await;
    assert_eq!(other.post("/api/notifications/read", read.clone()).await.ok()["unread"], 0);
    assert_eq!(user.get("/api/notifications/unread").await.ok()["unread"], 5, "foreign ids");
    assert_eq!(user.post("/api/notifications/read", read).await.ok()["unread"], 3);
    let unread = user.get("/api/notifications?unread=true").await;
    assert_eq!((unread.header("x-total"), unread.header("x-unread")), ("3", "3"));
    assert_eq!(unread.ok().as_array().unwrap().len(), 3);
    let path = format!("/api/notifications/{}", first[0]["id"].as_str().unwrap());
    other.delete(&path).await.refused(404, "NOT_FOUND");
    assert_eq!(user.delete(&path).await.status, 204);
    user.delete(&path).await.refused(404, "NOT_FOUND");
    let all = user.post("/api/notifications/read", json!({ "all": true })).await.ok();
    assert_eq!(all["unread"], 0);
    assert_eq!(list(&user, "").await.len(), 4);
    for wrong in [
        json!({}),
        json!({ "ids": [], "all": false }),
        json!({ "ids": ["x"] }),
        json!({ "ids": [first[0]["id"]], "all": true }),
        json!({ "ids": vec![first[0]["id"].clone(); 501] }),
    ] {
        user.post("/api/notifications/read", wrong).await.refused(400, "INVALID_REQUEST");
    }
    for query in ["limit=0", "limit=501", "cursor=x", "unread=maybe", "colour=red"] {
        user.get(&format!("/api/notifications?{query}")).await.refused(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn what_is_told_is_for_each_account_to_choose() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let path = "/api/notifications/preferences";
    let defaults = user.get(path).await.ok();
    let way =
        |stored: &str, push: &str| json!({ "stored": stored, "push": push, "webhook": "always" });
    assert_eq!(
        defaults,
        json!({
            "task.failed": way("always", "always"),
            "task.completed": way("long", "long"),
            "file.shared": way("always", "always"),
        })
    );
    let wish = json!({
        "task.failed": { "stored": "long" },
        "task.completed": { "stored": "always", "push": "never" },
    });
    let chosen = put(&user, path, wish).await.ok();
    assert_eq!(chosen["task.failed"], way("long", "always"));
    assert_eq!(chosen["task.completed"], way("always", "never"));
    assert_eq!(drive.user("bob").await.get(path).await.ok(), defaults);
    fail(&user, "quick").await;
    let done = complete(&drive, &user, 0).await;
    assert_eq!(told(&user).await, [done]);
    let wish = json!({ "task.failed": { "stored": "never" } });
    let chosen = put(&user, path, wish).await.ok();
    assert_eq!(chosen["task.completed"], defaults["task.completed"], "left out: the default");
    fail(&user, "unheard").await;
    assert_eq!(list(&user, "").await.len(), 1);
    for (wrong, named) in [
        (json!({ "task.started": { "stored": "never" } }), "task.started"),
        (json!({ "webhook.disabled": { "stored": "never" } }), "webhook.disabled"),
        (json!({ "task.failed": { "mail": "never" } }), "task.failed.mail"),
        (json!({ "task.failed": { "push": "sometimes" } }), "task.failed.push"),
        (json!({ "task.failed": "never" }), "task.failed"),
    ] {
        let body = put(&user, path, wrong).await.refused(400, "INVALID_REQUEST");
        assert!(body["message"].as_str().unwrap().contains(named), "{body}");
    }
    assert_eq!(user.get(path).await.ok(), chosen, "refused wishes change nothing");
}

#[tokio::test]
async fn an_account_keeps_five_hundred_for_ninety_days() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    fail(&user, "the first").await;
    let now = drive.clock.now().0;
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 499) \
        insert into notifications (id, account_id, at, subject, title, body) \
        select 'x' || i, (select id from accounts), ?1, 'task.failed', '', '' from n";
    drive.db().execute(many, [now]).unwrap();
    let number = |sql: &str| drive.db().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let count = || number("select count(*) from notifications");
    assert_eq!(count(), 500);
    fail(&user, "one more").await;
    assert_eq!(count(), 500);
    assert_eq!(number("select count(*) from notifications where body = 'the first'"), 0);
    drive.clock.advance_ms(89 * DAY_MS);
    drive.sweep().await;
    assert_eq!(count(), 500);
    drive.clock.advance_ms(2 * DAY_MS);
    drive.sweep().await;
    assert_eq!(count(), 0);
}
