//! Attacks on the sign-in at an outside provider: forged tokens, replays, other people's browsers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::issuer::{Issuer, Signer, with_token};
use crate::harness::provider::{Browser, CLIENT, Forge, Provider, Twist, location};

const HOME: &str = "/";
const FAILED: &str = "/#signin-error=SIGN_IN_FAILED";

fn accounts(drive: &TestDrive) -> i64 {
    drive.db().query_row("select count(*) from accounts", [], |row| row.get(0)).unwrap()
}

fn seconds() -> i64 {
    drive::clock::Clock::default().now().0 / 1000
}

#[tokio::test]
async fn id_tokens_with_anything_wrong_are_refused() {
    let provider = Provider::spawn("RS256");
    let drive = provider.drive(&[]);
    let wrong: [(&str, Twist); 20] = [
        ("nonce", |_, claims| claims["nonce"] = json!("another")),
        ("no nonce", |_, claims| claims["nonce"] = Value::Null),
        ("audience", |_, claims| claims["aud"] = json!("another")),
        ("no audience", |_, claims| claims["aud"] = Value::Null),
        ("party", |_, claims| claims["azp"] = json!("another")),
        ("no party of several", |_, claims| claims["aud"] = json!([CLIENT, "another"])),
        ("issuer", |_, claims| claims["iss"] = json!("https://evil.example")),
        ("over", |_, claims| claims["exp"] = json!(seconds() - 31)),
        ("never over", |_, claims| claims["exp"] = Value::Null),
        ("not begun", |_, claims| claims["nbf"] = json!(seconds() + 60)),
        ("issued tomorrow", |_, claims| claims["iat"] = json!(seconds() + 86_400)),
        ("nobody", |_, claims| claims["sub"] = Value::Null),
        ("kind", |header, _| header["typ"] = json!("at+jwt")),
        ("must be understood", |header, _| header["crit"] = json!(["b64"])),
        ("alg none", |header, _| header["alg"] = json!("none")),
        ("alg of another", |header, _| header["alg"] = json!("ES256")),
        ("alg HS256", |header, _| header["alg"] = json!("HS256")),
        ("kid leads away", |header, _| header["kid"] = json!("../../x")),
        ("kid is no text", |header, _| header["kid"] = json!({})),
        ("9 KiB", |_, claims| claims["padding"] = json!("x".repeat(9 * 1024))),
    ];
    for (name, twist) in wrong {
        provider.scene().twist = Some(twist);
        let mut browser = Browser::new(&drive);
        assert_eq!(browser.sign_in().await, FAILED, "{name}");
        assert_eq!(browser.account().await.status, 401, "{name}");
    }
    provider.scene().twist = None;
    let forged: [(&str, Forge); 4] = [
        ("tampered payload", |token| {
            let parts: Vec<&str> = token.split('.').collect();
            let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
            let mut claims: Value = serde_json::from_slice(&claims).unwrap();
            claims["sub"] = json!("8");
            let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
            format!("{}.{claims}.{}", parts[0], parts[2])
        }),
        ("no signature", |token| format!("{}.", token.rsplit_once('.').unwrap().0)),
        ("unsigned", |token| {
            let payload = token.split('.').nth(1).unwrap().to_owned();
            format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#))
        }),
        ("nothing", |_| String::new()),
    ];
    for (name, forge) in forged {
        provider.scene().forge = Some(forge);
        assert_eq!(Browser::new(&drive).sign_in().await, FAILED, "{name}");
    }
    provider.scene().forge = None;
    assert_eq!(accounts(&drive), 0);
    // Several audiences and a named party are good, and so is a key that the token points at: nobody looks there.
    provider.scene().twist = Some(|header, claims| {
        header["jku"] = json!("http://127.0.0.1:1/");
        claims["aud"] = json!([CLIENT, "another"]);
        claims["azp"] = json!(CLIENT);
    });
    assert_eq!(Browser::new(&drive).sign_in().await, HOME);
    let audit = drive.admin().await.get("/api/audit?action=account.sign_in").await.ok();
    let failed = audit.as_array().unwrap().iter().filter(|row| row["outcome"] == "SIGN_IN_FAILED");
    assert_eq!(failed.count(), wrong.len() + forged.len());
}

#[tokio::test]
async fn keys_of_others_and_shared_secrets_sign_nothing() {
    let provider = Provider::spawn("RS256");
    let drive = provider.drive(&[]);
    let public = provider.scene().signer.file.clone();
    let honest = provider.scene().signer.clone();
    for attacker in [
        Signer::with_secret(&public),
        Signer::with_secret(b"s3cret: with/odd+signs%"),
        Signer::new("RS256", "one"),
        Signer::new("ES256", "one"),
    ] {
        provider.scene().signer = Arc::new(attacker);
        let named: [Twist; 2] =
            [|header, _| header["kid"] = json!("one"), |header, _| header["kid"] = Value::Null];
        for twist in named {
            provider.scene().twist = Some(twist);
            assert_eq!(Browser::new(&drive).sign_in().await, FAILED);
        }
    }
    provider.scene().signer = honest;
    provider.scene().twist = None;
    assert_eq!(accounts(&drive), 0);
    assert_eq!(Browser::new(&drive).sign_in().await, HOME);
}

