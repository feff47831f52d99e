-- What is known of an object's content: facts that lists show, and which thumbnails were made. Derived from the bytes
-- alone, so a row can be made anew at any time.
create table previews (
  object_id  text primary key references objects(id) on delete cascade,
  account_id text not null references accounts(id) on delete cascade,  -- whose files show it
  pending    integer not null default 1 check (pending in (0, 1)),     -- nobody has looked at it yet
  tries      integer not null default 0,                               -- begun and not ended: one of them may be fatal
  metadata   text not null default '{}' check (json_valid(metadata)),  -- never where a picture was taken
  small      blob check (length(small) = 32),                          -- BLAKE3 of the small thumbnail
  large      blob check (length(large) = 32)
) strict;
create index previews_pending on previews(account_id) where pending = 1;

-- Types that are worth a look, by their beginning.
create table preview_types (prefix text primary key) strict, without rowid;
insert into preview_types values
  ('image/'), ('audio/'), ('video/'), ('text/'), ('application/json'), ('application/xml'), ('application/yaml'),
  ('application/toml'), ('application/javascript'), ('application/x-ndjson'), ('application/x-sh'),
  ('application/sql'), ('application/ogg');

-- Every way on which bytes become a file ends in one of these two statements.
create trigger previews_of_new after insert on files
when new.recipient is null
  and exists (select 1 from preview_types where substr(new.content_type, 1, length(prefix)) = prefix)
begin
  insert into previews (object_id, account_id) values (new.object_id, new.account_id) on conflict do nothing;
end;
create trigger previews_of_switched after update of object_id on files
when new.object_id <> old.object_id and new.recipient is null
  and exists (select 1 from preview_types where substr(new.content_type, 1, length(prefix)) = prefix)
begin
  insert into previews (object_id, account_id) values (new.object_id, new.account_id) on conflict do nothing;
end;

-- What was stored before there were previews.
insert into previews (object_id, account_id)
select object_id, min(account_id) from files
where recipient is null
  and exists (select 1 from preview_types where substr(content_type, 1, length(prefix)) = prefix)
group by object_id;
