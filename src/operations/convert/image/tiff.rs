//! Writes TIFF without compression. The library's encoder has to go back in the file and knows no colour profile; the place of
//! everything in such a file is known beforehand, so it can be written from the first byte to the last.
//!
//! Source: TIFF revision 6.0, sections 2 to 6 and 18; tag 34675 is from ICC.1:2022, annex B.4.

use std::io::{self, Write};

use super::pixels::Pixels;

/// Readers take a strip as a whole, so it should be small.
const STRIP_BYTES: usize = 64 * 1024;

const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;

/// One entry of the directory: its tag, the type of its values, and these in little-endian order.
struct Entry {
    tag: u16,
    kind: u16,
    values: Vec<u8>,
}

impl Entry {
    fn short(tag: u16, values: &[u16]) -> Self {
        let values = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { tag, kind: SHORT, values }
    }

    fn long(tag: u16, values: impl IntoIterator<Item = u32>) -> Self {
        let values = values.into_iter().flat_map(u32::to_le_bytes).collect();
        Self { tag, kind: LONG, values }
    }

    fn count(&self) -> usize {
        let size = match self.kind {
            SHORT => 2,
            LONG => 4,
            RATIONAL => 8,
            _ => 1,
        };
        self.values.len() / size
    }
}

pub(super) fn write(
    pixels: &Pixels,
    profile: Option<&[u8]>,
    sink: &mut impl Write,
) -> io::Result<()> {
    let row_bytes = pixels.width as usize * pixels.layout.channels();
    let strip_rows = (STRIP_BYTES / row_bytes.max(1)).max(1);
    let strip_bytes = strip_rows * row_bytes;
    let strips = pixels.bytes.len().div_ceil(strip_bytes.max(1));
    // The offsets do not change how long the directory is, so they are filled in when that is known.
    let blank = directory(pixels, profile, strip_rows, strip_bytes, &vec![0; strips])?;
    let mut offsets = Vec::with_capacity(strips);
    for strip in 0..strips {
        offsets.push(number(blank.len() + strip * strip_bytes)?);
    }
    sink.write_all(&directory(pixels, profile, strip_rows, strip_bytes, &offsets)?)?;
    sink.write_all(&pixels.bytes)
}

/// Header, directory, and the values that do not fit into it; its length is even.
fn directory(
    pixels: &Pixels,
    profile: Option<&[u8]>,
    strip_rows: usize,
    strip_bytes: usize,
    offsets: &[u32],
) -> io::Result<Vec<u8>> {
    let channels = pixels.layout.channels();
    let mut lengths = Vec::with_capacity(offsets.len());
    for strip in pixels.bytes.chunks(strip_bytes.max(1)) {
        lengths.push(number(strip.len())?);
    }
    let mut entries = vec![
        Entry::long(256, [pixels.width]),
        Entry::long(257, [pixels.height]),
        Entry::short(258, &vec![8; channels]),
        Entry::short(259, &[1]),
        Entry::short(262, &[if pixels.layout.is_gray() { 1 } else { 2 }]),
        Entry::long(273, offsets.iter().copied()),
        Entry::short(277, &[channels as u16]),
        Entry::long(278, [number(strip_rows)?]),
        Entry::long(279, lengths),
        Entry { kind: RATIONAL, ..Entry::long(282, [72, 1]) },
        Entry { kind: RATIONAL, ..Entry::long(283, [72, 1]) },
        Entry::short(284, &[1]),
        Entry::short(296, &[2]),
    ];
    if pixels.layout.has_alpha() {
        entries.push(Entry::short(338, &[2]));
    }
    if let Some(profile) = profile {
        entries.push(Entry { tag: 34675, kind: UNDEFINED, values: profile.to_vec() });
    }
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    let mut behind = Vec::new();
    let behind_at = bytes.len() + 12 * entries.len() + 4;
    for mut entry in entries {
        bytes.extend(entry.tag.to_le_bytes());
        bytes.extend(entry.kind.to_le_bytes());
        bytes.extend(number(entry.count())?.to_le_bytes());
        if entry.values.len() > 4 {
            bytes.extend(number(behind_at + behind.len())?.to_le_bytes());
            behind.append(&mut entry.values);
            behind.resize(behind.len().next_multiple_of(2), 0);
        } else {
            entry.values.resize(4, 0);
            bytes.append(&mut entry.values);
        }
    }
    bytes.extend([0; 4]);
    bytes.append(&mut behind);
    Ok(bytes)
}

fn number(value: usize) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
