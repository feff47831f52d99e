//! The log: one line an event on standard error, for the person who reads it at night.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::domain::error::{Error, Result};

/// Starts the log. `level` is a word such as `info`, or filters such as `drive::store=debug,info`.
pub fn start(level: &str) -> Result<()> {
    let filter = EnvFilter::try_new(match level {
        // A word means Drive; the libraries beneath it stay quiet.
        "error" | "warn" | "info" => format!("warn,drive={level}"),
        "debug" | "trace" => format!("info,drive={level}"),
        other => other.to_owned(),
    })
    .map_err(|error| Error::invalid("log.level", format!("log.level: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init()
        .map_err(|error| Error::internal(format!("starting the log: {error}")))
}
