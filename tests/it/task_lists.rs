//! Finding tasks: filters, orders, pages by offset and by cursor, places in the queue, time left.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::client::{Client, id};
use crate::harness::tasks::{Tasks, busy};

/// Makes a task that its client drives; its id.
async fn made(user: &Client, name: &str, priority: u8) -> String {
    let wish = json!({ "type": "Custom", "name": name, "priority": priority });
    id(&user.post("/api/tasks", wish).await.ok())
}

fn names(list: &Value) -> Vec<String> {
    let all = list.as_array().unwrap().iter();
    all.map(|task| task["name"].as_str().unwrap().to_owned()).collect()
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn every_filter_narrows_the_list_and_its_count() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut moments = Vec::new();
    let mut made_ids = Vec::new();
    for (name, priority) in [("Alpha", 0), ("beta_1", 50), ("Beta%2", 50), ("gamma", 100)] {
        drive.clock.advance_ms(1000);
        let wish = json!({ "type": "Custom", "name": name, "priority": priority });
        let task = user.post("/api/tasks", wish).await.ok();
        moments.push(task["createdAt"].as_str().unwrap().to_owned());
        made_ids.push(id(&task));
    }
    let mut ends = Vec::new();
    for (task, verb) in made_ids.iter().zip(["complete", "cancel"]) {
        drive.clock.advance_ms(1000);
        let ended = user.call(&format!("/api/tasks/{task}/{verb}")).await.ok();
        ends.push(ended["completedAt"].as_str().unwrap().to_owned());
    }
    let wish = json!({ "type": "Custom", "name": "child", "parentId": made_ids[2] });
    user.post("/api/tasks", wish).await.ok();

    let (second, third) = (&moments[1], &moments[2]);
    for (query, found) in [
        ("".to_owned(), "Alpha beta_1 Beta%2 gamma child"),
        ("q=BETA".to_owned(), "beta_1 Beta%2"),
        ("q=a_1".to_owned(), "beta_1"),
        ("q=%252".to_owned(), "Beta%2"),
        ("q=%25%25".to_owned(), ""),
        ("priority=50".to_owned(), "beta_1 Beta%2"),
        ("priority=0,100&status=InProgress".to_owned(), "gamma child"),
        ("status=3".to_owned(), "Alpha"),
        ("status=completed, Cancelled".to_owned(), "Alpha beta_1"),
        ("type=Custom&q=gam".to_owned(), "gamma"),
        ("type=FileMove,FileUpload".to_owned(), ""),
        (format!("createdAfter={second}"), "Beta%2 gamma child"),
        (format!("created_before={third}"), "Alpha beta_1"),
        (format!("createdAfter={second}&createdBefore={third}"), ""),
        (format!("finishedAfter={}", ends[0]), "beta_1"),
        (format!("finishedBefore={}", ends[1]), "Alpha"),
        (format!("parentId={}", made_ids[2]), "child"),
        (format!("parentId={}&status=Failed", made_ids[2]), ""),
    ] {
        for order in ["createdAt", "lastActivity", "updatedAt", "priority", "name"] {
            let path = format!("/api/tasks?{query}&sortBy={order}&sortDescending=false");
            let (list, total) = user.list(&path).await;
            let mut told = names(&list);
            if order != "createdAt" {
                told.sort_by_key(|name| {
                    ["Alpha", "beta_1", "Beta%2", "gamma", "child"].iter().position(|n| n == name)
                });
            }
            assert_eq!(told.join(" "), found, "{path}");
            assert_eq!(total, told.len().to_string(), "{path}");
        }
    }
}

