//! Follows an event through the turns that handle it and the events that those publish.
//!
//! Exact without guessing at silence: a turn's events are published in the same commit that ends its
//! delivery, so once a delivery is done all that came of it can be asked for. Events that were published
//! for later are not waited for.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::api::types::{AgentView, EventView, Listing, TurnView};
use crate::cli::Context;
use crate::cli::client::{Client, Request};
use crate::cli::failure::{Exit, Failure, Result};
use crate::cli::{events, turns};
use crate::id::{AgentName, EventId};
use crate::turn::TurnOutcome;

/// Between two looks at an event that is being worked on.
const POLL: Duration = Duration::from_millis(50);
/// Most events that are followed; who sets off more wants `warren tail`.
const EVENTS_MAX: usize = 1_000;
/// Turns asked for of one event: one an agent, and no event has more agents.
const TURNS_PAGE: u32 = 100;

/// One event and what was done with it.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// The event with its deliveries.
    pub(crate) event: EventView,
    /// The last attempt of each agent's turn, with its log.
    pub(crate) turns: Vec<TurnView>,
}

/// Print what becomes of an event until nothing more does.
pub(super) fn follow(
    client: &Client,
    first: &EventId,
    wait: Duration,
    context: &Context,
) -> Result<()> {
    let until = Instant::now() + wait;
    let mut waiting = VecDeque::from([first.clone()]);
    let mut steps: Vec<Step> = Vec::new();
    while let Some(id) = waiting.pop_front() {
        if steps.len() == EVENTS_MAX {
            return Err(Failure::of(
                Exit::Busy,
                format!("it set off more than {EVENTS_MAX} events"),
            )
            .hint(format!(
                "they go on; watch them with `warren tail --trace {first}`"
            )));
        }
        let step = match settle(client, &id, until) {
            Ok(step) => step,
            // Published for later: its turn kept the id, the log has it when its time comes.
            Err(failure) if failure.exit == Exit::NotFound && id != *first => {
                context.console.note(format_args!("{id} comes later"));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if !context.console.is_json() {
            print(&step, context)?;
        }
        let kept = step
            .turns
            .iter()
            .filter(|turn| turn.outcome == TurnOutcome::Committed.as_str());
        waiting.extend(kept.flat_map(|turn| turn.published.clone()));
        steps.push(step);
    }
    if context.console.is_json() {
        context.console.json(&steps)?;
    }
    let dead = steps
        .iter()
        .flat_map(|step| step.event.deliveries.iter().flatten());
    match dead.filter(|delivery| delivery.state == "dead").count() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} of the turns failed for good"))
            .hint("`warren dead-letters` has the reasons; `warren dead-letters replay TURN` tries again")),
    }
}

/// Wait until every agent is done with an event.
pub(crate) fn settle(client: &Client, id: &EventId, until: Instant) -> Result<Step> {
    loop {
        let event: EventView = client
            .send(Request::get(&["events", id.as_str()]))?
            .read()?;
        let deliveries = event.deliveries.as_deref().unwrap_or_default();
        let open = deliveries
            .iter()
            .find(|delivery| !matches!(delivery.state.as_str(), "done" | "dead"));
        let Some(open) = open else {
            let request = Request::get(&["turns"])
                .query("event", Some(id))
                .query("logs", Some(true))
                .query("limit", Some(TURNS_PAGE));
            let turns: Listing<TurnView> = client.send(request)?.read()?;
            return Ok(Step {
                event,
                turns: turns.items,
            });
        };
        if let Some(failure) = stopped(client, id, &open.agent)? {
            return Err(failure);
        }
        if Instant::now() >= until {
            let message = format!(
                "{} is not done with {id}: {} after {} failed attempts",
                open.agent, open.state, open.attempts_failed
            );
            return Err(Failure::of(Exit::Busy, message).hint(format!(
                "it goes on without us: `warren turns --event {id}`"
            )));
        }
        thread::sleep(POLL);
    }
}

/// Why nothing becomes of an event while an agent is as it is: waiting would be in vain.
fn stopped(client: &Client, id: &EventId, agent: &AgentName) -> Result<Option<Failure>> {
    let agent: AgentView = client
        .send(Request::get(&["agents", agent.as_str()]))?
        .read()?;
    let resume = match agent.status.as_str() {
        "active" => return Ok(None),
        "paused" => format!("`warren agents resume {}` lets it run", agent.name),
        _ => format!("`warren agents show {}` says why", agent.name),
    };
    let message = format!("{} is {}, so {id} waits", agent.name, agent.status);
    Ok(Some(Failure::of(Exit::Busy, message).hint(resume)))
}

fn print(step: &Step, context: &Context) -> Result<()> {
    let console = &context.console;
    console.line(events::line(&step.event))?;
    if step.turns.is_empty() {
        console.line("    no agent consumes it")?;
    }
    for turn in &step.turns {
        console.line(format_args!("    {}", turns::summary(turn, console)))?;
        for line in turns::details(turn) {
            console.line(format_args!("      {line}"))?;
        }
    }
    Ok(())
}
