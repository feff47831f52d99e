//! Matroska and WebM: how long and how large. Source: RFC 8794, section 4 and 5 (EBML); RFC 9559, section 5 (elements).

use super::media::Media;
use super::peek::Peek;
use crate::domain::error::Result;

/// Elements that are looked at in one file.
const ELEMENTS_MAX: usize = 1_000;
const NANOSECONDS: f64 = 1_000_000.0;

const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_a966;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK: u64 = 0xae;
const VIDEO: u64 = 0xe0;
const SCALE: u64 = 0x2a_d7b1;
const DURATION: u64 = 0x4489;
const WIDTH: u64 = 0xb0;
const HEIGHT: u64 = 0xba;
const CLUSTER: u64 = 0x1f43_b675;

pub fn is(head: &[u8]) -> bool {
    head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
}

#[derive(Default)]
struct Seen {
    media: Media,
    /// Nanoseconds of one unit of the duration.
    scale: Option<u64>,
    duration: Option<f64>,
}

pub fn media(peek: &mut Peek<'_>) -> Result<Media> {
    let (mut seen, mut left) = (Seen::default(), ELEMENTS_MAX);
    let end = peek.size();
    walk(peek, 0, end, &mut left, &mut seen)?;
    let scale = seen.scale.unwrap_or(1_000_000) as f64;
    let duration = seen.duration.map(|units| units * scale / NANOSECONDS);
    // The cast saturates.
    seen.media.duration_ms = duration.filter(|ms| *ms >= 1.0 && ms.is_finite()).map(|ms| ms as u64);
    Ok(seen.media)
}

fn walk(
    peek: &mut Peek<'_>,
    mut at: u64,
    end: u64,
    left: &mut usize,
    seen: &mut Seen,
) -> Result<()> {
    while at < end && *left > 0 {
        *left -= 1;
        let Some((id, id_bytes)) = variable(peek, at, false)? else { return Ok(()) };
        let Some((length, length_bytes)) = variable(peek, at + id_bytes, true)? else {
            return Ok(());
        };
        let body = at + id_bytes + length_bytes;
        // All ones: until the end of what it is in.
        let unknown = length == (1 << (7 * length_bytes)) - 1;
        let next = if unknown { end } else { body.saturating_add(length).min(end) };
        let length = next.saturating_sub(body);
        match id {
            CLUSTER => return Ok(()),
            // Nothing but these, so nothing is nested deeper than they are.
            SEGMENT | INFO | TRACKS | TRACK | VIDEO => walk(peek, body, next, left, seen)?,
            SCALE => seen.scale = number(peek, body, length)?,
            DURATION => seen.duration = float(peek, body, length)?,
            WIDTH if seen.media.height.is_none() => seen.media.width = side(peek, body, length)?,
            HEIGHT if seen.media.height.is_none() => seen.media.height = side(peek, body, length)?,
            _ => {}
        }
        at = next.max(body);
    }
    Ok(())
}

/// A number of variable length and how many bytes it has; of a size the mark of its length is taken away.
fn variable(peek: &mut Peek<'_>, at: u64, plain: bool) -> Result<Option<(u64, u64)>> {
    let Some([first]) = peek.bytes(at)? else { return Ok(None) };
    let length = first.leading_zeros() as usize + 1;
    let Some(bytes) = peek.up_to(at, length)?.filter(|bytes| length <= 8 && bytes.len() == length)
    else {
        return Ok(None);
    };
    let whole = bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let number = if plain { whole & !(1 << (7 * length)) } else { whole };
    Ok(Some((number, length as u64)))
}

fn number(peek: &mut Peek<'_>, at: u64, length: u64) -> Result<Option<u64>> {
    if length == 0 || length > 8 {
        return Ok(None);
    }
    let bytes = peek.up_to(at, length as usize)?;
    Ok(bytes.map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
}

fn side(peek: &mut Peek<'_>, at: u64, length: u64) -> Result<Option<u32>> {
    Ok(number(peek, at, length)?.and_then(|side| u32::try_from(side).ok()).filter(|&side| side > 0))
}

fn float(peek: &mut Peek<'_>, at: u64, length: u64) -> Result<Option<f64>> {
    Ok(match length {
        4 => peek.bytes(at)?.map(|bytes| f32::from_be_bytes(bytes).into()),
        8 => peek.bytes(at)?.map(f64::from_be_bytes),
        _ => None,
    })
}
