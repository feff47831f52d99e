//! The integration tests: one crate, a real server for each test, everything seen from the outside.
//!
//! One module for each resource or theme; `crash` kills the program, `tidy` reads the source.

mod accounts;
mod bad_chunks;
mod bad_input;
mod command_line;
mod complete;
mod config;
mod content;
mod crash;
mod dedupe_and_resume;
mod direct;
mod disk_full;
mod engine_claims;
mod engine_families;
mod engine_laws;
mod engine_lives;
mod engine_machine;
mod engine_model;
mod engine_rules;
mod engine_steps;
mod engine_workers;
mod files;
mod gate;
mod harness;
mod health;
mod janitor;
mod limits;
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
mod tasks;
mod tidy;
mod upload_lists;
mod uploads;
