//! Tables: CSV, a JSON array of objects, and JSON lines, each made into the others record by record, however long the file is.
//!
//! * **CSV to JSON**: each row is an object with the cells as values. `true`, `false` and numbers that are printed back exactly as they
//!   stand are values of that kind; all else is a string, so that CSV made into JSON and back has the same cells. Cells that a row lacks
//!   are empty. A column whose name was there before gets `_2`, `_3`, … behind it; without a header they are `column1`, `column2`, ….
//! * **JSON to CSV**: the columns are all keys in the order in which they first appear, for which the source is read twice. A string is
//!   written as it is, `null` and a missing key as an empty cell, an object or array as compact JSON. A later value of the same key in
//!   one object wins. Cells are not changed for programs that take a leading `=` for a formula.
//! * **JSON to JSON lines** and back: records may be any value, and numbers keep every digit.
//!
//! CSV may end its lines either way and begin with a byte order mark; it is written as UTF-8 with plain line feeds.
//! Memory stays below 32 MiB: a record is at most 4 MiB long, has at most 10,000 columns and is at most 64 deep. The new file can be
//! many times larger than the source, as the names of the columns are in each object, and each row has all columns; who hands in the
//! sink must limit it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Read, Seek, Write};

use self::items::{Form, Items};
use self::object::Object;
use self::rows::{Row, Rows};
use super::streams::Watch;
use super::{Options, Source, Target};
use crate::domain::error::{Error, Kind, Result};

mod items;
mod object;
mod rows;
mod value;

#[cfg(test)]
mod tests;

/// The longest record, in bytes; together all names of columns are not longer either.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// The most cells in a row.
pub const COLUMNS_MAX: usize = 10_000;
/// How deep values may be nested in a record.
pub const NESTING_MAX: usize = 64;

const SINK_BUFFER_BYTES: usize = 64 * 1024;

/// What was converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Rows, items or lines; a CSV header is none of them.
    pub records: u64,
}

/// Writes the table in `source`, which is of the kind `from`, as `target`.
///
/// # Errors
/// [`Kind::ContentInvalid`] or [`Kind::ContentLimit`] with the number of the record that is wrong; as [`Options::check`];
/// [`Kind::Io`] and [`Kind::DiskFull`] when a stream fails.
pub fn convert(
    source: impl Read + Seek,
    from: Source,
    target: Target,
    options: &Options,
    sink: &mut dyn Write,
) -> Result<Facts> {
    options.check(from, target)?;
    let watch = Watch::default();
    let mut source = watch.source(source);
    let mut sink = BufWriter::with_capacity(SINK_BUFFER_BYTES, watch.sink(sink));
    let outcome = match (from, target) {
        (Source::Csv, _) => from_csv(source, Records::new(&mut sink, form_of(target)), options),
        (_, Target::Csv) => to_csv(&mut source, form_from(from), options, &mut sink),
        _ => relay(source, form_from(from), Records::new(&mut sink, form_of(target))),
    };
    let outcome = outcome.and_then(|facts| {
        sink.flush().map_err(|error| stopped(&error))?;
        Ok(facts)
    });
    watch.settle(outcome)
}

fn form_of(target: Target) -> Form {
    if target == Target::Json { Form::Array } else { Form::Lines }
}

fn form_from(source: Source) -> Form {
    if source == Source::Json { Form::Array } else { Form::Lines }
}

fn stopped(error: &std::io::Error) -> Error {
    Error::io("converting a table", error)
}

fn unreadable(message: String) -> Error {
    Error::new(Kind::ContentInvalid, message)
}

fn limit(message: String) -> Error {
    Error::new(Kind::ContentLimit, message)
}

/// Writes JSON values, one a line, with an array around them or not.
struct Records<'a, W> {
    sink: &'a mut W,
    form: Form,
    count: u64,
}

impl<'a, W: Write> Records<'a, W> {
    fn new(sink: &'a mut W, form: Form) -> Self {
        Self { sink, form, count: 0 }
    }

    /// Begins the next value, which the caller writes to what is returned, and [`Records::end`]s.
    fn begin(&mut self) -> std::io::Result<&mut W> {
        match (self.form, self.count) {
            (Form::Array, 0) => self.sink.write_all(b"[\n")?,
            (Form::Array, _) => self.sink.write_all(b",\n")?,
            _ => {}
        }
        self.count += 1;
        Ok(self.sink)
    }

    fn end(&mut self) -> std::io::Result<()> {
        if self.form == Form::Lines { self.sink.write_all(b"\n") } else { Ok(()) }
    }

    fn finish(self) -> std::io::Result<Facts> {
        match (self.form, self.count) {
            (Form::Array, 0) => self.sink.write_all(b"[]\n")?,
            (Form::Array, _) => self.sink.write_all(b"\n]\n")?,
            _ => {}
        }
        Ok(Facts { records: self.count })
    }
}

