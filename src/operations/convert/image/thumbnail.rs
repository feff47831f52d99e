//! Thumbnails: a picture made small, upright, as lossy WebP. Beside the pixels only the colour profile is carried over,
//! so no place, time or name of a person survives. The encoder is libwebp's (C); it is shown pixels of a bounded size
//! and never a byte of the file.

use std::io::{BufRead, Seek};

use webp::{Encoder, PixelLayout};

use super::encode::describes;
use super::pixels::{Layout, Pixels};
use super::{Facts, Reading, open, resize, too_much};
use crate::domain::error::{Error, Result};
use crate::domain::preview::Scale;
use crate::operations::convert::streams::Watch;

/// The most that decoding for a thumbnail may take: nobody asked for it, so less than a conversion may.
pub const DECODE_BYTES_MAX: u64 = 256 << 20;
/// 0 (smallest) to 100 (best).
const QUALITY: f32 = 75.0;
/// A colour profile larger than this would be most of the thumbnail.
const PROFILE_BYTES_MAX: usize = 16 << 10;

/// What the headers of a picture say.
pub struct Seen {
    pub facts: Facts,
    /// As Exif has it: 1 is upright. Width and height of the facts are those after the turn.
    pub orientation: u8,
    /// The Exif block, from its byte order mark on.
    pub exif: Option<Vec<u8>>,
}

/// Reads the headers.
///
/// # Errors
/// As [`super::inspect`].
pub fn look(source: impl BufRead + Seek) -> Result<Seen> {
    let watch = Watch::default();
    let outcome = open(watch.source(source), Reading::Headers).map(|mut picture| Seen {
        facts: picture.facts,
        orientation: picture.orientation.to_exif(),
        exif: picture.decoder.exif_metadata().ok().flatten(),
    });
    watch.settle(outcome)
}

/// Makes the thumbnails of a picture, the small one first; one alone where the picture fits into it.
///
/// # Errors
/// As [`super::inspect`], also when decoding would take more than [`DECODE_BYTES_MAX`].
pub fn thumbnails(source: impl BufRead + Seek) -> Result<Vec<(Scale, Vec<u8>)>> {
    let watch = Watch::default();
    let outcome = work(watch.source(source));
    watch.settle(outcome)
}

fn work(source: impl BufRead + Seek) -> Result<Vec<(Scale, Vec<u8>)>> {
    let mut picture = open(source, Reading::All)?;
    let facts = picture.facts;
    if facts.decode_bytes > DECODE_BYTES_MAX {
        return Err(too_much(format!(
            "The picture would take {} MiB to decode; thumbnails are made with at most {} MiB.",
            facts.decode_bytes >> 20,
            DECODE_BYTES_MAX >> 20
        )));
    }
    let profile = picture.decoder.icc_profile().ok().flatten();
    let profile = profile.filter(|bytes| bytes.len() <= PROFILE_BYTES_MAX);
    let orientation = picture.orientation;
    let mut pixels = picture.decode()?;
    let mut made = Vec::new();
    // The larger one is made of the picture and the smaller one of that.
    for scale in Scale::ALL.into_iter().rev() {
        let size = resize::fit((pixels.width, pixels.height), scale.side(), scale.side());
        resize::shrink(&mut pixels, size);
        let fits_into_the_next =
            scale != Scale::Small && facts.width.max(facts.height) <= Scale::Small.side();
        if !fits_into_the_next {
            let copy = pixels.clone().turned(orientation)?;
            made.push((scale, encoded(copy, profile.as_deref())?));
        }
    }
    made.reverse();
    Ok(made)
}

fn encoded(mut pixels: Pixels, profile: Option<&[u8]>) -> Result<Vec<u8>> {
    let alpha = pixels.layout.has_alpha();
    pixels.spread(if alpha { Layout::Rgba } else { Layout::Rgb });
    let layout = if alpha { PixelLayout::Rgba } else { PixelLayout::Rgb };
    let encoder = Encoder::new(&pixels.bytes, layout, pixels.width, pixels.height);
    let file = encoder
        .encode_simple(false, QUALITY)
        .map_err(|error| Error::internal(format!("encoding a thumbnail: {error:?}")))?;
    Ok(match profile.filter(|bytes| describes(bytes, pixels.layout)) {
        None => file.to_vec(),
        Some(profile) => with_profile(&file, profile, (pixels.width, pixels.height)),
    })
}

