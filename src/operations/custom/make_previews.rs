//! makePreviews: looks at what nobody has looked at yet, and keeps facts and thumbnails of it. The server makes these
//! tasks by itself (`previews::desk`); a person may too, and gets the one that is under way.

use std::cell::Cell;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Handler;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::File;
use crate::domain::id::{AccountId, ObjectId};
use crate::domain::work::{Item, ItemState, Lane, NewItem, is_passing};
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Stop, Work, results};
use crate::engine::operation::{Plan, Request};
use crate::operations::bulk::TOLD_ONE_BY_ONE;
use crate::operations::places::{Places, announce_file};
use crate::operations::previews::{Seen, look_at};
use crate::store::items::{self, Mark};
use crate::store::{Tx, events, previews};

pub const NAME: &str = "makePreviews";
/// Objects of one task; the next one takes the rest.
const OBJECTS_MAX: usize = 10_000;
/// How often a look at one object may be broken off by a crash or the disk before it is given up.
const TRIES_MAX: u32 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {}

pub struct MakePreviews;

impl Handler for MakePreviews {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Make missing previews"
    }

    fn properties(&self) -> Value {
        json!({})
    }

    fn plan(&self, _: &Places, engine: &Engine, request: &Request) -> Result<Plan> {
        let Parameters {} = request.parse()?;
        let owner = request.caller.account_id;
        let pending = engine.store.read_now(|db| previews::pending(db, owner, OBJECTS_MAX))?;
        let name = match pending.as_slice() {
            [one] => format!("Preview {}", one.name),
            many => format!("Preview {} files", many.len()),
        };
        let mut plan = Plan::new(name, Lane::Maintenance, json!({}));
        plan.unique_key = Some(NAME.to_owned());
        let item = |one: previews::Pending| NewItem {
            item: json!({ "objectId": one.object_id.to_string() }),
            name: one.name,
            bytes: one.size,
        };
        plan.items = pending.into_iter().map(item).collect();
        Ok(plan)
    }

    fn run(&self, places: &Places, context: &Context) -> Work<Ending> {
        let told =
            Told { one_by_one: context.task.items_total <= TOLD_ONE_BY_ONE, untold: Cell::new(0) };
        let outcome = context.each_item(|item| make(places, context, item, &told));
        if told.untold.get() > 0 {
            let count = told.untold.take();
            context.commit(move |tx, task| announce_many(tx, task.account_id, count))?;
        }
        outcome?;
        let pk = context.task.pk;
        let (made, passed) = context.engine.store.read_now(|db| {
            Ok((
                items::count(db, pk, ItemState::Done)?.0,
                items::count(db, pk, ItemState::Skipped)?.0,
            ))
        })?;
        results(json!({ "previewCount": made, "skippedCount": passed }))
    }
}

/// How clients hear of files that changed: of each, or of many at once.
struct Told {
    one_by_one: bool,
    untold: Cell<u64>,
}

fn announce_many(tx: &Tx<'_>, owner: AccountId, count: u64) -> Result<()> {
    events::record(tx, Event::lasting(owner, "file.updated", None, json!({ "count": count })))
}

/// The look at one object, and what is kept of it.
fn make(places: &Places, context: &Context, item: &Item, told: &Told) -> Work<()> {
    let owner = context.task.account_id;
    let text = item.item["objectId"].as_str().unwrap_or_default();
    let id = ObjectId::parse(text).map_err(Error::internal)?;
    let tries = context.commit(move |tx, _| previews::begin(tx, owner, id))?;
    let files =
        context.engine.store.read_now(|db| previews::files_over(db, owner, id, TOLD_ONE_BY_ONE))?;
    let (Some(tries), Some(file)) = (tries, files.first()) else {
        let gone = Error::not_found("file");
        return pass_over(context, item, &gone);
    };
    let seen = match tries <= TRIES_MAX {
        true => look_at(places, context, file),
        false => Ok(Seen {
            trouble: Some(Error::new(Kind::ContentInvalid, "Looking at it failed too often.")),
            ..Seen::default()
        }),
    };
    match seen {
        Ok(seen) => {
            let kept = keep(places, context, item, (id, &seen, &files), told);
            kept.or_else(|stop| give_back(context, id, stop))
        }
        // Of a file that cannot be read the next task tries again, until it is given up.
        Err(Stop::Failed(error)) => pass_over(context, item, &error),
        Err(stop) => give_back(context, id, stop),
    }
}

/// Breaking off here says nothing against the object, unless trying again would end the same way.
fn give_back(context: &Context, id: ObjectId, stop: Stop) -> Work<()> {
    let innocent = match &stop {
        Stop::Interrupted => true,
        Stop::Fenced => false,
        Stop::Failed(error) => is_passing(error),
    };
    if innocent {
        context.commit(move |tx, task| previews::give_back(tx, task.account_id, id))?;
    }
    Err(stop)
}

fn pass_over(context: &Context, item: &Item, why: &Error) -> Work<()> {
    let (seq, mark) = (item.seq, mark(Some(why)));
    context.commit(move |tx, task| items::mark(tx, task.pk, seq, ItemState::Skipped, &mark))?;
    Ok(())
}

fn mark(trouble: Option<&Error>) -> Mark {
    if let Some(cause) = trouble.and_then(Error::cause) {
        tracing::debug!(cause, "no thumbnail could be made");
    }
    let said = |error: &Error| (error.kind().code().to_owned(), error.message().to_owned());
    Mark { detail: None, error: trouble.map(said) }
}

/// The thumbnails first, then the row that says they are there.
fn keep(
    places: &Places,
    context: &Context,
    item: &Item,
    (id, seen, files): (ObjectId, &Seen, &[File]),
    told: &Told,
) -> Work<()> {
    for (scale, content) in &seen.thumbnails {
        places.blobs.previews.write(id, *scale, content)?;
    }
    let preview = seen.preview();
    let state = if seen.trouble.is_some() { ItemState::Skipped } else { ItemState::Done };
    let (seq, mark) = (item.seq, mark(seen.trouble.as_ref()));
    let changes = preview.has_thumbnail() || !preview.metadata.is_empty();
    let changed: Vec<File> =
        files.iter().filter(|file| changes && file.deleted_at.is_none()).cloned().collect();
    let count = changed.len() as u64;
    let announce = told.one_by_one;
    let kept = context.commit(move |tx, task| {
        items::mark(tx, task.pk, seq, state, &mark)?;
        let kept = previews::finish(tx, task.account_id, id, &preview)?;
        if kept && announce {
            changed.iter().try_for_each(|file| announce_file(tx, "file.updated", file))?;
        }
        Ok(kept)
    })?;
    if !kept {
        places.blobs.previews.remove(id)?;
    } else if !announce {
        told.untold.set(told.untold.get() + count);
        if told.untold.get() >= TOLD_ONE_BY_ONE {
            let count = told.untold.take();
            context.commit(move |tx, task| announce_many(tx, task.account_id, count))?;
        }
    }
    Ok(())
}
