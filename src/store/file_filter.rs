//! Which of an account's files are meant, as clauses of a statement.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::columns::failed;
use super::files::{COLUMNS, file};
use super::{Db, folders};
use crate::domain::error::Result;
use crate::domain::file::File;
use crate::domain::id::{AccountId, BundleId, PoolId};
use crate::domain::search::{Question, natural_key};
use crate::domain::time::Timestamp;

/// Which files are meant. Everything that is `None` is not asked about.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub folder: Option<String>,
    /// Folders below it too.
    pub deep: bool,
    /// Called exactly so.
    pub name: Option<String>,
    pub question: Option<Question>,
    pub bundle_id: Option<BundleId>,
    pub pool_id: Option<PoolId>,
    /// `type/subtype`, or `type/` for all of them.
    pub content_type: Option<String>,
    pub created_before: Option<Timestamp>,
    pub min_size: Option<u64>,
    pub max_size: Option<u64>,
    pub tag: Option<String>,
    /// Those in the trash, instead of those that are not.
    pub trashed: bool,
}

impl Filter {
    /// The folder that matters: all below the root is everything.
    pub(super) fn folder(&self) -> Option<&str> {
        self.folder.as_deref().filter(|folder| *folder != "/" || !self.deep)
    }
}

/// Where rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An index, and the rows in its order.
    Index(&'static str),
    /// The index of trigrams.
    Trigrams,
    /// Whatever the planner finds best, where all that matches is wanted.
    Planned,
}

/// Behind everything that begins like this.
pub(super) fn after(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

/// The files a filter means, in the order of folders and names; at most `limit`.
pub fn matching(
    db: &Db,
    owner: AccountId,
    filter: &Filter,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<File>> {
    let mut asked = Asked::new(owner, filter, now, Source::Planned);
    asked.values.push((limit as i64).into());
    let Asked { from, clauses, values } = asked;
    db.prepare_cached(&format!(
        "select {COLUMNS} from {from} where {clauses} order by folder, name, id limit ?"
    ))
    .and_then(|mut statement| statement.query_map(params_from_iter(values), file)?.collect())
    .map_err(failed)
}

/// A filter on its way into a statement.
#[derive(Clone)]
pub(super) struct Asked {
    pub from: String,
    pub clauses: String,
    pub values: Vec<Sql>,
}

impl Asked {
    pub fn new(owner: AccountId, filter: &Filter, now: Timestamp, source: Source) -> Self {
        let account = owner.to_string();
        let mut asked = Self { from: String::new(), clauses: String::new(), values: Vec::new() };
        match source {
            Source::Planned => asked.from = "files".into(),
            Source::Index(index) => asked.from = format!("files indexed by {index}"),
            Source::Trigrams => {
                // A cross join is made in this order: what was found first.
                asked.from =
                    "file_search cross join files on files.id = file_search.file_id".into();
                let found = "file_search.id in (select rowid from file_trigrams where file_trigrams match ?)";
                let query =
                    filter.question.as_ref().map(|q| q.index_query(&account, filter.trashed));
                asked.and(found, query.unwrap_or_default().into());
            }
        }
        asked.and("account_id = ?", account.into());
        match filter.trashed {
            true => asked.and("deleted_at <= ?", now.0.into()),
            false => asked.also("deleted_at is null"),
        }
        asked.and("(expired_at is null or expired_at > ?)", now.0.into());
        if let Some(question) = &filter.question {
            asked.words(question, source);
        }
        if let Some(folder) = filter.folder() {
            asked.within(folder, filter.deep);
        }
        asked.rest(filter);
        asked
    }

    /// What the index of trigrams did not answer.
    fn words(&mut self, question: &Question, source: Source) {
        match source {
            Source::Trigrams => {
                for word in question.short_words() {
                    self.and("instr(file_search.text, ?) > 0", word.clone().into());
                }
            }
            Source::Index(_) | Source::Planned => {
                let words = question.words();
                let all = vec!["instr(s.text, ?) > 0"; words.len()].join(" and ");
                self.also(&format!(
                    "exists (select 1 from file_search s where s.file_id = files.id and {all})"
                ));
                self.values.extend(words.iter().map(|word| Sql::Text(word.clone())));
            }
        }
    }

    fn within(&mut self, folder: &str, deep: bool) {
        let (at, below, end) = folders::range(folder);
        if !deep {
            return self.and("folder = ?", at.to_owned().into());
        }
        // A range of the index, and of it what is the folder itself or below it.
        self.and("folder >= ?", at.to_owned().into());
        self.and("folder < ?", end.into());
        self.and("(folder = ?", at.to_owned().into());
        self.clauses.push_str(" or folder >= ?)");
        self.values.push(below.into());
    }

    fn rest(&mut self, filter: &Filter) {
        if let Some(name) = &filter.name {
            self.and("name_key = ?", natural_key(name).into());
            self.and("name = ?", name.clone().into());
        }
        if let Some(bundle) = filter.bundle_id {
            self.and("bundle_id = ?", bundle.to_string().into());
        }
        if let Some(pool) = filter.pool_id {
            self.and("pool_id = ?", pool.to_string().into());
        }
        if let Some(kind) = &filter.content_type {
            self.and("content_type >= ?", kind.clone().into());
            self.and("content_type < ?", after(kind).into());
        }
        if let Some(moment) = filter.created_before {
            self.and("created_at < ?", moment.0.into());
        }
        if let Some(size) = filter.min_size {
            self.and("size >= ?", (size as i64).into());
        }
        if let Some(size) = filter.max_size {
            self.and("size <= ?", (size as i64).into());
        }
        if let Some(tag) = &filter.tag {
            self.and("exists (select 1 from json_each(tags) where value = ?)", tag.clone().into());
        }
    }

    fn also(&mut self, clause: &str) {
        if !self.clauses.is_empty() {
            self.clauses.push_str(" and ");
        }
        self.clauses.push_str(clause);
    }

    pub fn and(&mut self, clause: &str, value: Sql) {
        self.also(clause);
        self.values.push(value);
    }

    pub fn count(&self, db: &Connection) -> Result<u64> {
        let sql = format!("select count(*) from {} where {}", self.from, self.clauses);
        db.prepare_cached(&sql)
            .and_then(|mut statement| {
                statement.query_row(params_from_iter(&self.values), |row| row.get::<_, i64>(0))
            })
            .map(|count| count as u64)
            .map_err(failed)
    }
}
