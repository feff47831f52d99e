//! Waiting for a task, all tasks at a glance, forgetting old ones, and what the server can do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks;
use crate::harness::{TestDrive, eventually, folder, order};

async fn custom(user: &Client) -> String {
    id(&user.ask("Custom", json!({})).await.ok())
}

/// Asks in the background, and returns when the request is surely under way.
async fn waiting(user: &Client, task: &str, seconds: u64) -> tokio::task::JoinHandle<Value> {
    let (user, path) = (user.clone(), format!("/api/tasks/{task}/wait?timeout={seconds}"));
    let asked = tokio::spawn(async move { user.get(&path).await.ok() });
    // Whether it is early or late, the answer must be the same; a moment makes both likely.
    tokio::time::sleep(Duration::from_millis(50)).await;
    asked
}

#[tokio::test]
async fn whoever_waits_hears_of_the_end_at_once() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let (task, other) = (custom(&user).await, custom(&user).await);
    let asked = [waiting(&user, &task, 60).await, waiting(&user, &task, 60).await];
    // The end of another one, a pause and progress are no end.
    user.call(&format!("/api/tasks/{other}/complete")).await.ok();
    user.call(&format!("/api/tasks/{task}/pause")).await.ok();
    user.call(&format!("/api/tasks/{task}/resume")).await.ok();
    assert!(asked.iter().all(|one| !one.is_finished()));
    let since = Instant::now();
    user.post(&format!("/api/tasks/{task}/complete"), json!({ "results": { "a": 1 } })).await.ok();
    for one in asked {
        let told = one.await.unwrap();
        assert_eq!((&told["status"], &told["results"]), (&json!("Completed"), &json!({ "a": 1 })));
    }
    assert!(since.elapsed() < Duration::from_secs(5));
    let since = Instant::now();
    assert_eq!(user.get(&format!("/api/tasks/{task}/wait")).await.ok()["status"], "Completed");
    assert!(since.elapsed() < Duration::from_secs(5), "what has ended is told at once");
}

#[tokio::test]
async fn when_the_time_is_over_the_task_is_told_as_it_is() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let task = custom(&user).await;
    let since = Instant::now();
    let told = user.get(&format!("/api/tasks/{task}/wait?timeout=1")).await.ok();
    assert_eq!(told["status"], "InProgress");
    assert!(since.elapsed() >= Duration::from_secs(1));
    for timeout in ["0", "61", "-1", "soon"] {
        let refusal = user.get(&format!("/api/tasks/{task}/wait?timeout={timeout}")).await;
        assert_eq!(refusal.refused(400, "INVALID_REQUEST")["details"]["field"], "timeout");
    }
    other.get(&format!("/api/tasks/{task}/wait")).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn those_who_wait_do_not_hold_up_a_stop() {
    let folder = folder();
    let drive = ChildDrive::start(folder.path(), &[("DRIVE_SERVER_SHUTDOWN_SECONDS", "20")]);
    let mut user = drive.nobody();
    user.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    let task = custom(&user).await;
    let asked = waiting(&user, &task, 60).await;
    let since = Instant::now();
    let code = tokio::task::spawn_blocking(move || drive.stop()).await.unwrap();
    assert_eq!(code, Some(0));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(asked.await.unwrap()["status"], "InProgress");
    order::check(folder.path());
}

