//! The browser client, embedded. All files live below one folder named by the hash of them all, so that browsers may
//! keep them for ever; only `index.html` names that folder, and is asked for each time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::embedded::FILES;
use super::input::text;
use super::problem::Problem;
use crate::domain::error::{Error, Kind, Result};

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for (path, content) in FILES {
        hasher
            .update(path.as_bytes())
            .update(&[0])
            .update(&(content.len() as u64).to_le_bytes())
            .update(content);
    }
    hasher.finalize().to_hex()[..16].to_owned()
});

/// What knows where the parts are, as it is and packed.
struct Page {
    plain: String,
    packed: Vec<u8>,
}

static INDEX: LazyLock<Page> = LazyLock::new(|| page("index.html"));
static SHARE: LazyLock<Page> = LazyLock::new(|| page("share.html"));
static MANIFEST: LazyLock<Page> = LazyLock::new(|| page("manifest.webmanifest"));
static WORKER: LazyLock<Page> = LazyLock::new(|| page("worker.js"));

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

fn page(path: &str) -> Page {
    let page = find(path).map(|content| String::from_utf8_lossy(content)).unwrap_or_default();
    let plain = page.replace("{{assets}}", &format!("/a/{}", *HASH));
    let packed = pack(plain.as_bytes()).unwrap_or_default();
    Page { plain, packed }
}

/// A file that a page loads, as it is sent, and packed where it is text: it comes in a third of its bytes.
struct Part {
    plain: Cow<'static, [u8]>,
    packed: Option<Vec<u8>>,
}

static PARTS: LazyLock<HashMap<&'static str, Part>> = LazyLock::new(|| {
    let part = |path: &str, content| {
        let plain = bare(path, content);
        let packed = if path.ends_with(".png") { None } else { pack(&plain).ok() };
        Part { plain, packed }
    };
    FILES.iter().map(|(path, content)| (*path, part(path, content))).collect()
});

/// A script or a style sheet without the lines that are comments alone: those are for who reads the sources, and would
/// be a fifth of what is sent. Other files as they are.
fn bare<'a>(path: &str, content: &'a [u8]) -> Cow<'a, [u8]> {
    let is_script = path.ends_with(".js");
    let Ok(text) = std::str::from_utf8(content) else { return content.into() };
    if !is_script && !path.ends_with(".css") {
        return content.into();
    }
    let mut bare = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if is_inside || trimmed.starts_with("/*") {
            let end = trimmed.find("*/");
            is_inside = end.is_none();
            let rest = end.map_or("", |at| &trimmed[at + 2..]);
            bare.push_str(if rest.trim().is_empty() { "" } else { rest });
        } else if !(is_script && trimmed.starts_with("//")) {
            bare.push_str(line);
        }
    }
    bare.into_bytes().into()
}

/// Scripts and styles live under the policy of the page that loads them. They are many, so theirs is short; it forbids all.
const PART_POLICY: &str = "default-src 'none'";
/// Scripts that live under their own policy.
const WORKERS: [&str; 1] = ["core/hash-worker.js"];

fn pack(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content)?;
    packed.finish()
}

fn find(path: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, content)| *content)
}

pub async fn index(request: HttpRequest) -> HttpResponse {
    answer(&request, &INDEX, HTML)
}

/// The page of any link, also of one that leads nowhere: it says so itself.
pub async fn share(request: HttpRequest) -> HttpResponse {
    answer(&request, &SHARE, HTML)
}

/// What an installed page is called and looks like.
pub async fn manifest(request: HttpRequest) -> HttpResponse {
    answer(&request, &MANIFEST, "application/manifest+json")
}

/// The service worker. It lies beside the page, since it may only control what lies below itself.
pub async fn worker(request: HttpRequest) -> HttpResponse {
    answer(&request, &WORKER, SCRIPT)
}

fn answer(request: &HttpRequest, page: &'static Page, content_type: &str) -> HttpResponse {
    let is_packed = takes_gzip(request) && !page.packed.is_empty();
    let etag = format!("\"{}{}\"", *HASH, if is_packed { "-gz" } else { "" });
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::ETAG, etag.clone()));
    if text(request, header::IF_NONE_MATCH) == Some(&etag) {
        return answer.status(actix_web::http::StatusCode::NOT_MODIFIED).finish();
    }
    match is_packed {
        true => {
            answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(page.packed.as_slice())
        }
        false => answer.body(page.plain.as_str()),
    }
}

/// Does the client take gzip? Browsers say so plainly; whoever weighs it at nought gets the plain file.
fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = text(request, header::ACCEPT_ENCODING).unwrap_or_default();
    accepted.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_none_or(|q| q.is_ok_and(|q| q > 0.0))
    })
}

pub async fn asset(
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (hash, path) = path.into_inner();
    let part = PARTS.get(path.as_str()).filter(|_| hash == *HASH);
    let part = part.ok_or_else(|| Error::new(Kind::NoRoute, "There is no such file."))?;
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let content_type = match ending {
        "js" => SCRIPT,
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => HTML,
    };
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
    if ["js", "css"].contains(&ending) && !WORKERS.contains(&path.as_str()) {
        answer.insert_header((header::CONTENT_SECURITY_POLICY, PART_POLICY));
    }
    Ok(match part.packed.as_ref().filter(|_| takes_gzip(&request)) {
        Some(packed) => {
            answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(packed.as_slice())
        }
        None => answer.body(part.plain.as_ref()),
    })
}
