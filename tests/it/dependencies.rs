//! What is built in: no crate that must not be, and none older than the release that mended a hole.

use std::fs;
use std::path::Path;

/// Crates that would bring a second TLS library, a known weakness, or a licence that does not fit.
const BANNED: [&str; 6] =
    ["aws-lc-sys", "aws-lc-rs", "openssl-sys", "rsa", "actix-governor", "async-std"];

/// The first releases without a hole that this program would have. Of h2, which actix-http still takes from its 0.3
/// line, the one known hole (RUSTSEC-2026-0258) has no mended release yet; SECURITY.md says so.
const FLOORS: [(&str, [u32; 3]); 7] = [
    ("actix-http", [3, 12, 1]),
    ("actix-multipart", [0, 8, 3]),
    ("tar", [0, 4, 46]),
    ("zip", [2, 3, 0]),
    ("h2", [0, 3, 27]),
    ("time", [0, 3, 47]),
    ("age", [0, 12, 0]),
];

/// Names and versions of the lock file.
fn locked() -> Vec<(String, [u32; 3])> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let text = fs::read_to_string(path).unwrap();
    let value = |part: &str, key: &str| {
        let line = part.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")))?;
        Some(line.trim_matches('"').to_owned())
    };
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let package = |part: &str| {
        let (name, version) = (value(part, "name")?, value(part, "version")?);
        let mut parts = version.split('.').map(|part| number(part).parse().unwrap_or(0));
        Some((name, std::array::from_fn(|_| parts.next().unwrap_or(0))))
    };
    text.split("[[package]]").filter_map(package).collect()
}

#[test]
fn nothing_is_locked_that_must_not_be() {
    let all = locked();
    assert!(all.len() > 200, "{} crates were read", all.len());
    let banned: Vec<_> = all.iter().filter(|(name, _)| BANNED.contains(&name.as_str())).collect();
    assert!(banned.is_empty(), "{banned:?}");
    for (name, floor) in FLOORS {
        let versions: Vec<_> = all.iter().filter(|(one, _)| one == name).collect();
        assert!(!versions.is_empty(), "{name} is not locked; mend this list");
        for (_, version) in versions {
            assert!(*version >= floor, "{name} {version:?} is older than {floor:?}");
        }
    }
}
