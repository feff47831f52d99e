//! The program is killed without warning, again and again, and nothing that it acknowledged may be lost.
//!
//! `CRASH_ROUNDS` sets how often; 10 by default.

use std::path::Path;

use serde_json::json;

use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::sender::{CHUNK, Sender, survive};
use crate::harness::{bytes, order};

const SENDERS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_loses_nothing_it_acknowledged() {
    let rounds: u64 = std::env::var("CRASH_ROUNDS").map_or(10, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let senders = (0..SENDERS).map(Sender::new).collect();
    let (chunks, files) = survive(&data_dir, senders, rounds, ChildDrive::kill, || ()).await;
    println!("{rounds} kills, {chunks} acknowledged chunks, {files} files equal to their source");
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
