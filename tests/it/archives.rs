//! FileCompress and FileDecompress, beside the tools that everybody has.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::client::{Client, id};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes};

/// Runs a program in a folder; `None` when this machine does not have it.
fn outside(folder: &Path, program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("{program} is not there; its opinion is left out");
            None
        }
        Err(error) => panic!("{program}: {error}"),
        Ok(out) => {
            let text = [out.stdout, out.stderr].concat();
            Some((out.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
    }
}

#[track_caller]
fn agrees(folder: &Path, program: &str, arguments: &[&str]) {
    if let Some((good, text)) = outside(folder, program, arguments) {
        assert!(good, "{program} {arguments:?}: {text}");
    }
}

async fn tree(user: &Client) {
    for (folder, name, content) in [
        ("/photos", "a.txt", bytes(1, 300_000)),
        ("/photos/2025", "ä ö.txt", b"hello".repeat(1000)),
        ("/photos/2025", "empty", Vec::new()),
        ("/other", "not in it", b"no".to_vec()),
    ] {
        user.upload(name, &content, json!({ "folder": folder })).await;
    }
    // Two files of one name.
    user.upload("a.txt", b"another", json!({ "folder": "/photos" })).await;
}

async fn fetch(user: &Client, task: &Value, folder: &Path, name: &str) {
    let file_id = task["results"]["resultFileId"].as_str().unwrap_or_else(|| panic!("{task}"));
    std::fs::write(folder.join(name), user.content(file_id).await).unwrap();
}

#[tokio::test]
async fn other_tools_open_what_is_made_here() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    tree(&user).await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for format in ["zip", "tar", "tar.gz", "tar.zst"] {
        let wish = json!({ "folder": "/photos", "compressionFormat": format });
        let task = user.run("FileCompress", wish).await;
        let results = &task["results"];
        assert_eq!(
            (&task["status"], &results["fileCount"]),
            (&json!("Completed"), &json!(4)),
            "{task}"
        );
        assert_eq!(results["originalSize"], 305_007, "{task}");
        assert_eq!(results["fileName"], format!("photos.{format}"));
        let name = format!("made.{format}");
        fetch(&user, &task, at, &name).await;
        agrees(at, "7z", &["t", &name]);
        let unpack: (&str, &[&str]) = match format {
            "zip" => ("unzip", &["-q", "-o", "made.zip", "-d", "out"]),
            _ => ("tar", &["-xf", &name, "-C", "out"]),
        };
        let _ = std::fs::remove_dir_all(at.join("out"));
        std::fs::create_dir(at.join("out")).unwrap();
        if let Some((good, text)) = outside(at, unpack.0, unpack.1) {
            assert!(good, "{text}");
            let read = |name: &str| std::fs::read(at.join("out/photos").join(name)).unwrap();
            let mut equal = [read("a.txt"), read("a (2).txt")];
            equal.sort_by_key(Vec::len);
            assert_eq!(equal, [b"another".to_vec(), bytes(1, 300_000)]);
            assert_eq!(read("2025/ä ö.txt"), b"hello".repeat(1000));
            assert_eq!(read("2025/empty"), b"");
        }
    }
    agrees(at, "unzip", &["-t", "made.zip"]);
    agrees(at, "zstd", &["-t", "made.tar.zst"]);
    agrees(at, "gzip", &["-t", "made.tar.gz"]);

    let wish =
        json!({ "folder": "/photos", "password": "open sesame", "outputFileName": "locked" });
    let task = user.run("FileCompress", wish).await;
    assert!(!task.to_string().contains("open sesame"));
    fetch(&user, &task, at, "locked.zip").await;
    agrees(at, "7z", &["t", "-popen sesame", "locked.zip"]);
    if let Some((good, _)) = outside(at, "7z", &["t", "-pwrong", "locked.zip"]) {
        assert!(!good, "another password does not open it");
    }
}

