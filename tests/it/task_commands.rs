//! What people ask of tasks: another name, another try, pausing what runs; of one and of many.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client, id};
use crate::harness::socket::Socket;
use crate::harness::tasks::{Tasks, busy};

async fn patch(user: &Client, id: &str, body: Value) -> Answer {
    user.patch(&format!("/api/tasks/{id}"), body).await
}

async fn custom(user: &Client) -> String {
    id(&user.ask("Custom", json!({})).await.ok())
}

#[tokio::test]
async fn a_task_gets_another_name_and_priority() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let task = custom(&user).await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    let told = patch(&user, &task, json!({ "name": " Night run ", "priority": 80 })).await.ok();
    assert_eq!((&told["name"], &told["priority"]), (&json!("Night run"), &json!(80)));
    let packet = socket.until("task.progress").await.pop().unwrap();
    assert_eq!(packet["data"]["name"], "Night run");
    assert_eq!(packet["data"]["priority"], 80);
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "priority": 101 }), "priority"),
        (json!({ "priority": -1 }), "priority"),
        (json!({ "priority": "high" }), "priority"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "name": "x".repeat(256) }), "name"),
        (json!({ "status": "Completed" }), "status"),
        (json!({ "dependsOn": [task] }), "dependsOn"),
    ] {
        let refusal = patch(&user, &task, body.clone()).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{body}");
    }
    patch(&other, &task, json!({ "name": "mine" })).await.refused(404, "NOT_FOUND");
    user.call(&format!("/api/tasks/{task}/cancel")).await.ok();
    patch(&user, &task, json!({ "priority": 1 })).await.refused(409, "TASK_FINISHED");
    assert_eq!(patch(&user, &task, json!({ "name": "over" })).await.ok()["name"], "over");
}

#[tokio::test]
async fn the_order_of_claims_follows_a_new_priority() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    busy(&user).await;
    let mut tasks = Vec::new();
    for _ in 0..2 {
        tasks.push(id(&user.ask("Custom", json!({ "handler": "verifyFiles" })).await.ok()));
    }
    patch(&user, &tasks[1], json!({ "priority": 100 })).await.ok();
    let places = [&tasks[0], &tasks[1]].map(|task| {
        let user = user.clone();
        let path = format!("/api/tasks/{task}");
        async move { user.get(&path).await.ok()["queuePosition"].clone() }
    });
    let [first, second] = places;
    assert_eq!((first.await, second.await), (json!(1), json!(0)));
}

#[tokio::test]
async fn a_scheduled_task_waits_for_its_time() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("a.bin", b"bytes", json!({})).await;
    let run_at = drive.clock.now().plus_ms(60_000).to_string();
    let wish =
        json!({ "type": "Custom", "runAt": run_at, "parameters": { "handler": "verifyFiles" } });
    let task = user.post("/api/tasks", wish).await.ok();
    assert_eq!((&task["status"], &task["runAt"]), (&json!("Pending"), &json!(run_at)));
    drive.tick();
    assert_eq!(user.get(&format!("/api/tasks/{}", id(&task))).await.ok()["status"], "Pending");
    drive.clock.advance_ms(61_000);
    drive.tick();
    assert_eq!(user.ended(&id(&task)).await["status"], "Completed");
}

#[tokio::test]
async fn a_failed_task_goes_on_under_its_id() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let before = custom(&user).await;
    let mut files = Vec::new();
    for name in ["a", "b"] {
        files.push(user.upload(name, name.as_bytes(), json!({})).await["id"].clone());
    }
    let wish = json!({ "type": "FileMove", "dependsOn": [before],
        "parameters": { "fileIds": files, "targetFolder": "/there" } });
    let task = id(&user.post("/api/tasks", wish).await.ok());
    user.call(&format!("/api/tasks/{task}/retry")).await.refused(409, "CONFLICT");
    drive.db().execute("update files set deleted_at = 1", []).unwrap();
    user.call(&format!("/api/tasks/{before}/complete")).await.ok();
    let failed = user.ended(&task).await;
    assert_eq!((&failed["status"], &failed["errorCode"]), (&json!("Failed"), &json!("NOT_FOUND")));
    let (items, total) = user.list(&format!("/api/tasks/{task}/items?state=Failed&limit=1")).await;
    assert_eq!((total.as_str(), &items[0]["errorCode"]), ("2", &json!("NOT_FOUND")));

    drive.db().execute("update files set deleted_at = null", []).unwrap();
    let again = user.call(&format!("/api/tasks/{task}/retry")).await;
    assert_eq!(again.status, 200);
    let again = again.ok();
    assert_eq!((&again["taskId"], &again["errorCode"]), (&json!(task), &json!(null)));
    let done = user.ended(&task).await;
    assert_eq!(done["status"], "Completed", "{done}");
    assert_eq!(done["results"], json!({ "movedCount": 2, "failedCount": 0, "failed": [] }));
    let outcomes: Vec<_> =
        done["attempts"].as_array().unwrap().iter().map(|one| one["outcome"].clone()).collect();
    assert_eq!(json!(outcomes), json!(["completed", "failed"]));
    let (items, _) = user.list(&format!("/api/tasks/{task}/items")).await;
    let states: Vec<_> = items.as_array().unwrap().iter().map(|item| &item["state"]).collect();
    assert_eq!(json!(states), json!(["Done", "Done"]));
    for verb in ["pause", "resume", "cancel", "retry"] {
        let refusal = user.call(&format!("/api/tasks/{task}/{verb}")).await;
        assert_eq!(refusal.refused(409, "TASK_FINISHED")["details"]["taskStatus"], "Completed");
    }
}

