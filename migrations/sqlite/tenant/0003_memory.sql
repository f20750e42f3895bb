-- Working, semantic, episodic and procedural memory of one tenant.

-- One row a counter, so that neither a limit nor a fresh version needs to count rows.
CREATE TABLE memory_counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO memory_counters (name, value) VALUES
    ('working_floor', 0),       -- no deleted key had a version above this
    ('knowledge_floor', 0),     -- no removed knowledge entry had a version above this
    ('knowledge_entries', 0);   -- rows in knowledge

-- Working memory.

CREATE TABLE working (
    space      TEXT    NOT NULL,        -- `plan:<id>` or `agent:<name>`
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,        -- JSON
    version    INTEGER NOT NULL,
    expires_ms INTEGER,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX working_expires ON working (expires_ms) WHERE expires_ms IS NOT NULL;

-- Every way in which a key goes raises the floor, so that no later version of it can be an old one.
CREATE TRIGGER working_deleted AFTER DELETE ON working BEGIN
    UPDATE memory_counters SET value = max(value, old.version) WHERE name = 'working_floor';
END;

-- Semantic memory.

CREATE TABLE knowledge (
    n            INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    owner        TEXT    NOT NULL,      -- customer and user, see `visibility.rs`
    domain       TEXT    NOT NULL,      -- who sees it: visibility with as much of the owner as it needs
    external_id  TEXT,
    content_hash BLOB    NOT NULL,
    visibility   TEXT    NOT NULL,
    customer     TEXT,
    user         TEXT,
    source       TEXT,
    writer       TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    expires_ms   INTEGER,
    tags         TEXT    NOT NULL,      -- a JSON array of strings
    metadata     TEXT    NOT NULL,      -- a JSON object
    content      TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX knowledge_owner_external ON knowledge (owner, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX knowledge_owner_content ON knowledge (owner, content_hash) WHERE external_id IS NULL;
CREATE UNIQUE INDEX knowledge_domain_external ON knowledge (domain, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX knowledge_domain ON knowledge (domain);
CREATE INDEX knowledge_expires ON knowledge (expires_ms) WHERE expires_ms IS NOT NULL;

-- Apart from the entries, because a search reads all of these and few of those.
CREATE TABLE knowledge_vectors (
    n        INTEGER PRIMARY KEY REFERENCES knowledge (n) ON DELETE CASCADE,
    embedder TEXT NOT NULL,
    vector   BLOB NOT NULL
) STRICT;

-- Words only, no second copy of the text. `domain` is a number that stands for the entry's domain, so
-- that a search meets no other's words; it has no weight in the score.
CREATE VIRTUAL TABLE knowledge_words USING fts5 (
    domain, tags, content,
    content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER knowledge_inserted AFTER INSERT ON knowledge BEGIN
    UPDATE memory_counters SET value = value + 1 WHERE name = 'knowledge_entries';
END;

CREATE TRIGGER knowledge_deleted AFTER DELETE ON knowledge BEGIN
    UPDATE memory_counters SET value = value - 1 WHERE name = 'knowledge_entries';
    UPDATE memory_counters SET value = max(value, old.version) WHERE name = 'knowledge_floor';
    DELETE FROM knowledge_words WHERE rowid = old.n;
    DELETE FROM knowledge_vectors WHERE n = old.n;
END;

-- Episodic memory.

CREATE TABLE episodes (
    n        INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    agent    TEXT    NOT NULL,
    owner    TEXT    NOT NULL,          -- customer and user, see `visibility.rs`
    customer TEXT,
    user     TEXT,
    role     TEXT    NOT NULL,
    session  TEXT,
    time_ms  INTEGER NOT NULL,
    metadata TEXT    NOT NULL,          -- a JSON object
    content  TEXT    NOT NULL
) STRICT;

CREATE INDEX episodes_recent ON episodes (agent, owner, time_ms, n);
CREATE INDEX episodes_session ON episodes (agent, owner, session, time_ms, n) WHERE session IS NOT NULL;

CREATE VIRTUAL TABLE episodes_words USING fts5 (
    domain, content,
    content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER episodes_deleted AFTER DELETE ON episodes BEGIN
    DELETE FROM episodes_words WHERE rowid = old.n;
END;

-- Procedural memory.

CREATE TABLE procedures (
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    triggers   TEXT    NOT NULL,        -- a JSON array of strings
    metadata   TEXT    NOT NULL,        -- a JSON object
    writer     TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;

-- Triggers of current versions only.
CREATE TABLE procedure_triggers (
    n    INTEGER PRIMARY KEY,
    name TEXT    NOT NULL,
    text TEXT    NOT NULL
) STRICT;

CREATE INDEX procedure_triggers_name ON procedure_triggers (name);

CREATE VIRTUAL TABLE procedure_words USING fts5 (
    text,
    content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER procedure_triggers_deleted AFTER DELETE ON procedure_triggers BEGIN
    DELETE FROM procedure_words WHERE rowid = old.n;
END;
