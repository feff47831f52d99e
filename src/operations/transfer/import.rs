//! Brings a folder tree of this machine into a pool. The work is a task of the account which the command line drives:
//! what it makes belongs to that task until it is published, so that after a crash nothing is left but garbage. What is
//! there already is passed over, so that an interrupted import is simply begun again.

use std::fs::File as OsFile;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::tree::{Met, Tree};
use crate::blobs::bring::{bring, is_no_way, open_plain};
use crate::blobs::draft::Draft;
use crate::blobs::pool::PoolDir;
use crate::domain::account::{Account, Quota};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::{ContentType, File, FileName, Folder};
use crate::domain::id::AccountId;
use crate::domain::pool::Pool;
use crate::domain::task::{Driver, Task, TaskType, Verb};
use crate::domain::time::Timestamp;
use crate::domain::transfer::{Import, Tally, Told, Way};
use crate::domain::work::Lane;
use crate::engine::operation::Plan;
use crate::engine::submit::Submitted;
use crate::engine::{announce_quota, janitor};
use crate::operations::places::new_file;
use crate::operations::sealing::{Remembered, object_of};
use crate::operations::upload::Uploads;
use crate::operations::upload::begin::guess_type;
use crate::store::file_changes::named;
use crate::store::tasks::Outcome;
use crate::store::{accounts, events, files, objects, tasks};

/// Files that share their commits, and their bytes.
const BATCH_FILES: usize = 256;
const BATCH_BYTES: u64 = 64 << 20;
/// Bytes looked at to find out what a file is.
const SNIFF_BYTES: usize = 512;
/// At most one import of an account is open; another one takes the place of one that was interrupted.
const UNIQUE_KEY: &str = "import";

struct Importing<'a> {
    uploads: &'a Uploads,
    account: Account,
    pool: &'a Pool,
    dir: Arc<PoolDir>,
    way: Way,
    task: Task,
    tally: Tally,
    quota: Quota,
    batch: Vec<(Draft, File)>,
    batch_bytes: u64,
    tell: &'a mut dyn FnMut(Told<'_>),
}

/// Brings the tree in. What was brought in before an error stays.
pub fn run(uploads: &Uploads, wish: &Import, tell: &mut dyn FnMut(Told<'_>)) -> Result<Tally> {
    let engine = &uploads.engine;
    let now = engine.clock.now();
    let found = engine.store.read_now(|db| accounts::find(db, &wish.account, now))?;
    let account = found.map(|(account, _)| account).filter(|account| !account.disabled);
    let account = account.ok_or_else(|| {
        Error::invalid("account", format!("There is no account {} that can be used.", wish.account))
    })?;
    let pool = pool(uploads, wish.pool.as_deref())?;
    if account.role < pool.policy.require_role {
        let message =
            format!("The role of {} may not store files in pool \"{}\".", account.name, pool.name);
        return Err(Error::new(Kind::Forbidden, message));
    }
    pool.admit_encrypted(false)?;
    let tree = Tree::open(&wish.source, Folder::parse_as("--folder", &wish.folder)?)?;
    let task = begin(uploads, account.id, wish, pool)?;
    let mut importing = Importing {
        uploads,
        quota: account.quota,
        account,
        pool,
        dir: uploads.blobs().pool(pool.id)?.clone(),
        way: wish.way,
        task,
        tally: Tally::default(),
        batch: Vec::new(),
        batch_bytes: 0,
        tell,
    };
    let worked = importing.walk(tree);
    // What is whole is kept, also when the next file could not be.
    let worked = importing.publish().and(worked);
    importing.end(worked.as_ref().err())?;
    worked.map(|()| importing.tally)
}

fn pool<'a>(uploads: &'a Uploads, name: Option<&str>) -> Result<&'a Pool> {
    let Some(name) = name else { return uploads.pool(uploads.settings.preferred_pool) };
    uploads.pools.iter().find(|pool| pool.name == name).ok_or_else(|| {
        let names: Vec<_> = uploads.pools.iter().map(|pool| pool.name.as_str()).collect();
        let message = format!("There is no pool {name}; there is {}.", names.join(", "));
        Error::invalid("pool", message)
    })
}

