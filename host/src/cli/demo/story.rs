//! What is published to each tenant, and what must come of it.

use std::time::Instant;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::types::{
    BatchRequest, BatchView, PublishRequest, PublishView, PushView, ReplyTo, WorkingValueView,
};
use crate::cli::client::Request;
use crate::cli::failure::Result;
use crate::id::EventId;

use super::tenant::Member;
use super::trace::{self, Node};

/// How many parties ask at the same moment, and how many seats each: more than the 100 there are.
const PARTIES: usize = 10;
const SEATS_EACH: usize = 12;
/// As the agent `box-office` has them.
const SEATS: usize = 100;
/// What must be the outcome, whoever comes first.
const SOLD: usize = SEATS / SEATS_EACH;

const ORDER: &str = "three agents carry an order to the customer";
const GREETING: &str = "a tool answers a request and tells the business";

/// `(source, type)` of the events of each trace, in the order of the tree.
const ORDER_EVENTS: &[(&str, &str)] = &[
    ("client/demo", "order.placed"),
    ("agent/invoices", "invoice.issued"),
    ("agent/parcels", "parcel.shipped"),
    ("agent/mailer", "customer.told"),
];
const GREETING_EVENTS: &[(&str, &str)] = &[
    ("client/demo", "greet.requested"),
    ("agent/greeter", "person.greeted"),
    ("agent/greeter", "greeting.ready"),
];

/// What one tenant saw.
#[derive(Debug, Serialize)]
pub(super) struct TenantReport {
    pub(super) name: String,
    pub(super) agents: Vec<AgentReport>,
    pub(super) traces: Vec<TraceReport>,
    pub(super) seats: SeatsReport,
}

/// An agent that was pushed.
#[derive(Debug, Serialize)]
pub(super) struct AgentReport {
    pub(super) name: String,
    pub(super) version: Option<u32>,
    pub(super) component_bytes: u64,
    pub(super) compile_ms: u64,
}

impl From<&PushView> for AgentReport {
    fn from(pushed: &PushView) -> Self {
        Self {
            name: pushed.name.to_string(),
            version: pushed.version,
            component_bytes: pushed.component_bytes,
            compile_ms: pushed.compile_ms,
        }
    }
}

/// An event and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct TraceReport {
    pub(super) title: &'static str,
    pub(super) trace: String,
    pub(super) took_us: u64,
    /// Whether events and turns are those that must come, and the log has no other of this trace.
    pub(super) complete: bool,
    pub(super) root: Node,
}

/// Many at once on one number.
#[derive(Debug, Serialize)]
pub(super) struct SeatsReport {
    pub(super) asked: usize,
    pub(super) sold: usize,
    pub(super) refused: usize,
    pub(super) left: String,
    /// Turns that were run again because another one had changed what they had read.
    pub(super) reruns: u32,
}

/// The events that a tenant was sent.
pub(super) struct Published {
    order: EventId,
    greeting: EventId,
    seats: Vec<EventId>,
}

