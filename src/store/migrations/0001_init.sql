-- The first schema. Times are milliseconds since 1970 (UTC), ids are UUIDs as text, sizes are bytes.

-- One value each: the database's own identity, the hash of the set-up code, the last clean stop.
create table settings (
  key   text primary key,
  value text not null
) strict, without rowid;

create table accounts (
  id             text primary key,
  name           text not null unique collate nocase,
  password_hash  text not null,                      -- argon2id, PHC form
  role           text not null check (role in ('guest', 'user', 'admin')),
  disabled       integer not null default 0,
  quota_bytes    integer,                            -- null: no limit
  used_bytes     integer not null default 0 check (used_bytes >= 0),
  reserved_bytes integer not null default 0 check (reserved_bytes >= 0),
  created_at     integer not null,
  updated_at     integer not null
) strict, without rowid;

-- A signed-in device. Secrets are kept as SHA-256 only.
create table sessions (
  id           text primary key,
  account_id   text not null references accounts(id) on delete cascade,
  refresh_hash blob not null unique,
  cookie_hash  blob not null unique,
  device       text,
  created_at   integer not null,
  last_seen    integer not null,
  expires_at   integer not null,
  revoked_at   integer
) strict, without rowid;
create index sessions_account on sessions(account_id);
create index sessions_expiry  on sessions(expires_at);

-- Identity of the places for objects; their policy is configuration.
create table pools (
  id         text primary key,
  name       text not null unique,
  created_at integer not null
) strict, without rowid;

-- Sealed bytes. An object is never changed and never named by its content or its owner.
create table objects (
  id         text primary key,
  pool_id    text not null references pools(id),
  size       integer not null check (size >= 0),
  sha256     blob not null check (length(sha256) = 32),
  blake3     blob not null check (length(blake3) = 32),
  refs       integer not null check (refs >= 0),     -- files that show it
  task_pk    integer,                                -- made by this task, which has not published it yet
  created_at integer not null,
  block_size integer not null,
  blocks     blob not null                           -- BLAKE3 chaining value of each block, 32 bytes each
) strict;
create index objects_sha256 on objects(sha256, size);
create index objects_pool on objects(pool_id, id);
create index objects_task on objects(task_pk) where task_pk is not null;
-- Neither shown nor held: the janitor removes the bytes, then the row.
create index objects_garbage on objects(id) where refs = 0 and task_pk is null;

-- What a person sees.
create table files (
  id            text primary key,
  account_id    text not null references accounts(id) on delete cascade,
  pool_id       text not null references pools(id),
  bundle_id     text,
  object_id     text not null references objects(id),
  name          text not null,
  folder        text not null,
  content_type  text not null,
  size          integer not null,
  sha256        blob not null,
  charge        integer not null,                    -- bytes charged to the quota
  recipient     text,                                -- encrypted files: the age recipient
  wrapped_key   blob,                                -- and its identity, wrapped with the owner's password
  plain_size    integer,                             -- and the size of what is inside
  tags          text not null default '[]' check (json_valid(tags)),
  last_modified integer,
  created_at    integer not null,
  updated_at    integer not null,
  uploaded_at   integer not null,
  expired_at    integer,
  deleted_at    integer,                             -- in the trash since
  check ((recipient is null) = (wrapped_key is null))
) strict;
create index files_created on files(account_id, created_at desc, id desc) where deleted_at is null;
create index files_updated on files(account_id, updated_at desc, id desc) where deleted_at is null;
create index files_name    on files(account_id, name, id) where deleted_at is null;
create index files_size    on files(account_id, size, id) where deleted_at is null;
create index files_folder  on files(account_id, folder, created_at desc, id desc) where deleted_at is null;
create index files_sha256  on files(account_id, sha256, size);
create index files_object  on files(object_id);
create index files_pool    on files(pool_id, id);
create index files_bundle  on files(account_id, bundle_id, id) where bundle_id is not null;

-- The 18 moves between the statuses 0 Pending 1 InProgress 2 Paused 3 Completed 4 Failed 5 Cancelled 6 Expired.
create table legal_moves (f integer not null, t integer not null, primary key (f, t)) strict, without rowid;
insert into legal_moves values
  (0,1),(0,2),(0,4),(0,5),(0,6),
  (1,0),(1,2),(1,3),(1,4),(1,5),(1,6),
  (2,0),(2,1),(2,4),(2,5),(2,6),
  (4,0),(4,1);

