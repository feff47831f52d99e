//! A real S3 server inside the test's process, over a folder of its own: it can be away, refuse, and break off, and it
//! remembers what it was asked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

pub const KEY_ID: &str = "AKIATESTKEYIDOFDRIVE";
pub const SECRET: &str = "canary/secret+access=key";
pub const BUCKET: &str = "files";

/// No limit on the parts that are taken.
const ALL: usize = usize::MAX;

#[derive(Default)]
struct State {
    root: PathBuf,
    away: AtomicBool,
    /// Does the server know nothing any more of the multipart upload it is asked for next?
    forgetful: AtomicBool,
    /// Parts that are still taken before the server goes away.
    parts_left: AtomicUsize,
    /// Whole objects and ranges that are still given before it goes away.
    reads_left: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

pub struct Bucket {
    pub address: SocketAddr,
    state: Arc<State>,
    folder: TempDir,
    thread: Option<std::thread::JoinHandle<()>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Bucket {
    pub fn start() -> Self {
        let folder = super::folder();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let state = Arc::new(State {
            parts_left: AtomicUsize::new(ALL),
            reads_left: AtomicUsize::new(ALL),
            root: folder.path().to_owned(),
            ..State::default()
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = serve(listener, service, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = told.recv().unwrap();
        Self { address, state, folder, thread: Some(thread), stop: Some(stop) }
    }

    /// Settings of a second pool, `far`, in this bucket.
    pub fn settings(&self) -> Vec<(String, String)> {
        self.settings_with(BUCKET, SECRET)
    }

    pub fn settings_with(&self, bucket: &str, secret: &str) -> Vec<(String, String)> {
        let file = self.folder.path().with_extension("keys");
        let keys =
            format!("[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret}\n");
        std::fs::write(&file, keys).unwrap();
        let set = [
            ("NAME", "far".to_owned()),
            ("BACKEND", "s3".to_owned()),
            ("BUCKET", bucket.to_owned()),
            ("ENDPOINT", format!("http://{}", self.address)),
            ("PREFIX", "drive".to_owned()),
            ("ALLOW_HTTP", "true".to_owned()),
            ("CREDENTIALS_FILE", file.display().to_string()),
        ];
        set.into_iter().map(|(key, value)| (format!("DRIVE_POOL2_{key}"), value)).collect()
    }

    /// Every connection breaks off from now on, or none does.
    pub fn go_away(&self, away: bool) {
        self.state.away.store(away, Ordering::SeqCst);
        if !away {
            self.state.parts_left.store(ALL, Ordering::SeqCst);
            self.state.reads_left.store(ALL, Ordering::SeqCst);
        }
    }

    /// Takes this many parts more, then goes away.
    pub fn take_parts(&self, count: usize) {
        self.state.parts_left.store(count, Ordering::SeqCst);
    }

    /// Gives this many reads of objects more, then goes away.
    pub fn give_reads(&self, count: usize) {
        self.state.reads_left.store(count, Ordering::SeqCst);
    }

    /// As if somebody had cleaned up: the next part belongs to an upload that is gone.
    pub fn forget_next(&self) {
        self.state.forgetful.store(true, Ordering::SeqCst);
    }

    /// The requests so far that contain all of these words, as `METHOD path?query`.
    pub fn asked(&self, words: &[&str]) -> Vec<String> {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|one| words.iter().all(|word| one.contains(word))).cloned().collect()
    }

    pub fn is_away(&self) -> bool {
        self.state.away.load(Ordering::SeqCst)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Paths of the whole objects.
    pub fn objects(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(&self.root().join("drive/objects"), &mut found);
        found.sort();
        found
    }

    /// Names of parts that belong to no whole object yet.
    pub fn loose_parts(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("upload_id")).collect()
    }

    pub fn marker(&self) -> PathBuf {
        self.root().join("drive/.drive-pool")
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(self.folder.path().with_extension("keys"));
    }
}

async fn serve(listener: TcpListener, service: S3Service, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if state.away.load(Ordering::SeqCst) {
            continue;
        }
        tokio::spawn(connection(stream, service.clone(), state.clone()));
    }
}

async fn connection(stream: TcpStream, service: S3Service, state: Arc<State>) {
    let handler = service_fn(|request: Request<Incoming>| {
        let (service, state) = (service.clone(), state.clone());
        async move {
            let (method, uri) = (request.method().as_str(), request.uri());
            let asked = format!("{method} {uri}");
            let part = asked.contains("partNumber");
            let read = method == "GET" && asked.contains("/objects/");
            if part && !one_more(&state.parts_left) || read && !one_more(&state.reads_left) {
                state.away.store(true, Ordering::SeqCst);
            }
            if state.away.load(Ordering::SeqCst) {
                return Err(std::io::Error::other("the server is away"));
            }
            let forgets = part && state.forgetful.swap(false, Ordering::SeqCst);
            let name = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
            state.asked.lock().unwrap().push(asked);
            if !state.root.join(name).is_dir() {
                return Ok(missing("NoSuchBucket"));
            }
            // It reads the body all the same: a connection that breaks off would be tried again.
            let answer = service.call(request.map(s3s::Body::from)).await;
            if forgets {
                return Ok(missing("NoSuchUpload"));
            }
            answer.map_err(|error| std::io::Error::other(format!("{error:?}")))
        }
    });
    let _ =
        Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), handler).await;
}

/// What servers say, where this one would make the bucket.
fn missing(code: &str) -> hyper::Response<s3s::Body> {
    let body = format!("<Error><Code>{code}</Code></Error>");
    hyper::Response::builder().status(404).body(s3s::Body::from(body)).unwrap()
}

fn one_more(left: &AtomicUsize) -> bool {
    let less = |left: usize| if left == ALL { Some(ALL) } else { left.checked_sub(1) };
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
}
