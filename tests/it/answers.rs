//! `Idempotency-Key` on requests that create something else than uploads and tasks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client};

async fn keyed(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let request = client.request(Method::POST, path).header("idempotency-key", key);
    client.send(request.json(body)).await
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_and_makes_nothing_twice() {
    let drive = TestDrive::spawn();
    let (admin, user) = (drive.admin().await, drive.user("eve").await);
    let file = user.upload("a.txt", b"a", json!({})).await;
    let copy = format!("/api/files/{}/copy", file["id"].as_str().unwrap());
    let grants = format!("/api/accounts/{}/grants", user.account_id().await);
    let push = json!({
        "endpoint": "https://push.example/x",
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    });
    let account = json!({ "name": "new", "password": "correct horse battery" });
    let bytes = json!({ "bytes": 10, "expiresAt": "2999-01-01T00:00:00Z" });
    for (client, path, list, body) in [
        (&user, "/api/tokens", "/api/tokens", json!({ "name": "t", "scopes": ["tasks"] })),
        (&user, "/api/bundles", "/api/bundles", json!({ "name": "b" })),
        (&user, &copy, "/api/files", json!({})),
        (&user, "/api/webhooks", "/api/webhooks", json!({ "url": "https://hook.example/x" })),
        (&user, "/api/push/subscriptions", "/api/push/subscriptions", push),
        (&admin, "/api/accounts", "/api/accounts", account),
        (&admin, &grants, &grants, bytes),
    ] {
        let before = client.get(list).await.ok().as_array().unwrap().len();
        let key = format!("key {path}");
        let first = keyed(client, path, &key, &body).await;
        assert!(first.headers.get("idempotent-replayed").is_none());
        let again = keyed(client, path, &key, &body).await;
        assert_eq!(again.header("idempotent-replayed"), "true", "{path}");
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}");
        let mut other = body.clone();
        other["more"] = json!(1);
        keyed(client, path, &key, &other).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
        let after = client.get(list).await.ok().as_array().unwrap().len();
        assert_eq!(after, before + 1, "{path}");
        first.ok();
    }
    // At once, one of them makes it; the others are told so, or get its answer.
    let bundle = json!({ "name": "at once" });
    let many = (0..8).map(|_| keyed(&user, "/api/bundles", "at once", &bundle));
    for answer in futures_util::future::join_all(many).await {
        assert!([201, 409].contains(&answer.status.as_u16()), "{}", answer.status);
    }
    assert_eq!(user.get("/api/bundles").await.ok().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn keys_belong_to_an_account_and_refusals_give_them_back() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let (bad, good) = (json!({ "name": "" }), json!({ "name": "b" }));
    keyed(&user, "/api/bundles", "k", &bad).await.refused(400, "INVALID_REQUEST");
    let mine = keyed(&user, "/api/bundles", "k", &good).await.ok();
    let theirs = keyed(&other, "/api/bundles", "k", &good).await.ok();
    assert_ne!(mine["id"], theirs["id"]);
    keyed(&user, "/api/bundles", "", &good).await.refused(400, "INVALID_REQUEST");
    // The text of a token is kept as nothing that a copy of the database could read.
    let wish = json!({ "name": "t", "scopes": ["tasks"] });
    let token = keyed(&user, "/api/tokens", "t", &wish).await.ok()["token"].clone();
    let kept: Vec<u8> = drive
        .db()
        .query_row("select sealed from answers where key = 't'", [], |row| row.get(0))
        .unwrap();
    let text = token.as_str().unwrap().as_bytes();
    assert!(!kept.windows(text.len()).any(|part| part == text));
    // A request whose answer was lost with the server is not done again unasked.
    let drive = drive.restart_after(|folder| {
        let db = rusqlite::Connection::open(folder.join("drive.db")).unwrap();
        db.execute("update answers set sealed = null where key = 't'", []).unwrap();
    });
    let mut user = drive.nobody();
    user.sign_in("ada").await;
    keyed(&user, "/api/tokens", "t", &wish).await.refused(409, "CONFLICT");
    assert_eq!(keyed(&user, "/api/bundles", "k", &good).await.ok()["id"], mine["id"]);
    // After a day it is forgotten.
    drive.clock.advance_ms(25 * 3600 * 1000);
    drive.swept().await;
    user.sign_in("ada").await;
    keyed(&user, "/api/tokens", "t", &wish).await.ok();
}
