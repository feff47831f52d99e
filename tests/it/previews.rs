//! Thumbnails and facts of pictures, as tasks make them: for whom, of what, and when they go.

use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgba, RgbaImage};
use serde_json::{Value, json};

use crate::encryption::{file_id, look};
use crate::harness::client::Answer;
use crate::harness::pictures::{ON, PLACE, looked, picture, quarters, thumbnail, with_exif};
use crate::harness::socket::Socket;
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes};

fn opened(answer: &Answer) -> DynamicImage {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), "image/webp");
    image::load_from_memory_with_format(&answer.body, ImageFormat::WebP).unwrap()
}

fn size(image: &DynamicImage) -> (u32, u32) {
    (image.width(), image.height())
}

/// The thumbnails on the disk.
fn kept(drive: &TestDrive) -> Vec<PathBuf> {
    let names = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    names(drive.data_dir().join("previews")).into_iter().flat_map(names).collect()
}

fn count(drive: &TestDrive, sql: &str) -> i64 {
    drive.db().query_row(sql, [], |row| row.get(0)).unwrap()
}

const TASKS: &str = "select count(*) from tasks where unique_key = 'makePreviews'";

#[tokio::test]
async fn pictures_of_every_kind_get_thumbnails_and_facts() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let mut files = Vec::new();
    for (format, ending, side) in [
        (ImageFormat::Jpeg, "jpg", 1080),
        (ImageFormat::Png, "png", 360),
        (ImageFormat::WebP, "webp", 360),
        (ImageFormat::Gif, "gif", 360),
        (ImageFormat::Bmp, "bmp", 360),
        (ImageFormat::Tiff, "tiff", 360),
    ] {
        let content = picture(side, side / 3 * 2, format);
        let made = user.upload(&format!("a.{ending}"), &content, json!({})).await;
        let seen = (&made["hasThumbnail"], &made["metadata"]["width"]);
        assert_eq!(seen, (&json!(false), &Value::Null));
        files.push((made, content, side));
    }
    looked(&drive).await;
    for (file, content, side) in &files {
        let file = look(&user, file_id(file)).await;
        let id = file_id(&file);
        assert_eq!(file["hasThumbnail"], true, "{file}");
        let facts = &file["metadata"];
        assert_eq!((&facts["width"], &facts["height"]), (&json!(side), &json!(side / 3 * 2)));
        let small = thumbnail(&user, id, "").await;
        assert_eq!(size(&opened(&small)), (256, 171));
        assert_eq!(thumbnail(&user, id, "?size=256").await.body, small.body);
        for query in ["?size=257", "?size=1024", "?size=16384"] {
            assert_eq!(
                size(&opened(&thumbnail(&user, id, query).await)),
                ((*side).min(1024), (side / 3 * 2).min(683))
            );
        }
        assert!(small.body.len() < 20_000, "{} bytes", small.body.len());
        assert!(small.header("cache-control").starts_with("private"));
        assert_eq!(small.header("x-content-type-options"), "nosniff");
        let etag = small.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.len() > 20, "{etag}");
        let request = user.request(reqwest::Method::GET, &format!("/api/files/{id}/thumbnail"));
        let again = user.send(request.header("if-none-match", &etag)).await;
        assert_eq!(
            (again.status.as_u16(), again.header("etag"), again.body.len()),
            (304, &*etag, 0)
        );
        assert_eq!(&user.content(id).await, content, "the original is what it was");
    }
    let (listed, _) = user.list("/api/files").await;
    for file in listed.as_array().unwrap() {
        assert_eq!(*file, look(&user, file_id(file)).await);
    }
    let stored: u64 = files.iter().map(|(_, content, _)| content.len() as u64).sum();
    assert_eq!(user.get("/api/quota").await.ok()["used"], stored, "thumbnails cost nothing");
    for wrong in ["size=0", "size=16385", "size=x", "width=1"] {
        thumbnail(&user, file_id(&files[0].0), &format!("?{wrong}"))
            .await
            .refused(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn a_camera_is_shown_and_the_place_nowhere() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let content = with_exif(&picture(600, 400, ImageFormat::Jpeg));
    let file = user.upload("a.jpg", &content, json!({})).await;
    looked(&drive).await;
    let file = look(&user, file_id(&file)).await;
    let shown = json!({ "width": 400, "height": 600, "orientation": 6, "takenAt": "2024-05-01T10:20:30",
        "cameraMake": "Maker", "cameraModel": "Model 5", "lastModified": null, "plainSize": null });
    assert_eq!(file["metadata"], shown);
    let small = thumbnail(&user, file_id(&file), "").await;
    let image = opened(&small).to_rgb8();
    assert_eq!(image.dimensions(), (171, 256));
    // Turned to the right: the lower left corner, which was blue, is the upper left one now.
    let corner = image.get_pixel(20, 20).0;
    assert!(corner[2] > 180 && corner[0] < 70, "{corner:?}");
    for kept in kept(&drive) {
        let thumbnail = std::fs::read(kept).unwrap();
        assert!(
            !thumbnail.windows(4).any(|four| four == b"EXIF" || four == &PLACE.as_bytes()[..4])
        );
    }
    let rows = "select count(*) from previews where metadata like '%48%' or metadata like '%gps%'";
    assert_eq!(count(&drive, rows), 0);
    let place = |text: &[u8]| text.windows(PLACE.len()).any(|part| part == PLACE.as_bytes());
    assert!(place(&content) && place(&user.content(file_id(&file)).await));
    for path in ["/api/files", "/api/events", "/api/tasks"] {
        assert!(!place(&user.get(path).await.body), "{path}");
    }
    drop(user);
    let database = std::fs::read(drive.data_dir().join("drive.db-wal")).unwrap_or_default();
    assert!(!place(&database));
}

/// A PNG file that says it is 60,000 pixels wide and high.
fn lying() -> Vec<u8> {
    let mut file = picture(10, 10, ImageFormat::Png);
    for at in [16, 20] {
        file[at..at + 4].copy_from_slice(&60_000u32.to_be_bytes());
    }
    let sum = crc(&file[12..29]).to_be_bytes();
    file[29..33].copy_from_slice(&sum);
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}

#[tokio::test]
async fn what_lies_or_is_damaged_has_no_thumbnail_and_is_not_tried_again() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let jpeg = picture(900, 600, ImageFormat::Jpeg);
    let noise = [&jpeg[..300], &bytes(1, 5000), &[0xff, 0xd9]].concat();
    let cases = [
        ("lying.png", lying(), Value::Null),
        ("cut.jpg", jpeg[..jpeg.len() / 2].to_vec(), json!(900)),
        ("noise.jpg", noise, Value::Null),
        ("none.png", b"this is no picture".to_vec(), Value::Null),
        ("empty.gif", Vec::new(), Value::Null),
    ];
    let mut files = Vec::new();
    for (name, content, _) in &cases {
        files.push(user.upload(name, content, json!({})).await);
    }
    looked(&drive).await;
    let tasks = count(&drive, TASKS);
    for ((name, content, width), file) in cases.iter().zip(&files) {
        let id = file_id(file);
        let file = look(&user, id).await;
        assert_eq!(file["hasThumbnail"], false, "{name}");
        if *name != "noise.jpg" {
            assert_eq!(file["metadata"]["width"], *width, "{name}");
        }
        thumbnail(&user, id, "").await.refused(404, "NO_THUMBNAIL");
        assert_eq!(&user.content(id).await, content);
    }
    assert!(kept(&drive).is_empty());
    let passed = "select group_concat(error_code, ' ') from (select error_code from task_items \
                  where state = 3 order by name)";
    let codes: String = drive.db().query_row(passed, [], |row| row.get(0)).unwrap();
    assert_eq!(codes, "CONTENT_INVALID CONTENT_LIMIT CONTENT_INVALID");
    assert_eq!(count(&drive, "select count(*) from tasks where status = 4"), 0, "nothing failed");
    let good = user.upload("good.jpg", &jpeg, json!({})).await;
    looked(&drive).await;
    assert_eq!(
        count(&drive, TASKS),
        tasks + 1,
        "one more for one more file, and none for the damaged ones"
    );
    assert_eq!(thumbnail(&user, file_id(&good), "").await.status, 200);
}