#[tokio::test]
async fn each_attempt_is_used_once_and_by_the_browser_that_began_it() {
    let provider = Provider::spawn("ES256");
    let drive = provider.drive(&[]);
    // Somebody sends another person the way back of their own sign-in.
    let mut attacker = Browser::new(&drive);
    let back = attacker.way_back().await;
    let mut victim = Browser::new(&drive);
    assert_eq!(location(&victim.go(&back).await), FAILED);
    victim.way_back().await;
    assert_eq!(location(&victim.go(&back).await), FAILED, "with a cookie of its own");
    assert_eq!(victim.account().await.status, 401);
    assert_eq!(location(&attacker.go(&back).await), FAILED, "it is used up");

    // The same way back twice.
    let mut browser = Browser::new(&drive);
    let back = browser.way_back().await;
    let bond = browser.cookies.clone();
    assert_eq!(location(&browser.go(&back).await), HOME);
    let mut again = Browser::new(&drive);
    again.cookies = bond.clone();
    assert_eq!(location(&again.go(&back).await), FAILED);

    // A code of before with a new state.
    let code = back.split(['?', '&']).find(|part| part.starts_with("code=")).unwrap().to_owned();
    let mut thief = Browser::new(&drive);
    let fresh = thief.way_back().await;
    let parts = fresh.split('&').map(|part| if part.starts_with("code=") { &code } else { part });
    let stolen = parts.collect::<Vec<_>>().join("&");
    assert_eq!(location(&thief.go(&stolen).await), FAILED);

    // One that took too long.
    let mut slow = Browser::new(&drive);
    let back = slow.way_back().await;
    drive.clock.advance_ms(10 * 60 * 1000);
    assert_eq!(location(&slow.go(&back).await), FAILED);
}

#[tokio::test]
async fn the_way_back_leads_home_whatever_it_says() {
    let provider = Provider::spawn("ES256");
    let drive = provider.drive(&[]);
    let mut browser = Browser::new(&drive);
    for query in [
        "",
        "?",
        "?code=x",
        "?state=x",
        "?code=x&state=x",
        "?error=access_denied",
        "?error=access_denied&state=%0d%0aset-cookie:x",
        "?state=x&redirect_uri=https://evil.example&next=//evil.example",
    ] {
        let answer = browser.go(&format!("/api/auth/oidc/callback{query}")).await;
        assert_eq!(location(&answer), FAILED, "{query}");
    }
    let back = browser.way_back().await;
    let more = format!("{back}&redirect_uri=https://evil.example&next=//evil.example");
    assert_eq!(location(&browser.go(&more).await), HOME);

    for error in ["access_denied", "server_error", "<b>\u{7}"] {
        provider.scene().error = Some(error);
        assert_eq!(Browser::new(&drive).sign_in().await, FAILED, "{error}");
    }
    provider.scene().error = None;
    // An answer in the name of another provider (RFC 9207).
    provider.scene().name = Some("https://evil.example".into());
    assert_eq!(Browser::new(&drive).sign_in().await, FAILED);
    provider.scene().name = None;
    let mut browser = Browser::new(&drive);
    let back = browser.way_back().await;
    let (start, rest) = back.split_once("iss=").unwrap();
    let nameless = format!("{start}{}", rest.split_once('&').unwrap().1);
    assert_eq!(location(&browser.go(&nameless).await), FAILED);
}

#[tokio::test]
async fn whoever_floods_the_start_pushes_out_the_oldest() {
    let provider = Provider::spawn("ES256");
    let drive = provider.drive(&[]);
    let (mut early, mut late) = (Browser::new(&drive), Browser::new(&drive));
    let first = early.way_back().await;
    let second = late.way_back().await;
    let mut flood = Browser::new(&drive);
    for _ in 0..999 {
        flood.start().await;
    }
    assert_eq!(location(&early.go(&first).await), FAILED);
    assert_eq!(location(&late.go(&second).await), HOME);
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    // One issuer for both, whose keys are known here.
    let provider = Provider::spawn("ES256");
    let name = provider.scene().issuer.clone();
    let signer = provider.scene().signer.clone();
    let issuer = Issuer::new("ES256");
    issuer.publish(&signer.file);
    let file = issuer.file().display().to_string();
    let drive = provider.drive(&[
        ("DRIVE_AUTH_JWT_ISSUER", &name),
        ("DRIVE_AUTH_JWT_AUDIENCE", "drive-api"),
        ("DRIVE_AUTH_JWT_ALGORITHM", "ES256"),
        ("DRIVE_AUTH_JWT_KEY_FILE", &file),
    ]);
    let said = |audience: &str| {
        let more = json!({ "iss": name, "aud": audience });
        crate::harness::issuer::claims(drive.clock.now(), "7", more)
    };
    let id_token = with_token(&drive, signer.token(&said(CLIENT)));
    id_token.get("/api/account").await.refused(401, "NOT_SIGNED_IN");
    let access = with_token(&drive, signer.token(&said("drive-api")));
    let me = access.get("/api/account").await.ok();
    // And whoever signs in there is the same person.
    let mut browser = Browser::new(&drive);
    assert_eq!(browser.sign_in().await, HOME);
    assert_eq!(browser.account().await.ok()["id"], me["id"]);
}
