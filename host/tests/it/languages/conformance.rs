//! The conformance suite: `examples/07-languages/conformance/cases.json`, run against the agent of a language.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren::events::{NewEvent, ReplyAddress, Topic};
use warren::id::{CustomerId, EventId, EventType, Label, UserId};
use warren::registry::{Grant, GrantSet, NewVersion};
use warren::turn::TurnRecord;

use super::{component, host, note};
use crate::harness::TestHost;

mod case;

use case::{Case, action_requests, fill, fits};

/// What each agent is deployed as.
const AGENT: &str = "conformance";
/// As many as the cases need.
const ATTEMPTS: u32 = 3;
/// Longest that an event's turns may take, with all attempts.
const PATIENCE: Duration = Duration::from_mins(1);

/// Hold the agent of a language to the suite.
pub(super) async fn hold(language: &str) {
    let host = host().await;
    let component = component(AGENT, language);
    let mut version = host.accept(&host.tenant, AGENT, component).await;
    Arc::make_mut(&mut version.manifest).settings.attempts = ATTEMPTS;
    let suite = Suite {
        language,
        host,
        version,
    };
    suite.deploy(&[]).await;
    let cases = Case::all();
    let (mut wrong, mut figures) = (Vec::new(), Vec::new());
    for (number, case) in cases.iter().enumerate() {
        let checked = suite.check(number, case).await;
        figures.push((format!("case: {}", case.name), u128::from(checked.is_ok())));
        if let Err(why) = checked {
            wrong.push(format!("{}: {why}", case.name));
        }
    }
    suite.host.stop().await;
    let passed = cases.len() - wrong.len();
    figures.push(("cases".into(), cases.len() as u128));
    figures.push(("passed".into(), passed as u128));
    note(AGENT, language, &figures);
    assert!(wrong.is_empty(), "{language}:\n{}", wrong.join("\n"));
}

struct Suite<'a> {
    language: &'a str,
    host: TestHost,
    /// Compiled once: other grants need no other upload.
    version: NewVersion,
}

impl Suite<'_> {
    async fn deploy(&self, without: &[String]) {
        let grants = match without {
            [] => GrantSet::all(),
            [most] if most == "all but publishing" => GrantSet::from_iter([Grant::EventsPublish]),
            _ => GrantSet::NONE,
        };
        let now = self.host.host.app.clock.now();
        let version = NewVersion {
            grants,
            now,
            ..self.version.clone()
        };
        self.host.deploy(&self.host.tenant, version).await;
    }

    async fn check(&self, number: usize, case: &Case) -> Result<(), String> {
        if !case.without.is_empty() {
            self.deploy(&case.without).await;
        }
        let answered = format!("conformance.answered.{number}");
        let event = self.event(number, case, &answered);
        let record = self.ended(event).await;
        let answer = self.host.events(&answered).await;
        if !case.without.is_empty() {
            self.deploy(&[]).await;
        }
        case.check_end(&record)?;
        if let Some(results) = &case.results {
            let answer = answer.first().ok_or("it did not respond")?;
            let got: Value = serde_json::from_str(answer.body.data.as_str()).unwrap();
            let mut expect = json!({ "results": results });
            fill(&mut expect);
            fits(&got, &expect, "")?;
        }
        for expect in &case.published {
            self.was_published(&record, expect).await?;
        }
        let logs = serde_json::to_value(&record.logs).unwrap();
        for expect in &case.logs {
            let lines = logs.as_array().unwrap();
            if !lines.iter().any(|line| fits(line, expect, "").is_ok()) {
                return Err(format!("no line of log is {expect}: {logs}"));
            }
        }
        Ok(())
    }

    fn event(&self, number: usize, case: &Case, answered: &str) -> NewEvent {
        let own = format!("case-{number}");
        let label = |text: &Option<String>| Label::new(text.as_deref().unwrap_or(&own)).ok();
        let data = case
            .data
            .clone()
            .or_else(|| case.steps.as_ref().map(|steps| json!({ "steps": steps })));
        let mut data = data.unwrap_or_default();
        fill(&mut data);
        let about = &case.event;
        let extensions = about.extensions.iter();
        let answered = ReplyAddress {
            topic: Topic::ActionResults,
            event_type: EventType::new(answered).unwrap(),
        };
        NewEvent {
            topic: case.topic.parse().unwrap(),
            subject: about.subject.as_deref().map(Into::into),
            session: label(&about.session),
            plan: label(&about.plan),
            user: UserId::new(about.user.as_deref().unwrap_or(&own)).ok(),
            customer: about
                .customer
                .as_deref()
                .map(|id| CustomerId::new(id).unwrap()),
            extensions: extensions
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                .collect(),
            reply_to: (case.topic == action_requests()).then_some(answered),
            ..self.host.event(&case.event_type, data)
        }
    }

    /// Publish an event and wait until it needs no other attempt: the last one.
    async fn ended(&self, event: NewEvent) -> TurnRecord {
        let id: EventId = self.host.publish(&self.host.tenant, event).await;
        let started = Instant::now();
        loop {
            let host = &self.host.host;
            host.dispatcher.settle().await;
            let depth = host.app.deliveries.depth(&self.host.tenant).await.unwrap();
            if depth.retrying == 0 && depth.pending == 0 {
                return self.host.turn(&id).await;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{}: the event is still tried",
                self.language
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
            host.dispatcher.poke();
        }
    }

    async fn was_published(&self, record: &TurnRecord, expect: &Value) -> Result<(), String> {
        let events = self.host.events(expect["type"].as_str().unwrap()).await;
        let made = events
            .iter()
            .filter(|event| record.published.contains(&event.body.id));
        let seen: Vec<Value> = made
            .map(|event| {
                let data: Value = serde_json::from_str(event.body.data.as_str()).unwrap();
                json!({
                    "type": event.body.event_type.to_string(), "topic": event.body.topic.to_string(),
                    "subject": event.body.subject.as_deref(), "data": data,
                })
            })
            .collect();
        if seen.iter().any(|got| fits(got, expect, "").is_ok()) {
            return Ok(());
        }
        Err(format!("no event is {expect}: {seen:?}"))
    }
}
