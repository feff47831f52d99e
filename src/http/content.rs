//! The bytes of a file: whole, in part, in several parts (RFC 9110, sections 13 and 14).

use std::collections::VecDeque;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use serde::Deserialize;

use super::State;
use super::auth::Signed;
use super::conditions::{if_range, is_known};
use super::input::{Query, text};
use super::locks::PASSWORD_HEADER;
use super::problem::Problem;
use super::ranges::ranges;
use crate::blobs::Blobs;
use crate::blobs::cipher::{Identity, Plain};
use crate::blobs::reader::{Cached, Reader, Stream};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{ContentType, File};
use crate::store::{Store, objects};

/// Bytes read at once where somebody has to wait for them.
const READ_BYTES: u64 = 256 * 1024;
/// Bytes read at once where they are in memory: the server's write buffer is kept up to twice this, so nothing is
/// allocated anew for each piece, and a piece is still in the processor's cache when it is sent.
const CACHED_BYTES: u64 = 64 * 1024;
/// How often a file is looked at again whose bytes were replaced between two looks.
const LOOKS_MAX: usize = 3;
/// Types that a browser may show inside a page of ours without danger.
const INLINE: [&str; 4] = ["image/", "audio/", "video/", "text/plain"];
/// Whatever a file holds, it runs nothing and sees nothing of this origin.
pub(super) const CONTENT_POLICY: &str = "default-src 'none'; sandbox";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentQuery {
    inline: Option<bool>,
}

pub async fn content(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    id: web::Path<String>,
    Query(asked): Query<ContentQuery>,
) -> Result<HttpResponse, Problem> {
    let mut file = state.file(&caller, &id).await?;
    let inline = asked.inline.unwrap_or(false);
    for looks in 1.. {
        let opened = state.opened(&request, &file).await?;
        match state.send_file(&request, &file, opened, inline, ready(Ok(()))).await {
            Err(error) if error.kind() == Kind::Io && looks < LOOKS_MAX => {
                // Deleted or replaced since it was looked at, or else its bytes are truly lost.
                let now = state.file(&caller, &id).await?;
                if now.object_id == file.object_id {
                    return Err(error.into());
                }
                file = now;
            }
            answer => return Ok(answer?),
        }
    }
    Err(Error::internal("a file was looked at for ever").into())
}

impl State {
    /// Answers with a file's bytes as they were asked for. `begin` is awaited before the first of them is sent, and not
    /// at all where none are.
    pub(super) async fn send_file(
        &self,
        request: &HttpRequest,
        file: &File,
        opened: Option<Arc<Identity>>,
        inline: bool,
        begin: impl Future<Output = Result<()>>,
    ) -> Result<HttpResponse> {
        let shown = Shown::of(file, opened.is_some());
        let is_known = is_known(request, &shown.etag, file.updated_at)?;
        let mut answer = HttpResponse::build(StatusCode::OK);
        answer
            .insert_header((header::ETAG, shown.etag.clone()))
            .insert_header((header::LAST_MODIFIED, file.updated_at.http_date()))
            .insert_header((header::ACCEPT_RANGES, "bytes"))
            .insert_header((header::CACHE_CONTROL, shown.caching))
            .insert_header(("content-security-policy", CONTENT_POLICY));
        if file.lock.is_some() {
            answer.insert_header((header::VARY, PASSWORD_HEADER));
        }
        if is_known {
            return Ok(answer.status(StatusCode::NOT_MODIFIED).finish());
        }
        answer.insert_header((
            header::CONTENT_DISPOSITION,
            disposition(&shown.name, &shown.content_type, inline),
        ));
        let asked_in_part = request.method() == Method::GET && if_range(request, &shown.etag);
        let ranges = match text(request, header::RANGE).filter(|_| asked_in_part) {
            None => None,
            Some(wanted) => ranges(wanted, shown.size)?,
        };
        let (segments, length) = layout(&mut answer, &shown, ranges.as_deref());
        if request.method() == Method::HEAD {
            return Ok(answer
                .no_chunking(length)
                .body(SizedStream::new(length, stream::empty::<Result<Bytes, Error>>())));
        }
        let source = self.source(file, opened).await?;
        begin.await?;
        let reads_apart = matches!(source, Source::Inside(_));
        let sending = Sending { source: Arc::new(source), segments, reads_apart, ahead: None };
        Ok(answer.body(SizedStream::new(length, sending.stream().await?)))
    }

