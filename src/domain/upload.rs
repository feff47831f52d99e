//! An upload: a file on its way in, described before its first byte.

use super::chunks::ChunkPlan;
use super::digest::DeclaredHash;
use super::file::{ContentType, FileName, Folder, LockKey};
use super::id::{BundleId, ObjectId, PoolId, TaskId};
use super::progress::percent;
use super::time::Timestamp;

/// How much of an upload's progress is sending, where it is encrypted at its end.
const SENDING_SHARE: f64 = 0.9;
/// It shows 100 when it is completed.
const NEARLY: f64 = 99.9;

/// What a client wants to store, parsed and planned.
#[derive(Clone, Debug)]
pub struct NewUpload {
    pub file_name: FileName,
    pub folder: Folder,
    pub content_type: ContentType,
    pub plan: ChunkPlan,
    pub pool_id: PoolId,
    pub bundle_id: Option<BundleId>,
    pub declared_hash: Option<DeclaredHash>,
    pub fingerprint: Option<String>,
    pub file_expires_at: Option<Timestamp>,
    pub last_modified: Option<Timestamp>,
    pub priority: u8,
    /// Bytes charged to the quota; at most, where it will be encrypted.
    pub charge: u64,
    /// It is encrypted when it is complete.
    pub encrypted: bool,
    /// With this, which is made when it is certain that the upload is new.
    pub key: Option<LockKey>,
}

impl NewUpload {
    /// Two creates with the same key mean the same upload, as long as it is open. Without a hash or a fingerprint
    /// nothing tells two uploads of one name apart, so there is no key.
    pub fn unique_key(&self) -> Option<String> {
        let proof = match (&self.declared_hash, &self.fingerprint) {
            (Some(hash), _) => hash.to_string(),
            (None, Some(fingerprint)) => format!("fingerprint:{fingerprint}"),
            (None, None) => return None,
        };
        let bundle = self.bundle_id.map(|id| id.to_string()).unwrap_or_default();
        // Whoever wants it encrypted must not be given one that will not be.
        let lock = if self.encrypted { "\0encrypted" } else { "" };
        let name = format!(
            "{}\0{}\0{}\0{}\0{bundle}\0{proof}{lock}",
            self.folder.as_str(),
            self.file_name,
            self.plan.file_size(),
            self.pool_id
        );
        Some(format!("upload:{}", blake3::hash(name.as_bytes())))
    }
}

/// The lasting facts of an upload.
#[derive(Clone, Debug)]
pub struct Upload {
    pub task_id: TaskId,
    pub file_name: String,
    pub folder: String,
    pub content_type: String,
    pub plan: ChunkPlan,
    pub pool_id: PoolId,
    pub bundle_id: Option<BundleId>,
    /// Names the staging file, and the object once it is sealed.
    pub object_id: ObjectId,
    pub declared_hash: Option<DeclaredHash>,
    pub fingerprint: Option<String>,
    pub file_expires_at: Option<Timestamp>,
    pub last_modified: Option<Timestamp>,
    pub charge: u64,
    pub chunks_received: u32,
    pub bytes_received: u64,
    /// It is encrypted with this when it is complete.
    pub key: Option<LockKey>,
}

impl Upload {
    /// How far it is, 0 to 100, after so many bytes were received and so many of them encrypted.
    pub fn progress(&self, received: u64, encrypted: u64) -> f64 {
        let size = self.plan.file_size();
        let sent = percent(received.min(size), size);
        match self.key {
            None => sent,
            Some(_) => {
                let locked = percent(encrypted.min(size), size);
                (sent * SENDING_SHARE + locked * (1.0 - SENDING_SHARE)).min(NEARLY)
            }
        }
    }
}
