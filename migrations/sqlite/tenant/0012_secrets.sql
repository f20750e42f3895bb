-- Secrets that the host sends for the tenant's agents.

CREATE TABLE secrets (
    name       TEXT    NOT NULL PRIMARY KEY,
    rules      TEXT    NOT NULL,            -- JSON: to which hosts, in which headers
    sealed     BLOB    NOT NULL,            -- nonce, ciphertext and tag; the key is derived from one in the host's database
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
