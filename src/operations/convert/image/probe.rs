//! Looks at the first bytes of a picture before a decoder does: which format it is, whether it moves, and what memory its decoder
//! would take beside the pixels. Decoders count that poorly or not at all, and some read the whole file before they say a word.
//!
//! Sources: ITU-T T.81 annex B (JPEG), the GIF89a specification, RFC 9649 (WebP), the PNG specification, section 11.2.1.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use image::ImageFormat;

use super::{check_size, invalid, too_much};
use crate::domain::error::Result;

/// The largest file of a format whose decoder works in pieces.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// The largest file of a format whose decoder holds it in memory.
const HELD_BYTES_MAX: u64 = 128 << 20;
/// The most that may stand before the pixels of a JPEG picture, and the largest piece of metadata in a WebP picture.
const METADATA_BYTES_MAX: u64 = 8 << 20;

/// What the first bytes say.
pub(super) struct Probe {
    pub(super) format: ImageFormat,
    /// There is more than one frame.
    pub(super) animated: bool,
    /// What the decoder takes beside the decoded pixels. TIFF is not counted here, its decoder tells itself.
    pub(super) beside_bytes: u64,
    /// For JPEG, everything before the compressed pixels.
    pub(super) header: Vec<u8>,
    /// For an icon whose best picture is a PNG, where that begins.
    pub(super) png_at: Option<u64>,
}

/// Reads headers only, with the exception of GIF, where the second frame is behind the data of the first.
pub(super) fn probe(source: &mut (impl BufRead + Seek)) -> Result<Probe> {
    let length = source.seek(SeekFrom::End(0)).map_err(cut)?;
    source.rewind().map_err(cut)?;
    let mut head = Vec::with_capacity(32);
    source.by_ref().take(32).read_to_end(&mut head).map_err(cut)?;
    source.rewind().map_err(cut)?;
    let format = image::guess_format(&head).map_err(|_| unknown())?;
    let mut probe =
        Probe { format, animated: false, beside_bytes: 0, header: Vec::new(), png_at: None };
    let held = match format {
        ImageFormat::Jpeg | ImageFormat::WebP => HELD_BYTES_MAX,
        ImageFormat::Png
        | ImageFormat::Gif
        | ImageFormat::Bmp
        | ImageFormat::Tiff
        | ImageFormat::Ico => FILE_BYTES_MAX,
        _ => return Err(unknown()),
    };
    if length > held {
        return Err(too_much(format!(
            "The picture's file is larger than {} MiB, which is the most that can be converted.",
            held >> 20
        )));
    }
    match format {
        ImageFormat::Png => check_png(&head)?,
        ImageFormat::Jpeg => {
            let frame = jpeg(source)?;
            probe.header = frame.header;
            probe.beside_bytes = frame.coefficient_bytes + length;
        }
        ImageFormat::Gif => {
            probe.animated = moves(source).map_err(cut)?;
            // The indexes of an interlaced frame are sorted before they become colours.
            probe.beside_bytes = match head.get(6..10) {
                Some(&[a, b, c, d]) => {
                    u64::from(u16::from_le_bytes([a, b])) * u64::from(u16::from_le_bytes([c, d]))
                }
                _ => 0,
            };
        }
        ImageFormat::WebP => {
            let seen = webp(source)?;
            probe.animated = seen.animated;
            probe.beside_bytes = seen.beside_bytes + 2 * length;
        }
        ImageFormat::Ico => probe.png_at = png_in_icon(source).map_err(cut)?,
        _ => {}
    }
    source.rewind().map_err(cut)?;
    Ok(probe)
}

fn unknown() -> crate::domain::error::Error {
    invalid(
        "This is not a picture in a format that can be read: PNG, JPEG, WebP, GIF, BMP, TIFF or ICO.",
    )
}

fn cut(_: io::Error) -> crate::domain::error::Error {
    invalid("The picture's file is cut short or damaged.")
}

fn bytes<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(source: &mut impl Seek, bytes: u64) -> io::Result<()> {
    source.seek_relative(i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?)
}

/// The decoder makes room for a row of the declared width before it tells the size, so the size is read here.
fn check_png(head: &[u8]) -> Result<()> {
    let number = |at: usize| {
        head.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes)
    };
    match (number(16), number(20)) {
        (Some(width), Some(height)) => check_size(width, height),
        _ => Err(cut(io::ErrorKind::UnexpectedEof.into())),
    }
}

struct JpegFrame {
    header: Vec<u8>,
    /// A picture that comes in several scans is held as 16-bit coefficients until the last of them.
    coefficient_bytes: u64,
}

