//! The browser client, embedded. All files live below one folder named by the hash of them all, so that browsers may
//! keep them for ever; only `index.html` names that folder, and is asked for each time.

use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::input::text;
use super::problem::Problem;
use crate::domain::error::{Error, Kind, Result};

/// A path below `assets/` and its content.
type Asset = (&'static str, &'static [u8]);

macro_rules! embed {
    ($($path:literal,)*) => {
        &[$(($path, include_bytes!(concat!("../../assets/", $path))),)*]
    };
}

/// Every file below `assets/`; a test holds this list against the folder.
pub const FILES: &[Asset] = embed![
    "app.js",
    "core/admin-commands.js",
    "core/announcer.js",
    "core/api.js",
    "core/awake.js",
    "core/chunk-limit.js",
    "core/chunk-plan.js",
    "core/chunk-sender.js",
    "core/conflicts.js",
    "core/device.js",
    "core/endings.js",
    "core/file-actions.js",
    "core/file-commands.js",
    "core/file-moves.js",
    "core/files-api.js",
    "core/find-copy.js",
    "core/folder-reader.js",
    "core/format.js",
    "core/hash-worker.js",
    "core/hash.js",
    "core/hasher.js",
    "core/intake.js",
    "core/keys.js",
    "core/later.js",
    "core/leader.js",
    "core/left-behind.js",
    "core/listing.js",
    "core/live.js",
    "core/markdown.js",
    "core/names.js",
    "core/notice-commands.js",
    "core/observed-uploads.js",
    "core/own-commands.js",
    "core/pace.js",
    "core/pager.js",
    "core/paths.js",
    "core/patience.js",
    "core/pending.js",
    "core/plot.js",
    "core/preview.js",
    "core/push.js",
    "core/qr.js",
    "core/rate.js",
    "core/readable.js",
    "core/reading.js",
    "core/resume.js",
    "core/retry.js",
    "core/said.js",
    "core/schema.js",
    "core/selection.js",
    "core/session.js",
    "core/sha256-constants.js",
    "core/sha256-plain.js",
    "core/sha256-wasm.js",
    "core/share.js",
    "core/size.js",
    "core/store.js",
    "core/sync.js",
    "core/task-view.js",
    "core/upload-commands.js",
    "core/upload-view.js",
    "core/upload.js",
    "core/uploader.js",
    "core/usage-commands.js",
    "core/words.js",
    "elements/account-card.js",
    "elements/account-identities.js",
    "elements/account-menu.css",
    "elements/account-menu.js",
    "elements/accounts-page.js",
    "elements/admin-view.js",
    "elements/all-tasks-page.js",
    "elements/ask-link.js",
    "elements/ask-operation.js",
    "elements/ask-task.js",
    "elements/ask.css",
    "elements/ask.js",
    "elements/audit-page.js",
    "elements/bread-crumb.css",
    "elements/bread-crumb.js",
    "elements/clipboard.js",
    "elements/connection-bar.css",
    "elements/connection-bar.js",
    "elements/context-menu.css",
    "elements/context-menu.js",
    "elements/delivery-log.js",
    "elements/details-panel.css",
    "elements/details-panel.js",
    "elements/dom.js",
    "elements/drive-app.css",
    "elements/drive-app.js",
    "elements/drop-zone.css",
    "elements/drop-zone.js",
    "elements/element.js",
    "elements/file-carry.js",
    "elements/file-list.css",
    "elements/file-list.js",
    "elements/file-parts.js",
    "elements/file-picture.js",
    "elements/file-row.css",
    "elements/file-row.js",
    "elements/file-states.js",
    "elements/file-tile.css",
    "elements/file-tile.js",
    "elements/file-view.css",
    "elements/file-view.js",
    "elements/file-work.js",
    "elements/form.js",
    "elements/health-page.js",
    "elements/id-field.js",
    "elements/lane-tiles.css",
    "elements/lane-tiles.js",
    "elements/link-list.css",
    "elements/link-list.js",
    "elements/list-heading.js",
    "elements/list-keys.js",
    "elements/live-region.js",
    "elements/markdown-view.js",
    "elements/notices-page.js",
    "elements/notification-bell.css",
    "elements/notification-bell.js",
    "elements/notification-list.css",
    "elements/notification-list.js",
    "elements/page-element.js",
    "elements/paged-view.js",
    "elements/password-page.js",
    "elements/pdf-view.js",
    "elements/pick-pointer.js",
    "elements/place-picker.css",
    "elements/place-picker.js",
    "elements/pools-page.js",
    "elements/preview-dialog.css",
    "elements/preview-dialog.js",
    "elements/profile-page.js",
    "elements/progress-bar.css",
    "elements/progress-bar.js",
    "elements/qr-code.js",
    "elements/questions.js",
    "elements/quota-meter.css",
    "elements/quota-meter.js",
    "elements/route.js",
    "elements/rows.js",
    "elements/schema-form.css",
    "elements/schema-form.js",
    "elements/search-box.css",
    "elements/search-box.js",
    "elements/second-factor-page.css",
    "elements/second-factor-page.js",
    "elements/selection-bar.css",
    "elements/selection-bar.js",
    "elements/settings-view.js",
    "elements/share-inbox.css",
    "elements/share-inbox.js",
    "elements/share-page.css",
    "elements/share-page.js",
    "elements/shortcuts.js",
    "elements/side-bar.css",
    "elements/side-bar.js",
    "elements/sign-in.css",
    "elements/sign-in.js",
    "elements/sign-ins-page.js",
    "elements/task-card.css",
    "elements/task-card.js",
    "elements/task-details.css",
    "elements/task-details.js",
    "elements/task-filters.js",
    "elements/task-list.css",
    "elements/task-list.js",
    "elements/task-selection.js",
    "elements/theme-choice.css",
    "elements/theme-choice.js",
    "elements/toast-stack.css",
    "elements/toast-stack.js",
    "elements/tokens-page.js",
    "elements/upload-conflicts.css",
    "elements/upload-conflicts.js",
    "elements/upload-group.css",
    "elements/upload-group.js",
    "elements/upload-row.css",
    "elements/upload-row.js",
    "elements/upload-tray.css",
    "elements/upload-tray.js",
    "elements/usage-plot.css",
    "elements/usage-plot.js",
    "elements/usage-quota.css",
    "elements/usage-quota.js",
    "elements/usage-view.css",
    "elements/usage-view.js",
    "elements/webhooks-page.js",
    "favicon.svg",
    "icons.svg",
    "icons/any-192.png",
    "icons/any-512.png",
    "icons/maskable-512.png",
    "icons/touch-180.png",
    "index.html",
    "manifest.webmanifest",
    "share.html",
    "share.js",
    "styles/base.css",
    "styles/forms.css",
    "styles/layers.css",
    "styles/pages.css",
    "styles/reset.css",
    "styles/rows.css",
    "styles/tokens.css",
    "theme.js",
    "views/admin.js",
    "views/door.js",
    "views/file-tools.js",
    "views/index.js",
    "views/recent.js",
    "views/sending.js",
    "views/settings.js",
    "views/shares.js",
    "views/tasks.js",
    "views/trash.js",
    "views/usage.js",
    "words/de/account.js",
    "words/de/admin.js",
    "words/de/audit.js",
    "words/de/common.js",
    "words/de/door.js",
    "words/de/files.js",
    "words/de/filetools.js",
    "words/de/links.js",
    "words/de/notices.js",
    "words/de/pages.js",
    "words/de/preview.js",
    "words/de/server-content.js",
    "words/de/server-errors.js",
    "words/de/server-tasks.js",
    "words/de/settings.js",
    "words/de/share.js",
    "words/de/shell.js",
    "words/de/tasks.js",
    "words/de/uploads.js",
    "words/de/usage.js",
    "words/en/account.js",
    "words/en/admin.js",
    "words/en/audit.js",
    "words/en/common.js",
    "words/en/door.js",
    "words/en/files.js",
    "words/en/filetools.js",
    "words/en/links.js",
    "words/en/notices.js",
    "words/en/pages.js",
    "words/en/preview.js",
    "words/en/settings.js",
    "words/en/share.js",
    "words/en/shell.js",
    "words/en/tasks.js",
    "words/en/uploads.js",
    "words/en/usage.js",
    "worker.js",
];

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

