//! Lanes that an administrator pauses, from outside; and what workers make of it.

use std::time::Duration;

use drive::domain::task::{Status, Verb};
use drive::domain::work::Lane;
use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Client, id};
use crate::harness::scripted::{Act, Job};
use crate::harness::tasks::{Tasks, busy};
use crate::harness::world::World;

/// The figures of a lane as this one sees them.
async fn lane(client: &Client, word: &str, query: &str) -> Value {
    let lanes = client.get(&format!("/api/lanes{query}")).await.ok();
    lanes.as_array().unwrap().iter().find(|lane| lane["lane"] == word).unwrap().clone()
}

async fn compress(user: &Client, file: &str) -> String {
    id(&user.ask("FileCompress", json!({ "fileIds": [file] })).await.ok())
}

#[tokio::test]
async fn nothing_is_begun_in_a_paused_lane_not_even_after_a_restart() {
    let drive = TestDrive::spawn();
    let (admin, user) = (drive.admin().await, drive.user("ben").await);
    let file = user.upload("a.txt", b"some words", json!({})).await;
    let file = file["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let answer = admin.call("/api/lanes/cpu/pause").await.ok();
        assert_eq!(answer, json!({ "lane": "cpu", "isPaused": true }));
    }
    admin.call("/api/lanes/slow/pause").await.refused(400, "INVALID_REQUEST");
    let task = compress(&user, &file).await;
    let (listed, total) = user.list("/api/tasks?lane=cpu,maintenance").await;
    assert_eq!((&listed[0]["taskId"], total.as_str()), (&json!(task), "1"), "uploads are in none");
    // Other lanes go on.
    let moved = user.run("FileMove", json!({ "fileIds": [file], "targetFolder": "/x" })).await;
    assert_eq!(moved["status"], "Completed");

    let drive = drive.restart();
    let (admin, user) = (drive.signed_in("ada").await, drive.signed_in("ben").await);
    let told = json!({
        "lane": "cpu", "isPaused": true, "workers": lane(&user, "cpu", "").await["workers"],
        "pending": 1, "running": 0, "failed": 0,
    });
    assert_eq!(lane(&user, "cpu", "").await, told);
    assert_eq!(lane(&admin, "cpu", "").await["pending"], 0, "figures are of one's own tasks");
    assert_eq!(lane(&admin, "cpu", "?account=all").await, told);
    user.get("/api/lanes?account=all").await.refused(403, "FORBIDDEN");
    let health = user.get("/health/uploads").await.ok();
    assert_eq!(health["queues"]["cpu"], json!({ "pending": 1, "running": 0, "paused": true }));
    assert_eq!(
        (&health["queues"]["io"]["paused"], &health["status"]),
        (&json!(false), &json!("healthy"))
    );
    let metrics = String::from_utf8(user.get("/metrics").await.body.to_vec()).unwrap();
    assert!(metrics.contains("drive_lane_paused{lane=\"cpu\"} 1\n"), "{metrics}");
    assert!(metrics.contains("drive_lane_paused{lane=\"io\"} 0\n"), "{metrics}");

    admin.call("/api/lanes/cpu/resume").await.ok();
    assert_eq!(user.ended(&task).await["status"], "Completed");
    assert_eq!(lane(&user, "cpu", "").await["isPaused"], false);
    let kept = admin.get("/api/audit?action=lane.pause").await.ok();
    assert_eq!((&kept[1]["object"], &kept[1]["outcome"]), (&json!("cpu"), &json!("ok")));
}

#[tokio::test]
async fn what_runs_there_is_handed_back_and_goes_on_where_it_was() {
    let drive = TestDrive::spawn();
    let user = drive.admin().await;
    let (reached, go) = drive.hold_at(300);
    let task = busy(&user).await;
    tokio::task::spawn_blocking(move || reached.recv().unwrap()).await.unwrap();
    user.call("/api/lanes/maintenance/pause").await.ok();
    drop(go);
    let waiting = user.until(&task, &["Pending"]).await;
    assert_eq!((&waiting["attempt"], &waiting["requested"]), (&json!(0), &Value::Null));
    let done = waiting["itemsDone"].as_u64().unwrap();
    assert!((1..60).contains(&done), "{waiting}");
    let paused = user.call(&format!("/api/tasks/{task}/pause")).await.ok();
    assert_eq!(paused["status"], "Paused", "it can be paused and cancelled as ever");
    user.call(&format!("/api/tasks/{task}/resume")).await.ok();
    user.call("/api/lanes/maintenance/resume").await.ok();
    let ended = user.ended(&task).await;
    assert_eq!(
        (&ended["status"], &ended["attempt"], &ended["itemsDone"]),
        (&json!("Completed"), &json!(1), &json!(60))
    );
}

/// A lane is paused in the very moment its tasks begin: whatever the order, none of them stays with a worker.
#[test]
fn no_pause_is_lost_between_a_claim_and_its_run() {
    let world = World::at_work(&[(Lane::Quick, 4), (Lane::Io, 2)]);
    let ada = world.account("ada", None);
    let pause = |paused| {
        let engine = world.engine.clone();
        let setting = async move { engine.set_lane_paused(Lane::Quick, paused).await };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(setting).unwrap();
    };
    for round in 0..60 {
        let tasks: Vec<_> = (0..3).map(|_| world.job(ada, &Job::quick(&[Act::Patient]))).collect();
        for _ in 0..round % 7 {
            std::thread::yield_now();
        }
        pause(true);
        for task in &tasks {
            world.until(task, Status::Pending);
        }
        std::thread::sleep(Duration::from_millis(u64::from(round % 10 == 0) * 20));
        assert!(tasks.iter().all(|task| world.status(task) == Status::Pending), "round {round}");
        tasks.iter().for_each(|task| world.stage.over(task.id));
        pause(false);
        for task in &tasks {
            let _ = world.command(task, Verb::Cancel);
            world.until(task, Status::Cancelled);
        }
    }
}
