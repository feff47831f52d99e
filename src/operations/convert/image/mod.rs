//! Pictures. Only the first frame of a moving picture, and the first page of a TIFF file, is converted. The orientation that a camera noted is applied to the pixels;
//! of the metadata nothing but the colour profile is carried over, and that only where the new format has a place for it, so no
//! place, time or name of a person survives. Each channel becomes 8 bits wide. WebP is written without loss.
//!
//! Memory: decoding takes at most [`DECODE_BYTES_MAX`], all of a conversion at most [`MEMORY_BYTES_MAX`]; what would need more is
//! refused before anything is decoded. [`memory_bytes`] tells before the work begins: a JPEG photo of 12 megapixels takes about
//! 40 MiB, 100 as WebP. No stream is touched while pixels are computed, which takes up to ten seconds for the largest picture;
//! hence it is done apart from the worker.

use std::io::{BufRead, BufWriter, Cursor, Seek, SeekFrom, Write};

use image::codecs::{
    bmp::BmpDecoder, gif::GifDecoder, ico::IcoDecoder, jpeg::JpegDecoder, png::PngDecoder,
    tiff::TiffDecoder, webp::WebPDecoder,
};
use image::error::LimitErrorKind;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult, Limits};

use self::pixels::Pixels;
use self::probe::{Probe, jpeg_scans, probe};
use super::options::SIDE_MAX;
use super::streams::Watch;
use super::{Options, Source, Target};
use crate::domain::error::{Error, Kind, Result};

mod encode;
mod pixels;
mod probe;
mod resize;
pub mod thumbnail;
mod tiff;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tool_tests;

/// The largest picture that is decoded, in pixels.
pub const PIXELS_MAX: u64 = 100_000_000;
/// What decoding may take, with the decoded pixels.
pub const DECODE_BYTES_MAX: u64 = 512 << 20;
/// What a conversion may take at any moment.
pub const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// The largest GIF that is written: choosing its 256 colours takes half a second for each megapixel.
pub const GIF_PIXELS_MAX: u64 = 16_000_000;

/// What text and profile inside a PNG picture may take, unpacked.
const PNG_METADATA_BYTES_MAX: u64 = 16 << 20;
/// Each pass over a progressive JPEG picture costs time for all its pixels; encoders make about ten.
const JPEG_SCANS_MAX: u32 = 100;
const PROFILE_BYTES_MAX: usize = 4 << 20;
const SINK_BUFFER_BYTES: usize = 64 * 1024;

/// What is known of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Pixels from left to right, as a viewer shows it.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// The source has more than one frame. A conversion writes the first one only, which is worth telling.
    pub animated: bool,
    /// The most that decoding it takes.
    pub decode_bytes: u64,
}

/// Reads the headers of a picture.
///
/// # Errors
/// [`Kind::ContentInvalid`] when it is damaged or no picture, [`Kind::ContentLimit`] when it is larger than what is converted,
/// [`Kind::Io`] when the source fails.
pub fn inspect(source: impl BufRead + Seek) -> Result<Facts> {
    let watch = Watch::default();
    let outcome = open(watch.source(source), Reading::Headers).map(|picture| picture.facts);
    watch.settle(outcome)
}

/// Writes the (first frame of the) picture as `target` and returns the facts of what was written.
///
/// # Errors
/// As [`inspect`] and [`Options::check`]; [`Kind::Io`] and [`Kind::DiskFull`] also when the sink fails.
pub fn convert(
    source: impl BufRead + Seek,
    target: Target,
    options: &Options,
    sink: &mut dyn Write,
) -> Result<Facts> {
    options.check(Source::Image, target)?;
    let watch = Watch::default();
    let outcome = work(watch.source(source), target, options, watch.sink(sink));
    watch.settle(outcome)
}

/// The most that converting takes, when `width` and `height` are those of the new picture: the decoder's share, or the new pixels
/// with what the encoder needs beside them.
pub fn memory_bytes(facts: &Facts, width: u32, height: u32, target: Target) -> u64 {
    // Four channels and compressed data for WebP, four channels, indexes and compressed data for GIF; else the copy of a picture that is turned.
    let beside = match target {
        Target::Webp => 8,
        Target::Gif => 6,
        _ => 4,
    };
    let pixels = u64::from(width) * u64::from(height);
    facts.decode_bytes.max(pixels * (4 + beside))
}

