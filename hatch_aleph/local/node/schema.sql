-- Times are microseconds since 1970 (UTC); amounts that need more than a float are decimal texts.
CREATE TABLE IF NOT EXISTS statuses (
    item_hash TEXT PRIMARY KEY, status TEXT NOT NULL, reception_time INTEGER NOT NULL
);
-- Live messages: processed or removing.
CREATE TABLE IF NOT EXISTS messages (
    item_hash TEXT PRIMARY KEY, type TEXT NOT NULL, chain TEXT NOT NULL, sender TEXT NOT NULL, signature TEXT,
    item_type TEXT NOT NULL, item_content TEXT, content TEXT NOT NULL, time INTEGER NOT NULL, channel TEXT,
    size INTEGER NOT NULL, status TEXT NOT NULL, reception_time INTEGER NOT NULL, owner TEXT,
    content_type TEXT, content_ref TEXT, content_key TEXT, content_item_hash TEXT, payment_type TEXT
);
CREATE INDEX IF NOT EXISTS messages_time ON messages (time DESC, item_hash);
CREATE INDEX IF NOT EXISTS messages_sender ON messages (sender, time DESC);
CREATE INDEX IF NOT EXISTS messages_owner ON messages (owner, time DESC);
CREATE INDEX IF NOT EXISTS messages_ref ON messages (content_ref);
CREATE TABLE IF NOT EXISTS tags (item_hash TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (item_hash, tag));
CREATE INDEX IF NOT EXISTS tags_tag ON tags (tag);
-- Messages that wait for something, with the time of the next attempt.
CREATE TABLE IF NOT EXISTS pending (
    item_hash TEXT PRIMARY KEY, message TEXT NOT NULL, reception_time INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL, retries INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS pending_next ON pending (next_attempt);
CREATE TABLE IF NOT EXISTS rejected (
    item_hash TEXT PRIMARY KEY, message TEXT NOT NULL, error_code INTEGER NOT NULL, details TEXT
);
-- What is left of a forgotten or removed message.
CREATE TABLE IF NOT EXISTS ended (
    item_hash TEXT PRIMARY KEY, status TEXT NOT NULL, type TEXT NOT NULL, chain TEXT NOT NULL, sender TEXT NOT NULL,
    signature TEXT, item_type TEXT NOT NULL, time INTEGER NOT NULL, channel TEXT, owner TEXT, payment_type TEXT,
    size INTEGER, ended_at INTEGER NOT NULL, forgotten_by TEXT
);
-- present: whether the bytes are here; a runtime of the network is known without them.
CREATE TABLE IF NOT EXISTS files (
    hash TEXT PRIMARY KEY, size INTEGER NOT NULL, present INTEGER NOT NULL, added INTEGER NOT NULL
);
-- kind: message (a STORE), content (a message stored as a file) or grace (kept until delete_by).
CREATE TABLE IF NOT EXISTS pins (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, file_hash TEXT NOT NULL, owner TEXT, item_hash TEXT, ref TEXT,
    created INTEGER NOT NULL, delete_by INTEGER
);
CREATE INDEX IF NOT EXISTS pins_item ON pins (item_hash);
CREATE INDEX IF NOT EXISTS pins_file ON pins (file_hash);
CREATE INDEX IF NOT EXISTS pins_owner ON pins (owner);
-- The newest file behind an original STORE (or behind owner/name).
CREATE TABLE IF NOT EXISTS file_tags (
    tag TEXT PRIMARY KEY, owner TEXT NOT NULL, file_hash TEXT NOT NULL, last_updated INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS machines (
    item_hash TEXT PRIMARY KEY, owner TEXT NOT NULL, type TEXT NOT NULL, allow_amend INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS machine_refs (item_hash TEXT NOT NULL, ref TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS machine_refs_ref ON machine_refs (ref);
CREATE TABLE IF NOT EXISTS costs (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, item_hash TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL,
    ref TEXT, payment_type TEXT NOT NULL, hold TEXT NOT NULL, stream TEXT NOT NULL, credit TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS costs_owner ON costs (owner, payment_type);
CREATE INDEX IF NOT EXISTS costs_item ON costs (item_hash);
CREATE TABLE IF NOT EXISTS balances (
    address TEXT NOT NULL, chain TEXT NOT NULL, balance TEXT NOT NULL, PRIMARY KEY (address, chain)
);
CREATE TABLE IF NOT EXISTS credit_history (
    id INTEGER PRIMARY KEY, address TEXT NOT NULL, amount INTEGER NOT NULL, payment_method TEXT NOT NULL, origin TEXT,
    credit_ref TEXT NOT NULL, credit_index INTEGER NOT NULL, time INTEGER NOT NULL, provider TEXT, expiration INTEGER
);
CREATE INDEX IF NOT EXISTS credit_history_origin ON credit_history (origin);
-- Sums of costs by owner, and of credit_history by address: a balance is looked at with every message.
CREATE TABLE IF NOT EXISTS cost_totals (
    owner TEXT NOT NULL, payment_type TEXT NOT NULL, hold TEXT NOT NULL, stream TEXT NOT NULL, credit TEXT NOT NULL,
    PRIMARY KEY (owner, payment_type)
);
CREATE TABLE IF NOT EXISTS credit_totals (address TEXT PRIMARY KEY, amount INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS credit_history_address ON credit_history (address, time);
CREATE TABLE IF NOT EXISTS aggregate_elements (
    item_hash TEXT PRIMARY KEY, key TEXT NOT NULL, owner TEXT NOT NULL, content TEXT NOT NULL, time INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS aggregate_elements_owner ON aggregate_elements (owner, key, time);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
