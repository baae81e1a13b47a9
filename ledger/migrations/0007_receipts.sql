-- Delivery receipts (PROTOCOL §1 transition 17, ADR 0012). What is known of an attempt's way to the person after its provider took it:
-- `reach` is what the protocol reads (unheard, arrived, lost, overdue), `delivery` the vendor's last word in ours, by which a receipt is
-- told to be new or late; `next_channel` is what may be tried instead, as the claim decided it.
ALTER TABLE attempt ADD COLUMN reach TEXT NOT NULL DEFAULT 'unheard';
ALTER TABLE attempt ADD COLUMN next_channel TEXT;
ALTER TABLE attempt ADD COLUMN delivery TEXT;

-- Attempts whose provider is to be asked what became of them. Filled from records by the reader `receipts`, so that a send writes nothing
-- more; a row goes when its answer is final or `until` has passed.
CREATE TABLE receipt_wanted (
    ntf          TEXT   NOT NULL,
    n            BIGINT NOT NULL,
    provider     TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    provider_ref TEXT   NOT NULL,
    number       TEXT   NOT NULL,
    started_at   BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    looks        BIGINT NOT NULL,
    until        BIGINT NOT NULL,
    PRIMARY KEY (ntf, n)
);
CREATE INDEX receipt_wanted_due ON receipt_wanted (account, next_at);
CREATE INDEX receipt_wanted_ref ON receipt_wanted (account, provider_ref);

-- Numbers that a channel's provider said it cannot reach, until when that is believed. `key` is channel ':' keyed hash of (account, number).
CREATE TABLE unreachable (
    key   TEXT PRIMARY KEY,
    until BIGINT NOT NULL
);

-- The fact that said a word (`fct_…`), by which people find who said it, where and when it was taken down. Null: said before this column.
ALTER TABLE consent_word ADD COLUMN fact TEXT;
