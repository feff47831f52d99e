//! Pictures that lie, end early, or are none.

use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;

use super::tests::{encoded, options, quarters, sample};
use super::*;

const FORMATS: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Ico,
];

fn refused(file: &[u8]) -> [Error; 2] {
    let began = Instant::now();
    let seen = inspect(Cursor::new(file)).unwrap_err();
    let made =
        convert(Cursor::new(file), Target::Png, &options("{}"), &mut Vec::new()).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
    [seen, made]
}

fn patched(format: ImageFormat, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = sample(format);
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// The sample in PNG with another size, and a checksum that agrees with it.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut file = sample(ImageFormat::Png);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32fast::hash(&file[12..29]);
    file[29..33].copy_from_slice(&sum.to_be_bytes());
    file
}

#[test]
fn a_picture_that_says_it_is_huge_is_refused_with_its_size() {
    for (file, size) in [
        (png_of(50_000, 50_000), "50000 x 50000"),
        (png_of(u32::MAX, 1), "4294967295 x 1"),
        (png_of(16_385, 1), "16385 x 1"),
        (png_of(10_001, 10_000), "10001 x 10000"),
        (patched(ImageFormat::Gif, 6, &[0xff; 4]), "65535 x 65535"),
        (patched(ImageFormat::Bmp, 18, &[0x50, 0xc3, 0, 0, 0x50, 0xc3, 0, 0]), "50000 x 50000"),
    ] {
        for error in refused(&file) {
            assert_eq!(error.kind(), Kind::ContentLimit, "{error}");
            assert!(error.message().contains(size), "{error}");
        }
    }
    let jpeg = sample(ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    for error in refused(&patched(ImageFormat::Jpeg, frame + 5, &[0xff; 4])) {
        assert_eq!(error.kind(), Kind::ContentLimit, "{error}");
        assert!(error.message().contains("65535 x 65535"), "{error}");
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused_before_it_is_decoded() {
    // 16 bits in four channels.
    let mut deep = png_of(10_000, 10_000);
    deep[24..26].copy_from_slice(&[16, 6]);
    let sum = crc32fast::hash(&deep[12..29]);
    deep[29..33].copy_from_slice(&sum.to_be_bytes());
    for error in refused(&deep) {
        assert_eq!(error.kind(), Kind::ContentLimit, "{error}");
        assert!(error.message().contains("762 MiB"), "{error}");
    }
    // The coefficients of a progressive picture.
    let jpeg = sample(ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let mut progressive = jpeg.clone();
    progressive[frame + 1] = 0xc2;
    progressive[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x10]);
    for error in refused(&progressive) {
        assert_eq!(error.kind(), Kind::ContentLimit, "{error}");
    }
    progressive[frame + 1] = 0xc0;
    assert!(inspect(Cursor::new(&progressive)).is_ok());
    let facts = Facts { width: 10_000, height: 10_000, animated: false, decode_bytes: 400_000_000 };
    assert!(memory_bytes(&facts, 10_000, 10_000, Target::Png) < MEMORY_BYTES_MAX);
    assert!(memory_bytes(&facts, 10_000, 10_000, Target::Webp) > MEMORY_BYTES_MAX);
    assert_eq!(memory_bytes(&facts, 100, 100, Target::Webp), 400_000_000);
}

#[test]
fn a_frame_of_webp_may_not_be_larger_than_the_picture() {
    let plain = encoded(&quarters(60, 40).into(), ImageFormat::WebP);
    let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    file.extend([59, 0, 0, 39, 0, 0]);
    file.extend(&plain[12..]);
    let length = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&length);
    assert_eq!(inspect(Cursor::new(&file)).unwrap().width, 60);
    file[24] = 20;
    for error in refused(&file) {
        assert_eq!(error.kind(), Kind::ContentInvalid, "{error}");
    }
}

/// A file of `length` zeros behind `head`, without the memory for them.
struct Sparse {
    head: Vec<u8>,
    at: u64,
    length: u64,
}

impl Read for Sparse {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let left = self.length.saturating_sub(self.at).min(into.len() as u64) as usize;
        for (offset, byte) in into[..left].iter_mut().enumerate() {
            *byte = self.head.get(self.at as usize + offset).copied().unwrap_or(0);
        }
        self.at += left as u64;
        Ok(left)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.length.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn a_file_that_must_be_held_in_memory_has_a_limit() {
    for (format, length) in
        [(ImageFormat::Jpeg, (128 << 20) + 1), (ImageFormat::Png, (1 << 30) + 1)]
    {
        let source = BufReader::new(Sparse { head: sample(format), at: 0, length });
        let error = inspect(source).unwrap_err();
        assert_eq!(error.kind(), Kind::ContentLimit, "{error}");
    }
}

#[test]
fn the_headers_of_a_long_file_are_all_that_is_read_of_it() {
    struct Counted<R>(R, u64);
    impl<R: Read> Read for Counted<R> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let length = self.0.read(into)?;
            self.1 += length as u64;
            Ok(length)
        }
    }
    impl<R: Seek> Seek for Counted<R> {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    for format in FORMATS {
        let mut source = Counted(Sparse { head: sample(format), at: 0, length: 100 << 20 }, 0);
        inspect(BufReader::new(&mut source)).unwrap();
        assert!(source.1 < 200_000, "{format:?} read {}", source.1);
    }
}

#[test]
fn a_picture_that_is_cut_short_is_refused() {
    for format in FORMATS {
        let file = sample(format);
        let shorter = if format == ImageFormat::Png { file.len() - 12 } else { file.len() };
        for length in [0, 1, 8, 20, shorter / 2, shorter * 9 / 10] {
            let outcome =
                convert(Cursor::new(&file[..length]), Target::Bmp, &options("{}"), &mut Vec::new());
            let error = outcome.expect_err(&format!("{format:?} of {length} bytes"));
            assert_eq!(error.kind(), Kind::ContentInvalid, "{format:?} of {length} bytes: {error}");
        }
    }
}

#[test]
fn an_icon_may_hold_any_png() {
    let png = encoded(&DynamicImage::from(quarters(48, 48)).to_rgb8().into(), ImageFormat::Png);
    let mut icon = vec![0, 0, 1, 0, 1, 0, 48, 48, 0, 0, 1, 0, 32, 0];
    icon.extend((png.len() as u32).to_le_bytes());
    icon.extend(22u32.to_le_bytes());
    icon.extend(png);
    let facts = convert(Cursor::new(icon), Target::Png, &options("{}"), &mut Vec::new()).unwrap();
    assert_eq!((facts.width, facts.height), (48, 48));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damaged_pictures_never_panic(
        format in 0usize..FORMATS.len(),
        target in 0usize..7,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        whole: bool,
    ) {
        let mut file = small(FORMATS[format]);
        for (at, byte) in changes {
            let length = file.len();
            file[at.index(length.min(200))] = byte;
        }
        if !whole {
            file.truncate(cut.index(file.len() + 1));
        }
        let target = crate::operations::convert::targets(Source::Image)[target];
        let _ = inspect(Cursor::new(&file));
        let _ = convert(Cursor::new(&file), target, &options(r#"{"maxWidth":64}"#), &mut Vec::new());
    }

    #[test]
    fn random_bytes_never_panic(format in 0usize..FORMATS.len(), tail in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut file = small(FORMATS[format])[..16].to_vec();
        file.extend(tail);
        prop_assert!(inspect(Cursor::new(&file)).is_err() || file.len() > 16);
        let _ = convert(Cursor::new(&file), Target::Png, &options(r#"{"maxWidth":64}"#), &mut Vec::new());
    }
}

fn small(format: ImageFormat) -> Vec<u8> {
    let image = DynamicImage::from(quarters(16, 12));
    match format {
        ImageFormat::Jpeg => encoded(&image.to_rgb8().into(), format),
        _ => encoded(&image, format),
    }
}
