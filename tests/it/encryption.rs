//! FileEncrypt and FileDecrypt: there and back again, refused, damaged, tried again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use drive::domain::task::Verb;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes, sha256};

pub const SECRET: &str = "open sesame, please";

pub fn file_id(file: &Value) -> &str {
    file["id"].as_str().unwrap_or_else(|| panic!("no id in {file}"))
}

/// The content as it is once this password is given.
pub async fn open_with(user: &Client, file_id: &str, password: &str) -> Vec<u8> {
    let request = user.request(reqwest::Method::GET, &format!("/api/files/{file_id}/content"));
    let answer = user.send(request.header("x-file-password", password)).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.body
}

pub async fn look(user: &Client, file_id: &str) -> Value {
    user.get(&format!("/api/files/{file_id}")).await.ok()
}

async fn quota(user: &Client) -> (u64, u64) {
    let quota = user.get("/api/quota").await.ok();
    (quota["used"].as_u64().unwrap(), quota["reserved"].as_u64().unwrap())
}

/// Where the bytes of a file lie.
fn object(drive: &TestDrive, file_id: &str) -> PathBuf {
    let sql = "select object_id from files where id = ?1";
    let id: String = drive.db().query_row(sql, [file_id], |row| row.get(0)).unwrap();
    drive.data_dir().join("pool/objects").join(&id[id.len() - 2..]).join(id)
}

fn overwrite(path: &PathBuf, content: &[u8]) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(path, content).unwrap();
}

#[tokio::test]
async fn files_are_encrypted_in_place_and_decrypted_again() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(8_000_000)).await;
    let content = bytes(1, 3_000_000);
    let picture = user.upload("harbour.jpg", &content, json!({ "folder": "/in" })).await;
    let empty = user.upload("nothing.txt", b"", json!({})).await;
    let ids = json!([picture["id"], empty["id"]]);
    let wish = json!({ "fileIds": ids, "password": SECRET });

    let task = user.run("FileEncrypt", wish.clone()).await;
    assert_eq!(task["status"], "Completed", "{task}");
    assert_eq!(
        task["results"],
        json!({ "fileIds": ids, "fileCount": 2, "failedCount": 0, "failed": [] })
    );
    assert_eq!(task["parameters"], json!({ "fileIds": ids, "keepOriginal": false }));
    assert_eq!((&task["bytesDone"], &task["progress"]), (&json!(3_000_000), &json!(100.0)));
    let mut stored = 0;
    for (file, plain) in [(&picture, &content[..]), (&empty, b"")] {
        let now = look(&user, file_id(file)).await;
        assert_eq!((&now["isEncrypted"], &now["name"]), (&json!(true), &file["name"]));
        assert_eq!(now["metadata"]["plainSize"], plain.len());
        assert_eq!(now["contentType"], file["contentType"]);
        let raw = user.content(file_id(file)).await;
        assert!(raw.starts_with(b"age-encryption.org/v1\n") && raw.len() > plain.len());
        assert_eq!(
            (&now["hash"], &now["size"]),
            (&json!(format!("sha256:{}", sha256(&raw))), &json!(raw.len()))
        );
        assert_eq!(open_with(&user, file_id(file), SECRET).await, plain);
        stored += raw.len() as u64;
    }
    assert_eq!(quota(&user).await, (stored, 0));
    let again = user.ask("FileEncrypt", wish.clone()).await.refused(400, "INVALID_REQUEST");
    assert_eq!(again["details"]["field"], "parameters.fileIds");
    assert_eq!(again["details"]["fileId"], picture["id"]);

    let task = user.run("FileDecrypt", wish.clone()).await;
    assert_eq!(
        task["results"],
        json!({ "fileIds": ids, "fileCount": 2, "failedCount": 0, "failed": [] }),
        "{task}"
    );
    for file in [&picture, &empty] {
        let now = look(&user, file_id(file)).await;
        for field in ["hash", "size", "name", "folder", "contentType", "isEncrypted"] {
            assert_eq!(now[field], file[field], "{field}");
        }
    }
    assert_eq!(user.content(file_id(&picture)).await, content);
    assert_eq!(quota(&user).await, (3_000_000, 0));
    user.ask("FileDecrypt", wish).await.refused(409, "NOT_ENCRYPTED");
    assert_eq!(
        drive.db().query_row("select count(*) from task_secrets", [], |row| row.get::<_, i64>(0)),
        Ok(0)
    );
    drive.swept().await;
}