#[tokio::test]
async fn what_other_tools_make_is_unpacked_by_its_content_not_its_name() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir_all(at.join("in/deep")).unwrap();
    std::fs::write(at.join("in/one.txt"), bytes(3, 200_000)).unwrap();
    std::fs::write(at.join("in/deep/two.txt"), b"two").unwrap();
    let makers: [(&str, &str, &[&str]); 7] = [
        ("a.zip", "zip", &["-qr", "a.zip", "in"]),
        ("a.7z", "7z", &["a", "-bd", "a.7z", "in"]),
        ("a.tar", "tar", &["-cf", "a.tar", "in"]),
        ("a.tar.gz", "tar", &["-czf", "a.tar.gz", "in"]),
        ("a.tar.bz2", "tar", &["-cjf", "a.tar.bz2", "in"]),
        ("a.tar.xz", "tar", &["-cJf", "a.tar.xz", "in"]),
        ("a.tar.zst", "tar", &["--zstd", "-cf", "a.tar.zst", "in"]),
    ];
    for (number, (archive, program, arguments)) in makers.into_iter().enumerate() {
        if outside(at, program, arguments).is_none_or(|(good, _)| !good) {
            println!("{archive} could not be made here");
            continue;
        }
        let stored = std::fs::read(at.join(archive)).unwrap();
        let file = user.upload("photo.jpg", &stored, json!({ "folder": "/" })).await;
        let target = format!("/out{number}");
        let wish = json!({ "fileId": file["id"], "targetFolder": target });
        let task = user.run("FileDecompress", wish).await;
        assert_eq!(task["results"]["fileCount"], 2, "{archive}: {task}");
        assert_eq!(task["results"]["skipped"], json!([]));
        let files = user.get(&format!("/api/files?folder={target}/in")).await.ok();
        let one = &files[0];
        assert_eq!((&one["name"], &one["contentType"]), (&json!("one.txt"), &json!("text/plain")));
        assert_eq!(user.content(one["id"].as_str().unwrap()).await, bytes(3, 200_000));
        let files = user.get(&format!("/api/files?folder={target}/in/deep")).await.ok();
        assert_eq!(files[0]["size"], 3, "{archive}");
    }
}

fn hostile_tar() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &[u8], kind: tar::EntryType, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(content.len() as u64);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        if kind.is_symlink() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, content).unwrap();
    };
    add(b"good.txt", tar::EntryType::Regular, b"good");
    add(b"../escaped.txt", tar::EntryType::Regular, b"bad");
    add(b"/absolute.txt", tar::EntryType::Regular, b"bad");
    add(b"link", tar::EntryType::Symlink, b"");
    add(b"device", tar::EntryType::Char, b"");
    add(b"good.txt", tar::EntryType::Regular, b"again");
    tar.into_inner().unwrap()
}

#[tokio::test]
async fn entries_that_lead_astray_are_passed_over_and_listed() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = user.upload("x.tar", &hostile_tar(), json!({ "folder": "/in" })).await;
    let task = user.run("FileDecompress", json!({ "fileId": file["id"] })).await;
    assert_eq!(task["results"]["fileCount"], 2, "{task}");
    let skipped: Vec<_> = task["results"]["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(skipped.len(), 4, "{task}");
    for name in ["../escaped.txt", "/absolute.txt", "link", "device"] {
        assert!(skipped.iter().any(|skipped| skipped == name), "{name} in {skipped:?}");
    }
    let files = user.get("/api/files?folder=/in/x&sortBy=name&sortDescending=false").await.ok();
    let names: Vec<_> = files.as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["good (2).txt", "good.txt"]);
}

