//! Lists of files in an order. SQLite cannot know how many rows a question
//! finds, so it is told which index to use: where few match, those are found and sorted; where many do, the order of
//! the list is walked along and the page is soon full.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::columns::failed;
use super::file_filter::{Asked, Filter, Source, after};
use super::files::{COLUMNS, file};
use super::folders;
use crate::domain::error::Result;
use crate::domain::file::File;
use crate::domain::id::{AccountId, FileId};
use crate::domain::search::natural_key;
use crate::domain::time::Timestamp;

/// Files that are found first and then sorted, at most.
const SORTED_MAX: i64 = 4000;

/// Columns that a list may be sorted by; each has its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// As people count: "img 9" before "img 10".
    Name,
    Size,
    Type,
    CreatedAt,
    UpdatedAt,
    /// Of the trash alone, and the only order it has.
    DeletedAt,
}

impl Sort {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "name_key",
            Self::Size => "size",
            Self::Type => "content_type",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::DeletedAt => "deleted_at",
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Name => "files_name",
            Self::Size => "files_size",
            Self::Type => "files_type",
            Self::CreatedAt => "files_created",
            Self::UpdatedAt => "files_updated",
            Self::DeletedAt => "files_trashed",
        }
    }

    fn value(self, file: &File) -> PlaceValue {
        match self {
            Self::Name => PlaceValue::Text(natural_key(&file.name)),
            Self::Type => PlaceValue::Text(file.content_type.clone()),
            Self::Size => PlaceValue::Number(file.size as i64),
            Self::CreatedAt => PlaceValue::Number(file.created_at.0),
            Self::UpdatedAt => PlaceValue::Number(file.updated_at.0),
            Self::DeletedAt => PlaceValue::Number(file.deleted_at.map_or(0, |moment| moment.0)),
        }
    }
}

/// What a file is sorted by.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum PlaceValue {
    Number(i64),
    Text(String),
}

/// Where a page ended.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub value: PlaceValue,
    pub id: FileId,
}

#[derive(Clone, Debug)]
pub enum Start {
    Offset(u64),
    After(Place),
}

pub struct Page {
    pub filter: Filter,
    pub sort: Sort,
    pub descending: bool,
    pub start: Start,
    pub limit: u32,
}

pub struct Found {
    pub files: Vec<File>,
    /// How many match; not counted for a page behind a place, so that its cost does not grow with the list.
    pub total: Option<u64>,
    /// `None` at the end of the list.
    pub next: Option<Place>,
}

/// One page of an account's files that are there at `now`.
pub fn list(db: &Connection, owner: AccountId, now: Timestamp, page: &Page) -> Result<Found> {
    // What is counted and what is read are of one moment.
    let db = &db.unchecked_transaction().map_err(failed)?;
    let source = source(db, owner, page)?;
    let asked = Asked::new(owner, &page.filter, now, source);
    // One more than asked for tells whether the list goes on.
    let wanted = page.limit as usize + 1;
    let mut total = None;
    let mut files = match &page.start {
        Start::Offset(offset) => {
            let counting = match source {
                Source::Trigrams => asked.clone(),
                _ => Asked::new(owner, &page.filter, now, counter(&page.filter)),
            };
            let count = counting.count(db)?;
            total = Some(count);
            asked.page(db, page, wanted, *offset, count)?
        }
        Start::After(place) => asked.behind(db, page, place, wanted)?,
    };
    let goes_on = files.len() == wanted;
    files.truncate(page.limit as usize);
    let last = files.last().filter(|_| goes_on);
    let next = last.map(|last| Place { value: page.sort.value(last), id: last.id });
    Ok(Found { files, total, next })
}

