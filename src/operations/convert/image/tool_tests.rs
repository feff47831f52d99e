//! What ImageMagick writes is read, and what is written ImageMagick reads. Without it on the machine there is nothing to check.

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use image::ImageFormat;

use super::tests::{encoded, options, quarters, sample};
use super::*;
use crate::operations::convert::targets;

/// What a program says, or `None` when it is not installed.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let outcome = Command::new(program).args(arguments).output().ok()?;
    let error = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{program} {arguments:?}: {error}");
    Some(String::from_utf8_lossy(&outcome.stdout).trim().to_owned())
}

/// There are stand-ins for `convert`, but none for this one.
fn is_installed() -> bool {
    said("identify", &["-version"]).is_some()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn imagemagick_and_file_know_what_is_written() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pictures = [
        sample(ImageFormat::Png),
        encoded(&quarters(700, 50).into(), ImageFormat::Png),
        encoded(&image::DynamicImage::from(quarters(60, 40)).to_luma8().into(), ImageFormat::Png),
    ];
    for picture in &pictures {
        for target in targets(Source::Image) {
            let file = folder.path().join(format!("a.{}", target.extension()));
            let mut sink = std::fs::File::create(&file).unwrap();
            let facts = convert(Cursor::new(picture), *target, &options("{}"), &mut sink).unwrap();
            let seen = said("identify", &["-regard-warnings", "-format", "%m %w %h", path(&file)])
                .unwrap();
            let name = match target {
                Target::Jpeg => "jpeg",
                // What is inside.
                Target::Ico => "png",
                _ => target.extension(),
            };
            assert_eq!(
                seen.to_lowercase().replace("bmp3", "bmp"),
                format!("{name} {} {}", facts.width, facts.height)
            );
            let colour = said(
                "convert",
                &[path(&file), "-depth", "8", "-format", "%[pixel:p{2,2}]", "info:"],
            )
            .unwrap();
            assert!(!colour.contains("none") && !colour.contains(",0)"), "{target:?}: {colour}");
            if let Some(kind) = said("file", &["--brief", "--mime-type", path(&file)]) {
                assert!(
                    kind == target.content_type() || kind == "image/x-ms-bmp",
                    "{target:?}: {kind}"
                );
            }
        }
    }
}

#[test]
fn what_imagemagick_writes_is_read() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original.png");
    std::fs::write(&original, sample(ImageFormat::Png)).unwrap();
    let want = image::DynamicImage::from(quarters(60, 40)).to_rgb8();
    for (name, arguments) in [
        ("progressive.jpg", &["-interlace", "Plane"][..]),
        ("halved.jpg", &["-sampling-factor", "2x2"]),
        ("cmyk.jpg", &["-colorspace", "CMYK"]),
        ("gray.jpg", &["-colorspace", "Gray"]),
        ("interlaced.png", &["-interlace", "PNG"]),
        ("palette.png", &["-type", "Palette"]),
        ("deep.png", &["-depth", "16"]),
        ("lossy.webp", &["-quality", "80"]),
        ("lossless.webp", &["-define", "webp:lossless=true"]),
        ("interlaced.gif", &["-interlace", "GIF"]),
        ("lzw.tiff", &["-compress", "LZW"]),
        ("zip.tiff", &["-compress", "Zip"]),
        ("packed.tiff", &["-compress", "RLE"]),
        ("big.tiff", &["-endian", "MSB"]),
        ("deep.tiff", &["-depth", "16"]),
        ("packed.bmp", &["-type", "Palette", "-compress", "RLE"]),
        ("old.bmp", &["-alpha", "off", "-define", "bmp:format=bmp3"]),
        ("a.ico", &[]),
    ] {
        let file = folder.path().join(name);
        let mut all = vec![path(&original)];
        all.extend(arguments);
        all.push(path(&file));
        said("convert", &all).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let mut sink = Vec::new();
        let facts = convert(Cursor::new(&bytes), Target::Png, &options("{}"), &mut sink)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((facts.width, facts.height, facts.animated), (60, 40, false), "{name}");
        let got = image::load_from_memory(&sink).unwrap().to_rgb8();
        let off = |x, y| {
            let (got, want): (&image::Rgb<u8>, &image::Rgb<u8>) =
                (got.get_pixel(x, y), want.get_pixel(x, y));
            (0..3).map(|at| got[at].abs_diff(want[at])).max().unwrap_or(0)
        };
        let worst =
            [(10, 10), (50, 10), (10, 30), (50, 30)].map(|(x, y)| off(x, y)).into_iter().max();
        assert!(name == "gray.jpg" || worst < Some(40), "{name} is off by {worst:?}");
    }
}

#[test]
fn a_moving_picture_of_any_kind_is_seen_to_move() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original.png");
    std::fs::write(&original, sample(ImageFormat::Png)).unwrap();
    for name in ["moving.gif", "moving.webp"] {
        let file = folder.path().join(name);
        let frames =
            ["-delay", "10", path(&original), "(", path(&original), "-negate", ")", path(&file)];
        said("convert", &frames).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        assert!(inspect(Cursor::new(&bytes)).unwrap().animated, "{name}");
        let mut sink = Vec::new();
        convert(Cursor::new(&bytes), Target::Png, &options("{}"), &mut sink).unwrap();
        let pixel = image::load_from_memory(&sink).unwrap().to_rgb8().get_pixel(5, 5).0;
        assert!(pixel[0] > 180 && pixel[1] < 60, "{name}: {pixel:?}");
    }
}
