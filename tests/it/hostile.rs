//! What somebody sends who means harm: names that lead elsewhere, texts that forge lines of the log, requests that
//! never end.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, PASSWORD};
use crate::harness::raw::Raw;

/// Spellings of a way out of a folder, and names that some system takes for something else.
fn ways_out() -> Vec<String> {
    let up = [
        "../",
        "..\\",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        "..%c0%af",
        "..;/",
        "....//",
        "%252e%252e%252f",
        "\u{ff0e}\u{ff0e}/",
    ];
    let goals = ["etc/passwd", "evil.txt", "drive.db", "secrets/access-token.key"];
    let mut found: Vec<String> = up
        .iter()
        .flat_map(|up| {
            goals
                .iter()
                .flat_map(move |goal| [1, 3, 8].map(|deep| format!("{}{goal}", up.repeat(deep))))
        })
        .collect();
    found.extend(
        [
            "/etc/passwd",
            "//etc/passwd",
            "\\\\server\\share",
            "C:\\Windows\\win.ini",
            "C:evil.txt",
            "file:///etc/passwd",
            "~root/.ssh/id",
            ".",
            "..",
            "...",
            "/",
            "//",
            "a/../../b",
            "a/./b",
            "CON",
            "nul.txt",
            "a\0b",
            "a\nb",
            "a\r\nSet-Cookie: x=1",
            " ",
            "a ",
            "a.",
            "\u{202e}txt.exe",
            "\u{2028}",
            "-rf",
            "$(id)",
            "`id`",
            "|id",
            "%00",
            "%n%n",
            "{{7*7}}",
            "<script>alert(1)</script>",
            "'; drop table files; --",
            "\u{feff}x",
            "x\u{7f}",
            "\u{1f4a9}",
        ]
        .map(str::to_owned),
    );
    found.push("x".repeat(5000));
    found.push("a/".repeat(500));
    found
}

/// All paths below a folder, relative to it.
fn tree(folder: &Path) -> BTreeSet<String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.insert(path.strip_prefix(root).unwrap().display().to_string());
            if path.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(folder, folder, &mut found);
    found
}

/// Sends a text in every place of the API that takes one.
async fn everywhere(user: &Client, admin: &Client, file: &str, text: &str) -> usize {
    let query = serde_urlencoded::to_string([("fileName", text)]).unwrap();
    let with = |field: &str| {
        let mut body = json!({ "fileName": "a.bin", "fileSize": 1 });
        body[field] = json!(text);
        body
    };
    let task = |parameters: Value| json!({ "type": "FileMove", "parameters": parameters });
    let posts = [
        ("/api/files/upload/create", with("fileName")),
        ("/api/files/upload/create", with("folder")),
        ("/api/files/upload/create", with("fingerprint")),
        ("/api/files/upload/create", with("contentType")),
        ("/api/files/upload/create", with("hash")),
        ("/api/files/upload/create", with("poolId")),
        ("/api/files/upload/create", with("bundleId")),
        ("/api/tasks", task(json!({ "fileIds": [file], "targetFolder": text }))),
        ("/api/tasks", task(json!({ "fileIds": [text] }))),
        (
            "/api/tasks",
            json!({ "type": "FileCompress", "parameters": { "fileIds": [file], "outputFileName": text } }),
        ),
        ("/api/tasks", json!({ "type": "FileCompress", "parameters": { "folder": text } })),
        ("/api/tasks", json!({ "type": "Custom", "name": text, "parameters": { "x": text } })),
        ("/api/tasks", json!({ "type": text, "parameters": {} })),
        ("/api/tokens", json!({ "name": text, "scopes": ["tasks"] })),
    ];
    let mut sent = 0;
    for (path, body) in posts {
        let answer = user.post(path, body.clone()).await;
        assert!(answer.status.as_u16() < 500, "{path} {body}: {}", answer.status);
        sent += 1;
    }
    let answer = admin.post("/api/accounts", json!({ "name": text, "password": PASSWORD })).await;
    let harmless = text.starts_with(char::is_alphanumeric) && !text.contains(['/', '\\', ' ']);
    let status = answer.status.as_u16();
    assert!(status == 400 || (status == 201 && harmless), "{text:?} as a name: {status}");
    let direct = user.request(Method::POST, &format!("/api/files/upload/direct?{query}")).body("x");
    let answer = user.send(direct).await;
    assert!(answer.status.as_u16() < 500, "{text:?}: {}", answer.status);
    if answer.status.is_success() {
        let path = format!("/api/files/{}/content", answer.json()["id"].as_str().unwrap());
        let content = user.get(&path).await;
        assert_eq!(content.headers.get_all("set-cookie").iter().count(), 0);
        assert!(content.header("content-disposition").starts_with("attachment;"), "{text:?}");
    }
    let escaped = form(text);
    for path in [
        "/api/files/{}/content",
        "/api/tasks/{}",
        "/api/files/upload/resume/{}",
        "/a/{}/app.js",
        "/a/0/{}",
    ] {
        let answer = user.get(&path.replace("{}", &escaped)).await;
        assert!(
            [400, 401, 404].contains(&answer.status.as_u16()),
            "{path} {text:?}: {}",
            answer.status
        );
    }
    for query in ["folder", "q", "sortBy", "status", "cursor"] {
        let answer = user.get(&format!("/api/files?{query}={escaped}")).await;
        assert!(answer.status.as_u16() < 500, "{query} {text:?}: {}", answer.status);
    }
    sent + 12
}

fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn no_text_from_outside_becomes_a_path() {
    let drive = TestDrive::spawn();
    let (admin, user) = (drive.admin().await, drive.user("eve").await);
    let file = user.upload("a.bin", b"x", json!({})).await["id"].as_str().unwrap().to_owned();
    let parent = drive.data_dir().parent().unwrap().to_owned();
    let outside = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().contains("evil");
    let mut sent = 0;
    for text in ways_out() {
        sent += everywhere(&user, &admin, &file, &text).await;
        let made: Vec<_> = user.get("/api/tokens").await.ok().as_array().unwrap().clone();
        for token in made {
            user.delete(&format!("/api/tokens/{}", token["id"].as_str().unwrap())).await;
        }
    }
    assert!(sent > 3000, "{sent}");
    let legal = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    for path in tree(drive.data_dir()) {
        assert!(legal(&path) && !path.contains("evil") && !path.contains("passwd"), "{path}");
    }
    assert!(!std::fs::read_dir(parent).unwrap().any(|entry| outside(&entry.unwrap())));
    assert_eq!(user.content(&file).await, b"x");
}

#[tokio::test]
async fn no_text_from_outside_forges_a_line_of_the_log() {
    let folder = crate::harness::folder();
    let (data_dir, log) = (folder.path().join("data"), folder.path().join("log"));
    let server = ChildDrive::start_talkative(&data_dir, &log);
    let nobody = server.nobody();
    let forged = "2026-11-24T00:00:00Z  INFO signed in account.id=forged";
    for name in [format!("x\n{forged}"), format!("x\r{forged}"), format!("\u{1b}[2K{forged}")] {
        let login = json!({ "name": name, "password": PASSWORD });
        nobody.post("/api/auth/login", login).await.refused(401, "SIGN_IN_FAILED");
        let path = format!("/api/files/{}/content", form(&name));
        assert_eq!(nobody.get(&path).await.status, 401);
        nobody.get(&format!("/{}", form(&name))).await.refused(404, "ROUTE_NOT_FOUND");
    }
    assert_eq!(server.stop(), Some(0));
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("forged"), "the names are kept: {said}");
    assert!(!said.lines().any(|line| line.starts_with(forged)), "{said}");
    assert!(!said.contains('\r') && !said.contains("\u{1b}[2K"), "{said:?}");
}

#[tokio::test]
async fn requests_that_never_end_are_ended() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut raw = Raw::connect(&user).await;
        raw.send(b"GET /api/account HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await;
        slow.push(raw);
    }
    let began = Instant::now();
    user.upload("a.bin", &crate::harness::bytes(1, 100_000), json!({})).await;
    assert!(began.elapsed().as_secs() < 5, "others wait for the slow ones");
    join_all(slow.iter_mut().map(Raw::closed)).await;
    let seconds = began.elapsed().as_secs();
    assert!((5..30).contains(&seconds), "the slow ones were ended after {seconds} s");
}
