//! Every example on a real host: what came of it is what it says.

use serde_json::Value;
use warren::events::{EventFilter, NewEvent, ReplyAddress, Topic};
use warren::id::{EventType, Label, UserId};
use warren::registry::GrantSet;
use warren_examples::{Example, Publish, Seen};

use crate::guests;
use crate::harness::TestHost;

#[tokio::test(flavor = "multi_thread")]
async fn hello_answers_and_tells() {
    check("01-hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_chain_under_one_trace() {
    check("02-pubsub").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_sold_once_under_contention() {
    check("03-working-memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handbook_answers_what_it_is_asked() {
    check("04-memory-semantic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_is_remembered_across_sessions() {
    check("05-memory-episodic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreman_finds_whoever_can() {
    check("06-discovery").await;
}

async fn check(name: &str) {
    let example = load(name);
    let host = TestHost::start().await;
    for agent in &example.agents {
        let component = guests::bytes(agent);
        host.push_component(&host.tenant, agent, component, GrantSet::all())
            .await;
    }
    assert_eq!(outcome(&host, &example).await, example.expected().unwrap());
    host.stop().await;
}

/// The example of this name.
pub(crate) fn load(name: &str) -> Example {
    let dir = format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    Example::load(dir).unwrap()
}

/// Publish what an example publishes, and say what came of it.
pub(crate) async fn outcome(host: &TestHost, example: &Example) -> String {
    let mut events = Vec::new();
    for publish in &example.publish {
        for _ in 0..publish.times {
            events.push(event(host, publish));
        }
    }
    let app = &host.host.app;
    app.events.append(&host.tenant, events).await.unwrap();
    host.host.dispatcher.settle().await;

    let all = EventFilter::default();
    let page = app.events.list(&host.tenant, &all, None, 1_000).await;
    let seen: Vec<Seen> = page
        .unwrap()
        .items
        .iter()
        .rev()
        .map(|e| shown(&e.body))
        .collect();
    let mut working = Vec::new();
    for value in &example.working {
        let found = host
            .working_of(&host.tenant, &value.agent, &value.key)
            .await;
        working.push((value.clone(), found));
    }
    example.render(&seen, |wanted| {
        let found = working.iter().find(|(value, _)| value == wanted);
        found.map(|(_, value)| value.clone())
    })
}

fn event(host: &TestHost, publish: &Publish) -> NewEvent {
    let topic = |name: &str| name.parse::<Topic>().unwrap();
    let label = |text: &Option<String>| text.as_deref().map(|text| Label::new(text).unwrap());
    NewEvent {
        topic: topic(&publish.topic),
        plan: label(&publish.plan),
        session: label(&publish.session),
        user: publish.user.as_deref().map(|id| UserId::new(id).unwrap()),
        reply_to: publish.reply_to.as_ref().map(|reply_to| ReplyAddress {
            topic: topic(&reply_to.topic),
            event_type: EventType::new(&reply_to.event_type).unwrap(),
        }),
        ..host.event(&publish.event_type, publish.data.clone())
    }
}

fn shown(event: &NewEvent) -> Seen {
    Seen {
        id: event.id.to_string(),
        source: event.source.to_string(),
        topic: event.topic.to_string(),
        event_type: event.event_type.to_string(),
        data: serde_json::from_str::<Value>(event.data.as_str()).unwrap(),
        parent: event.parent.as_ref().map(ToString::to_string),
    }
}
