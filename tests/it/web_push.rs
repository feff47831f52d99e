//! Push messages, as a browser opens them: with its own key and code of its own, from what its service received.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::client::Client;
use crate::harness::receiver::{Manner, PRIVATE, Received, Receiver};
use crate::harness::{TestDrive, eventually};
use crate::notifications::fail;

/// A browser: its key, its secret, and the service where its messages arrive.
pub struct Browser {
    key: SecretKey,
    pub auth: [u8; 16],
    pub service: Receiver,
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

impl Browser {
    pub async fn new(seed: u64) -> Self {
        let bytes = crate::harness::bytes(seed, 48);
        Self {
            key: SecretKey::from_slice(&bytes[..32]).unwrap(),
            auth: bytes[32..].try_into().unwrap(),
            service: Receiver::start().await,
        }
    }

    fn public(&self) -> Vec<u8> {
        self.key.public_key().to_encoded_point(false).as_bytes().to_vec()
    }

    /// What `PushSubscription.toJSON` gives.
    pub fn subscription(&self) -> Value {
        json!({
            "endpoint": self.service.url("/send/ab12"),
            "expirationTime": null,
            "keys": {
                "p256dh": URL_SAFE_NO_PAD.encode(self.public()),
                "auth": URL_SAFE_NO_PAD.encode(self.auth),
            },
        })
    }

    pub async fn subscribe(&self, user: &Client) -> Value {
        user.post("/api/push/subscriptions", self.subscription()).await.ok()
    }

    /// RFC 8291 and 8188, from the receiver's side.
    pub fn open(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert!(u32::from_be_bytes(size.try_into().unwrap()) as usize > rest.len());
        assert_eq!(rest[0], 65);
        let (theirs, sealed) = rest[1..].split_at(65);
        let point = PublicKey::from_sec1_bytes(theirs).unwrap();
        let shared = p256::ecdh::diffie_hellman(self.key.to_nonzero_scalar(), point.as_affine());
        let early = hmac(&self.auth, &[shared.raw_secret_bytes()]);
        let secret = hmac(&early, &[b"WebPush: info\0", &self.public(), theirs, &[1]]);
        let late = hmac(salt, &[&secret]);
        let key = &hmac(&late, &[b"Content-Encoding: aes128gcm\0", &[1]])[..16];
        let nonce = &hmac(&late, &[b"Content-Encoding: nonce\0", &[1]])[..12];
        let cipher = Aes128Gcm::new_from_slice(key).unwrap();
        let mut plain = cipher.decrypt(Nonce::from_slice(nonce), sealed).expect("it opens");
        assert_eq!(plain.pop(), Some(2), "the last record");
        serde_json::from_slice(&plain).unwrap()
    }
}

/// The claims of a message's signature, which must be good (RFC 8292).
fn claims(one: &Received, public_key: &str) -> Value {
    let header = one.header("authorization").strip_prefix("vapid ").unwrap();
    let (token, key) = header.split_once(", ").unwrap();
    assert_eq!(key, format!("k={public_key}"));
    let (signed, signature) = token.strip_prefix("t=").unwrap().rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(public_key))
        .verify(signed.as_bytes(), &decode(signature))
        .expect("the signature is good");
    let (head, claims) = signed.split_once('.').unwrap();
    let head: Value = serde_json::from_slice(&decode(head)).unwrap();
    assert_eq!(head, json!({ "typ": "JWT", "alg": "ES256" }));
    serde_json::from_slice(&decode(claims)).unwrap()
}

async fn public_key(user: &Client) -> String {
    user.get("/api/push/key").await.ok()["key"].as_str().unwrap().to_owned()
}

async fn count(user: &Client) -> usize {
    user.get("/api/push/subscriptions").await.ok().as_array().unwrap().len()
}

fn number(drive: &TestDrive, sql: &str) -> i64 {
    drive.db().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn only_the_browser_can_read_what_its_service_passes_on() {
    let drive =
        TestDrive::spawn_with(&[PRIVATE, ("DRIVE_NOTIFY_CONTACT", "mailto:me@home.example")]);
    let user = drive.user("ada").await;
    let browser = Browser::new(1).await;
    let made = browser.subscribe(&user).await;
    assert_eq!(made["service"], "127.0.0.1");
    let long = "ä\"\n".repeat(300);
    let task = fail(&user, &long).await;
    let one = browser.service.wait(1).await.remove(0);
    assert_eq!((one.path.as_str(), one.header("content-encoding")), ("/send/ab12", "aes128gcm"));
    assert_eq!((one.header("ttl"), one.header("urgency")), ("86400", "high"));
    assert_eq!(one.header("topic"), task.replace('-', ""));
    let message = browser.open(&one.body);
    assert!(message.to_string().len() <= 3 * 1024 && one.body.len() < 4096);
    assert!(message["title"].as_str().unwrap().starts_with("Failed: "));
    assert!(message["body"].as_str().unwrap().starts_with("ä\"\n"));
    assert_eq!(message["url"], format!("/#task={task}"));
    assert_eq!(message["tag"], json!(task));
    let claims = claims(&one, &public_key(&user).await);
    assert_eq!(claims["aud"], browser.service.url(""));
    assert_eq!(claims["sub"], "mailto:me@home.example");
    let left = claims["exp"].as_i64().unwrap() - drive.clock.now().0 / 1000;
    assert!((3600..=24 * 3600).contains(&left));
    eventually("the time is noted", || {
        number(&drive, "select count(*) from push_subscriptions where sent_at is not null") == 1
    })
    .await;
    assert_eq!(number(&drive, "select count(*) from deliveries"), 0, "nobody reads its log");
}

#[tokio::test]
async fn the_key_stays_the_same_and_browsers_with_it() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let browser = Browser::new(2).await;
    browser.subscribe(&user).await;
    let key = public_key(&user).await;
    assert_eq!(decode(&key).len(), 65);
    let drive = drive.restart_with(&[PRIVATE]);
    let user = drive.signed_in("ada").await;
    assert_eq!(public_key(&user).await, key);
    assert_eq!(user.call("/api/push/test").await.ok()["queued"], 1);
    let one = browser.service.wait(1).await.remove(0);
    assert_eq!(browser.open(&one.body)["tag"], "test");
    assert_eq!(one.header("topic"), "");
    claims(&one, &key);
}