#[tokio::test]
async fn of_a_moving_picture_the_first_frame_is_shown() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let mut content = Vec::new();
    let frame = |colour| Frame::new(RgbaImage::from_pixel(64, 48, Rgba(colour)));
    GifEncoder::new(&mut content)
        .encode_frames([frame([255, 0, 0, 255]), frame([0, 0, 255, 255])])
        .unwrap();
    let file = user.upload("a.gif", &content, json!({})).await;
    looked(&drive).await;
    let image = opened(&thumbnail(&user, file_id(&file), "?size=1024").await).to_rgb8();
    assert_eq!(image.dimensions(), (64, 48), "nothing is enlarged");
    let pixel = image.get_pixel(30, 20).0;
    assert!(pixel[0] > 230 && pixel[2] < 30, "{pixel:?}");
}

#[tokio::test]
async fn strangers_see_none_and_encrypted_files_have_none() {
    let drive = TestDrive::spawn_with(&ON);
    let (user, stranger) = (drive.user("ada").await, drive.user("eve").await);
    let content = picture(500, 400, ImageFormat::Png);
    let locked =
        user.upload("locked.png", &content, json!({ "encryptPassword": "open sesame" })).await;
    let file = user.upload("a.png", &content, json!({})).await;
    looked(&drive).await;
    let id = file_id(&file);
    assert_eq!(thumbnail(&user, id, "").await.status, 200);
    thumbnail(&stranger, id, "").await.refused(404, "NOT_FOUND");
    thumbnail(&drive.nobody(), id, "").await.refused(401, "NOT_SIGNED_IN");
    thumbnail(&user, file_id(&locked), "").await.refused(404, "NO_THUMBNAIL");
    assert_eq!(look(&user, file_id(&locked)).await["hasThumbnail"], false);
    assert_eq!(kept(&drive).len(), 2);

    let wish = json!({ "fileIds": [id], "password": "open sesame" });
    assert_eq!(user.run("FileEncrypt", wish.clone()).await["status"], "Completed");
    let now = look(&user, id).await;
    assert_eq!((&now["hasThumbnail"], &now["metadata"]["width"]), (&json!(false), &Value::Null));
    thumbnail(&user, id, "").await.refused(404, "NO_THUMBNAIL");
    drive.swept().await;
    assert_eq!(kept(&drive), Vec::<PathBuf>::new(), "what showed the plain picture is gone");
    assert_eq!(user.run("FileDecrypt", wish).await["status"], "Completed");
    looked(&drive).await;
    assert_eq!(thumbnail(&user, id, "").await.status, 200);
}

