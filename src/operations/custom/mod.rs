//! Custom: what is not a type of its own. With a `handler` a worker of this server does it; a handler is one file here
//! and one line in [`handlers`]. Without one the task belongs to a program of the account's own, which reports how far
//! it is: a back-up script gets progress, history, pause and cancel for nothing.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::places::Places;
use super::previews::remove_strays;
use crate::blobs::pool::PoolDir;
use crate::domain::error::{Error, Result};
use crate::domain::task::{Driver, TaskType};
use crate::domain::work::Lane;
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work};
use crate::engine::operation::{Operation, Plan, Request};
use crate::engine::recovery::LastStop;
use crate::store::Store;

mod export_manifest;
pub mod make_previews;
mod verify_files;

/// Bytes of the parameters that a client's own task keeps.
const PARAMETERS_MAX_BYTES: usize = 16 * 1024;
/// The parameter that names a handler.
pub const HANDLER: &str = "handler";

/// Work of this server that is done under the type Custom.
trait Handler: Send + Sync {
    /// The word in `parameters.handler`.
    fn name(&self) -> &'static str;

    /// What a person calls it.
    fn title(&self) -> &'static str;

    /// JSON Schema of each parameter beside `handler`.
    fn properties(&self) -> Value;

    /// See [`Operation::plan`]; the request is without `handler`.
    fn plan(&self, places: &Places, engine: &Engine, request: &Request) -> Result<Plan>;

    /// See [`Operation::run`].
    fn run(&self, places: &Places, context: &Context) -> Work<Ending>;
}

/// Every handler of this server.
fn handlers() -> Vec<Box<dyn Handler>> {
    vec![
        Box::new(verify_files::VerifyFiles),
        Box::new(export_manifest::ExportManifest),
        Box::new(make_previews::MakePreviews),
    ]
}

pub struct Custom {
    places: Arc<Places>,
    handlers: Vec<Box<dyn Handler>>,
}

impl Custom {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places, handlers: handlers() }
    }

    fn handler(&self, name: &str) -> Result<&dyn Handler> {
        let known = || self.handlers.iter().map(|handler| handler.name()).collect::<Vec<_>>();
        let found = self.handlers.iter().find(|handler| handler.name() == name);
        found.map(AsRef::as_ref).ok_or_else(|| {
            let message = format!(
                "There is no handler \"{name}\"; there is {}. Without one, your own program drives the task.",
                known().join(", ")
            );
            Error::invalid("parameters.handler", message).with("handlers", known())
        })
    }
}

impl Operation for Custom {
    fn task_type(&self) -> TaskType {
        TaskType::Custom
    }

    fn title(&self) -> &'static str {
        "A task of your own"
    }

    fn schema(&self) -> Value {
        let names: Vec<_> = self.handlers.iter().map(|handler| handler.name()).collect();
        let one_of: Vec<_> = self
            .handlers
            .iter()
            .map(|handler| {
                let mut properties = json!({ "handler": { "const": handler.name() } });
                if let (Some(all), Some(own)) =
                    (properties.as_object_mut(), handler.properties().as_object())
                {
                    all.extend(own.clone());
                }
                json!({
                    "title": handler.title(),
                    "required": [HANDLER],
                    "additionalProperties": false,
                    "properties": properties,
                })
            })
            .chain([json!({
                "title": "Driven by your own program",
                "properties": { "handler": false },
            })])
            .collect();
        json!({
            "type": "object",
            "properties": { "handler": { "enum": names, "title": "What to do" } },
            "oneOf": one_of,
        })
    }

    fn is_reported(&self) -> bool {
        true
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let mut parameters = request.parameters.clone();
        let name = match parameters.remove(HANDLER) {
            None | Some(Value::Null) => return of_client(parameters),
            Some(Value::String(name)) => name,
            Some(_) => {
                let message = "parameters.handler is the name of a handler, as a string.";
                return Err(Error::invalid("parameters.handler", message));
            }
        };
        let handler = self.handler(&name)?;
        let request = Request { caller: request.caller.clone(), parameters };
        let mut plan = handler.plan(&self.places, engine, &request)?;
        let mut kept = Map::from_iter([(HANDLER.to_owned(), name.into())]);
        if let Value::Object(own) = plan.parameters {
            kept.extend(own);
        }
        plan.parameters = kept.into();
        Ok(plan)
    }

    fn recover(&self, store: &Store, _: &PoolDir, last: LastStop) -> Result<()> {
        match last {
            LastStop::First | LastStop::Clean => Ok(()),
            LastStop::Crash | LastStop::PowerLoss => {
                remove_strays(store, &self.places.blobs.previews)
            }
        }
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let name = context.task.parameters[HANDLER].as_str().unwrap_or_default();
        self.handler(name)?.run(&self.places, context)
    }
}

/// A task that its client drives keeps whatever the client wants to remember of it.
fn of_client(parameters: Map<String, Value>) -> Result<Plan> {
    let parameters = Value::Object(parameters);
    if parameters.to_string().len() > PARAMETERS_MAX_BYTES {
        let message = format!("parameters must have at most {PARAMETERS_MAX_BYTES} bytes as JSON.");
        return Err(Error::invalid("parameters", message).with("limit", PARAMETERS_MAX_BYTES));
    }
    if let Some(field) = secret_in(&parameters, "parameters") {
        let message =
            format!("{field} would be kept and shown as it is. Keep secrets in your own program.");
        return Err(Error::invalid(&field, message));
    }
    let mut plan = Plan::new("Custom task", Lane::Quick, parameters);
    plan.driver = Driver::Client;
    Ok(plan)
}

/// Where something is called a password, so that none is kept in clear by mistake.
fn secret_in(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            let word = name.to_ascii_lowercase().replace('_', "");
            let secret = matches!(word.as_str(), "password" | "encryptpassword" | "passphrase");
            if secret { Some(path) } else { secret_in(value, &path) }
        }),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .find_map(|(at, value)| secret_in(value, &format!("{path}[{at}]"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_it_stands() {
        let of = |value: Value| secret_in(&value, "parameters");
        assert_eq!(
            of(json!({ "a": [1, { "Encrypt_Password": "x" }] })).as_deref(),
            Some("parameters.a[1].Encrypt_Password")
        );
        assert_eq!(of(json!({ "password": null })).as_deref(), Some("parameters.password"));
        assert_eq!(of(json!({ "passwordHint": 1, "a": "password" })), None);
    }
}