#[tokio::test]
async fn the_original_can_be_kept_and_names_find_back() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_QUOTA_MULTIPLIER", "2")]);
    let user = drive.user("ada").await;
    let content = bytes(2, 100_000);
    let file = user.upload("notes.md", &content, json!({ "folder": "/a" })).await;
    let wish = json!({ "fileIds": [file["id"]], "password": SECRET, "keepOriginal": true });
    let task = user.run("FileEncrypt", wish).await;
    let copy = task["results"]["fileIds"][0].as_str().unwrap().to_owned();
    assert_ne!(copy, file_id(&file));
    assert_eq!(look(&user, file_id(&file)).await["isEncrypted"], false);
    let made = look(&user, &copy).await;
    assert_eq!((&made["name"], &made["folder"]), (&json!("notes.md.age"), &json!("/a")));
    let size = made["size"].as_u64().unwrap();
    assert_eq!(quota(&user).await, (200_000 + 2 * size, 0));

    let wish = json!({ "fileIds": [copy], "password": SECRET, "keepOriginal": true });
    let task = user.run("FileDecrypt", wish).await;
    let third = look(&user, task["results"]["fileIds"][0].as_str().unwrap()).await;
    assert_eq!((&third["name"], &third["hash"]), (&json!("notes (2).md"), &file["hash"]));
    assert_eq!(quota(&user).await, (400_000 + 2 * size, 0));

    // A name that ends as ours do is not mistaken for one.
    let own = user.upload("backup.age", b"made elsewhere", json!({})).await;
    let wish = json!({ "fileIds": [own["id"]], "password": SECRET });
    user.run("FileEncrypt", wish.clone()).await;
    assert_eq!(look(&user, file_id(&own)).await["name"], "backup.age.age");
    user.run("FileDecrypt", wish).await;
    let back = look(&user, file_id(&own)).await;
    assert_eq!((&back["name"], &back["hash"]), (&json!("backup.age"), &own["hash"]));
    drive.swept().await;
}

#[tokio::test]
async fn what_cannot_be_done_makes_no_task() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(1700)).await;
    let stranger = drive.user("bob").await;
    let file = user.upload("a.txt", &[7; 600], json!({})).await;
    let before = drive.settled().await;
    let ask = async |kind, id: &Value, password: &str| {
        user.ask(kind, json!({ "fileIds": [id], "password": password, "keepOriginal": true })).await
    };
    for kind in ["FileEncrypt", "FileDecrypt"] {
        user.ask(kind, json!({ "fileIds": [file["id"]] })).await.refused(400, "INVALID_REQUEST");
        user.ask(kind, json!({ "fileIds": [], "password": SECRET }))
            .await
            .refused(400, "INVALID_REQUEST");
        let wish = json!({ "fileIds": [file["id"]], "password": SECRET });
        stranger.ask(kind, wish).await.refused(404, "NOT_FOUND");
    }
    for wrong in ["seven77", &"x".repeat(257)] {
        let refusal = ask("FileEncrypt", &file["id"], wrong).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "parameters.password");
    }
    ask("FileDecrypt", &file["id"], SECRET).await.refused(409, "NOT_ENCRYPTED");
    ask("FileEncrypt", &file["id"], SECRET).await.refused(403, "QUOTA_EXCEEDED");
    assert_eq!(drive.settled().await, before);

    let wish = json!({ "fileIds": [file["id"]], "password": SECRET });
    assert_eq!(user.run("FileEncrypt", wish).await["status"], "Completed");
    let before = drive.settled().await;
    let refusal =
        ask("FileDecrypt", &file["id"], "not this one").await.refused(403, "PASSWORD_WRONG");
    assert_eq!(refusal["details"]["fileId"], file["id"]);
    assert_eq!(refusal["details"]["field"], "parameters.password");
    ask("FileDecrypt", &file["id"], "").await.refused(400, "PASSWORD_REQUIRED");
    assert_eq!(drive.settled().await, before);
}

#[tokio::test]
async fn pools_decide_whether_their_files_are_encrypted() {
    let folder = crate::harness::folder();
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "plain"),
        ("DRIVE_POOL2_PATH", folder.path().join("plain").to_str().unwrap()),
        ("DRIVE_POOL2_ENCRYPTION", "forbidden"),
        ("DRIVE_POOL3_NAME", "locked"),
        ("DRIVE_POOL3_PATH", folder.path().join("locked").to_str().unwrap()),
        ("DRIVE_POOL3_ENCRYPTION", "required"),
    ]);
    let user = drive.user("ada").await;
    let pools = user.get("/api/pools").await.ok();
    let pool = |at: usize| pools[at]["id"].clone();
    let content = bytes(3, 200_000);
    let file = user.upload("a.bin", &content, json!({ "poolId": pool(1) })).await;
    let wish = json!({ "fileIds": [file["id"]], "password": SECRET });
    user.ask("FileEncrypt", wish.clone()).await.refused(403, "POOL_REFUSES");
    let travel = async |to: Value| {
        user.run("FileMove", json!({ "fileIds": [file["id"]], "targetPoolId": to })).await
    };
    travel(pool(0)).await;
    assert_eq!(user.run("FileEncrypt", wish.clone()).await["status"], "Completed");
    user.ask("FileMove", json!({ "fileIds": [file["id"]], "targetPoolId": pool(1) }))
        .await
        .refused(403, "POOL_REFUSES");
    assert_eq!(travel(pool(2)).await["status"], "Completed", "the lock moves along");
    let now = look(&user, file_id(&file)).await;
    assert_eq!((&now["poolId"], &now["isEncrypted"]), (&pool(2), &json!(true)));
    assert_eq!(open_with(&user, file_id(&file), SECRET).await, content);
    for keep in [false, true] {
        let wish = json!({ "fileIds": [file["id"]], "password": SECRET, "keepOriginal": keep });
        user.ask("FileDecrypt", wish).await.refused(403, "POOL_REFUSES");
    }
    travel(pool(0)).await;
    assert_eq!(user.run("FileDecrypt", wish).await["status"], "Completed");
    assert_eq!(look(&user, file_id(&file)).await["hash"], file["hash"]);
    drive.swept().await;
}

