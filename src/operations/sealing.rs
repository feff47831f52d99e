//! The last step of bytes on their way to be an object. Into a bucket it takes a while, so what has arrived there is
//! remembered in rows: a restart goes on with the next part.

use crate::blobs::bucket::{Journal, Multipart};
use crate::domain::error::Result;
use crate::domain::id::ObjectId;
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
