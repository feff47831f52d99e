//! Links: what a visitor without an account gets of a bundle, and nothing else.

use std::io::{Cursor, Read};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client};
use crate::harness::{TestDrive, bytes};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn bundle(user: &Client, wish: Value) -> Value {
    user.post("/api/bundles", wish).await.ok()
}

async fn file_in(user: &Client, bundle: &Value, name: &str, folder: &str) -> Value {
    let wish = json!({ "folder": folder, "bundleId": bundle["id"] });
    user.upload(name, &bytes(name.len() as u64, 1000), wish).await
}

fn link(bundle: &Value) -> String {
    format!("/api/share/{}", text(&bundle["slug"]))
}

fn content(bundle: &Value, file: &Value) -> String {
    format!("{}/files/{}/content", link(bundle), text(&file["id"]))
}

async fn part(visitor: &Client, path: &str, range: &str) -> Answer {
    visitor.send(visitor.request(Method::GET, path).header("range", range)).await
}

async fn with_cookie(visitor: &Client, path: &str, cookie: &str) -> Answer {
    visitor.send(visitor.request(Method::GET, path).header("cookie", cookie)).await
}

/// `name=value` of each cookie that an answer sets, with its path.
fn cookies(answer: &Answer) -> Vec<(String, String)> {
    let all = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    all.map(|cookie| {
        let path = cookie.split("; ").find_map(|part| part.strip_prefix("Path=")).unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        (cookie.split(';').next().unwrap().to_owned(), path.to_owned())
    })
    .collect()
}

fn zip_names(archive: &[u8]) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut names = Vec::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        // Reading it to its end holds it against its checksum.
        entry.read_to_end(&mut Vec::new()).unwrap();
        names.push(entry.name().unwrap().into_owned());
    }
    names.sort();
    names
}

#[tokio::test]
async fn bundles_are_made_changed_listed_and_taken_back() {
    let drive = TestDrive::spawn();
    let (user, other) = (drive.user("ada").await, drive.user("bob").await);
    let wish = json!({
        "slug": "Summer-2025", "name": "Summer", "description": "Two weeks\nof sun", "passcode": "sesame",
        "expiredAt": "2999-01-01T00:00:00Z", "downloadLimit": 5, "uploadInto": "in/box",
    });
    let made = bundle(&user, wish).await;
    assert_eq!((&made["slug"], &made["hasPasscode"]), (&json!("summer-2025"), &json!(true)));
    assert_eq!((&made["uploadInto"], &made["downloads"]), (&json!("/in/box"), &json!(0)));
    assert!(text(&made["url"]).ends_with("/s/summer-2025") && made.get("passcode").is_none());
    let random = bundle(&user, json!({ "name": "Another" })).await;
    assert_eq!(text(&random["slug"]).len(), 26);
    let path = format!("/api/bundles/{}", text(&made["id"]));
    for (wrong, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x", "slug": "a b" }), "slug"),
        (json!({ "slug": "summer-2025" }), "name"),
        (json!({ "name": "x", "passcode": "abc" }), "passcode"),
        (json!({ "name": "x", "expiredAt": "2001-01-01T00:00:00Z" }), "expiredAt"),
        (json!({ "name": "x", "downloadLimit": 0 }), "downloadLimit"),
        (json!({ "name": "x", "uploadInto": "../up" }), "uploadInto"),
        (json!({ "name": "x", "colour": "red" }), "colour"),
    ] {
        let refusal =
            user.post("/api/bundles", wrong.clone()).await.refused(400, "INVALID_REQUEST");
        assert_eq!(refusal["details"]["field"], field, "{wrong}");
    }
    let taken = json!({ "name": "x", "slug": "SUMMER-2025" });
    other.post("/api/bundles", taken).await.refused(409, "NAME_TAKEN");
    for strange in
        [other.get(&path).await, other.patch(&path, json!({})).await, other.delete(&path).await]
    {
        strange.refused(404, "NOT_FOUND");
    }
    let file = file_in(&user, &made, "a.txt", "/x").await;
    assert_eq!(file["bundleId"], made["id"]);
    let (list, total) = user.list("/api/bundles?limit=1").await;
    assert_eq!((total.as_str(), &list[0]["id"]), ("2", &random["id"]));
    let next = user.get("/api/bundles?limit=1").await.header("x-next-cursor").to_owned();
    let second = user.get(&format!("/api/bundles?limit=1&cursor={next}")).await.ok();
    assert_eq!((&second[0]["files"], &second[0]["bytes"]), (&json!(1), &json!(1000)));
    let changed = user.patch(&path, json!({ "passcode": null, "name": "Winter" })).await.ok();
    assert_eq!((&changed["hasPasscode"], &changed["slug"]), (&json!(false), &made["slug"]));
    user.delete(&path).await;
    user.get(&path).await.refused(404, "NOT_FOUND");
    // Its files stay, and name it no more.
    let now = user.get(&format!("/api/files/{}", text(&file["id"]))).await.ok();
    assert_eq!(now["bundleId"], Value::Null);
    let gone = json!({ "bundleId": made["id"] });
    let refusal = user.patch(&format!("/api/files/{}", text(&file["id"])), gone).await;
    assert_eq!(refusal.refused(400, "INVALID_REQUEST")["details"]["field"], "bundleId");
}

