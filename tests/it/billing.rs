//! The operator's books: what each account uses, once a day and when asked for.

use serde_json::{Value, json};

use crate::harness::TestDrive;
use crate::harness::receiver::{Manner, PRIVATE, Receiver};
use crate::webhooks::signature;

const DAY_MS: i64 = 24 * 3600 * 1000;
const SECRET: &str = "secret-of-the-books";

/// A server that sends usage to this receiver, and the file with its secret.
async fn scene() -> (TestDrive, Receiver, tempfile::TempDir) {
    let receiver = Receiver::start().await;
    let folder = crate::harness::folder();
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let url = receiver.url("/books");
    let settings = [
        PRIVATE,
        ("DRIVE_BILLING_WEBHOOK_URL", url.as_str()),
        ("DRIVE_BILLING_WEBHOOK_SECRET_FILE", file.to_str().unwrap()),
    ];
    (TestDrive::spawn_with(&settings), receiver, folder)
}

fn of<'a>(message: &'a Value, name: &str) -> &'a Value {
    let accounts = message["data"]["accounts"].as_array().unwrap();
    accounts.iter().find(|account| account["name"] == name).unwrap()
}

#[tokio::test]
async fn administrators_send_it_when_they_want() {
    let (drive, receiver, _folder) = scene().await;
    let admin = drive.admin().await;
    let user = drive.account("bob", "user", Some(1000)).await;
    user.upload("a.bin", &[1; 100], json!({})).await;
    user.create("b.bin", 50, json!({})).await.ok();
    user.call("/api/usage/send").await.refused(403, "FORBIDDEN");
    let sent = admin.call("/api/usage/send").await;
    assert_eq!((sent.status.as_u16(), &sent.json()["messages"]), (202, &json!(1)));
    let one = receiver.wait(1).await.remove(0);
    assert_eq!((one.path.as_str(), one.header("x-drive-event")), ("/books", "usage"));
    assert_eq!(one.header("x-drive-signature"), signature(SECRET, &one));
    let message = one.json();
    assert_eq!(message["type"], "usage");
    assert_eq!((&message["data"]["part"], &message["data"]["parts"]), (&json!(1), &json!(1)));
    let bob = of(&message, "bob");
    assert_eq!(bob["accountId"], user.get("/api/account").await.ok()["id"]);
    assert_eq!(
        (&bob["usedBytes"], &bob["reservedBytes"], &bob["quotaBytes"]),
        (&json!(100), &json!(50), &json!(1000))
    );
    assert_eq!(of(&message, "ada")["quotaBytes"], Value::Null);
}

#[tokio::test]
async fn it_goes_once_a_day_and_is_tried_again() {
    let (drive, receiver, _folder) = scene().await;
    drive.user("ada").await;
    let day = || {
        let sql = "select value from settings where key = 'usage_day'";
        drive.db().query_row(sql, [], |row| row.get::<_, String>(0)).unwrap_or_default()
    };
    crate::harness::eventually("the first day is noted", || !day().is_empty()).await;
    assert!(receiver.received().is_empty(), "the first start waits for the hour");
    receiver.answer(Manner::Status(500));
    drive.clock.advance_ms(DAY_MS);
    drive.send_due();
    receiver.wait(1).await;
    receiver.answer(Manner::Status(200));
    let written = "select count(*) from delivery_attempts";
    crate::harness::eventually("the failure is written down", || {
        drive.db().query_row(written, [], |row| row.get::<_, i64>(0)).unwrap() == 1
    })
    .await;
    drive.clock.advance_ms(31_000);
    drive.send_due();
    let both = receiver.wait(2).await;
    assert_eq!(both[0].header("x-drive-delivery"), both[1].header("x-drive-delivery"));
    drive.send_due();
    drive.clock.advance_ms(DAY_MS);
    drive.send_due();
    assert_eq!(receiver.wait(3).await.len(), 3);
}

#[tokio::test]
async fn without_a_receiver_it_says_so_and_wrong_settings_stop_the_start() {
    let drive = TestDrive::spawn();
    let admin = drive.admin().await;
    admin.call("/api/usage/send").await.refused(409, "CONFLICT");
    let url = ("DRIVE_BILLING_WEBHOOK_URL", "https://books.example/x");
    let start = |settings: &[(&str, &str)]| {
        let folder = crate::harness::folder();
        let config = crate::harness::config(folder.path(), settings);
        let opened = config.and_then(|config| {
            drive::app::App::open(&config, drive::clock::Clock::default()).map(|_| ())
        });
        opened.unwrap_err().message().to_owned()
    };
    let missing = ("DRIVE_BILLING_WEBHOOK_SECRET_FILE", "/nowhere/secret");
    let empty = ("DRIVE_BILLING_WEBHOOK_SECRET_FILE", "/dev/null");
    let private = ("DRIVE_BILLING_WEBHOOK_URL", "https://10.0.0.1/x");
    let folder = crate::harness::folder();
    let file = folder.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let good = ("DRIVE_BILLING_WEBHOOK_SECRET_FILE", file.to_str().unwrap());
    for (settings, named) in [
        (vec![url], "billing.webhook_secret_file"),
        (vec![url, missing], "billing.webhook_secret_file"),
        (vec![url, empty], "billing.webhook_secret_file"),
        (vec![private, good], "billing.webhook_url"),
        (vec![("DRIVE_BILLING_HOUR", "24")], "billing.hour"),
        (vec![("DRIVE_NOTIFY_CONTACT", "me")], "notify.contact"),
    ] {
        let said = std::thread::scope(|scope| scope.spawn(|| start(&settings)).join().unwrap());
        assert!(said.contains(named), "{said}");
    }
}
