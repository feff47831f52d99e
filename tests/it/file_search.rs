//! Finding files, walking through long lists of them, copying one, and folders of one's own making.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::{TestDrive, bytes};

async fn file(user: &Client, name: &str, folder: &str) -> Value {
    user.upload(name, &bytes(name.len() as u64, 10), json!({ "folder": folder })).await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

/// The names that a list shows, in its order, and its `X-Total`.
async fn listed(user: &Client, query: &str) -> (Vec<String>, String) {
    let (list, total) = user.list(&format!("/api/files?{query}")).await;
    (names(&list).into_iter().map(str::to_owned).collect(), total)
}

#[tokio::test]
async fn words_are_found_in_names_folders_and_tags_whatever_their_case_and_accents() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let first = file(&user, "Été à la plage.JPG", "/Photos/2024").await;
    file(&user, "invoice 12.pdf", "/Büro").await;
    file(&user, "notes.txt", "/").await;
    file(&other, "Été chez bob.jpg", "/Photos/2024").await;
    let path = format!("/api/files/{}", first["id"].as_str().unwrap());
    user.patch(&path, json!({ "tags": ["Beach", "family"] })).await.ok();
    for (question, found) in [
        ("ete", vec!["Été à la plage.JPG"]),
        ("PLAGE%20%C3%A9t%C3%A9", vec!["Été à la plage.JPG"]),
        ("2024%20jpg", vec!["Été à la plage.JPG"]),
        ("beach", vec!["Été à la plage.JPG"]),
        ("buro", vec!["invoice 12.pdf"]),
        ("12", vec!["invoice 12.pdf"]),
        ("n", vec!["invoice 12.pdf", "notes.txt"]),
        ("plage%20buro", vec![]),
        ("bob", vec![]),
    ] {
        let (seen, total) =
            listed(&user, &format!("q={question}&sortBy=name&sortDescending=false")).await;
        assert_eq!(
            (&seen, total),
            (&found.iter().map(|&n| n.to_owned()).collect(), found.len().to_string()),
            "{question}"
        );
    }
    // What is found follows every change, and the trash is searched by itself.
    user.patch(&path, json!({ "name": "winter.jpg", "tags": [] })).await.ok();
    user.post("/api/folders/move", json!({ "from": "/Photos", "to": "/Bilder" })).await.ok();
    for (question, count) in [("ete", 0), ("beach", 0), ("photos", 0), ("winter", 1), ("bilder", 1)]
    {
        assert_eq!(listed(&user, &format!("q={question}")).await.0.len(), count, "{question}");
    }
    user.delete(&path).await.ok();
    assert_eq!(listed(&user, "q=winter").await.1, "0");
    assert_eq!(listed(&user, "q=winter&trashed=true").await.0, ["winter.jpg"]);
    user.delete(&format!("{path}?permanent=true")).await;
    assert_eq!(listed(&user, "q=winter&trashed=true").await.1, "0");
    for wrong in ["%20", &"a%20".repeat(17), &"a".repeat(256)] {
        let refusal =
            user.get(&format!("/api/files?q={wrong}")).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "q");
    }
}

#[tokio::test]
async fn a_whole_name_finds_files_of_that_name_alone() {
    let drive = TestDrive::spawn();
    let ada = drive.user("ada").await;
    let long = "a study of one and two and three and four and five and six and seven and eight and more.pdf";
    for (name, folder) in
        [("Müller.txt", "/a"), ("müller.txt", "/a"), ("Müller.txt", "/a/b"), (long, "/a")]
    {
        file(&ada, name, folder).await;
    }
    let found = async |query: &str| listed(&ada, query).await.1;
    assert_eq!(found("folder=/a&name=M%C3%BCller.txt").await, "1");
    assert_eq!(
        found("folder=/a&name=Mu%CC%88ller.txt").await,
        "1",
        "however its accent is written"
    );
    assert_eq!(found("folder=/a&deep=true&name=M%C3%BCller.txt").await, "2");
    assert_eq!(found("name=M%C3%BCller.txt&limit=1").await, "2");
    assert_eq!(found("name=M%C3%BCller").await, "0");
    assert_eq!(found(&format!("folder=/a&name={}", long.replace(' ', "%20"))).await, "1");
    assert_eq!(found("folder=/a&name=a%5Cb").await, "0", "a name that nothing can have");
}

#[tokio::test]
async fn names_are_in_the_order_that_people_count_in() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for name in ["img 10.png", "IMG 9.png", "img 100.png", "Émile", "emilia", "zoo"] {
        file(&user, name, "/").await;
    }
    for folder in ["", "&folder=/"] {
        let (seen, _) = listed(&user, &format!("sortBy=name&sortDescending=false{folder}")).await;
        assert_eq!(seen, ["Émile", "emilia", "IMG 9.png", "img 10.png", "img 100.png", "zoo"]);
    }
    let (seen, _) = listed(&user, "sortBy=type&sortDescending=false&type=image/*").await;
    assert_eq!(seen.len(), 3);
}