#[tokio::test]
async fn tasks_are_found_and_sorted_by_what_people_see() {
    let drive = TestDrive::spawn();
    let (admin, user) = (drive.admin().await, drive.user("bob").await);
    made(&user, "middle", 0).await;
    for name in ["zebra.txt", "apple.txt"] {
        user.create(name, 10, json!({})).await.ok();
    }
    let seen = async |client: &Client, query: &str| {
        let (list, _) =
            client.list(&format!("/api/tasks?sortBy=name&sortDescending=false{query}")).await;
        let shown = |task: &Value| {
            let text = task["description"].as_str().or(task["name"].as_str());
            text.unwrap().to_owned()
        };
        list.as_array().unwrap().iter().map(shown).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(seen(&user, "").await, "apple.txt middle zebra.txt");
    assert_eq!(seen(&user, "&q=ZEBRA").await, "zebra.txt");
    assert_eq!(seen(&user, "&q=upload").await, "", "this name is not shown");
    assert_eq!(seen(&admin, "&q=apple&account=all").await, "apple.txt");
}

#[tokio::test]
async fn a_filter_that_is_not_understood_is_refused_by_name() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    for (query, field) in [
        ("colour=red", "colour"),
        ("type=Nonsense", "type"),
        ("type=10", "type"),
        ("status=Open", "status"),
        ("lane=fast", "lane"),
        ("status=1,,2", "status"),
        ("priority=101", "priority"),
        ("priority=high", "priority"),
        ("parentId=x", "parentId"),
        ("createdAfter=yesterday", "createdAfter"),
        ("finishedBefore=1", "finishedBefore"),
        ("sortBy=size", "sortBy"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
        (&format!("q={}", "x".repeat(256)), "q"),
    ] {
        let refusal = user.get(&format!("/api/tasks?{query}")).await;
        let refusal = refusal.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{query}: {refusal}");
    }
    let foreign = made(&other, "bob's", 0).await;
    for parent in [foreign.as_str(), "01a20d84-4cc9-74e6-9588-c587a52b521b"] {
        let refusal = user.get(&format!("/api/tasks?parentId={parent}")).await;
        assert_eq!(refusal.refused(404, "NOT_FOUND")["details"]["field"], "parentId");
    }
}

#[tokio::test]
async fn a_walk_with_a_cursor_meets_every_task_once_in_every_order() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    // Names, priorities and moments repeat, so that only the id tells some apart.
    for number in 0..11 {
        made(&user, ["same", "other", "Third"][number % 3], [0, 50][number % 2]).await;
        if number % 4 == 0 {
            drive.clock.advance_ms(1000);
        }
    }
    for filter in ["", "&status=InProgress", "&status=InProgress,Paused&type=Custom", "&q=a"] {
        for order in ["createdAt", "lastActivity", "updatedAt", "priority", "name"] {
            for descending in [true, false] {
                let list = format!("/api/tasks?sortBy={order}&sortDescending={descending}{filter}");
                let (whole, total) = user.list(&list).await;
                let mut walked = Vec::new();
                let mut page = user.get(&format!("{list}&limit=3")).await;
                assert_eq!(page.header("x-total"), total);
                loop {
                    let cursor = page.header("x-next-cursor").to_owned();
                    let part = ids(&page.ok());
                    walked.extend(part.clone());
                    if cursor.is_empty() {
                        break;
                    }
                    assert_eq!(part.len(), 3, "only the last page is shorter");
                    page = user.get(&format!("{list}&limit=3&cursor={cursor}")).await;
                    assert_eq!(page.header("x-total"), "", "a page behind a cursor is not counted");
                }
                assert_eq!(walked, ids(&whole), "{list}");
            }
        }
    }
}

#[tokio::test]
async fn what_comes_during_a_walk_moves_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for name in ["a", "b", "c", "d"] {
        made(&user, name, 0).await;
        drive.clock.advance_ms(10);
    }
    let list = "/api/tasks?sortBy=createdAt&limit=2";
    let first = user.get(list).await;
    let cursor = first.header("x-next-cursor").to_owned();
    assert_eq!(names(&first.ok()), ["d", "c"]);
    let gone = made(&user, "e", 0).await;
    let rest = user.get(&format!("{list}&cursor={cursor}")).await;
    assert_eq!(rest.header("x-next-cursor"), "");
    assert_eq!(names(&rest.ok()), ["b", "a"]);
    // The place stays where it was, also when the task that marked it is gone.
    user.call(&format!("/api/tasks/{gone}/cancel")).await.ok();
    let marked = ids(&user.get("/api/tasks?q=c").await.ok())[0].clone();
    drive.db().execute("delete from tasks where task_id = ?1", [marked]).unwrap();
    assert_eq!(names(&user.get(&format!("{list}&cursor={cursor}")).await.ok()), ["b", "a"]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_alone() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    for name in ["a", "b", "c"] {
        made(&user, name, 0).await;
    }
    let first = user.get("/api/tasks?limit=1&status=InProgress").await;
    let cursor = first.header("x-next-cursor").to_owned();
    assert!(cursor.len() > 20, "{cursor}");
    user.get(&format!("/api/tasks?limit=2&status=InProgress&cursor={cursor}")).await.ok();
    let damaged = cursor.replacen(&cursor[8..9], if &cursor[8..9] == "A" { "B" } else { "A" }, 1);
    for query in [
        format!("cursor={cursor}"),
        format!("status=Paused&cursor={cursor}"),
        format!("status=InProgress&sortBy=name&cursor={cursor}"),
        format!("status=InProgress&sortDescending=false&cursor={cursor}"),
        format!("status=InProgress&offset=0&cursor={cursor}"),
        format!("status=InProgress&cursor={damaged}"),
        format!("status=InProgress&cursor={}", &cursor[..cursor.len() / 2]),
        "status=InProgress&cursor=%00".to_owned(),
    ] {
        let refusal = user.get(&format!("/api/tasks?{query}")).await;
        let refusal = refusal.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "cursor", "{query}");
    }
    let stolen = other.get(&format!("/api/tasks?status=InProgress&cursor={cursor}")).await;
    stolen.refused(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn pending_tasks_know_their_place_in_the_queue() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    busy(&user).await;
    let mut tasks = Vec::new();
    for (priority, more) in [
        (0, json!({})),
        (90, json!({})),
        (10, json!({})),
        (5, json!({ "runAt": "2999-01-01T00:00:00Z" })),
    ] {
        let mut wish = json!({ "type": "Custom", "priority": priority, "parameters": { "handler": "verifyFiles" } });
        for (key, value) in more.as_object().unwrap() {
            wish[key] = value.clone();
        }
        tasks.push(id(&user.post("/api/tasks", wish).await.ok()));
    }
    let list = user
        .get("/api/tasks?type=Custom&status=Pending&sortBy=createdAt&sortDescending=false")
        .await
        .ok();
    let places: Vec<_> =
        list.as_array().unwrap().iter().map(|task| task["queuePosition"].clone()).collect();
    assert_eq!(json!(places), json!([2, 0, 1, null]));
    for (task, place) in tasks.iter().zip(&places) {
        let told = user.get(&format!("/api/tasks/{task}")).await.ok();
        assert_eq!((&told["queuePosition"], &told["status"]), (place, &json!("Pending")));
    }
    user.call(&format!("/api/tasks/{}/pause", tasks[1])).await.ok();
    let told = user.get(&format!("/api/tasks/{}", tasks[0])).await.ok();
    assert_eq!(told["queuePosition"], 1, "who is paused stands in nobody's way");
    assert_eq!(
        user.get(&format!("/api/tasks/{}", tasks[1])).await.ok()["queuePosition"],
        json!(null)
    );
}

