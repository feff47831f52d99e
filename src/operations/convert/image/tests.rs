//! Pictures: every format into every other, orientation, size, transparency, colour profile, interruption.

use std::io::{self, BufReader, Cursor, Read, Write};

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageEncoder, ImageFormat, Rgba, RgbaImage};

use super::*;
use crate::operations::convert::targets;

const FORMATS: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Ico,
];

/// Four areas of one colour each, so that a turn or a mirrored copy shows.
pub(super) fn quarters(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgba([230, 20, 20, 255]),
        (false, true) => Rgba([20, 200, 20, 255]),
        (true, false) => Rgba([20, 20, 220, 255]),
        (false, false) => Rgba([240, 240, 240, 255]),
    })
}

pub(super) fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

pub(super) fn sample(format: ImageFormat) -> Vec<u8> {
    let image = DynamicImage::from(quarters(60, 40));
    match format {
        ImageFormat::Jpeg => encoded(&image.to_rgb8().into(), format),
        _ => encoded(&image, format),
    }
}

pub(super) fn options(json: &str) -> Options {
    serde_json::from_str(json).unwrap()
}

pub(super) fn converted(file: &[u8], target: Target, json: &str) -> (Facts, DynamicImage, Vec<u8>) {
    let mut sink = Vec::new();
    let facts = convert(Cursor::new(file), target, &options(json), &mut sink).unwrap();
    let image = image::load_from_memory(&sink).unwrap();
    assert_eq!((facts.width, facts.height), (image.width(), image.height()));
    (facts, image, sink)
}

/// The colours in the middle of the four areas.
fn corners(image: &DynamicImage) -> [[u8; 3]; 4] {
    let image = image.to_rgb8();
    let (w, h) = image.dimensions();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| image.get_pixel(w * x / 4, h * y / 4).0)
}

fn alike(left: [[u8; 3]; 4], right: [[u8; 3]; 4], by: u8) -> bool {
    left.iter()
        .flatten()
        .zip(right.iter().flatten())
        .all(|(left, right)| left.abs_diff(*right) <= by)
}

#[test]
fn every_format_becomes_every_other() {
    let want = corners(&quarters(60, 40).into());
    for format in FORMATS {
        let file = sample(format);
        let facts = inspect(Cursor::new(&file)).unwrap();
        assert_eq!((facts.width, facts.height, facts.animated), (60, 40, false), "{format:?}");
        for target in targets(Source::Image) {
            let (_, image, written) = converted(&file, *target, "{}");
            assert_eq!((image.width(), image.height()), (60, 40), "{format:?} to {target:?}");
            assert!(alike(corners(&image), want, 6), "{format:?} to {target:?}");
            let head = &written[..written.len().min(crate::operations::convert::HEAD_BYTES_MAX)];
            let name = format!("a.{}", target.extension());
            assert_eq!(crate::operations::convert::source_of(head, &name), Some(Source::Image));
            if *target != Target::Tiff {
                assert_eq!(infer::get(head).unwrap().mime_type(), target.content_type());
            }
        }
    }
}

#[test]
fn every_layout_of_pixels_becomes_every_format() {
    let image = DynamicImage::from(quarters(60, 40));
    let layouts: [(DynamicImage, ImageFormat); 9] = [
        (image.to_luma8().into(), ImageFormat::Png),
        (image.to_luma_alpha8().into(), ImageFormat::Png),
        (image.to_rgb8().into(), ImageFormat::Png),
        (image.to_luma16().into(), ImageFormat::Png),
        (image.to_luma_alpha16().into(), ImageFormat::Png),
        (image.to_rgb16().into(), ImageFormat::Png),
        (image.to_rgba16().into(), ImageFormat::Png),
        (image.to_rgb32f().into(), ImageFormat::Tiff),
        (image.to_luma8().into(), ImageFormat::Jpeg),
    ];
    for (image, format) in layouts {
        let file = encoded(&image, format);
        for target in targets(Source::Image) {
            for json in ["{}", r#"{"maxWidth":30}"#] {
                let (_, new, _) = converted(&file, *target, json);
                assert!(
                    alike(corners(&new), corners(&image), 6),
                    "{:?} to {target:?}",
                    image.color()
                );
            }
        }
    }
}

