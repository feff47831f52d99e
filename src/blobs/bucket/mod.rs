//! A pool in a bucket of an S3 server. Blocking threads call it; the requests run on one small runtime of their own.
//! Nothing here deletes by a list: what the server has is known from rows.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::HttpConnector;
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error as StoreError, GetOptions, GetRange, ObjectStore, ObjectStoreExt,
    PutPayload, RetryConfig,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::folder::MARKER;
use super::pool::Seen;
use crate::domain::error::{Error, Result};
use crate::domain::id::{ObjectId, PoolId};

/// Readers of one bucket that may read ahead; the others make do with small pieces.
const READ_AHEAD_MAX: usize = 32;
/// How long a look at the marker and a small request may take.
const LOOK_WAIT: Duration = Duration::from_secs(8);
const SMALL_WAIT: Duration = Duration::from_secs(60);
/// How long a piece of an object may take to come; it has 2 MiB at most.
const READ_WAIT: Duration = Duration::from_secs(30);
/// The slowest line for which a part still arrives in time.
const SLOWEST_BYTES_PER_SECOND: u64 = 32 * 1024;
/// Bytes of a marker that are read.
const MARKER_MAX: u64 = 64;

mod transfer;

pub use transfer::{Journal, Multipart, NoJournal};

/// Where a bucket is.
#[derive(Clone, Debug)]
pub struct Address {
    pub bucket: String,
    /// `https://host`; empty: Amazon's own, by region.
    pub endpoint: String,
    pub region: String,
    /// What all names in the bucket begin with; may be empty.
    pub prefix: String,
    /// `https://host/bucket` rather than `https://bucket.host`.
    pub path_style: bool,
    pub allow_http: bool,
}

/// The key pair of a bucket. Never shown.
#[derive(Clone)]
pub struct Credentials {
    pub access_key_id: Zeroizing<String>,
    pub secret_access_key: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    /// The same without trying again, for looking whether the server is there.
    probe: AmazonS3,
    prefix: String,
    puts: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
}

impl Bucket {
    /// # Errors
    /// An address that is none.
    pub fn new(
        address: &Address,
        credentials: &Credentials,
        connector: impl HttpConnector + Clone,
    ) -> Result<Self> {
        // Amazon's certificate has room for one more name before its own.
        let amazons = address.endpoint.is_empty() && !address.bucket.contains('.');
        let by_host = amazons || !address.path_style;
        let build = |retries| -> object_store::Result<AmazonS3> {
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(&address.bucket)
                .with_region(&address.region)
                .with_access_key_id(credentials.access_key_id.as_str())
                .with_secret_access_key(credentials.secret_access_key.as_str())
                .with_virtual_hosted_style_request(by_host)
                .with_allow_http(address.allow_http)
                .with_disable_bulk_delete(true)
                .with_http_connector(connector.clone())
                .with_retry(retry(retries));
            if let Some((scheme, host)) = address.endpoint.split_once("://") {
                let host = host.trim_end_matches('/');
                builder = builder.with_endpoint(match address.path_style {
                    true => format!("{scheme}://{host}"),
                    false => format!("{scheme}://{}.{host}", address.bucket),
                });
            }
            builder.build()
        };
        let wrong = |error| Error::internal(format!("an S3 pool: {}", reason(&error)));
        let prefix = address.prefix.trim_matches('/');
        Ok(Self {
            store: build(3).map_err(wrong)?,
            probe: build(0).map_err(wrong)?,
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            puts: Arc::new(Semaphore::new(transfer::PUTS)),
            ahead: Arc::new(Semaphore::new(READ_AHEAD_MAX)),
        })
    }

    fn marker(&self) -> Path {
        Path::from(format!("{}{MARKER}", self.prefix))
    }

    fn path(&self, id: ObjectId) -> Path {
        let name = id.to_string();
        Path::from(format!("{}objects/{}/{name}", self.prefix, &name[name.len() - 2..]))
    }

    /// Looks at the marker, and makes it where the pool is new.
    pub(super) fn open(&self, id: PoolId, seen: Seen) -> Result<()> {
        match (self.read_marker()?, seen) {
            (Some(found), _) => self.is_own(id, &found),
            (None, Seen::Before) => Err(self.unmarked(id)),
            (None, Seen::Never) => {
                let payload = PutPayload::from(format!("{id}\n").into_bytes());
                ask("making the marker", LOOK_WAIT, self.probe.put(&self.marker(), payload))
                    .map(|_| ())
            }
        }
    }

    /// Is this the bucket of that pool, this moment?
    pub(super) fn look(&self, id: PoolId) -> Result<()> {
        match self.read_marker()? {
            Some(found) => self.is_own(id, &found),
            None => Err(self.unmarked(id)),
        }
    }

    fn unmarked(&self, id: PoolId) -> Error {
        Error::internal(format!(
            "the bucket has no {} although pool {id} was used before",
            self.marker()
        ))
    }

    fn is_own(&self, id: PoolId, found: &str) -> Result<()> {
        if found == id.to_string() {
            return Ok(());
        }
        Err(Error::internal(format!("{} belongs to pool {found}, not to {id}", self.marker())))
    }

