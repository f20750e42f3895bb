-- Consolidation of episodes; which version of a procedure is current, and which were.

-- Numbers of episodes are never used twice, so that no new one lies before a mark.
INSERT INTO memory_counters (name, value) VALUES ('episodes_floor', 0);

CREATE TRIGGER episodes_deleted_floor AFTER DELETE ON episodes BEGIN
    UPDATE memory_counters SET value = max(value, old.n) WHERE name = 'episodes_floor';
END;

-- Up to which number an agent's episodes with a user were made into knowledge.
CREATE TABLE episode_marks (
    agent TEXT    NOT NULL,
    owner TEXT    NOT NULL,          -- customer and user, see `visibility.rs`
    n     INTEGER NOT NULL,
    PRIMARY KEY (agent, owner)
) STRICT, WITHOUT ROWID;

CREATE INDEX episodes_in_order ON episodes (agent, owner, n);

-- The versions that were current, the last one of a name is.
CREATE TABLE procedure_history (
    name    TEXT    NOT NULL,
    step    INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (name, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE procedure_changes (
    name    TEXT    NOT NULL PRIMARY KEY,
    changes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO procedure_history (name, step, version)
    SELECT name, version, version FROM
        (SELECT name, version, row_number() OVER (PARTITION BY name ORDER BY version DESC) AS age FROM procedures)
    WHERE age <= 64;
INSERT INTO procedure_changes (name, changes) SELECT name, max(version) FROM procedures GROUP BY name;

ALTER TABLE procedure_triggers ADD COLUMN vector BLOB;    -- NULL: made when it is needed
ALTER TABLE procedure_triggers ADD COLUMN embedder TEXT;  -- that made the vector

INSERT INTO memory_counters (name, value) SELECT 'procedure_triggers', count(*) FROM procedure_triggers;

CREATE TRIGGER procedure_triggers_counted AFTER INSERT ON procedure_triggers BEGIN
    UPDATE memory_counters SET value = value + 1 WHERE name = 'procedure_triggers';
END;

CREATE TRIGGER procedure_triggers_uncounted AFTER DELETE ON procedure_triggers BEGIN
    UPDATE memory_counters SET value = value - 1 WHERE name = 'procedure_triggers';
END;