/// Every way to every kind of thing, through 32 links: only what is shared comes out.
#[tokio::test]
async fn a_link_reaches_its_own_files_and_nothing_else() {
    let drive = TestDrive::spawn();
    let (user, other, visitor) = (drive.user("ada").await, drive.user("bob").await, drive.nobody());
    let mut links = Vec::new();
    for number in 0..32 {
        let owner = if number % 4 == 3 { &other } else { &user };
        let made = bundle(owner, json!({ "name": format!("b{number}") })).await;
        let folder = format!("/private/{number}/deep");
        let first = file_in(owner, &made, "one.txt", &folder).await;
        let second = file_in(owner, &made, "two.txt", &format!("{folder}/er")).await;
        let sibling = owner.upload("sibling.txt", b"secret", json!({ "folder": folder })).await;
        let parent = owner.upload("parent.txt", b"secret", json!({ "folder": "/private" })).await;
        let trashed = file_in(owner, &made, "trashed.txt", &folder).await;
        owner.delete(&format!("/api/files/{}", text(&trashed["id"]))).await.ok();
        links.push((made, [first, second], [sibling, parent, trashed]));
    }
    for (number, (made, own, foreign)) in links.iter().enumerate() {
        let (list, total) = visitor.list(&link(made)).await;
        assert_eq!((total.as_str(), &list["fileCount"]), ("2", &json!(2)));
        let seen: Vec<_> =
            list["files"].as_array().unwrap().iter().map(|file| &file["id"]).collect();
        assert_eq!(seen, [&own[0]["id"], &own[1]["id"]]);
        assert_eq!(
            (&list["files"][0]["folder"], &list["files"][1]["folder"]),
            (&json!(""), &json!("er"))
        );
        let told = list.to_string();
        for secret in ["private", "accountId", "poolId", "tags", text(&foreign[0]["id"])] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
        assert_eq!(visitor.get(&content(made, &own[0])).await.body, bytes(7, 1000));
        let piece = part(&visitor, &content(made, &own[1]), "bytes=10-19").await;
        assert_eq!((piece.status.as_u16(), piece.body), (206, bytes(7, 1000)[10..20].to_vec()));
        let small = content(made, &own[0]).replace("/content", "/thumbnail");
        visitor.get(&small).await.refused(404, "NO_THUMBNAIL");
        let archive = visitor.get(&format!("{}/archive", link(made))).await;
        assert_eq!(zip_names(&archive.body), ["er/two.txt", "one.txt"]);
        let next = &links[(number + 1) % links.len()].1[0];
        for file in foreign.iter().chain([next]) {
            visitor.get(&content(made, file)).await.refused(404, "NOT_FOUND");
            part(&visitor, &content(made, file), "bytes=0-0").await.refused(404, "NOT_FOUND");
            let small = content(made, file).replace("/content", "/thumbnail");
            visitor.get(&small).await.refused(404, "NOT_FOUND");
        }
        let id = text(&foreign[0]["id"]);
        for astray in [
            format!("{}/files/../../../files/{id}/content", link(made)),
            format!("{}/files/%2e%2e%2f{id}/content", link(made)),
            format!("{}/files/{id}", link(made)),
            format!("{}/files", link(made)),
            format!("{}/../{}/files/{id}/content", link(made), text(&made["slug"])),
            format!("{}%00/files/{id}/content", link(made)),
        ] {
            let status = visitor.get(&astray).await.status.as_u16();
            assert!([401, 404, 405].contains(&status), "{astray}: {status}");
        }
    }
    for unknown in ["/api/share/nothing-here", "/api/share/x", "/api/share/%F0%9F%98%80"] {
        visitor.get(unknown).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_link_with_a_passcode_opens_for_those_who_know_it() {
    let drive = TestDrive::spawn_with(&[("DRIVE_LIMITS_ENABLED", "true")]);
    let (user, visitor) = (drive.user("ada").await, drive.nobody());
    let made = bundle(&user, json!({ "name": "locked", "passcode": "open sesame" })).await;
    let other = bundle(&user, json!({ "name": "other", "passcode": "open sesame" })).await;
    let file = file_in(&user, &made, "a.txt", "/").await;
    for path in [link(&made), content(&made, &file), format!("{}/archive", link(&made))] {
        visitor.get(&path).await.refused(401, "PASSCODE_REQUIRED");
    }
    let right = visitor.post(&link(&made), json!({ "passcode": "open sesame" })).await;
    assert_eq!(right.status.as_u16(), 204);
    let given = cookies(&right);
    assert_eq!(given[0].1, link(&made));
    let cookie = given[0].0.clone();
    assert!(!cookie.contains("sesame"));
    assert_eq!(with_cookie(&visitor, &link(&made), &cookie).await.ok()["name"], "locked");
    assert_eq!(with_cookie(&visitor, &content(&made, &file), &cookie).await.body.len(), 1000);
    // Good for this link and this passcode, until its end.
    with_cookie(&visitor, &link(&other), &cookie).await.refused(401, "PASSCODE_REQUIRED");
    let forged = format!("{}x", &cookie[..cookie.len() - 1]);
    with_cookie(&visitor, &link(&made), &forged).await.refused(401, "PASSCODE_REQUIRED");
    let id = format!("/api/bundles/{}", text(&made["id"]));
    user.patch(&id, json!({ "passcode": "another one" })).await.ok();
    with_cookie(&visitor, &link(&made), &cookie).await.refused(401, "PASSCODE_REQUIRED");
    // Guessing becomes slow.
    let mut answers = Vec::new();
    for number in 0..20 {
        let guess =
            visitor.post(&link(&made), json!({ "passcode": format!("guess {number}") })).await;
        answers.push(guess.status.as_u16());
    }
    assert_eq!(answers[..5], [403; 5]);
    assert!(answers[5..].iter().all(|status| *status == 429), "{answers:?}");
    let late = visitor.post(&link(&made), json!({ "passcode": "another one" })).await;
    assert!(late.refused(429, "TOO_MANY_REQUESTS")["details"]["retryAfter"].as_u64() > Some(0));
    drive.clock.advance_ms(13 * 3600 * 1000);
    let right = visitor.post(&link(&made), json!({ "passcode": "another one" })).await;
    let cookie = cookies(&right)[0].0.clone();
    with_cookie(&visitor, &link(&made), &cookie).await.ok();
    drive.clock.advance_ms(13 * 3600 * 1000);
    with_cookie(&visitor, &link(&made), &cookie).await.refused(401, "PASSCODE_REQUIRED");
    let foreign =
        visitor.request(Method::POST, &link(&made)).header("sec-fetch-site", "cross-site");
    let foreign = foreign.json(&json!({ "passcode": "another one" }));
    visitor.send(foreign).await.refused(403, "CROSS_SITE");
}

#[tokio::test]
async fn a_link_ends_at_once_whatever_ends_it() {
    let drive = TestDrive::spawn();
    let (admin, visitor) = (drive.admin().await, drive.nobody());
    let user = drive.user("eve").await;
    let made = bundle(&user, json!({ "name": "x" })).await;
    let file = file_in(&user, &made, "a.txt", "/").await;
    let id = format!("/api/bundles/{}", text(&made["id"]));
    let everywhere = || [link(&made), content(&made, &file), format!("{}/archive", link(&made))];
    let open = async || {
        for path in everywhere() {
            assert_eq!(visitor.get(&path).await.status.as_u16(), 200, "{path}");
        }
    };
    let over = async |status: u16, code: &str| {
        for path in everywhere() {
            visitor.get(&path).await.refused(status, code);
        }
    };
    open().await;
    user.patch(&id, json!({ "shared": false })).await.ok();
    over(404, "NOT_FOUND").await;
    user.patch(&id, json!({ "shared": true, "expiredAt": drive.clock.now().plus_ms(5000) }))
        .await
        .ok();
    open().await;
    drive.clock.advance_ms(5000);
    over(410, "SHARE_ENDED").await;
    user.patch(&id, json!({ "expiredAt": null })).await.ok();
    open().await;
    let account = format!("/api/accounts/{}", user.account_id().await);
    admin.patch(&account, json!({ "role": "guest" })).await.ok();
    over(404, "NOT_FOUND").await;
    admin.patch(&account, json!({ "role": "user", "disabled": true })).await.ok();
    over(404, "NOT_FOUND").await;
    admin.patch(&account, json!({ "disabled": false })).await.ok();
    open().await;
    let mut user = drive.nobody();
    user.sign_in("eve").await;
    user.patch(&format!("/api/files/{}", text(&file["id"])), json!({ "bundleId": null }))
        .await
        .ok();
    visitor.get(&content(&made, &file)).await.refused(404, "NOT_FOUND");
    assert_eq!(visitor.get(&link(&made)).await.ok()["fileCount"], 0);
    user.delete(&id).await;
    over(404, "NOT_FOUND").await;
}

#[tokio::test]
async fn downloads_are_counted_once_for_each_visitor_and_file() {
    let drive = TestDrive::spawn();
    let (user, visitor) = (drive.user("ada").await, drive.nobody());
    let made = bundle(&user, json!({ "name": "few", "downloadLimit": 2 })).await;
    let file = file_in(&user, &made, "a.txt", "/").await;
    let path = content(&made, &file);
    let left = async || visitor.get(&link(&made)).await.ok()["downloadsLeft"].clone();
    let head = visitor.send(visitor.request(Method::HEAD, &path)).await;
    assert_eq!((head.status.as_u16(), left().await), (200, json!(2)));
    let first = part(&visitor, &path, "bytes=0-99").await;
    assert_eq!((first.status.as_u16(), left().await), (206, json!(1)));
    // The same visitor goes on; another one, from wherever in the file, is counted.
    let (cookie, at) = cookies(&first)[0].clone();
    assert_eq!(at, path);
    for _ in 0..3 {
        assert_eq!(with_cookie(&visitor, &path, &cookie).await.status.as_u16(), 200);
    }
    assert_eq!(left().await, json!(1));
    assert_eq!(part(&visitor, &path, "bytes=500-").await.status.as_u16(), 206);
    assert_eq!(left().await, json!(0));
    visitor.get(&path).await.refused(410, "SHARE_ENDED");
    part(&visitor, &path, "bytes=1-").await.refused(410, "SHARE_ENDED");
    visitor.get(&format!("{}/archive", link(&made))).await.refused(410, "SHARE_ENDED");
    assert_eq!(with_cookie(&visitor, &path, &cookie).await.status.as_u16(), 200);
    // Its owner was told, once, and that nobody is told of more than happened.
    let told = user.get("/api/notifications").await.ok();
    let shared: Vec<_> =
        told.as_array().unwrap().iter().filter(|one| one["event"] == "file.shared").collect();
    assert_eq!(shared.len(), 1, "{told}");
}

#[tokio::test]
async fn pools_that_forbid_links_stay_out_of_them() {
    let drive = TestDrive::spawn_with(&[("DRIVE_POOL_PUBLIC", "false")]);
    let (user, visitor) = (drive.user("ada").await, drive.nobody());
    assert_eq!(user.get("/api/pools").await.ok()[0]["policy"]["public"], false);
    let made = bundle(&user, json!({ "name": "x" })).await;
    let file = file_in(&user, &made, "a.txt", "/").await;
    assert_eq!(visitor.get(&link(&made)).await.ok()["fileCount"], 0);
    visitor.get(&content(&made, &file)).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn visitors_bring_files_and_see_nothing_of_what_is_there() {
    let drive = TestDrive::spawn();
    let (user, visitor) = (drive.user("ada").await, drive.nobody());
    let wish = json!({ "name": "box", "uploadInto": "/inbox", "passcode": "let me in" });
    let made = bundle(&user, wish).await;
    let closed = bundle(&user, json!({ "name": "closed" })).await;
    let known = user.upload("same.bin", &bytes(3, 200_000), json!({ "folder": "/inbox" })).await;
    let uploads = format!("{}/uploads", link(&made));
    let wish = json!({ "fileName": "same.bin", "fileSize": 200_000 });
    visitor.post(&uploads, wish.clone()).await.refused(401, "PASSCODE_REQUIRED");
    visitor
        .post(&format!("{}/uploads", link(&closed)), wish.clone())
        .await
        .refused(403, "FORBIDDEN");
    let right = visitor.post(&link(&made), json!({ "passcode": "let me in" })).await;
    let cookie = cookies(&right)[0].0.clone();
    let send = async |method: Method, path: String, body: Vec<u8>, kind: &str| {
        let request = visitor.request(method, &path).header("cookie", &cookie);
        visitor.send(request.header("content-type", kind).body(body)).await
    };
    let json_of = |value: &Value| value.to_string().into_bytes();
    let begin =
        async || send(Method::POST, uploads.clone(), json_of(&wish), "application/json").await.ok();
    let begun = begin().await;
    // The same bytes under the same name are there: a visitor is told nothing of it, nor of another visitor's.
    assert!(begun.get("file").is_none() && begun["uploadId"] != begin().await["uploadId"]);
    let size = begun["chunkSize"].as_u64().unwrap() as usize;
    let path = format!("{uploads}/{}", text(&begun["uploadId"]));
    for (at, piece) in bytes(3, 200_000).chunks(size).enumerate() {
        send(Method::PUT, format!("{path}/{at}"), piece.to_vec(), "application/octet-stream")
            .await
            .ok();
    }
    let seen = send(Method::GET, path.clone(), Vec::new(), "").await.ok();
    assert_eq!(
        seen["uploadedChunks"].as_array().unwrap().len() as u64,
        begun["chunksCount"].as_u64().unwrap()
    );
    let done = send(Method::POST, format!("{path}/complete"), Vec::new(), "").await.ok();
    assert_eq!((&done["hash"], done.get("id")), (&known["hash"], None));
    assert_eq!(with_cookie(&visitor, &link(&made), &cookie).await.ok()["fileCount"], 0);
    let (inbox, total) = user.list("/api/files?folder=/inbox").await;
    assert_eq!((total.as_str(), &inbox[0]["name"]), ("2", &json!("same.bin")));
    let told = user.get("/api/notifications").await.ok();
    assert_eq!(
        (&told[0]["event"], &told[0]["body"]),
        (&json!("file.shared"), &json!("same.bin")),
        "{told}"
    );
    // Words of other links and made-up ones, ids of tasks too, lead nowhere.
    let other = bundle(&user, json!({ "name": "box 2", "uploadInto": "/inbox" })).await;
    let astray = format!("{}/uploads/{}", link(&other), text(&begun["uploadId"]));
    visitor.get(&astray).await.refused(404, "NOT_FOUND");
    let task = user.create("mine.bin", 10, json!({})).await.ok();
    let own = format!("{}/uploads/{}", link(&other), text(&task["taskId"]));
    visitor.get(&own).await.refused(404, "NOT_FOUND");
    // Twenty at once, no more; what is given up makes room.
    let wish = json!({ "fileName": "x", "fileSize": 5 });
    let more = format!("{}/uploads", link(&other));
    let mut last = Value::Null;
    for _ in 0..20 {
        last = visitor.post(&more, wish.clone()).await.ok();
    }
    visitor.post(&more, wish.clone()).await.refused(429, "TOO_MANY_REQUESTS");
    visitor.delete(&format!("{more}/{}", text(&last["uploadId"]))).await;
    visitor.post(&more, wish.clone()).await.ok();
    let foreign =
        visitor.request(Method::POST, &more).header("sec-fetch-site", "cross-site").json(&wish);
    visitor.send(foreign).await.refused(403, "CROSS_SITE");
}
