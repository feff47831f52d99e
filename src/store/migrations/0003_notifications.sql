-- What accounts are told while they are away: a list, browsers that are woken, webhooks, and what is on its way to them.

create table notifications (
  seq        integer primary key autoincrement,
  id         text not null unique,
  account_id text not null references accounts(id) on delete cascade,
  at         integer not null,
  subject    text not null,                           -- such as "task.failed"
  title      text not null,
  body       text not null,
  task_id    text,                                    -- what it is about; the task may be forgotten already
  read_at    integer
) strict;
create index notifications_account on notifications(account_id, seq);
create index notifications_unread  on notifications(account_id, seq) where read_at is null;
create index notifications_at      on notifications(at);

-- Choices that differ from the defaults.
create table notification_choices (
  account_id text not null references accounts(id) on delete cascade,
  subject    text not null,
  channel    text not null check (channel in ('stored', 'push', 'webhook')),
  choice     text not null check (choice in ('always', 'long', 'never')),
  primary key (account_id, subject, channel)
) strict, without rowid;

-- Browsers. Whoever knows an endpoint and its keys can write to that browser, so they are sealed with the server's key.
create table push_subscriptions (
  id            text primary key,
  account_id    text not null references accounts(id) on delete cascade,
  endpoint_hash blob not null,                        -- keyed, to know the same browser again
  host          text not null,                        -- of the push service, for people
  device        text,
  sealed        blob not null,                        -- endpoint and keys
  created_at    integer not null,
  sent_at       integer,                              -- the last time that its service took a message
  unique (account_id, endpoint_hash)
) strict, without rowid;
create index push_subscriptions_account on push_subscriptions(account_id, created_at);

create table webhooks (
  id            text primary key,
  account_id    text not null references accounts(id) on delete cascade,
  url           text not null,
  format        text not null check (format in ('generic', 'ntfy', 'gotify')),
  subjects      text not null,                        -- with spaces between
  secret        blob,                                 -- sealed
  enabled       integer not null default 1,
  failed_in_row integer not null default 0,           -- deliveries given up since the last that arrived
  created_at    integer not null,
  updated_at    integer not null
) strict, without rowid;
create index webhooks_account on webhooks(account_id, created_at);

-- What is to be sent, made in the transaction of its cause. Rows of browsers go when they are sent; those of webhooks
-- stay for a while as their log.
create table deliveries (
  seq             integer primary key autoincrement,
  id              text not null unique,
  account_id      text references accounts(id) on delete cascade,   -- null: the operator's
  target          text not null,                      -- id of the webhook or the browser, or "billing"
  webhook_id      text references webhooks(id) on delete cascade,
  subscription_id text references push_subscriptions(id) on delete cascade,
  subject         text not null,
  topic           text,                               -- a newer one of the same topic replaces this while it waits
  data            text not null,                      -- JSON; each receiver's form is made of it when it is sent
  state           integer not null default 0 check (state in (0, 1, 2)),   -- waiting, sent, failed
  attempts        integer not null default 0,
  due_at          integer not null,
  created_at      integer not null,
  ended_at        integer
) strict;
create index deliveries_waiting      on deliveries(target, due_at, seq) where state = 0;
create index deliveries_target       on deliveries(target, seq);
create index deliveries_account      on deliveries(account_id);
create index deliveries_webhook      on deliveries(webhook_id);
create index deliveries_subscription on deliveries(subscription_id);

create table delivery_attempts (
  delivery_seq integer not null references deliveries(seq) on delete cascade,
  number       integer not null,
  at           integer not null,
  status       integer,                               -- null: there was no answer
  error        text,
  took_ms      integer not null,
  primary key (delivery_seq, number)
) strict, without rowid;
