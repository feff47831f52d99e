-- Bundles: sets of files behind a link.
create table bundles (
  id             text primary key,
  account_id     text not null references accounts(id) on delete cascade,
  slug           text not null unique,
  name           text not null,
  description    text not null default '',
  passcode_hash  text,                               -- argon2id, PHC form
  shared         integer not null default 1 check (shared in (0, 1)),
  expired_at     integer,
  download_limit integer check (download_limit > 0), -- null: no limit
  downloads      integer not null default 0,
  upload_into    text,                               -- the folder for what visitors bring; null: they cannot
  told_at        integer not null default 0,         -- when its owner was last told of a visitor
  created_at     integer not null,
  updated_at     integer not null
) strict, without rowid;
create index bundles_account on bundles(account_id, created_at desc, id desc);

-- What names a bundle that is not there, or another account's, names none.
update files set bundle_id = null where bundle_id is not null;
update uploads set bundle_id = null where bundle_id is not null;
create trigger files_bundle_in after insert on files when new.bundle_id is not null begin
  update files set bundle_id = null
  where id = new.id
    and not exists (select 1 from bundles b where b.id = new.bundle_id and b.account_id = new.account_id);
end;
create trigger files_bundle_new after update of bundle_id on files when new.bundle_id is not null begin
  update files set bundle_id = null
  where id = new.id
    and not exists (select 1 from bundles b where b.id = new.bundle_id and b.account_id = new.account_id);
end;
create trigger bundles_out after delete on bundles begin
  update files set bundle_id = null where account_id = old.account_id and bundle_id = old.id;
end;
