-- Services: what lives elsewhere and stands in the catalogue beside the agents.

CREATE TABLE services (
    name          TEXT    NOT NULL PRIMARY KEY,
    owner         TEXT    NOT NULL,     -- the name of the key that registered it
    definition    TEXT    NOT NULL,     -- a ServiceDefinition as JSON
    signature     TEXT,                 -- a Signature as JSON
    ttl_ms        INTEGER NOT NULL,     -- 0: it sends no heartbeats
    asked         TEXT    NOT NULL,     -- the state that its owner put it in
    health        TEXT,                 -- what it last told, as JSON
    announced     TEXT    NOT NULL,     -- the state that the feed last told of
    seen_ms       INTEGER NOT NULL,     -- its last sign of life
    offline_ms    INTEGER,              -- since when the feed knows it as offline
    registered_ms INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL
) STRICT;

-- Public keys that signatures of services are checked with.
CREATE TABLE signing_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,        -- the name of the API key that registered it
    public     BLOB    NOT NULL,        -- 32 bytes, Ed25519
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
