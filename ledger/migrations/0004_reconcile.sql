-- Reconciliation: how often an unknown attempt was looked for, how often it was absent, when, and under which hold of its account.
ALTER TABLE attempt ADD COLUMN looks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN absences BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN looked_at BIGINT;
ALTER TABLE attempt ADD COLUMN look_fence BIGINT;
-- What went out at the same time: the jobs that are known, and the message that proves a report to be up to date.
CREATE INDEX attempt_started ON attempt (started_at);
-- The few rows that are to be looked for, without reading those that wait.
CREATE INDEX open_unknown ON open (due_at) WHERE state = 'unknown';