/// What serves a page best: the few that the most telling part of the filter finds, or the order of the list.
fn source(db: &Connection, owner: AccountId, page: &Page) -> Result<Source> {
    let filter = &page.filter;
    let few = |sql: &str, values: Vec<Sql>| -> Result<bool> {
        let limited =
            format!("select count(*) from (select 1 from {sql} limit {})", SORTED_MAX + 1);
        db.prepare_cached(&limited)
            .and_then(|mut found| {
                found.query_row(params_from_iter(values), |row| row.get::<_, i64>(0))
            })
            .map(|count| count <= SORTED_MAX)
            .map_err(failed)
    };
    let own = || Sql::Text(owner.to_string());
    if let Some(question) = &filter.question {
        let query = question.index_query(&owner.to_string(), filter.trashed);
        if few("file_trigrams where file_trigrams match ?", vec![query.into()])? {
            return Ok(Source::Trigrams);
        }
    }
    if filter.trashed {
        return Ok(Source::Index(page.sort.index()));
    }
    if let Some(index) = name_index(filter) {
        return Ok(Source::Index(index));
    }
    if let Some(bundle) = filter.bundle_id {
        let sql = "files indexed by files_bundle where account_id = ? and bundle_id = ?";
        if few(sql, vec![own(), bundle.to_string().into()])? {
            return Ok(Source::Index("files_bundle"));
        }
    }
    if let Some(folder) = filter.folder() {
        match page.sort {
            Sort::Name if !filter.deep => return Ok(Source::Index("files_folder_name")),
            Sort::CreatedAt if !filter.deep => return Ok(Source::Index("files_folder")),
            _ => {}
        }
        let (at, _, to) = folders::range(folder);
        let end = if filter.deep { to } else { format!("{at}\0") };
        let sql = "files indexed by files_folder_name where account_id = ? and deleted_at is null \
                   and folder >= ? and folder < ?";
        if few(sql, vec![own(), at.to_owned().into(), end.into()])? {
            return Ok(Source::Index("files_folder_name"));
        }
    }
    if let Some(kind) = &filter.content_type {
        let sql = "files indexed by files_type where account_id = ? and deleted_at is null \
                   and content_type >= ? and content_type < ?";
        if few(sql, vec![own(), kind.clone().into(), after(kind).into()])? {
            return Ok(Source::Index("files_type"));
        }
    }
    Ok(Source::Index(page.sort.index()))
}

/// What finds files of one name: few, whatever else is asked.
fn name_index(filter: &Filter) -> Option<&'static str> {
    filter.name.as_ref()?;
    let within = filter.folder().is_some() && !filter.deep;
    Some(if within { "files_folder_name" } else { "files_name" })
}

/// What matches is counted in an index that has all that is asked, where there is one.
fn counter(filter: &Filter) -> Source {
    if filter.trashed {
        return Source::Index("files_trashed");
    }
    if let Some(index) = name_index(filter) {
        return Source::Index(index);
    }
    if filter.question.is_some() {
        return Source::Trigrams;
    }
    Source::Index(match (filter.bundle_id, filter.folder(), &filter.content_type) {
        (Some(_), _, _) => "files_bundle",
        (_, None, Some(_)) => "files_type",
        _ => "files_tree",
    })
}

impl Asked {
    /// A page of `count` files, counted from the end of the list that is nearer: what lies before it is walked over.
    fn page(
        self,
        db: &Connection,
        page: &Page,
        limit: usize,
        offset: u64,
        count: u64,
    ) -> Result<Vec<File>> {
        let left = count.saturating_sub(offset);
        if offset <= left {
            return self.cut(db, page, page.descending, limit, offset);
        }
        let limit = left.min(limit as u64);
        let mut files = self.cut(db, page, !page.descending, limit as usize, left - limit)?;
        files.reverse();
        Ok(files)
    }

    fn cut(
        mut self,
        db: &Connection,
        page: &Page,
        descending: bool,
        limit: usize,
        offset: u64,
    ) -> Result<Vec<File>> {
        let way = if descending { "desc" } else { "asc" };
        self.values.extend([Sql::from(limit as i64), Sql::from(offset as i64)]);
        let Self { from, clauses, values } = self;
        let sql = format!(
            "select {COLUMNS} from {from} where {clauses} order by {} {way}, files.id {way} limit ? offset ?",
            page.sort.column()
        );
        db.prepare_cached(&sql)
            .and_then(|mut statement| {
                statement.query_map(params_from_iter(values), file)?.collect()
            })
            .map_err(failed)
    }

    /// The files behind a place. Asked in two steps, since SQLite seeks in an index by equal values and an id, or by a
    /// value alone, but not by both at once; and thousands of files may have one size.
    fn behind(
        self,
        db: &Connection,
        page: &Page,
        place: &Place,
        wanted: usize,
    ) -> Result<Vec<File>> {
        let sign = if page.descending { "<" } else { ">" };
        let column = page.sort.column();
        let value = match &place.value {
            PlaceValue::Text(text) => Sql::Text(text.clone()),
            PlaceValue::Number(number) => Sql::Integer(*number),
        };
        let mut equal = self.clone();
        equal.and(&format!("{column} = ?"), value.clone());
        equal.and(&format!("files.id {sign} ?"), place.id.to_string().into());
        let mut files = equal.cut(db, page, page.descending, wanted, 0)?;
        if files.len() < wanted {
            let mut beyond = self;
            beyond.and(&format!("{column} {sign} ?"), value);
            files.extend(beyond.cut(db, page, page.descending, wanted - files.len(), 0)?);
        }
        Ok(files)
    }
}
