//! MP4, QuickTime and their kin: how long, how large, when. Only headers of boxes and three small boxes are read; where
//! a picture was taken (`udta`) is not among them. Source: ISO/IEC 14496-12, sections 4.2, 8.2.2 and 8.3.2.

use super::media::{Media, milliseconds};
use super::peek::Peek;
use crate::domain::error::Result;

/// Boxes that are looked at in one file.
const BOXES_MAX: usize = 1_000;
/// Seconds from the epoch of these files, 1904, to 1970.
const EPOCH_SECONDS: i64 = 2_082_844_800;

pub fn is(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"ftyp")
}

pub fn media(peek: &mut Peek<'_>) -> Result<Media> {
    let mut seen = Media::default();
    let mut left = BOXES_MAX;
    let end = peek.size();
    walk(peek, 0, end, &mut left, &mut seen)?;
    Ok(seen)
}

/// Looks at the boxes from `at` to `end`, and into those that hold what is wanted.
fn walk(
    peek: &mut Peek<'_>,
    mut at: u64,
    end: u64,
    left: &mut usize,
    seen: &mut Media,
) -> Result<()> {
    while at < end && *left > 0 {
        *left -= 1;
        let Some([a, b, c, d, name @ ..]) = peek.bytes::<8>(at)? else { return Ok(()) };
        let (body, length) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (at + 8, end - at),
            1 => match peek.bytes::<8>(at + 8)? {
                Some(wide) => (at + 16, u64::from_be_bytes(wide)),
                None => return Ok(()),
            },
            length => (at + 8, u64::from(length)),
        };
        let next = at.saturating_add(length).min(end);
        if next < body {
            return Ok(());
        }
        match &name {
            // Nothing but these two levels, so nothing is nested deeper.
            b"moov" | b"trak" => walk(peek, body, next, left, seen)?,
            b"mvhd" => movie(peek, body, seen)?,
            b"tkhd" if seen.width.is_none() => track(peek, body, seen)?,
            _ => {}
        }
        at = next;
    }
    Ok(())
}

fn movie(peek: &mut Peek<'_>, at: u64, seen: &mut Media) -> Result<()> {
    let Some(head) = peek.bytes::<32>(at)? else { return Ok(()) };
    let short = |at: usize| {
        u64::from(u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]))
    };
    let long = |at: usize| short(at) << 32 | short(at + 4);
    let (created, scale, duration, unknown) = match head[0] {
        0 => (short(4), short(12), short(16), u64::from(u32::MAX)),
        _ => (long(4), short(20), long(24), u64::MAX),
    };
    if duration != unknown {
        seen.duration_ms = milliseconds(duration, scale);
    }
    seen.taken_at = i64::try_from(created)
        .ok()
        .and_then(|seconds| seconds.checked_sub(EPOCH_SECONDS))
        .filter(|&seconds| seconds > 0)
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(super::utc);
    Ok(())
}

/// Width and height as they are shown: a film that was taken upright says so in its matrix.
fn track(peek: &mut Peek<'_>, at: u64, seen: &mut Media) -> Result<()> {
    let Some([version]) = peek.bytes(at)? else { return Ok(()) };
    let matrix = at + if version == 0 { 40 } else { 52 };
    let Some(tail) = peek.bytes::<44>(matrix)? else { return Ok(()) };
    let number =
        |at: usize| u32::from_be_bytes([tail[at], tail[at + 1], tail[at + 2], tail[at + 3]]);
    let (width, height) = (number(36) >> 16, number(40) >> 16);
    if width == 0 || height == 0 {
        return Ok(());
    }
    let turned = number(0) == 0 && number(4) != 0;
    let (width, height) = if turned { (height, width) } else { (width, height) };
    (seen.width, seen.height) = (Some(width), Some(height));
    Ok(())
}