#[tokio::test]
async fn a_task_whose_dependency_is_lost_waits_until_that_one_is_retried() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("a.bin", b"bytes", json!({})).await;
    let first = custom(&user).await;
    let wish = json!({ "type": "Custom", "parameters": { "handler": "verifyFiles" }, "dependsOn": [first] });
    let second = id(&user.post("/api/tasks", wish).await.ok());
    user.post(&format!("/api/tasks/{first}/fail"), json!({ "errorMessage": "no tape" })).await.ok();
    assert_eq!(user.ended(&second).await["errorCode"], "DEPENDENCY_FAILED");
    let refusal = user.call(&format!("/api/tasks/{second}/retry")).await;
    assert_eq!(refusal.refused(409, "DEPENDENCY_FAILED")["details"]["taskId"], json!(first));
    user.call(&format!("/api/tasks/{first}/retry")).await.ok();
    assert_eq!(user.call(&format!("/api/tasks/{second}/retry")).await.ok()["status"], "Pending");
    user.call(&format!("/api/tasks/{first}/complete")).await.ok();
    assert_eq!(user.ended(&second).await["status"], "Completed");
    // The other way round: the dependency completes before the retry.
    let third = custom(&user).await;
    let wish = json!({ "type": "Custom", "parameters": { "handler": "verifyFiles" }, "dependsOn": [third] });
    let fourth = id(&user.post("/api/tasks", wish).await.ok());
    user.post(&format!("/api/tasks/{third}/fail"), json!({ "errorMessage": "no tape" })).await.ok();
    user.ended(&fourth).await;
    user.call(&format!("/api/tasks/{third}/retry")).await.ok();
    user.call(&format!("/api/tasks/{third}/complete")).await.ok();
    user.call(&format!("/api/tasks/{fourth}/retry")).await.ok();
    assert_eq!(user.ended(&fourth).await["status"], "Completed");
}

#[tokio::test]
async fn a_wish_of_a_running_task_is_recorded_and_honoured_soon() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let task = busy(&user).await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    let answer = user.call(&format!("/api/tasks/{task}/pause")).await;
    assert_eq!(answer.status, 202);
    let told = answer.ok();
    assert_eq!((&told["status"], &told["requested"]), (&json!("InProgress"), &json!("pause")));
    let paused = socket.until("task.paused").await;
    // Progress that waits for a slow client is merged: the wish may have been honoured by then.
    let told =
        |one: &Value| one["data"]["requested"] == "pause" || one["data"]["status"] == "Paused";
    assert!(paused.iter().any(|one| one["type"] == "task.progress" && told(one)), "{paused:?}");
    let paused = user.until(&task, &["Paused"]).await;
    assert_eq!(paused["requested"], json!(null));
    let progress = paused["progress"].as_f64().unwrap();

    assert_eq!(user.call(&format!("/api/tasks/{task}/resume")).await.status, 200);
    socket.until("task.resumed").await;
    let running = user.until(&task, &["InProgress"]).await;
    assert!(running["progress"].as_f64().unwrap() >= progress, "{running}");
    // Withdrawn, a wish leaves no trace.
    let wished = user.call(&format!("/api/tasks/{task}/pause")).await;
    assert_eq!(wished.status, 202);
    let answer = user.call(&format!("/api/tasks/{task}/resume")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["requested"]), (200, &json!(null)));

    user.until(&task, &["InProgress"]).await;
    for _ in 0..2 {
        let answer = user.call(&format!("/api/tasks/{task}/cancel")).await;
        assert!([200, 202].contains(&answer.status.as_u16()));
        let told = answer.ok();
        assert!(told["requested"] == "cancel" || told["status"] == "Cancelled", "{told}");
    }
    let refusal = user.call(&format!("/api/tasks/{task}/pause")).await;
    assert_eq!(refusal.status, 409, "a cancel is stronger than a pause");
    assert_eq!(user.ended(&task).await["status"], "Cancelled");
    assert_eq!(user.call(&format!("/api/tasks/{task}/cancel")).await.status, 200);
    user.call(&format!("/api/tasks/{task}/retry")).await.refused(409, "TASK_FINISHED");
}

