-- Answers to requests with an Idempotency-Key whose outcome is no task and no file. A row without an answer: the request
-- is under way, or the server went down before it was answered.
create table answers (
  account_id   text not null references accounts(id) on delete cascade,
  key          text not null,
  request_hash blob not null,
  sealed       blob,                                 -- with the server's key, since it may show a new token
  created_at   integer not null,
  primary key (account_id, key)
) strict, without rowid;
create index answers_age on answers(created_at);
