-- Caps that throttle answers have lowered: `share` thousandths of the configured cap since `at`, from when on it rises by itself (`caps`).
-- No row: whole.
CREATE TABLE cap (
    key   TEXT PRIMARY KEY,
    share BIGINT NOT NULL,
    at    BIGINT NOT NULL,
    why   TEXT   NOT NULL
);
