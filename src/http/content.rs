//! The bytes of a file: whole, in part, in several parts (RFC 9110, sections 13 and 14).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use serde::Deserialize;

use super::State;
use super::auth::Signed;
use super::input::{Query, text};
use super::locks::PASSWORD_HEADER;
use super::problem::Problem;
use crate::blobs::cipher::{Identity, Plain};
use crate::blobs::reader::{Reader, Stream};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{ContentType, File};
use crate::store::objects;

/// Bytes read at once.
const READ_BYTES: u64 = 256 * 1024;
/// Ranges of one request; with more, the whole file is sent, as the standard allows.
const RANGES_MAX: usize = 16;
/// Types that a browser may show inside a page of ours without danger.
const INLINE: [&str; 4] = ["image/", "audio/", "video/", "text/plain"];
/// Whatever a file holds, it runs nothing and sees nothing of this origin.
const CONTENT_POLICY: &str = "default-src 'none'; sandbox";

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
    let file = state.file(&caller, &id).await?;
    let opened = state.opened(&request, &file).await?;
    let shown = Shown::of(&file, opened.is_some());
    let mut answer = HttpResponse::build(StatusCode::OK);
    answer
        .insert_header((header::ETAG, shown.etag.clone()))
        .insert_header((header::LAST_MODIFIED, file.created_at.http_date()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, shown.caching))
        .insert_header(("content-security-policy", CONTENT_POLICY));
    if file.lock.is_some() {
        answer.insert_header((header::VARY, PASSWORD_HEADER));
    }
    if matches(text(&request, header::IF_NONE_MATCH), &shown.etag) {
        return Ok(answer.status(StatusCode::NOT_MODIFIED).finish());
    }
    answer.insert_header((
        header::CONTENT_DISPOSITION,
        disposition(&shown.name, &shown.content_type, asked.inline.unwrap_or(false)),
    ));

    let asked_in_part = request.method() == Method::GET && if_range(&request, &shown.etag);
    let ranges = match text(&request, header::RANGE).filter(|_| asked_in_part) {
        None => None,
        Some(wanted) => ranges(wanted, shown.size)?,
    };
    let (segments, length) = layout(&mut answer, &shown, ranges.as_deref());
    if request.method() == Method::HEAD {
        return Ok(answer
            .no_chunking(length)
            .body(SizedStream::new(length, stream::empty::<Result<Bytes, Error>>())));
    }
    let source = source(&state, &file, opened).await?;
    let body = send(Arc::new(source), segments).await?;
    Ok(answer.body(SizedStream::new(length, body)))
}

