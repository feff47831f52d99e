//! Names of entries, in both directions: made for a new archive, and taken apart when one is read.

use std::collections::{HashMap, HashSet};

use crate::domain::file::stem_and_ending;

/// Bytes of one segment of a path, as on most file systems.
const SEGMENT_MAX_BYTES: usize = 255;

/// Bytes of a name in a message or a report.
const SHOWN_MAX_BYTES: usize = 300;

/// A name for an entry: relative, with `/` between its parts, and harmless to whatever unpacks it. Backslashes
/// become `_`, since Windows would take them for folders; so do `.`, `..` and the colon of a drive letter.
pub fn safe_name(folder: &str, name: &str) -> String {
    let parts = folder.split('/').chain(name.split('/')).filter(|part| !part.is_empty());
    let mut safe: Vec<String> = parts.map(safe_part).collect();
    match safe.first_mut() {
        Some(first) if has_drive_letter(first) => *first = first.replacen(':', "_", 1),
        Some(_) => {}
        None => safe.push("_".to_owned()),
    }
    safe.join("/")
}

fn safe_part(part: &str) -> String {
    match part {
        "." => "_".to_owned(),
        ".." => "__".to_owned(),
        part => part.replace(|c: char| c == '\\' || c.is_control(), "_"),
    }
}

fn has_drive_letter(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':'
}

/// Makes equal names distinct: "a.txt", "a (2).txt". The same names in the same order give the same result.
/// Keeps every name it gave.
#[derive(Debug, Default)]
pub struct Names {
    used: HashSet<String>,
    /// The last number given to a name, so that a name used often is not counted up from 2 each time.
    last: HashMap<String, u64>,
}

impl Names {
    pub fn distinct(&mut self, name: &str) -> String {
        if self.used.insert(name.to_owned()) {
            return name.to_owned();
        }
        let mut number = self.last.get(name).copied().unwrap_or(1);
        loop {
            number += 1;
            let candidate = numbered(name, number);
            if self.used.insert(candidate.clone()) {
                self.last.insert(name.to_owned(), number);
                return candidate;
            }
        }
    }
}

/// "folder/a.txt" and 2 give "folder/a (2).txt"; the stem gives way where the segment would grow too long.
fn numbered(name: &str, number: u64) -> String {
    let (folder, file) = match name.rfind('/') {
        Some(slash) => name.split_at(slash + 1),
        None => ("", name),
    };
    let (stem, ending) = stem_and_ending(file);
    let mark = format!(" ({number})");
    let room = SEGMENT_MAX_BYTES.saturating_sub(mark.len() + ending.len());
    let stem = &stem[..stem.floor_char_boundary(room)];
    format!("{folder}{stem}{mark}{ending}")
}

/// A name as it may be shown: without its end when it is very long.
pub(super) fn shortened(name: &str) -> String {
    if name.len() <= SHOWN_MAX_BYTES {
        return name.to_owned();
    }
    format!("{}…", &name[..name.floor_char_boundary(SHOWN_MAX_BYTES)])
}

/// The parts of an entry's name, or why it is not followed. `.` and empty parts mean nothing and are left out.
pub(super) fn path(name: &str, depth_max: usize) -> Result<Vec<String>, &'static str> {
    if name.contains('\0') {
        return Err("its name holds a NUL character");
    }
    if name.contains('\\') {
        return Err("its name holds a backslash");
    }
    if name.starts_with('/') {
        return Err("its name is an absolute path");
    }
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => continue,
            ".." => return Err("its name leads out of the archive"),
            part if part.len() > SEGMENT_MAX_BYTES => {
                return Err("a part of its name is longer than 255 bytes");
            }
            part if parts.is_empty() && has_drive_letter(part) => {
                return Err("its name begins with a drive letter");
            }
            part => parts.push(part.to_owned()),
        }
        if parts.len() > depth_max {
            return Err("it lies too deep in folders");
        }
    }
    if parts.is_empty() {
        return Err("it has no name");
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_for_archives_are_relative_and_harmless() {
        for (folder, name, safe) in [
            ("/", "a.txt", "a.txt"),
            ("/one/two", "a.txt", "one/two/a.txt"),
            ("//one/", "/a.txt", "one/a.txt"),
            ("/../..", "..", "__/__/__"),
            ("/", "..\\..\\a", ".._.._a"),
            ("/", "C:evil", "C_evil"),
            ("/C:/x", "a:b", "C_/x/a:b"),
            ("/", "a\nb", "a_b"),
            ("/", "", "_"),
        ] {
            assert_eq!(safe_name(folder, name), safe);
        }
    }

    #[test]
    fn equal_names_become_distinct_in_one_way() {
        let give = |names: &[&str]| {
            let mut distinct = Names::default();
            names.iter().map(|name| distinct.distinct(name)).collect::<Vec<_>>()
        };
        assert_eq!(
            give(&[
                "f/a.txt",
                "f/a.txt",
                "f/a (2).txt",
                "f/a.txt",
                "g/a.txt",
                ".a",
                ".a",
                "b",
                "b"
            ]),
            [
                "f/a.txt",
                "f/a (2).txt",
                "f/a (2) (2).txt",
                "f/a (3).txt",
                "g/a.txt",
                ".a",
                ".a (2)",
                "b",
                "b (2)"
            ]
        );
        let long = format!("{}.txt", "ä".repeat(125));
        let second = give(&[&long, &long]).remove(1);
        assert!(second.len() <= 255 && second.ends_with(" (2).txt"), "{second}");
    }

    #[test]
    fn misleading_names_are_not_followed() {
        for wrong in
            ["", "/", "/a", "..", "a/../b", "a\\b", "C:/a", "./c:a", "a\0", ".", "./", "a/.."]
        {
            assert!(path(wrong, 32).is_err(), "{wrong:?}");
        }
        assert!(path(&"x/".repeat(33), 32).is_err());
        assert!(path(&"x".repeat(256), 32).is_err());
        assert_eq!(path("./a//b/", 2).unwrap(), ["a", "b"]);
        assert_eq!(path("...", 2).unwrap(), ["..."]);
    }

    proptest! {
        #[test]
        fn what_is_written_can_always_be_read(folder in ".{0,40}", name in ".{0,40}") {
            prop_assert!(path(&safe_name(&folder, &name), 100).is_ok());
        }
    }
}
