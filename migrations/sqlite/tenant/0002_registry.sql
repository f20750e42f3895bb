-- Agents, their versions, event definitions and schemas of one tenant.

CREATE TABLE agents (
    -- AUTOINCREMENT: an agent's number is in its turns' ids and is never given to another.
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE,
    status        TEXT    NOT NULL,     -- an AgentStatus as JSON
    version       INTEGER NOT NULL,     -- the one that new turns run
    versions_made INTEGER NOT NULL,     -- the highest number ever given
    config        TEXT    NOT NULL,     -- a JSON object of strings
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE agent_versions (
    agent           INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    digest          BLOB    NOT NULL,
    component_bytes INTEGER NOT NULL,
    manifest        TEXT    NOT NULL,   -- JSON
    grants          TEXT    NOT NULL,   -- a JSON array of words
    created_ms      INTEGER NOT NULL,
    PRIMARY KEY (agent, number),
    UNIQUE (agent, digest)
) STRICT;

CREATE TABLE schemas (
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    body       TEXT    NOT NULL,        -- JSON
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;

CREATE TABLE event_definitions (
    event_type  TEXT NOT NULL PRIMARY KEY,
    topic       TEXT NOT NULL,
    description TEXT NOT NULL,
    schema      TEXT                    -- a name in schemas, where rows are never removed
) STRICT;
