//! The bytes of a file on their way out: whole, in parts, not at all when the client has them, and never dangerous.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client};
use crate::harness::{TestDrive, bytes, sha256};

pub const MIB: usize = 1024 * 1024;

pub fn path(file: &Value) -> String {
    format!("/api/files/{}/content", file["id"].as_str().unwrap())
}

pub async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

#[tokio::test]
async fn the_whole_file_comes_with_everything_that_belongs_to_it() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(1, 300_000);
    let file = user.upload("a.bin", &data, json!({ "contentType": "text/html" })).await;
    let whole = get(&user, &path(&file), &[]).await;
    assert_eq!((whole.status.as_u16(), &whole.body), (200, &data));
    let head = user.send(user.request(Method::HEAD, &path(&file))).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    for answer in [&whole, &head] {
        for (name, value) in [
            ("content-length", "300000"),
            ("content-type", "text/html"),
            ("accept-ranges", "bytes"),
            ("etag", &format!("\"{}\"", sha256(&data))),
            ("content-disposition", "attachment; filename=\"a.bin\"; filename*=UTF-8''a.bin"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cache-control", "private, no-cache"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert!(answer.header("last-modified").ends_with(" GMT"));
    }
    let names = |answer: &Answer| {
        let mut names: Vec<_> =
            answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&whole), names(&head));
    let by_gateway = path(&file).replace("/api/", "/drive/");
    assert_eq!(get(&user, &by_gateway, &[]).await.body, data);
}

#[tokio::test]
async fn one_range_comes_as_a_part() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(2, 1000);
    let file = user.upload("a.bin", &data, json!({})).await;
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-499", 0, 499),
        ("bytes=500-", 500, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-5000", 0, 999),
        ("bytes=990-5000", 990, 999),
        ("bytes= 10-19", 10, 19),
        ("BYTES=10-19", 10, 19),
        ("bytes=0-99,50-149", 0, 149),
        ("bytes=0-99999999999999999999", 0, 999),
        // Of these only one can be served.
        ("bytes=0-9,5000-6000", 0, 9),
    ] {
        let part = get(&user, &path(&file), &[("range", range)]).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/1000"), "{range}");
        assert_eq!(part.header("content-type"), "application/octet-stream");
        assert_eq!(part.body, data[first..=last], "{range}");
    }
}

#[tokio::test]
async fn a_range_outside_the_file_is_refused_with_its_size() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = user.upload("a.bin", &[1; 1000], json!({})).await;
    let empty = user.upload("empty.bin", b"", json!({})).await;
    for (file, range, size) in [
        (&file, "bytes=1000-", 1000),
        (&file, "bytes=5000-6000,7000-", 1000),
        (&file, "bytes=-0", 1000),
        (&file, "bytes=99999999999999999999-", 1000),
        (&empty, "bytes=0-", 0),
    ] {
        let answer = get(&user, &path(file), &[("range", range)]).await;
        let told = answer.header("content-range").to_owned();
        let refusal = answer.refused(416, "RANGE_NOT_SATISFIABLE");
        assert_eq!(refusal["details"]["size"], size, "{range}");
        assert_eq!(told, format!("bytes */{size}"), "{range}");
    }
}

#[tokio::test]
async fn ranges_that_are_none_are_ignored() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(3, 1000);
    let file = user.upload("a.bin", &data, json!({})).await;
    let many = format!("bytes={}", vec!["0-0"; 200].join(","));
    for range in [
        "bytes",
        "bytes=",
        "bytes=abc",
        "bytes=9-5",
        "bytes=--5",
        "lines=0-5",
        "bytes=0-5;10-15",
        &many,
    ] {
        let answer = get(&user, &path(&file), &[("range", range)]).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &data), "{range}");
        assert_eq!(answer.header("content-range"), "");
    }
}

/// The parts of a `multipart/byteranges` body: each `Content-Range` with its bytes. Panics at anything that RFC 2046
/// does not allow there.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let boundary =
        answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let delimiter = format!("--{boundary}");
    let mut rest = answer.body.as_slice();
    let mut found = Vec::new();
    rest = rest.strip_prefix(delimiter.as_bytes()).expect("a first boundary");
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = part.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of a head");
        let head = std::str::from_utf8(&part[..end]).unwrap();
        let range =
            head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).expect("a range");
        assert!(head.contains("Content-Type: text/plain"), "{head}");
        let body = &part[end + 4..];
        let close = format!("\r\n{delimiter}");
        let length = body
            .windows(close.len())
            .position(|window| window == close.as_bytes())
            .expect("a boundary");
        found.push((range.to_owned(), body[..length].to_vec()));
        rest = &body[length + close.len()..];
    }
    assert_eq!(rest, b"--\r\n", "the last boundary ends the body");
    found
}

