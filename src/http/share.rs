//! Links: what a visitor without an account sees of a bundle. Every handler asks [`State::share`] first, which looks at
//! the bundle and its owner as they are at this moment, and reaches files through the [`Share`] it gives alone.

use actix_web::cookie::{Cookie, SameSite, time::Duration as CookieDuration};
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::input::{self, Body, Query, page};
use super::pages;
use super::problem::Problem;
use super::thumbnails::ThumbnailQuery;
use super::tokens::fingerprint;
use crate::domain::bundle::{Bundle, Share, Slug, unknown};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::File;
use crate::domain::notification::Subject;
use crate::domain::preview::Preview;
use crate::notify::Notifier;
use crate::notify::told::Told;
use crate::store::{Tx, bundles, previews};

type Answer = Result<HttpResponse, Problem>;

/// Says that a visitor knows the passcode.
const COOKIE: &str = "drive_share";
/// Says that a download was counted, so that it may go on.
const COUNTED: &str = "drive_download";
const UNLOCKED_MS: i64 = 12 * 3600 * 1000;
const COUNTED_MS: i64 = 24 * 3600 * 1000;
/// An owner is told of visitors at most this often for each bundle.
const TOLD_PAUSE_MS: i64 = 15 * 60 * 1000;
const PASSCODE_BODY_MAX: usize = 4 * 1024;
/// What visitors are told of a file's content: nothing of the device it was made with.
const SHOWN_FACTS: [&str; 4] = ["width", "height", "durationMs", "takenAt"];

/// The paths that a visitor's browser uses, for each prefix.
fn paths(slug: &Slug) -> [String; 2] {
    ["api", "drive"].map(|prefix| format!("/{prefix}/share/{slug}"))
}

/// What the cookie of an open passcode is sealed for: this bundle with this passcode.
fn unlocks(bundle: &Bundle) -> String {
    let of = bundle.passcode_hash.as_deref().unwrap_or_default();
    format!("share:{}:{}", bundle.id, fingerprint(of))
}

impl State {
    /// What a link opens for this visitor, now.
    pub(super) async fn share(&self, request: &HttpRequest, slug: &str) -> Result<Share> {
        let (bundle, owner) = self.bundle_behind(slug).await?;
        let unlocked =
            bundle.passcode_hash.is_some() && self.proves(request, COOKIE, &unlocks(&bundle));
        let open = self.uploads.pools.iter().filter(|pool| !pool.policy.public);
        let closed = open.map(|pool| pool.id).collect();
        Share::open(bundle, owner, closed, unlocked, self.engine.clock.now())
    }

    async fn bundle_behind(&self, slug: &str) -> Result<(Bundle, crate::domain::bundle::Owner)> {
        let slug = Slug::parse(slug).map_err(|_| unknown())?;
        let found = self.engine.store.read(move |db| bundles::by_slug(db, &slug)).await?;
        found.ok_or_else(unknown)
    }

    /// A cookie with a proof that was sealed for this purpose, good until it ends.
    fn proof(
        &self,
        name: &'static str,
        purpose: &str,
        path: String,
        life_ms: i64,
    ) -> Result<Cookie<'static>> {
        let until = self.engine.clock.now().0 + life_ms;
        let word = self.seal_word(purpose, &until.to_le_bytes())?;
        Ok(Cookie::build(name, word)
            .path(path)
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.settings.origins.secure)
            .max_age(CookieDuration::milliseconds(life_ms))
            .finish())
    }

    /// Browsers send all cookies of a name whose path fits; one of them must hold.
    fn proves(&self, request: &HttpRequest, name: &str, purpose: &str) -> bool {
        let Ok(cookies) = request.cookies() else { return false };
        let now = self.engine.clock.now().0;
        cookies.iter().filter(|cookie| cookie.name() == name).take(8).any(|cookie| {
            let opened = self.open_word(purpose, cookie.value());
            let until =
                opened.and_then(|plain| plain.as_slice().try_into().ok().map(i64::from_le_bytes));
            until.is_some_and(|until| until > now)
        })
    }

    /// Counts a download, unless this visitor's was counted before. The cookie lets it go on.
    pub(super) async fn count_download(
        &self,
        request: &HttpRequest,
        share: &Share,
        what: &str,
    ) -> Result<Option<Cookie<'static>>> {
        let bundle = share.bundle();
        let purpose = format!("download:{}:{what}", bundle.id);
        if request.method() == Method::HEAD || self.proves(request, COUNTED, &purpose) {
            return Ok(None);
        }
        let (counting, notifier) = (share.clone(), self.notifier.clone());
        let what = what.to_owned();
        let counted = move |tx: &Tx<'_>| {
            if !bundles::count_download(tx, &counting)? {
                return Ok(false);
            }
            let title = format!("Somebody downloads from \"{}\"", counting.bundle().name);
            let mut told = Told::new(Subject::FileShared, &title, "Your link is used.", None);
            told.data["what"] = json!(what);
            tell_owner(tx, &notifier, &counting, told)?;
            Ok(true)
        };
        if !self.engine.store.write(counted).await? {
            let message = "This link has been used as often as it may. Ask for a new one.";
            return Err(Error::new(Kind::ShareEnded, message));
        }
        self.notifier.ring();
        self.proof(COUNTED, &purpose, request.path().to_owned(), COUNTED_MS).map(Some)
    }
}

