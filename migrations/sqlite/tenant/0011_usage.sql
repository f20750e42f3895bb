-- What the tenant used, and what it was told of that.

-- By UTC hour. One row is written by a transaction of the writer, however many turns commit in it.
CREATE TABLE usage (
    hour          INTEGER PRIMARY KEY,  -- hours since 1970
    turns         INTEGER NOT NULL,
    turns_failed  INTEGER NOT NULL,
    cpu_us        INTEGER NOT NULL,
    events        INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    writes        INTEGER NOT NULL
) STRICT;

-- What was published on the topic of bills: each thing once a UTC day.
CREATE TABLE usage_told (
    day  INTEGER NOT NULL,              -- days since 1970
    what TEXT    NOT NULL,              -- `day`, or a quota's word with the percentage
    PRIMARY KEY (day, what)
) STRICT, WITHOUT ROWID;
