//! The content of encrypted files over HTTP: ranges of what is inside, the key to take home, another password.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use crate::encryption::{SECRET, file_id, look, open_with};
use crate::harness::client::{Answer, Client};
use crate::harness::tasks::Tasks as _;
use crate::harness::{TestDrive, bytes};

async fn locked(user: &Client, name: &str, content: &[u8]) -> Value {
    let file = user.upload(name, content, json!({})).await;
    let wish = json!({ "fileIds": [file["id"]], "password": SECRET });
    assert_eq!(user.run("FileEncrypt", wish).await["status"], "Completed");
    look(user, file_id(&file)).await
}

async fn ask(user: &Client, method: Method, id: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = user.request(method, &format!("/api/files/{id}/content?inline=true"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    user.send(request).await
}

#[tokio::test]
async fn ranges_of_what_is_inside_are_slices_of_the_plain_bytes() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(1, 500_000);
    let file = locked(&user, "film.mp4", &content).await;
    let id = file_id(&file);
    let get = async |headers: &[(&str, &str)]| {
        let mut all = vec![("x-file-password", SECRET)];
        all.extend(headers);
        ask(&user, Method::GET, id, &all).await
    };
    let whole = get(&[]).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp4"));
    assert_eq!(whole.header("content-length"), "500000");
    assert_eq!(whole.header("cache-control"), "private, no-store");
    assert!(whole.header("content-disposition").starts_with("inline; filename=\"film.mp4\""));
    assert_eq!(whole.header("vary").to_ascii_lowercase(), "x-file-password");
    assert!(whole.body == content);
    let etag = whole.header("etag").to_owned();

    let raw = ask(&user, Method::GET, id, &[]).await;
    assert_eq!(raw.header("content-type"), "application/octet-stream");
    assert!(raw.header("content-disposition").starts_with("attachment; filename=\"film.mp4.age\""));
    assert!(raw.body.starts_with(b"age-encryption.org/v1"));
    assert_eq!(raw.header("etag"), format!("\"{}\"", &file["hash"].as_str().unwrap()[7..]));
    assert!(raw.header("etag") != etag && etag.starts_with('"'), "both are strong and differ");

    for (first, last) in [(0, 0), (65_535, 65_536), (100, 199_999), (499_999, 499_999)] {
        let part = get(&[("range", &format!("bytes={first}-{last}"))]).await;
        assert_eq!(part.status, 206);
        assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/500000"));
        assert!(part.body == content[first..=last], "{first}-{last}");
    }
    let tail = get(&[("range", "bytes=-70000")]).await;
    assert!(tail.status == 206 && tail.body == content[430_000..]);
    let parts = get(&[("range", "bytes=0-9,70000-70009")]).await;
    assert!(parts.header("content-type").starts_with("multipart/byteranges"));
    for slice in [&content[0..10], &content[70_000..70_010]] {
        assert!(parts.body.windows(10).any(|window| window == slice));
    }
    get(&[("range", "bytes=500000-")]).await.refused(416, "RANGE_NOT_SATISFIABLE");
    assert_eq!(get(&[("if-none-match", &etag)]).await.status, 304);
    let other = raw.header("etag");
    assert_eq!(get(&[("if-none-match", other)]).await.status, 200);
    assert_eq!(get(&[("range", "bytes=0-9"), ("if-range", other)]).await.status, 200);
    assert_eq!(get(&[("range", "bytes=0-9"), ("if-range", &etag)]).await.status, 206);

    let head = ask(&user, Method::HEAD, id, &[("x-file-password", SECRET)]).await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "500000"));
    assert_eq!((head.header("etag"), head.body.len()), (etag.as_str(), 0));
}

#[tokio::test]
async fn a_password_is_needed_only_where_there_is_one() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = locked(&user, "a.txt", b"inside").await;
    let plain = user.upload("b.txt", b"outside", json!({})).await;
    let with = async |id: &str, password: &str| {
        ask(&user, Method::GET, id, &[("x-file-password", password)]).await
    };
    let refusal = with(file_id(&file), "not this one").await.refused(403, "PASSWORD_WRONG");
    assert_eq!(refusal["details"]["fileId"], file["id"]);
    with(file_id(&file), "").await.refused(400, "PASSWORD_REQUIRED");
    with(file_id(&plain), SECRET).await.refused(409, "NOT_ENCRYPTED");
    let key = format!("/api/files/{}/key", file_id(&plain));
    user.get(&key).await.refused(409, "NOT_ENCRYPTED");
    let stranger = drive.user("bob").await;
    for path in ["content", "key"] {
        let path = format!("/api/files/{}/{path}", file_id(&file));
        stranger.get(&path).await.refused(404, "NOT_FOUND");
    }
    // Whoever is told the password of a file that is not theirs learns nothing either.
    ask(&stranger, Method::GET, file_id(&file), &[("x-file-password", SECRET)])
        .await
        .refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn an_opened_key_is_remembered_for_the_next_range() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(2, 300_000);
    let file = locked(&user, "film.mp4", &content).await;
    let cold = Instant::now();
    assert!(open_with(&user, file_id(&file), SECRET).await == content);
    let cold = cold.elapsed();
    let warm = Instant::now();
    for at in 0..20 {
        let range = format!("bytes={at}-{}", at + 9);
        let part = ask(
            &user,
            Method::GET,
            file_id(&file),
            &[("x-file-password", SECRET), ("range", &range)],
        )
        .await;
        assert_eq!(part.body, &content[at..at + 10]);
    }
    assert!(warm.elapsed() < cold * 8, "20 took {:?}, the first {cold:?}", warm.elapsed());
    ask(&user, Method::GET, file_id(&file), &[("x-file-password", "not this one")])
        .await
        .refused(403, "PASSWORD_WRONG");
}

