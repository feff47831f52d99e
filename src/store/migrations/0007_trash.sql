-- Files whose own time is over, and files by their place.
create index files_expired on files(account_id, expired_at, id) where expired_at is not null;
create index files_place   on files(account_id, folder, name, id) where deleted_at is null;
