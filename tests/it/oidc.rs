//! Signing in at an outside provider, as a browser does it.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;

use crate::harness::TestDrive;
use crate::harness::issuer::Signer;
use crate::harness::provider::{Browser, Provider, location};

const HOME: &str = "/";
const UNREACHABLE: &str = "/#signin-error=UNREACHABLE";
const FAILED: &str = "/#signin-error=SIGN_IN_FAILED";

#[tokio::test]
async fn a_browser_signs_in_with_every_kind_of_key() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let provider = Provider::spawn(algorithm);
        let drive = provider.drive(&[]);
        let mut browser = Browser::new(&drive);
        let offer = browser.go("/api/auth/oidc").await.ok();
        assert_eq!(offer, json!({ "enabled": true, "label": "the test" }));

        let started = browser.go("/api/auth/oidc/start").await;
        let bond = started.header("set-cookie").to_owned();
        for part in ["HttpOnly", "SameSite=Lax", "Path=/api/auth/oidc", "Max-Age=600"] {
            assert!(bond.contains(part), "{bond}");
        }
        assert_eq!(started.header("cache-control"), "no-store");
        let page = location(&started);
        let back = location(&browser.go(&page).await);
        assert!(back.starts_with(&format!("http://{}/api/auth/oidc/callback?", drive.address)));
        let answer = browser.go(&back).await;
        assert_eq!(location(&answer), HOME, "{algorithm}");
        assert!(!browser.cookies.contains_key("drive_oidc"), "the bond is gone");
        let session = answer.headers.get_all("set-cookie").iter();
        let session: Vec<_> = session.filter_map(|value| value.to_str().ok()).collect();
        let is_ours = |cookie: &&&str| cookie.starts_with("drive_session=");
        let ours = session.iter().find(is_ours).expect("a session");
        assert!(ours.contains("HttpOnly") && ours.contains("SameSite=Lax"), "{ours}");
        let me = browser.account().await.ok();
        assert_eq!((&me["name"], &me["role"]), (&json!("grace"), &json!("user")));

        // Again, from another browser: the same account, another session.
        let mut other = Browser::new(&drive);
        assert_eq!(other.sign_in().await, HOME);
        assert_eq!(other.account().await.ok()["id"], me["id"]);
        let sessions = other.go("/api/auth/sessions").await.ok();
        assert_eq!(sessions.as_array().unwrap().len(), 2);
        let audit = other.go("/api/audit?action=account.sign_in").await.ok();
        let row = (&audit[0]["outcome"], &audit[0]["account"], audit.as_array().unwrap().len());
        assert_eq!(row, (&json!("ok"), &json!("grace"), 2));
    }
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_start() {
    let drive = TestDrive::spawn();
    let nobody = drive.nobody();
    let offer = nobody.get("/api/auth/oidc").await.ok();
    assert_eq!(offer, json!({ "enabled": false, "label": "" }));
    for path in ["/api/auth/oidc/start", "/drive/auth/oidc/callback?code=x&state=y"] {
        nobody.get(path).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn the_role_follows_the_claim_and_disabled_accounts_stay_out() {
    let provider = Provider::spawn("ES256");
    let roles = [("DRIVE_OIDC_ROLE_CLAIM", "groups"), ("DRIVE_OIDC_ROLE_MAP", "owners=admin")];
    let drive = provider.drive(&roles);
    let mut browser = Browser::new(&drive);
    provider.scene().more = json!({ "preferred_username": "grace", "groups": ["owners", "x"] });
    assert_eq!(browser.sign_in().await, HOME);
    let me = browser.account().await.ok();
    assert_eq!(me["role"], "admin");
    // The next sign-in takes it away, from the sessions of before too.
    provider.scene().more = json!({ "groups": ["admin"] });
    assert_eq!(Browser::new(&drive).sign_in().await, HOME);
    assert_eq!(browser.account().await.ok()["role"], "user");

    let admin = drive.admin().await;
    let path = format!("/api/accounts/{}", me["id"].as_str().unwrap());
    let off = admin.request(Method::PATCH, &path).json(&json!({ "disabled": true }));
    admin.send(off).await.ok();
    browser.account().await.refused(401, "NOT_SIGNED_IN");
    provider.scene().more = json!({ "groups": ["owners"] });
    assert_eq!(browser.sign_in().await, "/#signin-error=FORBIDDEN");
    assert!(
        !browser.cookies.contains_key("drive_session") || browser.account().await.status == 401
    );
    let audit = admin.get("/api/audit?action=account.sign_in&outcome=FORBIDDEN").await.ok();
    assert_eq!((&audit[0]["account"], audit.as_array().unwrap().len()), (&json!("7"), 1));
}

#[tokio::test]
async fn without_a_role_claim_or_leave_nobody_is_raised_or_made() {
    let provider = Provider::spawn("ES256");
    provider.scene().more = json!({ "role": "admin", "roles": ["admin"], "groups": ["owners"] });
    let drive = provider.drive(&[]);
    let mut browser = Browser::new(&drive);
    assert_eq!(browser.sign_in().await, HOME);
    assert_eq!(browser.account().await.ok()["role"], "user");

    let drive = provider.drive(&[("DRIVE_OIDC_CREATE_ACCOUNTS", "false")]);
    let mut browser = Browser::new(&drive);
    assert_eq!(browser.sign_in().await, "/#signin-error=FORBIDDEN");
    assert_eq!(browser.account().await.status, 401);
}

#[tokio::test]
async fn a_new_key_is_fetched_once_when_it_is_met() {
    let provider = Provider::spawn("ES256");
    let drive = provider.drive(&[]);
    assert_eq!(Browser::new(&drive).sign_in().await, HOME);
    assert_eq!(provider.scene().keys_asked, 1);
    assert_eq!(Browser::new(&drive).sign_in().await, HOME);
    assert_eq!(provider.scene().keys_asked, 1, "they are remembered");
    let next = Arc::new(Signer::new("RS256", "two"));
    {
        let mut scene = provider.scene();
        scene.signer = next.clone();
        scene.published.push(next);
    }
    assert_eq!(Browser::new(&drive).sign_in().await, HOME);
    assert_eq!(provider.scene().keys_asked, 2);
    // Whoever makes up keys cannot make us ask again and again.
    provider.scene().signer = Arc::new(Signer::new("ES256", "three"));
    for _ in 0..3 {
        assert_eq!(Browser::new(&drive).sign_in().await, FAILED);
    }
    assert_eq!(provider.scene().keys_asked, 2);
}

#[tokio::test]
async fn a_provider_that_is_down_or_talks_nonsense_is_unreachable() {
    let mut provider = Provider::spawn("ES256");
    let drive = provider.drive(&[]);
    let mut browser = Browser::new(&drive);
    for describe in [
        (|told| told["issuer"] = json!("https://evil.example")) as fn(&mut serde_json::Value),
        |told| told["jwks_uri"] = json!("file:///etc/passwd"),
        |told| told["token_endpoint"] = json!(null),
        |told| *told = json!([]),
    ] {
        provider.scene().describe = describe;
        assert_eq!(browser.start().await, UNREACHABLE);
    }
    provider.scene().describe = |_| {};
    provider.scene().token_status = 503;
    assert_eq!(browser.sign_in().await, UNREACHABLE);
    provider.scene().token_status = 200;
    let back = browser.way_back().await;
    provider.stop();
    assert_eq!(location(&browser.go(&back).await), UNREACHABLE);
    assert_eq!(browser.account().await.status, 401);
    let audit = drive.admin().await.get("/api/audit?outcome=UNREACHABLE").await.ok();
    assert_eq!(audit.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_provider_in_a_private_network_needs_leave() {
    let provider = Provider::spawn("ES256");
    let port = provider.scene().issuer.rsplit(':').next().unwrap().to_owned();
    let issuer = format!("https://localhost:{port}");
    let settings = [("DRIVE_OIDC_ISSUER", issuer.as_str()), ("DRIVE_OIDC_ALLOW_PRIVATE", "false")];
    let drive = provider.drive(&settings);
    assert_eq!(Browser::new(&drive).start().await, UNREACHABLE);
}

#[tokio::test]
async fn the_way_back_is_the_public_address_where_there_is_one() {
    let provider = Provider::spawn("ES256");
    let drive = provider.drive(&[("DRIVE_SERVER_PUBLIC_URL", "https://drive.example/")]);
    let mut browser = Browser::new(&drive);
    let started = browser.go("/drive/auth/oidc/start").await;
    assert!(started.header("set-cookie").contains("Secure"));
    let page = location(&started);
    let back = location(&browser.go(&page).await);
    let path = back.strip_prefix("https://drive.example").expect("the public address");
    assert!(path.starts_with("/api/auth/oidc/callback?"), "{path}");
    assert_eq!(location(&browser.go(path).await), HOME);
}

#[tokio::test]
async fn a_client_without_a_secret_has_its_verifier() {
    let provider = Provider::spawn("ES256");
    let drive = provider.drive(&[("DRIVE_OIDC_CLIENT_SECRET_FILE", "")]);
    assert_eq!(Browser::new(&drive).sign_in().await, FAILED, "the provider wants the secret");
    provider.scene().public = true;
    assert_eq!(Browser::new(&drive).sign_in().await, HOME);
    let drive = provider.drive(&[]);
    assert_eq!(Browser::new(&drive).sign_in().await, FAILED, "the provider wants none");
}

#[tokio::test]
async fn an_administrator_lets_an_identity_into_an_account_that_exists() {
    let provider = Provider::spawn("ES256");
    let drive = provider.drive(&[("DRIVE_OIDC_CREATE_ACCOUNTS", "false")]);
    let (admin, user) = (drive.admin().await, drive.user("eve").await);
    let issuer = provider.scene().issuer.clone();
    let path = format!("/api/accounts/{}/identities", user.account_id().await);
    let mut browser = Browser::new(&drive);
    assert_ne!(browser.sign_in().await, HOME);
    let grace = json!({ "issuer": issuer, "subject": "7" });
    for (wrong, field) in [
        (json!({ "issuer": "https://other.example", "subject": "7" }), "issuer"),
        (json!({ "issuer": issuer, "subject": "" }), "subject"),
    ] {
        let refusal = admin.post(&path, wrong).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field);
    }
    admin.post(&path, grace.clone()).await.ok();
    let other = drive.user("bob").await.account_id().await;
    let taken = admin.post(&format!("/api/accounts/{other}/identities"), grace).await;
    taken.refused(409, "NAME_TAKEN");
    assert_eq!(admin.get(&path).await.ok()[0]["subject"], "7");
    assert_eq!(browser.sign_in().await, HOME);
    assert_eq!(browser.account().await.ok()["name"], "eve");
    // It is taken away, and everything that came in by it ends.
    let gone = format!("{path}?issuer={issuer}&subject=7");
    assert_eq!(admin.delete(&gone).await.status, 204);
    admin.delete(&gone).await.refused(404, "NOT_FOUND");
    browser.account().await.refused(401, "NOT_SIGNED_IN");
    assert_ne!(Browser::new(&drive).sign_in().await, HOME);
}
