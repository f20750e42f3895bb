-- Tenants, their keys, and the host's own secrets.

CREATE TABLE tenants (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    weight     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

-- A name may be used again after its key was revoked.
CREATE UNIQUE INDEX api_keys_live ON api_keys (tenant, name) WHERE revoked_ms IS NULL;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant, name);

-- 32 random bytes each, made once with the data directory.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
