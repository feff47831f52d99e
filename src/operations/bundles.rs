//! Bundles: made, changed and taken back while the request waits, in one transaction each.

use serde_json::json;

use crate::domain::bundle::{Bundle, Slug, check_text};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::event::Event;
use crate::domain::file::Folder;
use crate::domain::id::{AccountId, BundleId};
use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::store::{Tx, bundles, events};

/// Bundles of one account.
const BUNDLES_MAX: u64 = 10_000;

/// What is to be said of a bundle. `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub slug: Option<Slug>,
    pub name: Option<String>,
    pub description: Option<String>,
    /// As its argon2id hash.
    pub passcode_hash: Option<Option<String>>,
    pub shared: Option<bool>,
    pub expired_at: Option<Option<Timestamp>>,
    pub download_limit: Option<Option<u64>>,
    pub upload_into: Option<Option<Folder>>,
}

impl Wish {
    /// Refuses what no bundle can have.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        if let Some(name) = &self.name {
            check_text("name", name)?;
        }
        if let Some(description) = &self.description {
            check_text("description", description)?;
        }
        if self.expired_at.flatten().is_some_and(|moment| moment <= now) {
            return Err(Error::invalid("expiredAt", "expiredAt must be in the future."));
        }
        match self.download_limit.flatten() {
            Some(limit) if limit == 0 || limit > i64::MAX as u64 => {
                Err(Error::invalid("downloadLimit", "downloadLimit must be 1 or more, or null."))
            }
            _ => Ok(()),
        }
    }

    fn onto(self, bundle: &mut Bundle) {
        fn set<T>(place: &mut T, wish: Option<T>) {
            if let Some(value) = wish {
                *place = value;
            }
        }
        set(&mut bundle.slug, self.slug);
        set(&mut bundle.name, self.name);
        set(&mut bundle.description, self.description);
        set(&mut bundle.passcode_hash, self.passcode_hash);
        set(&mut bundle.shared, self.shared);
        set(&mut bundle.expired_at, self.expired_at);
        set(&mut bundle.download_limit, self.download_limit);
        set(&mut bundle.upload_into, self.upload_into);
    }
}

/// Refuses a bundle that this account does not have, before any work is begun that ends in it.
pub fn check(engine: &Engine, owner: AccountId, id: Option<BundleId>, field: &str) -> Result<()> {
    engine.store.read_now(|db| bundles::check(db, owner, id, field))
}

/// A new bundle with nothing in it. `random` becomes its slug where the wish has none.
pub async fn create(
    engine: &Engine,
    owner: AccountId,
    wish: Wish,
    random: [u8; 32],
) -> Result<Bundle> {
    wish.check(engine.clock.now())?;
    engine
        .store
        .write(move |tx| {
            if bundles::count(tx.connection, owner)? >= BUNDLES_MAX {
                let message = format!("An account has {BUNDLES_MAX} bundles at most; delete some.");
                return Err(Error::new(Kind::TooMany, message));
            }
            let mut bundle = Bundle {
                id: BundleId::generate(),
                account_id: owner,
                slug: Slug::of_random(&random),
                name: String::new(),
                description: String::new(),
                passcode_hash: None,
                shared: true,
                expired_at: None,
                download_limit: None,
                downloads: 0,
                upload_into: None,
                created_at: tx.now,
                updated_at: tx.now,
            };
            wish.onto(&mut bundle);
            bundles::put(tx, &bundle)?;
            announce(tx, &bundle, "bundle.created")?;
            Ok(bundle)
        })
        .await
}

/// Changes a bundle. A link that is taken back, or has another passcode, stops working with this commit.
pub async fn change(engine: &Engine, owner: AccountId, id: BundleId, wish: Wish) -> Result<Bundle> {
    wish.check(engine.clock.now())?;
    engine
        .store
        .write(move |tx| {
            let mut bundle = bundles::get(tx.connection, owner, id)?;
            wish.onto(&mut bundle);
            bundles::put(tx, &bundle)?;
            announce(tx, &bundle, "bundle.updated")?;
            bundles::get(tx.connection, owner, id)
        })
        .await
}

/// Takes the link back for good. The files stay.
pub async fn remove(engine: &Engine, owner: AccountId, id: BundleId) -> Result<()> {
    engine
        .store
        .write(move |tx| {
            let bundle = bundles::get(tx.connection, owner, id)?;
            bundles::remove(tx, owner, id)?;
            announce(tx, &bundle, "bundle.deleted")
        })
        .await
}

fn announce(tx: &Tx<'_>, bundle: &Bundle, name: &'static str) -> Result<()> {
    let data = json!({ "bundleId": bundle.id, "name": bundle.name, "slug": bundle.slug.as_str() });
    events::record(tx, Event::lasting(bundle.account_id, name, None, data))
}
