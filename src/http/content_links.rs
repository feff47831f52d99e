//! Addresses at which a file is shown for a while without a cookie or a header, such as in the page of another program.
//! Where the settings name an origin of its own for content (`server.content_url`), they lie there and nothing else does:
//! whatever a file holds, no cookie and no page of this server is within its reach.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::State;
use super::auth::Signed;
use super::input::NoBody;
use super::problem::Problem;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, FileId, SessionId};
use crate::store::{files, sessions};

type Answer = Result<HttpResponse, Problem>;

/// What such addresses begin with.
pub const PREFIX: &str = "/c/";
/// How long one is good.
const LIFE_MS: i64 = 15 * 60 * 1000;
const PURPOSE: &str = "content link";

/// What the word in an address stands for. It is sealed, so nobody can make one.
#[derive(Serialize, Deserialize)]
struct Pass {
    file: FileId,
    account: AccountId,
    /// It ends with the sign-in that made it.
    session: SessionId,
    until: i64,
}

/// Makes an address for one file, good for a quarter of an hour.
pub async fn make(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    id: web::Path<String>,
    _: NoBody,
) -> Answer {
    let file = state.file(&caller, &id).await?;
    let until = state.engine.clock.now().plus_ms(LIFE_MS);
    let pass = Pass {
        file: file.id,
        account: caller.account_id,
        session: caller.session_id,
        until: until.0,
    };
    let plain = serde_json::to_vec(&pass).map_err(Error::internal)?;
    let word = state.seal_word(PURPOSE, &plain)?;
    let origin = match state.settings.origins.content_url.as_deref() {
        Some(content) => content.to_owned(),
        None => state.own_address(&request)?,
    };
    let mut url = Url::parse(&origin).map_err(Error::internal)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.extend(["c", &word, &file.name]);
    }
    Ok(HttpResponse::Created().json(json!({ "url": url.as_str(), "expiresAt": until })))
}

/// The file at such an address; always inline where its type is safe.
pub async fn open(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Answer {
    let over = || Error::new(Kind::NotFound, "This address is over. Ask for the file anew.");
    let opened = state.open_word(PURPOSE, &path.0);
    let pass = opened.and_then(|plain| serde_json::from_slice::<Pass>(&plain).ok());
    let now = state.engine.clock.now();
    let pass = pass.filter(|pass| pass.until > now.0).ok_or_else(over)?;
    let read = state.engine.store.read(move |db| {
        let session = sessions::by_id(db, pass.session)?;
        let lives = session.is_some_and(|session| session.expires_at > now);
        lives.then(|| files::get(db, pass.account, pass.file, now)).transpose()
    });
    let file = read.await?.ok_or_else(over)?;
    let mut answer =
        state.send_file(&request, &file, None, true, std::future::ready(Ok(()))).await?;
    // Pages of this server stand on another origin.
    let anywhere = actix_web::http::header::HeaderValue::from_static("cross-origin");
    let name = actix_web::http::header::HeaderName::from_static("cross-origin-resource-policy");
    answer.headers_mut().insert(name, anywhere);
    Ok(answer)
}
