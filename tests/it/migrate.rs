//! StorageMigration: a pool's files go to another pool, each verified before its row is switched.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::{Client, id};
use crate::harness::order::objects_in;
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes, other_disk};

fn two_pools(far: &TempDir) -> TestDrive {
    TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "far"),
        ("DRIVE_POOL2_PATH", far.path().join("pool").to_str().unwrap()),
        ("DRIVE_POOL2_MAX_FILE_SIZE", "5000000"),
    ])
}

async fn pools(user: &Client) -> (Value, Value) {
    (user.pool("default").await, user.pool("far").await)
}

#[tokio::test]
async fn a_pool_is_emptied_into_another_and_its_space_freed() {
    let far = other_disk();
    let drive = two_pools(&far);
    let (admin, user) = (drive.admin().await, drive.user("bob").await);
    let (here, there) = pools(&user).await;
    let contents: Vec<_> = (0..4).map(|seed| bytes(seed, 200_000 + seed as usize)).collect();
    let mut files = Vec::new();
    for (number, content) in contents.iter().enumerate() {
        let client = if number == 0 { &admin } else { &user };
        files.push(client.upload(&format!("{number}.bin"), content, json!({})).await);
    }
    let copy = json!({
        "operationType": "copy", "targetIds": [files[1]["id"]],
        "operationParameters": { "targetFolder": "/copies" },
    });
    user.run("BulkOperation", copy).await;

    let wish = json!({ "sourcePoolId": here, "targetPoolId": there });
    let own = user.run("StorageMigration", wish.clone()).await;
    assert_eq!(own["results"]["migratedCount"], 4, "a user's own files only: {own}");
    assert_eq!(own["results"]["failed"], json!([]));
    assert_eq!(objects_in(&far.path().join("pool")).len(), 3, "shared bytes go once");
    let rest = admin.run("StorageMigration", wish.clone()).await;
    assert_eq!(rest["results"]["migratedCount"], 1, "{rest}");
    assert_eq!(rest["results"]["migratedBytes"], 200_000);
    for (number, file) in files.iter().enumerate() {
        let client = if number == 0 { &admin } else { &user };
        let file_id = file["id"].as_str().unwrap();
        assert_eq!(client.content(file_id).await, contents[number]);
        assert_eq!(client.get(&format!("/api/files/{file_id}")).await.ok()["poolId"], there);
    }
    drive.swept().await;
    assert!(objects_in(&drive.data_dir().join("pool")).is_empty());
    let nothing = admin.run("StorageMigration", wish).await;
    assert_eq!(nothing["results"]["migratedCount"], 0, "again does nothing: {nothing}");
}

#[tokio::test]
async fn the_source_may_stay_and_damage_is_found_before_anything_is_switched() {
    let far = other_disk();
    let drive = two_pools(&far);
    let user = drive.user("ada").await;
    let (here, there) = pools(&user).await;
    let good = user.upload("good.bin", &bytes(1, 100_000), json!({})).await;
    let bad = user.upload("bad.bin", &bytes(2, 100_000), json!({})).await;
    let object: String = drive
        .db()
        .query_row("select object_id from files where name = 'bad.bin'", [], |row| row.get(0))
        .unwrap();
    let path =
        drive.data_dir().join("pool/objects").join(&object[object.len() - 2..]).join(&object);
    let mut stored = std::fs::read(&path).unwrap();
    stored[50_000] ^= 1;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&path, &stored).unwrap();

    let wish = json!({
        "sourcePoolId": here, "targetPoolId": there, "deleteSource": false,
        "fileIds": [good["id"], bad["id"]],
    });
    let task = user.run("StorageMigration", wish).await;
    assert_eq!(task["results"]["migratedCount"], 1, "{task}");
    let failed = &task["results"]["failed"][0];
    assert_eq!(
        (&failed["fileId"], &failed["errorCode"]),
        (&bad["id"], &json!("CONTENT_CORRUPT")),
        "{task}"
    );
    let files = user.get("/api/files?sortBy=name&sortDescending=false").await.ok();
    let places: Vec<_> = files
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["name"].as_str().unwrap(), file["poolId"] == there))
        .collect();
    assert_eq!(places, [("bad.bin", false), ("good (2).bin", true), ("good.bin", false)]);
    assert_eq!(objects_in(&far.path().join("pool")).len(), 1);
}

