-- Tokens of the HTTP door, each for one clinic. `hash` is a keyed hash of the secret, which is kept nowhere.
CREATE TABLE api_token (
    id         TEXT PRIMARY KEY,
    clinic     TEXT   NOT NULL,
    label      TEXT   NOT NULL,
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
