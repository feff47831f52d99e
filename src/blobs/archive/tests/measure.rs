//! How fast archives are written and read, beside the programs that people know, and how much memory that takes:
//! `cargo test --release --lib archive::tests::measure -- --ignored --nocapture --test-threads 1`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

const BYTES: usize = 256 * 1024 * 1024;

/// Programs and libraries of this project's own build, cut to length: content of many kinds.
fn mixed(path: &Path) {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "rlib")).collect();
    files.sort();
    assert!(!files.is_empty(), "run this where it was built");
    let mut sink = fs::File::create(path).unwrap();
    let mut left = BYTES as u64;
    for file in files.iter().cycle() {
        if left == 0 {
            return;
        }
        left -= std::io::copy(&mut fs::File::open(file).unwrap().take(left), &mut sink).unwrap();
    }
}

fn timed(what: impl FnOnce()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}

/// The best of three, which other work on the machine disturbs least.
fn best(mut what: impl FnMut()) -> f64 {
    (0..3).map(|_| timed(&mut what)).min().unwrap().as_secs_f64()
}

fn ours(folder: &Path, format: Format, secret: Option<ZipSecret>) {
    let sink = fs::File::create(folder.join("ours")).unwrap();
    let mut writer = Writer::new(sink, format, 6, secret).unwrap();
    let entry = Entry { name: "mixed", size: BYTES as u64, modified_ms: None };
    let mut content = fs::File::open(folder.join("mixed")).unwrap();
    let row = writer.add(&entry, &mut content).unwrap();
    writer.finish(&mut std::iter::once(Ok(row))).unwrap();
}

fn theirs(folder: &Path, command: &str) {
    let _ = fs::remove_file(folder.join("theirs"));
    let _ = fs::remove_file(folder.join("theirs.zip"));
    let status = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command}");
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len() >> 20)
}

#[test]
#[ignore = "a measurement"]
fn writing_beside_zip_and_tar() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    mixed(&folder.join("mixed"));
    for (format, secret, command, result) in [
        (Format::Zip, None, "zip -q -6 theirs.zip mixed", "theirs.zip"),
        (Format::Zip, Some(secret()), "zip -q -6 -P x theirs.zip mixed", "theirs.zip"),
        (Format::Tar, None, "tar cf theirs mixed", "theirs"),
        (Format::TarGz, None, "tar cf - mixed | gzip -6 > theirs", "theirs"),
        (Format::TarZst, None, "tar cf - mixed | zstd -q -3 -T1 > theirs", "theirs"),
    ] {
        let locked = if secret.is_some() { " with AES" } else { "" };
        let we = best(|| ours(folder, format, secret.clone()));
        let they = best(|| theirs(folder, command));
        println!(
            "write {}{locked}: {we:.2} s, {} MiB; {command}: {they:.2} s, {} MiB; ratio {:.2}",
            format.extension(),
            size(&folder.join("ours")),
            size(&folder.join(result)),
            we / they
        );
        let read = best(|| {
            let source = fs::File::open(folder.join("ours")).unwrap();
            let length = source.metadata().unwrap().len();
            let mut kept = Kept { forget: true, ..Kept::default() };
            extract(source, length, "ours", Some(PASSWORD), &LIMITS, &mut kept).unwrap();
            assert_eq!(kept.bytes, BYTES as u64);
        });
        println!("read {}{locked}: {read:.2} s, {:.0} MiB/s", format.extension(), 256.0 / read);
    }
}

/// The most memory this process has had, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Run by itself in its process, or the peak is that of others.
#[test]
#[ignore = "a measurement"]
fn memory_of_writing_and_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    println!("at the start: {} MiB", peak());
    let read_back = |what: &str| {
        let source = fs::File::open(&path).unwrap();
        let length = source.metadata().unwrap().len();
        let mut kept = Kept { forget: true, ..Kept::default() };
        extract(source, length, "a", None, &LIMITS, &mut kept).unwrap();
        println!("reading {what}: {} MiB", peak());
    };
    for (format, level) in [
        (Format::Zip, 9),
        (Format::TarGz, 9),
        (Format::TarZst, 6),
        (Format::TarZst, 8),
        (Format::TarZst, 9),
    ] {
        let sink = fs::File::create(&path).unwrap();
        let mut writer = Writer::new(sink, format, level, None).unwrap();
        let mut rows = Vec::new();
        for number in 0..200 {
            let name = number.to_string();
            let entry = Entry { name: &name, size: 1_000_000, modified_ms: None };
            rows.push(writer.add(&entry, &mut noise(1_000_000, number).as_slice()).unwrap());
        }
        writer.finish(&mut rows.into_iter().map(Ok)).unwrap();
        println!("writing {} at {level}: {} MiB", format.extension(), peak());
        read_back(format.extension());
    }
    for command in [
        "7z a -mx=1 -md=64m a mixed",
        "7z a -mx=1 -mf=BCJ2 -md=64m a mixed",
        "xz -1 --lzma2=preset=0,dict=64MiB -c mixed > a",
    ] {
        mixed(&folder.path().join("mixed"));
        let _ = fs::remove_file(&path);
        theirs(folder.path(), &format!("{command} && if [ -e a.7z ]; then mv a.7z a; fi"));
        read_back(command);
    }
}
