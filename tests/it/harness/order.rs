//! Is the world in order? Looked at from the outside: the database file and the folders, with no code of the server
//! but the password hash.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

/// Makes an account as `drive account add` does.
pub fn add_account(database: &Path, name: &str, role: &str, quota_bytes: Option<u64>) {
    let db = Connection::open(database).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let hash = drive::http::tokens::hash_password(super::client::PASSWORD).unwrap();
    let id = drive::domain::id::AccountId::generate().to_string();
    let quota = quota_bytes.map(|bytes| bytes as i64);
    db.execute(
        "insert into accounts (id, name, password_hash, role, quota_bytes, created_at, updated_at) \
         values (?1, ?2, ?3, ?4, ?5, 0, 0)",
        (id, name, hash, role, quota),
    )
    .unwrap();
}

fn texts(db: &Connection, sql: &str) -> BTreeSet<String> {
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn number(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// What uploads hold: rows, files and bytes. A refused request leaves it as it was.
#[derive(Debug, PartialEq, Eq)]
pub struct Holdings {
    pub tasks: i64,
    pub chunks: i64,
    pub files: i64,
    pub reserved_bytes: i64,
    pub used_bytes: i64,
    pub staged: BTreeSet<String>,
    /// Ended tasks whose leftovers are still to be removed.
    pub to_clean: i64,
}

pub fn holdings(data_dir: &Path) -> Holdings {
    let db = Connection::open(data_dir.join("drive.db")).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    Holdings {
        tasks: number(&db, "select count(*) from tasks"),
        chunks: number(&db, "select count(*) from upload_chunks"),
        files: number(&db, "select count(*) from files"),
        reserved_bytes: number(&db, "select coalesce(sum(reserved_bytes), 0) from accounts"),
        used_bytes: number(&db, "select coalesce(sum(used_bytes), 0) from accounts"),
        staged: names(&data_dir.join("uploads")),
        to_clean: number(&db, "select count(*) from tasks where cleanup = 1"),
    }
}

/// Panics unless files, rows, quota and events agree. The server must have stopped.
pub fn check(data_dir: &Path) {
    let db = Connection::open(data_dir.join("drive.db")).unwrap();
    assert_eq!(texts(&db, "pragma integrity_check"), BTreeSet::from(["ok".to_owned()]));

    let staged = |which: &str| {
        let of = "select u.object_id || '.part' from uploads u join tasks t on t.id = u.task_pk";
        texts(&db, &format!("{of} where {which}"))
    };
    let (open, ended) = (staged("t.status in (1, 2)"), staged("t.cleanup = 1"));
    let found = names(&data_dir.join("uploads"));
    assert!(open.is_subset(&found), "open uploads have their staging files: {open:?} {found:?}");
    // A server that stops leaves the very last leftovers to its next start.
    let strays: Vec<_> =
        found.iter().filter(|name| !open.contains(*name) && !ended.contains(*name)).collect();
    assert!(strays.is_empty(), "staging files belong to uploads: {strays:?}");

    assert_eq!(
        objects_in(&data_dir.join("pool")),
        texts(&db, &format!("select id from objects where {FIRST_POOL}")),
        "objects on disk are those with a row"
    );

    let wrong_sizes =
        texts(&db, &format!("select id || ' ' || size from objects where {FIRST_POOL}"))
            .into_iter()
            .filter(|row| {
                let (id, size) = row.split_once(' ').unwrap();
                let path = data_dir.join("pool/objects").join(&id[id.len() - 2..]).join(id);
                std::fs::metadata(path).unwrap().len().to_string() != size
            })
            .count();
    assert_eq!(wrong_sizes, 0, "objects have the size their row says");

    for (sql, promise) in COUNTS {
        assert_eq!(number(&db, sql), 0, "{promise}");
    }
}

/// Tests know the folder of the first pool; further ones are their own business.
const FIRST_POOL: &str = "pool_id = (select id from pools where name = 'default')";

/// Names of the sealed objects of a pool.
pub fn objects_in(pool: &Path) -> BTreeSet<String> {
    (0..=255u8)
        .flat_map(|first| names(&pool.join("objects").join(format!("{first:02x}"))))
        .collect()
}

/// Queries that count what is wrong, each with the promise it holds.
const COUNTS: [(&str, &str); 5] = [
    (
        "select count(*) from objects o \
         where o.refs <> (select count(*) from files f where f.object_id = o.id)",
        "objects count the files that show them",
    ),
    (
        "select count(*) from accounts a where a.used_bytes <> \
         (select coalesce(sum(f.charge), 0) from files f where f.account_id = a.id)",
        "used bytes are the sum of files",
    ),
    (
        "select count(*) from accounts a where a.reserved_bytes <> \
         (select coalesce(sum(u.charge), 0) from uploads u join tasks t on t.id = u.task_pk \
          where t.account_id = a.id and t.status in (1, 2)) + \
         (select coalesce(sum(t.reserved_bytes), 0) from tasks t where t.account_id = a.id)",
        "reserved bytes are the sum of open uploads and tasks",
    ),
    (
        "select count(*) from uploads u join tasks t on t.id = u.task_pk where t.status in (1, 2) and \
         u.chunks_received <> (select count(*) from upload_chunks c where c.task_pk = t.id)",
        "uploads count their chunks",
    ),
    (
        "select count(*) from event_streams s where s.last_seq - s.pruned_through <> \
         (select count(*) from events e where e.account_id = s.account_id and e.seq > s.pruned_through)",
        "events are numbered without a gap",
    ),
];
