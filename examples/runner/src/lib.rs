//! What an example does, and what came of it, as data and as text.
//!
//! An example is a directory with `example.toml`, which says what to push and what to publish, and
//! `expected.txt`, which says in a readable way what must come of it. Whoever runs one (the unit tests on the
//! SDK's test host, the host's tests on a real one, the demo) publishes the steps, waits until nothing is
//! left to do, and renders what happened with [`Example::render`]: the text must be the expected one.
//!
//! Invariant: the text holds nothing that differs from run to run: no ids, no times, no order between
//! events of different first events. It must not know of the host: whoever runs an example there brings it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

mod native;

pub use native::run_natively;

/// What an example does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it shows, in one line.
    pub title: String,
    /// Agents to push, each under the name of its package; built to `target/guests/<name>.wasm`.
    pub agents: Vec<String>,
    /// How the outcome is shown.
    #[serde(default)]
    pub show: Show,
    /// Events to publish, in order.
    pub publish: Vec<Publish>,
    /// Values of working memory to show in the end.
    #[serde(default)]
    pub working: Vec<WorkingValue>,
    /// Where it was read from.
    #[serde(skip)]
    dir: PathBuf,
}

/// How an outcome is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Show {
    /// Each first event with all that it set off, indented by cause.
    #[default]
    Traces,
    /// How many events there were of each type and publisher, for outcomes whose parts depend on who came first.
    Counts,
}

/// An event to publish.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// One of the eight topics.
    pub topic: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its payload.
    pub data: Value,
    /// How often, all at once.
    #[serde(default = "once")]
    pub times: u32,
    /// The plan it belongs to.
    pub plan: Option<String>,
    /// The conversation it belongs to.
    pub session: Option<String>,
    /// The user on whose behalf it is.
    pub user: Option<String>,
    /// Where its answer goes.
    pub reply_to: Option<ReplyTo>,
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyTo {
    /// One of the eight topics.
    pub topic: String,
    /// The type of the answer.
    #[serde(rename = "type")]
    pub event_type: String,
}

/// A value of working memory to show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingValue {
    /// Of this agent.
    pub agent: String,
    /// Its key.
    pub key: String,
}

/// An event that there was, in the order of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// `agent/<name>` or `client/<key name>`.
    pub source: String,
    /// Its topic.
    pub topic: String,
    /// Its type.
    pub event_type: String,
    /// Its payload.
    pub data: Value,
    /// The event in whose turn it was published.
    pub parent: Option<String>,
}

fn once() -> u32 {
    1
}

impl Example {
    /// Read `example.toml` of a directory.
    ///
    /// # Errors
    /// If it is not there or says something else than this type.
    pub fn load(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let path = dir.join("example.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let example: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Self {
            dir: dir.to_owned(),
            ..example
        })
    }

    /// What must come of it.
    ///
    /// # Errors
    /// If there is no `expected.txt`.
    pub fn expected(&self) -> Result<String> {
        let path = self.dir.join("expected.txt");
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// What came of it, as text. `working` gives the value of each of [`Example::working`].
    pub fn render(
        &self,
        events: &[Seen],
        working: impl Fn(&WorkingValue) -> Option<Value>,
    ) -> String {
        let mut text = match self.show {
            Show::Traces => traces(events),
            Show::Counts => counts(events),
        };
        for value in &self.working {
            let shown =
                working(value).map_or_else(|| "nothing".to_owned(), |value| value.to_string());
            line(
                &mut text,
                format_args!("{} keeps {} = {shown}", value.agent, value.key),
            );
        }
        text
    }
}

fn traces(events: &[Seen]) -> String {
    let mut text = String::new();
    for first in events.iter().filter(|event| event.parent.is_none()) {
        trace(&mut text, events, first, 0);
    }
    text
}

fn trace(text: &mut String, events: &[Seen], event: &Seen, depth: usize) {
    let (indent, who) = ("  ".repeat(depth), who(event));
    let (topic, event_type, data) = (&event.topic, &event.event_type, &event.data);
    line(
        text,
        format_args!("{indent}{who}: {topic} {event_type} {data}"),
    );
    for next in events {
        // An event that says it caused itself would go on for ever.
        if next.parent.as_ref() == Some(&event.id) && next.id != event.id {
            trace(text, events, next, depth + 1);
        }
    }
}

fn counts(events: &[Seen]) -> String {
    let mut counted: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for event in events {
        *counted
            .entry((who(event), &event.topic, &event.event_type))
            .or_default() += 1;
    }
    let mut text = String::new();
    for ((who, topic, event_type), count) in counted {
        line(
            &mut text,
            format_args!("{who}: {count} × {topic} {event_type}"),
        );
    }
    text
}

/// Keys have other names on other hosts; that it was a client is what matters.
fn who(event: &Seen) -> &str {
    match event.source.split_once('/') {
        Some(("agent", name)) => name,
        _ => "client",
    }
}

fn line(text: &mut String, args: std::fmt::Arguments<'_>) {
    writeln!(text, "{args}").expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(id: &str, source: &str, parent: Option<&str>) -> Seen {
        Seen {
            id: id.into(),
            source: source.into(),
            topic: "business-facts".into(),
            event_type: format!("{id}.done"),
            data: json!({ "id": id }),
            parent: parent.map(Into::into),
        }
    }

    fn example(show: Show) -> Example {
        Example {
            title: String::new(),
            agents: Vec::new(),
            show,
            publish: Vec::new(),
            working: vec![WorkingValue {
                agent: "x".into(),
                key: "n".into(),
            }],
            dir: PathBuf::new(),
        }
    }

    #[test]
    fn outcomes_read_as_traces_or_as_counts() {
        let events = [
            seen("a", "client/k", None),
            seen("b", "client/k", None),
            seen("c", "agent/x", Some("b")),
            seen("d", "agent/y", Some("a")),
            seen("e", "agent/z", Some("d")),
        ];
        let traces = example(Show::Traces).render(&events, |_| Some(json!(7)));
        assert_eq!(
            traces,
            "client: business-facts a.done {\"id\":\"a\"}\n  \
             y: business-facts d.done {\"id\":\"d\"}\n    \
             z: business-facts e.done {\"id\":\"e\"}\n\
             client: business-facts b.done {\"id\":\"b\"}\n  \
             x: business-facts c.done {\"id\":\"c\"}\n\
             x keeps n = 7\n"
        );
        let counts = example(Show::Counts).render(&events[..1], |_| None);
        assert_eq!(
            counts,
            "client: 1 × business-facts a.done\nx keeps n = nothing\n"
        );
    }
}
