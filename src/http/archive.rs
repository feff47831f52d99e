//! Many files as one zip archive, made while it is sent: of one's own files, or of a link. It has a length, a strong
//! entity tag and ranges, so that a download that broke off can go on.

use std::collections::HashSet;
use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::State;
use super::auth::Signed;
use super::conditions::{if_range, is_known};
use super::content::{disposition, open_reader};
use super::input::{Body, Query, text};
use super::problem::Problem;
use super::ranges::ranges;
use super::share::{common, relative};
use crate::blobs::Blobs;
use crate::blobs::archive::stored::{Content, ENTRIES_MAX, Layout, Reading};
use crate::blobs::reader::Reader;
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::file::{File, Folder, stem_and_ending};
use crate::domain::id::FileId;
use crate::domain::time::Timestamp;
use crate::store::file_filter::{self, Filter};
use crate::store::{Store, bundles, files};

type Answer = Result<HttpResponse, Problem>;

/// Bytes of a body that names files.
const BODY_MAX: usize = 512 * 1024;

/// An entry: the name it has in the archive, and the file.
struct Entry {
    name: String,
    file: File,
}

impl Content for Reader {
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        Reader::read(self, offset, length)
    }
}

/// What an archive is made of, and the name it is saved under.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveRequest {
    file_ids: Option<Vec<FileId>>,
    folder: Option<String>,
    name: Option<String>,
}

/// `fileIds`, or a `folder` with all below it. Encrypted files come as they are stored.
pub async fn of_body(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Body(asked): Body<ArchiveRequest, BODY_MAX>,
) -> Answer {
    Ok(state.archive_own(&request, caller.account_id, asked).await?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveQuery {
    /// Ids with commas between them.
    file_ids: Option<String>,
    folder: Option<String>,
    name: Option<String>,
}

/// The same, asked for so that a browser can save it and go on where it broke off.
pub async fn of_query(
    state: web::Data<State>,
    request: HttpRequest,
    Signed(caller): Signed,
    Query(asked): Query<ArchiveQuery>,
) -> Answer {
    let parse = |ids: String| ids.split(',').map(FileId::parse).collect::<Result<Vec<_>>>();
    let file_ids = asked.file_ids.map(parse).transpose()?;
    let wanted = ArchiveRequest { file_ids, folder: asked.folder, name: asked.name };
    Ok(state.archive_own(&request, caller.account_id, wanted).await?)
}

/// All that a link shows.
pub async fn of_share(
    state: web::Data<State>,
    request: HttpRequest,
    slug: web::Path<String>,
) -> Answer {
    let share = state.share(&request, &slug).await?;
    let (reading, now) = (share.clone(), state.engine.clock.now());
    let read = state.engine.store.read(move |db| {
        let extent = bundles::shared_extent(db, &reading, now)?;
        let files = bundles::shared_files(db, &reading, now, 0, ENTRIES_MAX + 1)?;
        Ok((common(extent.folders.as_ref()), files))
    });
    let (root, files) = read.await?;
    let name = share.bundle().name.clone();
    let mut cookie = None;
    let begin = async {
        cookie = state.count_download(&request, &share, "archive").await?;
        Ok(())
    };
    let mut answer = state.send_archive(&request, entries(files, &root)?, &name, begin).await?;
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie).map_err(Error::internal)?;
    }
    Ok(answer)
}

/// Names in the archive: below the folder that all have in common, each once.
fn entries(files: Vec<File>, root: &str) -> Result<Vec<Entry>> {
    if files.is_empty() {
        return Err(Error::invalid("fileIds", "There is no file to put into an archive."));
    }
    if files.len() > ENTRIES_MAX {
        let message = format!("An archive takes {ENTRIES_MAX} files at most; ask for its parts.");
        return Err(Error::invalid("fileIds", message).with("limit", ENTRIES_MAX));
    }
    let mut taken = HashSet::new();
    let mut entries = Vec::new();
    for file in files {
        let name = file.stored_name();
        let folder = relative(&file.folder, root);
        let (stem, ending) = stem_and_ending(&name);
        let numbered = (2..).map(|number| format!("{stem} ({number}){ending}"));
        let mut paths = std::iter::once(name.clone()).chain(numbered).map(|name| match &*folder {
            "" => name,
            folder => format!("{folder}/{name}"),
        });
        // As many names as there are files are enough to find one that is free.
        let path = paths.find(|path| taken.insert(path.to_lowercase()));
        entries.push(Entry { name: path.unwrap_or_default(), file });
    }
    Ok(entries)
}

/// The same files under the same names give the same bytes.
fn etag(entries: &[Entry]) -> String {
    let mut hasher = Sha256::new();
    for Entry { name, file } in entries {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(file.sha256.0);
        hasher.update(modified(file).to_le_bytes());
    }
    format!("\"{}-zip\"", Digest(hasher.finalize().into()))
}

