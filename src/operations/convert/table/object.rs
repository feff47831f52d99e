//! One JSON object as a row: its keys in their order, and each value as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::items::Item;
use super::{COLUMNS_MAX, limit, unreadable};
use crate::domain::error::Result;

pub(super) struct Object<'a> {
    pub(super) entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// # Errors
    /// `ContentInvalid` when the record is no object, `ContentLimit` when it has too many keys.
    pub(super) fn read(item: &Item<'a>) -> Result<Self> {
        if !item.text.starts_with('{') {
            return Err(unreadable(format!(
                "Record {} is not an object; only objects can become rows.",
                item.number
            )));
        }
        let object: Self =
            serde_json::from_str(item.text).map_err(|error| not_sound(item.number, error))?;
        if object.entries.len() > COLUMNS_MAX {
            return Err(limit(format!("Record {} has more than {COLUMNS_MAX} keys.", item.number)));
        }
        Ok(object)
    }
}

/// The text of a value in a cell.
pub(super) fn cell(value: &RawValue, number: u64) -> Result<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(text)
            .map(|text| text.0)
            .map_err(|error| not_sound(number, error)),
        Some(b'n') => Ok(Cow::Borrowed("")),
        _ => Ok(Cow::Borrowed(text)),
    }
}

fn not_sound(number: u64, error: serde_json::Error) -> crate::domain::error::Error {
    unreadable(format!("Record {number} has a key or a text that is no sound Unicode."))
        .because(error)
}

/// A string that is copied only if something in it is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    /// Keeps one entry more than is allowed, which tells that there were too many.
    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() <= COLUMNS_MAX {
            match map.next_entry::<Text<'de>, &'de RawValue>().map_err(A::Error::custom)? {
                Some((key, value)) => entries.push((key.0, value)),
                None => return Ok(Object { entries }),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Object { entries })
    }
}
