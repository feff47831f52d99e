//! FileConversion: a file becomes another one in another format, beside it or in a wished folder. Nothing is written
//! over; the new file appears when it is whole.

use std::io::{BufReader, Read as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::apart::{Share, apart};
use super::{
    HEAD_BYTES_MAX, Options, Source, Target, archive, image, markdown, source_of, table, targets,
};
use crate::blobs::draft::Draft;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, FileName, Folder};
use crate::domain::id::{BundleId, FileId, PoolId};
use crate::domain::json as input;
use crate::domain::pool::Pool;
use crate::domain::task::TaskType;
use crate::domain::work::Lane;
use crate::engine::Engine;
use crate::engine::context::{Context, Ending, Work};
use crate::engine::operation::{Operation, Plan, Request};
use crate::operations::bundles;
use crate::operations::places::{
    self, Feed, Outlet, Places, announce_change, publish, readable_file,
};
use crate::operations::sealing::seal;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    file_id: FileId,
    target_format: String,
    #[serde(default)]
    options: Map<String, Value>,
    output_file_name: Option<String>,
    target_folder: Option<String>,
    target_pool_id: Option<PoolId>,
    target_bundle_id: Option<BundleId>,
}

pub struct FileConversion {
    places: Arc<Places>,
}

impl FileConversion {
    pub fn new(places: Arc<Places>) -> Self {
        Self { places }
    }
}

impl Operation for FileConversion {
    fn task_type(&self) -> TaskType {
        TaskType::FileConversion
    }

    fn title(&self) -> &'static str {
        "Convert a file"
    }

    fn schema(&self) -> Value {
        let uuid = |title: &str| json!({ "type": "string", "format": "uuid", "title": title });
        let side = |title: &str| json!({ "type": "integer", "minimum": 1, "maximum": 16_384, "title": title });
        let formats: Vec<_> = Target::ALL.iter().map(|target| target.extension()).collect();
        json!({
            "type": "object",
            "required": ["fileId", "targetFormat"],
            "additionalProperties": false,
            "properties": {
                "fileId": uuid("File"),
                "targetFormat": { "enum": formats, "title": "Format" },
                "options": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "maxWidth": side("Pictures: at most so many pixels wide"),
                        "maxHeight": side("Pictures: at most so many pixels high"),
                        "quality": { "type": "integer", "minimum": 1, "maximum": 100, "default": 80, "title": "Quality of JPEG, 1 to 100" },
                        "stripMetadata": { "type": "boolean", "default": false, "title": "Remove the colour profile too" },
                        "background": { "type": "string", "default": "#ffffff", "title": "Colour behind transparent parts" },
                        "delimiter": { "type": "string", "default": ",", "title": "CSV: between two cells" },
                        "header": { "type": "boolean", "default": true, "title": "CSV: the first line names the columns" }
                    }
                },
                "outputFileName": { "type": "string", "title": "New name" },
                "targetFolder": { "type": "string", "title": "Into folder" },
                "targetPoolId": uuid("Into pool"),
                "targetBundleId": uuid("Into bundle")
            }
        })
    }

    fn plan(&self, engine: &Engine, request: &Request) -> Result<Plan> {
        let asked: Parameters = request.parse()?;
        let owner = request.caller.account_id;
        bundles::check(engine, owner, asked.target_bundle_id, "parameters.targetBundleId")?;
        let file = readable_file(engine, owner, asked.file_id)?;
        let options: Options = input::object(asked.options.clone(), "parameters.options")?;
        let target = Target::parse(&asked.target_format)
            .map_err(|error| error.with("field", "parameters.targetFormat"))?;
        let source = self.check(&file, &options, target)?;
        let pool = self.places.target(asked.target_pool_id, file.pool_id)?;
        self.places.admit(pool, 0, target.content_type(), &request.caller)?;
        let name =
            asked.output_file_name.clone().unwrap_or_else(|| renamed(&file.name, source, target));
        let name = FileName::parse("parameters.outputFileName", &name)?;
        let folder = match &asked.target_folder {
            Some(text) => Folder::parse_as("parameters.targetFolder", text)?.as_str().to_owned(),
            None => file.folder.clone(),
        };
        let parameters = Parameters {
            target_format: target.extension().to_owned(),
            output_file_name: Some(name.to_string()),
            target_folder: Some(folder),
            target_pool_id: Some(pool.id),
            ..asked
        };
        let parameters = serde_json::to_value(&parameters).map_err(Error::internal)?;
        let title = format!("Convert {} to {}", file.name, target.extension());
        let mut plan = Plan::new(title, Lane::Cpu, parameters);
        plan.units_total = Some(file.size);
        Ok(plan)
    }

    fn run(&self, context: &Context) -> Work<Ending> {
        let wanted: Parameters =
            serde_json::from_value(context.task.parameters.clone()).map_err(Error::internal)?;
        let file = places::item_file(context, &json!(wanted.file_id))?;
        let pool = self.places.planned(wanted.target_pool_id)?.clone();
        let target = Target::parse(&wanted.target_format)?;
        let options: Options =
            serde_json::from_value(wanted.options.clone().into()).map_err(Error::internal)?;
        let source = source_of(&self.head(&file)?, &file.name).ok_or_else(|| {
            Error::new(Kind::ContentInvalid, format!("\"{}\" cannot be converted.", file.name))
        })?;
        let mut draft = self.places.draft(pool.id)?;
        let made = self.convert(
            context,
            &file,
            source,
            target,
            &options.for_file(&file.name, source),
            &mut draft,
        );
        let facts = context.settle(made.map_err(|error| named(&file, error)))?;
        let object = seal(context, pool.id, draft)?;
        self.places.takes(
            &pool,
            object.size,
            &crate::domain::file::ContentType::parse(target.content_type())?,
        )?;
        Ok(finish(context, &wanted, &pool, target, &object, facts))
    }
}

