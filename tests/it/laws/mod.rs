//! Laws that hold for every operation, wherever a task is interrupted. A task is held at one of its safe points while
//! something is asked of it: pause and resume end like an undisturbed run, cancel leaves nothing half done.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, other_disk};

mod wishes;

use wishes::{Case, Whole};

/// Safe points that are tried for each operation; with more, they are spread evenly.
const POINTS: u64 = 12;

/// A server with a second pool on another disk.
struct Scene {
    drive: TestDrive,
    _far: TempDir,
    accounts: AtomicU64,
}

impl Scene {
    fn new() -> Self {
        let far = other_disk();
        let drive = TestDrive::spawn_with(&[
            ("DRIVE_POOL2_NAME", "far"),
            ("DRIVE_POOL2_PATH", far.path().join("pool").to_str().unwrap()),
        ]);
        Self { drive, _far: far, accounts: AtomicU64::new(0) }
    }

    /// An account of its own for each try, so that all can share a server.
    async fn account(&self) -> Client {
        let number = self.accounts.fetch_add(1, Ordering::Relaxed);
        self.drive.user(&format!("user{number}")).await
    }
}

/// What an account has: everything about its files but ids and times.
async fn picture(user: &Client) -> BTreeSet<String> {
    let pools = user.get("/api/pools").await.ok();
    let pool_name = |id: &Value| {
        pools.as_array().unwrap().iter().find(|pool| pool["id"] == *id).unwrap()["name"].clone()
    };
    let files = user.get("/api/files?limit=500").await.ok();
    let mut seen = BTreeSet::new();
    for file in files.as_array().unwrap() {
        // The same plain bytes never become the same encrypted bytes.
        let encrypted = file["isEncrypted"] == true;
        // Nor do two archives with a password: their salts differ.
        let hidden = encrypted || file["name"] == "secret.zip";
        let hash = if hidden { json!("encrypted") } else { file["hash"].clone() };
        let size = if encrypted { &file["metadata"]["plainSize"] } else { &file["size"] };
        let facts = json!([
            file["folder"],
            file["name"],
            size,
            hash,
            file["contentType"],
            file["tags"],
            pool_name(&file["poolId"]),
            file["isEncrypted"],
        ]);
        assert!(seen.insert(facts.to_string()), "twice the same file: {facts}");
    }
    seen
}

async fn quota(user: &Client) -> (i64, i64) {
    let quota = user.get("/api/quota").await.ok();
    (quota["used"].as_i64().unwrap(), quota["reserved"].as_i64().unwrap())
}

/// Runs the wish undisturbed; what the account has then, its quota, and how many safe points were passed.
async fn undisturbed(scene: &Scene, case: &Case) -> (BTreeSet<String>, i64, u64) {
    let user = scene.account().await;
    let wish = case.prepare(&user).await;
    let passed = Arc::new(AtomicU64::new(0));
    let counting = passed.clone();
    scene.drive.probe(Some(Arc::new(move || {
        counting.fetch_add(1, Ordering::Relaxed);
    })));
    let task = user.run(case.task_type, wish).await;
    scene.drive.probe(None);
    assert_eq!(task["status"], "Completed", "{}: {task}", case.name);
    (picture(&user).await, quota(&user).await.0, passed.load(Ordering::Relaxed))
}

/// Safe points to try. What age writes before a file has a random length, so there the last ones may not be reached.
fn points(case: &Case, all: u64) -> Vec<u64> {
    let all = if case.is_exact() { all } else { all * 3 / 4 };
    let step = all.div_ceil(POINTS).max(1);
    let mut points: Vec<u64> = (1..=all).step_by(step as usize).collect();
    points.push(all);
    points.dedup();
    points
}

/// Starts the wish and holds it at a safe point; the task's id.
async fn held(
    scene: &Scene,
    case: &Case,
    user: &Client,
    point: u64,
) -> (String, mpsc::SyncSender<()>) {
    let wish = case.prepare(user).await;
    let (reached, go) = scene.drive.hold_at(point);
    let task = user.ask(case.task_type, wish).await;
    assert_eq!(task.status, 201, "{}", String::from_utf8_lossy(&task.body));
    tokio::task::spawn_blocking(move || {
        reached.recv_timeout(std::time::Duration::from_secs(30)).expect("the safe point is reached")
    })
    .await
    .unwrap();
    (id(&task.json()), go)
}

