//! JSON objects from outside: camelCase, snake_case as an alias, unknown fields refused by name.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::{Error, Result};

/// A value from the fields of an object. `within` is the path to the object, for errors: "" or "parameters".
pub fn object<T: DeserializeOwned>(fields: Map<String, Value>, within: &str) -> Result<T> {
    let mut object = Map::new();
    for (name, value) in fields {
        let name = camel(&name);
        if object.insert(name.clone(), value).is_some() {
            let field = join(within, &name);
            return Err(Error::invalid(&field, format!("{field} is given twice.")));
        }
    }
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| {
        let path = error.path().to_string();
        named(within, &path, &error.into_inner().to_string())
    })
}

/// An error that names the field, from what serde says of the field at `path`.
pub fn named(within: &str, path: &str, why: &str) -> Error {
    let quoted = why.split('`').nth(1).unwrap_or_default();
    let missing = why.starts_with("missing field");
    let unknown = why.starts_with("unknown field");
    let path = path.trim_end_matches('.');
    let field = match unknown || missing {
        true if path.is_empty() || path == quoted => join(within, quoted),
        true if path.ends_with(&format!(".{quoted}")) => join(within, path),
        true => join(&join(within, path), quoted),
        false => join(within, path),
    };
    let message = if unknown {
        let known = why.split_once(", ").map_or("", |(_, known)| known);
        format!("There is no field \"{field}\" here; {known}.")
    } else if missing {
        format!("{field} is required.")
    } else {
        format!("{field}: {}.", why.trim_end_matches('.'))
    };
    Error::invalid(&field, message)
}

fn join(within: &str, name: &str) -> String {
    match (within, name) {
        ("", name) => name.to_owned(),
        (within, "." | "") => within.to_owned(),
        (within, name) => format!("{within}.{name}"),
    }
}

/// Tells a field that is `null` (`Some(None)`) from one that was left out (`None`, by `#[serde(default)]`).
pub fn maybe<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// `file_name` → `fileName`.
pub fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut raise = false;
    for c in name.chars() {
        if c == '_' && !out.is_empty() {
            raise = true;
        } else if raise {
            out.extend(c.to_uppercase());
            raise = false;
        } else {
            out.push(c);
        }
    }
    out
}
