//! What is stored: for its owner, and for those who bill it.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::State;
use super::auth::Signed;
use super::input::{self, NoBody, Query};
use super::problem::Problem;
use crate::domain::account::Account;
use crate::domain::error::{Error, Result};
use crate::domain::time::DAY_MS;
use crate::store::accounts;
use crate::store::usage::{self, Day, Share};

/// How far back the days of uploads go.
const DAYS: i64 = 90;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageQuery {
    /// For administrators: the id of another account, or `all`.
    account: Option<String>,
    format: Option<String>,
}

/// Bytes and files by pool, kind of content and month: of the caller's account; for administrators of any, or of all.
pub async fn usage(
    state: web::Data<State>,
    Signed(caller): Signed,
    Query(asked): Query<UsageQuery>,
) -> Result<HttpResponse, Problem> {
    let csv = match asked.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Error::invalid("format", "format is one of json, csv.").into()),
    };
    let of = input::whose(&caller, asked.account.as_deref())?;
    let now = state.engine.clock.now();
    let (accounts, days, shares, pools) = state
        .engine
        .store
        .read(move |db| {
            let accounts = match of {
                None => accounts::list(db, now)?,
                Some(id) => accounts::get(db, id, now)?.into_iter().collect(),
            };
            let since = now.plus_ms(-DAYS * DAY_MS);
            let days = |account: &Account| usage::days(db, account.id, since);
            let days = accounts.iter().map(days).collect::<Result<Vec<_>>>()?;
            Ok((accounts, days, usage::shares(db, of)?, usage::pool_names(db)?))
        })
        .await?;
    if accounts.is_empty() {
        return Err(Error::not_found("account").into());
    }
    let names: BTreeMap<_, _> = pools.into_iter().collect();
    let pool = |share: &Share| names.get(&share.pool_id).cloned().unwrap_or_default();
    if csv {
        return Ok(table(&accounts, &shares, pool));
    }
    let views: Vec<Value> = accounts
        .iter()
        .zip(&days)
        .map(|(account, days)| view(account, &shares, days, &pool))
        .collect();
    match of {
        None => Ok(HttpResponse::Ok().json(views)),
        Some(_) => Ok(HttpResponse::Ok().json(views.into_iter().next())),
    }
}

fn view(account: &Account, all: &[Share], days: &[Day], pool: &impl Fn(&Share) -> String) -> Value {
    let own: Vec<&Share> = all.iter().filter(|share| share.account_id == account.id).collect();
    let trash: u64 = own.iter().filter(|share| share.in_trash).map(|share| share.charged).sum();
    json!({
        "accountId": account.id,
        "account": account.name,
        "used": account.quota.used,
        "reserved": account.quota.reserved,
        "limit": account.quota.limit,
        "trash": trash,
        "byPool": sums(&own, |share| (share.pool_id.to_string(), ("pool", pool(share)))),
        "byType": sums(&own, |share| (share.kind.clone(), ("type", share.kind.clone()))),
        "byMonth": sums(&own, |share| (share.month.clone(), ("month", share.month.clone()))),
        "uploadsByDay": days.iter().map(uploads).collect::<Vec<_>>(),
    })
}

fn uploads(day: &Day) -> Value {
    let Day { day, uploads, bytes, took_ms } = day;
    json!({ "day": day, "uploads": uploads, "bytes": bytes, "seconds": *took_ms as f64 / 1000.0 })
}

/// The shares added up by a key, in its order; each sum is shown with a field of its own.
fn sums(shares: &[&Share], by: impl Fn(&Share) -> (String, (&'static str, String))) -> Vec<Value> {
    let mut found: BTreeMap<String, (Map<String, Value>, [u64; 3])> = BTreeMap::new();
    for share in shares {
        let (key, (field, shown)) = by(share);
        let (row, sum) = found.entry(key.clone()).or_default();
        row.insert(field.to_owned(), shown.into());
        if field == "pool" {
            row.insert("poolId".to_owned(), key.into());
        }
        for (sum, more) in sum.iter_mut().zip([share.files, share.bytes, share.charged]) {
            *sum += more;
        }
    }
    let finish = |(mut row, [files, bytes, charged]): (Map<String, Value>, [u64; 3])| {
        row.insert("files".to_owned(), files.into());
        row.insert("bytes".to_owned(), bytes.into());
        row.insert("charged".to_owned(), charged.into());
        Value::Object(row)
    };
    found.into_values().map(finish).collect()
}

/// One row for each share (RFC 4180).
fn table(accounts: &[Account], shares: &[Share], pool: impl Fn(&Share) -> String) -> HttpResponse {
    let names: BTreeMap<_, _> =
        accounts.iter().map(|account| (account.id, account.name.as_str())).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head =
        ["account_id", "account", "pool", "type", "month", "trash", "files", "bytes", "charged"];
    let mut wrote = writer.write_record(head);
    for share in shares {
        let row = [
            share.account_id.to_string(),
            plain(names.get(&share.account_id).copied().unwrap_or_default()),
            plain(&pool(share)),
            plain(&share.kind),
            share.month.clone(),
            share.in_trash.to_string(),
            share.files.to_string(),
            share.bytes.to_string(),
            share.charged.to_string(),
        ];
        wrote = wrote.and_then(|()| writer.write_record(row));
    }
    let bytes = wrote
        .map_err(Error::internal)
        .and_then(|()| writer.into_inner().map_err(|error| Error::internal(error.to_string())));
    match bytes {
        Ok(bytes) => HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header(("content-disposition", "attachment; filename=\"usage.csv\""))
            .body(bytes),
        Err(error) => HttpResponse::from_error(Problem(error)),
    }
}

/// A text that no spreadsheet takes for a formula.
fn plain(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// Sends what each account uses to the operator's billing webhook, now.
pub async fn send(state: web::Data<State>, _: NoBody) -> Result<HttpResponse, Problem> {
    let messages = state.notifier.send_usage().await?;
    Ok(HttpResponse::Accepted().json(json!({ "messages": messages })))
}