/// Walks over the segments up to the first scan; the source then stands at its compressed data.
fn jpeg(source: &mut impl BufRead) -> Result<JpegFrame> {
    let mut header = bytes::<2>(source).map_err(cut)?.to_vec();
    let mut frame: Option<(u8, u64, u64)> = None;
    loop {
        let marker = next_marker(source).map_err(cut)?;
        header.extend([0xff, marker]);
        match marker {
            0x01 | 0xd0..=0xd8 => continue,
            0xd9 => return Err(invalid("There is no picture in this JPEG file.")),
            _ => {}
        }
        let length = bytes::<2>(source).map_err(cut)?;
        let body_bytes = u64::from(u16::from_be_bytes(length)).saturating_sub(2);
        let start = header.len() + 2;
        header.extend(length);
        if header.len() as u64 + body_bytes > METADATA_BYTES_MAX {
            return Err(too_much(
                "The picture has more than 8 MiB of metadata; remove it first.".into(),
            ));
        }
        let read = source.take(body_bytes).read_to_end(&mut header).map_err(cut)?;
        if read as u64 != body_bytes {
            return Err(cut(io::ErrorKind::UnexpectedEof.into()));
        }
        let body = &header[start..];
        match marker {
            // The start of a frame, of any coding; c4, c8 and cc are other things.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                frame = Some(
                    coefficients(marker, body)
                        .ok_or_else(|| cut(io::ErrorKind::InvalidData.into()))?,
                );
            }
            0xda => {
                let (marker, components, coefficient_bytes) =
                    frame.ok_or_else(|| cut(io::ErrorKind::InvalidData.into()))?;
                let at_once = marker != 0xc2
                    && body.first().map(|&count| u64::from(count)) == Some(components);
                let coefficient_bytes = if at_once { 0 } else { coefficient_bytes };
                return Ok(JpegFrame { header, coefficient_bytes });
            }
            _ => {}
        }
    }
}

/// Marker, number of components, and bytes of all coefficients of a frame.
fn coefficients(marker: u8, body: &[u8]) -> Option<(u8, u64, u64)> {
    let side =
        |at: usize| Some(u64::from(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?])));
    let (height, width) = (side(1)?, side(3)?);
    let count = usize::from(*body.get(5)?);
    let samplings: Vec<(u64, u64)> = body
        .get(6..6 + 3 * count)?
        .chunks_exact(3)
        .map(|component| (u64::from(component[1] >> 4), u64::from(component[1] & 15)))
        .collect();
    let across = samplings.iter().map(|sampling| sampling.0).max().filter(|&most| most > 0)?;
    let down = samplings.iter().map(|sampling| sampling.1).max().filter(|&most| most > 0)?;
    let units = width.div_ceil(8 * across) * height.div_ceil(8 * down);
    let blocks: u64 = samplings.iter().map(|(x, y)| x * y).sum();
    Some((marker, count as u64, units * blocks * 64 * 2))
}

fn next_marker(source: &mut impl Read) -> io::Result<u8> {
    let mut after_ff = false;
    loop {
        let [byte] = bytes(source)?;
        match byte {
            0xff => after_ff = true,
            0 => after_ff = false,
            marker if after_ff => return Ok(marker),
            _ => {}
        }
    }
}

/// How many scans the compressed data of a JPEG picture has, if it comes to its end mark; the source must stand in the first. The
/// decoder would fill what is missing with grey and say nothing.
pub(super) fn jpeg_scans(source: &mut impl BufRead) -> io::Result<Option<u32>> {
    let mut after_ff = false;
    let mut scans = 1;
    loop {
        let piece = source.fill_buf()?;
        if piece.is_empty() {
            return Ok(None);
        }
        for &byte in piece {
            match byte {
                0xd9 if after_ff => return Ok(Some(scans)),
                0xda if after_ff => scans += 1,
                _ => {}
            }
            after_ff = byte == 0xff;
        }
        let length = piece.len();
        source.consume(length);
    }
}

/// Whether a GIF file has a second frame.
fn moves(source: &mut (impl Read + Seek)) -> io::Result<bool> {
    skip(source, 10)?;
    let [flags, _, _] = bytes(source)?;
    skip(source, palette_bytes(flags))?;
    let mut frames = 0;
    loop {
        let Ok([introducer]) = bytes(source) else { return Ok(false) };
        match introducer {
            0x21 => skip(source, 1)?,
            0x2c if frames == 1 => return Ok(true),
            0x2c => {
                frames = 1;
                skip(source, 8)?;
                let [flags] = bytes(source)?;
                skip(source, palette_bytes(flags) + 1)?;
            }
            _ => return Ok(false),
        }
        loop {
            let Ok([length]) = bytes(source) else { return Ok(false) };
            if length == 0 {
                break;
            }
            skip(source, u64::from(length))?;
        }
    }
}