create table tasks (
  id             integer primary key autoincrement,  -- internal, never used again
  task_id        text not null unique,
  account_id     text not null references accounts(id) on delete cascade,
  type           text not null,
  name           text not null,
  description    text,
  driver         integer not null check (driver in (0, 1)),             -- 0 server, 1 client
  lane           integer not null default 0,
  status         integer not null check (status between 0 and 6),
  gate           integer not null default 0,         -- bits that keep a pending task unclaimable
  intent         integer not null default 0 check (intent between 0 and 3),
  cleanup        integer not null default 0,         -- 1: ended, leftovers still to remove
  phase          text,
  priority       integer not null default 0 check (priority between 0 and 100),
  sort_key       integer not null,                   -- created_at - priority * 30 s: aging in one column
  run_at         integer,
  deadline_at    integer,
  expires_at     integer,
  epoch          integer not null default 0,         -- fence, +1 with each claim
  attempt        integer not null default 0,
  max_attempts   integer not null default 3,
  crashes        integer not null default 0,
  params_version integer not null default 1,
  params         text not null default '{}' check (json_valid(params)),
  checkpoint     text check (checkpoint is null or json_valid(checkpoint)),
  results        text check (results is null or json_valid(results)),
  error_code     text,
  error_message  text,
  units_done     integer not null default 0,
  units_total    integer,
  items_done     integer not null default 0,
  items_total    integer not null default 0,
  reserved_bytes integer not null default 0 check (reserved_bytes >= 0),  -- of the account's quota
  progress       real not null default 0 check (progress between 0 and 100),
  estimated_ms   integer,
  parent_id      integer references tasks(id) on delete set null,
  unique_key     text,
  rev            integer not null default 0,         -- +1 with each visible change
  created_at     integer not null,
  started_at     integer,
  updated_at     integer not null,
  last_activity  integer not null,
  finished_at    integer,
  check ((finished_at is not null) = (status in (3, 4, 5, 6))),
  check (driver = 0 or status <> 0),
  check (intent = 0 or (status = 1 and driver = 0)),
  check (status <> 3 or progress = 100)
) strict;
create index tasks_claim    on tasks(lane, account_id, sort_key, id) where status = 0 and gate = 0;
create index tasks_running  on tasks(lane, account_id) where status = 1 and driver = 0;
create index tasks_queue    on tasks(lane, sort_key, id) where status = 0 and gate = 0;
create index tasks_due      on tasks(run_at) where status = 0 and run_at is not null and gate <> 0;
create index tasks_expiry   on tasks(expires_at) where expires_at is not null and status in (0, 1, 2);
create index tasks_kept     on tasks(status) where checkpoint is not null;
create index tasks_cleanup  on tasks(id) where cleanup = 1;
create index tasks_prune    on tasks(finished_at) where finished_at is not null;
-- Lists skip rows and count them inside these indexes alone, so type and status are in each.
create index tasks_list     on tasks(account_id, last_activity desc, id desc, type, status);
create index tasks_list_st  on tasks(account_id, status, last_activity desc, id desc, type);
create index tasks_created  on tasks(account_id, created_at desc, id desc, type, status);
create index tasks_updated  on tasks(account_id, updated_at desc, id desc, type, status);
create index tasks_priority on tasks(account_id, priority desc, id desc, type, status);
create index tasks_name     on tasks(account_id, name, id, type, status);
create index tasks_count    on tasks(account_id, type, status);
create index tasks_parent   on tasks(parent_id) where parent_id is not null;
create unique index tasks_unique on tasks(account_id, unique_key)
  where unique_key is not null and status in (0, 1, 2);

-- The same table as `domain::task::step`, so that no statement can break it.
create trigger tasks_legal before update of status on tasks
when new.status <> old.status
  and not exists (select 1 from legal_moves where f = old.status and t = new.status)
begin
  select raise(abort, 'illegal task status move');
end;

-- The frozen work list of a task over many files.
create table task_items (
  task_pk       integer not null references tasks(id) on delete cascade,
  seq           integer not null,
  name          text not null,
  item          text not null check (json_valid(item)),
  bytes         integer not null default 0,
  state         integer not null default 0 check (state between 0 and 4),     -- open begun done skipped failed
  detail        text check (detail is null or json_valid(detail)),            -- what came of it
  error_code    text,
  error_message text,
  primary key (task_pk, seq)
) strict, without rowid;
create index task_items_open on task_items(task_pk, seq) where state < 2;

