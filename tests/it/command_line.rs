//! `drive account`: on a fresh data directory and beside a running server.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::child::{ChildDrive, run};
use crate::harness::client::{Client, PASSWORD};
use crate::harness::socket::Socket;
use crate::harness::{TestDrive, folder};

/// A sign-in that was ended is noticed within this time; half a second is for a machine that is busy with other tests.
const NOTICED: Duration = Duration::from_millis(1500);

/// Runs `drive account …` on a data directory; what it printed, or what it complained about.
fn account(data_dir: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let all = [&["--data-dir", data_dir.to_str().unwrap(), "account"], arguments].concat();
    let output = run(&all, &[], input);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

async fn login(client: &Client, name: &str, password: &str) -> u16 {
    let body = json!({ "name": name, "password": password });
    client.post("/api/auth/login", body).await.status.as_u16()
}

/// Waits for the end of a sign-in and says how long it took.
async fn ended(client: &Client) -> Duration {
    let since = Instant::now();
    while client.get("/api/account").await.status == 200 {
        assert!(since.elapsed().as_secs() < 10, "the sign-in has not ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    since.elapsed()
}

#[tokio::test]
async fn an_administrator_is_made_before_the_first_start() {
    let folder = folder();
    let data_dir = folder.path().join("data");
    let said = account(
        &data_dir,
        &["add", "ada", "--role", "admin", "--password-stdin"],
        "correct horse battery\n",
    );
    assert!(said.unwrap().contains("ada"));
    let drive = ChildDrive::start(&data_dir, &[]);
    assert_eq!(drive.setup_code, None, "the set-up is done");
    let mut client = drive.nobody();
    client.sign_in("ada").await;
    assert_eq!(client.get("/api/account").await.ok()["role"], "admin");
    assert_eq!(drive.stop(), Some(0));
}

#[tokio::test]
async fn accounts_are_made_beside_a_running_server() {
    let drive = TestDrive::spawn();
    // The first line counts, whatever ends it.
    account(
        drive.data_dir(),
        &["add", "bob", "--password-stdin"],
        "correct horse battery\r\nnot this\n",
    )
    .unwrap();
    account(drive.data_dir(), &["add", "gast", "--role", "guest", "--password-stdin"], PASSWORD)
        .unwrap();
    let bob = drive.signed_in("bob").await;
    assert_eq!(bob.get("/api/account").await.ok()["role"], "user");
    assert_eq!(drive.signed_in("gast").await.get("/api/account").await.ok()["role"], "guest");
    bob.upload("a.txt", b"twelve bytes", json!({})).await;

    let list = account(drive.data_dir(), &["list"], "").unwrap();
    let line = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert_eq!(list.lines().count(), 2);
    assert!(line("bob").contains("user") && line("bob").contains("12 bytes"), "{list}");
    assert!(line("gast").contains("guest"), "{list}");

    // An administrator made here closes the set-up of the running server.
    account(drive.data_dir(), &["add", "ada", "--role", "admin", "--password-stdin"], PASSWORD)
        .unwrap();
    let code = drive.setup_code.as_deref().unwrap();
    let setup = json!({ "code": code, "name": "eve", "password": PASSWORD });
    drive.nobody().post("/api/auth/setup", setup).await.refused(403, "SETUP_CLOSED");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_changes_nothing() {
    let folder = folder();
    let said =
        |arguments: &[&str], input: &str| account(folder.path(), arguments, input).unwrap_err();
    account(folder.path(), &["add", "ada", "--password-stdin"], PASSWORD).unwrap();
    assert!(said(&["add", "ADA", "--password-stdin"], PASSWORD).contains("exists"));
    assert!(said(&["add", "bob", "--password-stdin"], "short").contains("8 to 256"));
    assert!(said(&["add", "bob", "--password-stdin"], "").contains("8 to 256"));
    assert!(said(&["add", "b b", "--password-stdin"], PASSWORD).contains("name must be"));
    assert!(said(&["add", "bob", "--role", "king", "--password-stdin"], PASSWORD).contains("king"));
    assert!(said(&["add", "bob"], PASSWORD).contains("--password-stdin"));
    assert!(
        said(&["passwd", "nobody", "--password-stdin"], PASSWORD).contains("no account nobody")
    );
    assert!(said(&["disable", "nobody"], "").contains("no account nobody"));
    assert_eq!(account(folder.path(), &["list"], "").unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_new_password_ends_all_sign_ins() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    account(drive.data_dir(), &["passwd", "ADA", "--password-stdin"], "another horse battery\n")
        .unwrap();
    let took = ended(&user).await;
    assert!(took < NOTICED, "{took:?}");
    let nobody = drive.nobody();
    let refresh = json!({ "refreshToken": user.refresh_token });
    nobody.post("/api/auth/refresh", refresh).await.refused(401, "NOT_SIGNED_IN");
    assert_eq!(login(&nobody, "ada", PASSWORD).await, 401);
    assert_eq!(login(&nobody, "ada", "another horse battery").await, 200);
    assert_eq!(other.get("/api/account").await.status, 200, "nobody else is touched");
}

#[tokio::test]
async fn a_disabled_account_is_out_within_a_second() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    account(drive.data_dir(), &["disable", "ada"], "").unwrap();
    let since = Instant::now();
    let took = ended(&user).await;
    assert!(took < NOTICED, "{took:?}");
    assert_eq!(socket.closed().await, Some(4001));
    assert!(since.elapsed() < NOTICED, "the socket: {:?}", since.elapsed());
    assert_eq!(login(&drive.nobody(), "ada", PASSWORD).await, 401);
    assert!(account(drive.data_dir(), &["list"], "").unwrap().contains("disabled"));
}

#[tokio::test]
async fn a_socket_notices_within_a_second_even_when_its_session_was_looked_up_just_before() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut socket = Socket::connect(&user, "").await;
    socket.until("sync.snapshot").await;
    // A look-up shortly before the socket's own one, which comes each second.
    tokio::time::sleep(Duration::from_millis(1600)).await;
    user.get("/api/account").await.ok();
    drive.db().execute("update accounts set disabled = 1", []).unwrap();
    let since = Instant::now();
    assert_eq!(socket.closed().await, Some(4001));
    assert!(since.elapsed() < Duration::from_millis(1200), "{:?}", since.elapsed());
}
