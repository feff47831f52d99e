//! Everything that can go wrong, said without HTTP. `http::problem` alone turns a kind into a status and a code.

use std::fmt;

use serde_json::{Map, Value};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Each kind has one status and one stable code word on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    // The request is wrong.
    Invalid,
    BadJson,
    HashInvalid,
    ChunkIndexOutOfRange,
    ChunkLengthWrong,
    ChunkTooLarge,
    BodyIncomplete,
    BodyTimeout,
    BodyTooLarge,
    MultipartInvalid,
    UnsupportedMedia,
    RangeNotSatisfiable,
    EncryptionUnavailable,
    // The caller may not.
    NotSignedIn,
    SignInFailed,
    Forbidden,
    CrossSite,
    SetupClosed,
    QuotaExceeded,
    PoolRefuses,
    FileTooLarge,
    // There is nothing there.
    NotFound,
    NoRoute,
    MethodNotAllowed,
    // The state does not allow it.
    Conflict,
    ChunkAlreadyUploaded,
    ChunkInFlight,
    ChunksMissing,
    TaskPaused,
    TaskFinished,
    UploadFinishing,
    NameTaken,
    // The bytes are not what was declared.
    HashMismatch,
    DigestMismatch,
    IdempotencyMismatch,
    // The server cannot, now.
    TooMany,
    DiskFull,
    Busy,
    ShuttingDown,
    Io,
    Database,
    Internal,
}

/// A failure: its kind, a sentence for people that says what to do, and details for programs.
#[derive(Debug)]
pub struct Error(Box<Facts>);

#[derive(Debug)]
struct Facts {
    kind: Kind,
    message: String,
    details: Map<String, Value>,
    /// For the log only; never sent to a client.
    cause: Option<String>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Facts { kind, message: message.into(), details: Map::new(), cause: None }))
    }

    /// A field of the request is wrong; `message` says how to mend it.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message).with("field", field)
    }

    /// No such thing, or it belongs to someone else: the answer is the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {what}.")).with("what", what)
    }

    /// A failure of the server's own; the client learns nothing but the request id.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Kind::Internal, "Something went wrong on the server. The log has the reason.")
            .because(cause)
    }

    /// A failed system call on the way of the bytes.
    pub fn io(doing: &str, error: &std::io::Error) -> Self {
        let full = error.kind() == std::io::ErrorKind::StorageFull
            || error.kind() == std::io::ErrorKind::QuotaExceeded;
        if full {
            return Self::disk_full().because(format!("{doing}: {error}"));
        }
        Self::new(Kind::Io, "The server could not read or write its disk. The log has the reason.")
            .because(format!("{doing}: {error}"))
    }

    pub fn disk_full() -> Self {
        Self::new(
            Kind::DiskFull,
            "The disk is full. Nothing was lost; free some space and try again.",
        )
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.details.insert(key.to_owned(), value.into());
        self
    }

    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn details(&self) -> &Map<String, Value> {
        &self.0.details
    }

    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
