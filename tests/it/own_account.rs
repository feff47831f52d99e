//! What people do with their own account: password, devices, tokens, second factor.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client, PASSWORD};
use crate::harness::socket::Socket;

const NEW: &str = "a longer horse battery";

async fn login(client: &Client, name: &str, password: &str) -> Answer {
    client.post("/api/auth/login", json!({ "name": name, "password": password })).await
}

#[tokio::test]
async fn a_new_password_ends_the_other_sign_ins_and_their_sockets() {
    let drive = TestDrive::spawn();
    let (here, there) = (drive.user("ada").await, drive.signed_in("ada").await);
    let token = here.post("/api/tokens", json!({ "name": "t", "scopes": ["tasks"] })).await.ok();
    let mut socket = Socket::connect(&there, "").await;
    socket.until("hello").await;
    let change = |current: &str, new: &str| {
        here.post(
            "/api/account/password",
            json!({ "currentPassword": current, "newPassword": new }),
        )
    };
    change("wrong horse battery", NEW).await.refused(403, "PASSWORD_WRONG");
    let short = change(PASSWORD, "short").await.refused(400, "INVALID_REQUEST");
    assert_eq!(short["details"]["field"], "newPassword");
    there.get("/api/account").await.ok();

    assert_eq!(change(PASSWORD, NEW).await.status, 204);
    here.get("/api/account").await.ok();
    there.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    let old = json!({ "refreshToken": there.refresh_token });
    there.post("/api/auth/refresh", old).await.refused(401, "NOT_SIGNED_IN");
    assert_eq!(socket.closed().await, Some(4001));
    login(&drive.nobody(), "ada", PASSWORD).await.refused(401, "SIGN_IN_FAILED");
    login(&drive.nobody(), "ada", NEW).await.ok();
    let program = Client { token: token["token"].as_str().map(str::to_owned), ..drive.nobody() };
    program.get("/api/tasks").await.ok();
}

#[tokio::test]
async fn devices_are_listed_and_can_be_signed_out() {
    let drive = TestDrive::spawn();
    let (here, there) = (drive.user("ada").await, drive.signed_in("ada").await);
    let other = drive.user("bob").await;
    let list = here.get("/api/auth/sessions").await.ok();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list.iter().filter(|session| session["current"] == true).count(), 1);
    assert!(list.iter().all(|session| session["address"] == "127.0.0.1"), "{list:?}");
    let id = list.iter().find(|session| session["current"] == false).unwrap()["id"].clone();
    let path = format!("/api/auth/sessions/{}", id.as_str().unwrap());
    other.delete(&path).await.refused(404, "NOT_FOUND");
    there.get("/api/account").await.ok();
    let mut socket = Socket::connect(&there, "").await;
    socket.until("hello").await;
    assert_eq!(here.delete(&path).await.status, 204);
    there.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    assert_eq!(socket.closed().await, Some(4001));
    here.delete(&path).await.refused(404, "NOT_FOUND");
    here.delete("/api/auth/sessions/x").await.refused(404, "NOT_FOUND");

    let (second, third) = (drive.signed_in("ada").await, drive.signed_in("ada").await);
    assert_eq!(here.delete("/api/auth/sessions").await.ok()["ended"], 2);
    for gone in [second, third] {
        gone.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    }
    here.get("/api/account").await.ok();
    other.get("/api/account").await.ok();
}

#[tokio::test]
async fn tokens_do_what_their_scopes_say_until_they_end() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    for (body, field) in [
        (json!({ "name": "", "scopes": ["tasks"] }), "name"),
        (json!({ "name": "t", "scopes": [] }), "scopes"),
        (json!({ "name": "t", "scopes": ["files"] }), "scopes"),
        (json!({ "name": "t", "scopes": ["account"] }), "scopes"),
        (json!({ "name": "t", "scopes": ["tasks"], "expiresInDays": 0 }), "expiresInDays"),
        (json!({ "name": "t", "scopes": ["tasks"], "expiresInDays": 4000 }), "expiresInDays"),
    ] {
        let refusal = user.post("/api/tokens", body).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field);
    }
    user.post("/api/tokens", json!({ "name": "t", "scopes": ["admin"] }))
        .await
        .refused(403, "FORBIDDEN");
    let wanted = json!({ "name": "backup", "scopes": ["files:read", "tasks"], "expiresInDays": 1 });
    let made = user.post("/api/tokens", wanted).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let text = made["token"].as_str().unwrap();
    assert!(text.starts_with("drv_") && text.len() > 40, "{text}");
    let program = Client { token: Some(text.to_owned()), ..drive.nobody() };
    let me = program.get("/api/account").await.ok();
    assert_eq!(
        (me["name"].as_str(), &me["scopes"]),
        (Some("ada"), &json!(["files:read", "tasks"]))
    );
    program.get("/api/files").await.ok();
    let refusal = program.create("a", 1, json!({})).await.refused(403, "SCOPE_MISSING");
    assert_eq!(refusal["details"]["scope"], "files:write");
    program
        .post("/api/tokens", json!({ "name": "more", "scopes": ["files:write"] }))
        .await
        .refused(403, "SCOPE_MISSING");

    let list = user.get("/api/tokens").await.ok();
    assert_eq!((list[0]["name"].as_str(), &list[0]["token"]), (Some("backup"), &Value::Null));
    let path = format!("/api/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(user.get("/api/auth/sessions").await.ok().as_array().unwrap().len(), 1);
    other.delete(&path).await.refused(404, "NOT_FOUND");
    program.get("/api/files").await.ok();
    assert_eq!(user.delete(&path).await.status, 204);
    program.get("/api/files").await.refused(401, "NOT_SIGNED_IN");

    let wanted = json!({ "name": "short", "scopes": ["files:read"], "expiresInDays": 1 });
    let made = user.post("/api/tokens", wanted).await.ok();
    let program = Client { token: made["token"].as_str().map(str::to_owned), ..drive.nobody() };
    program.get("/api/files").await.ok();
    drive.clock.advance_ms(24 * 3600 * 1000 + 1000);
    program.get("/api/files").await.refused(401, "NOT_SIGNED_IN");
}

