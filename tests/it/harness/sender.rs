//! Someone who uploads one file after the other to a server that may die at any moment, and remembers what it
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::child::ChildDrive;
use super::client::{Answer, Client, id};
use super::{bytes, order, sha256};

pub const CHUNK: usize = 64 * 1024;

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

pub struct Sender {
    number: u64,
    dice: Dice,
    begun: u64,
    current: Option<Current>,
    /// File id and hash of each completed upload, and when the server said so.
    done: Vec<(String, String, Instant)>,
    acknowledged: usize,
    /// On a disk that dies, an answer of 500 is no acknowledgement and no mistake.
    disk_may_die: bool,
}

struct Current {
    data: Vec<u8>,
    task: Option<(String, Instant)>,
    /// Each acknowledged chunk, and when it was.
    acknowledged: BTreeMap<u64, Instant>,
}

impl Sender {
    pub fn new(number: u64) -> Self {
        Self {
            number,
            dice: Dice(number),
            begun: 0,
            current: None,
            done: Vec::new(),
            acknowledged: 0,
            disk_may_die: false,
        }
    }

    pub fn on_a_dying_disk(number: u64) -> Self {
        Self { disk_may_die: true, ..Self::new(number) }
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
                Some(file) => self.done.push((file, sha256(&current.data), Instant::now())),
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
            task: None,
            acknowledged: BTreeMap::new(),
        }
    }

    /// The id of the finished file, or `None` when the server was killed meanwhile.
    async fn advance(&mut self, client: &Client, current: &mut Current) -> Option<String> {
        let task_id = match &current.task {
            Some((task_id, _)) => task_id.clone(),
            None => {
                let wanted = json!({
                    "fileName": format!("{}-{}.bin", self.number, self.begun),
                    "fileSize": current.data.len(),
                    "chunkSize": CHUNK,
                    // Asked for again after a kill, this finds the upload that was made just before it.
                    "fingerprint": format!("{}-{}", self.number, self.begun),
                });
                let task = self
                    .attempt(client, Method::POST, "/api/files/upload/create", Some(wanted))
                    .await?
                    .ok();
                current.task.insert((id(&task), Instant::now())).0.clone()
            }
        };
        let stored = self.stored(client, &task_id).await?;
        let count = current.data.len().div_ceil(CHUNK) as u64;
        let mut missing: Vec<u64> = (0..count).filter(|index| !stored.contains(index)).collect();
        while !missing.is_empty() {
            let index = missing.swap_remove(self.dice.roll(missing.len() as u64) as usize);
            let chunk = current.data.chunks(CHUNK).nth(index as usize).unwrap();
            self.send_chunk(client, &task_id, index, chunk).await?;
            current.acknowledged.insert(index, Instant::now());
            self.acknowledged += 1;
        }
        let file = self
            .attempt(client, Method::POST, &format!("/api/files/upload/complete/{task_id}"), None)
            .await?
            .ok();
        Some(file["id"].as_str().unwrap().to_owned())
    }

    /// Which chunks the server says it has.
    async fn stored(&self, client: &Client, task_id: &str) -> Option<BTreeSet<u64>> {
        let path = format!("/api/files/upload/resume/{task_id}");
        let known = self.attempt(client, Method::GET, &path, None).await?.ok();
        Some(known["uploadedChunks"].as_array().unwrap().iter().filter_map(Value::as_u64).collect())
    }

    /// Works on a task of its own until the server is gone.
    fn at_work(mut self, client: Client) -> JoinHandle<Self> {
        tokio::spawn(async move {
            self.work(&client, None).await;
            self
        })
    }

    /// On a dying disk, counts nothing that was said from this moment on. While a file system is being shut down, a flush under way may
    /// still report success; a disk that loses its power says nothing more.
    fn forget_since(&mut self, moment: Instant) {
        if !self.disk_may_die {
            return;
        }
        self.done.retain(|(_, _, at)| *at < moment);
        if let Some(current) = &mut self.current {
            current.acknowledged.retain(|_, at| *at < moment);
            current.task.take_if(|(_, at)| *at >= moment);
        }
    }

    /// Asks a healthy server for what it has: nothing that it acknowledged before may be missing.
    async fn check(&self, client: &Client) {
        let Some(current) = &self.current else { return };
        let Some((task_id, _)) = &current.task else { return };
        let stored = self.stored(client, task_id).await.expect("a healthy server");
        let lost: Vec<_> =
            current.acknowledged.keys().filter(|index| !stored.contains(index)).collect();
        assert!(lost.is_empty(), "acknowledged chunks are asked for again: {lost:?}");
    }

    /// A request to a server that may die: `None` when it did.
    async fn attempt(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        let mut request = client.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.read(request).await
    }

    async fn send_chunk(
        &self,
        client: &Client,
        task_id: &str,
        index: u64,
        chunk: &[u8],
    ) -> Option<()> {
        let request = client
            .request(Method::POST, &format!("/api/files/upload/chunk/{task_id}/{index}"))
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(chunk.to_vec());
        let answer = self.read(request).await?;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        Some(())
    }

    async fn read(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let answer = request.send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.ok()?.to_vec();
        let died = self.disk_may_die && status.is_server_error();
        (!died).then_some(Answer { status, headers, body })
    }
}

/// Lets senders work on a server that is struck down again and again, and on the last one to their end. `strike`
/// ends the server however it likes; `repair` is called before the next start. Acknowledged chunks and files that are
/// equal to their source.
pub async fn survive(
    data_dir: &Path,
    mut senders: Vec<Sender>,
    rounds: u64,
    mut strike: impl FnMut(ChildDrive),
    mut repair: impl FnMut(),
) -> (usize, usize) {
    let mut dice = Dice(rounds);
    let mut server = ChildDrive::start(data_dir, &[]);
    let mut client = server.nobody();
    client.set_up(server.setup_code.as_deref().unwrap(), "ada").await;
    for _ in 0..rounds {
        let working: Vec<_> =
            senders.drain(..).map(|sender| sender.at_work(client.clone())).collect();
        tokio::time::sleep(Duration::from_millis(20 + dice.roll(500))).await;
        let moment = Instant::now();
        strike(server);
        for sender in working {
            let mut sender = sender.await.expect("no assertion failed");
            sender.forget_since(moment);
            senders.push(sender);
        }
        repair();
        server = ChildDrive::start(data_dir, &[]);
        client.address = server.address;
        for sender in &senders {
            sender.check(&client).await;
        }
    }
    let survived = finish_and_compare(senders, &client).await;
    assert_eq!(server.stop(), Some(0));
    order::check(data_dir);
    survived
}

/// Lets every sender finish what it began, and compares each file with its source; chunks and files.
async fn finish_and_compare(senders: Vec<Sender>, client: &Client) -> (usize, usize) {
    let (mut acknowledged, mut files) = (0, 0);
    for mut sender in senders {
        let begun = sender.begun;
        sender.work(client, Some(begun)).await.expect("nobody kills it now");
        for (file, hash, _) in &sender.done {
            assert_eq!(&sha256(&client.content(file).await), hash);
        }
        acknowledged += sender.acknowledged;
        files += sender.done.len();
    }
    (acknowledged, files)
}
