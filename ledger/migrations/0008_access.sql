-- Who may see what. A token has a role, and ends by itself where it says so; those that are there are the HTTP door's. `clinic` is empty
-- for a role of the whole installation.
ALTER TABLE api_token ADD COLUMN role TEXT NOT NULL DEFAULT 'door';
ALTER TABLE api_token ADD COLUMN expires_at BIGINT;

-- Sessions of the pages. `hash` is a keyed hash of the secret in the browser's cookie, which is kept nowhere.
CREATE TABLE session (
    id         TEXT PRIMARY KEY,
    token      TEXT   NOT NULL,
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_token ON session (token);

-- How many wrong tokens were shown within the span that began at `span`: by a caller (keyed hash of the address), and by all ('').
CREATE TABLE login_try (
    caller TEXT PRIMARY KEY,
    span   BIGINT NOT NULL,
    tries  BIGINT NOT NULL
);

-- Who saw and did what is read without reading all records; a message writes none of these.
CREATE INDEX record_access ON record (id) WHERE kind IN ('access', 'revealed', 'token-created', 'token-revoked');

-- Notifications among which the dead letters are that nobody has looked after: the reader `books` adds each that became one, and who
-- counts them forgets the others. An index on the state would cost every message's updates their place in their page.
CREATE TABLE parked (ntf TEXT PRIMARY KEY);
INSERT INTO parked (ntf) SELECT ntf FROM notification WHERE state = 'dead-lettered';

-- Where to look for what ended how: in which ten minutes notifications were made of which a record told that they are in this state with
-- a reason that begins with this word, and how often that was told (`ledger::search::ends`). A reader of records fills it, so that a
-- send writes nothing for it; it says where to look, never what is there.
CREATE TABLE end_kind (
    state TEXT NOT NULL,
    word  TEXT NOT NULL,
    PRIMARY KEY (state, word)
);
CREATE TABLE end_span (
    state TEXT   NOT NULL,
    word  TEXT   NOT NULL,
    span  BIGINT NOT NULL,
    n     BIGINT NOT NULL,
    PRIMARY KEY (state, word, span)
);

-- Hours that were counted before (`ledger::days`): how often a record told of what was received in an hour, by the same reader, and what was
-- counted of it when that number was `n`.
CREATE TABLE hour_told (
    hour BIGINT PRIMARY KEY,
    n    BIGINT NOT NULL
);
CREATE TABLE hour_kept (
    hour  BIGINT PRIMARY KEY,
    n     BIGINT NOT NULL,
    bytes TEXT   NOT NULL
);
