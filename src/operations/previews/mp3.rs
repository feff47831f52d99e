//! How long an MP3 file is: told by its first frame (Xing, Info, VBRI), else by its size at a constant rate. Sources:
//! ISO/IEC 11172-3, section 2.4.2.3; ID3v2.4.0, section 3.1; the Xing and VBRI headers as encoders write them.

use super::media::milliseconds;
use super::peek::Peek;
use crate::domain::error::Result;

/// Where the first frame is looked for, behind what precedes the sound.
const SEARCH_BYTES: usize = 32 * 1024;
/// Kilobits a second of layer III, by the index in a frame's header.
const RATES_1: [u64; 16] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
const RATES_2: [u64; 16] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];

pub fn is(head: &[u8]) -> bool {
    head.starts_with(b"ID3") || Frame::read(head).is_some()
}

struct Frame {
    /// Bits a second.
    bit_rate: u64,
    sample_rate: u64,
    samples: u64,
    bytes: usize,
    /// Where the header of a variable rate stands, if there is one.
    xing_at: usize,
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let [0xff, second, third, fourth] = *bytes.get(..4)? else { return None };
        let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
        // All bits of the mark, a version, and layer III.
        if second & 0xe0 != 0xe0 || version == 1 || layer != 1 {
            return None;
        }
        let first = version == 3;
        let rates = if first { RATES_1 } else { RATES_2 };
        let bit_rate = rates[usize::from(third >> 4)] * 1000;
        let base = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3)).copied()?;
        let sample_rate: u64 = match version {
            3 => base,
            2 => base / 2,
            _ => base / 4,
        };
        if bit_rate == 0 {
            return None;
        }
        let samples = if first { 1152 } else { 576 };
        let padding = u64::from(third >> 1 & 1);
        let bytes = samples / 8 * bit_rate / sample_rate + padding;
        let mono = fourth >> 6 == 3;
        let xing_at = 4 + match (first, mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        Some(Self { bit_rate, sample_rate, samples, bytes: bytes as usize, xing_at })
    }

    /// How many frames follow, where the first one says so.
    fn count(&self, bytes: &[u8]) -> Option<u64> {
        let number = |at: usize| {
            let four = bytes.get(at..at + 4)?;
            Some(u32::from_be_bytes(four.try_into().ok()?))
        };
        let mark = bytes.get(self.xing_at..self.xing_at + 4);
        if matches!(mark, Some(b"Xing" | b"Info")) && number(self.xing_at + 4)? & 1 == 1 {
            return number(self.xing_at + 8).map(u64::from);
        }
        if bytes.get(36..40) == Some(b"VBRI") {
            return number(50).map(u64::from);
        }
        None
    }
}

pub fn duration(peek: &mut Peek<'_>) -> Result<Option<u64>> {
    let start = match peek.bytes::<10>(0)? {
        Some([b'I', b'D', b'3', _, _, flags, a, b, c, d]) => {
            let length = [a, b, c, d].iter().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
            10 + length + if flags & 0x10 == 0 { 0 } else { 10 }
        }
        _ => 0,
    };
    let size = peek.size();
    let Some(bytes) = peek.up_to(start, SEARCH_BYTES)? else { return Ok(None) };
    // Two bytes may look like a frame by chance; one frame where another should be seldom does.
    let found = (0..bytes.len()).find_map(|at| {
        let frame = Frame::read(&bytes[at..])?;
        let next = bytes.get(at + frame.bytes..).unwrap_or_default();
        (next.len() < 4 || Frame::read(next).is_some()).then_some((at, frame))
    });
    let Some((at, frame)) = found else { return Ok(None) };
    Ok(match frame.count(&bytes[at..]) {
        Some(frames) => milliseconds(frames * frame.samples, frame.sample_rate),
        None => milliseconds((size - start - at as u64) * 8, frame.bit_rate),
    })
}
