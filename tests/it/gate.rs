//! Every route, as someone sees it who has not signed in.

use std::io::Read;

use reqwest::Method;

use crate::harness::client::Client;
use crate::harness::raw::Raw;
use crate::harness::{TestDrive, routes};

/// Routes that need no sign-in. `/ws` is among them since its first message may sign in.
const PUBLIC: [&str; 41] = [
    "/",
    "/s/{slug}",
    "/c/{word}/{name}",
    "/manifest.webmanifest",
    "/worker.js",
    "/a/{hash}/{path:.*}",
    "/health/uploads",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/ws",
    "/api/ws",
    "/drive/ws",
    "/api/auth/setup",
    "/api/auth/login",
    "/api/auth/refresh",
    "/drive/auth/setup",
    "/drive/auth/login",
    "/drive/auth/refresh",
    "/api/auth/oidc",
    "/api/auth/oidc/start",
    "/api/auth/oidc/callback",
    "/drive/auth/oidc",
    "/api/share/{slug}/uploads",
    "/api/share/{slug}/uploads/{upload}/{index}",
    "/api/share/{slug}/uploads/{upload}",
    "/api/share/{slug}/uploads/{upload}/complete",
    "/drive/share/{slug}/uploads",
    "/drive/share/{slug}/uploads/{upload}/{index}",
    "/drive/share/{slug}/uploads/{upload}",
    "/drive/share/{slug}/uploads/{upload}/complete",
    "/api/share/{slug}",
    "/api/share/{slug}/archive",
    "/api/share/{slug}/files/{file_id}/content",
    "/api/share/{slug}/files/{file_id}/thumbnail",
    "/drive/share/{slug}/files/{file_id}/thumbnail",
    "/drive/share/{slug}",
    "/drive/share/{slug}/archive",
    "/drive/share/{slug}/files/{file_id}/content",
    "/drive/auth/oidc/start",
    "/drive/auth/oidc/callback",
];

#[tokio::test]
async fn every_route_but_the_public_ones_asks_for_a_sign_in() {
    let drive = TestDrive::spawn();
    let nobody = drive.nobody();
    let id = "01a20d84-4cc9-74e6-9588-c587a52b521b";
    let mut walked = 0;
    for route in routes::all() {
        if PUBLIC.contains(&route.pattern.as_str()) {
            continue;
        }
        let path = route.path(id, id);
        for token in [None, Some("x.y.z".to_owned())] {
            let client = Client { token, ..nobody.clone() };
            let answer = client.send(client.request(route.method.clone(), &path).body("{}")).await;
            assert_eq!(answer.status, 401, "{} {path}", route.method);
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"drive\"");
            if route.method != Method::HEAD {
                answer.refused(401, "NOT_SIGNED_IN");
            }
            walked += 1;
        }
    }
    assert!(walked > 100, "only {walked} were walked");
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_the_gate() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let nobody = drive.nobody();
    for path in [
        "/api/%61ccount",
        "/%61pi/account",
        "/api/accoun%74",
        "/api/account/",
        "/api//account",
        "//api/account",
        "/API/account",
        "/api/./account",
        "/health/../api/account",
        "/drive/../api/account",
        "/api/auth/login/../../account",
        "/api/auth/login%2F..%2F..%2Faccount",
        "/api/account;x=/auth/login",
        "/api/account?/auth/login",
        "/apiapi/account",
        "/api/drive/account",
        "/drive/api/account",
    ] {
        let mut raw = Raw::connect(&nobody).await;
        raw.head(&nobody, "GET", path, "").await;
        let answer = raw.answer().await;
        assert!([400, 401, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
        assert!(answer.json()["name"].is_null(), "{path} tells an account");
    }
    let mut raw = Raw::connect(&user).await;
    raw.head(&user, "GET", "/api/account", "").await;
    assert_eq!(raw.answer().await.ok()["name"], "ada", "the plain path does lead somewhere");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_its_reader() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for path in ["/", "/api/account", "/drive/files", "/health/uploads", "/nowhere", "/api/nowhere"]
    {
        let answer = user.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'self'",
            "frame-src blob:;",
            "object-src 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {part}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        let uncached =
            path.starts_with("/api") || path.starts_with("/drive") || path.starts_with("/health");
        assert_eq!(answer.header("cache-control") == "no-store", uncached, "{path}");
    }
}

#[tokio::test]
async fn the_page_and_its_files_are_served_and_kept_by_their_hash() {
    let drive = TestDrive::spawn();
    let nobody = drive.nobody();
    let page = nobody.get("/").await;
    assert_eq!((page.status.as_u16(), page.header("cache-control")), (200, "no-cache"));
    let text = String::from_utf8(page.body.clone()).unwrap();
    let script = text
        .split('"')
        .find(|part| part.starts_with("/a/") && part.ends_with("/app.js"))
        .expect("app.js");
    let answer = nobody.get(script).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "text/javascript; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    // What a page loads lives under the page's policy; a worker has its own, and compiles what it made itself.
    assert_eq!(answer.header("content-security-policy"), "default-src 'none'");
    let worker = nobody.get(&script.replace("app.js", "core/hash-worker.js")).await;
    assert_eq!(worker.header("content-security-policy"), page.header("content-security-policy"));
    // Packed for those who say that they take it: the same bytes.
    for (accepted, packed) in [("gzip, br", true), ("br, gzip;q=0.5", true), ("gzip;q=0", false)] {
        let asked = nobody.request(Method::GET, script).header("accept-encoding", accepted);
        let found = nobody.send(asked).await;
        assert_eq!(found.header("content-encoding") == "gzip", packed, "{accepted}");
        let mut plain = Vec::new();
        match packed {
            true => flate2::read::GzDecoder::new(&*found.body)
                .read_to_end(&mut plain)
                .map(|_| ())
                .unwrap(),
            false => plain.clone_from(&found.body),
        }
        assert_eq!(plain, answer.body, "{accepted}");
    }
    let known = nobody.request(Method::GET, "/").header("if-none-match", page.header("etag"));
    assert_eq!(nobody.send(known).await.status, 304);
    for path in [
        "/a/0000000000000000/app.js",
        &script.replace("app.js", "nothing.js"),
        &script.replace("app.js", "../Cargo.toml"),
    ] {
        nobody.get(path).await.refused(404, "ROUTE_NOT_FOUND");
    }
}
