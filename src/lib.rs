//! Drive: a self-hosted file drive whose uploads and long jobs survive anything.
//!
//! Read the modules in this order; each imports only what stands to its left:
//! `domain ← { store | blobs } ← engine ← { operations | notify } ← http ← config ← app ← cli`.
//! `clock`, `telemetry` and `outgoing` (requests of the server itself) are leaves that anyone may use.
//!
//! The words, the same in SQL, Rust, JSON and routes: an **account** signs in; a **pool** is a place for bytes; a
//! **bundle** is a set of files; a **file** is a name over an **object**, which is sealed bytes; an **upload** brings
//! a file in by **chunks**; a **task** is one persistent run of an **operation**; an **event** tells clients about it.

pub mod app;
pub mod blobs;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod http;
pub mod notify;
pub mod operations;
pub mod outgoing;
pub mod store;
pub mod telemetry;
pub mod tls;
