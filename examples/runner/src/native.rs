//! Runs an example on the SDK's test host: its agents as plain functions, one turn after the other.

use anyhow::{Context as _, Result};
use warren_agent::testing::TestHost;
use warren_agent::{Agent, Event, Json, Topic};

use crate::{Example, Publish, Seen};

/// Publish the steps to these agents and render what came of it.
///
/// # Errors
/// If the example names a topic that does not exist.
pub fn run_natively(example: &Example, agents: Vec<Agent>) -> Result<String> {
    let mut host = agents
        .into_iter()
        .fold(TestHost::new(), TestHost::with_agent);
    let mut seen = Vec::new();
    for (step, publish) in example.publish.iter().enumerate() {
        for time in 0..publish.times {
            let event = event(publish)?.with_id(format!("evt_{step}_{time}_client"));
            seen.extend(host.settle(event).events().iter().map(shown));
        }
    }
    Ok(example.render(&seen, |value| {
        let value: Option<Json> = host.working(&value.agent, &value.key);
        value.and_then(|value| value.read().ok())
    }))
}

fn event(publish: &Publish) -> Result<Event> {
    let data = Json::of(&publish.data)?;
    let mut event = Event::of(topic(&publish.topic)?, &publish.event_type, data);
    event.plan.clone_from(&publish.plan);
    event.session.clone_from(&publish.session);
    event.user.clone_from(&publish.user);
    Ok(match &publish.reply_to {
        Some(reply_to) => event.with_reply_to(topic(&reply_to.topic)?, &reply_to.event_type),
        None => event,
    })
}

fn topic(name: &str) -> Result<Topic> {
    Topic::parse(name).with_context(|| format!("no topic `{name}`"))
}

fn shown(event: &Event) -> Seen {
    Seen {
        id: event.id.clone(),
        source: event.source.clone(),
        topic: event.topic.as_str().to_owned(),
        event_type: event.event_type.clone(),
        data: event.data.read().unwrap_or_default(),
        parent: event.parent.clone(),
    }
}