fn palette_bytes(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

#[derive(Default)]
struct WebpSeen {
    animated: bool,
    beside_bytes: u64,
}

/// Walks over the chunks of a WebP file. The decoder believes the sizes in them before it compares them with the canvas.
fn webp(source: &mut (impl Read + Seek)) -> Result<WebpSeen> {
    skip(source, 12).map_err(cut)?;
    let (name, length) = chunk(source).map_err(cut)?;
    if name != *b"VP8X" {
        let (width, height) = frame_size(source, name).map_err(cut)?;
        check_size(width, height)?;
        let pixels = u64::from(width) * u64::from(height);
        // Planes of a lossy picture, or the four channels of a lossless one.
        return Ok(WebpSeen { animated: false, beside_bytes: pixels * 4 });
    }
    let head: [u8; 10] = bytes(source).map_err(cut)?;
    let side = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]) + 1;
    let (width, height) = (side(4), side(7));
    check_size(width, height)?;
    let animated = head[0] & 2 != 0;
    let pixels = u64::from(width) * u64::from(height);
    // Animated: planes, frame and canvas. Else planes, transparency and what it is unpacked from.
    let beside_bytes = pixels * if animated { 12 } else { 7 };
    skip(source, rounded(length).saturating_sub(10)).map_err(cut)?;
    let mut decoded = false;
    while let Ok((name, length)) = chunk(source) {
        let start = source.stream_position().map_err(cut)?;
        match &name {
            b"ANMF" if !decoded => {
                decoded = true;
                let frame = animation_frame(source).map_err(cut)?;
                check_frame(frame.said, frame.coded)?;
            }
            b"VP8 " | b"VP8L" => {
                check_frame((width, height), frame_size(source, name).map_err(cut)?)?;
            }
            b"ICCP" | b"EXIF" | b"XMP " if length > METADATA_BYTES_MAX => {
                return Err(too_much(
                    "The picture has more than 8 MiB of metadata; remove it first.".into(),
                ));
            }
            _ => {}
        }
        source.seek(SeekFrom::Start(start + rounded(length))).map_err(cut)?;
    }
    Ok(WebpSeen { animated, beside_bytes })
}

struct AnimationFrame {
    /// Width and height that the animation says.
    said: (u32, u32),
    /// Width and height that the compressed data says.
    coded: (u32, u32),
}

fn animation_frame(source: &mut (impl Read + Seek)) -> io::Result<AnimationFrame> {
    let head: [u8; 16] = bytes(source)?;
    let side = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]) + 1;
    let (mut name, length) = chunk(source)?;
    if name == *b"ALPH" {
        skip(source, rounded(length))?;
        name = chunk(source)?.0;
    }
    Ok(AnimationFrame { said: (side(6), side(9)), coded: frame_size(source, name)? })
}

fn check_frame(said: (u32, u32), coded: (u32, u32)) -> Result<()> {
    if said != coded {
        return Err(invalid("The picture's frame has another size than it says."));
    }
    Ok(())
}

fn rounded(length: u64) -> u64 {
    length + length % 2
}

fn chunk(source: &mut impl Read) -> io::Result<([u8; 4], u64)> {
    let name = bytes(source)?;
    Ok((name, u64::from(u32::from_le_bytes(bytes(source)?))))
}

/// Width and height in the header of a `VP8 ` or `VP8L` chunk.
fn frame_size(source: &mut impl Read, name: [u8; 4]) -> io::Result<(u32, u32)> {
    if name == *b"VP8L" {
        let [_, a, b, c, d] = bytes(source)?;
        let packed = u32::from_le_bytes([a, b, c, d]);
        return Ok(((packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1));
    }
    let [_, _, _, _, _, _, a, b, c, d] = bytes(source)?;
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Ok((side(a, b), side(c, d)))
}

/// Where the best picture of an icon begins, if that is a PNG. The decoder for icons opens it without any limit on what its metadata
/// unpacks to, so it is opened as a PNG instead. The choice must be the one of that decoder:
/// the deepest, then the largest; the last entry wins a tie, else the first.
fn png_in_icon(source: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    skip(source, 4)?;
    let count = u16::from_le_bytes(bytes(source)?);
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry: [u8; 16] = bytes(source)?;
        let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
        let depth = u16::from_le_bytes([entry[6], entry[7]]);
        let offset = u32::from_le_bytes([entry[12], entry[13], entry[14], entry[15]]);
        entries.push(((depth, side(entry[0]) * side(entry[1])), offset));
    }
    let Some(mut best) = entries.pop() else { return Ok(None) };
    for entry in entries {
        if entry.0 > best.0 {
            best = entry;
        }
    }
    let offset = best.1;
    source.seek(SeekFrom::Start(u64::from(offset)))?;
    let is_png = bytes::<8>(source)? == *b"\x89PNG\r\n\x1a\n";
    Ok(is_png.then_some(u64::from(offset)))
}
