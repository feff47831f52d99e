//! How SQLite serves the lists: from indexes, whatever the order and however many rows there are. The statements are
//! taken from the connection that ran them, so that what is held against the rule is what the server asks.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::ptr::null_mut;

use drive::domain::id::{AccountId, TaskId};
use drive::domain::task::{Status, TaskType, Verb};
use drive::domain::time::Timestamp;
use drive::domain::work::{ItemState, Lane};
use drive::store::items::{self, Mark};
use drive::store::sessions::{self, SessionKind};
use drive::store::task_lists::{Filter, Page, Place, Sort, Start};
use drive::store::{audit, grants, lanes, queue, task_facts, task_lists, tasks, uploads, usage};
use rusqlite::{Connection, ffi, params_from_iter};
use serde_json::json;

use crate::harness::TestDrive;
use crate::harness::scripted::{Act, Job};
use crate::harness::world::{Make, World};

/// The statements that a connection keeps prepared.
#[expect(unsafe_code, reason = "SQLite tells its statements through pointers only")]
pub fn statements(db: &Connection) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // SAFETY: the connection is open and used by no other thread; the statements belong to its cache, which nothing
    // changes meanwhile, and their texts are copied before this returns.
    unsafe {
        let mut statement = ffi::sqlite3_next_stmt(db.handle(), null_mut());
        while !statement.is_null() {
            let text = CStr::from_ptr(ffi::sqlite3_sql(statement));
            found.insert(text.to_str().unwrap().to_owned());
            statement = ffi::sqlite3_next_stmt(db.handle(), statement);
        }
    }
    found
}

/// A step of a plan with the steps it is part of.
pub struct Step {
    pub text: String,
    within: Vec<String>,
}

pub fn plan(db: &Connection, sql: &str) -> Vec<Step> {
    let mut statement = db.prepare(&format!("explain query plan {sql}")).unwrap();
    let nothing_bound = vec![rusqlite::types::Null; statement.parameter_count()];
    let rows = statement
        .query_map(params_from_iter(nothing_bound), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(3)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>();
    let above = |mut parent: i64| {
        let mut within = Vec::new();
        while let Some((_, next, text)) = rows.iter().find(|(id, _, _)| *id == parent) {
            within.push(text.clone());
            parent = *next;
        }
        within
    };
    rows.iter()
        .map(|(_, parent, text)| Step { text: text.clone(), within: above(*parent) })
        .collect()
}

/// What is wrong with the statements of a list: a table that is read from end to end, or rows that are sorted before
/// the page is cut out of them. Sorting the page itself, found by an inner query, is no harm.
pub fn slow(db: &Connection) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = statements(db);
    assert!(!all.is_empty(), "no statement was run");
    for sql in all {
        let steps = plan(db, &sql);
        let paged = steps.iter().any(|step| step.text.contains("SUBQUERY"));
        // The tags of one row are no table.
        for step in steps.iter().filter(|step| !step.text.contains("json_each")) {
            let inner = step.within.iter().any(|text| text.contains("SUBQUERY"));
            let sorts = step.text.contains("TEMP B-TREE") && (inner || !paged);
            if sorts
                || step.text.starts_with("SCAN ") && !step.text.starts_with("SCAN CONSTANT ROW")
            {
                wrong.push(format!("{}\n    {sql}", step.text));
            }
        }
    }
    wrong
}

pub fn nothing(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn lists_of_tasks_stay_in_their_indexes() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    let owner = AccountId::generate();
    db.set_prepared_statement_cache_capacity(1000);
    for sort in SORTS {
        for descending in [true, false] {
            for filter in filters() {
                for start in [Start::Offset(10), Start::After(place(sort))] {
                    let filter = filter.clone();
                    let page = Page { filter, sort, descending, start, limit: 50 };
                    task_lists::list(&db, owner, &page).unwrap();
                }
            }
        }
    }
    for filter in filters() {
        for verb in [None, Some(Verb::Pause), Some(Verb::Resume), Some(Verb::Retry)] {
            task_lists::matching(&db, owner, &filter, verb, 1000).unwrap();
            task_lists::count_matching(&db, owner, &filter, verb).unwrap();
        }
    }
    task_lists::active(&db, owner, 50).unwrap();
    task_facts::sums(&db, owner).unwrap();
    task_facts::dependencies(&db, 1).unwrap();
    task_facts::open_twin(&db, 1).unwrap();
    queue::attempts(&db, 1).unwrap();
    queue::child_counts(&db, 1).unwrap();
    items::page(&db, 1, Some(ItemState::Failed), 10, 50).unwrap();
    // What health asks, and the start.
    uploads::count_all_open(&db).unwrap();
    tasks::kept_drafts(&db).unwrap();
    nothing(slow(&db));
}