/// A JPEG picture whose EXIF data says how to turn it.
fn turned_jpeg(image: &RgbaImage, orientation: u8) -> Vec<u8> {
    let rgb = DynamicImage::from(image.clone()).to_rgb8();
    let mut plain = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut plain, 95);
    encoder.encode_image(&rgb).unwrap();
    // A TIFF header, and a directory with the one entry 0x0112.
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    exif.extend([0, orientation, 0, 0, 0, 0, 0, 0]);
    let mut file = vec![0xff, 0xd8, 0xff, 0xe1];
    file.extend((exif.len() as u16 + 2).to_be_bytes());
    file.extend(exif);
    file.extend(&plain[2..]);
    file
}

#[test]
fn all_eight_orientations_are_applied() {
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    let upright = quarters(64, 48);
    let want = corners(&upright.clone().into());
    // What a camera stored when it was held that way, by the table in the EXIF standard.
    let stored: [RgbaImage; 8] = [
        upright.clone(),
        flip_horizontal(&upright),
        rotate180(&upright),
        flip_vertical(&upright),
        rotate270(&flip_horizontal(&upright)),
        rotate270(&upright),
        rotate90(&flip_horizontal(&upright)),
        rotate90(&upright),
    ];
    for (stored, orientation) in stored.iter().zip(1..) {
        let file = turned_jpeg(stored, orientation);
        let facts = inspect(Cursor::new(&file)).unwrap();
        assert_eq!((facts.width, facts.height), (64, 48), "{orientation}");
        let (_, image, written) = converted(&file, Target::Png, "{}");
        assert!(alike(corners(&image), want, 12), "{orientation}");
        assert!(!written.windows(4).any(|four| four == b"eXIf" || four == b"Exif"));
        let (facts, image, _) = converted(&file, Target::Jpeg, r#"{"maxWidth":32}"#);
        assert_eq!((facts.width, facts.height), (32, 24), "{orientation}");
        assert!(alike(corners(&image), want, 12), "{orientation}");
    }
    assert_eq!(converted(&turned_jpeg(&upright, 9), Target::Png, "{}").0.width, 64);
}

#[test]
fn a_smaller_picture_keeps_its_shape_and_none_is_enlarged() {
    let file = sample(ImageFormat::Png);
    for (json, width, height) in [
        (r#"{"maxWidth":30}"#, 30, 20),
        (r#"{"maxHeight":10}"#, 15, 10),
        (r#"{"maxWidth":30,"maxHeight":4}"#, 6, 4),
        (r#"{"maxWidth":1}"#, 1, 1),
        (r#"{"maxWidth":60,"maxHeight":40}"#, 60, 40),
        (r#"{"maxWidth":16384,"maxHeight":16384}"#, 60, 40),
    ] {
        for target in targets(Source::Image) {
            let (facts, ..) = converted(&file, *target, json);
            assert_eq!((facts.width, facts.height), (width, height), "{json} {target:?}");
        }
    }
    let large = encoded(&quarters(1000, 300).into(), ImageFormat::Png);
    let (facts, ..) = converted(&large, Target::Ico, "{}");
    assert_eq!((facts.width, facts.height), (256, 77));
    assert_eq!(converted(&large, Target::Ico, r#"{"maxWidth":32}"#).0.width, 32);
}

#[test]
fn transparency_is_kept_or_laid_onto_the_background() {
    let half = RgbaImage::from_fn(8, 8, |x, _| Rgba([200, 0, 0, if x < 4 { 255 } else { 0 }]));
    let file = encoded(&half.into(), ImageFormat::Png);
    for target in [Target::Png, Target::Webp, Target::Tiff, Target::Ico, Target::Gif] {
        let image = converted(&file, target, "{}").1.to_rgba8();
        assert_eq!(
            (image.get_pixel(1, 1).0, image.get_pixel(6, 1)[3]),
            ([200, 0, 0, 255], 0),
            "{target:?}"
        );
    }
    for target in [Target::Jpeg, Target::Bmp] {
        for (json, want) in
            [("{}", [255, 255, 255]), (r##"{"background":"#102080"}"##, [16, 32, 128])]
        {
            let image = converted(&file, target, json).1;
            assert!(!image.color().has_alpha());
            let pixel = image.to_rgb8().get_pixel(7, 4).0;
            assert!(alike([pixel; 4], [want; 4], 8), "{target:?} {pixel:?}");
        }
    }
}

#[test]
fn quality_is_a_matter_of_size() {
    let noise = RgbaImage::from_fn(200, 200, |x, y| {
        Rgba([(x * y) as u8, (x * 7) as u8, (y * 13) as u8, 255])
    });
    let file = encoded(&noise.into(), ImageFormat::Png);
    let size = |json| converted(&file, Target::Jpeg, json).2.len();
    assert!(size(r#"{"quality":10}"#) < size("{}") && size("{}") < size(r#"{"quality":95}"#));
    assert_eq!(size("{}"), size(r#"{"quality":80}"#));
    let webp = converted(&file, Target::Webp, "{}").1;
    assert_eq!(webp.to_rgb8(), image::load_from_memory(&file).unwrap().to_rgb8());
}

fn profile(space: &[u8; 4]) -> Vec<u8> {
    let mut profile = vec![0; 200];
    profile[..4].copy_from_slice(&200u32.to_be_bytes());
    profile[16..20].copy_from_slice(space);
    profile[36..40].copy_from_slice(b"acsp");
    profile
}

fn with_profile(profile: Vec<u8>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut file);
    encoder.set_icc_profile(profile).unwrap();
    encoder.write_image(&quarters(60, 40), 60, 40, image::ExtendedColorType::Rgba8).unwrap();
    file
}

fn profile_of(file: &[u8]) -> Option<Vec<u8>> {
    let reader = image::ImageReader::new(Cursor::new(file)).with_guessed_format().unwrap();
    reader.into_decoder().unwrap().icc_profile().unwrap()
}

#[test]
fn a_colour_profile_stays_where_it_can_unless_it_is_stripped() {
    let file = with_profile(profile(b"RGB "));
    for target in [Target::Png, Target::Jpeg, Target::Webp, Target::Tiff] {
        assert_eq!(
            profile_of(&converted(&file, target, "{}").2),
            Some(profile(b"RGB ")),
            "{target:?}"
        );
        let stripped = converted(&file, target, r#"{"stripMetadata":true}"#).2;
        assert_eq!(profile_of(&stripped), None, "{target:?}");
    }
    for wrong in [profile(b"CMYK"), profile(b"GRAY"), vec![1; 200], vec![2; 3]] {
        assert_eq!(profile_of(&converted(&with_profile(wrong), Target::Jpeg, "{}").2), None);
    }
}

#[test]
fn of_a_moving_picture_the_first_frame_is_taken() {
    let mut gif = Vec::new();
    let mut encoder = GifEncoder::new(&mut gif);
    let other = RgbaImage::from_pixel(60, 40, Rgba([0, 0, 0, 255]));
    encoder.encode_frames([Frame::new(quarters(60, 40)), Frame::new(other)]).unwrap();
    drop(encoder);
    assert!(inspect(Cursor::new(&gif)).unwrap().animated);
    let (facts, image, _) = converted(&gif, Target::Png, "{}");
    assert!(facts.animated && alike(corners(&image), corners(&quarters(60, 40).into()), 6));
    let again = converted(&gif, Target::Gif, "{}").2;
    assert!(!inspect(Cursor::new(&again)).unwrap().animated);
}

struct Stops<S> {
    inner: S,
    left: usize,
}

impl<S> Stops<S> {
    fn spend(&mut self, length: usize) -> io::Result<()> {
        assert!(length <= 256 * 1024);
        self.left = self.left.checked_sub(length).ok_or_else(|| io::Error::other("paused"))?;
        Ok(())
    }
}

impl<S: Read> Read for Stops<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(into)?;
        self.spend(length).map(|()| length)
    }
}

impl<S: Seek> Seek for Stops<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl<S: Write> Write for Stops<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.spend(from.len())?;
        self.inner.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[test]
fn a_stream_that_stops_is_never_called_damaged_content() {
    let noise = RgbaImage::from_fn(300, 300, |x, y| {
        Rgba([(x * y) as u8, (x * x * 7) as u8, (y ^ x) as u8, 255])
    });
    let noise: DynamicImage = noise.into();
    for format in FORMATS.into_iter().filter(|format| *format != ImageFormat::Ico) {
        let file = match format {
            ImageFormat::Jpeg => encoded(&noise.to_rgb8().into(), format),
            _ => encoded(&noise, format),
        };
        for left in [0, 10, 3000, file.len() / 2, file.len() - 1] {
            let source = BufReader::with_capacity(1024, Stops { inner: Cursor::new(&file), left });
            let error =
                convert(source, Target::Bmp, &Options::default(), &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), Kind::Io, "{format:?} after {left}");
        }
    }
    let file = encoded(&noise, ImageFormat::Png);
    for target in targets(Source::Image) {
        for left in [0, 10_000] {
            let mut sink = Stops { inner: Vec::new(), left };
            let error =
                convert(Cursor::new(&file), *target, &Options::default(), &mut sink).unwrap_err();
            assert_eq!(error.kind(), Kind::Io, "{target:?} after {left}");
        }
    }
}
