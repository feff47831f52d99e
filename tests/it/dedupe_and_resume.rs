//! Nothing is sent twice: bytes that are stored, uploads that are open, chunks that have arrived. And nothing is
//! told about other accounts.

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::{TestDrive, bytes, sha256};

const KIB: usize = 1024;

#[tokio::test]
async fn a_hash_of_another_account_is_neither_matched_nor_confirmed() {
    let drive = TestDrive::spawn();
    let (ada, bob) = (drive.user("ada").await, drive.user("bob").await);
    let data = bytes(1, 100 * KIB);
    let wish = json!({ "hash": sha256(&data) });
    let file = ada.upload("secret.bin", &data, wish.clone()).await;
    let of_known = bob.create("secret.bin", data.len() as u64, wish).await.ok();
    let of_unknown =
        bob.create("other.bin", data.len() as u64, json!({ "hash": sha256(b"x") })).await.ok();
    assert_eq!((&of_known["fileExists"], &of_known["uploadedChunks"]), (&json!(false), &json!([])));
    let keys = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&of_known), keys(&of_unknown), "the two answers cannot be told apart");
    let path = format!("/api/files/{}", file["id"].as_str().unwrap());
    bob.get(&path).await.refused(404, "NOT_FOUND");

    // What bob then sends himself is his own: nothing is shared between accounts.
    bob.chunk(&id(&of_known), 0, &data).await.ok();
    bob.complete(&id(&of_known)).await.ok();
    let objects: i64 =
        drive.db().query_row("select count(*) from objects", [], |row| row.get(0)).unwrap();
    assert_eq!(objects, 2);
}

/// Probes with hashes of another account, half of them right; `PROBES` asks for more of them.
#[tokio::test]
async fn thousands_of_probes_tell_nothing_of_another_account() {
    let probes: usize =
        std::env::var("PROBES").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let drive = TestDrive::spawn();
    let (ada, bob) = (drive.user("ada").await, drive.user("bob").await);
    let hashes: Vec<String> = (0..20).map(|seed| sha256(&bytes(seed, 64))).collect();
    for seed in 0..20 {
        ada.upload(&format!("{seed}.bin"), &bytes(seed, 64), json!({})).await;
    }
    let quota = bob.get("/api/quota").await.ok();
    let probe = |number: usize| {
        let (bob, right) = (&bob, &hashes[number / 2 % hashes.len()]);
        let hash =
            if number.is_multiple_of(2) { right.clone() } else { sha256(&number.to_le_bytes()) };
        async move {
            let answer = bob.create(&format!("{number}.bin"), 64, json!({ "hash": hash })).await;
            let (status, mut body) = (answer.status.as_u16(), answer.json());
            let path = format!("/api/files/upload/task/{}", id(&body));
            bob.delete(&path).await.ok();
            body["taskId"] = Value::Null;
            format!("{status} {body}")
        }
    };
    let told: std::collections::BTreeSet<String> =
        stream::iter(0..probes).map(probe).buffer_unordered(16).collect().await;
    assert_eq!(told.len(), 1, "the answers differ: {told:?}");
    assert!(told.first().unwrap().contains("\"fileExists\":false"));
    drive.settled().await;
    assert_eq!(bob.get("/api/quota").await.ok(), quota);
}

