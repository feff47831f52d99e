//! Guessing and flooding: passwords, codes, and requests beyond their limits.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use serde_json::json;

use crate::harness::TestDrive;
use crate::harness::client::{Answer, Client, PASSWORD};

const LIMITED: (&str, &str) = ("DRIVE_LIMITS_ENABLED", "true");
/// No limit on requests, so that only guesses are counted.
const ANY_RATE: (&str, &str) = ("DRIVE_LIMITS_LOGIN_PER_MINUTE", "1000000");

/// A client that comes from another address of this machine's own network.
fn from(drive: &TestDrive, last: u8) -> Client {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    let builder = reqwest::Client::builder().no_proxy().local_address(address);
    Client { http: builder.build().unwrap(), ..drive.nobody() }
}

async fn login(client: &Client, name: &str, password: &str) -> Answer {
    client.post("/api/auth/login", json!({ "name": name, "password": password })).await
}

#[tokio::test]
async fn guesses_at_a_password_become_slow_but_its_owner_comes_in() {
    let drive = TestDrive::spawn_with(&[LIMITED, ANY_RATE]);
    drive.user("ada").await;
    let (guesser, owner) = (from(&drive, 2), from(&drive, 3));
    for _ in 0..5 {
        login(&guesser, "ada", "wrong horse battery").await.refused(401, "SIGN_IN_FAILED");
    }
    let wait = login(&guesser, "ada", "wrong horse battery").await;
    assert_eq!(wait.header("retry-after"), "2");
    wait.refused(429, "TOO_MANY_REQUESTS");
    // The right password is not heard either, else it would tell; other names and other addresses are.
    login(&guesser, "ADA", PASSWORD).await.refused(429, "TOO_MANY_REQUESTS");
    login(&guesser, "bob", PASSWORD).await.refused(401, "SIGN_IN_FAILED");
    login(&owner, "ada", PASSWORD).await.ok();
    drive.clock.advance_ms(2_000);
    login(&guesser, "ada", "wrong horse battery").await.refused(401, "SIGN_IN_FAILED");
    let wait = login(&guesser, "ada", PASSWORD).await;
    assert_eq!(wait.header("retry-after"), "4");
    drive.clock.advance_ms(4_000);
    login(&guesser, "ada", PASSWORD).await.ok();
    login(&guesser, "ada", "wrong horse battery").await.refused(401, "SIGN_IN_FAILED");
}

#[tokio::test]
async fn guesses_from_everywhere_lock_nobody_out_of_where_they_were_before() {
    let drive = TestDrive::spawn_with(&[LIMITED, ANY_RATE]);
    drive.user("ada").await;
    let home = from(&drive, 200);
    login(&home, "ada", PASSWORD).await.ok();
    let mut heard = 0;
    for last in 2..40 {
        for _ in 0..4 {
            let answer = login(&from(&drive, last), "ada", "wrong horse battery").await;
            heard += u32::from(answer.status == 401);
        }
    }
    assert_eq!(heard, 100, "guesses that were heard from all addresses");
    login(&from(&drive, 60), "ada", PASSWORD).await.refused(429, "TOO_MANY_REQUESTS");
    login(&home, "ada", PASSWORD).await.ok();
    drive.clock.advance_ms(3600 * 1000 + 1000);
    login(&from(&drive, 60), "ada", PASSWORD).await.ok();
}

#[tokio::test]
async fn ten_thousand_guesses_hold_nobody_up() {
    let drive = TestDrive::spawn_with(&[LIMITED]);
    drive.user("ada").await;
    drive.user("bob").await;
    let (guesser, other) = (from(&drive, 2), from(&drive, 3));
    let began = Instant::now();
    let flood = async {
        let guess = |number: usize| {
            let guesser = &guesser;
            async move {
                let name =
                    if number.is_multiple_of(2) { "ada".to_owned() } else { format!("u{number}") };
                login(guesser, &name, "wrong horse battery").await.status.as_u16()
            }
        };
        let answers: Vec<u16> =
            stream::iter(0..10_000).map(guess).buffer_unordered(32).collect().await;
        answers.iter().filter(|status| **status == 401).count()
    };
    let honest = async {
        let mut waits = Vec::new();
        for _ in 0..20 {
            let asked = Instant::now();
            login(&other, "bob", PASSWORD).await.ok();
            waits.push(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        waits.into_iter().max().unwrap()
    };
    let (heard, longest) = tokio::join!(flood, honest);
    assert!(heard <= 60, "{heard} guesses were heard");
    println!("10,000 guesses in {:?}; bob's longest sign-in took {longest:?}", began.elapsed());
    // Far above what it takes; that the flood does not queue before him is what counts.
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

#[tokio::test]
async fn a_class_of_requests_has_its_limit_and_says_so() {
    let drive = TestDrive::spawn_with(&[
        LIMITED,
        ("DRIVE_LIMITS_READ_PER_MINUTE", "5"),
        ("DRIVE_LIMITS_CREATE_PER_MINUTE", "2"),
    ]);
    let (ada, bob) = (drive.user("ada").await, drive.user("bob").await);
    for left in (0..5).rev() {
        let answer = ada.get("/api/account").await;
        assert_eq!(answer.header("ratelimit-limit"), "5");
        assert_eq!(answer.header("ratelimit-remaining"), left.to_string());
        answer.ok();
    }
    let refusal = ada.get("/api/files").await;
    let seconds: u64 = refusal.header("retry-after").parse().unwrap();
    assert!((1..=13).contains(&seconds), "{seconds}");
    assert_eq!(refusal.header("ratelimit-remaining"), "0");
    refusal.refused(429, "TOO_MANY_REQUESTS");
    bob.get("/api/account").await.ok();
    for name in ["a", "b"] {
        ada.create(name, 1, json!({})).await.ok();
    }
    ada.create("c", 1, json!({})).await.refused(429, "TOO_MANY_REQUESTS");
    assert_eq!(drive.holdings().staged.len(), 2);
}

#[tokio::test]
async fn wrong_tokens_and_forged_addresses_are_counted_where_they_come_from() {
    let drive = TestDrive::spawn_with(&[LIMITED, ("DRIVE_LIMITS_LOGIN_PER_MINUTE", "20")]);
    let stranger = Client { token: Some("drv_nothing".to_owned()), ..drive.nobody() };
    let mut refused = 0;
    for number in 0..30 {
        let request = stranger
            .request(reqwest::Method::GET, "/api/account")
            .header("x-forwarded-for", format!("203.0.113.{number}"));
        refused += u32::from(stranger.send(request).await.status == 429);
    }
    assert!((5..=10).contains(&refused), "{refused}: a header is no address");

    let drive = TestDrive::spawn_with(&[
        LIMITED,
        ("DRIVE_LIMITS_LOGIN_PER_MINUTE", "20"),
        ("DRIVE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8"),
    ]);
    for number in 0..30 {
        let request = drive
            .nobody()
            .request(reqwest::Method::GET, "/api/account")
            .header("x-forwarded-for", format!("203.0.113.{number}"));
        drive.nobody().send(request).await.refused(401, "NOT_SIGNED_IN");
    }
}
