//! Custom tasks that this server works on: checking files for damage, writing manifests.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::custom::{lasting, names};
use crate::harness::client::id;
use crate::harness::socket::Socket;
use crate::harness::tasks::Tasks;
use crate::harness::{TestDrive, bytes, sha256};

#[tokio::test]
async fn a_handlers_task_is_heard_of_in_order() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("a.bin", b"bytes", json!({})).await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    let task = user.run("Custom", json!({ "handler": "verifyFiles" })).await;
    let events = lasting(&mut socket, &id(&task), "task.completed").await;
    assert_eq!(names(&events), ["task.created", "task.started", "task.completed"]);
    assert_eq!(events[2]["data"]["results"], task["results"]);
    let seqs: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted());
}

/// Where the bytes of a file lie.
fn object(drive: &TestDrive, file: &Value) -> PathBuf {
    let sql = "select object_id from files where id = ?1";
    let of = file["id"].as_str().unwrap();
    let id: String = drive.db().query_row(sql, [of], |row| row.get(0)).unwrap();
    drive.data_dir().join("pool/objects").join(&id[id.len() - 2..]).join(&id)
}

/// Three ways in which a disk loses bytes.
struct Damage {
    gone: PathBuf,
    short: PathBuf,
}

impl Damage {
    fn done(drive: &TestDrive, files: &[Value]) -> Self {
        let [flipped, gone, short] = [0, 1, 2].map(|at| object(drive, &files[at]));
        for path in [&flipped, &short] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut data = std::fs::read(&flipped).unwrap();
        data[299_999] ^= 1;
        std::fs::write(&flipped, &data).unwrap();
        std::fs::rename(&gone, gone.with_extension("away")).unwrap();
        std::fs::File::options().write(true).open(&short).unwrap().set_len(10).unwrap();
        Self { gone, short }
    }

    /// What the disk has lost is not this server's disorder.
    fn mended(self) {
        std::fs::rename(self.gone.with_extension("away"), &self.gone).unwrap();
        std::fs::File::options().write(true).open(&self.short).unwrap().set_len(300_000).unwrap();
    }
}

#[tokio::test]
async fn verifying_finds_what_a_disk_has_damaged() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut files = Vec::new();
    for (seed, name) in
        ["whole.bin", "flipped.bin", "gone.bin", "short.bin", "deleted.bin"].iter().enumerate()
    {
        let data = bytes(seed as u64, 300_000);
        files.push(user.upload(name, &data, json!({ "folder": "/a/b" })).await);
    }
    user.upload("elsewhere.bin", b"elsewhere", json!({})).await;
    let whole = user.run("Custom", json!({ "handler": "verifyFiles" })).await;
    assert_eq!((&whole["lane"], &whole["itemsTotal"]), (&json!("maintenance"), &json!(6)));
    let results = json!({ "verifiedCount": 6, "verifiedBytes": 1_500_009, "corruptCount": 0, "corrupt": [], "skippedCount": 0 });
    assert_eq!(whole["results"], results);
    assert_eq!(whole["bytesDone"], 1_500_009);

    let damage = Damage::done(&drive, &files[1..4]);
    let before = id(&user.ask("Custom", json!({})).await.ok());
    let wish = json!({ "type": "Custom", "dependsOn": [before],
        "parameters": { "handler": "verifyFiles", "folder": "/a" } });
    let task = id(&user.post("/api/tasks", wish).await.ok());
    let sql = "update files set deleted_at = 1 where id = ?1";
    drive.db().execute(sql, [files[4]["id"].as_str().unwrap()]).unwrap();
    user.call(&format!("/api/tasks/{before}/complete")).await.ok();
    let found = user.ended(&task).await;
    assert_eq!(found["status"], "Completed", "{found}");
    let results = &found["results"];
    assert_eq!(
        (&results["verifiedCount"], &results["verifiedBytes"]),
        (&json!(1), &json!(300_000))
    );
    assert_eq!((&results["corruptCount"], &results["skippedCount"]), (&json!(3), &json!(1)));
    let corrupt: Vec<_> = results["corrupt"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["name"], &one["fileId"]))
        .collect();
    for (file, name) in files[1..4].iter().zip(["flipped.bin", "gone.bin", "short.bin"]) {
        assert!(corrupt.contains(&(&json!(name), &file["id"])), "{name} in {results}");
    }
    let (items, _) = user.list(&format!("/api/tasks/{task}/items?state=Failed")).await;
    let flipped =
        items.as_array().unwrap().iter().find(|item| item["name"] == "flipped.bin").unwrap();
    assert_eq!(
        (&flipped["errorCode"], &flipped["item"]["fileId"]),
        (&json!("CONTENT_CORRUPT"), &files[1]["id"])
    );
    assert_eq!(user.list(&format!("/api/tasks/{task}/items?state=Skipped")).await.1, "1");
    let refusal = user.get(&format!("/api/tasks/{task}/items?state=Lost")).await;
    assert_eq!(refusal.refused(400, "INVALID_REQUEST")["details"]["field"], "state");

    damage.mended();
    drive.db().execute("update files set deleted_at = null", []).unwrap();
    let one =
        user.run("Custom", json!({ "handler": "verifyFiles", "fileIds": [files[0]["id"]] })).await;
    assert_eq!(
        (&one["name"], &one["results"]["verifiedCount"]),
        (&json!("Verify whole.bin"), &json!(1))
    );
}

