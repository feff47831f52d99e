//! Previews: what is known of a file before anybody opens it. Facts and the beginning of texts are read by parsers of
//! our own that see a bounded part of the file; thumbnails are made by the decoders of conversions, with smaller limits.
//! Where a picture or film was taken is read by none of them, so nothing can show it.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use self::peek::Peek;
use super::convert::apart::{Share, apart};
use super::convert::image::thumbnail::{self, look, thumbnails};
use super::convert::{HEAD_BYTES_MAX, Source, source_of};
use super::places::Places;
use crate::blobs::previews::{BYTES_MAX, PreviewDir};
use crate::blobs::reader::Reader;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::File;
use crate::domain::preview::{Preview, Scale};
use crate::domain::time::Timestamp;
use crate::domain::work::is_passing;
use crate::engine::context::{Context, Stop, Work};
use crate::store::{Store, previews};

mod boxes;
pub mod desk;
mod ebml;
mod exif;
mod media;
mod mp3;
mod peek;

#[cfg(test)]
mod tests;

/// Bytes of a text that are shown.
const TEXT_BYTES: usize = 1024;
/// Characters of a camera's name that are shown.
const SHOWN_CHARS: usize = 64;
/// A picture that takes longer has no thumbnail. Twelve megapixels take a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// Types beside `text/` that are texts.
const TEXTS: [&str; 9] = [
    "application/json",
    "application/xml",
    "application/yaml",
    "application/toml",
    "application/javascript",
    "application/x-ndjson",
    "application/x-sh",
    "application/sql",
    "image/svg+xml",
];

/// What came of a look at a file.
#[derive(Default)]
pub struct Seen {
    /// Without the hashes of the thumbnails, which nobody has written yet.
    pub metadata: Map<String, Value>,
    pub thumbnails: Vec<(Scale, Vec<u8>)>,
    /// Why there is no thumbnail where one could be expected.
    pub trouble: Option<Error>,
}

impl Seen {
    /// What is to be kept of it.
    pub fn preview(&self) -> Preview {
        let hash = |wanted| {
            let made = self.thumbnails.iter().find(|(scale, _)| *scale == wanted);
            made.map(|(_, file)| hash_of(file))
        };
        Preview {
            metadata: self.metadata.clone(),
            small: hash(Scale::Small),
            large: hash(Scale::Large),
        }
    }

    fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.metadata.insert(name.to_owned(), value.into());
        }
    }
}

/// By which a thumbnail is known, and told from a torn one.
pub fn hash_of(thumbnail: &[u8]) -> Digest {
    Digest(blake3::hash(thumbnail).into())
}

/// Looks at a file that is not encrypted. What is wrong with its content is the trouble of what was seen.
///
/// # Errors
/// Those of the disk, and the reasons to stop.
pub fn look_at(places: &Places, context: &Context, file: &File) -> Work<Seen> {
    let reader = Reader::open(places.dir(file.pool_id)?, file.object_id, file.size)?;
    let head_bytes = file.size.min(HEAD_BYTES_MAX as u64) as usize;
    let head = reader.read(0, head_bytes)?;
    let mut seen = Seen::default();
    if source_of(&head, &file.name) == Some(Source::Image) {
        picture(places, context, file, &mut seen)?;
    } else if let Some(text) = text_head(file, &head) {
        seen.set("textHead", Some(text));
    } else {
        let mut peek = Peek::new(file.size, |at, length| reader.read(at, length));
        if let Some(media) = media::media(&head, &mut peek)? {
            seen.set("width", media.width);
            seen.set("height", media.height);
            seen.set("durationMs", media.duration_ms);
            seen.set("takenAt", media.taken_at);
        }
    }
    Ok(seen)
}

fn picture(places: &Places, context: &Context, file: &File, seen: &mut Seen) -> Work<()> {
    let facts = match caught(|| look(BufReader::new(places.open(file)?))) {
        Ok(facts) => facts,
        Err(error) => return trouble(seen, error),
    };
    seen.set("width", Some(facts.facts.width));
    seen.set("height", Some(facts.facts.height));
    seen.set("orientation", (facts.orientation != 1).then_some(facts.orientation));
    if let Some(block) = &facts.exif {
        let camera = exif::camera(block);
        seen.set("takenAt", camera.taken_at);
        seen.set("cameraMake", camera.make);
        seen.set("cameraModel", camera.model);
    }
    if facts.facts.decode_bytes > thumbnail::DECODE_BYTES_MAX {
        let error = Error::new(Kind::ContentLimit, "The picture is too large for a thumbnail.");
        return trouble(seen, error);
    }
    let share = Share::of(facts.facts.width, facts.facts.height);
    let made = apart(
        context,
        places.open(file)?,
        (share, Some(PATIENCE)),
        &mut std::io::sink(),
        |source, _| caught(|| thumbnails(source)),
    );
    match context.settle(made) {
        Ok(made) if made.iter().any(|(_, file)| file.len() > BYTES_MAX) => {
            trouble(seen, Error::internal("a thumbnail is larger than thumbnails are"))
        }
        Ok(made) => {
            seen.thumbnails = made;
            Ok(())
        }
        Err(Stop::Failed(error)) => trouble(seen, error),
        Err(stop) => Err(stop),
    }
}

/// What is wrong with the content stays wrong and is kept; what the disk refused is handed on.
fn trouble(seen: &mut Seen, error: Error) -> Work<()> {
    if is_passing(&error) {
        return Err(error.into());
    }
    seen.trouble = Some(error);
    Ok(())
}

/// A decoder that panics has met a picture it cannot read.
fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::internal("a decoder of pictures panicked")))
}

/// The beginning of a text, cut at a character.
fn text_head(file: &File, head: &[u8]) -> Option<String> {
    let essence = file.content_type.split(';').next().unwrap_or_default().trim_end();
    if !(essence.starts_with("text/") || TEXTS.contains(&essence)) {
        return None;
    }
    let goes_on = file.size > head.len() as u64;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character that the end of the piece cuts through.
        Err(error) if goes_on && error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = &text[..text.floor_char_boundary(TEXT_BYTES)];
    (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
}

/// Removes thumbnails that no row knows of: a crash came between the two.
///
/// # Errors
/// Those of disk and database.
pub fn remove_strays(store: &Store, kept: &PreviewDir) -> Result<()> {
    for folder in 0..=255 {
        let listed = kept.listed(folder)?;
        let strays = store.read_now(|db| previews::unknown(db, &listed))?;
        strays.into_iter().try_for_each(|id| kept.remove(id))?;
    }
    Ok(())
}

/// What a file says of itself, made fit to be shown.
fn shown(text: &str) -> Option<String> {
    let text: String = text
        .trim()
        .chars()
        .take(SHOWN_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    (!text.is_empty()).then_some(text)
}

/// A moment as all times are written.
fn utc(moment: OffsetDateTime) -> Option<String> {
    let ms = i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()?;
    Some(Timestamp(ms).to_string())
}
