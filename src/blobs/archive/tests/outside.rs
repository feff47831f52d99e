//! The programs that people have. A test passes over those that are not on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::blobs::archive::read::Lock;

/// Is the program there?
fn has(program: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    });
    if !found {
        eprintln!("{program} is not on this machine");
    }
    found
}

/// Runs a program in a folder; `None` if it is not there.
#[track_caller]
fn run(folder: &Path, command: &str) -> Option<Vec<u8>> {
    let mut words = command.split(' ');
    let program = words.next().unwrap();
    if !has(program) {
        return None;
    }
    let output = Command::new(program)
        .args(words)
        .current_dir(folder)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout)
}

/// Tests a zip file with the programs that are here.
pub fn check_zip(path: &Path, password: Option<&str>) {
    let folder = path.parent().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let key = password.map_or("-pnone".to_owned(), |password| format!("-p{password}"));
    run(folder, &format!("7z t {key} {name}"));
    if password.is_none() {
        run(folder, &format!("unzip -tqq {name}"));
        run(folder, &format!("python3 -m zipfile -t {name}"));
    }
}

/// The files below a folder, as an archive would name them.
fn below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn sorted(files: &[File]) -> Vec<(String, Vec<u8>)> {
    let mut sorted: Vec<_> =
        files.iter().map(|file| (file.name.clone(), file.content.clone())).collect();
    sorted.sort();
    sorted
}

#[track_caller]
fn assert_unpacked(folder: &Path, command: &str, files: &[File]) {
    let target = folder.join("out");
    fs::create_dir(&target).unwrap();
    if run(&target, command).is_some() {
        let (is, was) = (below(&target), sorted(files));
        let names = |list: &[(String, Vec<u8>)]| -> Vec<String> {
            list.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&is), names(&was), "{command}");
        assert!(is == was, "{command} unpacked something else");
    }
    fs::remove_dir_all(&target).unwrap();
}

#[test]
fn other_programs_unpack_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let files = samples();
    for format in Format::ALL {
        let name = format!("a.{}", format.extension());
        fs::write(folder.join(&name), archive(format, 6, None, &files)).unwrap();
        match format {
            Format::Zip => {
                check_zip(&folder.join(&name), None);
                assert_unpacked(folder, "unzip -qq ../a.zip", &files);
                assert_unpacked(folder, "7z x ../a.zip", &files);
            }
            Format::Tar => assert_unpacked(folder, "tar xf ../a.tar", &files),
            Format::TarGz => {
                run(folder, "gzip -t a.tar.gz");
                assert_unpacked(folder, "tar xzf ../a.tar.gz", &files);
            }
            Format::TarZst => {
                run(folder, "zstd -qt a.tar.zst");
                assert_unpacked(folder, "tar xf ../a.tar.zst", &files);
            }
        }
    }
    // A password that needs no quoting.
    let secret = ZipSecret { password: "secret".to_owned(), seed: [1; 32] };
    fs::write(folder.join("b.zip"), archive(Format::Zip, 6, Some(secret), &files)).unwrap();
    check_zip(&folder.join("b.zip"), Some("secret"));
    assert_unpacked(folder, "7z x -psecret ../b.zip", &files);
}

/// A folder of files for other programs to pack, in a temporary folder.
fn packable() -> (tempfile::TempDir, Vec<File>) {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("in/{}/{}.bin", "folder".repeat(20), "name".repeat(50));
    let files = vec![
        file("in/a.txt", "hello"),
        file("in/empty", ""),
        file("in/sub/Ünïcödé 日本語.txt", prose(200_000)),
        file(&long, noise(100_000, 2)),
    ];
    for file in &files {
        let path = folder.path().join(&file.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &file.content).unwrap();
    }
    (folder, files)
}

#[track_caller]
fn assert_read(folder: &Path, command: &str, name: &str, password: Option<&str>, files: &[File]) {
    if run(folder, command).is_none() {
        return;
    }
    let bytes = fs::read(folder.join(name)).unwrap();
    fs::remove_file(folder.join(name)).unwrap();
    let kept = read(&bytes, password).unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(sorted(&kept.files) == sorted(files), "{command}: {:?}", kept.names());
    let seen = look(&bytes, password).unwrap();
    if password.is_some() {
        assert_eq!(seen.lock, Lock::PasswordFits, "{command}");
        let error = read(&bytes, Some("wrong")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PasswordWrong, "{command}: {error}");
        let error = read(&bytes, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PasswordRequired, "{command}: {error}");
        let lock = |password| look(&bytes, password).unwrap().lock;
        // One wrong password of a hundred passes the check of the old encryption.
        if !command.contains("-P") && !command.contains("ZipCrypto") {
            assert_eq!(lock(Some("wrong")), Lock::PasswordWrong);
        }
        assert_eq!(lock(None), Lock::PasswordMissing);
    }
}

