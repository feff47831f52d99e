//! Lists of 100,000 files of one account: pages behind a cursor anywhere in each order, first pages with their count,
//! and questions that find few, many and all of them.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::parts::percentile;
use crate::wire::{Server, Wire};

const FILES: usize = 100_000;
const ROUNDS: usize = 200;

pub fn files(folder: &Path) {
    let data_dir = folder.join("files");
    let server = Server::drive(&data_dir);
    let token = server.sign_in();
    fill(&data_dir);
    let mut wire = Wire::connect(&server.address, Some(&token));
    for order in ["name", "size", "type", "createdAt", "updatedAt"] {
        for filter in ["", "&folder=/all", "&q=holiday"] {
            walk(&mut wire, &format!("sortBy={order}{filter}"));
        }
    }
    for question in [
        "",
        "q=00123",
        "q=holiday%20beach",
        "q=jpg",
        "q=j",
        "folder=/all&sortBy=size",
        "type=image/*",
    ] {
        let path = format!("/api/files?limit=50&{question}");
        let times = (0..ROUNDS / 10).map(|_| timed(&mut wire, &path).0).collect();
        tell(&format!("first page with its count, {question:?}"), times);
    }
}

fn timed(wire: &mut Wire, path: &str) -> (Duration, Option<String>) {
    let begin = Instant::now();
    let (status, _, next) = wire.page(path);
    assert_eq!(status, 200, "{path}");
    (begin.elapsed(), next)
}

/// Page after page from the first on, each of 500 files, so that the whole list is seen.
fn walk(wire: &mut Wire, order: &str) {
    let mut times = Vec::new();
    let mut cursor = timed(wire, &format!("/api/files?limit=50&{order}")).1;
    while let Some(next) = cursor {
        // A page of 50 is what a client shows; pages of 500 lead on through the list.
        times.push(timed(wire, &format!("/api/files?limit=50&{order}&cursor={next}")).0);
        cursor = timed(wire, &format!("/api/files?limit=500&{order}&cursor={next}")).1;
        if times.len() == ROUNDS {
            break;
        }
    }
    tell(&format!("a page of 50 behind a cursor, {order}"), times);
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "{FILES} files, {what}: p50 {:.2} ms, p99 {:.2} ms ({} pages)",
        percentile(&times, 50),
        percentile(&times, 99),
        times.len()
    );
}

/// Two thirds lie in one folder, the rest in a hundred others; one name in ten has the word "holiday".
fn fill(data_dir: &Path) {
    let db = rusqlite::Connection::open(data_dir.join("drive.db")).expect("the database");
    db.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    drive::store::functions::register(&db).expect("the functions");
    let begin = Instant::now();
    db.execute_batch(
        "begin immediate;
         insert into objects (id, pool_id, size, sha256, blake3, refs, created_at, block_size, blocks)
         select '00000000-0000-7000-8000-000000000000', id, 1, zeroblob(32), zeroblob(32), 100000, 0, 1048576, x'' from pools limit 1;
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000),
         named(i, name) as (select i, printf('%s %s %06d.%s', iif(i % 10 = 0, 'holiday', 'img'),
           iif(i % 7 = 0, 'beach', 'garden'), i * 7919 % 100000, iif(i % 4 = 0, 'txt', 'jpg')) from n)
         insert into files (id, account_id, pool_id, object_id, name, name_key, folder, content_type, size, sha256, charge,
           created_at, updated_at, uploaded_at)
         select printf('00000000-0000-7000-8000-%012d', i), (select id from accounts), (select id from pools),
           '00000000-0000-7000-8000-000000000000', name, natural_key(name),
           iif(i % 3 > 0, '/all', printf('/photos/%d', i % 100)), iif(i % 4 = 0, 'text/plain', 'image/jpeg'),
           i * 31 % 10007, zeroblob(32), 0, 1000000 + i * 7919 % 100000, 1000000 + i * 104729 % 100000, 2000000 from named;
         commit;",
    )
    .expect("100,000 files");
    println!("{FILES} rows with their words: {:.1} s", begin.elapsed().as_secs_f64());
}
