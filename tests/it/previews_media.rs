//! What lists say of sound, films and texts; each file is made here byte by byte.

use serde_json::{Map, Value, json};

use crate::encryption::{file_id, look};
use crate::harness::client::Client;
use crate::harness::pictures::{ON, looked};
use crate::harness::{TestDrive, bytes};

async fn facts(user: &Client, file: &Value) -> Value {
    let mut facts = look(user, file_id(file)).await["metadata"].clone();
    let shown = facts.as_object_mut().unwrap();
    shown.remove("lastModified");
    shown.remove("plainSize");
    facts
}

fn atom(name: &[u8], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), name, content].concat()
}

/// A film of 12.5 seconds, taken upright: 1920 wide and 1080 high, shown the other way. With a place.
fn mp4() -> Vec<u8> {
    // 2024-05-01T10:20:30Z, in seconds since 1904.
    let created = (1_714_558_830u32 + 2_082_844_800).to_be_bytes();
    let mvhd =
        [&[0; 4][..], &created, &created, &600u32.to_be_bytes(), &7500u32.to_be_bytes(), &[0; 80]]
            .concat();
    let one = 0x1_0000u32;
    let matrix = [0, one, 0, one, 0, 0, 0, 0, 0x4000_0000u32].map(u32::to_be_bytes).concat();
    let size = [1920u32 << 16, 1080 << 16].map(u32::to_be_bytes).concat();
    let tkhd = [&[0; 40][..], &matrix, &size].concat();
    let udta = atom(b"udta", &atom(b"\xa9xyz", b"\0\x12\x15\xc7+48.1234+011.5678/"));
    let sound = atom(b"trak", &atom(b"tkhd", &[0; 84]));
    let film = atom(b"trak", &[atom(b"tkhd", &tkhd), atom(b"mdia", &[0; 40])].concat());
    let moov = atom(b"moov", &[atom(b"mvhd", &mvhd), sound, film, udta].concat());
    [atom(b"ftyp", b"isom\0\0\x02\0mp42"), atom(b"mdat", &bytes(1, 100_000)), moov].concat()
}

fn wav() -> Vec<u8> {
    let rate = 8000u32;
    let form = [&[1, 0, 1, 0][..], &rate.to_le_bytes(), &(rate * 2).to_le_bytes(), &[2, 0, 16, 0]]
        .concat();
    let data = vec![0; 40_000];
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    file.extend(form);
    file.extend(b"LIST\x03\0\0\0abc\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn flac() -> Vec<u8> {
    let packed = 44_100u64 << 44 | 1 << 41 | 15 << 36 | 88_200;
    [&b"fLaC\x80\0\0\x22"[..], &[0; 10], &packed.to_be_bytes(), &[0; 16]].concat()
}

/// One frame of MPEG 1, layer III, 128 kbit/s, 44.1 kHz: 417 bytes.
fn mp3_frame() -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
    frame
}

fn mp3(frames: usize, told: Option<u32>) -> Vec<u8> {
    let mut first = mp3_frame();
    if let Some(told) = told {
        first[36..44].copy_from_slice(b"Xing\0\0\0\x01");
        first[44..48].copy_from_slice(&told.to_be_bytes());
    }
    let tag = [&b"ID3\x04\0\0\0\0\x02\0"[..], &[0; 256]].concat();
    [tag, first, mp3_frame().repeat(frames - 1)].concat()
}

fn opus() -> Vec<u8> {
    let page = |position: u64, body: &[u8]| {
        let mut page = b"OggS\0\x02".to_vec();
        page.extend(position.to_le_bytes());
        page.extend([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, body.len() as u8]);
        page.extend(body);
        page
    };
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
    [page(0, head), page(48_000 * 3 + 312, &[0; 200])].concat()
}

fn webm() -> Vec<u8> {
    let element = |id: &[u8], content: &[u8]| {
        [id, &[0x40 | (content.len() >> 8) as u8, content.len() as u8], content].concat()
    };
    let info = element(
        &[0x15, 0x49, 0xa9, 0x66],
        &[
            element(&[0x2a, 0xd7, 0xb1], &1_000_000u32.to_be_bytes()),
            element(&[0x44, 0x89], &2500f64.to_be_bytes()),
        ]
        .concat(),
    );
    let video = element(
        &[0xe0],
        &[element(&[0xb0], &[0x05, 0x00]), element(&[0xba], &[0x02, 0xd0])].concat(),
    );
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &video));
    let head = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"webm"));
    let segment = [
        &[0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
        &info,
        &tracks,
    ]
    .concat();
    [head, segment].concat()
}

#[tokio::test]
async fn sound_and_films_tell_how_long_and_how_large_they_are() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let mut files = Vec::new();
    for (name, content, wanted) in [
        (
            "film.mp4",
            mp4(),
            json!({ "width": 1080, "height": 1920, "durationMs": 12_500, "takenAt": "2024-05-01T10:20:30.000Z" }),
        ),
        ("film.webm", webm(), json!({ "width": 1280, "height": 720, "durationMs": 2500 })),
        ("a.wav", wav(), json!({ "durationMs": 2500 })),
        ("a.flac", flac(), json!({ "durationMs": 2000 })),
        ("constant.mp3", mp3(100, None), json!({ "durationMs": 2606 })),
        ("variable.mp3", mp3(10, Some(441)), json!({ "durationMs": 11_520 })),
        ("a.opus", opus(), json!({ "durationMs": 3000 })),
        ("damaged.mp4", mp4()[..60].to_vec(), json!({})),
        ("damaged.wav", wav()[..30].to_vec(), json!({})),
    ] {
        files.push((user.upload(name, &content, json!({})).await, wanted));
    }
    looked(&drive).await;
    for (file, wanted) in &files {
        assert_eq!(facts(&user, file).await, *wanted, "{}", file["name"]);
        assert_eq!(look(&user, file_id(file)).await["hasThumbnail"], false);
    }
    let place = "select count(*) from previews where metadata like '%48.1234%'";
    assert_eq!(drive.db().query_row(place, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn of_texts_the_beginning_is_shown() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let long = format!("a{}", "é".repeat(600));
    let mut files = Vec::new();
    for (name, content, wanted) in [
        ("a.txt", b"\xef\xbb\xbfhello\nworld".to_vec(), Some("hello\nworld".to_owned())),
        ("a.json", b"{\"a\":1}".to_vec(), Some("{\"a\":1}".to_owned())),
        ("long.md", long.as_bytes().to_vec(), Some(long.chars().take(512).collect())),
        (
            "huge.csv",
            "é,".repeat(9000).into_bytes(),
            Some(format!("{}é", "é,".repeat(341))[..1023].to_owned()),
        ),
        ("latin.txt", b"caf\xe9".to_vec(), None),
        ("zero.txt", b"a\0b".to_vec(), None),
        ("empty.txt", Vec::new(), None),
        ("a.bin", b"hello".to_vec(), None),
    ] {
        files.push((user.upload(name, &content, json!({})).await, wanted));
    }
    looked(&drive).await;
    for (file, wanted) in files {
        let mut shown = Map::new();
        if let Some(text) = wanted {
            assert!(text.len() <= 1024);
            shown.insert("textHead".to_owned(), text.into());
        }
        assert_eq!(facts(&user, &file).await, Value::Object(shown), "{}", file["name"]);
    }
}