/// Puts a colour profile into a WebP file, which takes the extended form (RFC 9649, section 2.7).
fn with_profile(file: &[u8], profile: &[u8], size: (u32, u32)) -> Vec<u8> {
    const HEAD_BYTES: usize = 12;
    const EXTENDED_BYTES: usize = 18;
    // It has that form already where something is transparent.
    let (rest, alpha) = match file.get(HEAD_BYTES..).unwrap_or_default() {
        rest if rest.starts_with(b"VP8X") => (rest.get(EXTENDED_BYTES..).unwrap_or_default(), 0x10),
        rest => (rest, 0),
    };
    let mut chunks = b"WEBPVP8X".to_vec();
    chunks.extend(10u32.to_le_bytes());
    chunks.extend([0x20 | alpha, 0, 0, 0]);
    for side in [size.0, size.1] {
        chunks.extend(&(side - 1).to_le_bytes()[..3]);
    }
    chunks.extend(b"ICCP");
    chunks.extend((profile.len() as u32).to_le_bytes());
    chunks.extend(profile);
    chunks.resize(chunks.len() + profile.len() % 2, 0);
    chunks.extend(rest);
    let mut file = b"RIFF".to_vec();
    file.extend((chunks.len() as u32).to_le_bytes());
    file.extend(chunks);
    file
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageDecoder, ImageFormat, Rgba, RgbaImage};

    use super::*;
    use crate::domain::error::Kind;
    use crate::operations::convert::image::tests::{encoded as file_of, quarters, sample};

    fn opened(file: &[u8]) -> DynamicImage {
        image::load_from_memory_with_format(file, ImageFormat::WebP).unwrap()
    }

    #[test]
    fn both_sizes_are_made_and_nothing_is_enlarged() {
        for (size, want) in [
            ((3000, 1500), &[(256, 128), (1024, 512)][..]),
            ((300, 600), &[(128, 256), (300, 600)]),
            ((256, 10), &[(256, 10)]),
            ((1, 1), &[(1, 1)]),
        ] {
            let file = file_of(&quarters(size.0, size.1).into(), ImageFormat::Png);
            let made = thumbnails(Cursor::new(file)).unwrap();
            let sizes: Vec<_> = made
                .iter()
                .map(|(_, file)| opened(file))
                .map(|image| (image.width(), image.height()))
                .collect();
            assert_eq!(sizes, want);
            assert!(made.iter().all(|(scale, file)| {
                let image = opened(file);
                image.width().max(image.height()) <= scale.side()
            }));
        }
    }

    #[test]
    fn transparent_places_stay_transparent() {
        let image = RgbaImage::from_fn(400, 400, |x, _| {
            if x < 200 { Rgba([200, 30, 30, 255]) } else { Rgba([0, 0, 0, 0]) }
        });
        let made = thumbnails(Cursor::new(file_of(&image.into(), ImageFormat::Png))).unwrap();
        let small = opened(&made[0].1).to_rgba8();
        assert_eq!((small.get_pixel(40, 128).0[3], small.get_pixel(220, 128).0[3]), (255, 0));
    }

    #[test]
    fn the_colour_profile_goes_with_it() {
        let mut profile = vec![7; 333];
        profile[16..20].copy_from_slice(b"RGB ");
        profile[36..40].copy_from_slice(b"acsp");
        for alpha in [255, 100] {
            let image = RgbaImage::from_pixel(300, 300, Rgba([10, 200, 90, alpha]));
            let mut source = Vec::new();
            let mut encoder = image::codecs::png::PngEncoder::new(&mut source);
            image::ImageEncoder::set_icc_profile(&mut encoder, profile.clone()).unwrap();
            image.write_with_encoder(encoder).unwrap();
            for (_, file) in thumbnails(Cursor::new(source)).unwrap() {
                let mut decoder =
                    image::codecs::webp::WebPDecoder::new(Cursor::new(&file)).unwrap();
                assert_eq!(decoder.icc_profile().unwrap().as_deref(), Some(&profile[..]));
                let seen = opened(&file).to_rgba8().get_pixel(50, 50).0;
                assert!(seen[1].abs_diff(200) < 6 && seen[3] == alpha, "{seen:?}");
            }
        }
    }

    #[test]
    fn a_jpeg_of_endless_passes_is_refused() {
        let mut file = sample(ImageFormat::Jpeg);
        let end = file.len() - 2;
        let passes = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0].repeat(200);
        file.splice(end..end, passes);
        assert_eq!(thumbnails(Cursor::new(file)).unwrap_err().kind(), Kind::ContentLimit);
    }
}
