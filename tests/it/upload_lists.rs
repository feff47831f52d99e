//! Lists of uploads, their statistics, and forgetting those that failed.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Client, id};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["fileName"].as_str().unwrap()).collect()
}

async fn list(client: &Client, query: &str) -> (Value, String) {
    client.list(&format!("/api/files/upload/tasks?{query}")).await
}

async fn create(client: &Client, name: &str, size: u64) -> String {
    id(&client.create(name, size, json!({})).await.ok())
}

#[tokio::test]
async fn every_sort_key_sorts_both_ways() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    // Each key has an order of its own: by name b c d, by size c d b, by creation d b c, by activity b d c.
    let mut ids = Vec::new();
    for (name, size) in [("d", 200), ("b", 300), ("c", 100)] {
        ids.push(create(&user, name, size).await);
        drive.clock.advance_ms(1000);
    }
    user.chunk(&ids[0], 0, &[1; 200]).await.ok();
    drive.clock.advance_ms(1000);
    user.call(&format!("/api/tasks/{}/pause", ids[2])).await.ok();
    let rising = [
        ("filename", ["b", "c", "d"]),
        ("filesize", ["c", "d", "b"]),
        ("createdAt", ["d", "b", "c"]),
        ("updatedAt", ["b", "d", "c"]),
        ("lastActivity", ["b", "d", "c"]),
    ];
    for (key, order) in rising {
        let (up, total) = list(&user, &format!("sortBy={key}&sortDescending=false")).await;
        assert_eq!((names(&up), total.as_str()), (order.to_vec(), "3"), "{key}");
        let falling: Vec<_> = order.into_iter().rev().collect();
        let (down, _) = list(&user, &format!("sortBy={key}&sortDescending=true")).await;
        assert_eq!(names(&down), falling, "{key}");
        let (usual, _) = list(&user, &format!("sortBy={key}")).await;
        assert_eq!(names(&usual), falling, "falling is the default: {key}");
    }
    assert_eq!(names(&list(&user, "").await.0), ["c", "d", "b"], "the last activity comes first");
}

#[tokio::test]
async fn pages_of_equal_rows_neither_repeat_nor_miss_one() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for _ in 0..7 {
        create(&user, "same.bin", 100).await;
    }
    for key in ["filename", "filesize", "createdAt", "updatedAt", "lastActivity"] {
        for way in ["true", "false"] {
            let order = format!("sortBy={key}&sortDescending={way}");
            let (whole, _) = list(&user, &order).await;
            let mut paged = Vec::new();
            for offset in [0, 3, 6, 9] {
                let (page, total) = list(&user, &format!("{order}&offset={offset}&limit=3")).await;
                assert_eq!(total, "7", "the total does not depend on the page");
                paged.extend(page.as_array().unwrap().iter().cloned());
            }
            assert_eq!(Value::Array(paged), whole, "{order}");
        }
    }
}

/// An upload in each status that one can have.
async fn one_of_each(drive: &TestDrive, user: &Client) {
    let running = create(user, "InProgress", 100).await;
    user.chunk(&running, 0, &[1; 100]).await.ok();
    create(user, "InProgress", 100).await;
    let paused = create(user, "Paused", 100).await;
    user.call(&format!("/api/tasks/{paused}/pause")).await.ok();
    user.upload("Completed", &[1; 1000], json!({})).await;
    user.upload("Completed", &[2; 500], json!({})).await;
    let failed = id(&user.create("Failed", 10, json!({ "hash": "0".repeat(64) })).await.ok());
    user.chunk(&failed, 0, &[1; 10]).await.ok();
    user.complete(&failed).await.refused(422, "HASH_MISMATCH");
    let cancelled = create(user, "Cancelled", 100).await;
    user.delete(&format!("/api/files/upload/task/{cancelled}")).await.ok();
    let expired = create(user, "Expired", 100).await;
    let sql = "update tasks set expires_at = 1, last_activity = 1 where task_id = ?1";
    drive.db().execute(sql, [expired]).unwrap();
    drive.sweep().await;
}

#[tokio::test]
async fn statuses_filter_by_name_or_number_one_or_several() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    one_of_each(&drive, &user).await;
    let statuses = ["InProgress", "Paused", "Completed", "Failed", "Cancelled", "Expired"];
    for (index, status) in statuses.iter().enumerate() {
        let many = if matches!(*status, "InProgress" | "Completed") { 2 } else { 1 };
        let number = index + 1;
        for query in [
            format!("status={status}"),
            format!("status={number}"),
            format!("status={}", status.to_lowercase()),
        ] {
            let (found, total) = list(&user, &query).await;
            assert_eq!(names(&found), vec![*status; many], "{query}");
            assert_eq!(total, many.to_string());
        }
    }
    let (found, total) = list(&user, "status=Failed,Expired&sortBy=filename").await;
    assert_eq!((names(&found), total.as_str()), (vec!["Failed", "Expired"], "2"));
    assert_eq!(list(&user, "status=Pending").await.1, "0");
    assert_eq!(list(&user, "").await.1, "8");
}