#[tokio::test]
async fn a_task_that_moves_tells_how_long_it_will_take() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let id = id(&user.create("a.bin", 4 * 65_536, json!({ "chunkSize": 65_536 })).await.ok());
    let left = async || {
        let told =
            user.get(&format!("/api/tasks/{id}")).await.ok()["estimatedTimeRemaining"].clone();
        assert_eq!(user.get("/api/tasks").await.ok()[0]["estimatedTimeRemaining"], told);
        told
    };
    assert_eq!(left().await, json!(null), "nothing has moved yet");
    user.chunk(&id, 0, &[1; 65_536]).await.ok();
    drive.clock.advance_ms(2000);
    user.chunk(&id, 1, &[1; 65_536]).await.ok();
    // Two chunks in two seconds, two to go.
    let seconds = left().await.as_u64().unwrap();
    assert!((2..=4).contains(&seconds), "{seconds}");
    drive.clock.advance_ms(60_000);
    assert_eq!(left().await, json!(null), "nothing has moved for a minute");
    user.chunk(&id, 2, &[1; 65_536]).await.ok();
    assert!(left().await.is_u64());
    user.call(&format!("/api/tasks/{id}/pause")).await.ok();
    assert_eq!(left().await, json!(null), "what is paused does not move");
}

#[tokio::test]
async fn one_task_tells_its_attempts_dependencies_and_children() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("a.bin", b"bytes", json!({})).await;
    let first = made(&user, "first", 0).await;
    let done = user.run("Custom", json!({ "handler": "verifyFiles" })).await;
    assert_eq!(done["dependsOn"], json!([]));
    let attempts = done["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        (&attempts[0]["outcome"], &attempts[0]["errorCode"]),
        (&json!("completed"), &json!(null))
    );
    assert!(attempts[0]["startedAt"].is_string() && attempts[0]["endedAt"].is_string());
    assert_eq!(done["stuck"], false);

    let wish = json!({
        "type": "Custom",
        "parameters": { "handler": "verifyFiles" },
        "dependsOn": [first, id(&done)],
        "parentId": first,
    });
    let second = id(&user.post("/api/tasks", wish).await.ok());
    let told = user.get(&format!("/api/tasks/{second}")).await.ok();
    let mut depends_on = ids_of(&told["dependsOn"]);
    depends_on.sort();
    let mut wanted = vec![first.clone(), id(&done)];
    wanted.sort();
    assert_eq!(depends_on, wanted, "those that are done are told too");
    assert_eq!((&told["status"], &told["parentId"]), (&json!("Pending"), &json!(first)));
    assert_eq!(told["queuePosition"], json!(null), "it waits for a task, not for a worker");
    let parent = user.get(&format!("/api/tasks/{first}")).await.ok();
    assert_eq!(parent["children"], json!({ "total": 1, "completed": 0, "failed": 0 }));
    user.call(&format!("/api/tasks/{first}/complete")).await.ok();
    user.ended(&second).await;
    let parent = user.get(&format!("/api/tasks/{first}")).await.ok();
    assert_eq!(parent["children"], json!({ "total": 1, "completed": 1, "failed": 0 }));
}

fn ids_of(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
