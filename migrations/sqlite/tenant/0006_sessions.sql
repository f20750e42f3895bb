-- Sessions, and on whose behalf working memory was written.

-- A session is its owner's: two users may have one of the same name.
CREATE TABLE sessions (
    owner      TEXT    NOT NULL,        -- customer and user, see `visibility.rs`
    id         TEXT    NOT NULL,
    customer   TEXT,
    user       TEXT,
    started_ms INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    metadata   TEXT    NOT NULL,        -- a JSON object
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_last ON sessions (owner, last_ms, id);

-- NULL: of nobody in particular; `*`: of several. What only one user's turns wrote goes with that user.
ALTER TABLE working ADD COLUMN owner TEXT;
