//! The program is killed while tasks of every kind run. Each one that was acknowledged ends as if nothing had happened.
//!
//! `CRASH_ROUNDS` sets how often; each round kills twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks as _;
use crate::harness::{bytes, order, other_disk};

const FILES: usize = 6;
const SIZE: usize = 3_000_000;

struct World {
    data_dir: std::path::PathBuf,
    far: std::path::PathBuf,
    client: Client,
    files: Vec<Value>,
    archive: Value,
    table: Value,
    pools: BTreeMap<String, Value>,
}

impl World {
    fn start(data_dir: &Path, far: &Path) -> ChildDrive {
        ChildDrive::start(
            data_dir,
            &[("DRIVE_POOL2_NAME", "far"), ("DRIVE_POOL2_PATH", far.to_str().unwrap())],
        )
    }

    async fn prepare(data_dir: &Path, far: &Path) -> Self {
        let server = Self::start(data_dir, far);
        let mut client = server.nobody();
        client.set_up(server.setup_code.as_deref().unwrap(), "ada").await;
        let fixed = json!({ "folder": "/src", "lastModified": "2025-01-02T03:04:06Z" });
        let mut files = Vec::new();
        for seed in 0..FILES {
            let content = bytes(seed as u64, SIZE);
            files.push(
                client.upload(&format!("{seed}.bin"), &content, fixed.clone()).await["id"].clone(),
            );
        }
        let wish = json!({ "fileIds": files, "compressionFormat": "tar.zst", "targetFolder": "/archives" });
        let packed = client.run("FileCompress", wish).await;
        let rows: String = (0..20_000).map(|n| format!("{n},name {n}\n")).collect();
        let table = client.upload("t.csv", format!("n,name\n{rows}").as_bytes(), json!({})).await;
        let mut pools = BTreeMap::new();
        for name in ["default", "far"] {
            pools.insert(name.to_owned(), client.pool(name).await);
        }
        assert_eq!(server.stop(), Some(0));
        Self {
            data_dir: data_dir.to_owned(),
            far: far.to_owned(),
            client,
            files,
            archive: packed["results"]["resultFileId"].clone(),
            table: table["id"].clone(),
            pools,
        }
    }

    /// One wish of each kind; their task ids.
    async fn ask(&self, round: u64) -> Vec<String> {
        let there = if round.is_multiple_of(2) { "far" } else { "default" };
        let wishes = [
            (
                "FileCompress",
                json!({ "folder": "/src", "outputFileName": "all.zip", "targetFolder": format!("/zip{round}") }),
            ),
            (
                "FileCompress",
                json!({ "folder": "/src", "compressionFormat": "tar.gz", "compressionLevel": 1,
                "outputFileName": "all.tar.gz", "targetFolder": format!("/tar{round}") }),
            ),
            (
                "FileDecompress",
                json!({ "fileId": self.archive, "targetFolder": format!("/un{round}") }),
            ),
            ("FileMove", json!({ "fileIds": self.files, "targetPoolId": self.pools[there] })),
            (
                "FileConversion",
                json!({ "fileId": self.table, "targetFormat": "json", "targetFolder": format!("/json{round}") }),
            ),
            (
                "BulkOperation",
                json!({ "operationType": "copy", "targetIds": [self.table],
                "operationParameters": { "targetFolder": format!("/copy{round}") } }),
            ),
        ];
        let mut ids = Vec::new();
        for (task_type, parameters) in wishes {
            let answer = self.client.ask(task_type, parameters).await;
            assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
            ids.push(id(&answer.json()));
        }
        ids
    }

    /// Folder, name and hash of all files but those of other rounds.
    async fn made(&self, round: u64) -> BTreeMap<String, String> {
        let mut made = BTreeMap::new();
        for kind in ["zip", "tar", "un", "json", "copy"] {
            let files = self.client.get(&format!("/api/files?folder=/{kind}{round}")).await.ok();
            for file in files.as_array().unwrap() {
                let hash = file["hash"].as_str().unwrap().to_owned();
                let name = format!("{kind}/{}", file["name"].as_str().unwrap());
                assert!(made.insert(name.clone(), hash).is_none(), "{name} is there once");
            }
        }
        made
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_survive_being_killed_at_any_moment() {
    let rounds: u64 = std::env::var("CRASH_ROUNDS").map_or(4, |text| text.parse().unwrap());
    let (folder, far) = (tempfile::tempdir().unwrap(), other_disk());
    let data_dir = folder.path().join("data");
    let mut world = World::prepare(&data_dir, &far.path().join("pool")).await;
    let mut expected = None;
    let mut dice = 7u64;
    for round in 0..rounds {
        let mut wait = |most: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Duration::from_millis((dice >> 33) % most)
        };
        let server = World::start(&world.data_dir, &world.far);
        world.client.address = server.address;
        let ids = world.ask(round).await;
        tokio::time::sleep(wait(700)).await;
        server.kill();
        let server = World::start(&world.data_dir, &world.far);
        tokio::time::sleep(wait(500)).await;
        server.kill();

        let server = World::start(&world.data_dir, &world.far);
        world.client.address = server.address;
        for task_id in &ids {
            let task = world.client.ended(task_id).await;
            assert_eq!(task["status"], "Completed", "round {round}: {task}");
        }
        let made = world.made(round).await;
        assert_eq!(made.len(), 3 + FILES + 1, "round {round}: {made:?}");
        let expected = expected.get_or_insert_with(|| made.clone());
        assert_eq!(made, *expected, "round {round}: the same bytes whatever was interrupted");
        for (seed, file) in world.files.iter().enumerate() {
            let content = world.client.content(file.as_str().unwrap()).await;
            assert_eq!(content, bytes(seed as u64, SIZE));
        }
        let quota = world.client.get("/api/quota").await.ok();
        assert_eq!(quota["reserved"], 0, "round {round}");
        assert_eq!(server.stop(), Some(0));
        order::check(&world.data_dir);
    }
    println!("{} kills under tasks of six kinds, all of them ended the same", rounds * 2);
}
