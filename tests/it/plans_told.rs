//! How SQLite serves what people are told and what is sent; see `plans`.

use drive::domain::id::{AccountId, WebhookId};
use drive::domain::notification::{Channel, Subject};
use drive::store::{notifications, outbox, push, webhooks};

use crate::harness::TestDrive;
use crate::plans::{nothing, plan, slow, statements};

#[tokio::test]
async fn what_is_told_and_sent_stays_in_its_indexes() {
    let drive = TestDrive::spawn();
    let db = drive.db();
    let owner = AccountId::generate();
    db.set_prepared_statement_cache_capacity(100);
    for unread in [true, false] {
        for below in [None, Some(5)] {
            let page = notifications::Page { unread, below, limit: 50 };
            notifications::list(&db, owner, &page).unwrap();
        }
    }
    notifications::counts(&db, owner).unwrap();
    notifications::choice(&db, owner, Subject::TaskFailed, Channel::Push).unwrap();
    webhooks::list(&db, owner).unwrap();
    push::list(&db, owner).unwrap();
    outbox::heads(&db, 100).unwrap();
    outbox::log(&db, owner, WebhookId::generate(), Some(5), 50).unwrap();
    let mut wrong = slow(&db);
    // Not a table, but the receivers that something waits for; the first of each is sorted.
    wrong.retain(|step| !step.contains("with recursive receivers"));
    nothing(wrong);
    let heads = statements(&db).into_iter().find(|sql| sql.contains("receivers")).unwrap();
    for step in plan(&db, &heads) {
        let known = step.text.starts_with("SCAN r") || !step.text.starts_with("SCAN ");
        assert!(known || step.text.contains("CONSTANT ROW"), "{}", step.text);
    }
}