fn work(
    source: impl BufRead + Seek,
    target: Target,
    options: &Options,
    sink: impl Write,
) -> Result<Facts> {
    let mut picture = open(source, Reading::All)?;
    let facts = picture.facts;
    let side_max = if target == Target::Ico { encode::ICON_SIDE_MAX } else { SIDE_MAX };
    let (width, height) = resize::fit(
        (facts.width, facts.height),
        options.max_width.unwrap_or(side_max).min(side_max),
        options.max_height.unwrap_or(side_max).min(side_max),
    );
    if memory_bytes(&facts, width, height, target) > MEMORY_BYTES_MAX {
        return Err(too_much(format!(
            "A picture of {width} x {height} pixels takes too much memory as {}. Make it smaller with maxWidth, or choose another format.",
            target.extension()
        )));
    }
    if target == Target::Gif && u64::from(width) * u64::from(height) > GIF_PIXELS_MAX {
        return Err(too_much(format!(
            "A picture of {width} x {height} pixels is too large for GIF, which takes {} megapixels here. Make it smaller with maxWidth.",
            GIF_PIXELS_MAX / 1_000_000
        )));
    }
    let profile = picture.decoder.icc_profile().ok().flatten();
    let profile =
        profile.filter(|bytes| options.keeps_profile() && bytes.len() <= PROFILE_BYTES_MAX);
    let orientation = picture.orientation;
    let mut pixels = picture.decode()?;
    let lying = turns_sideways(orientation);
    resize::shrink(&mut pixels, if lying { (height, width) } else { (width, height) });
    let pixels = encode::prepare(pixels.turned(orientation)?, target, options.background())?;
    let mut sink = BufWriter::with_capacity(SINK_BUFFER_BYTES, sink);
    encode::encode(&pixels, target, options.quality(), profile, &mut sink).map_err(mishap)?;
    sink.flush().map_err(|error| Error::io("writing a converted picture", &error))?;
    Ok(Facts { width: pixels.width, height: pixels.height, ..facts })
}

/// How much of a picture will be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Headers,
    All,
}

struct Picture<'a> {
    decoder: Box<dyn ImageDecoder + 'a>,
    orientation: Orientation,
    facts: Facts,
}

fn open<'a, R: BufRead + Seek + 'a>(mut source: R, reading: Reading) -> Result<Picture<'a>> {
    let mut probe = probe(&mut source)?;
    if reading == Reading::All && probe.format == ImageFormat::Jpeg {
        let read = |_| invalid("The picture's file cannot be read.");
        source.seek(SeekFrom::Start(probe.header.len() as u64)).map_err(read)?;
        match jpeg_scans(&mut source).map_err(read)? {
            None => return Err(invalid("The picture's file is cut short; send it again.")),
            Some(scans) if scans > JPEG_SCANS_MAX => {
                return Err(too_much(format!(
                    "The picture is built up in {scans} passes; at most {JPEG_SCANS_MAX} are decoded."
                )));
            }
            Some(_) => {}
        }
        source.rewind().map_err(read)?;
    }
    let mut decoder = decoder(source, &mut probe, reading).map_err(mishap)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let held = decoder.total_bytes();
    let beside = probe.beside_bytes + tiff_buffer_bytes(probe.format, decoder.as_ref());
    let decode_bytes = held.saturating_add(beside);
    if decode_bytes > DECODE_BYTES_MAX {
        return Err(too_much(format!(
            "This picture of {width} x {height} pixels would take {} MiB to decode; at most {} MiB is allowed.",
            decode_bytes >> 20,
            DECODE_BYTES_MAX >> 20
        )));
    }
    // A GIF frame may be larger than the picture; its indexes are not counted by the decoder.
    let share = if probe.format == ImageFormat::Gif { 4 } else { 5 };
    let limits = limits((DECODE_BYTES_MAX - held) / 5 * share);
    decoder.set_limits(limits).map_err(mishap)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (width, height) =
        if turns_sideways(orientation) { (height, width) } else { (width, height) };
    let facts = Facts { width, height, animated: probe.animated, decode_bytes };
    Ok(Picture { decoder, orientation, facts })
}