#[tokio::test]
async fn a_browser_is_one_however_often_it_subscribes_and_goes_when_its_service_says_so() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let browser = Browser::new(3).await;
    browser.subscribe(&user).await;
    let again = browser.subscribe(&user).await;
    assert_eq!(count(&user).await, 1);
    let path = format!("/api/push/subscriptions/{}", again["id"].as_str().unwrap());
    other.delete(&path).await.refused(404, "NOT_FOUND");
    assert_eq!(other.get("/api/push/subscriptions").await.ok(), json!([]));
    assert_eq!(user.delete(&path).await.status, 204);
    user.delete(&path).await.refused(404, "NOT_FOUND");
    for status in [404, 410] {
        browser.subscribe(&user).await;
        browser.service.answer(Manner::Status(status));
        user.call("/api/push/test").await.ok();
        eventually("it is dropped", || {
            number(&drive, "select count(*) from push_subscriptions") == 0
        })
        .await;
        assert_eq!(number(&drive, "select count(*) from deliveries"), 0);
    }
    for seed in 10..30 {
        let mut body = browser.subscription();
        body["endpoint"] = json!(browser.service.url(&format!("/{seed}")));
        user.post("/api/push/subscriptions", body).await.ok();
    }
    user.post("/api/push/subscriptions", browser.subscription()).await.refused(409, "CONFLICT");
    assert_eq!(count(&user).await, 20);
}

#[tokio::test]
async fn a_busy_service_is_asked_three_times_and_no_sooner_than_it_says() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let browser = Browser::new(4).await;
    browser.subscribe(&user).await;
    browser.service.answer(Manner::With(429, "retry-after: 120".into()));
    user.call("/api/push/test").await.ok();
    browser.service.wait(1).await;
    let tried = |count: i64| {
        let drive = &drive;
        async move {
            eventually("the attempt is written down", || {
                number(drive, "select coalesce(max(attempts), 9) from deliveries") == count
            })
            .await;
        }
    };
    tried(1).await;
    let due = number(&drive, "select due_at from deliveries") - drive.clock.now().0;
    assert!((100_000..=120_000).contains(&due), "{due}");
    browser.service.answer(Manner::Status(500));
    drive.clock.advance_ms(121_000);
    drive.send_due();
    tried(2).await;
    drive.clock.advance_ms(301_000);
    drive.send_due();
    // Given up after the third: nothing is left of it, and the browser stays.
    tried(9).await;
    assert_eq!((browser.service.received().len(), count(&user).await), (3, 1));
    browser.service.answer(Manner::Status(400));
    user.call("/api/push/test").await.ok();
    browser.service.wait(4).await;
    tried(9).await;
    assert_eq!(count(&user).await, 1);
}

#[tokio::test]
async fn of_one_task_only_the_newest_message_waits() {
    let drive = TestDrive::spawn_with(&[PRIVATE]);
    let user = drive.user("ada").await;
    let browser = Browser::new(6).await;
    browser.subscribe(&user).await;
    browser.service.answer(Manner::Status(500));
    let task = fail(&user, "The first.").await;
    let path = format!("/api/tasks/{task}");
    eventually("it waits for its second attempt", || {
        number(&drive, "select coalesce(max(attempts), 0) from deliveries") == 1
    })
    .await;
    user.call(&format!("{path}/retry")).await.ok();
    browser.service.answer(Manner::Status(201));
    user.post(&format!("{path}/fail"), json!({ "errorMessage": "The second." })).await.ok();
    let all = browser.service.wait(2).await;
    assert_eq!(browser.open(&all[1].body)["body"], "The second.");
    assert_eq!(all[0].header("topic"), all[1].header("topic"));
    drive.clock.advance_ms(60_000);
    drive.send_due();
    eventually("nothing waits", || number(&drive, "select count(*) from deliveries") == 0).await;
    assert_eq!(browser.service.received().len(), 2);
}

#[tokio::test]
async fn what_a_browser_cannot_have_is_refused_by_name() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let browser = Browser::new(5).await;
    let change = |path: &[&str], value: Value| {
        let mut body = browser.subscription();
        body["endpoint"] = json!("https://push.example/x");
        let field = path.iter().fold(&mut body, |body, name| &mut body[*name]);
        *field = value;
        body
    };
    for (body, named) in [
        (browser.subscription(), "endpoint"),
        (change(&["endpoint"], json!("https://127.0.0.1/x")), "endpoint"),
        (change(&["endpoint"], json!("javascript:alert(1)")), "endpoint"),
        (change(&["keys", "p256dh"], json!("AAAA")), "keys.p256dh"),
        (change(&["keys", "p256dh"], json!(format!("BA{}", "A".repeat(85)))), "keys.p256dh"),
        (change(&["keys", "auth"], json!("x")), "keys.auth"),
        (change(&["keys"], json!({})), "keys.p256dh"),
        (change(&["more"], json!(1)), "more"),
    ] {
        let refused = user.post("/api/push/subscriptions", body).await;
        let told = refused.refused(400, "INVALID_REQUEST");
        assert_eq!(told["details"]["field"], named, "{told}");
    }
    assert_eq!(count(&user).await, 0);
}