#[tokio::test]
async fn a_token_opens_a_socket_only_with_its_scope() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (scope, opens) in [("tasks", true), ("files:read", false)] {
        let made = user.post("/api/tokens", json!({ "name": scope, "scopes": [scope] })).await.ok();
        let program = Client {
            token: made["token"].as_str().map(str::to_owned),
            cookie: None,
            ..user.clone()
        };
        if opens {
            Socket::connect(&program, "").await.until("hello").await;
        } else {
            let bearer = format!("Bearer {}", program.token.as_deref().unwrap());
            let refusal = Socket::refused(&program, "/ws", &[("authorization", &bearer)]).await;
            assert_eq!(refusal, (403, json!("SCOPE_MISSING")));
        }
    }
}

/// The code of an authenticator app at a moment.
fn code(secret: &str, seconds: i64) -> String {
    let mut bits = String::new();
    for c in secret.bytes() {
        let value = if c.is_ascii_uppercase() { c - b'A' } else { c - b'2' + 26 };
        bits.push_str(&format!("{value:05b}"));
    }
    let key: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    let mut hmac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    hmac.update(&(seconds as u64 / 30).to_be_bytes());
    let tag = hmac.finalize().into_bytes();
    let at = usize::from(tag[19] & 15);
    let four = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", four % 1_000_000)
}

#[tokio::test]
async fn the_second_factor_guards_the_sign_in() {
    let drive = TestDrive::spawn();
    let user = drive.user("eve").await;
    let nobody = drive.nobody();
    let with = |extra: Value| {
        let mut body = json!({ "name": "eve", "password": PASSWORD });
        body["code"] = extra;
        nobody.post("/api/auth/login", body)
    };
    let now = || drive.clock.now().0 / 1000;
    user.post("/api/account/totp/confirm", json!({ "code": "000000" }))
        .await
        .refused(409, "CONFLICT");
    user.post("/api/account/totp", json!({ "currentPassword": "wrong horse" }))
        .await
        .refused(403, "PASSWORD_WRONG");
    let begun = user.post("/api/account/totp", json!({ "currentPassword": PASSWORD })).await.ok();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert!(begun["uri"].as_str().unwrap().contains(&format!("secret={secret}")));
    login(&nobody, "eve", PASSWORD).await.ok();
    let wrong = if code(&secret, now()) == "000000" { "000001" } else { "000000" };
    let confirm = |code: &str| user.post("/api/account/totp/confirm", json!({ "code": code }));
    confirm(wrong).await.refused(403, "PASSWORD_WRONG");
    let done = confirm(&code(&secret, now())).await.ok();
    let recovery = done["recoveryCodes"].as_array().unwrap().clone();
    assert_eq!(recovery.len(), 10);
    assert_eq!(user.get("/api/account").await.ok()["secondFactor"], true);

    login(&nobody, "eve", "wrong horse battery").await.refused(401, "SIGN_IN_FAILED");
    login(&nobody, "eve", PASSWORD).await.refused(401, "CODE_REQUIRED");
    with(json!(wrong)).await.refused(401, "SIGN_IN_FAILED");
    with(json!(code(&secret, now()))).await.refused(401, "SIGN_IN_FAILED");
    drive.clock.advance_ms(30_000);
    with(json!(code(&secret, now()))).await.ok();
    with(json!(code(&secret, now()))).await.refused(401, "SIGN_IN_FAILED");
    drive.clock.advance_ms(60_000);
    with(json!(code(&secret, now() - 90))).await.refused(401, "SIGN_IN_FAILED");
    with(json!(code(&secret, now() + 25))).await.ok();

    with(recovery[0].clone()).await.ok();
    with(recovery[0].clone()).await.refused(401, "SIGN_IN_FAILED");
    assert_eq!(user.get("/api/account/totp").await.ok()["recoveryCodesLeft"], 9);
    let upper = recovery[1].as_str().unwrap().to_uppercase();
    let remove = |code: &str| {
        let body = json!({ "currentPassword": PASSWORD, "code": code });
        user.post("/api/account/totp/remove", body)
    };
    remove(wrong).await.refused(403, "PASSWORD_WRONG");
    assert_eq!(remove(&upper).await.status, 204);
    login(&nobody, "eve", PASSWORD).await.ok();
    // Who has lost it can have it taken away by an administrator.
    let begun = user.post("/api/account/totp", json!({ "currentPassword": PASSWORD })).await.ok();
    drive.clock.advance_ms(30_000);
    let again = begun["secret"].as_str().unwrap();
    confirm(&code(again, now())).await.ok();
    login(&nobody, "eve", PASSWORD).await.refused(401, "CODE_REQUIRED");
    let account = format!("/api/accounts/{}", user.account_id().await);
    let changed = drive.admin().await.patch(&account, json!({ "secondFactor": false })).await.ok();
    assert_eq!(changed["secondFactor"], false);
    login(&nobody, "eve", PASSWORD).await.ok();
    // Neither secret nor codes lie in the database as they are.
    let file = std::fs::read(drive.data_dir().join("drive.db")).unwrap();
    let log = std::fs::read(drive.data_dir().join("drive.db-wal")).unwrap_or_default();
    for canary in [secret.as_str(), recovery[2].as_str().unwrap()] {
        for bytes in [&file, &log] {
            assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()));
        }
    }
}

