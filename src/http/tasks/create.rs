//! `POST /tasks`: what a client wants done.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::State;
use super::super::auth::Signed;
use super::super::input::{Body, idempotency_key};
use super::{Answer, view};
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::task::TaskType;
use crate::domain::time::Timestamp;
use crate::engine::submit::{Submitted, Wanted};

/// Bytes of a request: a hundred thousand file ids fit.
const REQUEST_MAX_BYTES: usize = 8 * 1024 * 1024;
const NAME_MAX_BYTES: usize = 255;
const DESCRIPTION_MAX_BYTES: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRequest {
    r#type: TaskType,
    name: Option<String>,
    description: Option<String>,
    priority: Option<u8>,
    #[serde(default)]
    parameters: Map<String, Value>,
    run_at: Option<Timestamp>,
    #[serde(default)]
    depends_on: Vec<TaskId>,
    parent_id: Option<TaskId>,
}

pub async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(asked): Body<CreateRequest, REQUEST_MAX_BYTES>,
) -> Answer {
    let key = idempotency_key(&request)?;
    let idempotency = key.map(|key| (key, signature(&state, &asked)));
    let wanted = Wanted {
        task_type: asked.r#type,
        name: asked.name.map(|name| check_name(&name)).transpose()?,
        description: asked.description.map(check_description).transpose()?,
        priority: check_priority(asked.priority.unwrap_or(0))?,
        parameters: asked.parameters,
        run_at: asked.run_at,
        depends_on: asked.depends_on,
        parent_id: asked.parent_id,
        idempotency,
    };
    let (mut answer, task) = match state.engine.submit(caller, wanted).await? {
        Submitted::New(task) => (HttpResponse::Created(), task),
        Submitted::Known(task) => (HttpResponse::Ok(), task),
    };
    Ok(answer
        .insert_header((header::LOCATION, format!("/api/tasks/{}", task.id)))
        .json(view(&task)))
}

/// What an idempotency key stands for: the same wish in any order of its fields. There may be a password among them.
fn signature(state: &State, asked: &CreateRequest) -> [u8; 32] {
    let mut parameters: Vec<_> = asked.parameters.iter().collect();
    parameters.sort_by_key(|(name, _)| name.as_str());
    let wish = json!([
        asked.r#type,
        asked.name,
        asked.description,
        asked.priority,
        parameters,
        asked.run_at,
        asked.depends_on,
        asked.parent_id,
    ]);
    state.engine.key.fingerprint(wish.to_string().as_bytes())
}

pub fn check_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_MAX_BYTES || name.chars().any(char::is_control) {
        let message = format!("name must have 1 to {NAME_MAX_BYTES} bytes on one line.");
        return Err(Error::invalid("name", message));
    }
    Ok(name.to_owned())
}

fn check_description(text: String) -> Result<String> {
    if text.len() > DESCRIPTION_MAX_BYTES {
        let message = format!("description must have at most {DESCRIPTION_MAX_BYTES} bytes.");
        return Err(Error::invalid("description", message));
    }
    Ok(text)
}

pub fn check_priority(priority: u8) -> Result<u8> {
    match priority {
        0..=100 => Ok(priority),
        _ => Err(Error::invalid("priority", "priority must be between 0 and 100.")),
    }
}
