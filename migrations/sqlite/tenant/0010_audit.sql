-- Who did or was refused what. Each row has the hash of the one before; see identity/audit.rs.

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    record   TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash     BLOB NOT NULL
) STRICT;

-- One row: where the log begins, after what was forgotten, and where it ends.
CREATE TABLE audit_ends (
    only           INTEGER PRIMARY KEY CHECK (only = 1),
    forgotten      INTEGER NOT NULL,
    forgotten_hash BLOB NOT NULL,
    head           INTEGER NOT NULL,
    head_hash      BLOB NOT NULL
) STRICT;

INSERT INTO audit_ends VALUES (1, 0, zeroblob(32), 0, zeroblob(32));

CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;

CREATE TRIGGER audit_unremoved BEFORE DELETE ON audit
WHEN old.seq > (SELECT forgotten FROM audit_ends)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;

-- `INSERT OR REPLACE` removes without telling the trigger above.
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit
WHEN new.seq <> (SELECT head FROM audit_ends) + 1
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
