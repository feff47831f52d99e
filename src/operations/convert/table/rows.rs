//! Reads CSV row by row. The parser beneath the csv crate is used, because only it lets a row without an end be refused while it is
//! read instead of after it filled the memory.

use std::io::Read;

use csv_core::ReadRecordResult;

use super::{COLUMNS_MAX, RECORD_BYTES_MAX, limit, stopped, unreadable};
use crate::domain::error::Result;

const INPUT_BYTES: usize = 64 * 1024;

/// The rows of a CSV file, the header too. A byte order mark before the first is left out, empty lines are skipped.
pub(super) struct Rows<R> {
    source: R,
    parser: csv_core::Reader,
    input: Vec<u8>,
    /// The part of `input` that is not parsed yet.
    waiting: std::ops::Range<usize>,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

/// The cells of one row.
pub(super) struct Row<'a> {
    cells: &'a [u8],
    ends: &'a [usize],
}

impl<R: Read> Rows<R> {
    pub(super) fn new(source: R, delimiter: u8) -> Self {
        Self {
            source,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            input: vec![0; INPUT_BYTES],
            waiting: 0..0,
            cells: vec![0; 4 * 1024],
            ends: vec![0; 64],
        }
    }

    /// The next row; `which` names it in an error.
    ///
    /// # Errors
    /// `ContentLimit` when it is longer than a record may be or has too many cells.
    pub(super) fn next(&mut self, which: &str) -> Result<Option<Row<'_>>> {
        let (mut length, mut count) = (0, 0);
        loop {
            if self.waiting.is_empty() {
                self.fill()?;
            }
            let input = &self.input[self.waiting.clone()];
            let (outcome, read, written, ended) =
                self.parser.read_record(input, &mut self.cells[length..], &mut self.ends[count..]);
            self.waiting.start += read;
            length += written;
            count += ended;
            match outcome {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    grow(&mut self.cells, RECORD_BYTES_MAX, || {
                        limit(format!(
                            "{which} is longer than 4 MiB. Is a closing quotation mark missing?"
                        ))
                    })?;
                }
                ReadRecordResult::OutputEndsFull => {
                    grow(&mut self.ends, COLUMNS_MAX, || {
                        limit(format!("{which} has more than {COLUMNS_MAX} cells."))
                    })?;
                }
                ReadRecordResult::Record => {
                    return Row::new(&self.cells[..length], &self.ends[..count], which).map(Some);
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Reads more. The parser wants to see the first three bytes at once, to find the byte order mark.
    fn fill(&mut self) -> Result<()> {
        self.waiting = 0..0;
        while self.waiting.end < 3 {
            match self.source.read(&mut self.input[self.waiting.end..]) {
                Ok(0) => break,
                Ok(length) => self.waiting.end += length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(stopped(&error)),
            }
        }
        Ok(())
    }
}

fn grow<T: Default + Clone>(
    buffer: &mut Vec<T>,
    length_max: usize,
    refuse: impl Fn() -> crate::domain::error::Error,
) -> Result<()> {
    if buffer.len() >= length_max {
        return Err(refuse());
    }
    buffer.resize((buffer.len() * 2).min(length_max), T::default());
    Ok(())
}

impl<'a> Row<'a> {
    fn new(cells: &'a [u8], ends: &'a [usize], which: &str) -> Result<Self> {
        let row = Self { cells, ends };
        // Each by itself: the halves of a broken character in two neighbours would look whole together.
        if (0..ends.len()).any(|index| std::str::from_utf8(row.bytes(index)).is_err()) {
            return Err(unreadable(format!(
                "{which} is not UTF-8. Save the table as UTF-8 and try again."
            )));
        }
        Ok(row)
    }

    fn bytes(&self, index: usize) -> &'a [u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.cells[start..self.ends[index]]
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &'a str> {
        (0..self.ends.len()).map(|index| std::str::from_utf8(self.bytes(index)).unwrap_or_default())
    }
}
