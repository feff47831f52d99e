//! The integration tests: one crate, a real server for each test, everything seen from the outside.
//!
//! One module for each resource or theme; `crash` kills the program, `tidy` reads the source.

mod bad_chunks;
mod bad_input;
mod complete;
mod content;
mod crash;
mod dedupe_and_resume;
mod direct;
mod disk_full;
mod files;
mod harness;
mod quota;
mod restart;
mod tidy;
mod upload_lists;
mod uploads;