fn zip_of(entries: &[(&str, &[u8])], password: Option<&str>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = zip::write::SimpleFileOptions::default();
        let options = match password {
            Some(password) => options.with_aes_encryption(zip::AesMode::Aes256, password),
            None => options,
        };
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn bombs_damage_and_missing_passwords_leave_nothing() {
    let drive = TestDrive::spawn();
    let user = drive.account("ada", "user", Some(50_000_000)).await;
    let before = user.get("/api/quota").await.ok()["used"].as_i64().unwrap();
    let good = zip_of(&[("a.txt", &bytes(1, 100_000)), ("b.txt", b"b")], None);
    let locked = zip_of(&[("a.txt", b"secret")], Some("open sesame"));
    let bomb = zip_of(&[("zeros", &vec![0; 40_000_000])], None);
    let many: Vec<_> = (0..10_001).map(|n| format!("{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let many = zip_of(&many, None);
    let large = zip_of(&[("large", &bytes(9, 45_000_000))], None);
    let mut damaged = good.clone();
    damaged[5_000] ^= 0xff;

    for (name, content, status, code) in [
        ("text.zip", b"no archive at all".to_vec(), 422, "ARCHIVE_INVALID"),
        ("empty.zip", Vec::new(), 422, "ARCHIVE_INVALID"),
        ("cut.zip", good[..good.len() - 30].to_vec(), 422, "ARCHIVE_INVALID"),
        ("locked.zip", locked.clone(), 400, "PASSWORD_REQUIRED"),
        ("many.zip", many, 422, "ARCHIVE_LIMIT"),
    ] {
        let file = user.upload(name, &content, json!({})).await;
        let asked = user.ask("FileDecompress", json!({ "fileId": file["id"] })).await;
        let refusal = asked.refused(status, code);
        assert!(refusal["message"].as_str().is_some_and(|text| text.len() > 20), "{refusal}");
    }
    let file = user.upload("locked.zip", &locked, json!({ "folder": "/l" })).await;
    let wrong = json!({ "fileId": file["id"], "password": "wrong" });
    user.ask("FileDecompress", wrong).await.refused(403, "PASSWORD_WRONG");
    let right = json!({ "fileId": file["id"], "password": "open sesame" });
    let task = user.run("FileDecompress", right).await;
    assert_eq!(task["results"]["fileCount"], 1, "{task}");
    assert!(!task.to_string().contains("open sesame"));

    let files = user.get("/api/files?limit=500").await.ok().as_array().unwrap().len();
    for (name, content, code) in [
        ("bomb.zip", bomb, "ARCHIVE_LIMIT"),
        ("damaged.zip", damaged, "ARCHIVE_INVALID"),
        ("cut.gz", gzip(&bytes(5, 100_000))[..50_000].to_vec(), "ARCHIVE_INVALID"),
    ] {
        let file = user.upload(name, &content, json!({})).await;
        let task = user.run("FileDecompress", json!({ "fileId": file["id"] })).await;
        assert_eq!(
            (&task["status"], &task["errorCode"]),
            (&json!("Failed"), &json!(code)),
            "{name}: {task}"
        );
        purge(&user, &file).await;
    }
    // It says in its list that it is larger than the quota: no task is made.
    let file = user.upload("large.zip", &large, json!({})).await;
    let asked = user.ask("FileDecompress", json!({ "fileId": file["id"] })).await;
    asked.refused(403, "QUOTA_EXCEEDED");
    purge(&user, &file).await;
    let now = user.get("/api/files?limit=500").await.ok().as_array().unwrap().len();
    assert_eq!(now, files, "nothing was left behind");
    let quota = user.get("/api/quota").await.ok();
    assert_eq!(quota["reserved"], 0);
    assert!(quota["used"].as_i64().unwrap() > before);
    drive.swept().await;
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

async fn purge(user: &Client, file: &Value) {
    let wish = json!({
        "operationType": "purge", "targetIds": [file["id"]], "operationParameters": { "confirm": true },
    });
    user.run("BulkOperation", wish).await;
}

/// A crash between the row of the finished archive and its rename leaves the row beside the staging file.
#[tokio::test]
async fn an_archive_whose_row_was_left_by_a_crash_is_gone_on_with() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    tree(&user).await;
    let (hears, go) = drive.hold_at(5);
    let task = id(&user.ask("FileCompress", json!({ "folder": "/photos" })).await.ok());
    tokio::task::spawn_blocking(move || hears.recv().unwrap()).await.unwrap();
    user.call(&format!("/api/tasks/{task}/pause")).await.ok();
    drop(go);
    drive.probe(None);
    user.until(&task, &["Paused"]).await;
    let left = drive.db().execute(
        "insert into objects (id, pool_id, size, sha256, blake3, refs, task_pk, created_at, block_size, blocks) \
         select json_extract(t.checkpoint, '$.objectId'), (select id from pools), 7, zeroblob(32), zeroblob(32), 0, \
         t.id, 0, 1048576, x'' from tasks t where t.task_id = ?1",
        [&task],
    );
    assert_eq!(left.unwrap(), 1);
    user.call(&format!("/api/tasks/{task}/resume")).await.ok();
    let task = user.ended(&task).await;
    // In its first attempt: it does not begin anew.
    assert_eq!((&task["status"], &task["attempt"]), (&json!("Completed"), &json!(1)), "{task}");
    let folder = tempfile::tempdir().unwrap();
    fetch(&user, &task, folder.path(), "made.zip").await;
    agrees(folder.path(), "unzip", &["-t", "made.zip"]);
}

#[tokio::test]
async fn wrong_wishes_are_refused_and_named() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let file = user.upload("a.txt", b"one", json!({ "folder": "/in" })).await;
    let ids = json!([file["id"]]);
    for (wish, field) in [
        (json!({}), "parameters.fileIds"),
        (json!({ "fileIds": [] }), "parameters.fileIds"),
        (json!({ "fileIds": ids, "folder": "/in" }), "parameters.fileIds"),
        (json!({ "folder": "/nothing" }), "parameters"),
        (json!({ "fileIds": ids, "compressionFormat": "rar" }), "parameters.compressionFormat"),
        (json!({ "fileIds": ids, "compressionLevel": 10 }), "parameters.compressionLevel"),
        (json!({ "fileIds": ids, "outputFileName": "../x.zip" }), "parameters.outputFileName"),
        (
            json!({ "fileIds": ids, "compressionFormat": "tar", "password": "x" }),
            "parameters.password",
        ),
        (json!({ "fileIds": ids, "colour": 1 }), "parameters.colour"),
    ] {
        let refusal = user.ask("FileCompress", wish.clone()).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{wish}: {refusal}");
    }
    other.ask("FileCompress", json!({ "fileIds": ids })).await.refused(404, "NOT_FOUND");
    other.ask("FileDecompress", json!({ "fileId": file["id"] })).await.refused(404, "NOT_FOUND");
}
