//! Other names and other sites: DNS rebinding, CORS, and what a socket is told.

use reqwest::Method;
use serde_json::json;

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client};
use crate::harness::raw::Raw;
use crate::harness::socket::Socket;

async fn by_name(client: &Client, name: &str, path: &str) -> Answer {
    client.send(client.request(Method::GET, path).header("host", name)).await
}

#[tokio::test]
async fn names_that_are_not_its_own_are_refused_everywhere() {
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_SERVER_ALLOWED_HOSTS", "nas.example, Files.Example"),
        ("DRIVE_SERVER_PUBLIC_URL", "https://drive.example:8443/"),
    ]);
    let user = drive.user("ada").await;
    let port = drive.address.port();
    for own in [
        "nas.example",
        "files.example",
        "FILES.EXAMPLE:1",
        "drive.example",
        "localhost",
        "10.1.2.3",
    ] {
        by_name(&user, own, "/api/account").await.ok();
    }
    for path in ["/api/account", "/drive/files", "/", "/health/live", "/nowhere", "/ws", "/api/ws"]
    {
        let refusal = by_name(&user, &format!("evil.example:{port}"), path).await;
        let body = refusal.refused(421, "HOST_UNKNOWN");
        assert_eq!(body["details"]["host"], "evil.example");
    }
    let bearer = format!("Bearer {}", user.token.as_deref().unwrap());
    let headers = [("host", "evil.example"), ("authorization", bearer.as_str())];
    assert_eq!(Socket::refused(&user, "/ws", &headers).await, (421, json!("HOST_UNKNOWN")));
    // A name in the target counts as much as one in the header.
    let mut raw = Raw::connect(&user).await;
    raw.head(&user, "GET", "http://evil.example/api/account", "").await;
    let status = raw.answer().await.status.as_u16();
    assert!([400, 404, 421].contains(&status), "{status}");
}

#[tokio::test]
async fn other_sites_may_use_it_only_where_the_settings_say_so() {
    let drive = TestDrive::spawn_with(&[("DRIVE_SERVER_CORS_ORIGINS", "https://app.example")]);
    let user = drive.user("ada").await;
    let asks = |origin: &'static str| {
        let request = user
            .http
            .request(Method::OPTIONS, format!("http://{}/api/files", drive.address))
            .header("origin", origin)
            .header("access-control-request-method", "DELETE")
            .header("access-control-request-headers", "authorization");
        user.send(request)
    };
    let answer = asks("https://app.example").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert!(answer.header("access-control-allow-methods").contains("DELETE"));
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    for other in
        ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"]
    {
        let answer = asks(other).await;
        assert!(!answer.status.is_success(), "{other}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
    }
    let get = |origin: &'static str| {
        user.send(user.request(Method::GET, "/api/files").header("origin", origin))
    };
    let answer = get("https://app.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert!(answer.header("access-control-expose-headers").contains("x-total"));
    assert!(answer.header("vary").contains("origin"));
    assert_eq!(get("https://evil.example").await.header("access-control-allow-origin"), "");
    // The cookie stays with our own pages: an allowed site has to bring a token.
    let cookie = user.cookie.clone().unwrap();
    let request = drive
        .nobody()
        .request(Method::POST, "/api/auth/ws-ticket")
        .header("cookie", cookie)
        .header("origin", "https://app.example");
    drive.nobody().send(request).await.refused(403, "CROSS_SITE");
}

#[tokio::test]
async fn nothing_is_told_to_other_sites_by_default() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let request = user
        .request(Method::OPTIONS, "/api/files")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET");
    let answer = user.send(request).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("strict-transport-security"), "", "plain http promises nothing");
    assert_eq!(answer.header("cross-origin-opener-policy"), "");
}

#[tokio::test]
async fn content_has_an_origin_of_its_own_where_one_is_set() {
    let settings = [("DRIVE_SERVER_CONTENT_URL", "http://files.test:8080")];
    let drive = TestDrive::spawn_with(&settings);
    let (user, other, nobody) = (drive.user("ada").await, drive.user("bob").await, drive.nobody());
    let file = user.upload("a b/ü.txt".rsplit('/').next().unwrap(), b"hello", json!({})).await;
    let path = format!("/api/files/{}/link", file["id"].as_str().unwrap());
    let made = user.call(&path).await.ok();
    let url = made["url"].as_str().unwrap();
    let shown = url.strip_prefix("http://files.test:8080").expect(url).to_owned();
    other.call(&path).await.refused(404, "NOT_FOUND");
    let there = async |path: &str| {
        let request = nobody.request(reqwest::Method::GET, path).header("host", "files.test:8080");
        nobody.send(request).await
    };
    let answer = there(&shown).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, b"hello".as_slice()));
    assert!(answer.header("content-disposition").starts_with("inline"));
    assert!(answer.header("content-security-policy").contains("sandbox"));
    assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    // That name shows content and nothing else; the pages' name shows none of it.
    for own in ["/", "/api/account", "/api/auth/login", "/ws", "/health/live", "/s/abc"] {
        there(own).await.refused(404, "ROUTE_NOT_FOUND");
    }
    nobody.get(&shown).await.refused(404, "ROUTE_NOT_FOUND");
    let word = shown.split('/').nth(2).unwrap();
    for wrong in ["/c/x/y".to_owned(), format!("/c/{}/y", &word[1..]), format!("/c/{word}x/y")] {
        there(&wrong).await.refused(404, "NOT_FOUND");
    }
    // It ends with its time, and with the sign-in that made it.
    drive.clock.advance_ms(16 * 60 * 1000);
    there(&shown).await.refused(404, "NOT_FOUND");
    let mut user = drive.nobody();
    user.sign_in("ada").await;
    let again = user.call(&path).await.ok()["url"].as_str().unwrap().to_owned();
    let again = again.strip_prefix("http://files.test:8080").unwrap().to_owned();
    assert_eq!(there(&again).await.status, 200);
    user.call("/api/auth/logout").await;
    there(&again).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn without_such_an_origin_content_is_shown_here() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = user.upload("a.txt", b"hello", json!({})).await;
    let made = user.call(&format!("/api/files/{}/link", file["id"].as_str().unwrap())).await.ok();
    let here = format!("http://{}", drive.address);
    let path = made["url"].as_str().unwrap().strip_prefix(&here).unwrap().to_owned();
    assert_eq!(drive.nobody().get(&path).await.body, b"hello");
}
