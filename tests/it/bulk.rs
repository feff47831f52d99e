//! BulkOperation: one change for many files, by ids or by filter.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::Client;
use crate::harness::tasks::Tasks as _;

const DAY_MS: i64 = 24 * 3600 * 1000;

async fn store(user: &Client, names: &[&str], folder: &str) -> Vec<Value> {
    let mut ids = Vec::new();
    for name in names {
        let file = user.upload(name, name.as_bytes(), json!({ "folder": folder })).await;
        ids.push(file["id"].clone());
    }
    ids
}

fn wish(operation: &str, ids: &[Value], parameters: Value) -> Value {
    json!({ "operationType": operation, "targetIds": ids, "operationParameters": parameters })
}

async fn names(user: &Client, query: &str) -> Vec<String> {
    let files =
        user.get(&format!("/api/files?sortBy=name&sortDescending=false&{query}")).await.ok();
    files.as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
}

async fn used(user: &Client) -> i64 {
    user.get("/api/quota").await.ok()["used"].as_i64().unwrap()
}

#[tokio::test]
async fn deleting_goes_to_the_trash_and_back_and_purging_frees_the_bytes() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let ids = store(&user, &["a.txt", "bb.txt", "ccc.txt"], "/in").await;
    let before = used(&user).await;
    let refusal = user.ask("BulkOperation", wish("delete", &ids, json!({}))).await;
    let refusal = refusal.refused(400, "CONFIRMATION_REQUIRED");
    assert_eq!(refusal["details"]["field"], "parameters.operationParameters.confirm");

    let tried = user.run("BulkOperation", wish("delete", &ids, json!({ "dryRun": true }))).await;
    assert_eq!(tried["results"]["matched"], 3, "{tried}");
    assert_eq!(names(&user, "").await.len(), 3, "a dry run changes nothing");

    let sure = json!({ "confirm": true });
    let done = user.run("BulkOperation", wish("delete", &ids, sure.clone())).await;
    assert_eq!(done["results"], json!({ "processed": 3, "failedCount": 0, "failed": [] }));
    assert_eq!((names(&user, "").await.len(), used(&user).await), (0, before), "the trash counts");

    // A new file took the name meanwhile; the one that is put back gets another.
    store(&user, &["a.txt"], "/in").await;
    user.run("BulkOperation", wish("restore", &ids[..2], json!({}))).await;
    assert_eq!(names(&user, "folder=/in").await, ["a (2).txt", "a.txt", "bb.txt"]);

    let filter = json!({ "operationType": "purge", "filter": {}, "operationParameters": sure });
    let purged = user.run("BulkOperation", filter).await;
    assert_eq!(purged["results"]["processed"], 1, "only what is in the trash: {purged}");
    assert_eq!(used(&user).await, before + 5 - 7);
    drive.swept().await;
    assert_eq!(crate::harness::order::objects_in(&drive.data_dir().join("pool")).len(), 3);
}

#[tokio::test]
async fn moving_copying_renaming_tagging_and_expiring() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let ids = store(&user, &["a.txt", "b.tar"], "/in").await;
    let before = used(&user).await;
    for (operation, parameters) in [
        ("move", json!({ "targetFolder": "/out" })),
        ("copy", json!({ "targetFolder": "/copies" })),
        ("copy", json!({ "targetFolder": "/copies" })),
        ("rename", json!({ "pattern": "{n}-{stem}.{ext}" })),
        ("tag", json!({ "add": ["red", "blue"] })),
        ("tag", json!({ "add": ["green"], "remove": ["red"] })),
        ("setExpiry", json!({ "expiredAt": "2999-01-01T00:00:00Z" })),
    ] {
        let task = user.run("BulkOperation", wish(operation, &ids, parameters)).await;
        assert_eq!(
            task["results"],
            json!({ "processed": 2, "failedCount": 0, "failed": [] }),
            "{operation}: {task}"
        );
    }
    assert_eq!(names(&user, "folder=/out").await, ["1-a.txt", "2-b.tar"]);
    assert_eq!(names(&user, "folder=/copies").await, ["a (2).txt", "a.txt", "b (2).tar", "b.tar"]);
    assert_eq!(used(&user).await, before * 3, "copies are charged");
    let objects = crate::harness::order::objects_in(&drive.data_dir().join("pool"));
    assert_eq!(objects.len(), 2, "and share their bytes");
    let file = user.get(&format!("/api/files/{}", ids[0].as_str().unwrap())).await.ok();
    assert_eq!(file["tags"], json!(["blue", "green"]));
    assert_eq!(file["expiredAt"], "2999-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    store(&user, &["old.txt", "old.png"], "/in").await;
    store(&user, &["deep.txt"], "/in/below").await;
    store(&user, &["beside.txt"], "/into").await;
    drive.clock.advance_ms(10 * DAY_MS);
    let user = drive.signed_in("ada").await;
    store(&user, &["new-and-long.txt"], "/in").await;
    for (filter, found) in [
        (json!({ "folder": "/in" }), 4),
        (json!({ "folder": "/in", "includeSubfolders": false }), 3),
        (json!({ "folder": "/" }), 5),
        (json!({ "olderThanDays": 5 }), 4),
        (json!({ "olderThanDays": 5, "folder": "/in", "type": "text/plain" }), 2),
        (json!({ "type": "image/*" }), 1),
        (json!({ "minSize": 11 }), 1),
        (json!({ "maxSize": 7 }), 2),
        (json!({ "tag": "red" }), 0),
    ] {
        let wish = json!({
            "operationType": "delete", "filter": filter, "operationParameters": { "dryRun": true },
        });
        let task = user.run("BulkOperation", wish).await;
        assert_eq!(task["results"]["matched"], found, "{filter}: {task}");
    }
    // The original's spelling: the age stands among the parameters.
    let all = json!({
        "operationType": "delete", "filter": {},
        "operationParameters": { "olderThanDays": 5, "confirm": true },
    });
    assert_eq!(user.run("BulkOperation", all).await["results"]["processed"], 4);
}

