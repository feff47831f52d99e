//! What a conversion takes is what it says.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::time::Instant;

use super::*;
use crate::operations::convert::alone::{alone, each_alone, forget_peak, held_bytes, peak_bytes};

/// Large enough that buffers and tables do not hide the picture; `DRIVE_TEST_SIDE` asks for more.
const SIDE: u32 = 1200;
const BUFFERS_BYTES: u64 = 3 << 20;

/// A BMP file full of noise, which is made while it is read. Each pixel has 3 or 4 channels.
struct Noise {
    head: Vec<u8>,
    at: u64,
    length: u64,
}

impl Noise {
    fn new(side: u32, channels: u32) -> Self {
        let head_bytes: u32 = if channels == 4 { 14 + 108 } else { 14 + 40 };
        let mut head = b"BM\0\0\0\0\0\0\0\0".to_vec();
        head.extend(head_bytes.to_le_bytes());
        head.extend((head_bytes - 14).to_le_bytes());
        head.extend([side.to_le_bytes(), side.to_le_bytes()].concat());
        head.extend([1, 0, channels as u8 * 8, 0]);
        head.extend(if channels == 4 { 3u32 } else { 0 }.to_le_bytes());
        head.resize(54, 0);
        for mask in [0xff_0000u32, 0xff00, 0xff, 0xff00_0000] {
            head.extend(mask.to_le_bytes());
        }
        head.resize(head_bytes as usize, 0);
        let length =
            u64::from(head_bytes) + u64::from(side) * u64::from(side) * u64::from(channels);
        Self { head, at: 0, length }
    }
}

impl Read for Noise {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.length.saturating_sub(self.at).min(into.len() as u64) as usize;
        let known = self.head.get(self.at as usize..).unwrap_or_default();
        let known = &known[..known.len().min(length)];
        into[..known.len()].copy_from_slice(known);
        let mut state = self.at | 1;
        for byte in &mut into[known.len()..length] {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Noise {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.length.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn a_conversion_takes_no_more_memory_than_it_says() {
    let side: u32 = std::env::var("DRIVE_TEST_SIDE").map_or(SIDE, |side| side.parse().unwrap());
    let cases = [
        (Target::Png, 4, "{}"),
        (Target::Jpeg, 4, r#"{"quality":100}"#),
        (Target::Webp, 4, "{}"),
        (Target::Gif, 4, "{}"),
        (Target::Tiff, 4, "{}"),
        (Target::Ico, 4, "{}"),
        (Target::Png, 4, r#"{"maxWidth":900}"#),
    ];
    let test =
        "operations::convert::image::memory_tests::a_conversion_takes_no_more_memory_than_it_says";
    each_alone(test, cases.len(), |number| {
        let (target, channels, json) = cases[number];
        let options: Options = serde_json::from_str(json).unwrap();
        let seen = inspect(BufReader::new(Noise::new(side, channels))).unwrap();
        forget_peak();
        let (before, began) = (held_bytes(), Instant::now());
        let source = BufReader::with_capacity(64 * 1024, Noise::new(side, channels));
        let made = convert(source, target, &options, &mut io::sink());
        if side > SIDE {
            println!(
                "{target:?} of {channels} channels: {:?}",
                made.as_ref().err().map(Error::message)
            );
        }
        let Ok(made) = made else { return };
        let grown = peak_bytes() - before;
        let said = memory_bytes(&seen, made.width, made.height, target);
        println!(
            "{grown} bytes of {said} in {:?} for {target:?} of {channels} channels",
            began.elapsed()
        );
        assert!(grown < said + BUFFERS_BYTES, "took {grown} bytes of {said}");
    });
}

/// A photograph as JPEG with four pixels for every three from left to right; no noise, no plain area.
fn photograph(height: u32) -> Vec<u8> {
    let wave = |at: u32, length: f32| ((at as f32 / length).sin() * 60.0 + 128.0) as u8;
    let image = image::RgbImage::from_fn(height / 3 * 4, height, |x, y| {
        image::Rgb([wave(x, 17.0), wave(y, 31.0), wave(x ^ y, 90.0)])
    });
    let mut file = io::Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Jpeg).unwrap();
    file.into_inner()
}

#[test]
fn thumbnails_take_no_more_memory_than_decoding_and_a_little() {
    const ENCODER_BYTES: u64 = 16 << 20;
    let side: u32 = std::env::var("DRIVE_TEST_SIDE").map_or(SIDE, |side| side.parse().unwrap());
    let test = "operations::convert::image::memory_tests::thumbnails_take_no_more_memory_than_decoding_and_a_little";
    alone(test, || {
        let file = photograph(side);
        let seen = inspect(io::Cursor::new(&file)).unwrap();
        forget_peak();
        let (before, began) = (held_bytes(), Instant::now());
        let made = thumbnail::thumbnails(io::Cursor::new(&file)).unwrap();
        let (grown, said) = (peak_bytes() - before, seen.decode_bytes);
        let sizes: Vec<_> = made.iter().map(|(_, file)| file.len()).collect();
        println!(
            "{grown} bytes of {said} in {:?} for {} x {}, {sizes:?}",
            began.elapsed(),
            seen.width,
            seen.height
        );
        assert!(grown < said + ENCODER_BYTES + BUFFERS_BYTES, "took {grown} bytes of {said}");
    });
}