#[test]
fn what_other_programs_pack_is_read() {
    let (folder, files) = packable();
    let folder = folder.path();
    for method in ["Copy", "Deflate", "Deflate64", "BZip2", "LZMA"] {
        assert_read(folder, &format!("7z a -mm={method} a.zip in"), "a.zip", None, &files);
    }
    assert_read(folder, "zip -qr a.zip in", "a.zip", None, &files);
    assert_read(folder, "zip -qr -Z bzip2 a.zip in", "a.zip", None, &files);
    assert_read(folder, "zip -qr -P secret a.zip in", "a.zip", Some("secret"), &files);
    for cipher in ["AES128", "AES256", "ZipCrypto"] {
        let command = format!("7z a -psecret -mem={cipher} a.zip in");
        assert_read(folder, &command, "a.zip", Some("secret"), &files);
    }
    for form in ["gnu", "oldgnu", "posix"] {
        assert_read(folder, &format!("tar cf a.tar -H {form} in"), "a.tar", None, &files);
    }
    let short = &files[..3];
    fs::rename(folder.join("in"), folder.join("all")).unwrap();
    for file in short {
        let path = folder.join(&file.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &file.content).unwrap();
    }
    for form in ["ustar", "v7"] {
        assert_read(folder, &format!("tar cf a.tar -H {form} in"), "a.tar", None, short);
    }
    for option in ["--gzip", "--bzip2", "--xz", "--zstd"] {
        assert_read(folder, &format!("tar cf a.tar.any {option} in"), "a.tar.any", None, short);
    }
}

#[test]
fn what_7z_packs_is_read() {
    let (folder, files) = packable();
    let folder = folder.path();
    let methods = ["LZMA", "LZMA2", "PPMd:mem=16m", "BZip2", "Deflate", "Copy", "BCJ2"];
    for method in methods {
        for solid in ["-ms=on", "-ms=off", "-ms=on -mhc=off", "-mx=9"] {
            // BCJ2 stands before another method.
            let method =
                if method == "BCJ2" { "-mf=BCJ2".to_owned() } else { format!("-m0={method}") };
            if solid == "-mx=9" && method != "-mf=BCJ2" {
                continue;
            }
            let command = format!("7z a {method} {solid} a.7z in");
            assert_read(folder, &command, "a.7z", None, &files);
        }
    }
    for header in ["-mhe=on", "-mhe=off", "-mhe=on -m0=Copy", "-mhe=off -m0=Copy"] {
        let command = format!("7z a -psecret {header} a.7z in");
        assert_read(folder, &command, "a.7z", Some("secret"), &files);
    }
    // A program, so that the filter for them has something to do.
    let program = std::env::current_exe().unwrap();
    let content = fs::read(program).unwrap()[..3_000_000].to_vec();
    fs::remove_dir_all(folder.join("in")).unwrap();
    fs::create_dir(folder.join("in")).unwrap();
    let program = file("in/program.exe", content);
    fs::write(folder.join(&program.name), &program.content).unwrap();
    for filter in ["BCJ2", "BCJ", "Delta:4", "ARM64"] {
        let command = format!("7z a -mf={filter} -mx=9 a.7z in");
        assert_read(folder, &command, "a.7z", None, std::slice::from_ref(&program));
    }
}

#[test]
fn holes_in_files_are_filled() {
    let (folder, _) = packable();
    let folder = folder.path();
    fs::remove_dir_all(folder.join("in")).unwrap();
    fs::create_dir(folder.join("in")).unwrap();
    let mut content = vec![0; 9_000_000];
    for number in 0..60 {
        let at = number * 140_000 + 70_000;
        content[at..at + 5_000].copy_from_slice(&noise(5_000, number as u8));
    }
    let sparse = file("in/sparse", content);
    {
        use std::os::unix::fs::FileExt;
        let made = fs::File::create(folder.join(&sparse.name)).unwrap();
        made.set_len(sparse.content.len() as u64).unwrap();
        for (index, piece) in sparse.content.chunks(1000).enumerate() {
            if piece.iter().any(|byte| *byte != 0) {
                made.write_all_at(piece, index as u64 * 1000).unwrap();
            }
        }
    }
    let files = std::slice::from_ref(&sparse);
    for form in [
        "-H oldgnu",
        "-H gnu",
        "-H posix --sparse-version=0.0",
        "-H posix --sparse-version=0.1",
        "-H posix --sparse-version=1.0",
    ] {
        for option in ["", " --gzip"] {
            let command = format!("tar cSf a.tar {form}{option} in");
            if run(folder, &command).is_some() {
                let size = fs::metadata(folder.join("a.tar")).unwrap().len();
                assert!(size < 1_000_000, "{command} made no use of the holes: {size}");
            }
            assert_read(folder, &command, "a.tar", None, files);
        }
    }
}

#[test]
fn streams_of_other_programs_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let content = prose(500_000);
    for command in [
        "gzip -9 f",
        "bzip2 f",
        "xz -9 f",
        "xz --check=sha256 --block-size=100000 f",
        "xz --x86 --lzma2=preset=6 f",
        "zstd -q --rm -19 f",
        "zstd -q --rm --ultra -21 f",
        "zstd -q --rm --no-check f",
    ] {
        fs::write(folder.join("f"), &content).unwrap();
        if run(folder, command).is_none() {
            continue;
        }
        let made = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let kept = read(&fs::read(&made).unwrap(), None);
        let kept = kept.unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(kept.content("archive.bin") == content, "{command}");
        fs::remove_file(made).unwrap();
    }
}
