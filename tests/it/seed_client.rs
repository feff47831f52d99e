//! The client code of the original design's documentation, run by Node against a real server.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::{TestDrive, bytes, sha256};

const MIB: usize = 1024 * 1024;

/// Runs the client; what it saw.
async fn run(drive: &TestDrive, user: &Client, data: &[u8]) -> Value {
    let file = drive.data_dir().join("to-upload");
    std::fs::write(&file, data).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/seed_client.cjs");
    // Later versions of Node have a WebSocket without being asked.
    let node = tokio::process::Command::new("node")
        .args(["--no-warnings", "--experimental-websocket", script])
        .env("DRIVE_URL", format!("http://{}", drive.address))
        .env("DRIVE_TOKEN", user.token.as_deref().unwrap())
        .env("DRIVE_FILE", &file)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), node).await.expect("an end in time");
    let output = output.expect("Node 20 or later is needed for this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(&file).unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packets<'a>(saw: &'a Value, name: &str, task: &Value) -> Vec<&'a Value> {
    let all = saw["packets"].as_array().unwrap().iter();
    all.filter(|one| one["type"] == name && one["data"]["taskId"] == *task)
        .map(|one| &one["data"])
        .collect()
}

#[tokio::test]
async fn the_client_of_the_original_design_works_unchanged() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    // Three chunks of the default size.
    let data = bytes(1, 12 * MIB + 5);
    let saw = run(&drive, &user, &data).await;

    let uploaded = &saw["uploaded"];
    assert_eq!(
        (&uploaded["name"], &uploaded["contentType"]),
        (&json!("large-video.mp4"), &json!("video/mp4"))
    );
    assert_eq!(uploaded["hash"], format!("sha256:{}", sha256(&data)));
    assert!(user.content(uploaded["id"].as_str().unwrap()).await == data, "the bytes are the same");
    assert_eq!(saw["again"], *uploaded, "the second time it is found by its hash");

    assert_eq!(saw["asked"], json!([0, 2]), "the chunk that had arrived is not sent again");
    let resumed = &saw["resumed"];
    assert_eq!(
        (&resumed["fileName"], &resumed["fileSize"]),
        (&json!("interrupted.mp4"), &json!(data.len() - 1))
    );
    assert!(
        user.content(resumed["fileId"].as_str().unwrap()).await == data[1..],
        "the bytes are the same"
    );

    let task = &saw["taskId"];
    let progress = packets(&saw, "upload.progress", task);
    assert!(!progress.is_empty());
    for told in progress {
        assert_eq!(
            (&told["fileName"], &told["fileSize"]),
            (&json!("large-video.mp4"), &json!(data.len()))
        );
        assert!(told["progress"].is_number() && told["chunksUploaded"].is_u64(), "{told}");
    }
    assert_eq!(packets(&saw, "upload.completed", task)[0]["fileId"], uploaded["id"]);
    assert_eq!(packets(&saw, "task.created", task)[0]["name"], "Upload File");
}

#[tokio::test]
async fn what_it_shows_is_right() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let saw = run(&drive, &user, &bytes(2, 11 * MIB)).await;
    let (task, shown) = (saw["taskId"].as_str().unwrap(), &saw["shown"]);
    let bar = &shown[format!("progress-{task}")];
    assert_eq!((&bar["textContent"], &bar["style"]["width"]), (&json!("100.0%"), &json!("100%")));
    let text = shown["progress-text"]["textContent"].as_str().unwrap();
    let percent: f64 = text.strip_suffix('%').unwrap().parse().unwrap();
    assert!((0.0..=100.0).contains(&percent), "{text}");

    let successes: Vec<_> =
        saw["successes"].as_array().unwrap().iter().map(|one| &one["taskId"]).collect();
    assert_eq!(successes.len(), 2);
    assert_eq!(successes[0], task);
    let errors = saw["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["taskId"]), (1, &saw["failed"]));
    assert!(errors[0]["errorMessage"].as_str().unwrap().contains("wrong.mp4"), "{errors:?}");
}
