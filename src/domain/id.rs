//! Identifiers. Each noun has its own type, so a file id can never be passed where a task id is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::error::{Error, Result};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $field:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id. Version 7 of RFC 9562: ordered by creation time, 74 random bits.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            pub fn parse(text: &str) -> Result<Self> {
                match Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 => Ok(Self(id)),
                    _ => Err(Error::invalid($field, format!("{} must be a UUID.", $field))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(|error| serde::de::Error::custom(error.message()))
            }
        }
    )*};
}

ids! {
    /// Someone who signs in.
    AccountId = "accountId";
    /// A named set of files that is shared or expires together.
    BundleId = "bundleId";
    /// One thing on its way to a webhook or a browser.
    DeliveryId = "deliveryId";
    /// What a person sees: a name in a folder.
    FileId = "fileId";
    /// Bytes that an account may use for a while.
    GrantId = "grantId";
    /// Something an account is told.
    NotificationId = "notificationId";
    /// Sealed bytes on disk; several files may show the same object.
    ObjectId = "objectId";
    /// A place where objects are kept, with its policy.
    PoolId = "poolId";
    /// One signed-in device, or one token.
    SessionId = "sessionId";
    /// A browser that wants to be told while its page is closed.
    SubscriptionId = "subscriptionId";
    /// One persistent run of an operation.
    TaskId = "taskId";
    /// An address that wants to be told.
    WebhookId = "webhookId";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_refuse_other_spellings() {
        let id = TaskId::generate();
        assert_eq!(TaskId::parse(&id.to_string()).unwrap(), id);
        assert_eq!(id.to_string().len(), 36);
        for wrong in ["", "x", "../../etc/passwd", "550e8400e29b41d4a716446655440000"] {
            assert!(TaskId::parse(wrong).is_err(), "{wrong} must be refused");
        }
    }
}
