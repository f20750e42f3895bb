//! `warren publish`: publishes an event and, if asked, waits for everything it sets off.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::api::types::{EventDefinitionView, Listing, PublishRequest, PublishView};
use crate::config::nearest;
use crate::events::Topic;
use crate::id::EventType;

use super::client::{Client, Request};
use super::console::Tint;
use super::failure::{Failure, Result};
use super::{Context, input};

pub(crate) mod follow;

/// Event types asked for at once: the most that the host gives.
const PAGE: u32 = 100;
/// Pages looked through for a type: all that a tenant may declare.
const PAGES_MAX: u32 = 100;

/// `warren publish`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The event's type, for example order.placed
    #[arg(value_name = "TYPE")]
    event_type: EventType,
    /// The payload: JSON, @FILE, or - for stdin; an empty object unless given
    data: Option<String>,
    /// Its topic; the one on which the type is consumed or declared unless given
    #[arg(long)]
    topic: Option<Topic>,
    /// Its id: the same event a second time changes nothing
    #[arg(long)]
    id: Option<String>,
    /// What it is about
    #[arg(long)]
    subject: Option<String>,
    /// The conversation; events of one are handled in order
    #[arg(long)]
    session: Option<String>,
    /// The plan; events of one are handled in order
    #[arg(long)]
    plan: Option<String>,
    /// On behalf of this customer
    #[arg(long)]
    customer: Option<String>,
    /// On behalf of this user
    #[arg(long)]
    user: Option<String>,
    /// Publish this many milliseconds from now
    #[arg(long, value_name = "MS", conflicts_with = "wait")]
    delay_ms: Option<u64>,
    /// Wait until all agents are done with it and with what they publish, and print what they did
    #[arg(long)]
    wait: bool,
    /// With --wait: give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait")]
    timeout: u64,
}

impl Args {
    fn body(&self, topic: Topic) -> Result<PublishRequest> {
        let data = input::payload(self.data.as_deref())?;
        Ok(PublishRequest {
            event_type: self.event_type.to_string(),
            topic: Some(topic.to_string()),
            data: Some(RawValue::from_string(data.as_str().to_owned())?),
            id: self.id.clone(),
            subject: self.subject.clone(),
            session: self.session.clone(),
            plan: self.plan.clone(),
            customer: self.customer.clone(),
            user: self.user.clone(),
            delay_ms: self.delay_ms,
            ..PublishRequest::default()
        })
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let client = context.client()?;
    let topic = match args.topic {
        Some(topic) => topic,
        None => topic_of(&client, &args.event_type)?,
    };
    let answer = client.send(Request::post(&["events"]).json(&args.body(topic)?)?)?;
    let published: PublishView = answer.read()?;
    if args.wait {
        let wait = Duration::from_secs(args.timeout);
        return follow::follow(&client, &published.event_id, wait, context);
    }
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let (word, note) = match (published.duplicate, published.due) {
        (true, _) => ("already there", "and as it was".to_owned()),
        (false, Some(due)) => ("scheduled", format!("for {due}")),
        (false, None) => ("published", format!("on {topic}")),
    };
    context.console.say(Tint::Good, word, note);
    context.console.line(&published.event_id)?;
    let next = format_args!("warren turns --event {}", published.event_id);
    context.console.say(Tint::Hint, "next:", next);
    Ok(())
}

/// The one topic on which a type is consumed, produced or declared.
fn topic_of(client: &Client, event_type: &EventType) -> Result<Topic> {
    let named = definitions(client, Some(event_type))?;
    let exact = |definition: &EventDefinitionView| definition.event_type == *event_type;
    if named.iter().any(exact) {
        return choose(event_type, &named);
    }
    // None of that name: the others are asked for to say what may have been meant.
    choose(event_type, &definitions(client, None)?)
}

/// Known event types, of those whose name holds `part` if it is given.
fn definitions(client: &Client, part: Option<&EventType>) -> Result<Vec<EventDefinitionView>> {
    let mut after = None;
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let request = Request::get(&["event-definitions"])
            .query("type", part)
            .query("after", after)
            .query("limit", Some(PAGE));
        let page: Listing<EventDefinitionView> = client.send(request)?.read()?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}

fn choose(event_type: &EventType, found: &[EventDefinitionView]) -> Result<Topic> {
    let mut topics: Vec<Topic> = found
        .iter()
        .filter(|definition| definition.event_type == *event_type)
        .map(|definition| definition.topic)
        .collect();
    topics.sort_unstable();
    topics.dedup();
    let words = |topics: &[Topic]| {
        let words: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
        words.join(", ")
    };
    match topics.as_slice() {
        [topic] => Ok(*topic),
        [] => {
            let near = nearest(
                event_type.as_str(),
                found
                    .iter()
                    .map(|definition| definition.event_type.as_str()),
            );
            let near = near
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            Err(Failure::usage(format!(
                "no agent consumes `{event_type}`, and nobody declared it"
            ))
            .hint(format!(
                "{near}say where it goes with --topic: {}",
                words(&Topic::ALL)
            )))
        }
        several => Err(
            Failure::usage(format!("`{event_type}` is known on several topics"))
                .hint(format!("say which with --topic: {}", words(several))),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    fn definition(event_type: &str, topic: Topic) -> EventDefinitionView {
        EventDefinitionView {
            event_type: EventType::new(event_type).unwrap(),
            topic,
            description: String::new(),
            schema: None,
            actionable: true,
            consumers: Vec::new(),
            producers: Vec::new(),
        }
    }

    #[test]
    fn a_topic_is_taken_when_there_is_one_and_asked_for_when_not() {
        let wanted = EventType::new("a.b").unwrap();
        let fact = definition("a.b", Topic::BusinessFacts);
        let longer = definition("a.b.c", Topic::TaskEvents);
        let other = definition("a.b", Topic::ActionRequests);
        let check = |found: &[EventDefinitionView], expect: Result<Topic, &str>| match (
            choose(&wanted, found),
            expect,
        ) {
            (Ok(topic), Ok(expect)) => assert_eq!(topic, expect),
            (Err(failure), Err(words)) => {
                assert_eq!(failure.exit, Exit::Usage);
                let hint = failure.next_step().unwrap_or_default();
                assert!(hint.contains(words), "{hint}");
            }
            (got, expect) => panic!("{got:?} is not {expect:?}"),
        };
        check(&[fact.clone(), longer.clone()], Ok(Topic::BusinessFacts));
        check(&[fact.clone(), fact.clone()], Ok(Topic::BusinessFacts));
        check(&[fact, other], Err("action-requests, business-facts"));
        check(&[longer], Err("did you mean `a.b.c`?"));
        check(&[], Err("--topic: action-requests"));
    }
}