#[tokio::test]
async fn many_are_told_at_once_and_one_refusal_touches_no_other() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(custom(&user).await);
    }
    user.call(&format!("/api/tasks/{}/complete", tasks[1])).await.ok();
    let foreign = custom(&other).await;
    let named = json!({ "taskIds": [tasks[0], tasks[1], foreign, tasks[2], tasks[0]] });

    let mut dry = named.clone();
    dry["dryRun"] = json!(true);
    let told = user.post("/api/tasks/pause", dry).await.ok();
    assert_eq!(told, json!({ "matched": 3, "succeeded": 0, "dryRun": true, "results": [] }));
    assert_eq!(user.get("/api/tasks?status=Paused").await.ok(), json!([]));

    let told = user.post("/api/tasks/pause", named).await.ok();
    assert_eq!((&told["matched"], &told["succeeded"]), (&json!(3), &json!(2)));
    let results = told["results"].as_array().unwrap();
    let word = |at: usize| (results[at]["taskId"].as_str().unwrap(), &results[at]["status"]);
    assert_eq!(results.len(), 4, "each id once");
    assert_eq!(word(0), (tasks[0].as_str(), &json!("Paused")));
    assert_eq!(word(1), (tasks[1].as_str(), &json!("Completed")));
    assert_eq!(results[1]["error"]["code"], "TASK_FINISHED");
    assert_eq!(results[2]["error"]["code"], "NOT_FOUND");
    assert_eq!(word(3), (tasks[2].as_str(), &json!("Paused")));
    assert!(results[3]["error"].is_null() && results[1]["error"]["message"].is_string());
    assert_eq!(other.get(&format!("/api/tasks/{foreign}")).await.ok()["status"], "InProgress");
}

#[tokio::test]
async fn a_filter_means_what_the_verb_can_change() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut tasks = Vec::new();
    for name in ["night 1", "night 2", "day"] {
        let wish = json!({ "type": "Custom", "name": name });
        tasks.push(id(&user.post("/api/tasks", wish).await.ok()));
    }
    user.call(&format!("/api/tasks/{}/complete", tasks[1])).await.ok();
    let all = |verb: &str, body: Value| {
        let (user, path) = (user.clone(), format!("/api/tasks/{verb}"));
        async move {
            let told = user.post(&path, body).await.ok();
            (told["matched"].as_u64().unwrap(), told["succeeded"].as_u64().unwrap())
        }
    };
    assert_eq!(all("pause", json!({ "q": "NIGHT" })).await, (1, 1));
    assert_eq!(all("pause", json!({ "type": "Custom", "status": ["InProgress"] })).await, (1, 1));
    assert_eq!(
        all("resume", json!({ "type": [9], "createdBefore": "2999-01-01T00:00:00Z" })).await,
        (2, 2)
    );
    assert_eq!(all("cancel", json!({ "status": "Completed" })).await, (1, 0), "asked for by name");
    user.post(&format!("/api/tasks/{}/fail", tasks[2]), json!({ "errorMessage": "no" })).await.ok();
    assert_eq!(all("retry", json!({ "type": "Custom" })).await, (1, 1));
    assert_eq!(all("cancel", json!({ "type": "Custom" })).await, (2, 2));
    assert_eq!(all("cancel", json!({ "type": "Custom" })).await, (0, 0));
    let parent = custom(&user).await;
    let wish = json!({ "type": "Custom", "parentId": parent });
    user.post("/api/tasks", wish).await.ok();
    assert_eq!(all("cancel", json!({ "parentId": parent })).await, (1, 1));
    assert_eq!(user.get(&format!("/api/tasks/{parent}")).await.ok()["status"], "InProgress");
}

#[tokio::test]
async fn who_says_not_which_tasks_is_asked_again() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let task = custom(&user).await;
    let many: Vec<String> =
        (0..1001).map(|number| format!("01a20d84-4cc9-74e6-9588-{number:012}")).collect();
    for (body, field) in [
        (json!({}), "taskIds"),
        (json!({ "dryRun": true }), "taskIds"),
        (json!({ "taskIds": [] }), "taskIds"),
        (json!({ "taskIds": many }), "taskIds"),
        (json!({ "taskIds": [task], "q": "a" }), "taskIds"),
        (json!({ "taskIds": [task, "x"] }), "taskIds[1]"),
        (json!({ "status": [] }), "status"),
        (json!({ "status": ["Nonsense"] }), "status"),
        (json!({ "priority": [101] }), "priority"),
        (json!({ "q": "" }), "q"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        for verb in ["pause", "resume", "cancel", "retry"] {
            let refusal = user.post(&format!("/api/tasks/{verb}"), body.clone()).await;
            let refusal = refusal.refused(400, "INVALID_REQUEST");
            assert_eq!(refusal["details"]["field"], field, "{verb} {refusal}");
        }
    }
    assert_eq!(user.get(&format!("/api/tasks/{task}")).await.ok()["status"], "InProgress");
}

#[tokio::test]
async fn a_thousand_are_cancelled_in_one_request() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for _ in 0..300 {
        custom(&user).await;
    }
    let told = user.post("/api/tasks/cancel", json!({ "type": "Custom" })).await.ok();
    assert_eq!((&told["matched"], &told["succeeded"]), (&json!(300), &json!(300)));
    assert_eq!(user.list("/api/tasks?status=Cancelled&limit=1").await.1, "300");
}