#[tokio::test]
async fn administrators_make_change_and_disable_accounts() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let make = |body: Value| admin.post("/api/accounts", body);
    for (body, field) in [
        (json!({ "name": "a b", "password": PASSWORD }), "name"),
        (json!({ "name": "bob", "password": "short" }), "password"),
        (json!({ "name": "bob", "password": PASSWORD, "role": "root" }), "role"),
        (json!({ "name": "bob", "password": PASSWORD, "quotaBytes": -1 }), "quotaBytes"),
    ] {
        let refusal = make(body).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field);
    }
    let made = make(json!({ "name": "bob", "password": PASSWORD, "quotaBytes": 1000 })).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    assert_eq!((made["role"].as_str(), &made["quotaBytes"]), (Some("user"), &json!(1000)));
    make(json!({ "name": "BOB", "password": PASSWORD })).await.refused(409, "NAME_TAKEN");
    assert_eq!(admin.list("/api/accounts").await.1, "2");
    let path = format!("/api/accounts/{}", made["id"].as_str().unwrap());
    let bob = drive.signed_in("bob").await;
    bob.create("a.bin", 1001, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    admin.patch(&path, json!({ "quotaBytes": null })).await.ok();
    bob.create("a.bin", 1001, json!({})).await.ok();
    let renamed = admin.patch(&path, json!({ "role": "guest" })).await.ok();
    assert_eq!((renamed["role"].as_str(), &renamed["quotaBytes"]), (Some("guest"), &Value::Null));
    admin.patch(&path, json!({ "password": NEW })).await.ok();
    bob.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    let bob = login(&drive.nobody(), "bob", NEW).await.ok();
    let bob = Client { token: bob["accessToken"].as_str().map(str::to_owned), ..drive.nobody() };
    let mut socket = Socket::connect(&bob, "").await;
    socket.until("hello").await;
    assert_eq!(admin.patch(&path, json!({ "disabled": true })).await.ok()["disabled"], true);
    bob.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    assert_eq!(socket.closed().await, Some(4001));
    login(&drive.nobody(), "bob", NEW).await.refused(401, "SIGN_IN_FAILED");
    admin.patch(&path, json!({ "disabled": false })).await.ok();
    login(&drive.nobody(), "bob", NEW).await.ok();
    admin.patch(&path, json!({ "secondFactor": true })).await.refused(400, "INVALID_REQUEST");
    let nowhere = "/api/accounts/01a20d84-4cc9-74e6-9588-c587a52b521b";
    admin.patch(nowhere, json!({ "role": "user" })).await.refused(404, "NOT_FOUND");

    // Somebody must be able to come in.
    let own = format!("/api/accounts/{}", admin.account_id().await);
    for body in [json!({ "role": "user" }), json!({ "disabled": true })] {
        admin.patch(&own, body).await.refused(409, "CONFLICT");
    }
    admin.patch(&path, json!({ "role": "admin" })).await.ok();
    admin.patch(&own, json!({ "role": "user" })).await.ok();
    admin.get("/api/accounts").await.refused(403, "FORBIDDEN");
}
