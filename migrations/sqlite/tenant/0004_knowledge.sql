-- Provenance, validity and documents of semantic memory.

ALTER TABLE knowledge ADD COLUMN turn TEXT;                 -- the turn that wrote it
ALTER TABLE knowledge ADD COLUMN derived_from TEXT NOT NULL DEFAULT '[]'; -- a JSON array of ids
ALTER TABLE knowledge ADD COLUMN valid_from_ms INTEGER;
ALTER TABLE knowledge ADD COLUMN valid_until_ms INTEGER;
ALTER TABLE knowledge ADD COLUMN superseded_by TEXT;        -- an id

-- A document is its first chunk's row with part 0, and a row for each other chunk that names it.
ALTER TABLE knowledge ADD COLUMN document TEXT;             -- the id of the first chunk's row
ALTER TABLE knowledge ADD COLUMN part INTEGER;
ALTER TABLE knowledge ADD COLUMN parts INTEGER;
ALTER TABLE knowledge ADD COLUMN overlap INTEGER;           -- bytes that end the chunk before
ALTER TABLE knowledge ADD COLUMN chunk_bytes INTEGER;       -- the size that was asked for

CREATE UNIQUE INDEX knowledge_document ON knowledge (document, part) WHERE document IS NOT NULL;
