//! The last step of bytes on their way to be an object. Into a bucket it takes a while, so what has arrived there is
//! remembered in rows: a restart goes on with the next part.

use crate::blobs::bucket::{Journal, Multipart};
use crate::blobs::draft::Draft;
use crate::blobs::pool::PoolDir;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{ObjectId, PoolId};
use crate::engine::context::{Context, Work};
use crate::store::objects::{self, NewObject};
use crate::store::{Store, multiparts};

/// What is remembered of one object, which has a row already. `tell` hears how many bytes have arrived, and may stop it.
pub struct Remembered<'a, F> {
    pub store: &'a Store,
    pub id: ObjectId,
    pub tell: F,
}

impl<F: FnMut(u64) -> Result<()>> Journal for Remembered<'_, F> {
    fn known(&mut self) -> Result<Option<Multipart>> {
        let id = self.id;
        let known = self.store.read_now(|db| multiparts::get(db, id))?;
        Ok(known.map(|(upload_id, part_bytes, parts)| Multipart { upload_id, part_bytes, parts }))
    }

    fn begin(&mut self, upload_id: &str, part_bytes: u64) -> Result<()> {
        let (id, upload_id) = (self.id, upload_id.to_owned());
        self.store.write_now(move |tx| multiparts::begin(tx, id, &upload_id, part_bytes))
    }

    fn part(&mut self, number: u64, tag: &str) -> Result<()> {
        let (id, tag) = (self.id, tag.to_owned());
        self.store.write_now(move |tx| multiparts::part(tx, id, number, &tag))
    }

    fn tell(&mut self, done: u64) -> Result<()> {
        (self.tell)(done)
    }
}

/// The object that a finished draft is to become.
pub fn object_of(draft: &Draft, pool_id: PoolId) -> Result<NewObject> {
    let facts = draft.facts()?;
    Ok(NewObject {
        id: draft.id(),
        pool_id,
        size: facts.size,
        sha256: facts.sha256,
        blake3: facts.blake3,
        block_size: facts.block_size,
        blocks: facts.blocks,
    })
}

/// Makes a finished draft an object of its task: the row first, so that nothing on the disk is without one; then the
/// rename. It is shown by no file yet.
pub fn seal(context: &Context, pool_id: PoolId, draft: Draft) -> Work<NewObject> {
    let object = object_of(&draft, pool_id)?;
    let object = context.commit(move |tx, task| {
        objects::insert_held(tx, &object, task.pk)?;
        Ok(object)
    })?;
    let tell = |_| {
        context.glance().map_err(|stop| {
            let _ = context.refuse(stop);
            Error::new(Kind::ShuttingDown, "The task stops here.")
        })
    };
    let mut journal = Remembered { store: &context.engine.store, id: object.id, tell };
    context.settle(draft.seal(&mut journal))?;
    Ok(object)
}

/// The same for many at once, so that they share their commit and the flushes of their folders; in a bucket there is
/// nothing to share.
pub fn seal_all(context: &Context, pool: &PoolDir, drafts: Vec<Draft>) -> Work<()> {
    let pool_id = pool.id;
    if pool.is_remote() {
        return drafts.into_iter().try_for_each(|draft| seal(context, pool_id, draft).map(|_| ()));
    }
    let objects =
        drafts.iter().map(|draft| object_of(draft, pool_id)).collect::<Result<Vec<_>>>()?;
    context.commit(move |tx, task| {
        objects.iter().try_for_each(|object| objects::insert_held(tx, object, task.pk))
    })?;
    Draft::seal_all(drafts)?;
    Ok(())
}
