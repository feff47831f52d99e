//! What is measured.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::wire::{Server, Wire};

const MIB: u64 = 1024 * 1024;
const CHUNK: u64 = 8 * MIB;

/// Bytes that do not compress, a little different for each chunk.
fn chunk(index: u64) -> Vec<u8> {
    let mut bytes = vec![0; CHUNK as usize];
    blake3::Hasher::new().update(b"bench").finalize_xof().fill(&mut bytes);
    bytes[..8].copy_from_slice(&index.to_le_bytes());
    bytes
}

/// Touches memory that a virtual machine may have given back, so that no run pays for its first use.
fn warm_memory() {
    let mut block = vec![0u8; 3 << 30];
    for page in block.chunks_mut(4096) {
        page[0] = 1;
    }
    assert!(block[4096] == 1);
}

pub fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1000.0
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// 1 GiB in chunks of 8 MiB on one connection, in turns with the yardstick.
pub fn throughput(folder: &Path) {
    const ROUNDS: usize = 7;
    let mut bytes = chunk(0);
    let (mut floors, mut drives, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let path = folder.join(format!("floor-{round}"));
        let server = Server::floor(&path);
        let mut wire = Wire::connect(&server.address, None);
        warm_memory();
        let begin = Instant::now();
        for index in 0..128 {
            bytes[..8].copy_from_slice(&(index + 1000 * round as u64).to_le_bytes());
            let path = format!("/chunk/{}", index * CHUNK);
            assert_eq!(wire.send("POST", &path, "application/octet-stream", &bytes).0, 200);
        }
        floors.push(begin.elapsed().as_secs_f64());
        drop(server);
        std::fs::remove_file(path).expect("removing");

        let data_dir = folder.join(format!("drive-{round}"));
        let server = Server::drive(&data_dir);
        let mut wire = Wire::connect(&server.address, Some(&server.sign_in()));
        let task = wire.create("one.bin", 128 * CHUNK, CHUNK);
        warm_memory();
        let begin = Instant::now();
        for index in 0..128 {
            bytes[..8].copy_from_slice(&(index + 1000 * round as u64).to_le_bytes());
            wire.chunk(&task, index, &bytes);
        }
        let sent = begin.elapsed();
        wire.complete(&task);
        drives.push(begin.elapsed().as_secs_f64());
        ends.push((begin.elapsed() - sent).as_secs_f64() * 1000.0);
        drop(server);
        std::fs::remove_dir_all(data_dir).expect("removing");
    }
    println!("floor s: {floors:.3?}\ndrive s: {drives:.3?}");
    let ratios = drives.iter().zip(&floors).map(|(drive, floor)| drive / floor).collect();
    println!(
        "1 GiB, 8 MiB chunks, one connection: floor {:.3} s, drive {:.3} s with completion, ratio {:.2} \
         (median of pairs), completion {:.1} ms",
        median(floors),
        median(drives),
        median(ratios),
        median(ends)
    );
}

/// 100 uploads of 8 MiB at once, each on its own connection.
pub fn many(folder: &Path) {
    let server = Server::drive(&folder.join("many"));
    let token = server.sign_in();
    let begin = Instant::now();
    let senders: Vec<_> = (0..100)
        .map(|sender| {
            let (address, token) = (server.address.clone(), token.clone());
            std::thread::spawn(move || {
                let mut wire = Wire::connect(&address, Some(&token));
                let task = wire.create(&format!("{sender}.bin"), CHUNK, CHUNK);
                wire.chunk(&task, 0, &chunk(sender));
                wire.complete(&task);
            })
        })
        .collect();
    senders.into_iter().for_each(|sender| sender.join().expect("no error"));
    println!(
        "100 uploads of 8 MiB at once: {:.3} s, no error, peak memory {:.0} MiB",
        begin.elapsed().as_secs_f64(),
        server.memory_mib("VmHWM")
    );
}

