//! How the domain's values become columns and come back.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde_json::Value;

use crate::domain::account::Role;
use crate::domain::bundle::Slug;
use crate::domain::digest::{DeclaredHash, Digest};
use crate::domain::error::{Error, Kind};
use crate::domain::id::{
    AccountId, BundleId, DeliveryId, FileId, GrantId, NotificationId, ObjectId, PoolId, SessionId,
    SubscriptionId, TaskId, WebhookId,
};
use crate::domain::notification::{Format, Subject};
use crate::domain::task::{Driver, Intent, Status, TaskType};
use crate::domain::time::Timestamp;
use crate::domain::work::{ItemState, Lane};

/// A failed statement, as the rest of the program sees it.
pub(super) fn failed(error: rusqlite::Error) -> Error {
    use rusqlite::ffi::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::disk_full().because(error),
        _ => Error::new(Kind::Database, "The database could not do this. The log has the reason.")
            .because(error),
    }
}

/// Was a statement refused because a row with this key exists?
pub(super) fn is_duplicate(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|cause| {
        matches!(
            cause.extended_code,
            rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        )
    })
}

macro_rules! text_columns {
    ($($name:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.to_string().into())
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$name>::parse(value.as_str()?).map_err(|error| FromSqlError::Other(Box::new(error)))
            }
        }
    )*};
}

macro_rules! number_columns {
    ($($name:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.number().into())
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let number = value.as_i64()?;
                <$name>::from_number(number).ok_or(FromSqlError::OutOfRange(number))
            }
        }
    )*};
}

text_columns!(
    AccountId,
    BundleId,
    DeliveryId,
    FileId,
    GrantId,
    NotificationId,
    ObjectId,
    PoolId,
    SessionId,
    SubscriptionId,
    TaskId,
    WebhookId,
    DeclaredHash,
    Slug
);
number_columns!(Driver, Intent, Status, Lane, ItemState);

macro_rules! word_columns {
    ($($name:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.name().into())
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$name>::parse(value.as_str()?).map_err(|error| FromSqlError::Other(Box::new(error)))
            }
        }
    )*};
}

word_columns!(TaskType, Role, Format, Subject);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes.try_into().map(Self).map_err(|_| FromSqlError::InvalidBlobSize {
            expected_size: 32,
            blob_size: bytes.len(),
        })
    }
}

/// JSON kept as text, so that a person can read it.
pub(super) struct Json(pub Value);

impl ToSql for Json {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl FromSql for Json {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}