create table task_deps (
  task_pk integer not null references tasks(id) on delete cascade,
  dep_pk  integer not null references tasks(id) on delete cascade,
  primary key (task_pk, dep_pk)
) strict, without rowid;
create index task_deps_dep on task_deps(dep_pk);

-- What a task must keep secret until it ends, sealed with the server's key.
create table task_secrets (
  task_pk integer primary key references tasks(id) on delete cascade,
  sealed  blob not null
) strict;

create table task_attempts (
  task_pk       integer not null references tasks(id) on delete cascade,
  epoch         integer not null,
  started_at    integer not null,
  ended_at      integer,
  outcome       text,
  error_code    text,
  error_message text,
  primary key (task_pk, epoch)
) strict, without rowid;

-- The side of a task that only uploads have.
create table uploads (
  task_pk         integer primary key references tasks(id) on delete cascade,
  account_id      text not null,
  file_name       text not null,
  folder          text not null,
  file_size       integer not null check (file_size >= 0),
  content_type    text not null,
  chunk_size      integer not null check (chunk_size > 0),
  chunks_count    integer not null,
  pool_id         text not null references pools(id),
  bundle_id       text,
  object_id       text not null unique,              -- names the staging file, then the object
  declared_hash   text,
  fingerprint     text,
  recipient       text,                              -- to be encrypted at completion, as in files
  wrapped_key     blob,
  file_expires_at integer,
  last_modified   integer,
  charge          integer not null,                  -- bytes reserved in the quota
  chunks_received integer not null default 0,
  bytes_received  integer not null default 0,
  sha256_state    blob,                              -- SHA-256 of the first `sha256_front` bytes, unfinished
  sha256_front    integer not null default 0,
  file_id         text,                              -- the file that came of it
  completing      integer not null default 0         -- its client has asked for its end, which takes a while
) strict;
create index uploads_name on uploads(account_id, file_name, task_pk);
create index uploads_size on uploads(account_id, file_size, task_pk);
create index uploads_completing on uploads(task_pk) where completing = 1;
create index uploads_fingerprint on uploads(account_id, fingerprint) where fingerprint is not null;

-- A row here says: these bytes are durable in the staging file.
create table upload_chunks (
  task_pk     integer not null references tasks(id) on delete cascade,
  chunk_index integer not null,
  blocks      blob not null,                         -- BLAKE3 chaining values of the chunk's blocks
  primary key (task_pk, chunk_index)
) strict, without rowid;

-- What a client's Idempotency-Key was used for, and what came of it.
create table idempotency_keys (
  account_id   text not null references accounts(id) on delete cascade,
  key          text not null,
  request_hash blob not null,
  task_id      text,
  file_id      text,
  created_at   integer not null,
  primary key (account_id, key),
  check ((task_id is null) <> (file_id is null))
) strict, without rowid;
create index idempotency_keys_age on idempotency_keys(created_at);

-- The numbering of an account's events. A new `stream_id` tells clients that their numbers are void.
create table event_streams (
  account_id     text primary key references accounts(id) on delete cascade,
  stream_id      text not null,
  last_seq       integer not null default 0,
  pruned_through integer not null default 0
) strict, without rowid;

create table events (
  account_id text not null references accounts(id) on delete cascade,
  seq        integer not null,
  at         integer not null,
  name       text not null,
  task_id    text,
  data       text not null,
  primary key (account_id, seq)
) strict, without rowid;
create index events_at on events(at);

-- The upload table of the original design, for tools that know it: 0 InProgress 1 Completed 2 Failed 3 Expired.
create view upload_tasks as
select t.id, t.task_id, u.file_name, u.file_size, u.content_type, u.chunk_size, u.chunks_count,
       u.chunks_received as chunks_uploaded, u.pool_id, u.bundle_id, null as encrypt_password,
       strftime('%Y-%m-%dT%H:%M:%fZ', u.file_expires_at / 1000.0, 'unixepoch') as expired_at,
       u.declared_hash as hash, t.account_id,
       case t.status when 3 then 1 when 4 then 2 when 5 then 2 when 6 then 3 else 0 end as status,
       (select json_group_array(c.chunk_index) from upload_chunks c where c.task_pk = t.id) as uploaded_chunks,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.last_activity / 1000.0, 'unixepoch') as last_activity,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.created_at / 1000.0, 'unixepoch') as created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.updated_at / 1000.0, 'unixepoch') as updated_at,
       null as deleted_at
from tasks t join uploads u on u.task_pk = t.id;
