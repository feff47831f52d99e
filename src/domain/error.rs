//! Everything that can go wrong, said without HTTP. `http::problem` alone turns a kind into a status and a code.

use std::fmt;

use serde_json::{Map, Value};

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($variant,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable word that clients and stored tasks know it by.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

kinds! {
    /// What went wrong, with its stable code word. `http::problem` knows the status of each.
    Kind {
        // The request is wrong.
        Invalid = "INVALID_REQUEST",
        BadJson = "INVALID_JSON",
        HashInvalid = "HASH_INVALID",
        ChunkIndexOutOfRange = "CHUNK_INDEX_OUT_OF_RANGE",
        ChunkLengthWrong = "CHUNK_LENGTH_WRONG",
        ChunkTooLarge = "CHUNK_TOO_LARGE",
        BodyIncomplete = "BODY_INCOMPLETE",
        BodyTimeout = "BODY_TIMEOUT",
        BodyTooLarge = "BODY_TOO_LARGE",
        MultipartInvalid = "MULTIPART_INVALID",
        UnsupportedMedia = "UNSUPPORTED_MEDIA_TYPE",
        RangeNotSatisfiable = "RANGE_NOT_SATISFIABLE",
        PasswordRequired = "PASSWORD_REQUIRED",
        ConversionUnsupported = "CONVERSION_UNSUPPORTED",
        ConfirmationRequired = "CONFIRMATION_REQUIRED",
        // The caller may not.
        NotSignedIn = "NOT_SIGNED_IN",
        SignInFailed = "SIGN_IN_FAILED",
        CodeRequired = "CODE_REQUIRED",
        Forbidden = "FORBIDDEN",
        ScopeMissing = "SCOPE_MISSING",
        CrossSite = "CROSS_SITE",
        HostUnknown = "HOST_UNKNOWN",
        SetupClosed = "SETUP_CLOSED",
        QuotaExceeded = "QUOTA_EXCEEDED",
        PoolRefuses = "POOL_REFUSES",
        FileTooLarge = "FILE_TOO_LARGE",
        PasswordWrong = "PASSWORD_WRONG",
        PasscodeRequired = "PASSCODE_REQUIRED",
        PasscodeWrong = "PASSCODE_WRONG",
        // There is nothing there.
        NotFound = "NOT_FOUND",
        ShareEnded = "SHARE_ENDED",
        NoThumbnail = "NO_THUMBNAIL",
        FileExpired = "FILE_EXPIRED",
        NoRoute = "ROUTE_NOT_FOUND",
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        // The state does not allow it.
        Conflict = "CONFLICT",
        ChunkAlreadyUploaded = "CHUNK_ALREADY_UPLOADED",
        ChunkInFlight = "CHUNK_IN_FLIGHT",
        ChunksMissing = "CHUNKS_MISSING",
        TaskPaused = "TASK_PAUSED",
        TaskFinished = "TASK_FINISHED",
        UploadFinishing = "UPLOAD_FINISHING",
        NameTaken = "NAME_TAKEN",
        NotEncrypted = "NOT_ENCRYPTED",
        DependencyFailed = "DEPENDENCY_FAILED",
        PreconditionFailed = "PRECONDITION_FAILED",
        // The bytes are not what was declared.
        HashMismatch = "HASH_MISMATCH",
        DigestMismatch = "DIGEST_MISMATCH",
        IdempotencyMismatch = "IDEMPOTENCY_KEY_REUSED",
        ArchiveInvalid = "ARCHIVE_INVALID",
        ArchiveLimit = "ARCHIVE_LIMIT",
        ContentInvalid = "CONTENT_INVALID",
        ContentLimit = "CONTENT_LIMIT",
        ContentCorrupt = "CONTENT_CORRUPT",
        // The server cannot, now.
        TooMany = "TOO_MANY_REQUESTS",
        DiskFull = "DISK_FULL",
        Unreachable = "UNREACHABLE",
        Busy = "BUSY",
        PoolOffline = "POOL_OFFLINE",
        ShuttingDown = "SHUTTING_DOWN",
        Io = "STORAGE_ERROR",
        Database = "DATABASE_ERROR",
        Internal = "INTERNAL_ERROR",
        TaskCrashed = "TASK_CRASHED",
    }
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
