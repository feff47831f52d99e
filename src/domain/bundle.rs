//! Bundles: sets of files that are shared by a link. What a visitor may reach is a type of its own, [`Share`], that can
//! be had from an open bundle alone and says nothing but which one.

use std::fmt;

use super::account::Role;
use super::error::{Error, Kind, Result};
use super::file::Folder;
use super::id::{AccountId, BundleId, PoolId};
use super::time::Timestamp;

const SLUG_MAX: usize = 64;
const SLUG_MIN: usize = 3;
const NAME_MAX_BYTES: usize = 200;
const DESCRIPTION_MAX_BYTES: usize = 4000;
const PASSCODE_MIN: usize = 4;
const PASSCODE_MAX: usize = 256;
/// Letters and digits that are not mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The last part of a link: 3 to 64 lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.to_ascii_lowercase();
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edges = text.starts_with('-') || text.ends_with('-');
        if !(SLUG_MIN..=SLUG_MAX).contains(&text.len()) || edges || !text.bytes().all(legal) {
            return Err(Error::invalid(
                "slug",
                "slug must be 3 to 64 letters, digits and hyphens, and neither begin nor end with a hyphen.",
            ));
        }
        Ok(Self(text))
    }

    /// One that cannot be guessed: 26 letters of five random bits each.
    pub fn of_random(bytes: &[u8; 32]) -> Self {
        Self(
            bytes
                .iter()
                .take(26)
                .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
                .collect(),
        )
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The passcode of a link as it came. It is kept as its argon2id hash alone.
pub fn check_passcode(text: &str) -> Result<()> {
    match text.chars().count() {
        PASSCODE_MIN..=PASSCODE_MAX => Ok(()),
        _ => Err(Error::invalid(
            "passcode",
            format!("passcode must have {PASSCODE_MIN} to {PASSCODE_MAX} characters."),
        )),
    }
}

/// Refuses what is no text to show.
pub fn check_text(field: &str, text: &str) -> Result<()> {
    let (least, most) =
        if field == "name" { (1, NAME_MAX_BYTES) } else { (0, DESCRIPTION_MAX_BYTES) };
    let odd = |c: char| c.is_control() && !(c == '\n' && field != "name");
    if text.trim().len() < least || text.len() > most || text.contains(odd) {
        let message =
            format!("{field} must be text of {least} to {most} bytes without control characters.");
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

#[derive(Clone, Debug)]
pub struct Bundle {
    pub id: BundleId,
    pub account_id: AccountId,
    pub slug: Slug,
    pub name: String,
    pub description: String,
    /// argon2id, in PHC form.
    pub passcode_hash: Option<String>,
    /// False: the link leads nowhere.
    pub shared: bool,
    pub expired_at: Option<Timestamp>,
    /// Downloads that are allowed in all.
    pub download_limit: Option<u64>,
    pub downloads: u64,
    /// Where files go that visitors bring; `None`: they cannot.
    pub upload_into: Option<Folder>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The account behind a bundle, as it is now.
#[derive(Clone, Debug)]
pub struct Owner {
    pub name: String,
    pub role: Role,
    pub disabled: bool,
}

/// What a visitor of a link may reach: the files of one bundle that are there, outside of pools that forbid links.
#[derive(Clone, Debug)]
pub struct Share {
    bundle: Bundle,
    owner: Owner,
    closed_pools: Vec<PoolId>,
}

impl Share {
    /// Opens a bundle for a visitor, with what its owner may do at this moment. `unlocked`: the visitor has proved to
    /// know the passcode.
    pub fn open(
        bundle: Bundle,
        owner: Owner,
        closed_pools: Vec<PoolId>,
        unlocked: bool,
        now: Timestamp,
    ) -> Result<Self> {
        if !bundle.shared || owner.disabled || owner.role < Role::User {
            return Err(unknown());
        }
        if bundle.expired_at.is_some_and(|end| end <= now) {
            return Err(Error::new(Kind::ShareEnded, "This link has expired. Ask for a new one."));
        }
        if bundle.passcode_hash.is_some() && !unlocked {
            let message =
                "This link needs its passcode. Send it with POST as {\"passcode\": \"…\"}.";
            return Err(Error::new(Kind::PasscodeRequired, message).with("name", bundle.name));
        }
        Ok(Self { bundle, owner, closed_pools })
    }

    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What the fingerprints of uploads that come by the link begin with.
    pub fn mark(&self) -> String {
        format!("share:{}:", self.bundle.id)
    }

    /// Pools whose files no link shows.
    pub fn closed_pools(&self) -> &[PoolId] {
        &self.closed_pools
    }
}

/// The same for a link that never was, one that was taken back, and one whose owner may not share.
pub fn unknown() -> Error {
    Error::not_found("link")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_words() {
        assert_eq!(Slug::parse("Summer-2025").unwrap().as_str(), "summer-2025");
        for wrong in ["", "ab", "-abc", "abc-", "a b c", "a/b", "../x", "ünter", &"a".repeat(65)] {
            assert!(Slug::parse(wrong).is_err(), "{wrong}");
        }
        let random = Slug::of_random(&[255; 32]);
        assert_eq!(Slug::parse(random.as_str()).unwrap(), random);
    }

    #[test]
    fn a_share_opens_only_while_everything_allows_it() {
        let now = Timestamp(1000);
        let bundle = || Bundle {
            id: BundleId::generate(),
            account_id: AccountId::generate(),
            slug: Slug::parse("abc").unwrap(),
            name: "x".into(),
            description: String::new(),
            passcode_hash: None,
            shared: true,
            expired_at: None,
            download_limit: None,
            downloads: 0,
            upload_into: None,
            created_at: now,
            updated_at: now,
        };
        let owner = |role, disabled| Owner { name: "ada".into(), role, disabled };
        let open = |bundle, owner, unlocked| {
            Share::open(bundle, owner, Vec::new(), unlocked, now)
                .map(|_| ())
                .map_err(|error| error.kind())
        };
        assert_eq!(open(bundle(), owner(Role::User, false), false), Ok(()));
        assert_eq!(open(bundle(), owner(Role::User, true), false), Err(Kind::NotFound));
        assert_eq!(open(bundle(), owner(Role::Guest, false), false), Err(Kind::NotFound));
        let private = Bundle { shared: false, ..bundle() };
        assert_eq!(open(private, owner(Role::User, false), true), Err(Kind::NotFound));
        let over = Bundle { expired_at: Some(now), ..bundle() };
        assert_eq!(open(over, owner(Role::User, false), true), Err(Kind::ShareEnded));
        let locked = Bundle { passcode_hash: Some("hash".into()), ..bundle() };
        assert_eq!(
            open(locked.clone(), owner(Role::User, false), false),
            Err(Kind::PasscodeRequired)
        );
        assert_eq!(open(locked, owner(Role::User, false), true), Ok(()));
    }
}
