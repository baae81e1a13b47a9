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
    created_at BIGINT NOT NULL
);

-- Hash of what the fact said whose version counts: the same version with other content is refused.
ALTER TABLE appointment ADD COLUMN content TEXT;
CREATE INDEX notification_appointment ON notification (appointment) WHERE appointment IS NOT NULL;

-- Up to which instant all facts that were published are applied (PROTOCOL rule 12).
CREATE TABLE fact_watch (
    name       TEXT PRIMARY KEY,
    current_at BIGINT NOT NULL
);