#[tokio::test]
async fn what_was_reserved_pays_for_a_dearer_pool_and_for_the_own_account_alone() {
    let far = other_disk();
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "far"),
        ("DRIVE_POOL2_PATH", far.path().join("pool").to_str().unwrap()),
        ("DRIVE_POOL2_QUOTA_MULTIPLIER", "2"),
    ]);
    let (admin, user) = (drive.admin().await, drive.account("bob", "user", Some(2000)).await);
    let (here, there) = pools(&user).await;
    let wish = |from: &Value, to: &Value, moves: bool| json!({ "sourcePoolId": from, "targetPoolId": to, "deleteSource": moves });
    let quota = async |client: &Client| {
        let quota = client.get("/api/quota").await.ok();
        (quota["used"].as_i64().unwrap(), quota["reserved"].as_i64().unwrap())
    };
    user.upload("a.bin", &bytes(1, 1000), json!({})).await;
    // Twice the bytes are just what the quota allows: they are not asked for twice.
    let task = user.run("StorageMigration", wish(&here, &there, true)).await;
    assert_eq!(
        (&task["results"]["migratedCount"], quota(&user).await),
        (&json!(1), (2000, 0)),
        "{task}"
    );
    user.run("StorageMigration", wish(&there, &here, true)).await;
    assert_eq!(quota(&user).await, (1000, 0));

    // An administrator's copies of other people's files: what the task reserved is for its own account's files.
    let held = user.create("open.bin", 500, json!({})).await.ok();
    admin.upload("b.bin", &bytes(2, 300), json!({})).await;
    let task = admin.run("StorageMigration", wish(&here, &there, false)).await;
    assert_eq!(task["results"]["migratedCount"], 1, "bob has no room for his copy: {task}");
    assert_eq!(task["results"]["failed"][0]["errorCode"], "QUOTA_EXCEEDED", "{task}");
    assert_eq!((quota(&admin).await, quota(&user).await), ((900, 0), (1000, 500)));
    user.delete(&format!("/api/files/upload/task/{}", id(&held))).await.ok();
}

#[tokio::test]
async fn what_cannot_be_migrated_is_refused_before_it_begins() {
    let far = other_disk();
    let drive = two_pools(&far);
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let (here, there) = pools(&user).await;
    let file = user.upload("a.bin", b"one", json!({})).await;
    let nowhere = json!("018f0000-0000-7000-8000-000000000001");
    let ask = |from: &Value, to: &Value, more: Value| {
        let mut wish = json!({ "sourcePoolId": from, "targetPoolId": to });
        for (key, value) in more.as_object().unwrap() {
            wish[key] = value.clone();
        }
        wish
    };
    let same = user.ask("StorageMigration", ask(&here, &here, json!({}))).await;
    same.refused(400, "INVALID_REQUEST");
    let unknown = user.ask("StorageMigration", ask(&here, &nowhere, json!({}))).await;
    assert_eq!(unknown.refused(404, "NOT_FOUND")["details"]["field"], "parameters.targetPoolId");
    let foreign =
        other.ask("StorageMigration", ask(&here, &there, json!({ "fileIds": [file["id"]] }))).await;
    foreign.refused(404, "NOT_FOUND");
    let elsewhere =
        user.ask("StorageMigration", ask(&there, &here, json!({ "fileIds": [file["id"]] }))).await;
    elsewhere.refused(400, "INVALID_REQUEST");
    user.upload("large.bin", &vec![0; 5_000_001], json!({})).await;
    let large = user.ask("StorageMigration", ask(&here, &there, json!({}))).await;
    let refusal = large.refused(413, "FILE_TOO_LARGE");
    assert_eq!(refusal["details"]["fileName"], "large.bin");
    let small = ask(&here, &there, json!({ "fileIds": [file["id"]], "verify": false }));
    let done = user.ask("StorageMigration", small).await.ok();
    assert_eq!(user.ended(&id(&done)).await["status"], "Completed");
}
