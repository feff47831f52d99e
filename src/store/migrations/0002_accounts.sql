-- Tokens beside sign-ins, the second factor, time-limited quota, outside identities, the audit log.

-- What can be revoked and ends at once: the sign-in of a device, or a token that its owner made for a program.
create table sessions_now (
  id           text primary key,
  account_id   text not null references accounts(id) on delete cascade,
  kind         text not null check (kind in ('sign-in', 'token', 'outside')),
  name         text,                                 -- of a token
  scopes       text,                                 -- of a token, with spaces between; null: all
  refresh_hash blob unique,
  cookie_hash  blob unique,
  token_hash   blob unique,
  device       text,
  address      text,                                 -- where it was begun
  created_at   integer not null,
  last_seen    integer not null,
  expires_at   integer not null,
  revoked_at   integer
) strict, without rowid;
insert into sessions_now (id, account_id, kind, refresh_hash, cookie_hash, device, created_at, last_seen, expires_at, revoked_at)
  select id, account_id, 'sign-in', refresh_hash, cookie_hash, device, created_at, last_seen, expires_at, revoked_at from sessions;
drop table sessions;
alter table sessions_now rename to sessions;
create index sessions_account on sessions(account_id, created_at);
create index sessions_expiry  on sessions(expires_at);

alter table accounts add column totp_secret blob;     -- sealed with the server's key
alter table accounts add column totp_confirmed integer not null default 0;
alter table accounts add column totp_step integer not null default 0;  -- the last step of 30 s whose code was used

-- Codes that stand in for the second factor, once each.
create table recovery_codes (
  account_id text not null references accounts(id) on delete cascade,
  hash       blob not null,
  primary key (account_id, hash)
) strict, without rowid;

-- Bytes that an account may use for a while, on top of its quota.
create table grants (
  id         text primary key,
  account_id text not null references accounts(id) on delete cascade,
  bytes      integer not null check (bytes > 0),
  reason     text,
  granted_by text not null,                           -- id of an account, or "command line"
  created_at integer not null,
  expires_at integer not null
) strict, without rowid;
create index grants_account on grants(account_id, expires_at);

-- Accounts that an outside issuer vouches for.
create table identities (
  issuer     text not null,
  subject    text not null,
  account_id text not null references accounts(id) on delete cascade,
  created_at integer not null,
  primary key (issuer, subject)
) strict, without rowid;
create index identities_account on identities(account_id);

-- The bytes of the trash, and the sums of each account.
create index files_trash on files(account_id, charge) where deleted_at is not null;
create index files_trashed on files(account_id, deleted_at desc, id desc) where deleted_at is not null;
create index files_tree on files(account_id, folder, deleted_at, expired_at, size);
create index files_usage on files(account_id, pool_id, content_type, created_at, deleted_at, size, charge);

-- Who did what. Each row's hash covers the row and the hash before it; nothing points here, so that rows outlive accounts.
create table audit (
  seq        integer primary key autoincrement,
  at         integer not null,
  account_id text,                                    -- null: nobody was signed in
  account    text not null,                           -- its name at that time; "" for nobody
  session_id text,
  action     text not null,
  object     text not null,                           -- what it was done to; "" for nothing in particular
  address    text not null,
  outcome    text not null,                           -- "ok", or the code of the refusal
  hash       blob not null check (length(hash) = 32)
) strict;
create index audit_account on audit(account_id, seq);
create index audit_action on audit(action, seq);
