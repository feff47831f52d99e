//! What a client wants to store.

use serde_json::json;

use crate::blobs::sealed::ServerKey;
use crate::domain::digest::Digest;
use crate::domain::id::{BundleId, PoolId};
use crate::domain::password::Password;
use crate::domain::time::Timestamp;
use crate::store::idempotency::Key;

/// What a client asks for, as it said it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub file_name: String,
    pub file_size: u64,
    pub content_type: Option<String>,
    pub hash: Option<String>,
    pub pool_id: Option<PoolId>,
    pub bundle_id: Option<BundleId>,
    pub folder: Option<String>,
    pub chunk_size: Option<u64>,
    pub encrypt_password: Option<Password>,
    pub expired_at: Option<Timestamp>,
    pub last_modified: Option<Timestamp>,
    pub fingerprint: Option<String>,
    pub priority: Option<u8>,
    /// The client's `Idempotency-Key`.
    pub idempotency: Option<String>,
}

impl Wanted {
    /// The client's key with what it stands for: the same wish in any spelling, the password included, and the size or,
    /// where the bytes come along, their SHA-256.
    pub(super) fn key(&self, secret: &ServerKey, content: Option<Digest>) -> Option<Key> {
        let key = self.idempotency.clone()?;
        let wish = json!([
            self.file_name,
            content.map_or_else(|| json!(self.file_size), |sha256| json!(sha256.to_string())),
            self.content_type,
            self.hash,
            self.pool_id,
            self.bundle_id,
            self.folder,
            self.chunk_size,
            self.expired_at,
            self.last_modified,
            self.fingerprint,
            self.priority,
            self.encrypt_password.as_ref().map(Password::as_str),
        ]);
        Some((key, secret.fingerprint(wish.to_string().as_bytes())))
    }
}