#[tokio::test]
async fn a_damaged_source_fails_alone_and_a_retry_goes_on_without_the_password() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (good, bad) = (bytes(4, 150_000), bytes(5, 150_000));
    let a = user.upload("good.bin", &good, json!({})).await;
    let b = user.upload("bad.bin", &bad, json!({})).await;
    let place = object(&drive, file_id(&b));
    let mut damaged = bad.clone();
    damaged[100_000] ^= 1;
    overwrite(&place, &damaged);

    let both =
        user.run("FileEncrypt", json!({ "fileIds": [a["id"], b["id"]], "password": SECRET })).await;
    assert_eq!(
        (&both["status"], &both["results"]["fileIds"]),
        (&json!("Completed"), &json!([a["id"]]))
    );
    assert_eq!(both["results"]["failed"][0]["fileId"], b["id"]);
    assert_eq!(both["results"]["failed"][0]["errorCode"], "CONTENT_CORRUPT");
    let still = look(&user, file_id(&b)).await;
    assert_eq!((&still["isEncrypted"], &still["hash"]), (&json!(false), &b["hash"]));

    let failed = user.run("FileEncrypt", json!({ "fileIds": [b["id"]], "password": SECRET })).await;
    assert_eq!(
        (&failed["status"], &failed["errorCode"]),
        (&json!("Failed"), &json!("CONTENT_CORRUPT"))
    );
    overwrite(&place, &bad);
    let id = failed["taskId"].as_str().unwrap();
    drive.command(id, Verb::Retry).await.unwrap();
    assert_eq!(user.ended(id).await["status"], "Completed");
    assert_eq!(open_with(&user, file_id(&b), SECRET).await, bad);

    let place = object(&drive, file_id(&b));
    let sealed = std::fs::read(&place).unwrap();
    let mut damaged = sealed.clone();
    damaged[100_000] ^= 1;
    overwrite(&place, &damaged);
    let failed = user.run("FileDecrypt", json!({ "fileIds": [b["id"]], "password": SECRET })).await;
    assert_eq!(
        (&failed["status"], &failed["errorCode"]),
        (&json!("Failed"), &json!("CONTENT_CORRUPT"))
    );
    assert_eq!(look(&user, file_id(&b)).await["isEncrypted"], true);
    let refused = drive.command(failed["taskId"].as_str().unwrap(), Verb::Retry).await.unwrap_err();
    assert_eq!(refused.kind(), drive::domain::error::Kind::PasswordRequired);
    overwrite(&place, &sealed);
    drive.swept().await;
}

#[tokio::test]
async fn seventeen_keys_are_too_many_for_one_request() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut ids = Vec::new();
    for number in 0..17 {
        let file = user.upload(&format!("{number}.txt"), &[number; 10], json!({})).await;
        ids.push(file["id"].clone());
    }
    let wish = json!({ "fileIds": ids, "password": SECRET });
    assert_eq!(user.run("FileEncrypt", wish.clone()).await["results"]["fileCount"], 17);
    let keys = "select count(distinct wrapped_key) from files";
    assert_eq!(
        drive.db().query_row(keys, [], |row| row.get::<_, i64>(0)),
        Ok(1),
        "a task has one key"
    );
    let spread = "update files set wrapped_key = cast(wrapped_key || name as blob)";
    drive.db().execute(spread, []).unwrap();
    let refusal = user.ask("FileDecrypt", wish).await.refused(400, "INVALID_REQUEST");
    assert_eq!(refusal["details"]["limit"], 16);
}

#[tokio::test]
async fn a_scheduled_decryption_keeps_its_keys_over_a_restart_and_forgets_them_at_its_end() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(6, 100_000);
    let file = user.upload("a.bin", &content, json!({})).await;
    let parameters = json!({ "fileIds": [file["id"]], "password": SECRET });
    user.run("FileEncrypt", parameters.clone()).await;
    let later = drive.clock.now().plus_ms(3_600_000);
    let wish = json!({ "type": "FileDecrypt", "parameters": parameters, "runAt": later });
    let task = crate::harness::client::id(&user.post("/api/tasks", wish).await.ok());
    let drive = drive.restart();
    let user = drive.signed_in("ada").await;
    assert_eq!(user.get(&format!("/api/tasks/{task}")).await.ok()["status"], "Pending");
    drive.clock.advance_ms(3_600_001);
    let user = drive.signed_in("ada").await;
    drive.tick();
    assert_eq!(user.ended(&task).await["status"], "Completed");
    assert!(user.content(file_id(&file)).await == content);
    let secrets = "select count(*) from task_secrets";
    assert_eq!(drive.db().query_row(secrets, [], |row| row.get::<_, i64>(0)), Ok(0));
}