#[tokio::test]
async fn several_ranges_come_as_parts_of_one_answer() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(4, 700_000);
    let file = user.upload("a.txt", &data, json!({})).await;
    for (ranges, expected) in [
        ("bytes=0-99,200-299", vec![(0, 99), (200, 299)]),
        ("bytes=0-0,-1", vec![(0, 0), (699_999, 699_999)]),
        ("bytes=-1,,0-0", vec![(699_999, 699_999), (0, 0)]),
        ("bytes=50-149,0-99,300-301", vec![(0, 149), (300, 301)]),
        ("bytes=0-399999,400000-", vec![(0, 399_999), (400_000, 699_999)]),
        ("bytes=5-6, 10-20 ,800000-900000", vec![(5, 6), (10, 20)]),
    ] {
        let answer = get(&user, &path(&file), &[("range", ranges)]).await;
        assert_eq!(answer.status, 206, "{ranges}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        assert_eq!(answer.header("content-range"), "", "each part has its own");
        let found = parts(&answer);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(first, last)| {
                (format!("bytes {first}-{last}/700000"), data[first..=last].to_vec())
            })
            .collect();
        assert_eq!(found, expected, "{ranges}");
    }
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = user.upload("a.bin", b"known", json!({})).await;
    let etag = get(&user, &path(&file), &[]).await.header("etag").to_owned();
    for known in
        [etag.clone(), format!("W/{etag}"), "*".to_owned(), format!("\"x\", {etag}, \"y\"")]
    {
        let answer = get(&user, &path(&file), &[("if-none-match", &known)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), etag);
        let ranged =
            get(&user, &path(&file), &[("if-none-match", &known), ("range", "bytes=0-1")]).await;
        assert_eq!(ranged.status, 304, "the condition comes before the range");
    }
    for other in ["\"x\"", "W/\"x\"", &etag[1..etag.len() - 1]] {
        let answer = get(&user, &path(&file), &[("if-none-match", other)]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_slice()),
            (200, &b"known"[..]),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_range_counts_only_for_the_content_that_the_client_began_with() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = user.upload("a.bin", b"0123456789", json!({})).await;
    let first = get(&user, &path(&file), &[]).await;
    let etag = first.header("etag").to_owned();
    let part = get(&user, &path(&file), &[("range", "bytes=5-"), ("if-range", &etag)]).await;
    assert_eq!((part.status.as_u16(), part.body.as_slice()), (206, &b"56789"[..]));
    for other in
        ["\"x\"".to_owned(), format!("W/{etag}"), "Thu, 01 Jan 1970 00:00:00 GMT".to_owned()]
    {
        for range in ["bytes=5-", "bytes=500-"] {
            let whole = get(&user, &path(&file), &[("range", range), ("if-range", &other)]).await;
            assert_eq!((whole.status.as_u16(), whole.body.len()), (200, 10), "{other}");
        }
    }
}

#[tokio::test]
async fn names_are_quoted_so_that_no_client_misreads_them() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (name, disposition) in [
        (
            "Grüße 1.txt",
            "attachment; filename=\"Gr__e 1.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%201.txt",
        ),
        ("a\"b;c.txt", "attachment; filename=\"a_b;c.txt\"; filename*=UTF-8''a%22b%3Bc.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        (
            "it's (1).txt",
            "attachment; filename=\"it's (1).txt\"; filename*=UTF-8''it%27s%20%281%29.txt",
        ),
    ] {
        let file = user.upload(name, name.as_bytes(), json!({})).await;
        assert_eq!(get(&user, &path(&file), &[]).await.header("content-disposition"), disposition);
    }
}

#[tokio::test]
async fn only_types_that_cannot_run_are_shown_inline() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    for (name, content_type, kind) in [
        ("a.png", "image/png", "inline"),
        ("a.txt", "text/plain; charset=utf-8", "inline"),
        ("a.mp4", "video/mp4", "inline"),
        ("a.mp3", "audio/mpeg", "inline"),
        ("a.svg", "image/svg+xml", "attachment"),
        ("b.svg", "IMAGE/SVG+XML; charset=utf-8", "attachment"),
        ("a.html", "text/html", "attachment"),
        ("a.xhtml", "application/xhtml+xml", "attachment"),
        ("a.xml", "text/xml", "attachment"),
        ("a.js", "text/javascript", "attachment"),
        ("a.pdf", "application/pdf", "attachment"),
        ("a.bin", "application/octet-stream", "attachment"),
    ] {
        let wish = json!({ "contentType": content_type });
        let file = user.upload(name, name.as_bytes(), wish).await;
        let shown = get(&user, &format!("{}?inline=true", path(&file)), &[]).await;
        assert!(shown.header("content-disposition").starts_with(&format!("{kind};")), "{name}");
        assert_eq!(shown.header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(shown.header("x-content-type-options"), "nosniff");
        let plain = get(&user, &path(&file), &[]).await;
        assert!(plain.header("content-disposition").starts_with("attachment;"), "{name}");
    }
}

#[tokio::test]
async fn a_big_file_is_streamed_and_its_rest_can_be_fetched_later() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let data = bytes(5, 20 * MIB + 3);
    let file = user.upload("big.bin", &data, json!({})).await;
    assert!(get(&user, &path(&file), &[]).await.body == data, "the bytes are the same");
    // A download that broke off in the middle goes on from there.
    let from = 7 * MIB + 11;
    let etag = format!("\"{}\"", sha256(&data));
    let range = format!("bytes={from}-");
    let rest = get(&user, &path(&file), &[("range", &range), ("if-range", &etag)]).await;
    assert_eq!(rest.status, 206);
    assert!(rest.body == data[from..], "the rest is the same");
}
