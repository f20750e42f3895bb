-- Whose a schema is and what its next version must be to the last, and what the tenant chose.

CREATE TABLE schema_names (
    name          TEXT NOT NULL PRIMARY KEY,
    owner         TEXT NOT NULL,
    compatibility TEXT NOT NULL         -- none, backward, forward or full
) STRICT, WITHOUT ROWID;

INSERT INTO schema_names (name, owner, compatibility)
    SELECT DISTINCT name, '', 'backward' FROM schemas;

CREATE TABLE registry_settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL                 -- JSON
) STRICT, WITHOUT ROWID;