fn modified(file: &File) -> i64 {
    file.last_modified.unwrap_or(file.uploaded_at).0
}

impl State {
    async fn archive_own(
        &self,
        request: &HttpRequest,
        owner: crate::domain::id::AccountId,
        wanted: ArchiveRequest,
    ) -> Result<HttpResponse> {
        let now = self.engine.clock.now();
        let ArchiveRequest { file_ids, folder, name } = wanted;
        let folder = folder.as_deref().map(Folder::parse).transpose()?;
        let label = folder.as_ref().and_then(|path| path.as_str().rsplit('/').next());
        let label = name.or(label.map(str::to_owned)).filter(|name| !name.is_empty());
        let read = self.engine.store.read(move |db| match (file_ids, folder) {
            (Some(ids), None) if ids.len() <= ENTRIES_MAX => {
                ids.into_iter().map(|id| files::get(db, owner, id, now)).collect()
            }
            (None, Some(folder)) => {
                let folder = Some(folder.as_str().to_owned());
                let filter = Filter { folder, deep: true, ..Filter::default() };
                file_filter::matching(db, owner, &filter, now, ENTRIES_MAX + 1)
            }
            _ => {
                let message = format!("Give fileIds, {ENTRIES_MAX} at most, or a folder.");
                Err(Error::invalid("fileIds", message))
            }
        });
        let files = read.await?;
        let folders = || files.iter().map(|file| format!("{}/", file.folder));
        let root = common(folders().min().zip(folders().max()).as_ref());
        let label = label.unwrap_or_else(|| "files".to_owned());
        self.send_archive(request, entries(files, &root)?, &label, async { Ok(()) }).await
    }

    async fn send_archive(
        &self,
        request: &HttpRequest,
        entries: Vec<Entry>,
        name: &str,
        begin: impl Future<Output = Result<()>>,
    ) -> Result<HttpResponse> {
        let rows = entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.file.size, Some(modified(&entry.file))));
        let layout = Layout::new(rows)?;
        let (length, etag) = (layout.length(), etag(&entries));
        let newest = entries.iter().map(|entry| entry.file.updated_at).max();
        let is_known = is_known(request, &etag, newest.unwrap_or(Timestamp(0)))?;
        let mut answer = HttpResponse::Ok();
        answer
            .content_type("application/zip")
            .insert_header((header::ETAG, etag.clone()))
            .insert_header((header::ACCEPT_RANGES, "bytes"))
            .insert_header((header::CACHE_CONTROL, "private, no-cache"))
            .insert_header((
                header::CONTENT_DISPOSITION,
                disposition(&format!("{name}.zip"), "application/zip", false),
            ));
        if is_known {
            return Ok(answer.status(StatusCode::NOT_MODIFIED).finish());
        }
        let in_part = request.method() == Method::GET && if_range(request, &etag);
        let asked = text(request, header::RANGE).filter(|_| in_part);
        let asked = asked.map(|range| ranges(range, length)).transpose()?.flatten();
        let (mut from, mut end) = (0, length);
        // Several ranges of an archive are no use to anybody: the whole is sent, as the standard allows.
        if let Some(&[(first, last)]) = asked.as_deref() {
            (from, end) = (first, last + 1);
            let about = format!("bytes {first}-{last}/{length}");
            answer
                .status(StatusCode::PARTIAL_CONTENT)
                .insert_header((header::CONTENT_RANGE, about));
        }
        if request.method() == Method::HEAD {
            let nothing = stream::empty::<Result<Bytes, Error>>();
            return Ok(answer.no_chunking(length).body(SizedStream::new(length, nothing)));
        }
        begin.await?;
        let body = pieces(
            layout,
            entries,
            (self.engine.store.clone(), self.uploads.blobs().clone()),
            from,
            end,
        );
        Ok(answer.body(SizedStream::new(end - from, body)))
    }
}

/// The bytes of the archive, each piece read on a thread where blocking does no harm.
fn pieces(
    layout: Layout,
    entries: Vec<Entry>,
    (store, blobs): (Store, Blobs),
    from: u64,
    end: u64,
) -> impl stream::Stream<Item = Result<Bytes, Error>> {
    let entries = Arc::new(entries);
    let open = move |index: usize| -> Result<Box<dyn Content>> {
        let entry = entries
            .get(index)
            .ok_or_else(|| Error::new(Kind::Internal, "an archive has no such entry"))?;
        Ok(Box::new(open_reader(&store, &blobs, &entry.file)?))
    };
    let reading = Reading::new(layout, open, from, end);
    stream::try_unfold(reading, |mut reading| async move {
        let read =
            tokio::task::spawn_blocking(move || reading.piece().map(|piece| (piece, reading)));
        let (piece, reading) = read.await.map_err(Error::internal)??;
        Ok(piece.map(|piece| (Bytes::from(piece), reading)))
    })
}
