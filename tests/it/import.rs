//! `drive import`: a folder tree comes in, whole or begun again, and nothing is lost, doubled or followed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::child::{ChildDrive, run};
use crate::harness::client::{Client, PASSWORD};
use crate::harness::{bytes, folder, order, program, sha256};

/// A data directory with the account ada, and a folder beside it.
pub struct Place {
    root: PathBuf,
    _folder: Option<TempDir>,
}

impl Place {
    pub fn new() -> Self {
        let folder = folder();
        Self::made(Self { root: folder.path().to_owned(), _folder: Some(folder) })
    }

    pub fn at(root: &Path) -> Self {
        Self::made(Self { root: root.to_owned(), _folder: None })
    }

    fn made(place: Self) -> Self {
        fs::create_dir(place.tree()).unwrap();
        place.ok(&["account", "add", "ada", "--password-stdin"]);
        place
    }

    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Runs the program with these settings; whether it ended well, and what it said on both ways.
    pub fn run_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> (bool, String) {
        let data_dir = self.data_dir();
        let all = [&["--data-dir", data_dir.to_str().unwrap()], arguments].concat();
        let settings = [&[("DRIVE_STORAGE_KEEP_FREE_BYTES", "0")], settings].concat();
        let output = run(&all, &settings, PASSWORD);
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let (well, said) = self.run_with(arguments, &[]);
        assert!(well, "{said}");
        said
    }

    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) -> String {
        let (well, said) = self.run_with(arguments, &[]);
        assert!(!well, "{said}");
        said
    }

    pub fn import(&self, more: &[&str]) -> (bool, String) {
        self.run_with(&self.import_arguments(more), &[])
    }

    fn import_arguments<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let tree: &'static str = Box::leak(self.tree().display().to_string().into_boxed_str());
        [&["import", tree, "--account", "ada"], more].concat()
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.tree().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn db(&self) -> Connection {
        let db = Connection::open(self.data_dir().join("drive.db")).unwrap();
        db.busy_timeout(Duration::from_secs(5)).unwrap();
        db
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.db().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Starts the server, and signs ada in.
    pub async fn serve(&self) -> (ChildDrive, Client) {
        let server = ChildDrive::start(&self.data_dir(), &[]);
        let mut client = server.nobody();
        client.sign_in("ada").await;
        (server, client)
    }
}

