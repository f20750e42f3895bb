-- Components that no turn runs, whoever has them.

CREATE TABLE suspended_components (
    digest   BLOB PRIMARY KEY,
    reason   TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