#[tokio::test]
async fn a_whole_pool_is_checked_by_administrators_alone() {
    let drive = TestDrive::spawn();
    let (admin, user) = (drive.admin().await, drive.user("bob").await);
    admin.upload("mine.bin", b"mine", json!({})).await;
    let file = user.upload("private.bin", b"private", json!({})).await;
    let pool = user.get("/api/pools").await.ok()[0]["id"].clone();
    let wish = json!({ "handler": "verifyFiles", "poolId": pool });
    let refusal = user.ask("Custom", wish.clone()).await.refused(403, "FORBIDDEN");
    assert_eq!(refusal["details"]["field"], "parameters.poolId");
    let task = admin.run("Custom", wish).await;
    assert_eq!(
        (&task["results"]["verifiedCount"], &task["results"]["skippedCount"]),
        (&json!(2), &json!(0))
    );
    let (items, _) = admin.list(&format!("/api/tasks/{}/items", id(&task))).await;
    let names: Vec<_> = items.as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert!(names.contains(&&json!("mine.bin")) && names.contains(&&file["id"]), "{items}");
    assert!(!items.to_string().contains("private.bin"), "what others call their files is not told");
}

#[tokio::test]
async fn a_manifest_lists_every_file_with_its_hash() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(10_000)).await;
    user.upload("a.txt", b"one", json!({ "folder": "/docs" })).await;
    user.upload("100%.txt", b"two", json!({ "folder": "/docs/deep" })).await;
    user.upload("else.txt", b"three", json!({})).await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    let wish = json!({ "handler": "exportManifest", "folder": "docs", "targetFolder": "/lists" });
    let task = user.run("Custom", wish).await;
    assert_eq!(task["status"], "Completed", "{task}");
    let results = &task["results"];
    assert_eq!((&results["fileCount"], &results["totalBytes"]), (&json!(2), &json!(6)));
    assert_eq!(results["fileName"], "manifest-sha256.txt");
    let file = results["resultFileId"].as_str().unwrap();
    let text = String::from_utf8(user.content(file).await).unwrap();
    let line = |data: &[u8], path: &str| format!("{}  data/{path}\n", sha256(data));
    let wanted = line(b"one", "docs/a.txt") + &line(b"two", "docs/deep/100%25.txt");
    assert_eq!(text, wanted);
    let view = user.get(&format!("/api/files/{file}")).await.ok();
    assert_eq!((&view["folder"], &view["size"]), (&json!("/lists"), &json!(text.len())));
    assert_eq!(view["hash"], format!("sha256:{}", sha256(text.as_bytes())));
    let created = socket.until("file.created").await.pop().unwrap();
    assert_eq!(created["data"]["fileId"], file);
    let quota = user.get("/api/quota").await.ok();
    assert_eq!((&quota["used"], &quota["reserved"]), (&json!(11 + text.len()), &json!(0)));

    // Everything, the first list included; a taken name gets a number.
    let all =
        user.run("Custom", json!({ "handler": "exportManifest", "targetFolder": "/lists" })).await;
    assert_eq!(all["results"]["fileCount"], 4);
    assert_eq!(all["results"]["fileName"], "manifest-sha256 (2).txt");
    drive.db().execute("update accounts set quota_bytes = used_bytes + 10", []).unwrap();
    let refusal = user.ask("Custom", json!({ "handler": "exportManifest" })).await;
    refusal.refused(403, "QUOTA_EXCEEDED");
}