static INDEX: LazyLock<String> = LazyLock::new(|| page("index.html"));
static SHARE: LazyLock<String> = LazyLock::new(|| page("share.html"));
static MANIFEST: LazyLock<String> = LazyLock::new(|| page("manifest.webmanifest"));
static WORKER: LazyLock<String> = LazyLock::new(|| page("worker.js"));

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A page that knows where its parts are.
fn page(path: &str) -> String {
    let page = find(path).map(|content| String::from_utf8_lossy(content)).unwrap_or_default();
    page.replace("{{assets}}", &format!("/a/{}", *HASH))
}

/// What is text, packed once: a page comes in a third of its bytes.
static PACKED: LazyLock<HashMap<&'static str, Vec<u8>>> = LazyLock::new(|| {
    let texts = FILES.iter().filter(|(path, _)| !path.ends_with(".png"));
    texts.filter_map(|(path, content)| Some((*path, pack(content).ok()?))).collect()
});

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

fn answer(request: &HttpRequest, page: &'static str, content_type: &str) -> HttpResponse {
    let etag = format!("\"{}\"", *HASH);
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::ETAG, etag.clone()));
    if text(request, header::IF_NONE_MATCH) == Some(&etag) {
        return answer.status(actix_web::http::StatusCode::NOT_MODIFIED).finish();
    }
    answer.body(page)
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
    let content = find(&path).filter(|_| hash == *HASH);
    let content = content.ok_or_else(|| Error::new(Kind::NoRoute, "There is no such file."))?;
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
    Ok(match PACKED.get(path.as_str()).filter(|_| takes_gzip(&request)) {
        Some(packed) => {
            answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(packed.as_slice())
        }
        None => answer.body(content),
    })
}