/// As many open files as the machine allows.
fn many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[tokio::test]
async fn the_bench_of_those_who_wait_has_an_end() {
    many_files();
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let task = custom(&user).await;
    let path = format!("/api/tasks/{task}/wait?timeout=60");
    let asked: Vec<_> = (0..1010)
        .map(|_| {
            let (user, path) = (user.clone(), path.clone());
            tokio::spawn(async move { user.get(&path).await })
        })
        .collect();
    eventually("ten find no seat", || asked.iter().filter(|one| one.is_finished()).count() >= 10)
        .await;
    let full = user.get(&path).await;
    assert_eq!(full.header("retry-after"), "1");
    assert_eq!(full.refused(429, "TOO_MANY_REQUESTS")["details"]["limit"], 1000);
    user.call(&format!("/api/tasks/{task}/complete")).await.ok();
    let mut seated = 0;
    for one in asked {
        match one.await.unwrap().status.as_u16() {
            200 => seated += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert_eq!(seated, 1000);
    assert_eq!(user.get(&path).await.status, 200, "the seats are free again");
}

#[tokio::test]
async fn the_statistics_add_up() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    custom(&other).await;
    let (first, second, _) = (custom(&user).await, custom(&user).await, custom(&user).await);
    drive.clock.advance_ms(3000);
    let report = json!({ "progress": 50, "bytesDone": 700, "bytesTotal": 1000 });
    user.post(&format!("/api/tasks/{first}/progress"), report).await.ok();
    user.call(&format!("/api/tasks/{first}/complete")).await.ok();
    user.post(&format!("/api/tasks/{second}/fail"), json!({ "errorMessage": "no" })).await.ok();
    user.upload("a.bin", b"12345", json!({})).await;
    let stats = user.get("/api/tasks/stats").await.ok();
    assert_eq!(stats["total"], 4);
    let by_status = json!({ "Pending": 0, "InProgress": 1, "Paused": 0, "Completed": 2, "Failed": 1,
        "Cancelled": 0, "Expired": 0 });
    assert_eq!(stats["byStatus"], by_status);
    assert_eq!(stats["bytesProcessed"], 1005);
    let custom = &stats["byType"]["Custom"];
    assert_eq!((&custom["total"], &custom["byStatus"]["Completed"]), (&json!(3), &json!(1)));
    assert!((3.0..30.0).contains(&custom["averageDurationSeconds"].as_f64().unwrap()), "{stats}");
    assert_eq!(stats["byType"]["FileUpload"]["bytesProcessed"], 5);
    assert_eq!(stats["byType"].as_object().unwrap().len(), 2);

    let recent = user.get("/api/tasks/recent").await.ok();
    assert_eq!((recent.as_array().unwrap().len(), &recent[0]["type"]), (4, &json!("FileUpload")));
    assert_eq!(user.get("/api/tasks/recent?limit=2").await.ok().as_array().unwrap().len(), 2);
    let refusal = user.get("/api/tasks/recent?limit=501").await.refused(400, "INVALID_REQUEST");
    assert_eq!(refusal["details"]["field"], "limit");
}

#[tokio::test]
async fn old_tasks_are_forgotten_on_demand() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let foreign = custom(&other).await;
    other.call(&format!("/api/tasks/{foreign}/complete")).await.ok();
    let old = custom(&user).await;
    user.call(&format!("/api/tasks/{old}/complete")).await.ok();
    drive.clock.advance_ms(10 * 24 * 3600 * 1000);
    let (user, other) = (drive.signed_in("ada").await, drive.signed_in("bob").await);
    for verb in ["complete", "cancel"] {
        let task = custom(&user).await;
        user.call(&format!("/api/tasks/{task}/{verb}")).await.ok();
    }
    let open = custom(&user).await;
    let removed = async |query: &str| {
        user.delete(&format!("/api/tasks/cleanup{query}")).await.ok()["removed"].clone()
    };
    assert_eq!(removed("").await, 0, "thirty days");
    assert_eq!(removed("?maxAgeDays=10&status=Failed").await, 0);
    assert_eq!(removed("?maxAgeDays=10").await, 1);
    user.get(&format!("/api/tasks/{old}")).await.refused(404, "NOT_FOUND");
    assert_eq!(removed("?maxAgeDays=0&status=Cancelled").await, 1);
    assert_eq!(removed("?max_age_days=0").await, 1);
    let rest = user.get("/api/tasks").await.ok();
    assert_eq!((rest.as_array().unwrap().len(), id(&rest[0])), (1, open));
    assert_eq!(other.list("/api/tasks").await.1, "1", "another account's stay");
    for (query, field) in
        [("maxAgeDays=-1", "maxAgeDays"), ("status=Paused", "status"), ("age=1", "age")]
    {
        let refusal = user.delete(&format!("/api/tasks/cleanup?{query}")).await;
        assert_eq!(refusal.refused(400, "INVALID_REQUEST")["details"]["field"], field);
    }
}

#[tokio::test]
async fn more_tasks_than_one_transaction_takes_are_forgotten() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for _ in 0..201 {
        custom(&user).await;
    }
    user.post("/api/tasks/cancel", json!({ "type": "Custom" })).await.ok();
    eventually("they are cleaned", || drive.holdings().to_clean == 0).await;
    assert_eq!(user.delete("/api/tasks/cleanup?maxAgeDays=0").await.ok()["removed"], 201);
    assert_eq!(drive.holdings().tasks, 0);
}

#[tokio::test]
async fn every_operation_tells_what_it_takes() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let all = user.get("/api/operations").await.ok();
    for operation in all.as_array().unwrap() {
        let name = operation["type"].as_str().unwrap();
        let number = operation["number"].as_u64().unwrap();
        assert!(operation["title"].as_str().unwrap().len() > 3, "{operation}");
        assert_eq!(operation["parameters"]["type"], "object", "{operation}");
        let listed = user.get(&format!("/api/tasks?type={number}")).await;
        assert_eq!(listed.status, 200, "{name} is also known by its number");
        let made = user.ask(name, json!({ "colour": "red" })).await;
        let field = made.json()["details"]["field"].clone();
        match operation["creatable"].as_bool().unwrap() {
            false => assert_eq!((made.status.as_u16(), field), (400, json!("type")), "{name}"),
            // The one that takes anything.
            true if name == "Custom" => assert_eq!(made.status, 201),
            true => assert_eq!(
                (made.status.as_u16(), field),
                (400, json!("parameters.colour")),
                "{name}"
            ),
        }
    }
    let of = |name: &str| all.as_array().unwrap().iter().find(|one| one["type"] == name).unwrap();
    assert_eq!(
        (&of("FileUpload")["creatable"], &of("FileUpload")["number"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(
        of("Custom")["parameters"]["properties"]["handler"]["enum"],
        json!(["verifyFiles", "exportManifest", "makePreviews"])
    );
    assert_eq!(of("FileMove")["parameters"]["required"], json!(["fileIds"]));
}