fn decoder<'a, R: BufRead + Seek + 'a>(
    mut source: R,
    probe: &mut Probe,
    reading: Reading,
) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
    if let Some(at) = probe.png_at {
        source.seek(SeekFrom::Start(at)).map_err(ImageError::IoError)?;
    }
    Ok(match probe.format {
        _ if probe.png_at.is_some() => {
            Box::new(PngDecoder::with_limits(source, limits(PNG_METADATA_BYTES_MAX))?)
        }
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(source, limits(PNG_METADATA_BYTES_MAX))?;
            probe.animated = decoder.is_apng()?;
            Box::new(decoder)
        }
        // This decoder reads to the end before it says a word, so it is shown the beginning only.
        ImageFormat::Jpeg if reading == Reading::Headers => {
            Box::new(JpegDecoder::new(Cursor::new(std::mem::take(&mut probe.header)))?)
        }
        ImageFormat::Jpeg => Box::new(JpegDecoder::new(source)?),
        ImageFormat::Gif => Box::new(GifDecoder::new(source)?),
        ImageFormat::WebP => Box::new(WebPDecoder::new(source)?),
        ImageFormat::Bmp => Box::new(BmpDecoder::new(source)?),
        ImageFormat::Tiff => Box::new(TiffDecoder::new(source)?),
        _ => Box::new(IcoDecoder::new(source)?),
    })
}

fn limits(bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

/// The decoder of TIFF unpacks into a buffer of its own first.
fn tiff_buffer_bytes(format: ImageFormat, decoder: &dyn ImageDecoder) -> u64 {
    if format != ImageFormat::Tiff {
        return 0;
    }
    let (width, height) = decoder.dimensions();
    let bits = u64::from(decoder.original_color_type().bits_per_pixel()).max(8);
    u64::from(width) * u64::from(height) * bits.div_ceil(8)
}

impl Picture<'_> {
    fn decode(self) -> Result<Pixels> {
        let (width, height) = self.decoder.dimensions();
        let colour: ColorType = self.decoder.color_type();
        let length = usize::try_from(self.decoder.total_bytes()).map_err(Error::internal)?;
        let mut bytes = vec![0; length];
        self.decoder.read_image_boxed(&mut bytes).map_err(mishap)?;
        Pixels::from_decoded(width, height, colour, bytes)
    }
}

fn turns_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn check_size(width: u32, height: u32) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(invalid("The picture has no pixels."));
    }
    let pixels = u64::from(width) * u64::from(height);
    if width > SIDE_MAX || height > SIDE_MAX || pixels > PIXELS_MAX {
        return Err(too_much(format!(
            "The picture is {width} x {height} pixels. At most {SIDE_MAX} pixels a side and {} megapixels can be converted.",
            PIXELS_MAX / 1_000_000
        )));
    }
    Ok(())
}

fn invalid(message: &str) -> Error {
    Error::new(Kind::ContentInvalid, message)
}

fn too_much(message: String) -> Error {
    Error::new(Kind::ContentLimit, message)
}

/// What a codec's error means; failures of the streams themselves are known to the [`Watch`].
fn mishap(error: ImageError) -> Error {
    let told = match &error {
        ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::Unsupported { .. }) => {
            Error::internal("a decoder does not know its limits")
        }
        ImageError::Limits(_) => {
            too_much("The picture takes more memory than a conversion may use.".into())
        }
        ImageError::Unsupported(_) => {
            invalid("The picture uses a variant of its format that cannot be read here.")
        }
        ImageError::Encoding(_) => Error::internal("encoding a picture"),
        ImageError::Decoding(_) | ImageError::Parameter(_) | ImageError::IoError(_) => {
            invalid("The picture's file is cut short or damaged.")
        }
    };
    told.because(error)
}
