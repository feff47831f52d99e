//! How SQLite finds what previews ask for: from indexes, however much waits.

use drive::domain::id::{AccountId, ObjectId};
use drive::store::previews;

use crate::harness::TestDrive;
use crate::plans::{nothing, slow};

#[tokio::test]
async fn previews_are_found_in_their_indexes() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    let (owner, object) = (AccountId::generate(), ObjectId::generate());
    db.set_prepared_statement_cache_capacity(100);
    previews::waiting(&db).unwrap();
    previews::pending(&db, owner, 10).unwrap();
    previews::files_over(&db, owner, object, 10).unwrap();
    previews::of(&db, owner, &[]).unwrap();
    previews::unknown(&db, &[object]).unwrap();
    // Neither is a table: the ids of one page, and the accounts that wait.
    let known = ["SCAN j VIRTUAL TABLE", "SCAN waiting\n"];
    let mut wrong = slow(&db);
    wrong.retain(|step| !known.iter().any(|known| step.starts_with(known)));
    nothing(wrong);
}