#[tokio::test]
async fn one_file_that_cannot_be_changed_does_not_stop_the_rest() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(20)).await;
    let ids = store(&user, &["eight888", "a"], "/in").await;
    let sure = json!({ "confirm": true });
    user.run("BulkOperation", wish("delete", &ids[..1], sure)).await;
    let task = user.run("BulkOperation", wish("tag", &ids, json!({ "add": ["x"] }))).await;
    assert_eq!((&task["status"], &task["results"]["processed"]), (&json!("Completed"), &json!(1)));
    let failed = &task["results"]["failed"][0];
    assert_eq!((&failed["fileId"], &failed["errorCode"]), (&ids[0], &json!("CONFLICT")), "{task}");
    assert_eq!(task["results"]["failedCount"], 1, "{task}");

    // Nothing at all could be done: that is a failure, and it names the file.
    let task = user.run("BulkOperation", wish("tag", &ids[..1], json!({ "add": ["x"] }))).await;
    assert_eq!((&task["status"], &task["errorCode"]), (&json!("Failed"), &json!("CONFLICT")));
    assert!(task["errorMessage"].as_str().unwrap().contains("eight888"), "{task}");
    // The quota holds for copies, each on its own.
    user.run("BulkOperation", wish("restore", &ids[..1], json!({}))).await;
    let copies =
        user.run("BulkOperation", wish("copy", &ids, json!({ "targetFolder": "/c" }))).await;
    assert_eq!(copies["results"]["processed"], 2, "{copies}");
    let more = user.run("BulkOperation", wish("copy", &ids, json!({ "targetFolder": "/d" }))).await;
    assert_eq!(more["results"]["processed"], 1, "only the small one fits: {more}");
    assert_eq!(more["results"]["failed"][0]["errorCode"], "QUOTA_EXCEEDED");
}

#[tokio::test]
async fn wrong_wishes_are_refused_and_named() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let ids = store(&user, &["a"], "/in").await;
    for (parameters, field) in [
        (json!({ "operationType": "restore" }), "parameters.targetIds"),
        (json!({ "operationType": "shred", "targetIds": ids }), "parameters.operationType"),
        (json!({ "targetIds": ids }), "parameters.operationType"),
        (
            json!({ "operationType": "tag", "targetIds": [] , "operationParameters": { "add": ["x"] } }),
            "parameters.targetIds",
        ),
        (wish("move", &ids, json!({})), "parameters.operationParameters.targetFolder"),
        (
            wish("move", &ids, json!({ "targetFolder": "/a/../b" })),
            "parameters.operationParameters.targetFolder",
        ),
        (wish("rename", &ids, json!({})), "parameters.operationParameters.pattern"),
        (wish("tag", &ids, json!({})), "parameters.operationParameters.add"),
        (
            wish("tag", &ids, json!({ "add": ["x".repeat(65)] })),
            "parameters.operationParameters.add",
        ),
        (
            wish("setExpiry", &ids, json!({ "expiredAt": "2001-01-01T00:00:00Z" })),
            "parameters.operationParameters.expiredAt",
        ),
        (
            json!({ "operationType": "tag", "filter": { "colour": 1 }, "operationParameters": { "add": ["x"] } }),
            "parameters.filter.colour",
        ),
    ] {
        let refusal = user.ask("BulkOperation", parameters.clone()).await;
        let refusal = refusal.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{parameters}: {refusal}");
    }
    let guest = drive.account("eve", "guest", None).await;
    let asked =
        guest.ask("BulkOperation", json!({ "operationType": "restore", "filter": {} })).await;
    asked.refused(403, "FORBIDDEN");
    let foreign = other.ask("BulkOperation", wish("tag", &ids, json!({ "add": ["x"] }))).await;
    foreign.refused(404, "NOT_FOUND");
    assert_eq!(user.get("/api/tasks?type=BulkOperation").await.ok(), json!([]));
}
