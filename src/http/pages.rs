//! Lists of more than one page: how many there are, and how a client goes on.

use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::State;
use crate::domain::error::{Error, Result};

/// The answer to a list, before its rows: `X-Total`, and `X-Next-Cursor` where it goes on.
pub fn answer(total: Option<u64>, next: Option<String>) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    if let Some(total) = total {
        answer.insert_header(("X-Total", total.to_string()));
    }
    if let Some(next) = next {
        answer.insert_header(("X-Next-Cursor", next));
    }
    answer
}

/// The number of the last row of a full page: the next page lies below it.
pub fn below<T, N: ToString>(rows: &[T], limit: u32, number: impl Fn(&T) -> N) -> Option<String> {
    rows.last().filter(|_| rows.len() == limit as usize).map(|last| number(last).to_string())
}

impl State {
    /// A place in a list. Sealed, so that it tells nothing and cannot be made up; good for one purpose alone: this
    /// account, this filter, this order.
    pub fn seal_place(&self, purpose: &str, place: &impl Serialize) -> Result<String> {
        let plain = serde_json::to_vec(place).map_err(Error::internal)?;
        self.seal_word(purpose, &plain)
    }

    pub fn open_place<T: DeserializeOwned>(&self, purpose: &str, cursor: &str) -> Result<T> {
        let opened = self.open_word(purpose, cursor);
        let opened = opened.and_then(|plain| serde_json::from_slice(&plain).ok());
        opened.ok_or_else(|| {
            let message = "cursor is not the X-Next-Cursor of a list with this filter and order. \
                Ask for the first page without it.";
            Error::invalid("cursor", message)
        })
    }
}

/// Refuses a page that is asked for both ways.
pub fn one_way(cursor: Option<&str>, offset: Option<u64>) -> Result<()> {
    if cursor.is_some() && offset.is_some() {
        let message = "cursor and offset exclude each other; leave offset out.";
        return Err(Error::invalid("cursor", message));
    }
    Ok(())
}
