//! An event and everything that it set off, read back from the host as a tree.

use std::time::Instant;

use serde::Serialize;

use crate::api::types::{EventView, Listing, TurnView};
use crate::cli::client::{Client, Request};
use crate::cli::failure::{Exit, Failure, Result};
use crate::cli::publish::follow::{self, Step};
use crate::id::EventId;
use crate::turn::TurnOutcome;

/// Most events of one trace: the examples make four.
const EVENTS_MAX: usize = 100;
/// Rows of the page that a trace must fit in.
const PAGE: usize = EVENTS_MAX;

/// An event with the turns on it.
#[derive(Debug, Serialize)]
pub(super) struct Node {
    pub(super) event: EventView,
    pub(super) turns: Vec<Branch>,
}

/// A turn with the events that it published.
#[derive(Debug, Serialize)]
pub(super) struct Branch {
    pub(super) turn: TurnView,
    pub(super) led_to: Vec<Node>,
}

impl Branch {
    pub(super) fn is_committed(&self) -> bool {
        self.turn.outcome == TurnOutcome::Committed.as_str()
    }
}

impl Node {
    /// Wait for an event and what it sets off, until all of it is done.
    ///
    /// # Errors
    /// `Busy` if that takes past `until`.
    pub(super) fn grow(client: &Client, id: &EventId, until: Instant) -> Result<Self> {
        let mut left = EVENTS_MAX;
        grow(client, id, until, &mut left)
    }

    /// Every event, in the order of the tree.
    pub(super) fn events(&self) -> Vec<&EventView> {
        let below = self.turns.iter().flat_map(|branch| &branch.led_to);
        std::iter::once(&self.event)
            .chain(below.flat_map(Self::events))
            .collect()
    }

    /// Every turn, in the order of the tree.
    pub(super) fn branches(&self) -> Vec<&Branch> {
        self.turns
            .iter()
            .flat_map(|branch| {
                let deeper = branch.led_to.iter().flat_map(Self::branches);
                std::iter::once(branch).chain(deeper).collect::<Vec<_>>()
            })
            .collect()
    }

    /// From the first event to the end of the last turn, in microseconds.
    pub(super) fn took_us(&self) -> u64 {
        let begun = self.event.time;
        self.branches()
            .iter()
            .map(|branch| branch.turn.started.since(begun) * 1_000 + branch.turn.duration_us)
            .max()
            .unwrap_or(0)
    }
}

fn grow(client: &Client, id: &EventId, until: Instant, left: &mut usize) -> Result<Node> {
    *left = left.checked_sub(1).ok_or_else(|| {
        Failure::of(
            Exit::Failed,
            format!("a trace has more than {EVENTS_MAX} events"),
        )
        .hint("agents that publish in a circle do that")
    })?;
    let Step { event, turns } = follow::settle(client, id, until)?;
    let mut branches = Vec::new();
    for turn in turns {
        let led_to = turn
            .published
            .iter()
            .map(|id| grow(client, id, until, left))
            .collect::<Result<_>>()?;
        branches.push(Branch { turn, led_to });
    }
    Ok(Node {
        event,
        turns: branches,
    })
}

/// The ids of all events of a trace, as the log has them, the oldest first.
pub(super) fn ids_of(client: &Client, trace: &str) -> Result<Vec<EventId>> {
    let request = Request::get(&["events"])
        .query("trace", Some(trace))
        .query("limit", Some(PAGE));
    let page: Listing<EventView> = client.send(request)?.read()?;
    Ok(page.items.into_iter().rev().map(|event| event.id).collect())
}
