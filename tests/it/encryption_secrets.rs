//! No password and no private key is written anywhere: every request that can carry one is sent, rightly and wrongly,
//! to a server that logs all it can, and then everything it wrote and answered is searched.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::encryption::file_id;
use crate::harness::child::ChildDrive;
use crate::harness::client::{Answer, Client, id};
use crate::harness::socket::Socket;
use crate::harness::tasks::Tasks as _;

const CANARY: &str = "Zq7-never-written-anywhere";
const WRONG: &str = "Zq7-never-right-either";
const NEEDLES: [&[u8]; 3] = [b"Zq7-never", b"AGE-SECRET-KEY", b"WnE3LW5ldmVy"];

fn holds(text: &[u8]) -> bool {
    NEEDLES.iter().any(|needle| text.windows(needle.len()).any(|window| window == *needle))
}

/// All files below a folder that contain one of the needles.
fn files_with(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path));
        } else if holds(&std::fs::read(&path).unwrap()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Keeps every answer to be looked through.
struct Watched {
    user: Client,
    answers: Vec<Answer>,
}

impl Watched {
    fn see(&mut self, answer: Answer) -> Value {
        let json = serde_json::from_slice(&answer.body).unwrap_or_default();
        self.answers.push(answer);
        json
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        let request = self.user.request(Method::POST, path).header("idempotency-key", path);
        let answer = self.user.send(request.json(&body)).await;
        self.see(answer)
    }

    async fn task(&mut self, kind: &str, parameters: Value) -> Value {
        let task = self.post("/api/tasks", json!({ "type": kind, "parameters": parameters })).await;
        let task = if task["taskId"].is_null() { task } else { self.user.ended(&id(&task)).await };
        // The key may be used for one request only.
        self.see(self.user.get("/api/tasks").await);
        task
    }

    async fn content(&mut self, id: &str, password: &str) {
        let path = format!("/api/files/{id}/content");
        let request = self.user.request(Method::GET, &path).header("x-file-password", password);
        let answer = self.user.send(request).await;
        self.see(answer);
    }
}

async fn uploads(seen: &mut Watched) -> String {
    for password in [CANARY, "Zq7-never!", &WRONG.repeat(20)] {
        let wish = json!({ "fileName": "a.bin", "fileSize": 5, "fingerprint": "f", "encryptPassword": password });
        seen.post("/api/files/upload/create", wish).await;
    }
    let wish = json!({ "fileName": "b.bin", "fileSize": 5, "encrypt_password": CANARY });
    let task = seen.user.post("/api/files/upload/create", wish).await.ok();
    seen.user.chunk(&id(&task), 0, b"plain").await.ok();
    let answer = seen.user.complete(&id(&task)).await;
    let locked = seen.see(answer);
    for wrong in [json!([CANARY]), json!({ CANARY: 1 })] {
        let wish = json!({ "fileName": "c.bin", "fileSize": 5, "encryptPassword": wrong });
        seen.post("/api/files/upload/create", wish).await;
    }
    for hash in ["", "&hash=0000000000000000000000000000000000000000000000000000000000000000"] {
        let path = format!("/api/files/upload/direct?fileName=d.bin{hash}");
        let request = seen.user.request(Method::POST, &path).header("x-file-password", CANARY);
        let answer = seen.user.send(request.body("plain")).await;
        seen.see(answer);
    }
    file_id(&locked).to_owned()
}

#[tokio::test]
async fn nothing_that_opens_a_file_is_written_anywhere() {
    let folder = crate::harness::folder();
    let (data_dir, log) = (folder.path().join("data"), folder.path().join("log"));
    let server = ChildDrive::start_talkative(&data_dir, &log);
    let mut user = server.nobody();
    user.set_up(server.setup_code.as_deref().unwrap(), "ada").await;
    let mut events = Socket::connect(&user, "").await;
    let mut seen = Watched { user, answers: Vec::new() };

    let locked = uploads(&mut seen).await;
    let plain = seen.user.upload("e.bin", b"plain", json!({})).await;
    let plain = file_id(&plain).to_owned();
    let ask = |id: &str, password: &str| json!({ "fileIds": [id], "password": password, "keepOriginal": true });
    for kind in ["FileEncrypt", "FileDecrypt"] {
        for id in [&plain, &locked] {
            for password in [CANARY, WRONG, &WRONG.repeat(20)] {
                let wish = json!({ "type": kind, "parameters": ask(id, password) });
                let answer = seen.user.post("/api/tasks", wish).await;
                let task = seen.see(answer);
                if let Some(id) = task["taskId"].as_str() {
                    seen.user.ended(id).await;
                }
            }
        }
    }
    seen.task("FileEncrypt", ask(&plain, CANARY)).await;
    for id in [&plain, &locked] {
        for password in [CANARY, WRONG] {
            seen.content(id, password).await;
        }
        let path = format!("/api/files/{id}/password");
        for (old, new) in [(WRONG, CANARY), (CANARY, "Zq7-nev"), (CANARY, WRONG), (WRONG, CANARY)] {
            let wish = json!({ "password": old, "newPassword": new });
            let answer = seen.user.post(&path, wish).await;
            seen.see(answer);
        }
    }
    for path in ["/api/tasks", "/api/files", "/api/files/upload/tasks"] {
        let answer = seen.user.get(path).await;
        seen.see(answer);
    }
    let told = events.until_pong().await;

    assert!(told.len() > 20, "{} events were seen", told.len());
    assert!(!holds(format!("{told:?}").as_bytes()), "in an event");
    for answer in &seen.answers {
        assert!(!holds(&answer.body), "in an answer: {}", String::from_utf8_lossy(&answer.body));
        assert!(!holds(format!("{:?}", answer.headers).as_bytes()), "in a header");
    }
    let statuses: Vec<u16> = seen.answers.iter().map(|answer| answer.status.as_u16()).collect();
    for status in [200, 201, 400, 403, 409, 422] {
        assert!(statuses.contains(&status), "{status} is not among {statuses:?}");
    }
    // While it runs, what was written is in the log of the database; after it, in the database itself.
    assert_eq!(files_with(folder.path()), Vec::<String>::new());
    assert_eq!(server.stop(), Some(0));
    assert_eq!(files_with(folder.path()), Vec::<String>::new());
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("a task stopped"), "it says little: {said}");
}

#[test]
fn the_search_finds_what_is_there() {
    assert!(holds(b"..Zq7-never..") && holds(b"AGE-SECRET-KEY-1") && !holds(b"nothing"));
}
