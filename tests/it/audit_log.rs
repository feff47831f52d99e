//! The audit log, as those read it who look for what happened.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{Client, PASSWORD};
use crate::harness::{TestDrive, eventually};

async fn rows(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/api/audit{query}")).await.ok().as_array().unwrap().clone()
}

/// The actions with their outcomes, the newest first.
fn told(rows: &[Value]) -> Vec<String> {
    let word = |row: &Value| {
        format!("{} {}", row["action"].as_str().unwrap(), row["outcome"].as_str().unwrap())
    };
    rows.iter().map(word).collect()
}

fn count(drive: &TestDrive, action: &str) -> i64 {
    let sql = "select count(*) from audit where action = ?1";
    drive.db().query_row(sql, [action], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn it_tells_who_did_what_from_where_and_how_it_ended() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.user("bob").await;
    let nobody = drive.nobody();
    nobody
        .post("/api/auth/login", json!({ "name": "bob", "password": "wrong horse battery" }))
        .await
        .refused(401, "SIGN_IN_FAILED");
    user.get("/api/accounts").await.refused(403, "FORBIDDEN");
    let body = json!({ "name": "eve", "password": PASSWORD });
    user.post("/api/accounts", body).await.refused(403, "FORBIDDEN");
    let file = user.upload("a.txt", b"some bytes", json!({})).await;
    let id = file["id"].as_str().unwrap();
    user.content(id).await;
    // A player that goes on is not kept again; one that begins is.
    for range in ["bytes=3-", "bytes=5-6", "bytes=-2", "bytes=0-"] {
        let path = format!("/api/files/{id}/content");
        let request = user.request(Method::GET, &path).header("range", range);
        assert_eq!(user.send(request).await.status, 206, "{range}");
    }
    eventually("the downloads are kept", || count(&drive, "file.read") == 2).await;

    let all = rows(&admin, "?limit=100").await;
    let mine = rows(&user, "").await;
    assert!(mine.len() < all.len() && mine.iter().all(|row| row["account"] == "bob"));
    let told_all = told(&all);
    for expected in [
        "account.setup ok",
        "account.sign_in ok",
        "account.sign_in SIGN_IN_FAILED",
        "account.create FORBIDDEN",
        "upload.create ok",
        "upload.complete ok",
        "file.read ok",
    ] {
        assert!(told_all.contains(&expected.to_owned()), "{expected} is not in {told_all:?}");
    }
    let failed = rows(&admin, "?outcome=SIGN_IN_FAILED").await;
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0]["account"].as_str(), &failed[0]["accountId"]),
        (Some("bob"), &Value::Null)
    );
    assert_eq!(failed[0]["address"], "127.0.0.1");
    let read = rows(&admin, "?action=file.read").await;
    assert_eq!(read[0]["object"], id);
    assert_eq!(read[0]["accountId"], user.get("/api/account").await.ok()["id"]);
    assert_eq!(rows(&admin, "?action=upload.").await.len(), 2);
    assert!(rows(&user, "?outcome=SIGN_IN_FAILED").await.is_empty());
    admin.get("/api/audit?colour=red").await.refused(400, "INVALID_REQUEST");

    let page = admin.get("/api/audit?limit=2").await;
    let next = page.header("x-next-cursor").to_owned();
    let first = page.ok();
    let second = rows(&admin, &format!("?limit=2&cursor={next}")).await;
    assert!(second[0]["seq"].as_u64() < first[1]["seq"].as_u64());
    let export = admin.get("/api/audit?format=ndjson").await;
    let lines = String::from_utf8(export.body).unwrap();
    assert!(lines.lines().count() >= all.len());
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[tokio::test]
async fn a_token_without_the_scope_sees_its_own_accounts_rows_alone() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    drive.user("bob").await;
    let made = admin.post("/api/tokens", json!({ "name": "t", "scopes": ["tasks"] })).await.ok();
    let program = Client { token: made["token"].as_str().map(str::to_owned), ..drive.nobody() };
    assert!(rows(&program, "").await.iter().all(|row| row["account"] == "ada"));
    assert!(rows(&admin, "").await.iter().any(|row| row["account"] == "bob"));
}

fn verify(drive: &TestDrive) -> (bool, String) {
    let output = std::process::Command::new(crate::harness::program())
        .args(["audit", "verify", "--data-dir"])
        .arg(drive.data_dir())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_changed_row_and_a_missing_one_are_found() {
    let drive = TestDrive::spawn();
    drive.admin().await;
    for _ in 0..5 {
        drive.signed_in("ada").await;
    }
    let (whole, said) = verify(&drive);
    assert!(whole && said.contains("6 rows"), "{said}");
    let db = drive.db();
    for (harm, mend) in [
        (
            "update audit set outcome = 'x' where seq = 3",
            "update audit set outcome = 'ok' where seq = 3",
        ),
        (
            "update audit set at = at + 1 where seq = 6",
            "update audit set at = at - 1 where seq = 6",
        ),
    ] {
        db.execute_batch(harm).unwrap();
        let (whole, said) = verify(&drive);
        assert!(!whole && said.contains("broken"), "{harm}: {said}");
        db.execute_batch(mend).unwrap();
        assert!(verify(&drive).0);
    }
    db.execute_batch("delete from audit where seq = 1").unwrap();
    assert!(!verify(&drive).0, "a row is missing from the beginning");
}

#[tokio::test]
async fn old_rows_are_forgotten_and_the_rest_still_holds() {
    let drive = TestDrive::spawn_with(&[("DRIVE_AUDIT_KEEP_DAYS", "30")]);
    let admin = drive.admin().await;
    drive.signed_in("ada").await;
    drive.clock.advance_ms(20 * 24 * 3600 * 1000);
    drive.signed_in("ada").await;
    drive.clock.advance_ms(20 * 24 * 3600 * 1000);
    drive.sweep().await;
    drop(admin);
    let admin = drive.signed_in("ada").await;
    assert_eq!(rows(&admin, "").await.len(), 2);
    let (whole, said) = verify(&drive);
    assert!(whole && said.contains("2 rows"), "{said}");
}

#[tokio::test]
async fn the_command_line_leaves_its_traces_and_makes_tokens() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let output = std::process::Command::new(crate::harness::program())
        .args(["token", "create", "ada", "--scope", "tasks", "--scope", "files:read", "--data-dir"])
        .arg(drive.data_dir())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(text.starts_with("drv_"), "{text}");
    let program = Client { token: Some(text), ..drive.nobody() };
    assert_eq!(program.get("/api/account").await.ok()["scopes"], json!(["files:read", "tasks"]));
    let rows = rows(&admin, "?action=token.create").await;
    assert_eq!((rows.len(), rows[0]["account"].as_str()), (1, Some("command line")));
}
