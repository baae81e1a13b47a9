-- Search. Most is read from one index in the order of the answer, without a look at the rows; what is looked for by a key has its own.
DROP INDEX notification_created;
CREATE INDEX notification_created ON notification (created_at, ntf, state, clinic, type, why);
CREATE INDEX notification_event ON notification (event_id);
CREATE INDEX notification_person ON notification (person) WHERE person IS NOT NULL;
CREATE INDEX notification_thing ON notification (thing) WHERE thing IS NOT NULL;
CREATE INDEX attempt_lanes ON attempt (channel, lane);
CREATE INDEX fact_events ON fact (event_id);
