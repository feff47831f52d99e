//! The audit log. The gate writes a row for each use of a route that has an action in the table, refused ones too, so
//! no handler can forget it. What changes accounts, and every sign-in, is on the disk before it is answered.

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::access::{Access, Route};
use super::auth::Signed;
use super::input::{Query, text};
use super::pages;
use super::problem::{Problem, code_of};
use crate::domain::account::{Caller, Role, Scope};
use crate::domain::error::{Error, Result};
use crate::domain::id::AccountId;
use crate::domain::time::Timestamp;
use crate::store::audit::{self, Entry, Filter, Kept};

/// Bytes of a text from outside that are kept.
const TEXT_MAX: usize = 200;
const PAGE_MAX: u32 = 500;

/// What a handler knows of its request and the gate does not.
#[derive(Clone, Default)]
struct About {
    /// The name that someone tried to sign in with.
    account: String,
}

/// Tells the log which name is tried.
pub fn about(request: &HttpRequest, account: &str) {
    request.extensions_mut().insert(About { account: account.to_owned() });
}

/// What the gate knows before the handler runs.
pub struct Draft {
    line: &'static Route,
    address: String,
}

impl Draft {
    /// `None` for routes that are not kept, and for the later parts of a file: players ask for hundreds.
    pub fn of(state: &State, line: Option<&'static Route>, request: &HttpRequest) -> Option<Self> {
        let line = line.filter(|line| !line.action.is_empty())?;
        let range = text(request, header::RANGE).unwrap_or("bytes=0-");
        if line.method == "GET" && !range.starts_with("bytes=0-") {
            return None;
        }
        Some(Self { line, address: state.address(request).to_string() })
    }

    /// Keeps how the request ended.
    pub async fn keep<B: MessageBody>(
        self,
        state: &web::Data<State>,
        response: &ServiceResponse<B>,
    ) {
        let fine = response.status().is_success() || response.status().is_redirection();
        let outcome = match code_of(response.response()) {
            None if fine => "ok",
            code => code.unwrap_or("ERROR"),
        };
        self.write(state, response.request(), outcome).await;
    }

    /// Keeps that the gate itself refused.
    pub async fn refuse(self, state: &web::Data<State>, request: &HttpRequest, error: &Error) {
        self.write(state, request, error.kind().code()).await;
    }

    async fn write(self, state: &web::Data<State>, request: &HttpRequest, outcome: &str) {
        let (caller, about) = {
            let known = request.extensions();
            (known.get::<Caller>().cloned(), known.get::<About>().cloned().unwrap_or_default())
        };
        let object = request.match_info().iter().map(|(_, value)| value).last();
        let name = caller.as_ref().map_or(about.account, |caller| caller.name.to_string());
        let entry = Entry {
            account_id: caller.as_ref().map(|caller| caller.account_id),
            account: cut(&name),
            session_id: caller.map(|caller| caller.session_id),
            action: self.line.action.to_owned(),
            object: cut(object.unwrap_or_default()),
            address: self.address,
            outcome: outcome.to_owned(),
        };
        tracing::info!(
            target: "audit",
            account = ?entry.account,
            action = %entry.action,
            object = ?entry.object,
            address = %entry.address,
            outcome = %entry.outcome,
            "audit",
        );
        let wait = match self.line.access {
            Access::Public => true,
            Access::Signed(least, scope) => least == Role::Admin || scope == Some(Scope::Own),
        };
        let store = state.engine.store.clone();
        let kept = async move { store.write(move |tx| audit::append(tx, &entry)).await };
        let report = |outcome: Result<()>| {
            if let Err(error) = outcome {
                tracing::error!(cause = error.cause(), "an audit row was not written: {error}");
            }
        };
        match wait {
            true => report(kept.await),
            false => drop(tokio::spawn(async move { report(kept.await) })),
        }
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_MAX)].to_owned()
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    account: Option<AccountId>,
    action: Option<String>,
    outcome: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    /// The number in `X-Next-Cursor`.
    cursor: Option<u64>,
    limit: Option<u32>,
    format: Option<String>,
}

fn view(kept: &Kept) -> Value {
    json!({
        "seq": kept.seq,
        "at": kept.at,
        "accountId": kept.entry.account_id,
        "account": kept.entry.account,
        "sessionId": kept.entry.session_id,
        "action": kept.entry.action,
        "object": kept.entry.object,
        "address": kept.entry.address,
        "outcome": kept.entry.outcome,
        "hash": kept.hash.to_string(),
    })
}

/// The newest rows first: all of them for administrators, else those of the caller's own account.
pub async fn list(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let all = caller.must(Role::Admin, Some(Scope::Admin)).is_ok();
    let filter = Filter {
        account_id: if all { asked.account } else { Some(caller.account_id) },
        action: asked.action,
        outcome: asked.outcome,
        after: asked.after,
        before: asked.before,
        below: asked.cursor,
    };
    match asked.format.as_deref() {
        None | Some("json") => {}
        Some("ndjson") => return Ok(export(state, filter)),
        Some(_) => {
            return Err(Error::invalid("format", "format is one of json, ndjson.").into());
        }
    }
    let (_, limit) = super::input::page(None, asked.limit)?;
    let rows = state.engine.store.read(move |db| audit::list(db, &filter, limit)).await?;
    let next = pages::below(&rows, limit, |row| row.seq);
    Ok(pages::answer(None, next).json(rows.iter().map(view).collect::<Vec<_>>()))
}

/// All rows, one JSON object a line, read page by page while they are sent.
fn export(state: web::Data<State>, filter: Filter) -> HttpResponse {
    let pages = stream::unfold(Some(filter), move |filter| {
        let state = state.clone();
        async move {
            let mut filter = filter?;
            let asked = filter.clone();
            let store = &state.engine.store;
            let rows = match store.read(move |db| audit::list(db, &asked, PAGE_MAX)).await {
                Ok(rows) => rows,
                Err(error) => return Some((Err(error), None)),
            };
            let last = rows.last()?;
            filter.below = Some(last.seq);
            let next = (rows.len() == PAGE_MAX as usize).then_some(filter);
            let lines: String = rows.iter().map(|row| format!("{}\n", view(row))).collect();
            Some((Ok(Bytes::from(lines)), next))
        }
    });
    HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header(("content-disposition", "attachment; filename=\"audit.ndjson\""))
        .streaming(pages)
}
