-- Pools that can be away, and pools at a server.

-- When the pool was there for the first time, and what its objects have. One that was there before is never taken for
-- a new one.
alter table pools add column opened_at  integer;
alter table pools add column used_bytes integer not null default 0;
update pools set opened_at = created_at,
  used_bytes = (select coalesce(sum(size), 0) from objects where pool_id = pools.id);

create trigger objects_counted after insert on objects begin
  update pools set used_bytes = used_bytes + new.size where id = new.pool_id;
end;
create trigger objects_sized after update of size on objects begin
  update pools set used_bytes = used_bytes + new.size - old.size where id = new.pool_id;
end;
create trigger objects_uncounted after delete on objects begin
  update pools set used_bytes = used_bytes - old.size where id = old.pool_id;
end;

-- An object on its way to a server in parts. It goes with the object's row; what the server has of it goes before.
create table multiparts (
  object_id  text primary key references objects(id) on delete cascade,
  upload_id  text not null,                          -- what the server calls it
  part_bytes integer not null check (part_bytes > 0),
  created_at integer not null
) strict, without rowid;

create table multipart_parts (
  object_id text not null references multiparts(object_id) on delete cascade,
  number    integer not null,                        -- from 0
  tag       text not null,                           -- what the server wants to hear at the end
  primary key (object_id, number)
) strict, without rowid;
