//! A disk that is full: refused with 507, nothing lost, and no restart is needed when there is room again. Needs a
//! small file system of its own, which only root can mount.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::child::ChildDrive;
use crate::harness::client::{Client, id};
use crate::harness::{bytes, order, sha256};

const MIB: usize = 1024 * 1024;

/// A file system of 24 MiB in memory; unmounted whatever happens.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None`, with a word about it, where this user may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs"])
            .arg(folder.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self { folder }),
            other => {
                eprintln!("skipped: a small file system cannot be mounted here ({other:?})");
                None
            }
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Takes all the room that is there but `rest` bytes.
    fn fill(&self, rest: u64) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        file.set_len(file.metadata().unwrap().len() - rest).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program that is still being killed may hold a file.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

async fn admin(drive: &ChildDrive) -> Client {
    let mut client = drive.nobody();
    client.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    client
}

fn staged(data_dir: &Path) -> usize {
    std::fs::read_dir(data_dir.join("uploads")).unwrap().count()
}

#[tokio::test]
async fn an_upload_larger_than_the_room_is_refused_at_once_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let drive = ChildDrive::start(&disk.data_dir(), &[]);
    let user = admin(&drive).await;
    for size in [30 * MIB as u64, 1 << 40] {
        let refusal = user.create("big.bin", size, json!({})).await.refused(507, "DISK_FULL");
        assert!(refusal["details"]["requestId"].is_string(), "{refusal}");
    }
    assert_eq!(staged(&disk.data_dir()), 0);
    assert_eq!(user.get("/api/tasks").await.ok(), json!([]));
    assert_eq!(user.get("/api/quota").await.ok()["reserved"], 0);
    // What is reserved for one upload is not there for the next.
    user.create("half.bin", 12 * MIB as u64, json!({})).await.ok();
    user.create("other.bin", 12 * MIB as u64, json!({})).await.refused(507, "DISK_FULL");
    assert_eq!(staged(&disk.data_dir()), 1);
    assert_eq!(drive.stop(), Some(0));
    order::check(&disk.data_dir());
}

#[tokio::test]
async fn room_that_is_kept_back_is_not_given_to_uploads() {
    let Some(disk) = SmallDisk::mount() else { return };
    let drive =
        ChildDrive::start(&disk.data_dir(), &[("DRIVE_STORAGE_KEEP_FREE_BYTES", "16000000")]);
    let user = admin(&drive).await;
    user.create("big.bin", 9_000_000, json!({})).await.refused(507, "DISK_FULL");
    user.create("small.bin", 5_000_000, json!({})).await.ok();
}

#[tokio::test]
async fn a_disk_that_fills_up_loses_nothing_and_all_goes_on_when_it_is_emptied() {
    let Some(disk) = SmallDisk::mount() else { return };
    let drive = ChildDrive::start(&disk.data_dir(), &[]);
    let user = admin(&drive).await;
    let stored = user.upload("stored.bin", &bytes(1, MIB), json!({})).await;
    let stored = stored["id"].as_str().unwrap();
    let data = bytes(2, 8 * MIB);
    let wish = json!({ "chunkSize": 65_536, "hash": sha256(&data) });
    let id = id(&user.create("long.bin", data.len() as u64, wish).await.ok());
    let chunks: Vec<_> = data.chunks(65_536).collect();
    user.chunk(&id, 0, chunks[0]).await.ok();

    disk.fill(256 * 1024);
    // The room of the upload was set aside; that of its rows comes to an end soon. Every answer must be true.
    let mut acknowledged = vec![0];
    for (index, chunk) in chunks.iter().enumerate().skip(1).take(60) {
        let answer = user.chunk(&id, index as u64, chunk).await;
        if answer.status == 200 {
            acknowledged.push(index);
        } else {
            answer.refused(507, "DISK_FULL");
        }
    }
    assert!(
        (2..60).contains(&acknowledged.len()),
        "the disk is full somewhere in between: {acknowledged:?}"
    );
    user.create("new.bin", MIB as u64, json!({})).await.refused(507, "DISK_FULL");
    assert_eq!(user.content(stored).await, bytes(1, MIB), "reading goes on");
    assert_eq!(user.get("/api/files").await.ok().as_array().unwrap().len(), 1);
    let resumed = user.get(&format!("/api/files/upload/resume/{id}")).await.ok();
    assert_eq!(
        resumed["uploadedChunks"],
        json!(acknowledged),
        "what was acknowledged, and nothing else, counts"
    );
    let finished = user.complete(&id).await;
    assert!(matches!(finished.status.as_u16(), 409 | 507), "{finished:?}");

    disk.empty();
    let resumed = user.get(&format!("/api/files/upload/resume/{id}")).await.ok();
    assert_eq!(resumed["uploadedChunks"], json!(acknowledged));
    for (index, chunk) in
        chunks.iter().enumerate().filter(|(index, _)| !acknowledged.contains(index))
    {
        user.chunk(&id, index as u64, chunk).await.ok();
    }
    let file = user.complete(&id).await.ok();
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
    user.upload("new.bin", &bytes(3, MIB), json!({})).await;
    assert_eq!(user.get("/health/uploads").await.ok()["status"], "healthy");
    assert_eq!(drive.stop(), Some(0));
    order::check(&disk.data_dir());
}

#[tokio::test]
async fn completing_on_a_full_disk_can_be_tried_again() {
    let Some(disk) = SmallDisk::mount() else { return };
    let drive = ChildDrive::start(&disk.data_dir(), &[]);
    let user = admin(&drive).await;
    let data = bytes(4, 4 * MIB);
    let wish = json!({ "chunkSize": MIB, "hash": sha256(&data) });
    let id = id(&user.create("whole.bin", data.len() as u64, wish).await.ok());
    for (index, chunk) in data.chunks(MIB).enumerate() {
        user.chunk(&id, index as u64, chunk).await.ok();
    }
    disk.fill(0);
    let health = user.get("/health/uploads").await.ok();
    assert_eq!(health["status"], "degraded", "{health}");
    let mut stored = None;
    // Rows of the database may still find room in what is allocated; each try takes some of it.
    for _ in 0..20 {
        let answer = user.complete(&id).await;
        match answer.status.as_u16() {
            200 => stored = Some(answer.ok()),
            _ => drop(answer.refused(507, "DISK_FULL")),
        }
    }
    disk.empty();
    let file = user.complete(&id).await.ok();
    assert!(stored.is_none_or(|stored| stored == file));
    assert_eq!(user.content(file["id"].as_str().unwrap()).await, data);
    assert_eq!(drive.stop(), Some(0));
    order::check(&disk.data_dir());
}
