//! Folder trees of this machine that come in and go out, for the command line.

pub mod export;
pub mod import;
mod tree;
