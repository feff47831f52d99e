//! What is stored, told to its owner and to those who bill it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks;
use crate::harness::{TestDrive, bytes};

async fn usage(client: &Client, query: &str) -> Value {
    client.get(&format!("/api/usage{query}")).await.ok()
}

#[tokio::test]
async fn usage_is_told_by_pool_type_and_month_and_adds_up() {
    let second = crate::harness::folder();
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "second"),
        ("DRIVE_POOL2_PATH", second.path().join("pool").to_str().unwrap()),
        ("DRIVE_POOL2_QUOTA_MULTIPLIER", "2"),
    ]);
    drive.admin().await;
    let user = drive.account("bob", "user", Some(100_000)).await;
    let pool = user.pool("second").await;
    user.upload("a.png", &bytes(1, 1000), json!({ "contentType": "image/png" })).await;
    user.upload("b.jpg", &bytes(2, 500), json!({ "contentType": "image/jpeg" })).await;
    let more = json!({ "contentType": "text/plain", "poolId": pool });
    let thrown = user.upload("c.txt", &bytes(3, 200), more).await;
    drive.clock.advance_ms(40 * 24 * 3600 * 1000);
    let (user, admin) = (drive.signed_in("bob").await, drive.signed_in("ada").await);
    user.upload("d.txt", &bytes(4, 30), json!({ "contentType": "text/plain" })).await;
    let delete = json!({ "operationType": "delete", "targetIds": [thrown["id"]],
        "operationParameters": { "confirm": true } });
    assert_eq!(user.run("BulkOperation", delete).await["status"], "Completed");

    let told = usage(&user, "").await;
    assert_eq!((told["used"].as_u64(), told["trash"].as_u64()), (Some(1930), Some(400)));
    assert_eq!(user.get("/api/quota").await.ok()["trash"], 400);
    let rows = |field: &str, name: &str| -> Vec<(String, u64, u64, u64)> {
        let number = |row: &Value, key: &str| row[key].as_u64().unwrap();
        let row = |row: &Value| {
            let key = row[name].as_str().unwrap().to_owned();
            (key, number(row, "files"), number(row, "bytes"), number(row, "charged"))
        };
        told[field].as_array().unwrap().iter().map(row).collect()
    };
    let mut pools = rows("byPool", "pool");
    pools.sort();
    assert_eq!(pools, [("default".into(), 3, 1530, 1530), ("second".into(), 1, 200, 400)]);
    assert_eq!(
        rows("byType", "type"),
        [("image".into(), 2, 1500, 1500), ("text".into(), 2, 230, 430)]
    );
    assert_eq!(rows("byMonth", "month").len(), 2);
    for field in ["byPool", "byType", "byMonth"] {
        let sum: u64 = told[field]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["charged"].as_u64().unwrap())
            .sum();
        assert_eq!(Some(sum), told["used"].as_u64(), "{field}");
    }

    user.get("/api/usage?account=all").await.refused(403, "FORBIDDEN");
    let all = usage(&admin, "?account=all").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let id = told["accountId"].as_str().unwrap();
    assert_eq!(usage(&admin, &format!("?account={id}")).await["used"], 1930);
    admin.get("/api/usage?account=x").await.refused(404, "NOT_FOUND");
    user.get("/api/usage?format=xml").await.refused(400, "INVALID_REQUEST");

    let answer = admin.get("/api/usage?account=all&format=csv").await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("account_id,account,pool,type,month,trash,files,bytes,charged"));
    let charged: u64 =
        lines.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(charged, 1930);
}

#[tokio::test]
async fn how_fast_uploads_were_is_told_by_day() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.user("bob").await;
    for (seed, took_ms) in [(1, 2000), (2, 4000)] {
        let data = bytes(seed, 3000);
        let task =
            id(&user.create("a.bin", 3000, json!({ "folder": format!("/{seed}") })).await.ok());
        drive.clock.advance_ms(took_ms);
        user.chunk(&task, 0, &data).await.ok();
        user.complete(&task).await.ok();
    }
    let small = user.request(Method::POST, "/api/files/upload/direct?fileName=small.txt");
    user.send(small.body("in one request")).await.ok();
    let told = usage(&user, "").await["uploadsByDay"].clone();
    let [day] = told.as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&day["uploads"], &day["bytes"]), (&json!(2), &json!(6000)), "{day}");
    assert!((6.0..9.0).contains(&day["seconds"].as_f64().unwrap()), "{day}");
    assert_eq!(day["day"].as_str().unwrap().len(), 10);
    assert_eq!(usage(&admin, "").await["uploadsByDay"], json!([]));
    drive.clock.advance_ms(91 * 24 * 3600 * 1000);
    let user = drive.signed_in("bob").await;
    assert_eq!(usage(&user, "").await["uploadsByDay"], json!([]), "too long ago");
}

#[tokio::test]
async fn what_became_of_tasks_is_counted_for_administrators_too() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.user("bob").await;
    for client in [&admin, &user, &user] {
        client.ask("Custom", json!({})).await.ok();
    }
    let total = async |client: &Client, query: &str| {
        client.get(&format!("/api/tasks/stats{query}")).await.ok()["byStatus"]["InProgress"].clone()
    };
    let bob = usage(&user, "").await["accountId"].as_str().unwrap().to_owned();
    assert_eq!(total(&admin, "").await, 1);
    assert_eq!(total(&admin, &format!("?account={bob}")).await, 2);
    assert_eq!(total(&admin, "?account=all").await, 3);
    user.get("/api/tasks/stats?account=all").await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn wrong_sums_are_found_by_the_command() {
    let drive = TestDrive::spawn();
    let user = drive.account("bob", "user", Some(5000)).await;
    user.upload("a.bin", &bytes(1, 1000), json!({})).await;
    drive.db().execute("update accounts set used_bytes = 4000", []).unwrap();
    user.create("b.bin", 2000, json!({})).await.refused(403, "QUOTA_EXCEEDED");
    let output = std::process::Command::new(crate::harness::program())
        .args(["account", "recount", "--data-dir"])
        .arg(drive.data_dir())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("1 account"), "{said}");
    assert_eq!(user.get("/api/quota").await.ok()["used"], 1000);
    user.create("b.bin", 2000, json!({})).await.ok();
}

#[tokio::test]
async fn administrators_see_and_end_everybodys_tasks() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    let user = drive.user("bob").await;
    let task = user.create("a.bin", 10, json!({})).await.ok();
    let id = task["taskId"].as_str().unwrap();
    user.get("/api/tasks?account=all").await.refused(403, "FORBIDDEN");
    let (all, total) = admin.list("/api/tasks?account=all").await;
    assert_eq!((all.as_array().unwrap().len(), total.as_str()), (1, "1"));
    assert_eq!(all[0]["taskId"], id);
    assert_eq!(all[0]["account"], "bob");
    let (own, total) = admin.list("/api/tasks").await;
    assert_eq!((own.as_array().unwrap().len(), total.as_str()), (0, "0"));
    let request = admin.request(Method::GET, &format!("/api/tasks/{id}"));
    admin.send(request).await.refused(404, "NOT_FOUND");
}