fn set_modified(path: &Path, seconds: u64) {
    let file = fs::File::open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[tokio::test]
async fn a_tree_comes_in_with_names_times_types_and_hashes() {
    let place = Place::new();
    let picture = b"\x89PNG\r\n\x1a\n0000".as_slice();
    for (name, content) in [
        ("top.txt", b"top".as_slice()),
        ("one/two/three/deep.bin", &bytes(1, 3_000_000)),
        ("one/empty", b""),
        ("Grüße/caf\u{65}\u{301} ☕.md", b"unicode"),
        ("one/A", b"large"),
        ("one/a", b"small"),
        ("nameless", picture),
    ] {
        place.write(name, content);
    }
    set_modified(&place.tree().join("top.txt"), 1_000_000_000);
    symlink("top.txt", place.tree().join("link")).unwrap();
    symlink("/etc", place.tree().join("one/etc")).unwrap();
    let pipe = place.tree().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    place.write("back\\slash.txt", b"forbidden");
    place.write("new\nline/inside.txt", b"forbidden");

    let (well, said) = place.import(&["--folder", "/from/disk"]);
    assert!(!well, "something was left out: {said}");
    assert!(said.contains("7 files (3000032 bytes) brought in, 0 were there already"), "{said}");
    assert!(said.contains("2 symbolic links") && said.contains("1 special"), "{said}");
    assert!(said.contains("2 left out") && said.contains("back\\slash.txt"), "{said}");
    assert!(said.contains("new\u{fffd}line"), "no name writes lines of its own: {said}");
    order::check(&place.data_dir());
    let db = rusqlite::Connection::open(place.data_dir().join("drive.db")).unwrap();
    let sql = "select object, outcome from audit where action = 'files.import'";
    let kept = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(kept, Ok(("ada".to_owned(), "ok".to_owned())));
    drop(db);

    let (server, user) = place.serve().await;
    let list = user.get("/api/files?sortBy=name&sortDescending=false").await.ok();
    let told = |name: &str| {
        let found = list.as_array().unwrap().iter().find(|file| file["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {list}")).clone()
    };
    assert_eq!(told("deep.bin")["folder"], "/from/disk/one/two/three");
    assert_eq!(told("deep.bin")["hash"], format!("sha256:{}", sha256(&bytes(1, 3_000_000))));
    assert_eq!(told("caf\u{e9} ☕.md")["folder"], "/from/disk/Grüße");
    assert_eq!(told("top.txt")["metadata"]["lastModified"], "2001-09-09T01:46:40.000Z");
    assert_eq!(told("nameless")["contentType"], "image/png");
    for (name, content) in [("A", b"large".as_slice()), ("a", b"small"), ("empty", b"")] {
        assert_eq!(user.content(told(name)["id"].as_str().unwrap()).await, content);
    }
    assert_eq!(user.content(told("deep.bin")["id"].as_str().unwrap()).await, bytes(1, 3_000_000));
    assert_eq!(user.get("/api/quota").await.ok()["used"], 3_000_032);
    let tasks = user.get("/api/tasks?type=Custom").await.ok();
    assert_eq!(tasks[0]["status"], "Completed");
    assert_eq!(tasks[0]["results"]["fileCount"], 7);
    let verify = json!({ "type": "Custom", "parameters": { "handler": "verifyFiles" } });
    let task = user.post("/api/tasks", verify).await.ok();
    let path = format!("/api/tasks/{}/wait?timeout=20", task["taskId"].as_str().unwrap());
    assert_eq!(user.get(&path).await.ok()["status"], "Completed");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_there_is_neither_read_nor_stored_again() {
    let place = Place::new();
    place.write("same.bin", &bytes(1, 100_000));
    place.write("dir/touched.bin", &bytes(2, 100_000));
    place.write("changed.bin", &bytes(3, 100_000));
    assert!(place.import(&[]).0);
    let objects = || order::objects_in(&place.data_dir().join("pool")).len();
    let (well, said) = place.import(&[]);
    assert!(well && said.contains("0 files (0 bytes) brought in, 3 were there"), "{said}");

    // Only its time is another: read, found equal, not stored.
    set_modified(&place.tree().join("dir/touched.bin"), 1_000_000_000);
    // Its bytes are others: a second file of that name, as with uploads.
    place.write("changed.bin", &bytes(4, 100_000));
    set_modified(&place.tree().join("changed.bin"), 1_000_000_001);
    let (well, said) = place.import(&[]);
    assert!(well && said.contains("1 files (100000 bytes) brought in, 2 were there"), "{said}");
    let (well, said) = place.import(&[]);
    assert!(well && said.contains("0 files (0 bytes) brought in, 3 were there"), "{said}");
    assert_eq!((objects(), place.number("select count(*) from files")), (4, 4));
    assert_eq!(place.number("select used_bytes from accounts"), 400_000);

    order::check(&place.data_dir());
}

#[test]
fn killed_in_the_middle_it_goes_on_and_leaves_nothing_behind() {
    let place = Place::new();
    const FILES: i64 = 2_000;
    for number in 0..FILES {
        place.write(&format!("{}/{number}.bin", number % 7), &bytes(number as u64, 20_000));
    }
    let data_dir = place.data_dir();
    let mut kills = 0;
    for _ in 0..3 {
        let before = place.number("select count(*) from files");
        let mut child = Command::new(program())
            .args(["--data-dir", data_dir.to_str().unwrap()])
            .args(place.import_arguments(&[]))
            .env("DRIVE_STORAGE_KEEP_FREE_BYTES", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while place.number("select count(*) from files") == before
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let now = place.number("select count(*) from files");
        kills += i32::from(before < now && now < FILES);
    }
    assert!(kills > 0, "it was quicker than every kill");
    let (well, said) = place.import(&[]);
    assert!(well, "{said}");
    assert_eq!(place.number("select count(*) from files"), FILES);
    assert_eq!(place.number("select count(distinct folder || name) from files"), FILES);
    assert_eq!(place.number("select used_bytes from accounts"), FILES * 20_000);
    assert_eq!(place.number("select count(*) from objects"), FILES);
    assert_eq!(place.number("select count(*) from tasks where status = 1"), 0);
    order::check(&data_dir);
    assert_eq!(fs::read_dir(data_dir.join("pool/quarantine")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(data_dir.join("uploads")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let place = Place::new();
    place.write("a.txt", b"a");
    let tree = place.tree();
    let tree = tree.to_str().unwrap();
    let data_dir = place.data_dir();
    for (arguments, said) in [
        (vec!["import", "/no/such/dir", "--account", "ada"], "cannot be read as a folder"),
        (vec!["import", "/etc/passwd", "--account", "ada"], "cannot be read as a folder"),
        (vec!["import", tree, "--account", "bob"], "no account bob"),
        (vec!["import", tree, "--account", "ada", "--pool", "x"], "no pool x; there is default"),
        (vec!["import", tree, "--account", "ada", "--folder", "/a/../b"], "--folder must not be"),
        (vec!["import", data_dir.to_str().unwrap(), "--account", "ada"], "must lie apart"),
        (vec!["import", "/", "--account", "ada"], "must lie apart"),
        (vec!["import", tree, "--account", "ada", "--link", "--copy"], "cannot be used with"),
        (vec!["import", tree], "--account"),
    ] {
        let told = place.fails(&arguments);
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
    let encrypted = [("DRIVE_POOL_ENCRYPTION", "required")];
    let (well, said) = place.run_with(&place.import_arguments(&[]), &encrypted);
    assert!(!well && said.contains("takes encrypted files only"), "{said}");
    assert_eq!(place.number("select count(*) from files"), 0);
    assert_eq!(place.number("select count(*) from tasks"), 0);
    order::check(&data_dir);
    let nowhere = place.path("nowhere");
    let said =
        run(&["--data-dir", nowhere.to_str().unwrap(), "import", tree, "--account", "a"], &[], "");
    assert!(String::from_utf8(said.stderr).unwrap().contains("There is no Drive at"));
    assert!(!nowhere.exists(), "no data directory is made by mistake");
    assert!(place.ok(&["import", "--help"]).contains("DANGER"));
}

#[tokio::test]
async fn beside_a_running_server_it_says_so() {
    let place = Place::new();
    place.write("a.txt", b"a");
    let (server, user) = place.serve().await;
    let (well, said) = place.import(&[]);
    assert!(!well && said.contains("in use by another Drive. Stop it first"), "{said}");
    assert_eq!(user.get("/api/files").await.ok(), json!([]));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn quota_policy_and_room_are_kept_and_what_fitted_stays() {
    let place = Place::new();
    for number in 0..10 {
        place.write(&format!("{number}.txt"), &bytes(number, 1000));
    }
    place.write("film.mp4", &bytes(99, 10));
    place.write("big.txt", &bytes(98, 5000));
    let policy = [("DRIVE_POOL_ACCEPT_TYPES", "text/plain"), ("DRIVE_POOL_MAX_FILE_SIZE", "4000")];
    place.db().execute("update accounts set quota_bytes = 4500", []).unwrap();
    let (well, said) = place.run_with(&place.import_arguments(&[]), &policy);
    assert!(!well && said.contains("This needs 1000 bytes, but of your 4500 bytes 4000"), "{said}");
    assert_eq!(place.number("select count(*) from files"), 4);
    assert_eq!(place.number("select used_bytes from accounts"), 4000);
    assert_eq!(place.number("select count(*) from tasks where status = 4"), 1, "it failed");

    place.db().execute("update accounts set quota_bytes = null", []).unwrap();
    let none = [("DRIVE_STORAGE_KEEP_FREE_BYTES", "4611686018427387904")];
    let (well, said) = place.run_with(&place.import_arguments(&["--copy"]), &none);
    assert!(!well && said.contains("The disk is full"), "{said}");
    assert_eq!(place.number("select count(*) from files"), 4);

    let (well, said) = place.run_with(&place.import_arguments(&[]), &policy);
    assert!(!well && said.contains("film.mp4") && said.contains("big.txt"), "{said}");
    assert!(
        said.contains("6 files (6000 bytes) brought in, 4 were there already, 2 left out"),
        "{said}"
    );
    order::check(&place.data_dir());
}

/// A file system in a file, mounted while this lives.
pub struct Disk {
    pub mount: PathBuf,
}

impl Disk {
    /// The first of these that this machine has: a program that makes it, and one that mounts it.
    pub fn make(place: &Path, size: u64, kinds: &[(&[&str], &[&str])]) -> Option<Self> {
        let (image, mount) = (place.join("disk.img"), place.join("disk"));
        fs::create_dir(&mount).unwrap();
        kinds.iter().find_map(|(make, attach)| {
            fs::write(&image, b"").unwrap();
            fs::File::options().write(true).open(&image).unwrap().set_len(size).unwrap();
            let well = quietly(make, &[&image]) && quietly(attach, &[&image, &mount]);
            well.then(|| Self { mount: mount.clone() })
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        quietly(&["umount", "-l"], &[&self.mount]);
    }
}

fn quietly(words: &[&str], paths: &[&Path]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(paths).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn where_the_file_system_shares_blocks_nothing_is_copied() {
    let outside = folder();
    let xfs = [(["mkfs.xfs", "-q", "-f"].as_slice(), ["mount", "-o", "loop"].as_slice())];
    let Some(disk) = Disk::make(outside.path(), 400 << 20, &xfs) else {
        println!("left out: XFS on a loop device is not to be had here");
        return;
    };
    let place = Place::at(&disk.mount);
    place.write("big.bin", &bytes(1, 40_000_000));
    assert!(quietly(&["sync", "-f"], &[&place.tree()]));
    let free = || rustix::fs::statvfs(place.tree()).unwrap().f_bavail;
    let before = free();
    assert!(place.import(&["--reflink"]).0);
    assert!(before - free() < 2_000, "{before} {}", free());
    order::check(&place.data_dir());
    // A change of the original is not seen in the drive.
    fs::write(place.tree().join("big.bin"), b"changed").unwrap();
    let out = place.path("out");
    let said = place.ok(&["export", out.to_str().unwrap(), "--account", "ada", "--reflink"]);
    assert!(said.contains("1 files (40000000 bytes) written"), "{said}");
    assert!(fs::read(out.join("big.bin")).unwrap() == bytes(1, 40_000_000));
    drop(place);
}

#[test]
fn a_link_is_the_same_file_and_a_copy_is_not() {
    let place = Place::new();
    place.write("linked.bin", &bytes(1, 10_000));
    let original = place.tree().join("linked.bin");
    let before = fs::metadata(&original).unwrap();
    assert!(place.import(&["--link"]).0);
    let after = fs::metadata(&original).unwrap();
    assert_eq!((before.mode(), after.nlink()), (after.mode(), 2), "the original stays as it was");
    place.write("copied.bin", &bytes(2, 10_000));
    assert!(place.import(&["--copy"]).0);
    assert_eq!(fs::metadata(place.tree().join("copied.bin")).unwrap().nlink(), 1);
    assert_eq!(place.number("select count(*) from files"), 2);
    order::check(&place.data_dir());
    place.write("cloned.bin", &bytes(3, 10_000));
    let (well, said) = place.import(&["--reflink"]);
    let cloned = place.number("select count(*) from files") == 3;
    assert!(well == cloned && (well || said.contains("no reflinks")), "{said}");
    order::check(&place.data_dir());
}