/// Every order and filter, page by page by its cursors: the same files as in one piece, none twice, none missed.
#[tokio::test]
async fn cursors_lead_through_every_list() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    for number in 0..9 {
        let name = format!("same {}.txt", number / 3);
        file(&user, &name, if number % 2 == 0 { "/a" } else { "/a/b" }).await;
    }
    for key in ["name", "size", "type", "createdAt", "updatedAt"] {
        for filter in ["", "&folder=/a", "&folder=/a&deep=true", "&q=same", "&type=text/*", "&q=s"]
        {
            for way in ["true", "false"] {
                let order = format!("sortBy={key}&sortDescending={way}{filter}");
                let (whole, total) = user.list(&format!("/api/files?{order}")).await;
                let expected = whole.as_array().unwrap().clone();
                assert_eq!(total, expected.len().to_string(), "{order}");
                let (mut paged, mut cursor) = (Vec::new(), String::new());
                loop {
                    let answer = user.get(&format!("/api/files?{order}&limit=2{cursor}")).await;
                    let next = answer
                        .headers
                        .get("x-next-cursor")
                        .map(|text| text.to_str().unwrap().to_owned());
                    assert_eq!(answer.headers.contains_key("x-total"), cursor.is_empty());
                    paged.extend(answer.ok().as_array().unwrap().iter().cloned());
                    let Some(next) = next else { break };
                    cursor = format!("&cursor={next}");
                }
                assert_eq!(paged, expected, "{order}");
            }
        }
    }
    let answer = user.get("/api/files?limit=2").await;
    let cursor = answer.headers["x-next-cursor"].to_str().unwrap().to_owned();
    for (client, wrong) in [
        (&user, format!("cursor={cursor}&sortBy=name")),
        (&user, format!("cursor={cursor}&offset=2")),
        (&user, "cursor=rubbish".to_owned()),
        (&other, format!("cursor={cursor}")),
    ] {
        let refusal =
            client.get(&format!("/api/files?{wrong}")).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "cursor");
    }
}

#[tokio::test]
async fn a_copy_is_another_name_for_the_same_bytes() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let one = file(&user, "a.txt", "/").await;
    let path = format!("/api/files/{}/copy", one["id"].as_str().unwrap());
    let copy = user.post(&path, json!({})).await.ok();
    assert_eq!((&copy["name"], &copy["hash"]), (&json!("a (2).txt"), &one["hash"]));
    let there = user.post(&path, json!({ "folder": "/x", "name": "b.txt" })).await.ok();
    assert_eq!((&there["name"], &there["folder"]), (&json!("b.txt"), &json!("/x")));
    assert_eq!(user.get("/api/quota").await.ok()["used"], 30);
    let clash = json!({ "folder": "/x", "name": "b.txt", "onConflict": "refuse" });
    user.post(&path, clash).await.refused(409, "NAME_TAKEN");
    let over = json!({ "folder": "/x", "name": "b.txt", "onConflict": "replace" });
    user.post(&path, over).await.ok();
    assert_eq!(listed(&user, "trashed=true").await.0, ["b.txt"]);
    let itself = json!({ "onConflict": "replace" });
    user.post(&path, itself).await.refused(400, "INVALID_REQUEST");
    other.post(&path, json!({})).await.refused(404, "NOT_FOUND");
    let objects = drive.db().query_row("select count(*) from objects", [], |row| row.get(0));
    assert_eq!(objects, Ok(1));
    // The first goes for good, the others still have their bytes.
    user.delete(&format!("/api/files/{}?permanent=true", one["id"].as_str().unwrap())).await;
    drive.swept().await;
    let content = user.get(&format!("/api/files/{}/content", copy["id"].as_str().unwrap())).await;
    assert_eq!(content.body, bytes(5, 10));
}

#[tokio::test]
async fn a_folder_can_be_made_before_anything_is_in_it_and_goes_to_the_trash_as_a_whole() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let paths = |tree: Value| -> Vec<String> {
        tree.as_array()
            .unwrap()
            .iter()
            .map(|row| row["path"].as_str().unwrap().to_owned())
            .collect()
    };
    user.post("/api/folders", json!({ "path": "/new/deep" })).await.ok();
    user.post("/api/folders", json!({ "path": "/new/deep/" })).await.ok();
    assert_eq!(paths(user.get("/api/folders").await.ok()), ["/", "/new", "/new/deep"]);
    assert_eq!(paths(other.get("/api/folders").await.ok()), ["/"]);
    for wrong in ["/", "", "/a/../b", "/x/y\u{202e}z"] {
        let refusal = user
            .post("/api/folders", json!({ "path": wrong }))
            .await
            .refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "path", "{wrong}");
    }
    let levels = "/x".repeat(100);
    user.post("/api/folders", json!({ "path": levels })).await.refused(400, "INVALID_REQUEST");
    // It is moved with what is in it, and may be empty then.
    user.post("/api/folders/move", json!({ "from": "/new", "to": "/old" })).await.ok();
    assert_eq!(paths(user.get("/api/folders").await.ok()), ["/", "/old", "/old/deep"]);
    user.post("/api/folders", json!({ "path": "/taken" })).await.ok();
    user.post("/api/folders/move", json!({ "from": "/old", "to": "/taken" }))
        .await
        .refused(409, "NAME_TAKEN");
    let one = file(&user, "a.txt", "/old/deep").await;
    file(&user, "b.txt", "/old").await;
    user.delete("/api/folders?path=/nothing").await.refused(404, "NOT_FOUND");
    user.delete("/api/folders?path=/").await.refused(400, "INVALID_REQUEST");
    other.delete("/api/folders?path=/old").await.refused(404, "NOT_FOUND");
    assert_eq!(user.delete("/api/folders?path=/old").await.ok()["trashedCount"], 2);
    assert_eq!(paths(user.get("/api/folders").await.ok()), ["/", "/taken"]);
    let path = format!("/api/files/{}/restore", one["id"].as_str().unwrap());
    assert_eq!(user.call(&path).await.ok()["folder"], "/old/deep");
}
