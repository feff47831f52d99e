-- Files whose own time is over.
create index files_expired on files(account_id, expired_at, id) where expired_at is not null;
