-- Which knowledge still waits for a vector, and of whose.

-- Whose vectors the rows had when the tenant was opened last: `knowledge` the host's embedder's, `procedures`
-- always the offline one's.
CREATE TABLE embedders (
    what TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Entries without a vector of that embedder.
CREATE TABLE knowledge_unembedded (
    n       INTEGER PRIMARY KEY REFERENCES knowledge (n) ON DELETE CASCADE,
    refused TEXT                        -- why the embedder will never take the text
) STRICT;

CREATE INDEX knowledge_unembedded_waiting ON knowledge_unembedded (n) WHERE refused IS NULL;

-- What text a row's vector is of: `content_hash` is that of a whole document, or of a chunk's place. Rows of
-- before get one that equals nobody's, but for entries in one piece, whose content it is.
ALTER TABLE knowledge ADD COLUMN text_hash BLOB NOT NULL DEFAULT x'';
UPDATE knowledge SET text_hash = CASE WHEN part IS NULL THEN content_hash ELSE randomblob(32) END;

-- Equal text is embedded once, whoever wrote it.
CREATE INDEX knowledge_text ON knowledge (text_hash);

-- A vector is that of the entry's text or is not there.
CREATE TRIGGER knowledge_rewritten AFTER UPDATE OF text_hash ON knowledge
WHEN old.text_hash <> new.text_hash BEGIN
    DELETE FROM knowledge_vectors WHERE n = new.n;
END;

CREATE TRIGGER knowledge_unembedded_deleted AFTER DELETE ON knowledge BEGIN
    DELETE FROM knowledge_unembedded WHERE n = old.n;
END;
