-- The ledger. Times are milliseconds since 1970 UTC; hashes, keys and ciphertexts are text (base32 or base64), so that one
-- statement with one JSON parameter serves both engines (facts/probes.md §2). {…} are the few places where engines differ.

-- Facts about the installation: fingerprint of the master key, the wrapped lookup key, what was migrated.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Append-only. `bytes` is canonical JSON (RFC 8785) in which personal fields are ciphertext. State tables are projections of it.
CREATE TABLE record (
    xid    BIGINT NOT NULL DEFAULT {xid},
    id     {record_id},
    clinic TEXT   NOT NULL,
    ntf    TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    at     BIGINT NOT NULL,
    bytes  TEXT   NOT NULL,
    {record_key}
);
CREATE INDEX record_ntf ON record (ntf);

-- One row a notification. It alone has state and fence; `attempt` is the number of its last attempt.
CREATE TABLE notification (
    ntf          TEXT PRIMARY KEY,
    clinic       TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    event_id     TEXT   NOT NULL,
    subject      TEXT,
    digest       TEXT   NOT NULL,
    person       TEXT,
    appointment  TEXT,
    version      BIGINT,
    version_kind TEXT,
    thing        TEXT,
    gap          TEXT,
    gap_ms       BIGINT NOT NULL,
    class        BIGINT NOT NULL,
    on_unknown   TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    why          TEXT   NOT NULL,
    fence        BIGINT NOT NULL,
    attempt      BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL
) {fill};

-- One row for every notification that is not final, and nothing else: leases and due times. One index.
CREATE TABLE open (
    ntf        TEXT PRIMARY KEY,
    lane       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    clinic     TEXT   NOT NULL,
    due_at     BIGINT NOT NULL,
    class      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    number     TEXT,
    releases   BIGINT NOT NULL
) {fill};
CREATE INDEX open_due ON open (lane, state, clinic, due_at);

-- What was handed, or is being handed, to a provider.
CREATE TABLE attempt (
    ntf          TEXT   NOT NULL,
    n            BIGINT NOT NULL,
    channel      TEXT   NOT NULL,
    lane         TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    token        TEXT   NOT NULL,
    number       TEXT,
    segments     BIGINT NOT NULL,
    started_at   BIGINT NOT NULL,
    deadline_at  BIGINT NOT NULL,
    ended_at     BIGINT,
    code         TEXT,
    provider_ref TEXT,
    PRIMARY KEY (ntf, n)
) {fill};

-- A person is (clinic, number). `lookup` is a keyed hash of both, `wrapped` the person's data key under the master key.
CREATE TABLE person (
    id         TEXT PRIMARY KEY,
    clinic     TEXT   NOT NULL,
    lookup     TEXT   NOT NULL UNIQUE,
    wrapped    TEXT   NOT NULL,
    master     TEXT   NOT NULL,
    rev        BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What is known of an appointment: the version that counts, and the revision that stops a claim decided on an older one.
CREATE TABLE appointment (
    key          TEXT PRIMARY KEY,
    clinic       TEXT   NOT NULL,
    rev          BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    version_kind TEXT   NOT NULL,
    starts_at    BIGINT NOT NULL,
    cancelled    BIGINT NOT NULL,
    from_fact    BIGINT NOT NULL
);

-- Numbers that must not be contacted, as keyed hashes of (clinic, number). Survives erasure.
CREATE TABLE suppression (
    key    TEXT PRIMARY KEY,
    clinic TEXT   NOT NULL,
    why    TEXT   NOT NULL,
    at     BIGINT NOT NULL
);

-- The same thing, the gap and the number, each held by one notification. `until` null: its holder is unfinished.
CREATE TABLE slot (
    key    TEXT PRIMARY KEY,
    kind   TEXT   NOT NULL,
    holder TEXT   NOT NULL,
    until  BIGINT
);
CREATE INDEX slot_holder ON slot (holder);

-- A lane is (provider, account, sender). No row: open and never in trouble. `width` limits what is outside while it recovers.
CREATE TABLE lane (
    lane       TEXT PRIMARY KEY,
    state      TEXT   NOT NULL,
    why        TEXT   NOT NULL,
    since      BIGINT NOT NULL,
    probe_at   BIGINT NOT NULL,
    probes     BIGINT NOT NULL,
    width      BIGINT
);

-- Budgets shared by all processes: what was used of `key` within the span that began at `span`.
CREATE TABLE permit (
    key  TEXT PRIMARY KEY,
    span BIGINT NOT NULL,
    used BIGINT NOT NULL
);

-- Access tokens shared by all workers, sealed; fetched by the holder of the lease only.
CREATE TABLE token (
    account            TEXT PRIMARY KEY,
    sealed             TEXT   NOT NULL,
    expires_at         BIGINT NOT NULL,
    refresh_expires_at BIGINT NOT NULL,
    lease_until        BIGINT NOT NULL
);

-- Leases of background work that one process at a time does, and how far readers of records have come.
CREATE TABLE lease (
    name   TEXT PRIMARY KEY,
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL,
    fence  BIGINT NOT NULL
);
CREATE TABLE reader (
    name TEXT PRIMARY KEY,
    xid  BIGINT NOT NULL,
    id   BIGINT NOT NULL
);