#[tokio::test]
async fn own_bytes_get_one_more_name_without_being_sent() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(2, 100 * KIB);
    let size = data.len() as u64;
    let first = user.upload("first.bin", &data, json!({})).await;
    let blake3 = format!("blake3:{}", blake3::hash(&data).to_hex());
    let wishes = [
        ("second.bin", json!({ "hash": sha256(&data) })),
        ("first.bin", json!({ "hash": blake3, "folder": "/elsewhere" })),
        ("first.bin", json!({ "hash": sha256(&data), "expiredAt": "2999-01-01T00:00:00Z" })),
    ];
    for (name, wish) in wishes {
        let answer = user.create(name, size, wish.clone()).await.ok();
        assert_eq!(
            (&answer["fileExists"], &answer["taskId"]),
            (&json!(true), &Value::Null),
            "{wish}"
        );
        let file = &answer["file"];
        assert_eq!(file["name"], name);
        assert_ne!(file["id"], first["id"], "{wish}");
        assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
        // The same wish again is no new file.
        let again = user.create(name, size, wish).await.ok();
        assert_eq!(again["file"], *file);
    }
    let same = user.create("first.bin", size, json!({ "hash": sha256(&data) })).await.ok();
    assert_eq!(same["file"], first);

    let objects: i64 =
        drive.db().query_row("select count(*) from objects", [], |row| row.get(0)).unwrap();
    assert_eq!((objects, drive.holdings().files, drive.holdings().tasks), (1, 4, 1));
}

#[tokio::test]
async fn a_known_hash_with_another_size_is_no_hit() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(3, 1000);
    user.upload("first.bin", &data, json!({})).await;
    let answer = user.create("second.bin", 1001, json!({ "hash": sha256(&data) })).await.ok();
    assert_eq!(answer["fileExists"], false);
}

#[tokio::test]
async fn the_same_upload_is_found_again_by_hash_or_fingerprint() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(4, 3 * 64 * KIB);
    let size = data.len() as u64;
    for proof in
        [json!({ "hash": sha256(&data) }), json!({ "fingerprint": "laptop/a.bin/1762653600" })]
    {
        let with = |more: Value| {
            let mut wish = proof.clone();
            wish["chunkSize"] = json!(64 * KIB);
            wish.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            wish
        };
        let task = user.create("a.bin", size, with(json!({}))).await.ok();
        user.chunk(&id(&task), 1, &data[64 * KIB..128 * KIB]).await.ok();
        let again = user.create("a.bin", size, with(json!({}))).await.ok();
        assert_eq!(again["taskId"], task["taskId"]);
        assert_eq!(again["uploadedChunks"], json!([1]));
        // What is open keeps its own cut, whatever is wished now.
        let recut = user.create("a.bin", size, with(json!({ "chunkSize": 128 * KIB }))).await.ok();
        assert_eq!((&recut["taskId"], &recut["chunkSize"]), (&task["taskId"], &json!(64 * KIB)));
        for (name, size, more) in [
            ("b.bin", size, json!({})),
            ("a.bin", size + 1, json!({})),
            ("a.bin", size, json!({ "folder": "/elsewhere" })),
        ] {
            let other = user.create(name, size, with(more)).await.ok();
            assert_ne!(other["taskId"], task["taskId"]);
            assert_eq!(other["uploadedChunks"], json!([]));
        }
        // Neither does another account find it.
        let name = format!("bob{}", proof.as_object().unwrap().keys().next().unwrap());
        let other = drive.user(&name).await.create("a.bin", size, with(json!({}))).await.ok();
        assert_ne!(other["taskId"], task["taskId"]);
    }
    let plain = user.create("a.bin", size, json!({})).await.ok();
    let again = user.create("a.bin", size, json!({})).await.ok();
    assert_ne!(
        plain["taskId"], again["taskId"],
        "nothing tells the two apart, so nothing joins them"
    );
}

#[tokio::test]
async fn sixteen_that_create_the_same_upload_at_once_get_one() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let create = || user.create("one.bin", 1000, json!({ "fingerprint": "f" }));
    let answers = join_all((0..16).map(|_| create())).await;
    let ids: Vec<_> = answers.into_iter().map(|answer| id(&answer.ok())).collect();
    assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
    let holdings = drive.holdings();
    assert_eq!((holdings.tasks, holdings.reserved_bytes, holdings.staged.len()), (1, 1000, 1));
}

