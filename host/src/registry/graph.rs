//! Who speaks to whom: producers → events → consumers, with what leads nowhere marked.
//!
//! Invariant: made of one [`Directory`] at one moment, so it is as fresh as that, and of what its viewer may
//! see. Names and words of a tenant are escaped wherever they stand in the text for Graphviz.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::Topic;
use crate::id::{AgentName, EventType};

use super::{AgentStatus, Directory, ServiceDefinition, ServiceState, Viewer};

/// Why an event leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dangling {
    /// It is published and nobody handles it.
    NobodyConsumes,
    /// It is a request, and nothing that works now answers it.
    NobodyAnswers,
    /// It is handled, and nothing publishes it: it comes from outside, or never.
    NobodyProduces,
}

/// An agent or a service of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// Its name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// What sort.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether this host runs it.
    pub hosted: bool,
    /// Its state: of an agent `active`, `paused` or `quarantined`.
    pub state: String,
}

/// An event of the graph, with its edges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphEvent {
    /// Its topic.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub event_type: EventType,
    /// Who publishes it, by name.
    #[schema(value_type = Vec<String>)]
    pub producers: Vec<AgentName>,
    /// Who handles it, by name.
    #[schema(value_type = Vec<String>)]
    pub consumers: Vec<AgentName>,
    /// Where it leads nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dangling: Option<Dangling>,
}

/// The dependency graph of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// Agents and services, by name.
    pub nodes: Vec<GraphNode>,
    /// Declared events, by type and topic.
    pub events: Vec<GraphEvent>,
}

/// The ends of an event while the graph is made.
#[derive(Default)]
struct Ends {
    producers: Vec<AgentName>,
    consumers: Vec<AgentName>,
    /// Whether one of its consumers works now.
    answered: bool,
}

type Events = BTreeMap<(EventType, Topic), Ends>;

impl Graph {
    /// Of what a viewer sees of a tenant at `now`.
    pub fn of(directory: &Directory, viewer: Viewer<'_>, now: Timestamp) -> Self {
        let mut events = Events::new();
        for definition in directory.definitions() {
            let place = (definition.event_type.clone(), definition.topic);
            events.entry(place).or_default();
        }
        let mut nodes = Vec::new();
        for agent in directory.agents() {
            let said = ServiceDefinition::of_agent(agent);
            connect(&mut events, &said, agent.status == AgentStatus::Active);
            nodes.push(GraphNode {
                name: agent.name.clone(),
                kind: agent.manifest.kind.as_str().to_owned(),
                hosted: true,
                state: agent.status.as_str().to_owned(),
            });
        }
        for service in directory.services().visible_to(viewer) {
            connect(&mut events, &service.definition, service.is_usable(now));
            nodes.push(GraphNode {
                name: service.name().clone(),
                kind: service.definition.kind.to_string(),
                hosted: false,
                state: service.state_at(now).to_string(),
            });
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let events = events.into_iter().map(|((event_type, topic), mut ends)| {
            ends.producers.sort();
            ends.consumers.sort();
            GraphEvent {
                dangling: ends.dangling(topic),
                topic,
                event_type,
                producers: ends.producers,
                consumers: ends.consumers,
            }
        });
        Self {
            nodes,
            events: events.collect(),
        }
    }

    /// As text for Graphviz.
    pub fn to_dot(&self) -> String {
        let mut dot =
            "digraph warren {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n".to_owned();
        for node in &self.nodes {
            node.draw(&mut dot);
        }
        for event in &self.events {
            event.draw(&mut dot);
        }
        dot.push_str("}\n");
        dot
    }
}

fn connect(events: &mut Events, said: &ServiceDefinition, works: bool) {
    for wanted in &said.subscriptions {
        let place = (wanted.event_type.clone(), wanted.topic);
        let ends = events.entry(place).or_default();
        ends.consumers.push(said.name.clone());
        ends.answered |= works;
    }
    for made in &said.produces {
        let place = (made.event_type.clone(), made.topic);
        let ends = events.entry(place).or_default();
        ends.producers.push(said.name.clone());
    }
}

impl Ends {
    fn dangling(&self, topic: Topic) -> Option<Dangling> {
        let (produced, consumed) = (!self.producers.is_empty(), !self.consumers.is_empty());
        match topic {
            Topic::ActionRequests if !self.answered => Some(Dangling::NobodyAnswers),
            // Answers go to whoever asked, who need not subscribe.
            Topic::ActionResults if produced => None,
            _ if produced && !consumed => Some(Dangling::NobodyConsumes),
            _ if consumed && !produced => Some(Dangling::NobodyProduces),
            _ => None,
        }
    }
}

impl Dangling {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NobodyConsumes => "nobody-consumes",
            Self::NobodyAnswers => "nobody-answers",
            Self::NobodyProduces => "nobody-produces",
        }
    }

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NobodyConsumes => "nobody consumes it",
            Self::NobodyAnswers => "nobody answers it",
            Self::NobodyProduces => "from outside",
        }
    }

    /// What comes from outside is usual; the other two are worth a look.
    const fn color(self) -> &'static str {
        match self {
            Self::NobodyConsumes | Self::NobodyAnswers => "red",
            Self::NobodyProduces => "gray",
        }
    }
}

impl GraphNode {
    fn draw(&self, dot: &mut String) {
        let works = [ServiceState::Active, ServiceState::Degraded];
        let works = works.iter().any(|state| state.as_str() == self.state);
        let style = if works { "solid" } else { "dashed" };
        let shape = if self.hosted { "box" } else { "component" };
        let (id, name) = (node(&self.name), escaped(self.name.as_str()));
        let (kind, state) = (&self.kind, &self.state);
        line(
            dot,
            format_args!(
                "{id} [shape={shape}, style={style}, label=\"{name}\\n{kind}, {state}\"];"
            ),
        );
    }
}

impl GraphEvent {
    fn draw(&self, dot: &mut String) {
        let (topic, name) = (self.topic, escaped(self.event_type.as_str()));
        let id = format!("\"event:{topic}/{name}\"");
        let (note, color) = match self.dangling {
            None => (String::new(), "black"),
            Some(dangling) => (format!("\\n{}", dangling.words()), dangling.color()),
        };
        line(
            dot,
            format_args!("{id} [shape=ellipse, color={color}, label=\"{name}\\n{topic}{note}\"];"),
        );
        for producer in &self.producers {
            line(dot, format_args!("{} -> {id};", node(producer)));
        }
        for consumer in &self.consumers {
            line(dot, format_args!("{id} -> {};", node(consumer)));
        }
    }
}

fn line(dot: &mut String, args: std::fmt::Arguments<'_>) {
    writeln!(dot, "  {args}").expect("a string takes any text");
}

fn node(name: &AgentName) -> String {
    format!("\"node:{}\"", escaped(name.as_str()))
}

/// For the inside of a quoted string of Graphviz.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