#[tokio::test]
async fn the_password_can_be_changed_without_touching_the_file() {
    const NEXT: &str = "another \u{e4} one";
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = locked(&user, "a.txt", b"inside").await;
    let id = file_id(&file);
    let raw = user.content(id).await;
    assert_eq!(open_with(&user, id, SECRET).await, b"inside");
    let path = format!("/api/files/{id}/password");
    let change = async |old: &str, new: &str| {
        user.post(&path, json!({ "password": old, "newPassword": new })).await
    };
    change("not this one", NEXT).await.refused(403, "PASSWORD_WRONG");
    let short = change(SECRET, "short").await.refused(400, "INVALID_REQUEST");
    assert_eq!(short["details"]["field"], "newPassword");
    let changed = change(SECRET, NEXT).await.ok();
    assert_eq!((&changed["hash"], &changed["isEncrypted"]), (&file["hash"], &json!(true)));
    let told =
        "select count(*) from events where name = 'file.updated' and data like '%' || ?1 || '%'";
    let told: i64 = drive.db().query_row(told, [id], |row| row.get(0)).unwrap();
    assert_eq!(told, 2, "once it was encrypted, once it has another password");
    assert_eq!(user.content(id).await, raw);
    ask(&user, Method::GET, id, &[("x-file-password", SECRET)])
        .await
        .refused(403, "PASSWORD_WRONG");
    assert_eq!(open_with(&user, id, NEXT).await, b"inside");
    change(SECRET, NEXT).await.refused(403, "PASSWORD_WRONG");

    let plain = user.upload("b.txt", b"outside", json!({})).await;
    let path = format!("/api/files/{}/password", file_id(&plain));
    let wish = json!({ "password": SECRET, "newPassword": NEXT });
    user.post(&path, wish).await.refused(409, "NOT_ENCRYPTED");
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = locked(&user, "a.txt", b"inside").await;
    for number in 0..10 {
        ask(&user, Method::GET, file_id(&file), &[("x-file-password", &format!("guess {number}"))])
            .await
            .refused(403, "PASSWORD_WRONG");
    }
    for right in [false, true] {
        let word = if right { SECRET } else { "guess 10" };
        let answer = ask(&user, Method::GET, file_id(&file), &[("x-file-password", word)]).await;
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((2..=61).contains(&seconds), "{seconds}");
        answer.refused(429, "TOO_MANY_REQUESTS");
    }
    let wish = json!({ "fileIds": [file["id"]], "password": SECRET });
    user.ask("FileDecrypt", wish).await.refused(429, "TOO_MANY_REQUESTS");
}

#[tokio::test]
async fn few_requests_wait_for_a_password_to_be_checked() {
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let file = locked(&user, "a.txt", b"inside").await;
    let tries = (0..8).map(|number| {
        let (user, id) = (user.clone(), file_id(&file).to_owned());
        async move {
            ask(&user, Method::GET, &id, &[("x-file-password", &format!("guess {number}"))]).await
        }
    });
    let answers = futures_util::future::join_all(tries).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert!(count(429) >= 3 && count(403) >= 1, "{} {}", count(429), count(403));
    assert_eq!(count(429) + count(403), 8);
}

#[tokio::test]
async fn debians_age_opens_what_was_downloaded() {
    if Command::new("age").arg("--version").stdout(Stdio::null()).status().is_err() {
        return eprintln!("skipped: there is no `age` here");
    }
    let drive = TestDrive::spawn();
    let user = drive.user("ada").await;
    let content = bytes(3, 200_000);
    let file = locked(&user, "notes.txt", &content).await;
    let key = user.get(&format!("/api/files/{}/key", file_id(&file))).await;
    assert_eq!(key.header("cache-control"), "private, no-store");
    assert!(
        key.header("content-disposition").starts_with("attachment; filename=\"notes.txt.key.age\"")
    );
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("notes.txt.key.age"), &key.body).unwrap();
    std::fs::write(path("notes.txt.age"), user.content(file_id(&file)).await).unwrap();
    let command = "age -d -i notes.txt.key.age -o notes.txt notes.txt.age";
    let open = |password: &str| {
        let child = Command::new("script")
            .args(["-qec", command, "/dev/null"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let Ok(mut child) = child else { panic!("there is `age`, but not `script`") };
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        child.wait().unwrap().success()
    };
    assert!(!open("not this one"));
    assert!(open(SECRET));
    assert!(std::fs::read(path("notes.txt")).unwrap() == content);
}
