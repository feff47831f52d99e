//! Reads JSON record by record: the items of one long array, or a value on each line. Records come compact (no white space outside of
//! strings), are at most 4 MiB long and 64 deep, and are sound JSON; numbers and strings stay as they were written.

use std::io::Read;

use serde::de::IgnoredAny;

use super::{NESTING_MAX, RECORD_BYTES_MAX, limit, stopped, unreadable};
use crate::domain::error::Result;

const INPUT_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What stands between the records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One array around them, and commas.
    Array,
    /// Line breaks; empty lines do not count.
    Lines,
}

pub(super) struct Items<R> {
    source: R,
    form: Form,
    input: Vec<u8>,
    waiting: std::ops::Range<usize>,
    record: Vec<u8>,
    /// Records given out so far.
    count: u64,
    place: Place,
}

/// One record.
pub(super) struct Item<'a> {
    /// From 1.
    pub(super) number: u64,
    pub(super) text: &'a str,
}

/// Where in an array the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    After,
}

/// What ended a record.
#[derive(PartialEq, Eq)]
enum End {
    /// A comma or a line break.
    Separator,
    Bracket,
    Source,
}

/// How deep within a record the reader is, and what it must not forget of the last bytes.
#[derive(Default)]
struct Depth {
    open: usize,
    in_string: bool,
    escaped: bool,
    /// White space was left out since the last byte.
    gap: bool,
}

impl<R: Read> Items<R> {
    pub(super) fn new(source: R, form: Form) -> Self {
        Self {
            source,
            form,
            input: vec![0; INPUT_BYTES],
            waiting: 0..0,
            record: Vec::new(),
            count: 0,
            place: Place::Before,
        }
    }

    /// The next record.
    ///
    /// # Errors
    /// `ContentInvalid` or `ContentLimit`, naming the record.
    pub(super) fn next(&mut self) -> Result<Option<Item<'_>>> {
        if self.place == Place::Before {
            self.skip_mark()?;
            if self.form == Form::Array && self.significant()? != Some(b'[') {
                return Err(unreadable("The JSON must be one array of records: [ … ].".into()));
            }
            self.place = Place::Inside;
        }
        while self.place == Place::Inside {
            self.record.clear();
            let end = self.collect()?;
            let empty = self.record.is_empty();
            self.place = match (self.form, &end) {
                (Form::Array, End::Source) => return Err(self.bad("is cut short")),
                (Form::Array, End::Bracket) if empty && self.count > 0 => {
                    return Err(self.bad("is missing after a comma"));
                }
                (Form::Array, End::Separator) if empty => {
                    return Err(self.bad("is missing before a comma"));
                }
                (_, End::Separator) => Place::Inside,
                _ => Place::After,
            };
            if self.place == Place::After
                && self.form == Form::Array
                && self.significant()?.is_some()
            {
                return Err(unreadable("There is more after the end of the JSON array.".into()));
            }
            if !empty {
                self.count += 1;
                return self.check().map(|text| Some(Item { number: self.count, text }));
            }
        }
        Ok(None)
    }

    /// Copies one record without its white space.
    fn collect(&mut self) -> Result<End> {
        let mut depth = Depth::default();
        loop {
            if self.waiting.is_empty() && !self.fill()? {
                return Ok(End::Source);
            }
            let start = self.waiting.start;
            for at in start..self.waiting.end {
                let byte = self.input[at];
                if let Some(end) = depth.end(byte, self.form) {
                    self.waiting.start = at + 1;
                    return Ok(end);
                }
                depth.take(byte, &mut self.record);
                if depth.open > NESTING_MAX {
                    return Err(limit(format!(
                        "Record {} is nested deeper than {NESTING_MAX}.",
                        self.count + 1
                    )));
                }
            }
            self.waiting.start = self.waiting.end;
            if self.record.len() > RECORD_BYTES_MAX {
                return Err(limit(format!("Record {} is longer than 4 MiB.", self.count + 1)));
            }
        }
    }

    fn check(&self) -> Result<&str> {
        if self.record.len() > RECORD_BYTES_MAX {
            return Err(limit(format!("Record {} is longer than 4 MiB.", self.count)));
        }
        let Ok(text) = std::str::from_utf8(&self.record) else {
            return Err(unreadable(format!("Record {} is not UTF-8.", self.count)));
        };
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Ok(text),
            Err(error) => {
                Err(unreadable(format!("Record {} is not sound JSON.", self.count)).because(error))
            }
        }
    }

    fn bad(&self, what: &str) -> crate::domain::error::Error {
        unreadable(format!("Record {} {what}.", self.count + 1))
    }

    /// The next byte that is no white space.
    fn significant(&mut self) -> Result<Option<u8>> {
        loop {
            if self.waiting.is_empty() && !self.fill()? {
                return Ok(None);
            }
            let byte = self.input[self.waiting.start];
            self.waiting.start += 1;
            if !is_space(byte) {
                return Ok(Some(byte));
            }
        }
    }

    fn skip_mark(&mut self) -> Result<()> {
        while self.waiting.end < BYTE_ORDER_MARK.len() && self.more()? {}
        if self.input[..self.waiting.end].starts_with(BYTE_ORDER_MARK) {
            self.waiting.start = BYTE_ORDER_MARK.len();
        }
        Ok(())
    }

    /// Reads anew when everything read was used; false at the end.
    fn fill(&mut self) -> Result<bool> {
        self.waiting = 0..0;
        self.more()
    }

    fn more(&mut self) -> Result<bool> {
        loop {
            match self.source.read(&mut self.input[self.waiting.end..]) {
                Ok(length) => {
                    self.waiting.end += length;
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(stopped(&error)),
            }
        }
    }
}

impl Depth {
    /// Whether `byte` ends the record.
    fn end(&self, byte: u8, form: Form) -> Option<End> {
        match form {
            // No line break is allowed within a string either.
            Form::Lines => (byte == b'\n').then_some(End::Separator),
            Form::Array if self.in_string || self.open > 0 => None,
            Form::Array => match byte {
                b',' => Some(End::Separator),
                b']' => Some(End::Bracket),
                _ => None,
            },
        }
    }

    fn take(&mut self, byte: u8, record: &mut Vec<u8>) {
        if self.in_string {
            record.push(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        if is_space(byte) {
            self.gap = true;
            return;
        }
        // Two words must not grow together: they would make sense where the file made none.
        if std::mem::take(&mut self.gap)
            && !is_mark(byte)
            && record.last().is_some_and(|&last| !is_mark(last))
        {
            record.push(b' ');
        }
        record.push(byte);
        match byte {
            b'"' => self.in_string = true,
            b'[' | b'{' => self.open += 1,
            // One too many is found when the record is checked.
            b']' | b'}' => self.open = self.open.saturating_sub(1),
            _ => {}
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b'{' | b'}' | b',' | b':')
}
