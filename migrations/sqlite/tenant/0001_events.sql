-- The log, the queue and the turns of one tenant. This is the hot path: a secondary index more costs
-- up to a third of the throughput, so what is seldom filtered by is found by a bounded scan instead.

-- Positions are given out by the writer. The last row is never removed, so that none is given twice.
CREATE TABLE events (
    position    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    time_ms     INTEGER NOT NULL,
    correlation TEXT,              -- NULL where it is the event's own id
    envelope    TEXT NOT NULL      -- the event as JSON
) STRICT;

CREATE INDEX events_by_correlation ON events (correlation, position) WHERE correlation IS NOT NULL;

-- One event on its way to one agent. Removed when it is consumed. By agent first: each agent's queue is
-- read by itself.
CREATE TABLE deliveries (
    agent           INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    attempts_failed INTEGER NOT NULL,
    host_deaths     INTEGER NOT NULL,
    due_ms          INTEGER,       -- NULL: at once
    order_key       TEXT,          -- NULL: in no order
    PRIMARY KEY (agent, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_by_due ON deliveries (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX deliveries_by_lane ON deliveries (agent, order_key, position) WHERE order_key IS NOT NULL;

-- A turn that is over: the mark that the event was consumed by the agent, and the record of it.
CREATE TABLE turns (
    position INTEGER NOT NULL,
    agent    INTEGER NOT NULL,
    outcome  TEXT NOT NULL,        -- as `TurnOutcome` has it
    dead     INTEGER NOT NULL,     -- 1: a dead letter that nobody replayed or discarded yet
    ended_ms INTEGER NOT NULL,
    record   TEXT NOT NULL,        -- the last attempt as JSON
    PRIMARY KEY (position, agent)
) STRICT, WITHOUT ROWID;

CREATE INDEX turns_dead ON turns (position, agent) WHERE dead = 1;

-- Attempts before the last one.
CREATE TABLE attempts (
    position INTEGER NOT NULL,
    agent    INTEGER NOT NULL,
    number   INTEGER NOT NULL,     -- 1, 2, 3 … over all replays
    record   TEXT NOT NULL,
    PRIMARY KEY (position, agent, number)
) STRICT, WITHOUT ROWID;

-- Events that wait for their time.
CREATE TABLE scheduled (
    id       TEXT PRIMARY KEY,
    due_ms   INTEGER NOT NULL,
    envelope TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX scheduled_by_due ON scheduled (due_ms);

-- How many events descend from an event from outside.
CREATE TABLE roots (
    root        INTEGER PRIMARY KEY,
    descendants INTEGER NOT NULL
) STRICT;