const SORTS: [Sort; 5] =
    [Sort::LastActivity, Sort::CreatedAt, Sort::UpdatedAt, Sort::Priority, Sort::Name];

/// Every kind of filter that walks along the order of a list.
fn filters() -> Vec<Filter> {
    let moment = Some(Timestamp(1));
    let mut filters = Vec::new();
    for statuses in [vec![], vec![Status::Failed], vec![Status::Failed, Status::Expired]] {
        for types in [vec![], vec![TaskType::FileUpload]] {
            let plain = Filter { statuses: statuses.clone(), types, ..Filter::default() };
            filters.push(Filter { priorities: vec![1, 2], ..plain.clone() });
            filters.push(Filter { query: Some("a".into()), ..plain.clone() });
            filters.push(Filter { lanes: vec![Lane::Cpu, Lane::Io], ..plain.clone() });
            filters.push(Filter { created_after: moment, created_before: moment, ..plain.clone() });
            filters.push(Filter {
                finished_after: moment,
                finished_before: moment,
                ..plain.clone()
            });
            filters.push(plain);
        }
    }
    filters
}

fn place(sort: Sort) -> Place {
    let value = if sort == Sort::Name { "a".into() } else { 1.into() };
    Place { value, pk: 1 }
}

/// A page may lie a million rows behind the first: a cursor goes there by the index, also among equal values.
#[tokio::test]
async fn a_cursor_finds_its_place_by_the_index() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    let owner = AccountId::generate();
    for (sort, column) in [
        (Sort::LastActivity, "last_activity"),
        (Sort::CreatedAt, "created_at"),
        (Sort::UpdatedAt, "updated_at"),
        (Sort::Priority, "priority"),
        (Sort::Name, "title"),
    ] {
        for (descending, sign) in [(true, "<"), (false, ">")] {
            let start = Start::After(place(sort));
            let page = Page { filter: Filter::default(), sort, descending, start, limit: 50 };
            db.flush_prepared_statement_cache();
            task_lists::list(&db, owner, &page).unwrap();
            let all = statements(&db);
            let steps: Vec<_> = all.iter().flat_map(|sql| plan(&db, sql)).collect();
            for seek in
                [format!("{column}=? AND id{sign}?)"), format!("account_id=? AND {column}{sign}?)")]
            {
                let seeks = |step: &Step| {
                    step.text.contains("COVERING INDEX") && step.text.ends_with(&seek)
                };
                let told: Vec<_> = steps.iter().map(|step| step.text.as_str()).collect();
                assert!(steps.iter().any(seeks), "{seek}: {told:?}");
            }
        }
    }
}

/// What is drawn of uploads costs what they are, not what else the account did.
#[tokio::test]
async fn days_of_uploads_are_added_up_inside_an_index() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    usage::days(&db, AccountId::generate(), Timestamp(1)).unwrap();
    let all = statements(&db);
    let steps: Vec<_> = all.iter().flat_map(|sql| plan(&db, sql)).map(|step| step.text).collect();
    let seek = "COVERING INDEX tasks_uploaded (account_id=? AND finished_at>?)";
    assert!(steps.iter().any(|text| text.ends_with(seek)), "{steps:?}");
}

/// The children of a task are found by their parent; they alone are sorted.
#[tokio::test]
async fn children_are_found_by_their_parent() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let task = user.post("/api/tasks", json!({ "type": "Custom" })).await.ok();
    let db = drive.db();
    let parent = TaskId::parse(task["taskId"].as_str().unwrap()).unwrap();
    let owner: String = db.query_row("select account_id from tasks", [], |row| row.get(0)).unwrap();
    let owner = AccountId::parse(&owner).unwrap();
    for sort in SORTS {
        let filter = Filter { parent_id: Some(parent), ..Filter::default() };
        let (descending, start) = (true, Start::Offset(0));
        task_lists::list(&db, owner, &Page { filter, sort, descending, start, limit: 50 }).unwrap();
    }
    let mut seen = 0;
    for sql in statements(&db).iter().filter(|sql| sql.contains("t.parent_id = ?")) {
        let steps = plan(&db, sql);
        let by_parent = steps.iter().any(|step| step.text.contains("tasks_parent (parent_id=?)"));
        let scans = steps.iter().any(|step| step.text.starts_with("SCAN "));
        let told: Vec<_> = steps.iter().map(|step| step.text.as_str()).collect();
        assert!(by_parent && !scans, "{told:?}");
        seen += 1;
    }
    assert_eq!(seen, 1 + SORTS.len());
}