/// Tells the owner of a bundle of what a visitor does, unless something of it was told a moment ago.
pub(super) fn tell_owner(
    tx: &Tx<'_>,
    notifier: &Notifier,
    share: &Share,
    mut told: Told,
) -> Result<()> {
    let bundle = share.bundle();
    if bundles::note_told(tx, share, TOLD_PAUSE_MS)? {
        told.data["bundleId"] = json!(bundle.id);
        notifier.tell(tx, bundle.account_id, &told, true)?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    offset: Option<u64>,
    limit: Option<u32>,
}

/// What a link shows: its words and its files.
pub async fn list(
    state: web::Data<State>,
    request: HttpRequest,
    slug: web::Path<String>,
    Query(asked): Query<ListQuery>,
) -> Answer {
    let (offset, limit) = page(asked.offset, asked.limit)?;
    let share = state.share(&request, &slug).await?;
    let (reading, now) = (share.clone(), state.engine.clock.now());
    let read = state.engine.store.read(move |db| {
        let extent = bundles::shared_extent(db, &reading, now)?;
        let files = bundles::shared_files(db, &reading, now, offset, limit as usize)?;
        let owner = reading.bundle().account_id;
        let seen = previews::of(db, owner, &files.iter().collect::<Vec<_>>())?;
        Ok((extent, files, seen))
    });
    let (extent, files, seen) = read.await?;
    let empty = Preview::default();
    let root = common(extent.folders.as_ref());
    let bundle = share.bundle();
    let left = bundle.download_limit.map(|limit| limit.saturating_sub(bundle.downloads));
    let body = json!({
        "name": bundle.name,
        "description": bundle.description,
        "owner": share.owner().name,
        "expiredAt": bundle.expired_at,
        "downloadsLeft": left,
        "takesUploads": bundle.upload_into.is_some(),
        "files": files
            .iter()
            .map(|file| view(file, seen.get(&file.object_id).unwrap_or(&empty), &bundle.slug, &root))
            .collect::<Vec<_>>(),
        "fileCount": extent.files,
        "bytes": extent.bytes,
        "archiveUrl": format!("/api/share/{}/archive", bundle.slug),
    });
    Ok(pages::answer(Some(extent.files), None).json(body))
}

/// The folder that all have in common, with the slash behind it: nothing of it is told.
pub(super) fn common(folders: Option<&(String, String)>) -> String {
    let Some((first, last)) = folders else { return "/".to_owned() };
    let with_end = |path: &str| format!("{}/", path.trim_end_matches('/'));
    let (first, last) = (with_end(first), with_end(last));
    let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    first[..first.floor_char_boundary(same)].rfind('/').map_or("/", |at| &first[..=at]).to_owned()
}

/// A folder as visitors see it: without what all have in common.
pub(super) fn relative(folder: &str, root: &str) -> String {
    let whole = format!("{}/", folder.trim_end_matches('/'));
    whole.strip_prefix(root).unwrap_or_default().trim_end_matches('/').to_owned()
}

/// A file as visitors see it: nothing of its owner's order, account or tags, and no place where a picture was taken.
fn view(file: &File, preview: &Preview, slug: &Slug, root: &str) -> Value {
    let path = format!("/api/share/{slug}/files/{}", file.id);
    let facts = SHOWN_FACTS.iter().filter_map(|name| preview.metadata.get_key_value(*name));
    let facts: serde_json::Map<_, _> =
        facts.map(|(name, fact)| (name.clone(), fact.clone())).collect();
    json!({
        "id": file.id,
        "name": file.stored_name(),
        "folder": relative(&file.folder, root),
        "size": file.size,
        "contentType": file.content_type,
        "isEncrypted": file.lock.is_some(),
        "uploadedAt": file.uploaded_at,
        "metadata": facts,
        "url": format!("{path}/content"),
        "thumbnailUrl": preview.has_thumbnail().then(|| format!("{path}/thumbnail")),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlockRequest {
    passcode: String,
}

/// Opens a link with its passcode, for this browser and half a day.
pub async fn unlock(
    state: web::Data<State>,
    request: HttpRequest,
    slug: web::Path<String>,
    Body(wanted): Body<UnlockRequest, PASSCODE_BODY_MAX>,
) -> Answer {
    if !state.same_site(&request) {
        return Err(super::auth::cross_site().into());
    }
    let (bundle, owner) = state.bundle_behind(&slug).await?;
    let (hash, now) = (bundle.passcode_hash.clone(), state.engine.clock.now());
    // A link that is over, or was taken back, says so before anybody guesses.
    let share = Share::open(bundle, owner, Vec::new(), true, now)?;
    let bundle = share.bundle();
    let mut answer = HttpResponse::NoContent();
    let Some(hash) = hash else { return Ok(answer.finish()) };
    let attempt = state.attempt(&format!("share:{}", bundle.slug), &request).await?;
    if !state.verify(wanted.passcode, hash).await? {
        attempt.failed();
        let message = "The passcode is wrong. Ask who gave you the link.";
        return Err(Error::new(Kind::PasscodeWrong, message).with("field", "passcode").into());
    }
    attempt.succeeded();
    for path in paths(&bundle.slug) {
        answer.cookie(state.proof(COOKIE, &unlocks(bundle), path, UNLOCKED_MS)?);
    }
    Ok(answer.finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentQuery {
    inline: Option<bool>,
}

pub async fn content(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Query(asked): Query<ContentQuery>,
) -> Answer {
    let (slug, id) = path.into_inner();
    let share = state.share(&request, &slug).await?;
    let file = state.shared_file(&share, &id).await?;
    let (mut cookie, what) = (None, file.id.to_string());
    let begin = async {
        cookie = state.count_download(&request, &share, &what).await?;
        Ok(())
    };
    let inline = asked.inline.unwrap_or(false);
    let mut answer = state.send_file(&request, &file, None, inline, begin).await?;
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie).map_err(Error::internal)?;
    }
    Ok(answer)
}

pub async fn thumbnail(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Query(asked): Query<ThumbnailQuery>,
) -> Answer {
    let (slug, id) = path.into_inner();
    let side = asked.side()?;
    let share = state.share(&request, &slug).await?;
    let file = state.shared_file(&share, &id).await?;
    Ok(state.thumbnail(&request, &file, side).await?)
}

impl State {
    async fn shared_file(&self, share: &Share, id: &str) -> Result<File> {
        let (share, now) = (share.clone(), self.engine.clock.now());
        let id = input::id(id, "file")?;
        self.engine.store.read(move |db| bundles::shared_file(db, &share, id, now)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_folders_have_in_common_is_told_to_nobody() {
        let both = |a: &str, b: &str| common(Some(&(a.into(), b.into())));
        assert_eq!(both("/a/b", "/a/b"), "/a/b/");
        assert_eq!(both("/a/b", "/a/c/d"), "/a/");
        assert_eq!(both("/a", "/ab"), "/");
        assert_eq!(both("/", "/x"), "/");
        assert_eq!(both("/é", "/è"), "/");
        assert_eq!(relative("/a/c/d", "/a/"), "c/d");
        assert_eq!(relative("/a", "/a/"), "");
        assert_eq!(relative("/", "/"), "");
    }
}
