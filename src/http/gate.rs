//! The one gate before every route below `/api`: it finds the route's line in the table, asks who is calling, counts,
//! admits or refuses, and tells the audit log.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};

use super::access::{ANYONE, Access, Class, Route};
use super::address::network;
use super::audit::Draft;
use super::auth::not_signed_in;
use super::limits::{self, Left, Who};
use super::problem::Problem;
use super::{API, State};
use crate::domain::error::{Error, Result};

/// The lines of the table by method and pattern.
static LINES: LazyLock<HashMap<(&str, &str), &'static Route>> =
    LazyLock::new(|| API.iter().map(|route| ((route.method, route.pattern), route)).collect());

pub async fn gate<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let state = request
        .app_data::<web::Data<State>>()
        .cloned()
        .ok_or_else(|| Problem(Error::internal("no state")))?;
    let pattern = request.match_pattern().unwrap_or_default();
    let pattern = pattern.strip_prefix("/api").or_else(|| pattern.strip_prefix("/drive"));
    // What matches no route is answered 404 further in; there is nothing to protect.
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else {
        return next.call(request).await;
    };
    let line = LINES.get(&(request.method().as_str(), pattern)).copied();
    let draft = Draft::of(&state, line, request.request());
    let left = match admit(&state, line, request.request()).await {
        Ok(left) => left,
        Err(error) => {
            if let Some(draft) = draft {
                draft.refuse(&state, request.request(), &error).await;
            }
            return Err(Problem(error).into());
        }
    };
    let mut response = next.call(request).await?;
    if let Some(draft) = draft {
        draft.keep(&state, &response).await;
    }
    if let Some(left) = left {
        limits::tell(response.headers_mut(), left.per_minute, left.remaining, 60);
    }
    Ok(response)
}

async fn admit(
    state: &State,
    line: Option<&'static Route>,
    request: &HttpRequest,
) -> Result<Option<Left>> {
    let address = Who::Address(network(state.address(request)));
    // Another method than the table has: refused further in, but only to those who are signed in.
    let (access, class) = line.map_or((ANYONE, Class::Read), |line| (line.access, line.class));
    if access == Access::Public {
        return state.limiter.count(class, address);
    }
    let Some(caller) = state.authenticate(request).await? else {
        state.limiter.count(Class::Login, address)?;
        return Err(not_signed_in());
    };
    let left = state.limiter.count(class, Who::Account(caller.account_id))?;
    let admitted = access.admit(&caller);
    request.extensions_mut().insert(caller);
    admitted.map(|()| left)
}
