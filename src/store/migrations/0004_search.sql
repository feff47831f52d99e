-- Searching and ordering files, and folders that were made before anything is in them. The functions `natural_key` and
-- `search_text` are the program's own; the triggers below need the second, so files are written by the program alone.

-- What a name is sorted by: without case and accents, numbers by their value.
alter table files add column name_key text not null default '';
update files set name_key = natural_key(name);
drop index files_name;
create index files_name        on files(account_id, name_key, id) where deleted_at is null;
create index files_folder_name on files(account_id, folder, name_key, id) where deleted_at is null;
create index files_type        on files(account_id, content_type, id) where deleted_at is null;

-- The text that a file is found by, and an index of its trigrams. The number is a table's own, since the row ids of
-- `files` may change.
create table file_search (
  id      integer primary key,
  file_id text not null unique,
  text    text not null
) strict;
create virtual table file_trigrams using fts5(
  text, content = 'file_search', content_rowid = 'id', tokenize = 'trigram case_sensitive 1'
);
create trigger file_search_in after insert on file_search begin
  insert into file_trigrams (rowid, text) values (new.id, new.text);
end;
create trigger file_search_out after delete on file_search begin
  insert into file_trigrams (file_trigrams, rowid, text) values ('delete', old.id, old.text);
end;
create trigger file_search_new after update on file_search begin
  insert into file_trigrams (file_trigrams, rowid, text) values ('delete', old.id, old.text);
  insert into file_trigrams (rowid, text) values (new.id, new.text);
end;
create trigger files_in after insert on files begin
  insert into file_search (file_id, text)
  values (new.id, search_text(new.account_id, new.deleted_at is not null, new.name, new.folder, new.tags));
end;
create trigger files_out after delete on files begin
  delete from file_search where file_id = old.id;
end;
create trigger files_new after update of name, folder, tags, deleted_at on files
when old.name <> new.name or old.folder <> new.folder or old.tags <> new.tags
  or (old.deleted_at is null) <> (new.deleted_at is null)
begin
  update file_search
  set text = search_text(new.account_id, new.deleted_at is not null, new.name, new.folder, new.tags)
  where file_id = new.id;
end;
insert into file_search (file_id, text)
  select id, search_text(account_id, deleted_at is not null, name, folder, tags) from files;

-- Folders that somebody made. Others are there as long as a file is in or below them.
create table folders (
  account_id text not null references accounts(id) on delete cascade,
  path       text not null,
  created_at integer not null,
  primary key (account_id, path)
) strict, without rowid;
