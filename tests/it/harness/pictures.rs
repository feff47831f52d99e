//! Pictures that tests send, and waiting for what is made of them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

use super::client::{Answer, Client};
use super::{TestDrive, eventually};

/// Settings with which previews are made, and at once.
pub const ON: [(&str, &str); 2] =
    [("DRIVE_PREVIEWS_ENABLED", "true"), ("DRIVE_PREVIEWS_SETTLE_SECONDS", "0")];

/// Four areas of one colour each, so that a turned picture shows.
pub fn quarters(width: u32, height: u32) -> DynamicImage {
    let at = |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgba([230, 20, 20, 255]),
        (false, true) => Rgba([20, 200, 20, 255]),
        (true, false) => Rgba([20, 20, 220, 255]),
        (false, false) => Rgba([240, 240, 240, 255]),
    };
    RgbaImage::from_fn(width, height, at).into()
}

pub fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = quarters(width, height);
    let image = if format == ImageFormat::Jpeg { image.to_rgb8().into() } else { image };
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Waits until nothing waits for a look any more, and the tasks that looked are over.
pub async fn looked(drive: &TestDrive) {
    let sql = "select (select count(*) from previews p join objects o on o.id = p.object_id \
               where p.pending = 1 and o.refs > 0) + \
               (select count(*) from tasks where unique_key = 'makePreviews' and status in (0, 1, 2))";
    eventually("previews are made", || {
        drive.db().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() == 0
    })
    .await;
}

pub async fn thumbnail(user: &Client, file: &str, query: &str) -> Answer {
    user.get(&format!("/api/files/{file}/thumbnail{query}")).await
}

/// A directory of an Exif block: entries of tag, type and what stands in their last four bytes.
fn directory(entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let mut bytes = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, count, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0; 4]);
    bytes
}

pub const PLACE: &str = "48 degrees north, at home";

/// Puts an Exif block into a JPEG file: taken upright, with a camera's name, a moment and a place.
pub fn with_exif(jpeg: &[u8]) -> Vec<u8> {
    let texts = ["Maker\0", "Model 5\0", "2024:05:01 10:20:30\0", PLACE];
    let (exif, gps) = (8 + 2 + 5 * 12 + 4, 8 + 2 + 5 * 12 + 4 + 2 + 12 + 4);
    let mut at = gps + 2 + 12 + 4;
    let places = texts.map(|text| {
        at += text.len() as u32;
        (text.len() as u32, at - text.len() as u32)
    });
    let text = |tag, number: usize| (tag, 2, places[number].0, places[number].1);
    let mut block = b"II*\0\x08\0\0\0".to_vec();
    let first = [
        text(0x010f, 0),
        text(0x0110, 1),
        (0x0112, 3, 1, 6),
        (0x8769, 4, 1, exif),
        (0x8825, 4, 1, gps),
    ];
    block.extend(directory(&first));
    block.extend(directory(&[text(0x9003, 2)]));
    block.extend(directory(&[text(0x001b, 3)]));
    block.extend(texts.concat().as_bytes());
    let mut file = jpeg[..2].to_vec();
    file.extend([0xff, 0xe1]);
    file.extend((block.len() as u16 + 8).to_be_bytes());
    file.extend(b"Exif\0\0");
    file.extend(block);
    file.extend(&jpeg[2..]);
    file
}
