//! The integration tests: one crate, a real server for each test, everything seen from the outside.
//!
//! One module for each resource or theme; `crash` kills the program, `tidy` reads the source.

mod accounts;
mod archives;
mod bad_chunks;
mod bad_input;
mod bulk;
mod command_line;
mod complete;
mod config;
mod content;
mod crash;
mod crash_tasks;
mod custom;
mod custom_handlers;
mod dedupe_and_resume;
mod direct;
mod disk_full;
mod files;
mod gate;
mod harness;
mod health;
mod janitor;
mod laws;
mod limits;
mod migrate;
mod move_files;
mod plans;
mod power;
mod quota;
mod replay;
mod restart;
mod schema;
mod seed_client;
mod shutdown;
mod socket;
mod task_bad_input;
mod task_commands;
mod task_lists;
mod task_upload_retry;
mod task_waits;
mod tasks;
mod tidy;
mod upload_lists;
mod uploads;
