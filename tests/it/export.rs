//! `drive export`: all files as a plain tree with a list of their hashes, so that nobody is locked in.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::bytes;
use crate::harness::client::PASSWORD;
use crate::harness::program;
use crate::import::{Disk, Place};

/// Everything below a folder: paths relative to it, folders with a slash at their end.
fn tree(root: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}

/// Does another program agree with the list of hashes?
#[track_caller]
fn sums_are_right(folder: &Path, count: usize) {
    let mut check = Command::new("sha256sum");
    let output = check.args(["-c", "--strict", "SHA256SUMS"]).current_dir(folder).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().filter(|line| line.ends_with(": OK")).count(), count, "{said}");
}

fn export(place: &Place, to: &Path, more: &[&str]) -> (bool, String) {
    place.run_with(&[&["export", to.to_str().unwrap()], more].concat(), &[])
}

#[tokio::test]
async fn a_tree_goes_out_as_it_is_shown_and_again_changes_nothing() {
    let place = Place::new();
    let (server, user) = place.serve().await;
    for (name, folder, content) in [
        ("a.txt", "/", b"first".as_slice()),
        ("a.txt", "/", b"other"),
        ("A.txt", "/", b"capital"),
        ("SHA256SUMS", "/", b"a name of ours"),
        ("Grüße ☕.bin", "/one/two/three", &bytes(1, 2_000_000)),
        ("empty", "/one", b""),
    ] {
        let wish = json!({ "folder": folder, "lastModified": "2001-09-09T01:46:40.123Z" });
        user.upload(name, content, wish).await;
    }
    let trashed = user.upload("trashed.txt", b"trashed", json!({})).await;
    user.delete(&format!("/api/files/{}", trashed["id"].as_str().unwrap())).await.ok();
    let out = place.path("out");
    // It works beside the running server.
    let (well, said) = export(&place, &out, &["--account", "ada"]);
    assert!(well && said.contains("6 files (2000031 bytes) written, 0 were there"), "{said}");
    let expected = [
        "A.txt",
        "SHA256SUMS",
        "SHA256SUMS (2)",
        "a (2).txt",
        "a.txt",
        "one/empty",
        "one/two/three/Grüße ☕.bin",
    ];
    assert_eq!(tree(&out), expected);
    sums_are_right(&out, 6);
    let big = out.join("one/two/three/Grüße ☕.bin");
    assert_eq!(fs::read(&big).unwrap(), bytes(1, 2_000_000));
    let meta = fs::metadata(&big).unwrap();
    assert_eq!((meta.mtime(), meta.mtime_nsec()), (1_000_000_000, 123_000_000));

    let (well, said) = export(&place, &out, &["--account", "ada"]);
    assert!(well && said.contains("0 files (0 bytes) written, 6 were there"), "{said}");
    assert_eq!(tree(&out), expected);
    // What somebody put there with other bytes stays, and ours gets another name.
    fs::write(&big, b"edited by hand").unwrap();
    let (well, said) = export(&place, &out, &["--account", "ada"]);
    assert!(well && said.contains("The name was taken"), "{said}");
    assert_eq!(fs::read(&big).unwrap(), b"edited by hand");
    let second = out.join("one/two/three/Grüße ☕ (2).bin");
    assert_eq!(fs::read(second).unwrap(), bytes(1, 2_000_000));
    sums_are_right(&out, 6);
    let db = rusqlite::Connection::open(place.data_dir().join("drive.db")).unwrap();
    let sql = "select count(*) from audit where action = 'files.export' and object = 'ada' and outcome = 'ok'";
    assert_eq!(db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 3);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn all_accounts_go_out_each_into_a_folder_and_encrypted_files_with_their_key() {
    let place = Place::new();
    place.ok(&["account", "add", "bob", "--password-stdin"]);
    let (server, user) = place.serve().await;
    user.upload("plain.txt", b"plain", json!({})).await;
    user.upload("secret.txt", b"secret", json!({ "encryptPassword": PASSWORD })).await;
    let mut bob = server.nobody();
    bob.sign_in("bob").await;
    bob.upload("bobs.txt", b"bobs", json!({ "folder": "/x" })).await;
    let out = place.path("out");
    assert!(export(&place, &out, &["--all"]).0);
    let expected = [
        "SHA256SUMS",
        "ada/plain.txt",
        "ada/secret.txt.age",
        "ada/secret.txt.key.age",
        "bob/x/bobs.txt",
    ];
    assert_eq!(tree(&out), expected);
    sums_are_right(&out, 4);
    let age = fs::read(out.join("ada/secret.txt.age")).unwrap();
    assert!(age.starts_with(b"age-encryption.org/v1\n"));
    assert!(fs::read(out.join("ada/secret.txt.key.age")).unwrap().starts_with(b"age-encryption"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn killed_in_the_middle_it_goes_on() {
    let place = Place::new();
    const FILES: usize = 1_500;
    for number in 0..FILES {
        place.write(&format!("{}/{number}.bin", number % 5), &bytes(number as u64, 30_000));
    }
    assert!(place.import(&[]).0);
    let out = place.path("out");
    let data_dir = place.data_dir();
    let mut child = Command::new(program())
        .args(["--data-dir", data_dir.to_str().unwrap(), "export", out.to_str().unwrap(), "--all"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !out.join("ada/1").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let written = tree(&out).len();
    assert!(!out.join("SHA256SUMS").exists(), "the list comes at the end; {written} files");
    let (well, said) = export(&place, &out, &["--all"]);
    assert!(well && !said.contains(" 0 were there already"), "{said}");
    assert_eq!(tree(&out).len(), FILES + 1, "nothing is left of the first one");
    sums_are_right(&out, FILES);
    // And it comes in again as it was.
    place.ok(&["account", "add", "bob", "--password-stdin"]);
    let back = out.join("ada");
    let said = place.ok(&["import", back.to_str().unwrap(), "--account", "bob"]);
    assert!(said.contains(&format!("{FILES} files")), "{said}");
    let equal = "select count(*) from files a join files b on a.sha256 = b.sha256 and a.name = b.name \
                 and a.folder = b.folder and a.last_modified = b.last_modified and a.account_id < b.account_id";
    assert_eq!(place.number(equal), FILES as i64);
}

#[test]
fn what_cannot_be_written_is_said() {
    let place = Place::new();
    place.write("a.txt", b"a");
    assert!(place.import(&[]).0);
    let file = place.path("file");
    fs::write(&file, b"").unwrap();
    let foreign = place.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("SHA256SUMS"), "of somebody else, who needs it").unwrap();
    let inside = place.data_dir().join("out");
    for (to, more, said) in [
        (&file, ["--account", "ada"].as_slice(), "cannot be written to"),
        (&foreign, &["--account", "ada"], "is not of an export"),
        (&inside, &["--account", "ada"], "must lie apart"),
        (&place.path("out"), &["--account", "bob"], "no account bob"),
        (&place.path("out"), &[], "--account"),
        (&place.path("out"), &["--all", "--account", "ada"], "cannot be used with"),
    ] {
        let (well, told) = export(&place, to, more);
        assert!(!well && told.contains(said), "{told}");
    }
    assert_eq!(fs::read(foreign.join("SHA256SUMS")).unwrap(), b"of somebody else, who needs it");
    assert!(!place.path("out").exists());

    // A link in the place of a folder leads nowhere.
    place.write("sub/b.txt", b"b");
    assert!(place.import(&[]).0);
    let (out, away) = (place.path("out"), place.path("away"));
    fs::create_dir_all(&out).unwrap();
    fs::create_dir(&away).unwrap();
    std::os::unix::fs::symlink(&away, out.join("sub")).unwrap();
    let (well, said) = export(&place, &out, &["--account", "ada"]);
    assert!(!well && said.contains("sub/b.txt") && said.contains("is no folder"), "{said}");
    assert_eq!(fs::read_dir(&away).unwrap().count(), 0);
    sums_are_right(&out, 1);
}

#[test]
fn names_that_the_export_needs_itself_are_told_and_lose_nothing_else() {
    let place = Place::new();
    for name in [".drive-export/part", "sha256sums/x.txt", "fine/SHA256SUMS", ".Drive-Export.txt"] {
        place.write(name, name.as_bytes());
    }
    assert!(place.import(&[]).0);
    let out = place.path("out");
    let (well, said) = export(&place, &out, &["--account", "ada"]);
    assert!(!well && said.matches("needs the name of its folder").count() == 2, "{said}");
    assert!(said.contains(".drive-export/part") && said.contains("sha256sums/x.txt"), "{said}");
    assert_eq!(tree(&out), [".Drive-Export.txt", "SHA256SUMS", "fine/SHA256SUMS"]);
    sums_are_right(&out, 2);
    let (well, said) = export(&place, &out, &["--account", "ada", "--reflink"]);
    assert!(!well && said.contains("2 were there already"), "{said}");
}

#[test]
fn damaged_bytes_are_not_handed_out_as_good_ones() {
    let place = Place::new();
    place.write("good.txt", b"good");
    place.write("bad.txt", b"bad!");
    assert!(place.import(&[]).0);
    let id: String = place
        .db()
        .query_row("select object_id from files where name = 'bad.txt'", [], |row| row.get(0))
        .unwrap();
    let object = place.data_dir().join("pool/objects").join(&id[id.len() - 2..]).join(&id);
    fs::remove_file(&object).unwrap();
    fs::write(&object, b"evil").unwrap();
    let out = place.path("out");
    let (well, said) = export(&place, &out, &["--account", "ada", "--copy"]);
    assert!(!well && said.contains("bad.txt") && said.contains("damaged"), "{said}");
    assert_eq!(tree(&out), ["SHA256SUMS", "good.txt"]);
    sums_are_right(&out, 1);
}

/// Two names that differ in capitals only, and one that the target refuses, on a file system that is blind to them.
#[test]
fn a_target_that_is_blind_to_capitals_loses_nothing() {
    let place = Place::new();
    for (name, content) in [("a.txt", "small"), ("A.txt", "large"), ("what?.txt", "refused")] {
        place.write(name, content.as_bytes());
    }
    assert!(place.import(&[]).0);
    // Size and time do not tell them apart either.
    for name in ["a.txt", "A.txt"] {
        let sql = "update files set last_modified = 1000000000000 where name = ?1";
        place.db().execute(sql, [name]).unwrap();
    }
    let outside = crate::harness::folder();
    let kinds = [
        (["mkfs.vfat"].as_slice(), ["mount", "-t", "vfat", "-o", "loop"].as_slice()),
        (&["mkfs.ntfs", "-q", "-F", "-Q"], &["lowntfs-3g", "-o", "ignore_case,windows_names"]),
    ];
    let Some(disk) = Disk::make(outside.path(), 16 << 20, &kinds) else {
        println!("left out: neither vfat nor ntfs on a loop device is to be had here");
        return;
    };
    let out = disk.mount.join("out");
    let (well, said) = export(&place, &out, &["--account", "ada"]);
    let (again, said_again) = export(&place, &out, &["--account", "ada"]);
    let mut found: Vec<(String, String)> = tree(&out)
        .into_iter()
        .filter(|name| !name.eq_ignore_ascii_case("SHA256SUMS"))
        .map(|name| (name.clone(), fs::read_to_string(out.join(name)).unwrap()))
        .collect();
    found.sort_by(|a, b| a.1.cmp(&b.1));
    sums_are_right(&out, 2);
    assert!(!well && said.contains("The target does not take this name"), "{said}");
    assert!(said.contains("what?.txt") && said.contains("The name was taken"), "{said}");
    assert!(
        !again && said_again.contains("0 files (0 bytes) written, 2 were there"),
        "{said_again}"
    );
    let contents: Vec<_> = found.iter().map(|(_, content)| content.as_str()).collect();
    assert_eq!(contents, ["large", "small"], "{found:?}");
}
