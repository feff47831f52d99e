//! Numbered scripts, each run once in a transaction of its own; `user_version` counts them. A script that has been
//! released is never edited again.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::domain::error::{Error, Result};

const SCRIPTS: &[M<'_>] = &[
    M::up(include_str!("migrations/0001_init.sql")),
    M::up(include_str!("migrations/0002_accounts.sql")),
    M::up(include_str!("migrations/0003_notifications.sql")),
    M::up(include_str!("migrations/0004_search.sql")),
    M::up(include_str!("migrations/0005_bundles.sql")),
    M::up(include_str!("migrations/0006_answers.sql")),
    M::up(include_str!("migrations/0007_previews.sql")),
    M::up(include_str!("migrations/0008_trash.sql")),
    M::up(include_str!("migrations/0009_pools.sql")),
    M::up(include_str!("migrations/0010_lanes.sql")),
    M::up(include_str!("migrations/0011_titles.sql")),
];

pub(super) fn run(connection: &mut Connection) -> Result<()> {
    Migrations::from_slice(SCRIPTS)
        .to_latest(connection)
        .map_err(|error| Error::internal(format!("bringing the database up to date: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::functions;
    use super::*;

    fn empty() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        functions::register(&connection).unwrap();
        connection
    }

    #[test]
    fn scripts_run_on_an_empty_database_and_twice_is_once() {
        let mut connection = empty();
        run(&mut connection).unwrap();
        run(&mut connection).unwrap();
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, SCRIPTS.len() as i64);
    }

    #[test]
    fn the_trigger_knows_the_same_moves_as_the_code() {
        let mut connection = empty();
        run(&mut connection).unwrap();
        let legal: Vec<(i64, i64)> = connection
            .prepare("select f, t from legal_moves order by f, t")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        connection
            .execute_batch(
                "insert into accounts (id, name, password_hash, role, created_at, updated_at) values ('a', 'a', '', 'user', 0, 0)",
            )
            .unwrap();
        let mut allowed = Vec::new();
        for (from, to) in (0..7).flat_map(|from| (0..7).map(move |to| (from, to))) {
            let ended = |status: i64| (status > 2).then_some(1);
            connection.execute_batch("delete from tasks").unwrap();
            connection
                .execute(
                    "insert into tasks (task_id, account_id, type, name, driver, status, sort_key, created_at, \
                     updated_at, last_activity, finished_at, progress) \
                     values ('t', 'a', 'Custom', '', 0, ?1, 0, 0, 0, 0, ?2, 100)",
                    (from, ended(from)),
                )
                .unwrap();
            let moved = connection
                .execute("update tasks set status = ?1, finished_at = ?2", (to, ended(to)));
            if moved.is_ok() && from != to {
                allowed.push((from, to));
            }
        }
        assert_eq!(allowed, legal);
        assert_eq!(legal.len(), 18);
    }
}