    fn read_marker(&self) -> Result<Option<String>> {
        let options =
            GetOptions { range: Some(GetRange::Bounded(0..MARKER_MAX)), ..GetOptions::default() };
        let path = self.marker();
        let read = async {
            match self.probe.get_opts(&path, options).await {
                Ok(found) => found.bytes().await.map(Some),
                // A bucket that does not exist is told apart by its code.
                Err(StoreError::NotFound { source, .. })
                    if !source.to_string().contains("NoSuchBucket") =>
                {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        };
        let found = ask("reading the marker", LOOK_WAIT, read)?;
        Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    pub(super) fn remove(&self, id: ObjectId) -> Result<()> {
        let path = self.path(id);
        ask("removing an object", SMALL_WAIT, async {
            gone_is_well(self.store.delete(&path).await)
        })
    }

    pub(super) fn abort(&self, id: ObjectId, upload_id: &str) -> Result<()> {
        let (path, upload) = (self.path(id), upload_id.to_owned());
        let aborting = async { gone_is_well(self.store.abort_multipart(&path, &upload).await) };
        ask("aborting a multipart upload", SMALL_WAIT, aborting)
    }

    fn size_of(&self, id: ObjectId) -> Result<Option<u64>> {
        let path = self.path(id);
        ask("looking at an object", SMALL_WAIT, async {
            match self.store.head(&path).await {
                Ok(meta) => Ok(Some(meta.size)),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// Begins to read a range of an object, and checks that it has the size its row says.
    pub(super) fn fetch(&self, id: ObjectId, size: u64, range: Range<u64>) -> Result<Fetch> {
        let (store, path) = (self.store.clone(), self.path(id));
        let options =
            GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let length = range.end - range.start;
        let fetching = async move {
            let found = store.get_opts(&path, options).await.map_err(|error| reason(&error))?;
            if found.meta.size != size {
                return Err(format!("{path} has {} bytes instead of {size}", found.meta.size));
            }
            let bytes = found.bytes().await.map_err(|error| reason(&error))?;
            match bytes.len() as u64 == length {
                true => Ok(bytes),
                false => Err(format!("{} bytes of {path} came instead of {length}", bytes.len())),
            }
        };
        let task = runtime()?.spawn(async move {
            tokio::time::timeout(READ_WAIT, fetching)
                .await
                .unwrap_or_else(|_| Err("it took too long".to_owned()))
        });
        Ok(Fetch(task))
    }

    /// The right to read ahead, where there is one left.
    pub(super) fn may_read_ahead(&self) -> Option<OwnedSemaphorePermit> {
        self.ahead.clone().try_acquire_owned().ok()
    }
}

/// Bytes that are on their way from the server; dropped, they are not waited for.
#[derive(Debug)]
pub(super) struct Fetch(JoinHandle<Result<Bytes, String>>);

impl Fetch {
    pub(super) fn wait(mut self) -> Result<Bytes> {
        let fetched = runtime()?.block_on(&mut self.0).map_err(Error::internal)?;
        fetched.map_err(|why| failed("reading an object", &why))
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn retry(max_retries: usize) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries,
        retry_timeout: Duration::from_secs(30),
    }
}

fn wait_for(bytes: u64) -> Duration {
    SMALL_WAIT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
}

fn gone_is_well(outcome: object_store::Result<()>) -> object_store::Result<()> {
    match outcome {
        Err(StoreError::NotFound { .. }) => Ok(()),
        outcome => outcome,
    }
}

/// Waits for an answer, on a thread that may block.
fn ask<T>(
    doing: &str,
    at_most: Duration,
    question: impl Future<Output = object_store::Result<T>>,
) -> Result<T> {
    let waiting = async { tokio::time::timeout(at_most, question).await };
    match runtime()?.block_on(waiting) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(doing, &reason(&error))),
        Err(_) => Err(failed(doing, "there was no answer")),
    }
}

fn failed(doing: &str, why: &str) -> Error {
    Error::io(&format!("{doing} in a bucket"), &std::io::Error::other(why.to_owned()))
}

/// What went wrong, for the log: never what the server's answer holds beside its code, for that may show the key.
fn reason(error: &StoreError) -> String {
    let text = error.to_string();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map(|(code, _)| code.chars().take(64).collect::<String>());
    let word = match error {
        StoreError::NotFound { .. } => "there is no such thing",
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            "the key was refused"
        }
        _ if code.is_some() => "the server refused",
        _ => return deepest(error),
    };
    code.map_or_else(|| word.to_owned(), |code| format!("{word} ({code})"))
}

/// The first cause, which is what a person can do something about.
fn deepest(error: &StoreError) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let text = deepest.to_string();
    if text.contains('<') { "the server answered something else".to_owned() } else { text }
}

/// Where requests to buckets run: one thread for the whole program, begun with the first request.
fn runtime() -> Result<&'static Handle> {
    static RUNTIME: OnceLock<Result<Handle, String>> = OnceLock::new();
    let begin = || -> std::io::Result<Handle> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let drive = move || runtime.block_on(std::future::pending::<()>());
        std::thread::Builder::new().name("buckets".into()).spawn(drive)?;
        Ok(handle)
    };
    RUNTIME
        .get_or_init(|| begin().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|why| Error::internal(format!("starting the thread of buckets: {why}")))
}