fn relay<W: Write>(source: impl Read, form: Form, mut records: Records<'_, W>) -> Result<Facts> {
    let mut items = Items::new(source, form);
    while let Some(item) = items.next()? {
        let text = item.text.as_bytes();
        let written = records.begin().and_then(|sink| sink.write_all(text));
        written.and_then(|()| records.end()).map_err(|error| stopped(&error))?;
    }
    records.finish().map_err(|error| stopped(&error))
}

fn from_csv<W: Write>(
    source: impl Read,
    mut records: Records<'_, W>,
    options: &Options,
) -> Result<Facts> {
    let mut rows = Rows::new(source, options.delimiter());
    let mut names = None;
    if options.has_header() {
        match rows.next("The header")? {
            Some(row) => names = Some(unique_names(&row)?),
            None => return records.finish().map_err(|error| stopped(&error)),
        }
    }
    loop {
        let number = records.count + 1;
        let Some(row) = rows.next(&format!("Record {number}"))? else { break };
        if let Some(names) = &names
            && row.len() > names.len()
        {
            return Err(unreadable(format!(
                "Record {number} has {} cells, but the header names {}. Is the delimiter right?",
                row.len(),
                names.len()
            )));
        }
        let written = records.begin().and_then(|sink| write_object(sink, &row, names.as_deref()));
        written.and_then(|()| records.end()).map_err(|error| stopped(&error))?;
    }
    records.finish().map_err(|error| stopped(&error))
}

/// The names of the columns, with a number behind those that were there before.
fn unique_names(header: &Row<'_>) -> Result<Vec<String>> {
    let mut seen: HashMap<String, u32> = HashMap::with_capacity(header.len());
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    let taken: HashSet<&str> = header.cells().collect();
    let mut length = 0;
    for cell in header.cells() {
        let count = seen.entry(cell.to_owned()).or_default();
        let mut name = cell.to_owned();
        *count += 1;
        while *count > 1 {
            name = format!("{cell}_{count}");
            if !taken.contains(name.as_str()) {
                break;
            }
            *count += 1;
        }
        length += name.len();
        names.push(name);
    }
    if length > RECORD_BYTES_MAX {
        return Err(limit("The header is longer than 4 MiB.".into()));
    }
    Ok(names)
}

fn write_object(
    into: &mut impl Write,
    row: &Row<'_>,
    names: Option<&[String]>,
) -> std::io::Result<()> {
    let width = names.map_or(row.len(), <[String]>::len);
    let mut cells = row.cells();
    into.write_all(b"{")?;
    for column in 0..width {
        if column > 0 {
            into.write_all(b",")?;
        }
        match names {
            Some(names) => value::write_string(into, &names[column])?,
            None => write!(into, "\"column{}\"", column + 1)?,
        }
        into.write_all(b":")?;
        value::write_cell(into, cells.next().unwrap_or_default())?;
    }
    into.write_all(b"}")
}

fn to_csv(
    source: &mut (impl Read + Seek),
    form: Form,
    options: &Options,
    sink: &mut impl Write,
) -> Result<Facts> {
    source.rewind().map_err(|error| stopped(&error))?;
    let columns = columns(&mut *source, form)?;
    source.rewind().map_err(|error| stopped(&error))?;
    let mut table = csv::WriterBuilder::new()
        .delimiter(options.delimiter())
        .buffer_capacity(SINK_BUFFER_BYTES)
        .from_writer(sink);
    let failed = |error: csv::Error| Error::internal(error);
    if options.has_header() && !columns.names.is_empty() {
        table.write_record(&columns.names).map_err(failed)?;
    }
    let mut items = Items::new(source, form);
    let mut facts = Facts::default();
    while let Some(item) = items.next()? {
        facts.records = item.number;
        let mut row = vec![Cow::Borrowed(""); columns.names.len()];
        for (key, value) in Object::read(&item)?.entries {
            let place = columns.places.get(key.as_ref()).and_then(|&place| row.get_mut(place));
            let Some(place) = place else {
                return Err(Error::internal("a key appeared between the two readings"));
            };
            *place = object::cell(value, item.number)?;
        }
        if !row.is_empty() {
            table.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(failed)?;
        }
    }
    table.flush().map_err(|error| stopped(&error))?;
    Ok(facts)
}

/// All keys of all records, and the place of each.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

fn columns(source: impl Read, form: Form) -> Result<Columns> {
    let mut columns = Columns::default();
    let mut length = 0;
    let mut items = Items::new(source, form);
    while let Some(item) = items.next()? {
        for (key, _) in Object::read(&item)?.entries {
            if columns.places.contains_key(key.as_ref()) {
                continue;
            }
            length += key.len();
            if columns.names.len() == COLUMNS_MAX || length > RECORD_BYTES_MAX {
                return Err(limit(format!(
                    "Up to record {} there are more than {COLUMNS_MAX} columns, or their names are longer than 4 MiB.",
                    item.number
                )));
            }
            columns.places.insert(key.clone().into_owned(), columns.names.len());
            columns.names.push(key.into_owned());
        }
    }
    Ok(columns)
}
