//! What outside tokens lose, and when: roles, revoked sessions, disabled accounts, changed keys, their own end.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::Client;
use crate::harness::issuer::{Issuer, Signer, claims, jwks, with_token};
use crate::harness::socket::Socket;

const ROLES: [(&str, &str); 2] = [
    ("DRIVE_AUTH_JWT_ROLE_CLAIM", "realm.roles"),
    ("DRIVE_AUTH_JWT_ROLE_MAP", "owners=admin, lookers=guest, staff=user"),
];

async fn role(client: &Client) -> Value {
    client.get("/api/account").await.ok()["role"].clone()
}

async fn change(admin: &Client, account: &Value, wish: Value) {
    let path = format!("/api/accounts/{}", account["id"].as_str().unwrap());
    admin.send(admin.request(Method::PATCH, &path).json(&wish)).await.ok();
}

/// A request until it is refused; it must be within a second.
async fn refused_within_a_second(client: &Client) {
    let began = std::time::Instant::now();
    while client.get("/api/account").await.status != 401 {
        assert!(began.elapsed().as_millis() < 1000, "still let in after a second");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_role_is_what_the_claim_means_at_each_use() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&ROLES);
    let holder = |roles: Value| issuer.client(&drive, "7", json!({ "realm": { "roles": roles } }));
    for (roles, expected) in [
        (json!(["staff"]), "user"),
        (json!(["staff", "owners"]), "admin"),
        (json!("lookers"), "guest"),
        (json!(["admin"]), "user"),
        (json!({ "owners": true }), "user"),
        (Value::Null, "user"),
    ] {
        assert_eq!(role(&holder(roles.clone())).await, expected, "{roles}");
    }
    let (owner, looker) = (holder(json!("owners")), holder(json!("lookers")));
    owner.get("/api/accounts").await.ok();
    looker.get("/api/accounts").await.refused(403, "FORBIDDEN");
    looker.create("a", 1, json!({})).await.refused(403, "FORBIDDEN");
    // A socket with the role of before ends.
    let mut socket = Socket::connect(&looker, "").await;
    socket.until("hello").await;
    assert_eq!(role(&owner).await, "admin");
    assert_eq!(socket.closed().await, Some(4001));
}

#[tokio::test]
async fn without_a_role_claim_no_token_raises_anybody() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&[]);
    let admin = drive.admin().await;
    let wishes = json!({ "role": "admin", "roles": ["admin"], "realm": { "roles": ["owners"] } });
    let user = issuer.client(&drive, "7", wishes);
    assert_eq!(role(&user).await, "user");
    user.get("/api/accounts").await.refused(403, "FORBIDDEN");
    // Then roles are given here, and stay.
    let me = user.get("/api/account").await.ok();
    change(&admin, &me, json!({ "role": "guest" })).await;
    assert_eq!(role(&user).await, "guest");
}

#[tokio::test]
async fn revoking_the_session_refuses_what_was_issued_before() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&ROLES);
    let holder = || issuer.client(&drive, "7", json!({}));
    let (first, second) = (holder(), holder());
    let early = issuer.client(&drive, "7", json!({ "realm": { "roles": "owners" } }));
    let other = issuer.client(&drive, "8", json!({}));
    other.get("/api/account").await.ok();
    let list = first.get("/api/auth/sessions").await.ok();
    let seen = (list.as_array().unwrap().len(), &list[0]["kind"], &list[0]["current"]);
    assert_eq!(seen, (1, &json!("outside"), &json!(true)));
    let path = format!("/api/auth/sessions/{}", list[0]["id"].as_str().unwrap());
    other.delete(&path).await.refused(404, "NOT_FOUND");
    second.get("/api/account").await.ok();
    let mut socket = Socket::connect(&second, "").await;
    socket.until("hello").await;
    let ticket = second.call("/api/auth/ws-ticket").await.ok();

    assert_eq!(first.delete(&path).await.status, 204);
    for gone in [&first, &second, &early] {
        gone.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    }
    assert_eq!(socket.closed().await, Some(4001));
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(Socket::refused(&drive.nobody(), &path, &[]).await.0, 401);
    other.get("/api/account").await.ok();

    // What is issued later is good, and does not bring back what was before.
    drive.clock.advance_ms(2000);
    let later = holder();
    assert_eq!(role(&later).await, "user", "a token from before did not change the role");
    first.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    issuer
        .client(&drive, "7", json!({ "iat": null }))
        .get("/api/account")
        .await
        .refused(401, "NOT_SIGNED_IN");

    // The same by signing out, and by another program on the same database.
    assert_eq!(later.call("/api/auth/logout").await.status, 204);
    later.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    drive.clock.advance_ms(2000);
    let last = holder();
    last.get("/api/account").await.ok();
    let now = drive.clock.now().0;
    let sql = "update sessions set revoked_at = ?1 where revoked_at is null and kind = 'outside'";
    drive.db().execute(sql, [now]).unwrap();
    refused_within_a_second(&last).await;
    // It is remembered for longer than sessions are: nobody knows how long the tokens last.
    drive.clock.advance_ms(100 * 24 * 3600 * 1000);
    drive.sweep().await;
    let long = with_token(
        &drive,
        issuer.signer.token(&json!({
            "iss": crate::harness::issuer::ISSUER,
            "aud": crate::harness::issuer::AUDIENCE,
            "sub": "7",
            "iat": (now - 5000) / 1000,
            "exp": 99_999_999_999_u64,
        })),
    );
    long.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
}

