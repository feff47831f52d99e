//! Accounts that an outside issuer vouches for, and the one session of each that stands for all its outside tokens.

use rusqlite::{OptionalExtension, Row};

use super::accounts::{self, NewAccount};
use super::columns::{failed, is_duplicate};
use super::sessions::Session;
use super::{Db, Tx};
use crate::domain::account::{Role, Scopes};
use crate::domain::error::{Error, Kind, Result};
use crate::domain::id::{AccountId, SessionId};
use crate::domain::identity::Person;
use crate::domain::time::Timestamp;

/// Numbers that are tried behind a name that is taken, before its account's own id is.
const NUMBERS_MAX: u32 = 99;

/// The account of an outside identity.
#[derive(Clone, Debug)]
pub struct Vouched {
    pub account_id: AccountId,
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    /// The live session of its outside tokens.
    pub session: Option<Session>,
    /// When such a session was revoked last. Tokens from before are worth nothing.
    pub revoked_at: Option<Timestamp>,
}

impl Vouched {
    /// Does what the issuer said at this moment still count?
    pub fn accepts(&self, issued: Timestamp) -> bool {
        !self.disabled && self.revoked_at.is_none_or(|revoked| issued > revoked)
    }
}

/// What an account that is made at first sight gets.
pub struct Welcome {
    /// Which no password fits.
    pub password_hash: String,
    pub quota_bytes: Option<u64>,
}

/// The account of an identity at this moment.
pub fn find(db: &Db, issuer: &str, subject: &str, now: Timestamp) -> Result<Option<Vouched>> {
    db.prepare_cached(
        "select a.id, a.name, a.role, a.disabled, s.id, s.last_seen, s.expires_at, \
           (select max(r.revoked_at) from sessions r where r.account_id = a.id and r.kind = 'outside') \
         from identities i join accounts a on a.id = i.account_id \
         left join sessions s on s.account_id = a.id and s.kind = 'outside' and s.revoked_at is null \
           and s.expires_at > ?3 \
         where i.issuer = ?1 and i.subject = ?2 limit 1",
    )
    .and_then(|mut statement| {
        statement.query_row((issuer, subject, now), vouched).optional()
    })
    .map_err(failed)
}

fn vouched(row: &Row<'_>) -> rusqlite::Result<Vouched> {
    let (account_id, name, role) = (row.get(0)?, row.get::<_, String>(1)?, row.get(2)?);
    let session = match row.get::<_, Option<SessionId>>(4)? {
        None => None,
        Some(id) => Some(Session {
            id,
            account_id,
            name: name.as_str().into(),
            role,
            scopes: Scopes::ALL,
            last_seen: row.get(5)?,
            expires_at: row.get(6)?,
        }),
    };
    let (disabled, revoked_at) = (row.get(3)?, row.get(7)?);
    Ok(Vouched { account_id, name, role, disabled, session, revoked_at })
}

/// The account of a person after it was looked at.
pub struct Admitted {
    pub vouched: Vouched,
    /// It was made just now.
    pub made: bool,
    /// It has another role than before.
    pub moved: bool,
}

/// The account of a person, made if there is none and `welcome` allows it, with the role that its issuer says. What was
/// issued before a revocation changes nothing, and nothing changes a disabled account.
pub fn admit(
    tx: &Tx<'_>,
    person: &Person,
    issued: Timestamp,
    welcome: Option<&Welcome>,
) -> Result<Option<Admitted>> {
    let look = || find(tx.connection, &person.issuer, &person.subject, tx.now);
    let Some(mut vouched) = look()? else {
        let Some(welcome) = welcome else { return Ok(None) };
        let new = NewAccount {
            name: free_name(tx, &person.name)?,
            password_hash: welcome.password_hash.clone(),
            role: person.role.unwrap_or(Role::User),
            quota_bytes: welcome.quota_bytes,
        };
        let account_id = accounts::insert(tx, &new)?;
        tx.connection
            .execute(
                "insert into identities (issuer, subject, account_id, created_at) values (?1, ?2, ?3, ?4)",
                (&person.issuer, &person.subject, account_id, tx.now),
            )
            .map_err(failed)?;
        return Ok(look()?.map(|vouched| Admitted { vouched, made: true, moved: false }));
    };
    let role = person.role.filter(|role| *role != vouched.role && vouched.accepts(issued));
    if let Some(role) = role {
        // The issuer's word counts even where it takes the last administrator away: it can give one back.
        tx.connection
            .execute(
                "update accounts set role = ?1, updated_at = ?2 where id = ?3",
                (role, tx.now, vouched.account_id),
            )
            .map_err(failed)?;
        vouched.role = role;
    }
    Ok(Some(Admitted { vouched, made: false, moved: role.is_some() }))
}