    async fn source(&self, file: &File, opened: Option<Arc<Identity>>) -> Result<Source> {
        let (store, blobs) = (self.engine.store.clone(), self.uploads.blobs().clone());
        let file = file.clone();
        let open = move || {
            let reader = open_reader(&store, &blobs, &file)?;
            Ok::<_, Error>(match opened {
                None => Source::Stored(reader),
                Some(identity) => {
                    let plain = Plain::open(&identity, reader.into_stream())?;
                    Source::Inside(Box::new(Mutex::new(plain)))
                }
            })
        };
        tokio::task::spawn_blocking(open).await.map_err(Error::internal)?
    }
}

/// Opens the stored bytes of a file, on a thread that may wait. In a pool that verifies what it reads, with the hashes
/// of its blocks.
pub(super) fn open_reader(store: &Store, blobs: &Blobs, file: &File) -> Result<Reader> {
    let pool = blobs.pool(file.pool_id)?;
    let reader = Reader::open(pool, file.object_id, file.size)?;
    if !pool.verify_reads {
        return Ok(reader);
    }
    let known = store.read_now(|db| objects::get(db, file.object_id))?;
    let known = known.ok_or_else(|| Error::not_found("file"))?;
    Ok(reader.checked(known.block_size, known.blocks))
}

/// What is sent of a file: its stored bytes, or what is inside an encrypted one.
struct Shown {
    name: String,
    content_type: String,
    size: u64,
    etag: String,
    caching: &'static str,
}

impl Shown {
    fn of(file: &File, opened: bool) -> Self {
        let (name, content_type) = (file.name.clone(), file.content_type.clone());
        let (size, etag) = (file.size, format!("\"{}\"", file.sha256));
        match &file.lock {
            None => Self { name, content_type, size, etag, caching: "private, no-cache" },
            Some(_) if !opened => Self {
                name: file.locked_name(),
                content_type: ContentType::unknown().as_str().to_owned(),
                size,
                etag,
                caching: "private, no-cache",
            },
            // The stored bytes decide what is inside, but the two are not the same content.
            Some(lock) => Self {
                name: file.open_name().to_owned(),
                content_type,
                size: lock.plain_size,
                etag: format!("\"{}-plain\"", file.sha256),
                caching: "private, no-store",
            },
        }
    }
}

/// Where the bytes of an answer come from.
enum Source {
    Stored(Reader),
    /// Pieces are read one after the other, so nobody waits for the lock.
    Inside(Box<Mutex<Plain<Stream>>>),
}

impl Source {
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        match self {
            Self::Stored(reader) => reader.read(offset, length),
            Self::Inside(plain) => {
                let mut buffer = vec![0; length];
                let mut plain = plain.lock().unwrap_or_else(PoisonError::into_inner);
                plain.read_at(offset, &mut buffer)?;
                Ok(buffer)
            }
        }
    }
}

/// A part of an answer's body.
enum Segment {
    Text(Bytes),
    Bytes { from: u64, length: u64 },
}

/// Sets status and headers, and lists what the body is made of.
fn layout(
    answer: &mut actix_web::HttpResponseBuilder,
    shown: &Shown,
    ranges: Option<&[(u64, u64)]>,
) -> (VecDeque<Segment>, u64) {
    let content_type = shown.content_type.as_str();
    let about = |(first, last): (u64, u64)| format!("bytes {first}-{last}/{}", shown.size);
    match ranges {
        None => {
            answer.insert_header((header::CONTENT_TYPE, content_type));
            (VecDeque::from([Segment::Bytes { from: 0, length: shown.size }]), shown.size)
        }
        Some(&[range]) => {
            answer
                .status(StatusCode::PARTIAL_CONTENT)
                .insert_header((header::CONTENT_TYPE, content_type))
                .insert_header((header::CONTENT_RANGE, about(range)));
            let length = range.1 - range.0 + 1;
            (VecDeque::from([Segment::Bytes { from: range.0, length }]), length)
        }
        Some(ranges) => {
            let boundary = format!("drive-{}", uuid::Uuid::new_v4().simple());
            answer.status(StatusCode::PARTIAL_CONTENT).insert_header((
                header::CONTENT_TYPE,
                format!("multipart/byteranges; boundary={boundary}"),
            ));
            let mut segments = VecDeque::new();
            let mut total = 0;
            let mut text = |segments: &mut VecDeque<Segment>, text: String| {
                total += text.len() as u64;
                segments.push_back(Segment::Text(text.into()));
            };
            for &range in ranges {
                let head = format!(
                    "--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {}\r\n\r\n",
                    about(range)
                );
                text(&mut segments, head);
                segments.push_back(Segment::Bytes { from: range.0, length: range.1 - range.0 + 1 });
                text(&mut segments, "\r\n".to_owned());
            }
            text(&mut segments, format!("--{boundary}--\r\n"));
            total += ranges.iter().map(|(first, last)| last - first + 1).sum::<u64>();
            (segments, total)
        }
    }
}