/// Creates with an idempotency key.
async fn keyed(client: &Client, key: &str, body: Value) -> crate::harness::client::Answer {
    let request = client.request(reqwest::Method::POST, "/api/files/upload/create");
    client.send(request.header("idempotency-key", key).json(&body)).await
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_answer_again() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let wish = json!({ "fileName": "a.bin", "fileSize": 1000 });
    let first = keyed(&user, "key-1", wish.clone()).await.ok();
    assert_eq!(keyed(&user, "key-1", wish.clone()).await.ok()["taskId"], first["taskId"]);
    let respelled = json!({ "file_size": 1000, "file_name": "a.bin" });
    assert_eq!(keyed(&user, "key-1", respelled).await.ok()["taskId"], first["taskId"]);
    let other = json!({ "fileName": "b.bin", "fileSize": 1000 });
    keyed(&user, "key-1", other.clone()).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    assert_ne!(keyed(&user, "key-2", wish.clone()).await.ok()["taskId"], first["taskId"]);
    let stranger = drive.user("bob").await;
    assert_ne!(keyed(&stranger, "key-1", other).await.ok()["taskId"], first["taskId"]);
    for key in ["", &"x".repeat(256)] {
        let refusal = keyed(&user, key, wish.clone()).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], "Idempotency-Key");
    }

    // Also after the end, when the task would not be found by anything else.
    user.chunk(&id(&first), 0, &[1; 1000]).await.ok();
    user.complete(&id(&first)).await.ok();
    assert_eq!(keyed(&user, "key-1", wish).await.ok()["taskId"], first["taskId"]);
}

#[tokio::test]
async fn sixteen_with_one_idempotency_key_get_one_upload() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let wish = json!({ "fileName": "a.bin", "fileSize": 1000 });
    let answers = join_all((0..16).map(|_| keyed(&user, "key", wish.clone()))).await;
    let ids: Vec<_> = answers.into_iter().map(|answer| id(&answer.ok())).collect();
    assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
    assert_eq!(drive.holdings().tasks, 1);
}

#[tokio::test]
async fn a_key_that_found_stored_bytes_is_bound_to_its_request_too() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    user.upload("a.bin", b"stored", json!({})).await;
    let wish = |name: &str| json!({ "fileName": name, "fileSize": 6, "hash": sha256(b"stored") });
    let first = keyed(&user, "key", wish("b.bin")).await.ok();
    assert_eq!(first["fileExists"], true);
    assert_eq!(keyed(&user, "key", wish("b.bin")).await.ok(), first);
    keyed(&user, "key", wish("c.bin")).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
}

/// A file that is brought again is held against blocks of what has arrived, whatever it is called there.
#[tokio::test]
async fn blocks_tell_whether_a_file_is_the_one_that_was_begun() {
    let drive = TestDrive::spawn();
    let (ada, bob) = (drive.user("ada").await, drive.user("bob").await);
    let data = bytes(7, 10 * 128 * KIB + 5);
    let begun = ada.create("film.mov", data.len() as u64, json!({ "chunkSize": 128 * KIB })).await;
    let task = id(&begun.ok());
    let path = format!("/api/files/upload/blocks/{task}");
    assert_eq!(ada.get(&path).await.ok(), json!([]), "nothing has arrived");
    for index in [10, 2] {
        let start = index * 128 * KIB;
        let chunk = &data[start..data.len().min(start + 128 * KIB)];
        ada.chunk(&task, index as u64, chunk).await.ok();
    }
    let blocks = ada.get(&path).await.ok();
    let expected =
        [(3 * 128 * KIB - 64 * KIB, 64 * KIB), (10 * 128 * KIB, 5)].map(|(offset, length)| {
            let hash = format!("sha256:{}", sha256(&data[offset..offset + length]));
            json!({ "offset": offset, "length": length, "hash": hash })
        });
    assert_eq!(blocks, json!(expected));
    bob.get(&path).await.refused(404, "NOT_FOUND");
    let drive = drive.restart();
    let ada = drive.signed_in("ada").await;
    assert_eq!(ada.get(&path).await.ok(), blocks, "from the disk too");
    ada.delete(&format!("/api/files/upload/task/{task}")).await.ok();
    ada.get(&path).await.refused(409, "TASK_FINISHED");
}
