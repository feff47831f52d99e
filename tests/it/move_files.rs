//! FileMove: between folders, bundles and pools.

use serde_json::json;

use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes, other_disk};

#[tokio::test]
async fn files_move_between_folders_and_bundles_by_rows_alone() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let a = user.upload("a.txt", b"one", json!({ "folder": "/in" })).await;
    let b = user.upload("b.txt", b"two", json!({ "folder": "/in" })).await;
    let bundle = user.post("/api/bundles", json!({ "name": "b" })).await.ok()["id"].clone();
    let wish = json!({ "fileIds": [a["id"], b["id"]], "targetFolder": "out/deep", "targetBundleId": bundle });
    let task = user.run("FileMove", wish).await;
    assert_eq!(task["status"], "Completed", "{task}");
    assert_eq!(task["results"], json!({ "movedCount": 2, "failedCount": 0, "failed": [] }));
    assert_eq!(
        (&task["lane"], &task["itemsDone"], &task["progress"]),
        (&json!("quick"), &json!(2), &json!(100.0))
    );
    for (file, name) in [(&a, "a.txt"), (&b, "b.txt")] {
        let now = user.get(&format!("/api/files/{}", file["id"].as_str().unwrap())).await.ok();
        assert_eq!((&now["folder"], &now["bundleId"]), (&json!("/out/deep"), &bundle));
        assert_eq!((&now["name"], &now["hash"]), (&json!(name), &file["hash"]));
    }
}

#[tokio::test]
async fn files_move_between_pools_on_one_disk_and_on_two() {
    let (near, far) = (crate::harness::folder(), other_disk());
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_POOL2_NAME", "near"),
        ("DRIVE_POOL2_PATH", near.path().join("pool").to_str().unwrap()),
        ("DRIVE_POOL3_NAME", "far"),
        ("DRIVE_POOL3_PATH", far.path().join("pool").to_str().unwrap()),
        ("DRIVE_POOL3_QUOTA_MULTIPLIER", "2"),
    ]);
    let user = drive.account("ada", "user", Some(10_000_000)).await;
    let content = bytes(1, 3_000_000);
    let file = user.upload("big.bin", &content, json!({})).await;
    let id = file["id"].as_str().unwrap();
    for (target, used) in [("near", 3_000_000), ("far", 6_000_000), ("default", 3_000_000)] {
        let pool = user.pool(target).await;
        let task = user.run("FileMove", json!({ "fileIds": [id], "targetPoolId": pool })).await;
        assert_eq!(task["status"], "Completed", "{task}");
        let now = user.get(&format!("/api/files/{id}")).await.ok();
        assert_eq!(now["poolId"], pool, "{target}");
        assert_eq!(user.content(id).await, content);
        let quota = user.get("/api/quota").await.ok();
        assert_eq!((&quota["used"], &quota["reserved"]), (&json!(used), &json!(0)), "{target}");
    }
    drive.swept().await;
    for folder in [near.path(), far.path()] {
        assert_eq!(
            crate::harness::order::objects_in(&folder.join("pool")).len(),
            0,
            "the old bytes are collected"
        );
    }
}
