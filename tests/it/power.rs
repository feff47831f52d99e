//! The power fails: the file system is shut down under the running server without flushing its log, so that
//! everything that was not on the disk is gone. What was acknowledged must still be there.
//!
//! Needs root, a loop device and `xfs_io` (package xfsprogs); elsewhere the test says so and does nothing.
//! `POWER_CUTS` sets how often for each file system; 5 by default.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::child::ChildDrive;
use crate::harness::sender::{Sender, survive};

const SENDERS: u64 = 4;

/// A file system in a file, unmounted when dropped.
pub struct Disk {
    image: PathBuf,
    pub mount: PathBuf,
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let status =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Disk {
    /// `None` where this machine cannot do it.
    pub fn make(folder: &Path, kind: &str) -> Option<Self> {
        let disk = Self { image: folder.join("disk.img"), mount: folder.join("disk") };
        std::fs::create_dir(&disk.mount).unwrap();
        std::fs::File::create(&disk.image).unwrap().set_len(1 << 30).unwrap();
        let able =
            run("xfs_io", &["-V"]) && run(&format!("mkfs.{kind}"), &["-q", text(&disk.image)]);
        (able && disk.attach()).then_some(disk)
    }

    pub fn attach(&self) -> bool {
        run("mount", &["-o", "loop", text(&self.image), text(&self.mount)])
    }

    /// No write reaches the disk any more, and nothing of its log is flushed.
    pub fn cut(&self) {
        assert!(run("xfs_io", &["-x", "-c", "shutdown", text(&self.mount)]));
    }

    fn detach(&self) -> bool {
        (0..100).any(|_| {
            run("umount", &[text(&self.mount)]) || {
                std::thread::sleep(Duration::from_millis(20));
                false
            }
        })
    }
}

impl Disk {
    /// Takes the mount away from under whoever has files open there.
    pub fn pull(&self) {
        assert!(run("umount", &["-l", text(&self.mount)]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["-l", text(&self.mount)]);
    }
}

async fn cut_again_and_again(kind: &str) {
    let cuts: u64 = std::env::var("POWER_CUTS").map_or(5, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::make(folder.path(), kind) else {
        println!("left out: {kind} on a loop device and xfs_io are not to be had here");
        return;
    };
    let data_dir = disk.mount.join("data");
    let strike = |server: ChildDrive| {
        disk.cut();
        server.kill();
    };
    let repair = || assert!(disk.detach() && disk.attach());
    let senders = (0..SENDERS).map(Sender::on_a_dying_disk).collect();
    let (chunks, files) = survive(&data_dir, senders, cuts, strike, repair).await;
    println!(
        "{kind}: {cuts} cuts, {chunks} acknowledged chunks, {files} files equal to their source"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_ext4_a_power_cut_loses_nothing_that_was_acknowledged() {
    cut_again_and_again("ext4").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_xfs_a_power_cut_loses_nothing_that_was_acknowledged() {
    cut_again_and_again("xfs").await;
}
