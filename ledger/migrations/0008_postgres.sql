-- Search. What is looked for by a key is found by Bloom filters over ranges of rows: next to nothing is written with a message (a range
-- gets its filters when it is full), where a tree for each key would cost a page each. What changes while a message is sent (state,
-- reason) has no index at all: with one, no update of its row could stay in its page (docs/performance.md).
CREATE INDEX notification_keys ON notification USING brin (
    event_id text_bloom_ops,
    person   text_bloom_ops,
    thing    text_bloom_ops,
    clinic   text_bloom_ops (n_distinct_per_range = 64),
    type     text_bloom_ops (n_distinct_per_range = 16)
) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX attempt_lanes ON attempt USING brin (
    split_part(lane, '/', 1) text_bloom_ops (n_distinct_per_range = 16),
    channel text_bloom_ops (n_distinct_per_range = 16)
) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX fact_events ON fact USING brin (event_id text_bloom_ops) WITH (pages_per_range = 32, autosummarize = on);
