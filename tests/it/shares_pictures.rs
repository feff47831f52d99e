//! Pictures behind a link: a small one, a few facts, nothing of camera and place.

use image::ImageFormat;
use serde_json::json;

use crate::encryption::file_id;
use crate::harness::TestDrive;
use crate::harness::pictures::{ON, PLACE, looked, picture, with_exif};

#[tokio::test]
async fn a_link_shows_small_pictures_of_its_own_files_alone() {
    let drive = TestDrive::spawn_with(&ON);
    let (user, visitor) = (drive.user("ada").await, drive.nobody());
    let bundle = user.post("/api/bundles", json!({ "name": "b", "downloadLimit": 1 })).await.ok();
    let link = format!("/api/share/{}", bundle["slug"].as_str().unwrap());
    let content = with_exif(&picture(600, 400, ImageFormat::Jpeg));
    let shown = user.upload("a.jpg", &content, json!({ "bundleId": bundle["id"] })).await;
    let other = user.upload("b.png", &picture(500, 300, ImageFormat::Png), json!({})).await;
    looked(&drive).await;

    let list = visitor.get(&link).await;
    let place = |text: &[u8]| text.windows(PLACE.len()).any(|part| part == PLACE.as_bytes());
    assert!(!place(&list.body));
    let file = list.ok()["files"][0].clone();
    let facts = json!({ "width": 400, "height": 600, "takenAt": "2024-05-01T10:20:30" });
    assert_eq!(file["metadata"], facts);

    let small = visitor.get(&format!("{}?size=256", file["thumbnailUrl"].as_str().unwrap())).await;
    assert_eq!((small.status.as_u16(), small.header("content-type")), (200, "image/webp"));
    let known = visitor.request(reqwest::Method::GET, file["thumbnailUrl"].as_str().unwrap());
    let known = known.header("if-none-match", small.header("etag"));
    assert_eq!(visitor.send(known).await.status, 304);
    assert_eq!(visitor.get(&link).await.ok()["downloadsLeft"], 1, "looking is no download");
    let foreign = format!("{link}/files/{}/thumbnail", file_id(&other));
    visitor.get(&foreign).await.refused(404, "NOT_FOUND");

    let path = format!("/api/bundles/{}", bundle["id"].as_str().unwrap());
    user.patch(&path, json!({ "shared": false })).await.ok();
    let gone = format!("{link}/files/{}/thumbnail", file_id(&shown));
    visitor.get(&gone).await.refused(404, "NOT_FOUND");
}
