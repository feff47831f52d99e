//! Settings of previews.

use serde::Deserialize;

use super::{Config, refuse};
use crate::domain::error::Result;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previews {
    pub enabled: bool,
    pub settle_seconds: u32,
}

impl Config {
    pub(super) fn check_previews(&self) -> Result<()> {
        if self.previews.settle_seconds > 3600 {
            return refuse("previews.settle_seconds", "must be at most 3600.");
        }
        Ok(())
    }
}
