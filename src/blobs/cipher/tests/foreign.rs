//! Against Debian's `age` (written in Go, nothing shared with ours): files it made once, and the program itself if there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;

/// Made by Debian's age 1.1.1: a key by `age-keygen`, then `age -p`; and a file for that key.
const DEBIAN_KEY: &str = "\
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBNYUFXSVBNVUVXaE45UW0zQWZBSkxRIDE4CmdLQjYwRGl0MUlYeCs3\
KzBRU3hSTVpwcmhTRGdhU2p3eElMU0ZOazRSTEEKLS0tIFFpb0pOdFNyMjdmNGpMbEUreXExTlpHQlRsYXRNeXZRdzJLVmd3\
bDB4emcKCtBJFLCrgyk/mn4EBbol4te+bkdiSCr+Os/MWZchQrJqYOTa/XMRGYikXwjIxYhkWsIfhTIDe69T530kr9YgnmFn\
jY2D2GxaeOpBqvvj6wa0ON6gFsUarC5986BVRUh9BPiBtf5cJz3azOEKdT+dmlxHDHxqbWtbVk4Y5ZBk50trq5cP5YYBaRNI\
NbPTen/6AULD/nEKcX48zoNOP4gnNsAwlM4gBksY5l0TOgd/z6F93uNEBiiYqQuxU+4pzBvicUxjPSgln1fL7aSt4qGiobz9\
HONbNCVS";
const DEBIAN_FILE: &str = "\
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSB4bndxWTNyTlJTMWdpR0tVeXJpdmRRT3RRaldWUi9wcm1tUlgwKzhk\
MmtZCkJIOERHSWQzNFlwQzRpWVN3OCtvK3lYL1RReXUrbjhzNjF3R1p6S1lUeXMKLS0tIFYzcjNVZEErTkVhZko3S0Q4Znkz\
VU45T1F0M0lFeWw5d2Z0bVR2TVFyK2cKa+ULCe26kS9fDpKYNiBSWeT0HzJjOil8xfmGD+VemAX8zM1lM4cvAvZKUWmknEFQ\
Gu/hZXk=";

pub(super) fn key() -> Vec<u8> {
    BASE64_STANDARD.decode(DEBIAN_KEY).unwrap()
}

#[test]
fn files_by_the_other_program_open() {
    let identity = unwrap_key(&key(), PASSWORD).unwrap();
    let file = BASE64_STANDARD.decode(DEBIAN_FILE).unwrap();
    assert_eq!(decrypted(&identity, &file).unwrap(), b"made by Debian's age\n");
    assert_eq!(read_whole(&identity, &file).unwrap(), b"made by Debian's age\n");
}

/// Is the program there? A test without it says so and proves nothing.
fn there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: there is no `{program}` here");
    }
    found
}

/// What it writes to its output; a file named by `-o` is not made when there is nothing to write.
fn age(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("age").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn the_program_opens_ours_and_we_open_its() {
    if !there("age") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let identity = fresh();
    fs::write(path("key.txt"), identity.to_secret_text().as_bytes()).unwrap();
    for size in SIZES {
        let plain = content(size);
        fs::write(path("ours.age"), encrypted(&identity, &plain)).unwrap();
        let opened = age(folder.path(), &["-d", "-i", "key.txt", "ours.age"]);
        assert!(opened == plain, "{size} bytes of ours");

        fs::write(path("plain"), &plain).unwrap();
        let its = age(folder.path(), &["-r", &identity.recipient(), "plain"]);
        assert!(decrypted(&identity, &its).unwrap() == plain, "{size} bytes of its");
        assert!(read_whole(&identity, &its).unwrap() == plain, "{size} bytes of its at once");
    }
}

/// What a person does who takes both parts away. The program asks a terminal for the password, which `script` gives it.
#[test]
fn the_program_opens_a_file_with_the_wrapped_key_and_the_password() {
    if !there("age") || !there("script") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = new_key(PASSWORD).unwrap();
    let mut file = Vec::new();
    encrypt(&key.recipient, &mut &b"taken away"[..], &mut file).unwrap();
    fs::write(path("key.age"), &key.wrapped).unwrap();
    fs::write(path("file.age"), file).unwrap();
    let open = |password: &str| {
        let mut child = Command::new("script")
            .args(["-qec", "age -d -i key.age -o plain file.age", "/dev/null"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        child.wait().unwrap().success()
    };
    assert!(!open("wrong"));
    assert!(open(PASSWORD));
    assert_eq!(fs::read(path("plain")).unwrap(), b"taken away");
}