/// The task of this import. What an interrupted one left behind goes first.
fn begin(uploads: &Uploads, owner: AccountId, wish: &Import, pool: &Pool) -> Result<Task> {
    let engine = &uploads.engine;
    let ending = engine.clone();
    engine.store.write_now(move |tx| {
        match tasks::by_unique_key(tx.connection, owner, UNIQUE_KEY)? {
            Some(left) => ending.apply(tx, &left, Verb::Cancel, Outcome::default()).map(|_| ()),
            None => Ok(()),
        }
    })?;
    janitor::collect(engine)?;
    let source = wish.source.display().to_string();
    let parameters = json!({ "source": source, "folder": wish.folder, "poolId": pool.id });
    let mut plan = Plan::new(format!("Import of {source}"), Lane::Io, parameters);
    plan.driver = Driver::Client;
    plan.unique_key = Some(UNIQUE_KEY.to_owned());
    let (Submitted::New(task) | Submitted::Known(task)) =
        engine.queue_own(owner, TaskType::Custom, plan)?;
    Ok(*task)
}

/// What is known of a file before it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Looks {
    size: u64,
    modified: Option<Timestamp>,
}

impl Looks {
    fn of(file: &OsFile) -> Result<Self> {
        let meta = file.metadata().map_err(|error| Error::io("looking at a file", &error))?;
        let since =
            meta.modified().ok().map(|moment| match moment.duration_since(std::time::UNIX_EPOCH) {
                Ok(after) => after.as_millis() as i64,
                Err(before) => -(before.duration().as_millis() as i64),
            });
        Ok(Self { size: meta.len(), modified: since.map(Timestamp) })
    }

    fn are_those_of(&self, file: &File) -> bool {
        let size = file.lock.as_ref().map_or(file.size, |lock| lock.plain_size);
        size == self.size && self.modified.is_some() && file.last_modified == self.modified
    }
}