#[tokio::test]
async fn disabled_accounts_stay_out_whatever_the_issuer_says() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&ROLES);
    let admin = drive.admin().await;
    let user = issuer.client(&drive, "7", json!({}));
    let me = user.get("/api/account").await.ok();
    change(&admin, &me, json!({ "disabled": true })).await;
    user.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    drive.clock.advance_ms(2000);
    let raised = issuer.client(&drive, "7", json!({ "realm": { "roles": "owners" } }));
    raised.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    let sql = "select role from accounts where id = ?1";
    let kept: String = drive.db().query_row(sql, [me["id"].as_str()], |row| row.get(0)).unwrap();
    assert_eq!(kept, "user");
    change(&admin, &me, json!({ "disabled": false })).await;
    user.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    assert_eq!(role(&raised).await, "admin");
}

#[tokio::test]
async fn nobody_new_is_let_in_where_the_settings_say_so() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&[("DRIVE_AUTH_JWT_CREATE_ACCOUNTS", "false")]);
    let user = issuer.client(&drive, "7", json!({}));
    user.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    let count = "select count(*) from accounts";
    assert_eq!(drive.db().query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn a_token_takes_the_socket_it_opened_with_it() {
    let issuer = Issuer::new("ES256");
    let drive = issuer.spawn(&[]);
    let user = issuer.client(&drive, "7", json!({}));
    let mut socket = Socket::connect(&user, "").await;
    socket.until("hello").await;
    drive.clock.advance_ms(631_000);
    assert_eq!(socket.closed().await, Some(4001));
    user.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
}

/// Asks until the answer has this status: the key file is looked at every two seconds.
async fn becomes(client: &Client, status: u16) {
    let patience = std::time::Instant::now();
    while client.get("/api/account").await.status != status {
        assert!(patience.elapsed().as_secs() < 15, "in vain waited for {status}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_key_file_is_read_again_when_it_changes() {
    let issuer = Issuer::new("ES256");
    issuer.publish(jwks(&[&issuer.signer]));
    let drive = issuer.spawn(&[]);
    let old = issuer.client(&drive, "7", json!({}));
    old.get("/api/account").await.ok();
    let next = Signer::new("ES256", "two");
    let good = |drive: &TestDrive| claims(drive.clock.now(), "7", json!({}));
    let new = with_token(&drive, next.token(&good(&drive)));
    new.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    issuer.publish(jwks(&[&issuer.signer, &next]));
    becomes(&new, 200).await;
    old.get("/api/account").await.ok();
    issuer.publish(jwks(&[&next]));
    becomes(&old, 401).await;
    new.get("/api/account").await.ok();
    // What cannot be used changes nothing: asked for longer than it takes to look.
    issuer.publish("half a fi");
    let began = std::time::Instant::now();
    while began.elapsed().as_millis() < 2500 {
        new.get("/api/account").await.ok();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    issuer.publish(jwks(&[&issuer.signer]));
    becomes(&old, 200).await;
}