#[tokio::test]
async fn thumbnails_go_with_the_last_file_that_shows_the_object() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let file = user.upload("a.png", &picture(500, 400, ImageFormat::Png), json!({})).await;
    looked(&drive).await;
    let wish = json!({ "operationType": "copy", "targetIds": [file["id"]], "operationParameters": { "targetFolder": "/b" } });
    assert_eq!(user.run("BulkOperation", wish).await["status"], "Completed");
    let (copies, _) = user.list("/api/files?folder=/b").await;
    let copy = file_id(&copies[0]);
    assert_eq!(copies[0]["hasThumbnail"], true, "a copy has it at once");

    user.delete(&format!("/api/files/{}?permanent=true", file_id(&file))).await;
    drive.swept().await;
    assert_eq!((kept(&drive).len(), thumbnail(&user, copy, "").await.status.as_u16()), (2, 200));
    user.delete(&format!("/api/files/{copy}?permanent=true")).await;
    drive.swept().await;
    assert_eq!((kept(&drive).len(), count(&drive, "select count(*) from previews")), (0, 0));
    thumbnail(&user, copy, "").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_thumbnail_that_is_missing_or_torn_is_made_again() {
    let drive = TestDrive::spawn_with(&ON);
    let user = drive.user("ada").await;
    let file = user.upload("a.png", &picture(500, 400, ImageFormat::Png), json!({})).await;
    let id = file_id(&file);
    looked(&drive).await;
    let before = thumbnail(&user, id, "").await;
    for harm in [
        |path: &PathBuf| std::fs::remove_file(path).unwrap(),
        |path: &PathBuf| std::fs::write(path, b"RIFF").unwrap(),
    ] {
        kept(&drive).iter().for_each(harm);
        thumbnail(&user, id, "").await.refused(404, "NO_THUMBNAIL");
        looked(&drive).await;
        let after = thumbnail(&user, id, "").await;
        assert_eq!((after.status.as_u16(), &after.body), (200, &before.body));
        assert_eq!(after.header("etag"), before.header("etag"));
    }
}

#[tokio::test]
async fn what_was_stored_before_becomes_one_task_and_few_events() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let mut image = quarters(40, 30).to_rgb8();
    for number in 0..130u8 {
        image.put_pixel(0, 0, image::Rgb([number; 3]));
        let mut content = Cursor::new(Vec::new());
        image.write_to(&mut content, ImageFormat::Png).unwrap();
        let name = format!("{number}.png");
        user.upload(&name, content.get_ref(), json!({})).await;
    }
    assert_eq!(count(&drive, "select count(*) from previews where pending = 1"), 130);
    let drive = drive.restart_with(&ON);
    let user = drive.signed_in("ada").await;
    let mut socket = Socket::connect(&user, "").await;
    looked(&drive).await;
    assert_eq!(count(&drive, TASKS), 1);
    assert_eq!(count(&drive, "select count(*) from previews where small is not null"), 130);
    let sql =
        "select json_extract(data, '$.count') from events where name = 'file.updated' order by seq";
    let db = drive.db();
    let mut statement = db.prepare(sql).unwrap();
    let told: Vec<i64> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(told, [100, 30]);
    let one = user.upload("one.png", &picture(300, 300, ImageFormat::Png), json!({})).await;
    let of_one = |event: &Value| event["data"]["fileId"] == one["id"];
    while !socket.until("file.updated").await.iter().any(of_one) {}
    looked(&drive).await;
}
