//! Tries to read one tenant's result with another's key.

use serde::Serialize;

use crate::api::types::Problem;
use crate::cli::client::{Client, Request};
use crate::cli::failure::{Failure, Result};

use super::story::TenantReport;
use super::tenant::Member;
use super::trace;

/// An id that nobody's event has.
const ABSENT: &str = "evt_of_nobody";
const FOUND: u16 = 200;
const NOT_FOUND: u16 = 404;

/// What became of the attempts.
#[derive(Debug, Serialize)]
pub(super) struct Fence {
    pub(super) owner: String,
    pub(super) stranger: String,
    /// What was asked for, a path of the API.
    pub(super) path: String,
    pub(super) owner_status: u16,
    pub(super) stranger_status: u16,
    pub(super) problem: Option<Problem>,
    /// Whether the answer is the one for an event that does not exist, but for the ids in it.
    pub(super) same_as_absent: bool,
    /// The turn that made the result, by its name.
    pub(super) turn_status: u16,
    /// Events that the stranger finds when it lists the owner's trace.
    pub(super) events_of_trace: usize,
}

/// The second tenant asks for the last event of the first one's order.
pub(super) fn try_it(members: &[Member], reports: &[TenantReport]) -> Result<Fence> {
    let ([owner, stranger, ..], [report, ..]) = (members, reports) else {
        return Err(Failure::new("it takes two tenants to have a fence"));
    };
    let order = report
        .traces
        .first()
        .ok_or_else(|| Failure::new("there is no order to ask for"))?;
    let result = order
        .root
        .events()
        .last()
        .map_or_else(|| order.root.event.id.clone(), |event| event.id.clone());
    let turn = order
        .root
        .branches()
        .last()
        .map(|b| b.turn.turn.to_string());
    let (owner_status, _) = ask(&owner.client, "events", result.as_str())?;
    let (stranger_status, refusal) = ask(&stranger.client, "events", result.as_str())?;
    let (_, absent) = ask(&stranger.client, "events", ABSENT)?;
    let (turn_status, _) = ask(&stranger.client, "turns", turn.as_deref().unwrap_or(ABSENT))?;
    Ok(Fence {
        owner: owner.name.clone(),
        stranger: stranger.name.clone(),
        path: format!("/v1/events/{result}"),
        owner_status,
        stranger_status,
        same_as_absent: anonymous(refusal.as_ref(), result.as_str())
            == anonymous(absent.as_ref(), ABSENT),
        problem: refusal,
        turn_status,
        events_of_trace: trace::ids_of(&stranger.client, &order.trace)?.len(),
    })
}

fn ask(client: &Client, what: &str, id: &str) -> Result<(u16, Option<Problem>)> {
    let (status, body) = client.look(Request::get(&[what, id]))?;
    Ok((status, serde_json::from_slice(&body).ok()))
}

/// A problem without what differs between any two requests: the id asked for and the request's own.
fn anonymous(problem: Option<&Problem>, id: &str) -> Option<Problem> {
    let problem = problem?.clone();
    Some(Problem {
        request_id: String::new(),
        detail: problem.detail.map(|detail| detail.replace(id, "ID")),
        ..problem
    })
}

impl Fence {
    /// What did not hold.
    pub(super) fn faults(&self) -> Vec<String> {
        let (owner, stranger, path) = (&self.owner, &self.stranger, &self.path);
        let facts = [
            (
                self.owner_status == FOUND,
                format!("{owner} cannot read its own {path}"),
            ),
            (
                self.stranger_status == NOT_FOUND,
                format!(
                    "{stranger} got {} for {path} of {owner}",
                    self.stranger_status
                ),
            ),
            (
                self.problem.is_some() && self.same_as_absent,
                format!("{stranger} can tell {path} from what does not exist"),
            ),
            (
                self.turn_status == NOT_FOUND,
                format!("{stranger} got {} for a turn of {owner}", self.turn_status),
            ),
            (
                self.events_of_trace == 0,
                format!("{stranger} lists events of {owner}"),
            ),
        ];
        let broken = facts.into_iter().filter(|(holds, _)| !holds);
        broken.map(|(_, words)| words).collect()
    }
}