#[tokio::test]
async fn a_fingerprint_finds_its_uploads() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (name, fingerprint) in [("a", "one"), ("b", "one"), ("c", "two")] {
        user.create(name, 100, json!({ "fingerprint": fingerprint })).await.ok();
    }
    let (found, total) = list(&user, "fingerprint=one&sortBy=filename&limit=1").await;
    assert_eq!((names(&found), total.as_str()), (vec!["b"], "2"));
    assert_eq!(found[0]["fingerprint"], "one");
    assert_eq!(list(&user, "fingerprint=three").await.1, "0");
    assert_eq!(list(&user, "fingerprint=one&status=Paused").await.1, "0");
}

#[tokio::test]
async fn unknown_and_senseless_questions_are_refused_by_name() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for path in ["/api/files/upload/tasks", "/api/tasks", "/drive/files"] {
        for (query, field) in [
            ("sortBy=colour", "sortBy"),
            ("colour=red", "colour"),
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=many", "limit"),
            ("offset=-1", "offset"),
            ("offset=9223372036854775808", "offset"),
            ("sortDescending=maybe", "sortDescending"),
        ] {
            let refusal =
                user.get(&format!("{path}?{query}")).await.refused(400, "INVALID_REQUEST");
            assert_eq!(refusal["details"]["field"], field, "{path}?{query}");
        }
        let most = user.get(&format!("{path}?limit=500&offset=9223372036854775807")).await;
        assert_eq!(most.header("x-total"), "0");
        assert_eq!(most.ok(), json!([]));
    }
    for path in ["/api/files/upload/tasks", "/api/tasks"] {
        for status in ["Sleeping", "7", "-1", "Failed,Sleeping"] {
            let refusal =
                user.get(&format!("{path}?status={status}")).await.refused(400, "INVALID_REQUEST");
            assert_eq!(refusal["details"]["field"], "status", "{path} {status}");
        }
    }
    let refusal = user.get("/api/tasks?type=Nonsense").await.refused(400, "INVALID_REQUEST");
    assert_eq!(refusal["details"]["field"], "type");
}

#[tokio::test]
async fn recent_uploads_are_the_last_active_ones() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for index in 0..12 {
        create(&user, &format!("{index}"), 100).await;
        drive.clock.advance_ms(10);
    }
    let recent = user.get("/api/files/upload/tasks/recent").await.ok();
    assert_eq!(names(&recent), ["11", "10", "9", "8", "7", "6", "5", "4", "3", "2"]);
    let recent = user.get("/api/files/upload/tasks/recent?limit=2").await.ok();
    assert_eq!(names(&recent), ["11", "10"]);
    for query in ["limit=0", "limit=501", "offset=1"] {
        user.get(&format!("/api/files/upload/tasks/recent?{query}"))
            .await
            .refused(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn statistics_count_each_status_and_the_bytes() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let stats = || async { user.get("/api/files/upload/stats").await.ok() };
    let nothing = stats().await;
    assert_eq!((&nothing["totalTasks"], &nothing["averageProgress"]), (&json!(0), &json!(0.0)));
    one_of_each(&drive, &user).await;
    let told = stats().await;
    for (key, number) in [
        ("totalTasks", json!(8)),
        ("inProgressTasks", json!(2)),
        ("pausedTasks", json!(1)),
        ("completedTasks", json!(2)),
        ("failedTasks", json!(1)),
        ("cancelledTasks", json!(1)),
        ("expiredTasks", json!(1)),
        // 1000 + 500 completed, 100 of one running, 10 of the failed one.
        ("totalUploadedBytes", json!(1610)),
        // Of the two that run, one has everything and one nothing.
        ("averageProgress", json!(50.0)),
    ] {
        assert_eq!(told[key], number, "{key} in {told}");
    }
    assert_eq!(told["recentActivity"].as_array().unwrap().len(), 5);
    let stranger = drive.user("bob").await;
    assert_eq!(stranger.get("/api/files/upload/stats").await.ok()["totalTasks"], 0);
}

#[tokio::test]
async fn a_clean_up_forgets_what_failed_or_expired_and_nothing_else() {
    let drive = TestDrive::spawn();
    let (user, stranger) = (drive.user("ada").await, drive.user("bob").await);
    one_of_each(&drive, &user).await;
    one_of_each(&drive, &stranger).await;
    drive.settled().await;
    let answer = user.delete("/api/files/upload/tasks/cleanup").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.ok()["cleaned"], 2);
    let (left, total) = list(&user, "sortBy=filename&sortDescending=false").await;
    let kept = ["Cancelled", "Completed", "Completed", "InProgress", "InProgress", "Paused"];
    assert_eq!((names(&left), total.as_str()), (kept.to_vec(), "6"));
    assert_eq!(list(&stranger, "").await.1, "8", "nobody else's uploads are touched");
    assert_eq!(user.delete("/api/files/upload/tasks/cleanup").await.ok()["cleaned"], 0);
}
