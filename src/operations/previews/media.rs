//! How long sound and films are: from their headers, never by decoding. Sources: RIFF/WAVE (Microsoft multimedia data
//! standards), RFC 9639 (FLAC), RFC 3533 with RFC 7845 (Ogg, Opus) and the Vorbis I specification, ISO/IEC 11172-3 and
//! 13818-3 (MP3).

use super::peek::Peek;
use super::{boxes, ebml, mp3};
use crate::domain::error::Result;

/// Chunks of a WAVE file that are looked at.
const CHUNKS_MAX: usize = 64;
/// Of an Ogg file, where its last page is looked for.
const TAIL_BYTES: u64 = 64 * 1024;
/// Opus counts in this rate, whatever it was made of.
const OPUS_RATE: u64 = 48_000;

/// What is known of sound or a film.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    pub duration_ms: Option<u64>,
    /// Pixels as a player shows them.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// RFC 3339, UTC.
    pub taken_at: Option<String>,
}

/// Looks at a file that begins with `head`; `None` when it is neither sound nor film, as far as is known here.
pub fn media(head: &[u8], peek: &mut Peek<'_>) -> Result<Option<Media>> {
    let duration_ms = if boxes::is(head) {
        return boxes::media(peek).map(Some);
    } else if ebml::is(head) {
        return ebml::media(peek).map(Some);
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE") {
        wave(peek)?
    } else if head.starts_with(b"fLaC") {
        flac(peek)?
    } else if head.starts_with(b"OggS") {
        ogg(peek)?
    } else if mp3::is(head) {
        mp3::duration(peek)?
    } else {
        return Ok(None);
    };
    Ok(Some(Media { duration_ms, ..Media::default() }))
}

/// Milliseconds of `units` at `rate` a second.
pub fn milliseconds(units: u64, rate: u64) -> Option<u64> {
    let ms = u128::from(units) * 1000 / u128::from((rate > 0).then_some(rate)?);
    u64::try_from(ms).ok().filter(|&ms| ms > 0)
}

fn wave(peek: &mut Peek<'_>) -> Result<Option<u64>> {
    let (mut at, mut bytes_a_second) = (12u64, 0);
    for _ in 0..CHUNKS_MAX {
        let Some([name @ .., a, b, c, d]) = peek.bytes::<8>(at)? else { break };
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        match &name {
            b"fmt " => {
                let Some(rate) = peek.bytes(at + 16)? else { break };
                bytes_a_second = u64::from(u32::from_le_bytes(rate));
            }
            // A recording that was broken off did not get its length.
            b"data" => {
                let there = peek.size() - (at + 8);
                let length = if length == 0 { there } else { length.min(there) };
                return Ok(milliseconds(length, bytes_a_second));
            }
            _ => {}
        }
        at += 8 + length + length % 2;
    }
    Ok(None)
}

fn flac(peek: &mut Peek<'_>) -> Result<Option<u64>> {
    // 20 bits rate, 3 and 5 bits of what does not matter here, 36 bits samples.
    let Some(packed) = peek.bytes(18)? else { return Ok(None) };
    let packed = u64::from_be_bytes(packed);
    Ok(milliseconds(packed & ((1 << 36) - 1), packed >> 44))
}

fn ogg(peek: &mut Peek<'_>) -> Result<Option<u64>> {
    let Some(head) = peek.bytes::<27>(0)? else { return Ok(None) };
    let body = 27 + u64::from(head[26]);
    let Some(first) = peek.bytes::<19>(body)? else { return Ok(None) };
    let (rate, skipped) = if first.starts_with(b"OpusHead") {
        (OPUS_RATE, u64::from(u16::from_le_bytes([first[10], first[11]])))
    } else if first.starts_with(b"\x01vorbis") {
        (u64::from(u32::from_le_bytes([first[12], first[13], first[14], first[15]])), 0)
    } else {
        return Ok(None);
    };
    let tail_at = peek.size().saturating_sub(TAIL_BYTES);
    let Some(tail) = peek.up_to(tail_at, TAIL_BYTES as usize)? else { return Ok(None) };
    let of_stream = |page: &&[u8]| page.starts_with(b"OggS\0") && page[14..18] == head[14..18];
    let last = tail.windows(27).rev().find(of_stream);
    let position = last.and_then(|page| page[6..14].try_into().ok()).map(u64::from_le_bytes);
    let samples = position.filter(|&at| at != u64::MAX).map(|at| at.saturating_sub(skipped));
    Ok(samples.and_then(|samples| milliseconds(samples, rate)))
}