#[tokio::test]
async fn lists_of_uploads_stay_in_their_indexes() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    let owner = AccountId::generate();
    db.set_prepared_statement_cache_capacity(200);
    for sort in [
        uploads::Sort::FileName,
        uploads::Sort::FileSize,
        uploads::Sort::Task(task_lists::Sort::LastActivity),
        uploads::Sort::Task(task_lists::Sort::CreatedAt),
        uploads::Sort::Task(task_lists::Sort::UpdatedAt),
    ] {
        for descending in [true, false] {
            for statuses in [vec![], vec![Status::Failed], vec![Status::Failed, Status::Expired]] {
                let page = uploads::Page {
                    statuses,
                    fingerprint: None,
                    sort,
                    descending,
                    offset: 10,
                    limit: 50,
                };
                uploads::list(&db, owner, &page).unwrap();
            }
        }
    }
    uploads::count_open(&db, owner).unwrap();
    nothing(slow(&db));
}

#[tokio::test]
async fn what_an_account_shows_of_itself_stays_in_its_indexes() {
    let drive = TestDrive::spawn();
    let (db, owner) = (drive.db(), AccountId::generate());
    for kind in [SessionKind::SignIn, SessionKind::Token] {
        sessions::list(&db, owner, kind, Timestamp(0)).unwrap();
    }
    sessions::known_address(&db, "ada", "127.0.0.1").unwrap();
    grants::list(&db, owner, Timestamp(0)).unwrap();
    for account_id in [None, Some(owner)] {
        for action in [None, Some("task.create"), Some("task.")] {
            let action = action.map(str::to_owned);
            let filter = audit::Filter { account_id, action, ..audit::Filter::default() };
            audit::list(&db, &filter, 50).unwrap();
        }
    }
    nothing(slow(&db));
}

/// Read from end to end at the start and sorted: what workers had when the server went down, as many as there were
/// workers.
const ORPHANS: &str = "where t.status = 1 and t.driver = 0 order by t.id";

#[test]
fn the_dispatcher_stays_in_its_indexes() {
    let world = World::new(Make::new(&[(Lane::Quick, 2)]));
    let owner = world.account("ada", None);
    let job = Job::quick(&[Act::Ok, Act::Ok]);
    let (first, second) = (world.job(owner, &job), world.job(owner, &job));
    let wrong = world.engine.store.write_now(move |tx| {
        let (db, pk) = (tx.connection, first.pk);
        db.flush_prepared_statement_cache();
        queue::heads(db, Lane::Quick, 1)?;
        queue::is_waiting(db, &[Lane::Quick])?;
        queue::open_due(tx, tx.now)?;
        queue::next_due(db)?;
        queue::depend(tx, second.pk, pk)?;
        queue::dependents(db, pk)?;
        queue::failed_dependency(db, pk)?;
        queue::open_if_ready(tx, pk)?;
        queue::children(db, pk)?;
        queue::child_counts(db, pk)?;
        queue::position(db, &first)?;
        queue::count_open(db, owner)?;
        queue::lengths(db)?;
        lanes::figures(db, Lane::Quick, Some(owner), tx.now)?;
        lanes::figures(db, Lane::Quick, None, tx.now)?;
        queue::pace(db, owner, TaskType::Custom)?;
        queue::attempt_begins(tx, &first)?;
        queue::attempt_ends(tx, &first, "completed", None)?;
        queue::attempts(db, pk)?;
        items::open(db, pk, 64)?;
        items::page(db, pk, Some(ItemState::Done), 1, 10)?;
        items::from(db, pk, ItemState::Open, 0, 10)?;
        items::count(db, pk, ItemState::Open)?;
        items::bytes_over(db, pk)?;
        items::mark(tx, pk, 0, ItemState::Done, &Mark::default())?;
        items::reopen(tx, pk, &[ItemState::Done])?;
        items::clear(tx, pk)?;
        items::insert(tx, pk, 0, &[])?;
        let count = statements(db).len();
        assert!(count >= 30, "only {count} statements were looked at");
        let mut wrong = slow(db);
        // Neither is a table: the accounts that wait in a lane, and what an inner query has cut off.
        let inner = ["SCAN waiting\n", "SCAN (subquery-"];
        wrong.retain(|step| !inner.iter().any(|inner| step.starts_with(inner)));
        db.flush_prepared_statement_cache();
        queue::orphans(db)?;
        wrong.extend(slow(db).into_iter().filter(|step| !step.contains(ORPHANS)));
        Ok(wrong)
    });
    nothing(wrong.unwrap());
}

#[tokio::test]
async fn a_list_without_an_index_would_be_noticed() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    drop(
        db.prepare_cached("select id from files where account_id = ? order by folder, id limit ?")
            .unwrap(),
    );
    let sorted = slow(&db);
    assert!(sorted.len() == 1 && sorted[0].contains("TEMP B-TREE"), "{sorted:?}");
    db.flush_prepared_statement_cache();
    drop(db.prepare_cached("select id from objects where size = ?").unwrap());
    let read = slow(&db);
    assert!(read.len() == 1 && read[0].starts_with("SCAN"), "{read:?}");
}