type Pending = tokio::task::JoinHandle<Result<Bytes>>;

/// Segments on their way. What is in memory is read at once by the thread that sends it: handing it over to another
/// one takes longer. What is not is read by a thread that may wait for the disk.
struct Sending {
    source: Arc<Source>,
    segments: VecDeque<Segment>,
    /// Nothing can be read by the thread that sends.
    reads_apart: bool,
    /// Being read while the piece before it is on its way.
    ahead: Option<Pending>,
}

impl Sending {
    /// The first piece is there before anything is answered: what fails at once is a clean error.
    async fn stream(mut self) -> Result<impl stream::Stream<Item = Result<Bytes>>> {
        let first = self.next().await?;
        let body = stream::try_unfold((first, self), |(ready, mut sending)| async {
            let next = match ready {
                None => sending.next().await?,
                ready => ready,
            };
            Ok(next.map(|bytes| (bytes, (None, sending))))
        });
        Ok(body.inspect_err(|error: &Error| tracing::error!(%error, "a download broke off")))
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ahead.is_none()
            && !self.reads_apart
            && let Some(bytes) = self.read_cached()
        {
            return Ok(Some(bytes));
        }
        let Some(pending) = self.ahead.take().or_else(|| self.read_apart()) else {
            return Ok(None);
        };
        let bytes = pending.await.map_err(Error::internal)??;
        if self.reads_apart {
            self.ahead = self.read_apart();
        }
        Ok(Some(bytes))
    }

    /// The next piece, where nobody has to wait for it.
    fn read_cached(&mut self) -> Option<Bytes> {
        let (from, length) = match self.segments.pop_front()? {
            Segment::Text(text) => return Some(text),
            Segment::Bytes { from, length } => (from, length),
        };
        let cached = match &*self.source {
            Source::Stored(reader) => reader.read_cached(from, length.min(CACHED_BYTES) as usize),
            Source::Inside(_) => Cached::Unknown,
        };
        if let Cached::Bytes(piece) = cached {
            let read = piece.len() as u64;
            self.put_back(from + read, length - read);
            return Some(piece.into());
        }
        self.reads_apart = matches!(cached, Cached::Unknown);
        self.put_back(from, length);
        None
    }

    fn put_back(&mut self, from: u64, length: u64) {
        if length > 0 {
            self.segments.push_front(Segment::Bytes { from, length });
        }
    }

    /// The next piece, on its way from the disk.
    fn read_apart(&mut self) -> Option<Pending> {
        let (from, length) = match self.segments.pop_front()? {
            Segment::Text(text) => return Some(tokio::spawn(async { Ok(text) })),
            Segment::Bytes { from, length } => (from, length),
        };
        let now = length.min(READ_BYTES);
        self.put_back(from + now, length - now);
        let source = self.source.clone();
        Some(tokio::task::spawn_blocking(move || Ok(source.read(from, now as usize)?.into())))
    }
}

/// `attachment` with the name in both spellings of RFC 6266.
pub fn disposition(name: &str, content_type: &str, inline: bool) -> String {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let safe = essence != "image/svg+xml" && INLINE.iter().any(|one| essence.starts_with(one));
    let kind = if inline && safe { "inline" } else { "attachment" };
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ' { c } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into())
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}
