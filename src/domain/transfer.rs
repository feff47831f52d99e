//! A folder tree of this machine that comes into the drive or goes out of it, as the command line asks for it.

use std::path::{Path, PathBuf};

/// How a file's bytes get to their other place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Shared where the file system can (a reflink: a later change of one is not seen in the other), else copied.
    Best,
    /// Shared like that, or not at all.
    Reflink,
    /// Another name for the same file, where that is possible: a change of one changes the other.
    Link,
    Copy,
}

/// What is to come in.
pub struct Import {
    pub source: PathBuf,
    /// The account's name.
    pub account: String,
    /// The virtual folder that the tree goes into.
    pub folder: String,
    /// The pool's name; else the preferred one.
    pub pool: Option<String>,
    pub way: Way,
}

/// What is to go out.
pub struct Export {
    pub target: PathBuf,
    /// The account's name; else all accounts, each into a folder of its own.
    pub account: Option<String>,
    pub way: Way,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub files: u64,
    pub bytes: u64,
    /// Files that were there already.
    pub there: u64,
    /// Symbolic links, which are not followed.
    pub symlinks: u64,
    /// Sockets, pipes and devices.
    pub special: u64,
    /// Files and folders that could not be taken; each was named.
    pub left_out: u64,
}

/// What is told on the way.
pub enum Told<'a> {
    Progress(&'a Tally),
    /// A file or folder that was not taken, and why.
    LeftOut(&'a Path, &'a str),
    /// Something else that a person should know of a file.
    Note(&'a Path, &'a str),
}
