//! Reading turns that were.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Page;
use crate::id::{AgentName, Position, TurnId};
use crate::store::sqlite::append::{self, event};
use crate::store::sqlite::pages::Pager;
use crate::store::sqlite::rows::{Sql, from_json};
use crate::turn::{DeadLetter, TurnFilter, TurnRecord};

/// All attempts of a turn, the last first.
pub(super) fn get(conn: &Connection, turn: &TurnId) -> Result<Vec<TurnRecord>> {
    let absent = || Error::not_found("turn", turn.as_str());
    let (position, agent) = turn.place().ok_or_else(absent)?;
    let mut statement = conn
        .prepare_cached(
            "SELECT record, 1 AS over, 0 AS number FROM turns WHERE position = ?1 AND agent = ?2
             UNION ALL
             SELECT record, 0, number FROM attempts WHERE position = ?1 AND agent = ?2
             ORDER BY over DESC, number DESC",
        )
        .during("preparing to read a turn")?;
    let records = statement
        .query_map([position.0, agent.0], |row| row.get::<_, String>(0))
        .during("reading a turn")?
        .map(|row| from_json::<TurnRecord>(&row.during("reading a turn")?))
        .collect::<Result<Vec<_>>>()?;
    // The place in an id can be guessed, its tail cannot.
    if records.first().is_none_or(|record| record.turn != *turn) {
        return Err(absent());
    }
    Ok(records)
}

/// What a filter needs of a record, without reading the rest of it.
#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    agent: Cow<'a, str>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
}

/// The last attempt of each turn, newest event first.
pub(super) fn list(
    conn: &Connection,
    filter: &TurnFilter,
    before: Option<Position>,
    limit: u32,
) -> Result<Page<TurnRecord>> {
    let mut pager = Pager::new(limit);
    let (mut from, mut to) = (0, before.map_or(i64::MAX, |p| p.0));
    if let Some(id) = &filter.event {
        let Some(event) = append::by_id(conn, id)? else {
            return Ok(pager.page(false));
        };
        from = event.position.0;
        to = to.min(from.saturating_add(1));
    }
    let mut statement = conn
        .prepare_cached(
            "SELECT position, agent, record FROM turns WHERE position >= ?1 AND position < ?2
             UNION ALL
             SELECT a.position, a.agent, a.record FROM attempts a
             WHERE a.position >= ?1 AND a.position < ?2
               AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.position = a.position AND t.agent = a.agent)
               AND NOT EXISTS (SELECT 1 FROM attempts b
                               WHERE b.position = a.position AND b.agent = a.agent AND b.number > a.number)
             ORDER BY position DESC, agent DESC",
        )
        .during("preparing to list turns")?;
    let mut rows = statement.query([from, to]).during("listing turns")?;
    while let Some(row) = rows.next().during("listing turns")? {
        if !pager.wants(Position(row.get(0).during("listing turns")?)) {
            return Ok(pager.page(true));
        }
        let record: String = row.get(2).during("listing turns")?;
        let peek: Peek<'_> = peek(&record)?;
        let passes = filter
            .agent
            .as_ref()
            .is_none_or(|agent| agent.as_str() == peek.agent)
            && filter
                .outcome
                .as_ref()
                .is_none_or(|outcome| *outcome == peek.outcome);
        if passes {
            pager.push(from_json(&record)?);
        }
    }
    Ok(pager.page(false))
}

/// Dead letters, newest event first.
pub(super) fn dead_letters(
    conn: &Connection,
    agent: Option<&AgentName>,
    before: Option<Position>,
    limit: u32,
) -> Result<Page<DeadLetter>> {
    let mut pager = Pager::new(limit);
    let mut statement = conn
        .prepare_cached(
            "SELECT e.position, e.envelope, t.record, t.ended_ms
             FROM turns t INDEXED BY turns_dead CROSS JOIN events e ON e.position = t.position
             WHERE t.dead = 1 AND t.position < ?1 ORDER BY t.position DESC, t.agent DESC",
        )
        .during("preparing to list dead letters")?;
    let before = before.map_or(i64::MAX, |p| p.0);
    let mut rows = statement
        .query(params![before])
        .during("listing dead letters")?;
    while let Some(row) = rows.next().during("listing dead letters")? {
        let raw = append::raw_event(row).during("listing dead letters")?;
        if !pager.wants(Position(raw.0)) {
            return Ok(pager.page(true));
        }
        let record: String = row.get(2).during("listing dead letters")?;
        if agent.is_some_and(|agent| !peek(&record).is_ok_and(|p| p.agent == agent.as_str())) {
            continue;
        }
        pager.push(DeadLetter {
            record: from_json(&record)?,
            event: Arc::new(event(raw)?),
            time: Timestamp(row.get(3).during("listing dead letters")?),
        });
    }
    Ok(pager.page(false))
}

fn peek(record: &str) -> Result<Peek<'_>> {
    serde_json::from_str(record).map_err(|e| Error::internal("reading a turn's record", e))
}