/// The name itself, or with the first free number behind it. Nobody becomes somebody else by bearing their name.
fn free_name(tx: &Tx<'_>, wanted: &str) -> Result<String> {
    let numbered = (2..=NUMBERS_MAX).map(|number| format!("{wanted}-{number}"));
    for name in std::iter::once(wanted.to_owned()).chain(numbered) {
        let taken: bool = tx
            .connection
            .prepare_cached("select exists (select 1 from accounts where name = ?1)")
            .and_then(|mut statement| statement.query_row([&name], |row| row.get(0)))
            .map_err(failed)?;
        if !taken {
            return Ok(name);
        }
    }
    Ok(AccountId::generate().to_string())
}

/// Opens the session of an account's outside tokens, or keeps it open until `expires_at`.
pub fn keep_session(
    tx: &Tx<'_>,
    account_id: AccountId,
    issuer: &str,
    expires_at: Timestamp,
) -> Result<()> {
    let sql = "update sessions set last_seen = ?1, expires_at = ?2 \
               where account_id = ?3 and kind = 'outside' and revoked_at is null and expires_at > ?1";
    let open = tx.connection.execute(sql, (tx.now, expires_at, account_id)).map_err(failed)?;
    if open > 0 {
        return Ok(());
    }
    // Of those that were revoked, the newest alone counts.
    tx.connection
        .execute(
            "delete from sessions where account_id = ?1 and kind = 'outside' and revoked_at is not null \
             and revoked_at < (select max(revoked_at) from sessions where account_id = ?1 and kind = 'outside')",
            [account_id],
        )
        .map_err(failed)?;
    tx.connection
        .execute(
            "insert into sessions (id, account_id, kind, device, created_at, last_seen, expires_at) \
             values (?1, ?2, 'outside', ?3, ?4, ?4, ?5)",
            (SessionId::generate(), account_id, issuer, tx.now, expires_at),
        )
        .map_err(failed)?;
    Ok(())
}

/// An identity that signs in to an account.
pub struct Known {
    pub issuer: String,
    pub subject: String,
    pub created_at: Timestamp,
}

/// The identities of an account.
pub fn list(db: &Db, account_id: AccountId) -> Result<Vec<Known>> {
    db.prepare_cached(
        "select issuer, subject, created_at from identities where account_id = ?1 order by issuer, subject",
    )
    .and_then(|mut statement| {
        let known = |row: &Row<'_>| {
            Ok(Known { issuer: row.get(0)?, subject: row.get(1)?, created_at: row.get(2)? })
        };
        statement.query_map([account_id], known)?.collect()
    })
    .map_err(failed)
}

/// Lets somebody whom an issuer vouches for into an account that exists. `NameTaken` where they have one.
pub fn link(tx: &Tx<'_>, account_id: AccountId, issuer: &str, subject: &str) -> Result<()> {
    tx.connection
        .prepare_cached(
            "insert into identities (issuer, subject, account_id, created_at) values (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| statement.execute((issuer, subject, account_id, tx.now)))
        .map(|_| ())
        .map_err(|error| match is_duplicate(&error) {
            true => Error::new(Kind::NameTaken, "This identity signs in to an account already; take it away there first.")
                .with("field", "subject"),
            false => failed(error),
        })
}

/// Takes an identity from an account, with the session of its outside tokens; false where it had none such.
pub fn unlink(tx: &Tx<'_>, account_id: AccountId, issuer: &str, subject: &str) -> Result<bool> {
    let gone = tx
        .connection
        .prepare_cached(
            "delete from identities where account_id = ?1 and issuer = ?2 and subject = ?3",
        )
        .and_then(|mut statement| statement.execute((account_id, issuer, subject)))
        .map_err(failed)?;
    Ok(gone == 1)
}