/// Send the tenant its events.
pub(super) fn publish(member: &Member) -> Result<Published> {
    let letter = member.letter;
    let order = format!(r#"{{"order":"{letter}-1","price_cents":1250,"quantity":2}}"#);
    let person = if letter == "A" { "Ada" } else { "Grace" };
    let mut greet = event(
        "action-requests",
        "greet.requested",
        format!(r#"{{"name":"{person}"}}"#),
    )?;
    greet.reply_to = Some(ReplyTo {
        topic: "action-results".to_owned(),
        event_type: "greeting.ready".to_owned(),
    });
    let events = (1..=PARTIES)
        .map(|party| {
            let data = format!(r#"{{"party":"{letter}{party}","seats":{SEATS_EACH}}}"#);
            event("business-facts", "seats.wanted", data)
        })
        .collect::<Result<_>>()?;
    let batch = Request::post(&["events", "batch"]).json(&BatchRequest { events })?;
    let batch: BatchView = member.client.send(batch)?.read()?;
    Ok(Published {
        order: send(member, &event("business-facts", "order.placed", order)?)?,
        greeting: send(member, &greet)?,
        seats: batch.items.into_iter().map(|item| item.event_id).collect(),
    })
}

fn event(topic: &str, event_type: &str, data: String) -> Result<PublishRequest> {
    Ok(PublishRequest {
        event_type: event_type.to_owned(),
        topic: Some(topic.to_owned()),
        data: Some(RawValue::from_string(data)?),
        ..PublishRequest::default()
    })
}

fn send(member: &Member, event: &PublishRequest) -> Result<EventId> {
    let request = Request::post(&["events"]).json(event)?;
    let view: PublishView = member.client.send(request)?.read()?;
    Ok(view.event_id)
}

/// Wait for all of it, and read back what happened.
pub(super) fn wait(member: &Member, published: &Published, until: Instant) -> Result<TenantReport> {
    let order = Node::grow(&member.client, &published.order, until)?;
    let greeting = Node::grow(&member.client, &published.greeting, until)?;
    let parties = published
        .seats
        .iter()
        .map(|id| Node::grow(&member.client, id, until))
        .collect::<Result<Vec<Node>>>()?;
    Ok(TenantReport {
        name: member.name.clone(),
        agents: member.agents.iter().map(AgentReport::from).collect(),
        traces: vec![
            report(member, ORDER, order, ORDER_EVENTS)?,
            report(member, GREETING, greeting, GREETING_EVENTS)?,
        ],
        seats: seats(member, &parties)?,
    })
}

fn report(
    member: &Member,
    title: &'static str,
    root: Node,
    expect: &[(&str, &str)],
) -> Result<TraceReport> {
    let trace = root.event.trace.to_string();
    let events = root.events();
    let as_expected = events.len() == expect.len()
        && events.iter().zip(expect).all(|(event, (source, name))| {
            event.source == *source && event.event_type.as_str() == *name
        });
    let mut in_tree: Vec<EventId> = events.iter().map(|event| event.id.clone()).collect();
    let mut in_log = trace::ids_of(&member.client, &trace)?;
    in_tree.sort();
    in_log.sort();
    let committed = root.branches().iter().all(|branch| branch.is_committed());
    Ok(TraceReport {
        title,
        trace,
        took_us: root.took_us(),
        complete: as_expected && committed && in_tree == in_log,
        root,
    })
}

fn seats(member: &Member, parties: &[Node]) -> Result<SeatsReport> {
    let count = |name: &str| {
        let events = parties.iter().flat_map(Node::events);
        events
            .filter(|event| event.event_type.as_str() == name)
            .count()
    };
    let path = ["memory", "working", "agent:box-office", "left"];
    let left: WorkingValueView = member.client.send(Request::get(&path))?.read()?;
    let branches = parties.iter().flat_map(Node::branches);
    Ok(SeatsReport {
        asked: parties.len(),
        sold: count("seats.sold"),
        refused: count("seats.refused"),
        left: left.value.as_str().to_owned(),
        reruns: branches.map(|branch| branch.turn.reruns).sum(),
    })
}

/// What did not come as it must.
pub(super) fn faults(tenant: &TenantReport) -> Vec<String> {
    let name = &tenant.name;
    let mut faults: Vec<String> = tenant
        .traces
        .iter()
        .filter(|trace| !trace.complete)
        .map(|trace| format!("{name}: \"{}\" is not the chain it must be", trace.title))
        .collect();
    let seats = &tenant.seats;
    let got = (seats.sold, seats.refused, seats.left.as_str());
    let left = (SEATS - SOLD * SEATS_EACH).to_string();
    if got != (SOLD, PARTIES - SOLD, left.as_str()) {
        faults.push(format!(
            "{name}: {} seats sold and {} refused with {} left, not {SOLD}, {} and {left}",
            seats.sold,
            seats.refused,
            seats.left,
            PARTIES - SOLD
        ));
    }
    faults
}
