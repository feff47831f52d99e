//! Tasks that cannot be: refused when they are asked for, with the field named.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks;

async fn custom(user: &Client) -> String {
    id(&user.ask("Custom", json!({})).await.ok())
}

#[tokio::test]
async fn what_cannot_be_a_custom_task_is_refused_by_name() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (parameters, field) in [
        (json!({ "handler": "brewTea" }), "parameters.handler"),
        (json!({ "handler": 7 }), "parameters.handler"),
        (json!({ "handler": "verifyFiles", "colour": "red" }), "parameters.colour"),
        (json!({ "handler": "verifyFiles", "folder": "/none" }), "parameters.folder"),
        (json!({ "handler": "verifyFiles", "folder": "/", "fileIds": [] }), "parameters"),
        (json!({ "handler": "verifyFiles", "fileIds": [] }), "parameters.fileIds"),
        (json!({ "handler": "exportManifest", "fileName": "a/b" }), "parameters.fileName"),
        (json!({ "handler": "exportManifest", "targetFolder": "/.." }), "parameters.targetFolder"),
        (json!({ "filler": "x".repeat(16 * 1024) }), "parameters"),
        (json!({ "deep": [{ "password": "hunter2" }] }), "parameters.deep[0].password"),
    ] {
        let refusal = user.ask("Custom", parameters.clone()).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{refusal}");
    }
    let refusal = user.ask("Custom", json!({ "handler": "brewTea" })).await.json();
    assert_eq!(
        refusal["details"]["handlers"],
        json!(["verifyFiles", "exportManifest", "makePreviews"])
    );
    assert!(
        refusal["message"].as_str().unwrap().contains("verifyFiles, exportManifest, makePreviews")
    );
    for (more, field) in [
        (json!({ "dependsOn": ["01a20d84-4cc9-74e6-9588-c587a52b521b"] }), "dependsOn"),
        (json!({ "runAt": "2999-01-01T00:00:00Z" }), "runAt"),
        (json!({ "priority": 101 }), "priority"),
    ] {
        let mut wish = json!({ "type": "Custom" });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refusal = user.post("/api/tasks", wish).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{refusal}");
    }
    let foreign =
        json!({ "handler": "verifyFiles", "fileIds": ["01a20d84-4cc9-74e6-9588-c587a52b521b"] });
    let refusal = user.ask("Custom", foreign).await.refused(404, "NOT_FOUND");
    assert_eq!(refusal["details"]["field"], "parameters.fileIds");
    let nowhere = json!({ "handler": "exportManifest", "targetPoolId": "01a20d84-4cc9-74e6-9588-c587a52b521b" });
    assert_eq!(
        user.ask("Custom", nowhere).await.refused(404, "NOT_FOUND")["details"]["field"],
        "parameters.targetPoolId"
    );
    assert_eq!(drive.holdings().tasks, 0);
}

#[tokio::test]
async fn no_circle_of_tasks_can_be_made() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    user.upload("a.bin", b"bytes", json!({})).await;
    let foreign = custom(&other).await;
    let ask = |more: Value| {
        let mut wish = json!({ "type": "Custom", "parameters": { "handler": "verifyFiles" } });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user.post("/api/tasks", wish)
    };
    let first = custom(&user).await;
    let second = id(&ask(json!({ "dependsOn": [first] })).await.ok());
    // A task's id is the server's choice, and what it waits for cannot be changed: nothing can name what comes later.
    let own = json!({ "taskId": second, "dependsOn": [second] });
    assert_eq!(ask(own).await.refused(400, "INVALID_REQUEST")["details"]["field"], "taskId");
    for (unknown, status) in
        [(foreign.as_str(), 404), ("01a20d84-4cc9-74e6-9588-c587a52b521b", 404)]
    {
        let refusal = ask(json!({ "dependsOn": [unknown] })).await.refused(status, "NOT_FOUND");
        assert_eq!(refusal["details"]["field"], "dependsOn");
        let refusal = ask(json!({ "parentId": unknown })).await.refused(status, "NOT_FOUND");
        assert_eq!(refusal["details"]["field"], "parentId");
    }
    let change = json!({ "dependsOn": [second] });
    let path = format!("/api/tasks/{first}");
    let refusal = user.send(user.request(reqwest::Method::PATCH, &path).json(&change)).await;
    assert_eq!(refusal.refused(400, "INVALID_REQUEST")["details"]["field"], "dependsOn");
    let many: Vec<_> = (0..65).map(|_| first.clone()).collect();
    assert_eq!(
        ask(json!({ "dependsOn": many })).await.refused(400, "INVALID_REQUEST")["details"]["field"],
        "dependsOn"
    );
    assert_eq!(
        ask(json!({ "dependsOn": ["x"] })).await.refused(400, "INVALID_REQUEST")["details"]["field"],
        "dependsOn[0]"
    );
    user.call(&format!("/api/tasks/{first}/cancel")).await.ok();
    assert_eq!(user.ended(&second).await["errorCode"], "DEPENDENCY_FAILED");
    let refusal = ask(json!({ "dependsOn": [first] })).await.refused(409, "DEPENDENCY_FAILED");
    assert_eq!(refusal["details"]["field"], "dependsOn");
}

#[tokio::test]
async fn what_is_no_task_is_refused_by_name() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (wish, field) in [
        (json!({ "type": "Nonsense" }), "type"),
        (json!({ "type": 42 }), "type"),
        (json!({}), "type"),
        (json!({ "type": "Custom", "priority": 101 }), "priority"),
        (json!({ "type": "Custom", "colour": "red" }), "colour"),
        (json!({ "type": "Custom", "parameters": [] }), "parameters"),
        (json!({ "type": "Custom", "name": "x".repeat(256) }), "name"),
        (json!({ "type": "FileUpload" }), "type"),
        (
            json!({ "type": "FileMove", "parameters": { "fileIds": ["x"] } }),
            "parameters.fileIds[0]",
        ),
    ] {
        let refusal = user.post("/api/tasks", wish.clone()).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{wish} {refusal}");
    }
    assert_eq!(drive.holdings().tasks, 0);
}