/// Opens a file. In a pool that verifies what it reads, with the hashes of its blocks.
async fn source(state: &State, file: &File, opened: Option<Arc<Identity>>) -> Result<Source> {
    let pool = state.uploads.blobs().pool(file.pool_id)?.clone();
    let (object_id, size) = (file.object_id, file.size);
    let known = match pool.verify_reads {
        true => {
            let found = state.engine.store.read(move |db| objects::get(db, object_id)).await?;
            Some(found.ok_or_else(|| Error::not_found("file"))?)
        }
        false => None,
    };
    tokio::task::spawn_blocking(move || {
        let mut reader = Reader::open(&pool, object_id, size)?;
        if let Some(object) = known {
            reader = reader.checked(object.block_size, object.blocks);
        }
        Ok(match opened {
            None => Source::Stored(reader),
            Some(identity) => {
                let plain = Plain::open(&identity, reader.into_stream())?;
                Source::Inside(Box::new(Mutex::new(plain)))
            }
        })
    })
    .await
    .map_err(Error::internal)?
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

/// Sends the segments; the next piece is read while the one before it is on its way. The first one is there before
/// anything is answered: what fails at once is a clean error.
async fn send(
    source: Arc<Source>,
    segments: VecDeque<Segment>,
) -> Result<impl stream::Stream<Item = Result<Bytes, Error>>> {
    let (first, following) = match read_next(&source, segments) {
        None => (None, None),
        Some(pending) => {
            let (bytes, rest) = pending.await.map_err(Error::internal)??;
            (Some(bytes), read_next(&source, rest))
        }
    };
    let body = stream::try_unfold((source, first, following), |(source, ready, pending)| async {
        if let Some(bytes) = ready {
            return Ok(Some((bytes, (source, None, pending))));
        }
        let Some(pending) = pending else { return Ok(None) };
        let (bytes, rest) = pending.await.map_err(Error::internal)??;
        let following = read_next(&source, rest);
        Ok(Some((bytes, (source, None, following))))
    });
    Ok(body.inspect_err(|error: &Error| tracing::error!(%error, "a download broke off")))
}

type Pending = tokio::task::JoinHandle<Result<(Bytes, VecDeque<Segment>)>>;

fn read_next(source: &Arc<Source>, mut segments: VecDeque<Segment>) -> Option<Pending> {
    let segment = segments.pop_front()?;
    let source = source.clone();
    Some(tokio::task::spawn_blocking(move || match segment {
        Segment::Text(text) => Ok((text, segments)),
        Segment::Bytes { from, length } => {
            let now = length.min(READ_BYTES);
            if now < length {
                segments.push_front(Segment::Bytes { from: from + now, length: length - now });
            }
            Ok((source.read(from, now as usize)?.into(), segments))
        }
    }))
}

/// Does a list of entity tags name ours? Weak comparison, as `If-None-Match` wants it.
fn matches(list: Option<&str>, etag: &str) -> bool {
    list.is_some_and(|list| {
        list.trim() == "*" || list.split(',').any(|one| one.trim().trim_start_matches("W/") == etag)
    })
}

/// A range counts when `If-Range` is absent or names exactly this content.
fn if_range(request: &HttpRequest, etag: &str) -> bool {
    text(request, header::IF_RANGE).is_none_or(|wanted| wanted.trim() == etag)
}

/// First and last position of each wanted range; `None` when the header is to be ignored.
fn ranges(wanted: &str, size: u64) -> Result<Option<Vec<(u64, u64)>>> {
    let Some(list) = wanted.trim().strip_prefix("bytes=") else { return Ok(None) };
    let mut found = Vec::new();
    let mut legal = 0;
    for one in list.split(',') {
        let Some((first, last)) = one.trim().split_once('-') else { return Ok(None) };
        let range = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => (first, last.min(size.saturating_sub(1))),
            (Ok(first), Err(_)) if last.is_empty() => (first, size.saturating_sub(1)),
            (Err(_), Ok(0)) if first.is_empty() => (size, size),
            (Err(_), Ok(length)) if first.is_empty() => {
                (size.saturating_sub(length), size.saturating_sub(1))
            }
            _ => return Ok(None),
        };
        legal += 1;
        if range.0 < size {
            found.push(range);
        }
    }
    if legal > RANGES_MAX {
        return Ok(None);
    }
    if found.is_empty() {
        return Err(Error::new(Kind::RangeNotSatisfiable, format!("The file has {size} bytes."))
            .with("size", size));
    }
    found.sort_unstable();
    let overlaps = found.windows(2).any(|pair| pair[1].0 <= pair[0].1);
    Ok((!overlaps).then_some(found))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_standard() {
        let of = |text| ranges(text, 100).map_err(|error| error.kind());
        assert_eq!(of("bytes=0-0"), Ok(Some(vec![(0, 0)])));
        assert_eq!(of("bytes=90-"), Ok(Some(vec![(90, 99)])));
        assert_eq!(of("bytes=-10"), Ok(Some(vec![(90, 99)])));
        assert_eq!(of("bytes=-1000"), Ok(Some(vec![(0, 99)])));
        assert_eq!(of("bytes=50-1000"), Ok(Some(vec![(50, 99)])));
        assert_eq!(of("bytes=0-1, 50-60"), Ok(Some(vec![(0, 1), (50, 60)])));
        assert_eq!(of("bytes=100-"), Err(Kind::RangeNotSatisfiable));
        assert_eq!(of("bytes=-0"), Err(Kind::RangeNotSatisfiable));
        for ignored in ["lines=0-1", "bytes=5-1", "bytes=a-b", "bytes=", "bytes=0-10,5-20"] {
            assert_eq!(of(ignored), Ok(None), "{ignored}");
        }
        assert_eq!(of(&format!("bytes={}", vec!["1-1"; 17].join(","))), Ok(None));
    }
}
