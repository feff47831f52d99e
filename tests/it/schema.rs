//! The database itself: the view of the original design, and the rules that no statement can break.

use rusqlite::Connection;
use serde_json::json;

use crate::harness::client::id;
use crate::harness::{TestDrive, sha256};

/// The first column of every row.
fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_view_of_the_original_design_has_its_columns_and_statuses() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut ids = Vec::new();
    for status in ["InProgress", "Completed", "Failed", "Expired", "Paused", "Cancelled"] {
        let hash = if status == "Failed" { sha256(b"other") } else { sha256(b"0123456789") };
        let wish = json!({ "hash": hash, "folder": status, "expiredAt": "2999-01-01T00:00:00Z" });
        ids.push(id(&user.create("a.bin", 10, wish).await.ok()));
    }
    for task in &ids[..3] {
        user.chunk(task, 0, b"0123456789").await.ok();
    }
    user.complete(&ids[1]).await.ok();
    user.complete(&ids[2]).await.refused(422, "HASH_MISMATCH");
    let expire = "update tasks set expires_at = 1, last_activity = 1 where task_id = ?1";
    drive.db().execute(expire, [&ids[3]]).unwrap();
    drive.sweep().await;
    user.call(&format!("/api/tasks/{}/pause", ids[4])).await.ok();
    user.call(&format!("/api/tasks/{}/cancel", ids[5])).await.ok();

    let db = drive.db();
    let columns = texts(&db, "select name from pragma_table_info('upload_tasks') order by cid");
    let wanted = "id task_id file_name file_size content_type chunk_size chunks_count chunks_uploaded pool_id \
        bundle_id encrypt_password expired_at hash account_id status uploaded_chunks last_activity created_at \
        updated_at deleted_at";
    assert_eq!(columns, wanted.split_whitespace().collect::<Vec<_>>());
    // 0 InProgress, 1 Completed, 2 Failed, 3 Expired: what is paused may still come in, what is cancelled cannot.
    for (task, status) in ids.iter().zip([0, 1, 2, 3, 0, 2]) {
        let sql = "select status from upload_tasks where task_id = ?1";
        let told: i64 = db.query_row(sql, [task], |row| row.get(0)).unwrap();
        assert_eq!(told, status);
    }
    let sql = "select json_array(file_name, file_size, chunks_uploaded, json(uploaded_chunks), expired_at, \
        encrypt_password, hash) from upload_tasks where task_id = ?1";
    let row: String = db.query_row(sql, [&ids[0]], |row| row.get(0)).unwrap();
    let hash = format!("sha256:{}", sha256(b"0123456789"));
    let told = json!(["a.bin", 10, 1, [0], "2999-01-01T00:00:00.000Z", null, hash]);
    assert_eq!(row.parse::<serde_json::Value>().unwrap(), told);
}

#[tokio::test]
async fn the_database_is_strict_and_logs_ahead() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    assert_eq!(texts(&db, "pragma journal_mode"), ["wal"]);
    let loose = "select name from pragma_table_list where schema = 'main' and type = 'table' and strict = 0 \
        and name not like 'sqlite_%'";
    assert_eq!(texts(&db, loose), Vec::<String>::new());
    assert!(texts(&db, "select name from pragma_table_list where strict = 1").len() >= 15);
    assert_eq!(texts(&db, "select \"table\" from pragma_foreign_key_check"), Vec::<String>::new());
}

#[tokio::test]
async fn no_statement_can_move_a_task_where_it_may_not_go() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.create("a.bin", 10, json!({})).await.ok();
    let db = drive.db();
    let legal = [
        (0, 1),
        (0, 2),
        (0, 4),
        (0, 5),
        (0, 6),
        (1, 0),
        (1, 2),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 6),
        (2, 0),
        (2, 1),
        (2, 4),
        (2, 5),
        (2, 6),
        (4, 0),
        (4, 1),
    ];
    for from in 0..7 {
        for to in (0..7).filter(|to| *to != from) {
            db.execute_batch("begin; drop trigger tasks_legal").unwrap();
            let sql = "update tasks set driver = 0, status = ?1, progress = 100, \
                finished_at = iif(?1 in (3, 4, 5, 6), 1, null)";
            db.execute(sql, [from]).unwrap();
            restore_trigger(&drive, &db);
            let moved = db.execute(sql, [to]);
            assert_eq!(moved.is_ok(), legal.contains(&(from, to)), "{from} to {to}: {moved:?}");
            db.execute_batch("rollback").unwrap();
        }
    }
}

/// Makes the trigger again, as the server made it.
fn restore_trigger(drive: &TestDrive, db: &Connection) {
    let other = drive.db();
    let sql = texts(&other, "select sql from sqlite_schema where name = 'tasks_legal'").remove(0);
    db.execute_batch(&sql).unwrap();
}

#[tokio::test]
async fn readers_cannot_write() {
    let drive = TestDrive::spawn();
    let refused = drive.read_only_error("delete from settings").await;
    assert!(
        refused.contains("readonly")
            || refused.contains("read-only")
            || refused.contains("query_only"),
        "{refused}"
    );
}