impl Importing<'_> {
    fn walk(&mut self, tree: Tree) -> Result<()> {
        for met in tree {
            match met {
                Met::Symlink => self.tally.symlinks += 1,
                Met::Special => self.tally.special += 1,
                Met::LeftOut(path, why) => self.leave_out(&path, &why),
                Met::File { path, folder, name } => match self.take(&path, &folder, &name) {
                    Err(error) if ends_all(&error) => return Err(error),
                    Err(error) => self.leave_out(&path, &error.to_string()),
                    Ok(()) => {}
                },
            }
            if self.batch.len() >= BATCH_FILES || self.batch_bytes >= BATCH_BYTES {
                self.publish()?;
            }
            (self.tell)(Told::Progress(&self.tally));
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        self.tally.left_out += 1;
        (self.tell)(Told::LeftOut(path, why));
    }

    fn take(&mut self, path: &Path, folder: &Folder, name: &FileName) -> Result<()> {
        let mut source = open_plain(path).map_err(|error| Error::io("opening the file", &error))?;
        let looks = Looks::of(&source)?;
        let owner = self.account.id;
        let store = &self.uploads.engine.store;
        let others = store.read_now(|db| named(db, owner, folder.as_str(), name.as_str()))?;
        if others.iter().any(|other| looks.are_those_of(other)) {
            self.tally.there += 1;
            return Ok(());
        }
        let content_type = guess_type(name.as_str());
        self.pool.admit(looks.size, &content_type, self.account.role)?;
        self.make_room(looks.size)?;
        let draft = bring(&self.dir, path, &mut source, self.way)?;
        if Looks::of(&source)? != looks || draft.size() != looks.size {
            return Err(Error::new(
                Kind::Conflict,
                "It was changed while it was read; import again.",
            ));
        }
        let object = object_of(&draft, self.pool.id)?;
        if others.iter().any(|other| other.lock.is_none() && other.sha256 == object.sha256) {
            self.tally.there += 1;
            return Ok(());
        }
        let content_type = match content_type == ContentType::unknown() {
            true => sniff(&draft)?,
            false => content_type,
        };
        let file = File {
            content_type: content_type.as_str().to_owned(),
            last_modified: looks.modified,
            ..new_file(owner, self.pool, &object, name.as_str(), folder.as_str())
        };
        self.batch_bytes += looks.size;
        self.quota.used += file.charge;
        self.batch.push((draft, file));
        Ok(())
    }

    /// Refuses what the quota or the disk has no room for.
    fn make_room(&self, size: u64) -> Result<()> {
        let charge = self.pool.charge(size);
        if !self.quota.has_room(charge) {
            return Err(self.quota.exceeded(charge));
        }
        let room = self.dir.room()?;
        if self.way != Way::Link && size > room {
            return Err(Error::disk_full().with("needed", size).with("free", room));
        }
        Ok(())
    }

    fn seal(&self, drafts: Vec<Draft>) -> Result<()> {
        if !self.dir.is_remote() {
            return Draft::seal_together(drafts);
        }
        let store = &self.uploads.engine.store;
        drafts.into_iter().try_for_each(|draft| {
            let id = draft.id();
            draft.seal(&mut Remembered { store, id, tell: |_| Ok(()) })
        })
    }

    /// Makes files of what was read: rows of objects that the task holds, bytes and names on the disk, then files, quota
    /// and events in one transaction.
    fn publish(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (drafts, new): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batch).into_iter().unzip();
        self.batch_bytes = 0;
        let store = &self.uploads.engine.store;
        let made = drafts.iter().map(|draft| object_of(draft, self.pool.id));
        let made = made.collect::<Result<Vec<_>>>()?;
        let pk = self.task.pk;
        store.write_now(move |tx| {
            made.iter().try_for_each(|object| objects::insert_held(tx, object, pk))
        })?;
        self.seal(drafts)?;
        let owner = self.account.id;
        let (count, bytes) = (new.len() as u64, new.iter().map(|file| file.size).sum::<u64>());
        self.quota = store.write_now(move |tx| {
            for mut file in new {
                (file.created_at, file.updated_at, file.uploaded_at) = (tx.now, tx.now, tx.now);
                accounts::charge(tx, owner, file.charge)?;
                objects::share(tx, file.object_id)?;
                files::insert(tx, &file)?;
            }
            let data = json!({ "count": count });
            events::record(tx, Event::lasting(owner, "file.created", None, data))?;
            announce_quota(tx, owner)?;
            accounts::quota_of(tx.connection, owner, tx.now)
        })?;
        self.tally.files += count;
        self.tally.bytes += bytes;
        (self.tell)(Told::Progress(&self.tally));
        Ok(())
    }

    /// Ends the task, with what was done.
    fn end(&self, failure: Option<&Error>) -> Result<()> {
        let (verb, error) = match failure {
            None => (Verb::Finish, None),
            Some(error) => {
                let said = (error.kind().code().to_owned(), error.message().to_owned());
                (Verb::Fail, Some(said))
            }
        };
        let tally = &self.tally;
        let results = json!({
            "fileCount": tally.files, "bytes": tally.bytes, "there": tally.there,
            "symlinks": tally.symlinks, "special": tally.special, "leftOut": tally.left_out,
        });
        let outcome = Outcome { results: Some(results), error, ..Outcome::default() };
        let (engine, task) = (self.uploads.engine.clone(), self.task.clone());
        self.uploads.engine.store.write_now(move |tx| {
            let task = tasks::get(tx.connection, task.account_id, task.id)?;
            engine.apply(tx, &task, verb, outcome).map(|_| ())
        })
    }
}

/// What would be the same for every other file ends the import; the rest is the file's own.
fn ends_all(error: &Error) -> bool {
    is_no_way(error)
        || matches!(
            error.kind(),
            Kind::QuotaExceeded | Kind::DiskFull | Kind::Database | Kind::Internal
        )
}

/// The type found in the first bytes.
fn sniff(draft: &Draft) -> Result<ContentType> {
    let mut head = vec![0; draft.size().min(SNIFF_BYTES as u64) as usize];
    std::io::Read::read_exact(&mut draft.reader(), &mut head)
        .map_err(|error| Error::io("reading a file", &error))?;
    Ok(infer::get(&head)
        .and_then(|found| ContentType::parse(found.mime_type()).ok())
        .unwrap_or_else(ContentType::unknown))
}
