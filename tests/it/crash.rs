//! The program is killed without warning, again and again, and nothing that it acknowledged may be lost.
//!
//! `CRASH_ROUNDS` sets how often; 10 by default.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::child::ChildDrive;
use crate::harness::client::{Answer, Client, id};
use crate::harness::{bytes, order, sha256};

const CHUNK: usize = 64 * 1024;
const SENDERS: u64 = 8;

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Someone who uploads one file after the other, and remembers what was acknowledged.
struct Sender {
    number: u64,
    dice: Dice,
    begun: u64,
    current: Option<Current>,
    /// File id and hash of each completed upload.
    done: Vec<(String, String)>,
    acknowledged: usize,
}

struct Current {
    data: Vec<u8>,
    task_id: Option<String>,
    acknowledged: BTreeSet<u64>,
}

impl Sender {
    fn new(number: u64) -> Self {
        Self {
            number,
            dice: Dice(number),
            begun: 0,
            current: None,
            done: Vec::new(),
            acknowledged: 0,
        }
    }

    /// Works until the server is gone, or until `files` uploads are done; `None` when it was the server.
    async fn work(&mut self, client: &Client, files: Option<u64>) -> Option<()> {
        while files.is_none_or(|files| (self.done.len() as u64) < files) {
            let mut current = match self.current.take() {
                Some(current) => current,
                None => self.begin(),
            };
            let finished = self.advance(client, &mut current).await;
            match finished {
                Some(file) => self.done.push((file, sha256(&current.data))),
                None => {
                    self.current = Some(current);
                    return None;
                }
            }
        }
        Some(())
    }

    fn begin(&mut self) -> Current {
        self.begun += 1;
        let length =
            CHUNK * (4 + self.dice.roll(40) as usize) + self.dice.roll(CHUNK as u64) as usize;
        Current {
            data: bytes(self.number * 1000 + self.begun, length),
            task_id: None,
            acknowledged: BTreeSet::new(),
        }
    }

