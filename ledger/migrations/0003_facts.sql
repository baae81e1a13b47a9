-- Facts that clinics published: what became of each. Bodies are in their records, sealed.
CREATE TABLE fact (
    id         TEXT PRIMARY KEY,
    clinic     TEXT   NOT NULL,
    type       TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    why        TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    -- keyed hash of the appointment or the payment that it is about
    about      TEXT
);
CREATE INDEX fact_about ON fact (about) WHERE about IS NOT NULL;

-- Hash of what the fact said whose version counts: the same version with other content is refused.
ALTER TABLE appointment ADD COLUMN content TEXT;
CREATE INDEX notification_appointment ON notification (appointment) WHERE appointment IS NOT NULL;

-- Up to which instant all facts that were published are applied (PROTOCOL rule 12).
CREATE TABLE fact_watch (
    name       TEXT PRIMARY KEY,
    current_at BIGINT NOT NULL
);

-- What persons said last about being contacted, channel by channel. `key` is that of the suppression list.
CREATE TABLE consent_word (
    key     TEXT   NOT NULL,
    channel TEXT   NOT NULL,
    clinic  TEXT   NOT NULL,
    refused BIGINT NOT NULL,
    said_at BIGINT NOT NULL,
    PRIMARY KEY (key, channel)
);

-- What is due is picked by class too: from the one index as before, in which it can be told what is neither urgent nor bulk without
-- reading the row; and from a small one of what is either, which most rows are not in.
DROP INDEX open_due;
CREATE INDEX open_due ON open (lane, state, clinic, due_at, class);
CREATE INDEX open_unusual ON open (lane, clinic, class, due_at) WHERE state = 'waiting' AND class <> 1;
