//! Pure values and rules. Nothing here does I/O, knows SQL or HTTP, or reads the clock: `now` is an argument.

pub mod account;
pub mod bundle;
pub mod chunks;
pub mod digest;
pub mod error;
pub mod event;
pub mod file;
pub mod id;
pub mod identity;
pub mod json;
pub mod net;
pub mod notification;
pub mod password;
pub mod pool;
pub mod preview;
pub mod progress;
pub mod search;
pub mod task;
pub mod time;
pub mod transfer;
pub mod upload;
mod wire;
pub mod work;
