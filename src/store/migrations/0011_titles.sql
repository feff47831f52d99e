-- What people see of a task: its description, or its name where there is none. Lists search it and are sorted by it.
alter table tasks add column title text not null default '';
update tasks set title = coalesce(nullif(description, ''), name);
drop index tasks_name;
create index tasks_title on tasks(account_id, title, id, type, status);
-- How fast uploads were is added up inside this index alone.
create index tasks_uploaded on tasks(account_id, finished_at, started_at, units_total)
  where type = 'FileUpload' and status = 3;