impl FileConversion {
    fn head(&self, file: &File) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        self.places
            .open(file)?
            .take(HEAD_BYTES_MAX as u64)
            .read_to_end(&mut head)
            .map_err(|error| Error::io("reading an object", &error))?;
        Ok(head)
    }

    /// Refuses what can be told from the first bytes and the headers.
    fn check(&self, file: &File, options: &Options, target: Target) -> Result<Source> {
        let unsupported = |allowed: &[Target]| {
            let words: Vec<_> = allowed.iter().map(|target| target.extension()).collect();
            let message = match words.as_slice() {
                [] => format!(
                    "\"{}\" is no picture, table, markdown or archive that can be converted.",
                    file.name
                ),
                words => format!("\"{}\" can become {}.", file.name, words.join(", ")),
            };
            Error::new(Kind::ConversionUnsupported, message).with("targets", words)
        };
        let source = source_of(&self.head(file)?, &file.name).ok_or_else(|| unsupported(&[]))?;
        if !targets(source).contains(&target) {
            return Err(unsupported(targets(source)).with("field", "parameters.targetFormat"));
        }
        options.check(source, target).map_err(|error| {
            let field = error.details().get("field").and_then(Value::as_str).unwrap_or_default();
            let field = format!("parameters.{field}");
            error.with("field", field)
        })?;
        match source {
            Source::Image => {
                image::inspect(BufReader::new(self.places.open(file)?))
                    .map_err(|error| named(file, error))?;
            }
            Source::Archive => archive::check(self.places.open(file)?, file.size)
                .map_err(|error| named(file, error))?,
            Source::Markdown if file.size > markdown::SOURCE_BYTES_MAX as u64 => {
                let message = format!("\"{}\" is longer than a document may be.", file.name);
                return Err(Error::new(Kind::ContentLimit, message)
                    .with("limit", markdown::SOURCE_BYTES_MAX));
            }
            _ => {}
        }
        Ok(source)
    }

    /// What is worth telling of the result.
    fn convert(
        &self,
        context: &Context,
        file: &File,
        source: Source,
        target: Target,
        options: &Options,
        draft: &mut Draft,
    ) -> Result<Value> {
        let mut sink = Outlet::new(context, draft);
        let feed = || -> Result<_> { Ok(Feed::new(context, self.places.open(file)?)) };
        match source {
            Source::Image => {
                let facts = image::inspect(BufReader::new(self.places.open(file)?))?;
                let share = Share::of(facts.width, facts.height);
                let (stored, options) = (self.places.open(file)?, options.clone());
                let made =
                    apart(context, stored, (share, None), &mut sink, move |source, sink| {
                        image::convert(source, target, &options, sink)
                    })?;
                Ok(
                    json!({ "width": made.width, "height": made.height, "firstFrameOnly": facts.animated }),
                )
            }
            Source::Csv | Source::Json | Source::Ndjson => {
                let facts = table::convert(feed()?, source, target, options, &mut sink)?;
                Ok(json!({ "records": facts.records }))
            }
            Source::Markdown => {
                markdown::convert(&mut feed()?, &file.name, &mut sink)?;
                Ok(json!({}))
            }
            Source::Archive => {
                let scratch = || self.places.draft(file.pool_id);
                archive::convert(feed()?, file, target, &scratch, &mut sink)
            }
        }
    }
}

/// An error that names the file.
fn named(file: &File, error: Error) -> Error {
    match error.kind() {
        Kind::ContentInvalid | Kind::ContentLimit | Kind::ArchiveInvalid | Kind::ArchiveLimit => {
            let message = format!("\"{}\": {}", file.name, error.message());
            Error::new(error.kind(), message).with("fileId", file.id.to_string())
        }
        _ => error,
    }
}

/// `boat.heic.png` → `boat.heic.jpg`: the last ending goes, and both of a compressed tar archive.
fn renamed(name: &str, source: Source, target: Target) -> String {
    let lower = name.to_lowercase();
    let double = [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"];
    let stem =
        match double.iter().find(|ending| source == Source::Archive && lower.ends_with(*ending)) {
            Some(ending) => name.get(..name.len() - ending.len()).unwrap_or(name),
            None => name.rsplit_once('.').map_or(name, |(stem, _)| stem),
        };
    let stem = if stem.is_empty() { name } else { stem };
    format!("{stem}.{}", target.extension())
}

fn finish(
    context: &Context,
    wanted: &Parameters,
    pool: &Pool,
    target: Target,
    object: &crate::store::objects::NewObject,
    facts: Value,
) -> Ending {
    let file = File {
        bundle_id: wanted.target_bundle_id,
        content_type: target.content_type().to_owned(),
        ..places::new_file(
            context.task.account_id,
            pool,
            object,
            wanted.output_file_name.as_deref().unwrap_or("converted"),
            wanted.target_folder.as_deref().unwrap_or("/"),
        )
    };
    Box::new(move |tx, task| {
        let file = publish(tx, task.pk, file)?;
        announce_change(tx, "file.created", &file)?;
        let mut results = json!({
            "resultFileId": file.id,
            "fileName": file.name,
            "originalSize": task.units_total,
            "resultSize": file.size,
        });
        if let (Value::Object(results), Value::Object(facts)) = (&mut results, facts) {
            results.extend(facts);
        }
        Ok(results)
    })
}
