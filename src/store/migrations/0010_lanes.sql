-- What each lane has to do, for one account or for all, is counted inside this index alone.
create index tasks_lane on tasks(lane, status, account_id, finished_at) where driver = 0;