async fn resumed_is_undisturbed(scene: &Scene, case: &Case) {
    let (after, used, all) = undisturbed(scene, case).await;
    for point in points(case, all) {
        let user = scene.account().await;
        let (task_id, go) = held(scene, case, &user, point).await;
        let asked = user.call(&format!("/api/tasks/{task_id}/pause")).await;
        assert_eq!(asked.status, 202, "recorded until the worker honours it");
        assert_eq!(asked.json()["requested"], "pause");
        drop(go);
        scene.drive.probe(None);
        let task = user.until(&task_id, &["Paused", "Completed"]).await;
        if task["status"] == "Paused" {
            assert_eq!(task["requested"], json!(null));
            user.call(&format!("/api/tasks/{task_id}/resume")).await.ok();
        }
        let task = user.ended(&task_id).await;
        assert_eq!(task["status"], "Completed", "{} at {point} of {all}: {task}", case.name);
        let now = picture(&user).await;
        let unlike: Vec<_> = now.symmetric_difference(&after).collect();
        assert!(unlike.is_empty(), "{} at {point} of {all}: {unlike:#?}", case.name);
        let (used_now, reserved) = quota(&user).await;
        assert_eq!(reserved, 0, "{} at {point} of {all}", case.name);
        if case.is_exact() {
            assert_eq!(used_now, used, "{} at {point} of {all}", case.name);
        }
    }
}

async fn cancelled_leaves_nothing_half_done(scene: &Scene, case: &Case) {
    let (after, used, all) = undisturbed(scene, case).await;
    for point in points(case, all) {
        let user = scene.account().await;
        let (task_id, go) = held(scene, case, &user, point).await;
        let before = picture(&user).await;
        let used_before = quota(&user).await.0;
        let asked = user.call(&format!("/api/tasks/{task_id}/cancel")).await;
        assert_eq!(asked.json()["requested"], "cancel");
        drop(go);
        scene.drive.probe(None);
        let task = user.ended(&task_id).await;
        let now = picture(&user).await;
        let (used_now, reserved) = quota(&user).await;
        assert_eq!(reserved, 0, "{} at {point} of {all}", case.name);
        match (task["status"].as_str().unwrap(), case.whole) {
            ("Completed", _) => {
                assert_eq!(now, after);
                assert!(!case.is_exact() || used_now == used, "{}", case.name);
            }
            ("Cancelled", Whole::Task) => assert_eq!((now, used_now), (before, used_before)),
            // Each file is as it was or as it was to be, and nothing else is there.
            ("Cancelled", Whole::Item) => {
                let legal: BTreeSet<_> = before.union(&after).cloned().collect();
                assert!(now.is_subset(&legal), "{} at {point}: {now:?}", case.name);
            }
            (status, _) => panic!("{} at {point} of {all}: {status}: {task}", case.name),
        }
    }
    // What each of them made and did not publish is gone from the disk, and no staging file is left.
    let settled = scene.drive.settled().await;
    assert!(settled.staged.is_empty(), "{}: {:?}", case.name, settled.staged);
    scene.drive.swept().await;
    let held: i64 = scene
        .drive
        .db()
        .query_row("select count(*) from objects where refs = 0", [], |row| row.get(0))
        .unwrap();
    assert_eq!(held, 0, "{}", case.name);
}

macro_rules! laws {
    ($($name:ident;)*) => {$(
        mod $name {
            #[tokio::test]
            async fn paused_and_resumed_anywhere_ends_the_same() {
                let scene = super::Scene::new();
                for case in super::wishes::$name() {
                    super::resumed_is_undisturbed(&scene, &case).await;
                }
            }

            #[tokio::test]
            async fn cancelled_anywhere_leaves_nothing_half_done() {
                let scene = super::Scene::new();
                for case in super::wishes::$name() {
                    super::cancelled_leaves_nothing_half_done(&scene, &case).await;
                }
            }
        }
    )*};
}

laws! {
    file_move;
    storage_migration;
    bulk_operation;
    file_compress;
    file_decompress;
    file_conversion;
    file_encrypt;
    file_decrypt;
    custom;
}

/// An operation that is not held against the laws is not done.
#[tokio::test]
async fn every_operation_has_its_laws() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let known: BTreeSet<_> = user
        .get("/api/operations")
        .await
        .ok()
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation["type"].as_str().unwrap().to_owned())
        .collect();
    let mut tried = wishes::types();
    // Its laws are those of `crash.rs`, `restart.rs` and `complete.rs`: its client drives it.
    tried.insert("FileUpload".to_owned());
    assert_eq!(known, tried);
}
