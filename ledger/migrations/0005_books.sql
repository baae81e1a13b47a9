-- The books by clinic and hour: how many records of each kind there are, counted once by the reader `books`. `hour` is its beginning in
-- milliseconds since 1970 UTC; what was received stands in the hour of its row's `created_at`, all else in that of its record.
CREATE TABLE books (
    clinic TEXT   NOT NULL,
    hour   BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (clinic, hour, kind)
);
CREATE INDEX books_hour ON books (hour);
-- What was received in an hour is compared without reading everything else. Both only grow at their end.
CREATE INDEX notification_created ON notification (created_at);
CREATE INDEX fact_created ON fact (created_at);
