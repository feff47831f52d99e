//! Writes pixels in the formats that can be written, each with the colour profile where it has a place for one.

use std::borrow::Cow;
use std::io::Write;

use image::codecs::{
    bmp::BmpEncoder, gif::GifEncoder, ico::IcoEncoder, jpeg::JpegEncoder, webp::WebPEncoder,
};
use image::error::{EncodingError, ImageFormatHint};
use image::{ImageEncoder, ImageError, ImageFormat, ImageResult};

use super::pixels::{Layout, Pixels};
use super::{Target, tiff};
use crate::domain::error::Result;

/// The largest side of an icon, in pixels.
pub(super) const ICON_SIDE_MAX: u32 = 256;

const PNG_CHUNK_BYTES: usize = 64 * 1024;

/// Gives the picture the channels that `target` can hold.
pub(super) fn prepare(mut pixels: Pixels, target: Target, background: [u8; 3]) -> Result<Pixels> {
    match target {
        Target::Jpeg | Target::Bmp => pixels.flatten(background),
        Target::Gif => {
            pixels.spread(if pixels.layout.has_alpha() { Layout::Rgba } else { Layout::Rgb });
            pixels.harden_alpha();
        }
        // The PNG within an icon must have all four channels, and few programs read grey with transparency in TIFF.
        Target::Tiff if pixels.layout == Layout::GrayAlpha => pixels.spread(Layout::Rgba),
        Target::Ico => pixels.spread(Layout::Rgba),
        _ => {}
    }
    Ok(pixels)
}

pub(super) fn encode(
    pixels: &Pixels,
    target: Target,
    quality: u8,
    profile: Option<Vec<u8>>,
    sink: &mut impl Write,
) -> ImageResult<()> {
    let profile = profile.filter(|bytes| describes(bytes, pixels.layout));
    match target {
        Target::Png => write_png(pixels, profile, sink),
        Target::Jpeg => write(JpegEncoder::new_with_quality(sink, quality), pixels, profile),
        Target::Webp => write(WebPEncoder::new_lossless(sink), pixels, profile),
        Target::Gif => write(GifEncoder::new_with_speed(sink, 10), pixels, None),
        Target::Bmp => write(BmpEncoder::new(sink), pixels, None),
        Target::Ico => write(IcoEncoder::new(sink), pixels, None),
        Target::Tiff => tiff::write(pixels, profile.as_deref(), sink).map_err(ImageError::IoError),
        _ => Err(ImageError::Encoding(EncodingError::new(
            ImageFormatHint::Unknown,
            "this target is no picture",
        ))),
    }
}

fn write(
    mut encoder: impl ImageEncoder,
    pixels: &Pixels,
    profile: Option<Vec<u8>>,
) -> ImageResult<()> {
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(ImageError::Unsupported)?;
    }
    encoder.write_image(&pixels.bytes, pixels.width, pixels.height, pixels.layout.colour_type())
}

/// Writes PNG row by row, so that no second copy of the picture is held.
fn write_png(pixels: &Pixels, profile: Option<Vec<u8>>, sink: &mut impl Write) -> ImageResult<()> {
    let mut info = png::Info::with_size(pixels.width, pixels.height);
    info.bit_depth = png::BitDepth::Eight;
    info.color_type = match pixels.layout {
        Layout::Gray => png::ColorType::Grayscale,
        Layout::GrayAlpha => png::ColorType::GrayscaleAlpha,
        Layout::Rgb => png::ColorType::Rgb,
        Layout::Rgba => png::ColorType::Rgba,
    };
    info.icc_profile = profile.map(Cow::Owned);
    let mut encoder = png::Encoder::with_info(sink, info).map_err(png_mishap)?;
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header().map_err(png_mishap)?;
    let mut rows = writer.stream_writer_with_size(PNG_CHUNK_BYTES).map_err(png_mishap)?;
    rows.write_all(&pixels.bytes).map_err(ImageError::IoError)?;
    rows.finish().map_err(png_mishap)?;
    writer.finish().map_err(png_mishap)
}

fn png_mishap(error: png::EncodingError) -> ImageError {
    match error {
        png::EncodingError::IoError(error) => ImageError::IoError(error),
        other => ImageError::Encoding(EncodingError::new(
            ImageFormatHint::Exact(ImageFormat::Png),
            other,
        )),
    }
}

/// Whether a colour profile speaks of these channels: that of a CMYK picture says nothing about the RGB made of it. The header is
/// that of ICC.1:2022, section 7.2.
pub(super) fn describes(profile: &[u8], layout: Layout) -> bool {
    let space: &[u8] = if layout.is_gray() { b"GRAY" } else { b"RGB " };
    profile.len() >= 128
        && profile.get(16..20) == Some(space)
        && profile.get(36..40) == Some(b"acsp")
}