    /// The id of the finished file, or `None` when the server was killed meanwhile.
    async fn advance(&mut self, client: &Client, current: &mut Current) -> Option<String> {
        let task_id = match &current.task_id {
            Some(task_id) => task_id.clone(),
            None => {
                let wanted = json!({
                    "fileName": format!("{}-{}.bin", self.number, self.begun),
                    "fileSize": current.data.len(),
                    "chunkSize": CHUNK,
                    // Asked for again after a kill, this finds the upload that was made just before it.
                    "fingerprint": format!("{}-{}", self.number, self.begun),
                });
                let task = attempt(client, Method::POST, "/api/files/upload/create", Some(wanted))
                    .await?
                    .ok();
                current.task_id.insert(id(&task)).clone()
            }
        };
        let known =
            attempt(client, Method::GET, &format!("/api/files/upload/resume/{task_id}"), None)
                .await?
                .ok();
        let stored: BTreeSet<u64> =
            known["uploadedChunks"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        assert!(
            stored.is_superset(&current.acknowledged),
            "acknowledged chunks are asked for again: {:?}",
            current.acknowledged.difference(&stored).collect::<Vec<_>>()
        );

        let count = current.data.len().div_ceil(CHUNK) as u64;
        let mut missing: Vec<u64> = (0..count).filter(|index| !stored.contains(index)).collect();
        while !missing.is_empty() {
            let index = missing.swap_remove(self.dice.roll(missing.len() as u64) as usize);
            let chunk = current.data.chunks(CHUNK).nth(index as usize).unwrap();
            send_chunk(client, &task_id, index, chunk).await?;
            current.acknowledged.insert(index);
            self.acknowledged += 1;
        }
        let file =
            attempt(client, Method::POST, &format!("/api/files/upload/complete/{task_id}"), None)
                .await?
                .ok();
        Some(file["id"].as_str().unwrap().to_owned())
    }
}

/// A request to a server that may die: `None` when it did.
async fn attempt(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Option<Answer> {
    let mut request = client.request(method, path);
    if let Some(body) = body {
        request = request.json(&body);
    }
    read(request).await
}

async fn send_chunk(client: &Client, task_id: &str, index: u64, chunk: &[u8]) -> Option<()> {
    let request = client
        .request(Method::POST, &format!("/api/files/upload/chunk/{task_id}/{index}"))
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(chunk.to_vec());
    let answer = read(request).await?;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    Some(())
}

async fn read(request: reqwest::RequestBuilder) -> Option<Answer> {
    let answer = request.send().await.ok()?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.ok()?.to_vec();
    Some(Answer { status, headers, body })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_loses_nothing_it_acknowledged() {
    let rounds: u64 = std::env::var("CRASH_ROUNDS").map_or(10, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let mut dice = Dice(42);
    let mut server = ChildDrive::start(&data_dir, &[]);
    let mut client = server.nobody();
    client.set_up(server.setup_code.as_deref().unwrap(), "ada").await;

    let mut senders: Vec<_> = (0..SENDERS).map(Sender::new).collect();
    for _ in 0..rounds {
        client.address = server.address;
        let working: Vec<_> = senders
            .drain(..)
            .map(|mut sender| {
                let client = client.clone();
                tokio::spawn(async move {
                    sender.work(&client, None).await;
                    sender
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + dice.roll(500))).await;
        server.kill();
        for sender in working {
            senders.push(sender.await.expect("no assertion failed"));
        }
        server = ChildDrive::start(&data_dir, &[]);
    }

    client.address = server.address;
    let (mut files, mut acknowledged) = (0, 0);
    for mut sender in senders {
        let begun = sender.begun;
        sender.work(&client, Some(begun)).await.expect("nobody kills it now");
        for (file, hash) in &sender.done {
            assert_eq!(&sha256(&client.content(file).await), hash);
        }
        files += sender.done.len();
        acknowledged += sender.acknowledged;
    }
    println!(
        "{rounds} kills, {acknowledged} acknowledged chunks, {files} files equal to their source"
    );
    assert_eq!(server.stop(), Some(0));
    order::check(&data_dir);
}

/// An upload with all its chunks, not completed; the server has stopped.
async fn almost_done(data_dir: &Path) -> (Client, String, Vec<u8>) {
    let server = ChildDrive::start(data_dir, &[]);
    let mut client = server.nobody();
    client.set_up(server.setup_code.as_deref().unwrap(), "ada").await;
    let data = bytes(7, 5 * CHUNK + 1);
    let task = client.create("a.bin", data.len() as u64, json!({ "chunkSize": CHUNK })).await.ok();
    for (index, chunk) in data.chunks(CHUNK).enumerate() {
        client.chunk(&id(&task), index as u64, chunk).await.ok();
    }
    server.kill();
    (client, id(&task), data)
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap();
    let path = entries.next().expect("one file").unwrap().path();
    assert!(entries.next().is_none(), "only one file");
    path
}

#[tokio::test]
async fn a_kill_between_the_rename_and_its_row_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let (mut client, task_id, data) = almost_done(&data_dir).await;
    let part = only_file(&data_dir.join("uploads"));
    let name = part.file_stem().unwrap().to_str().unwrap().to_owned();
    let object = data_dir.join("pool/objects").join(&name[name.len() - 2..]).join(&name);
    std::fs::rename(&part, &object).unwrap();

    let server = ChildDrive::start(&data_dir, &[]);
    client.address = server.address;
    let file = client.complete(&task_id).await.ok();
    assert_eq!(client.content(file["id"].as_str().unwrap()).await, data);
    assert_eq!(server.stop(), Some(0));
    order::check(&data_dir);
}

#[tokio::test]
async fn a_staging_file_that_is_gone_is_asked_for_again_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let (mut client, task_id, data) = almost_done(&data_dir).await;
    std::fs::remove_file(only_file(&data_dir.join("uploads"))).unwrap();

    let server = ChildDrive::start(&data_dir, &[]);
    client.address = server.address;
    let missing = client.complete(&task_id).await.refused(409, "CHUNKS_MISSING");
    assert_eq!(missing["details"]["missingChunks"], json!([0, 1, 2, 3, 4, 5]));
    for (index, chunk) in data.chunks(CHUNK).enumerate() {
        client.chunk(&task_id, index as u64, chunk).await.ok();
    }
    let file = client.complete(&task_id).await.ok();
    assert_eq!(client.content(file["id"].as_str().unwrap()).await, data);
    assert_eq!(server.stop(), Some(0));
    order::check(&data_dir);
}
