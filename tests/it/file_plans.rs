//! How SQLite serves the lists of files and folders.

use drive::domain::id::{AccountId, BundleId, FileId, PoolId};
use drive::domain::search::Question;
use drive::domain::time::Timestamp;
use drive::store::file_lists::{self, PlaceValue};
use drive::store::{file_changes, file_filter, files, folders, trash, usage};

use crate::harness::TestDrive;
use crate::plans::{nothing, plan, slow, statements};

const FILE_SORTS: [(file_lists::Sort, PlaceValue); 6] = [
    (file_lists::Sort::Name, PlaceValue::Text(String::new())),
    (file_lists::Sort::Type, PlaceValue::Text(String::new())),
    (file_lists::Sort::Size, PlaceValue::Number(1)),
    (file_lists::Sort::CreatedAt, PlaceValue::Number(1)),
    (file_lists::Sort::UpdatedAt, PlaceValue::Number(1)),
    (file_lists::Sort::DeletedAt, PlaceValue::Number(1)),
];

#[tokio::test]
async fn lists_of_files_stay_in_their_indexes() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    let owner = AccountId::generate();
    db.set_prepared_statement_cache_capacity(200);
    let word = |asked: bool, word: &str| asked.then(|| word.to_owned());
    for (sort, value) in FILE_SORTS {
        for asked in 0..8 {
            let filter = file_filter::Filter {
                question: (asked % 2 > 0).then(|| Question::parse("ab word").unwrap()),
                folder: word(asked & 1 > 0, "/docs"),
                deep: asked & 4 > 0,
                name: (asked == 5 || asked == 3).then(|| "a name".to_owned()),
                pool_id: (asked & 2 > 0).then(PoolId::generate),
                bundle_id: (asked == 6).then(BundleId::generate),
                content_type: word(asked & 2 > 0, "x"),
                tag: word(asked & 2 > 0, "x"),
                trashed: sort == file_lists::Sort::DeletedAt,
                ..file_filter::Filter::default()
            };
            let place = file_lists::Place { value: value.clone(), id: FileId::generate() };
            for start in [file_lists::Start::Offset(10), file_lists::Start::After(place)] {
                let (descending, filter) = (asked % 3 == 0, filter.clone());
                let page = file_lists::Page { filter, sort, descending, start, limit: 50 };
                file_lists::list(&db, owner, Timestamp(0), &page).unwrap();
            }
        }
    }
    usage::trash(&db, owner).unwrap();
    for pool in [None, Some(PoolId::generate())] {
        trash::trashed(&db, owner, pool, Timestamp(0), 100).unwrap();
    }
    trash::expired(&db, owner, Timestamp(0), 100).unwrap();
    files::by_place(&db, owner, Timestamp(0), None, 100).unwrap();
    file_changes::name_taken(&db, owner, "/", "a").unwrap();
    file_changes::named(&db, owner, "/", "a").unwrap();
    folders::sums(&db, owner, Timestamp(0)).unwrap();
    folders::extent(&db, owner, "/docs").unwrap();
    folders::colliding(&db, owner, "/docs", "/papers").unwrap();
    folders::made(&db, owner).unwrap();
    // The few files that a question finds are sorted; nothing is read from end to end.
    nothing(
        slow(&db)
            .into_iter()
            .filter(|step| {
                !["USE TEMP B-TREE", "SCAN (subquery", "SCAN file_trigrams VIRTUAL TABLE INDEX"]
                    .iter()
                    .any(|fine| step.starts_with(fine))
            })
            .collect(),
    );
    for sql in statements(&db).iter().filter(|sql| sql.contains("order by")) {
        let walks = ["files_created", "files_updated", "files_size", "files_trashed"];
        let sorts = plan(&db, sql).iter().any(|step| step.text.contains("TEMP B-TREE"));
        assert!(!sorts || !walks.iter().any(|index| sql.contains(index)), "{sql}");
    }
}
