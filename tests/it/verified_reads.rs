//! In a pool that verifies what it reads, no byte is sent that does not have the hash it came with.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::{TestDrive, bytes};

const MIB: usize = 1024 * 1024;
const VERIFY: [(&str, &str); 1] = [("DRIVE_POOL_VERIFY_READS", "true")];

/// Changes one byte of a stored object.
fn damage(drive: &TestDrive, name: &str, at: usize) {
    let sql = "select object_id from files where name = ?1";
    let id: String = drive.db().query_row(sql, [name], |row| row.get(0)).unwrap();
    let path = drive.data_dir().join("pool/objects").join(&id[id.len() - 2..]).join(&id);
    let mut stored = std::fs::read(&path).unwrap();
    stored[at] ^= 1;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, &stored).unwrap();
}

fn ask(client: &Client, file: &Value, range: Option<&str>) -> reqwest::RequestBuilder {
    let path = format!("/api/files/{}/content", file["id"].as_str().unwrap());
    let request = client.request(Method::GET, &path);
    match range {
        Some(range) => request.header(header::RANGE, format!("bytes={range}")),
        None => request,
    }
}

#[tokio::test]
async fn a_damaged_block_is_never_sent() {
    let drive = TestDrive::spawn_with(&VERIFY);
    let user = drive.user("ada").await;
    let data = bytes(1, 5 * MIB + 12_345);
    // One upload by chunks of three blocks, one in one request, one of a single short block.
    let task =
        id(&user.create("a.bin", data.len() as u64, json!({ "chunkSize": 3 * MIB })).await.ok());
    for (index, chunk) in (0..).zip(data.chunks(3 * MIB)) {
        user.chunk(&task, index, chunk).await.ok();
    }
    let file = user.complete(&task).await.ok();
    assert_eq!(user.send(ask(&user, &file, None)).await.body, data);
    damage(&drive, "a.bin", 3 * MIB + 5);

    // Whole: what comes before the damage comes, then the body breaks off.
    let mut answer = ask(&user, &file, None).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let (mut came, mut broke_off) = (Vec::new(), false);
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) => came.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => {
                broke_off = true;
                break;
            }
        }
    }
    assert!(broke_off && came.len() <= 3 * MIB && came == data[..came.len()], "{}", came.len());

    // Ranges before and behind it are well; one that touches its block, even beside the byte, is not.
    for (first, last) in [(0, 100), (MIB - 10, 3 * MIB - 1), (4 * MIB, 5 * MIB + 12_344)] {
        let part = user.send(ask(&user, &file, Some(&format!("{first}-{last}")))).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &data[first..=last]));
    }
    for range in ["3145728-3145729", "4194300-4194310"] {
        let refused = user.send(ask(&user, &file, Some(range))).await;
        assert_eq!(refused.refused(500, "CONTENT_CORRUPT")["details"]["block"], 3, "{range}");
    }
}

#[tokio::test]
async fn files_of_all_makings_pass_and_a_damaged_first_block_is_a_clean_error() {
    let drive = TestDrive::spawn_with(&VERIFY);
    let user = drive.user("ada").await;
    for (name, size) in
        [("empty", 0), ("one", 1), ("block", MIB), ("more", MIB + 1), ("odd", 2_500_000)]
    {
        let data = bytes(size as u64, size);
        let file = user.upload(name, &data, json!({ "chunkSize": 64 * 1024 })).await;
        assert_eq!(user.send(ask(&user, &file, None)).await.body, data, "{name} by chunks");
        let path = format!("/api/files/upload/direct?fileName={name}.direct");
        let file = user.send(user.request(Method::PUT, &path).body(data.clone())).await.ok();
        assert_eq!(user.send(ask(&user, &file, None)).await.body, data, "{name} in one request");
    }
    let secret = json!({ "encryptPassword": "a password of mine" });
    let locked = user.upload("locked.bin", &bytes(7, 3 * MIB), secret).await;
    let open = || ask(&user, &locked, None).header("X-File-Password", "a password of mine");
    assert_eq!(user.send(open()).await.body, bytes(7, 3 * MIB));
    damage(&drive, "locked.bin", 2 * MIB);
    let stored = user.send(ask(&user, &locked, Some("0-10"))).await;
    assert_eq!(stored.status, 206, "blocks that are well are sent");

    let file = user.upload("bad.bin", &bytes(9, 300_000), json!({})).await;
    damage(&drive, "bad.bin", 299_999);
    user.send(ask(&user, &file, None)).await.refused(500, "CONTENT_CORRUPT");
    user.send(ask(&user, &file, Some("0-0"))).await.refused(500, "CONTENT_CORRUPT");
}