/// From the commit of an event to its receipt, with 100 uploads running.
pub fn socket(folder: &Path) {
    let server = Server::drive(&folder.join("socket"));
    let token = server.sign_in();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let senders: Vec<_> = (0..100u64)
        .map(|sender| {
            let (address, token, stop) = (server.address.clone(), token.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut wire = Wire::connect(&address, Some(&token));
                let bytes = &chunk(sender)[..512 * 1024];
                let task = wire.create(&format!("{sender}.bin"), 100 * 512 * 1024, 512 * 1024);
                for index in 0..100 {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    wire.chunk(&task, index, bytes);
                    // A hundred senders of about 1 MB/s each, together what a gigabit line carries.
                    std::thread::sleep(Duration::from_millis(480));
                }
            })
        })
        .collect();
    let mut bounds = crate::wire_socket::latencies(&server.address, &token, 500);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    senders.into_iter().for_each(|sender| sender.join().expect("no error"));
    for (what, times) in [
        ("the answer of its commit", &mut bounds.after_answer),
        ("before its commit", &mut bounds.with_commit),
    ] {
        times.sort();
        println!(
            "an event's receipt, counted from {what}, 100 uploads running: p50 {:.2} ms, p99 {:.2} ms",
            percentile(times, 50),
            percentile(times, 99)
        );
    }
}

/// A page of one account's 100,000 tasks.
pub fn list(folder: &Path) {
    let data_dir = folder.join("list");
    let server = Server::drive(&data_dir);
    let token = server.sign_in();
    let mut wire = Wire::connect(&server.address, Some(&token));
    fill_tasks(&data_dir);
    for (what, query) in [
        ("first page", "limit=50"),
        ("one status", "limit=50&status=Completed"),
        ("by name", "limit=50&sortBy=filename&sortDescending=false"),
        ("by size", "limit=50&sortBy=filesize"),
        ("by creation", "limit=50&sortBy=createdAt"),
        ("page 1000", "limit=50&offset=50000"),
    ] {
        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let begin = Instant::now();
                let path = format!("/api/files/upload/tasks?{query}");
                assert_eq!(wire.send("GET", &path, "application/json", b"").0, 200);
                begin.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "100,000 tasks, {what}: p50 {:.2} ms, p99 {:.2} ms",
            percentile(&times, 50),
            percentile(&times, 99)
        );
    }
}

/// Puts 100,000 ended uploads of the one account into the database.
fn fill_tasks(data_dir: &Path) {
    let db = rusqlite::Connection::open(data_dir.join("drive.db")).expect("the database");
    db.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    db.execute_batch(
        "begin immediate;
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
         insert into tasks (task_id, account_id, type, name, driver, status, sort_key, progress, created_at,
           started_at, updated_at, last_activity, finished_at, params)
         select printf('00000000-0000-7000-8000-%012d', i), (select id from accounts), 'FileUpload', 'Upload File', 1,
           iif(i % 10 = 0, 5, 3), i, 100, 1000000 + i * 7919 % 100000, 0, 1000000 + i * 7907 % 100000,
           1000000 + i * 104729 % 100000, 2000000, '{\"fileName\":\"some file name.bin\"}' from n;
         insert into uploads (task_pk, account_id, file_name, folder, file_size, content_type, chunk_size, chunks_count,
           pool_id, object_id, charge, chunks_received, bytes_received)
         select t.id, t.account_id, printf('file-%06d.bin', t.id * 7919 % 100000), '/', t.id * 31 % 1000003,
           'application/octet-stream', 5242880, 1, (select id from pools), t.task_id, 0, 1, 0 from tasks t;
         commit;",
    )
    .expect("100,000 tasks");
}

/// 10 GiB: the time of completing after the last chunk, and the most memory the server had.
pub fn big(folder: &Path) {
    const CHUNKS: u64 = 10 * 128;
    let server = Server::drive(&folder.join("big"));
    let mut wire = Wire::connect(&server.address, Some(&server.sign_in()));
    let task = wire.create("big.bin", CHUNKS * CHUNK, CHUNK);
    let mut bytes = chunk(0);
    let begin = Instant::now();
    for index in 0..CHUNKS {
        bytes[..8].copy_from_slice(&index.to_le_bytes());
        wire.chunk(&task, index, &bytes);
    }
    let sent = Instant::now();
    let file = wire.complete(&task);
    let took = sent.elapsed();
    assert_eq!(file["size"], json!(CHUNKS * CHUNK));
    println!(
        "10 GiB: {:.1} s sent, completed in {:.1} ms after the last chunk, peak memory {:.0} MiB",
        (sent - begin).as_secs_f64(),
        took.as_secs_f64() * 1000.0,
        server.memory_mib("VmHWM")
    );
}
