//! The conformance suite of the languages: `examples/07-languages/conformance/cases.json`, run against the agent
//! of each language on a real host.
//!
//! Rust's agent is always there. The others are built by `cargo xtask conformance`, which names them in
//! `WARREN_LANGUAGES` and reads what a run leaves: a file of figures a language.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use warren::events::{NewEvent, ReplyAddress, Topic};
use warren::id::{AgentName, CustomerId, EventId, EventType, Label, UserId};
use warren::registry::{Grant, GrantSet, Manifest};
use warren::turn::TurnRecord;

use crate::guests;
use crate::harness::TestHost;

/// The languages to run besides Rust, by name, a space between each.
const LANGUAGES: &str = "WARREN_LANGUAGES";
/// What each agent is deployed as.
const AGENT: &str = "conformance";
/// Longest that an event's turns may take, with all attempts.
const PATIENCE: Duration = Duration::from_mins(1);
/// Turns whose CPU time is looked at, and how many come before these.
const TURNS: usize = 100;
const WARM_UP: usize = 20;

/// An event, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "type", default = "run")]
    event_type: String,
    #[serde(default = "action_requests")]
    topic: String,
    /// The payload; `steps` are short for a payload with these.
    data: Option<Value>,
    steps: Option<Value>,
    #[serde(default)]
    event: About,
    /// Grants that are withheld.
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    settings: Changed,
    results: Option<Value>,
    /// How the turn ends; `committed` if nothing is said.
    #[serde(default = "committed")]
    outcome: Vec<String>,
    /// Words of the reason.
    reason: Option<String>,
    /// The attempt that ends it.
    attempt: Option<u32>,
    #[serde(default)]
    published: Vec<Value>,
    #[serde(default)]
    logs: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct About {
    subject: Option<String>,
    session: Option<String>,
    plan: Option<String>,
    user: Option<String>,
    customer: Option<String>,
    extensions: Map<String, Value>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Changed {
    timeout_ms: Option<u32>,
    attempts: Option<u32>,
}

fn run() -> String {
    "conformance.run".into()
}

fn action_requests() -> String {
    "action-requests".into()
}

fn committed() -> Vec<String> {
    vec!["committed".into()]
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_does_what_every_language_must() {
    conforms("rust", guests::bytes("conformance-rust")).await;
}

/// Those that `cargo xtask conformance` has built.
#[tokio::test(flavor = "multi_thread")]
async fn other_languages_do_what_every_language_must() {
    let asked = std::env::var(LANGUAGES).unwrap_or_default();
    for language in asked.split_whitespace() {
        let file = built().join(format!("conformance-{language}.wasm"));
        let component = std::fs::read(&file).unwrap_or_else(|e| {
            panic!(
                "{}: {e}; `cargo xtask conformance` builds it",
                file.display()
            )
        });
        conforms(language, component).await;
    }
}

fn built() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/languages")
}

async fn conforms(language: &str, component: Vec<u8>) {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/07-languages/conformance/cases.json"
    ));
    let cases: Vec<Case> = serde_json::from_str(&text.unwrap()).unwrap();
    let suite = Suite {
        language,
        host: TestHost::start().await,
        component,
    };
    let started = Instant::now();
    suite.deploy(&[], &Changed::default()).await;
    let deployed = started.elapsed();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        if let Err(why) = suite.check(number, case).await {
            wrong.push(format!("{}: {why}", case.name));
        }
    }
    let cpu_us = suite.cpu_us().await;
    let passed = cases.len() - wrong.len();
    let figures = format!(
        "language {language}\ncases {}\npassed {passed}\nbytes {}\ndeployed_ms {}\ncpu_us {cpu_us}\n",
        cases.len(),
        suite.component.len(),
        deployed.as_millis()
    );
    let dir = built();
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(format!("{language}.figures")), figures).unwrap();
    suite.host.stop().await;
    assert!(wrong.is_empty(), "{language}:\n{}", wrong.join("\n"));
}

struct Suite<'a> {
    language: &'a str,
    host: TestHost,
    component: Vec<u8>,
}

impl Suite<'_> {
    async fn deploy(&self, without: &[String], changed: &Changed) {
        let mut component = self.component.clone();
        if *changed != Changed::default() {
            // Another digest, as a known one keeps its settings: a custom section that nobody reads. The same each time:
            // some components take a minute to compile.
            component.extend(b"\x00\x06\x05other");
        }
        let grants = match without {
            [] => GrantSet::all(),
            [most] if most == "all but publishing" => GrantSet::from_iter([Grant::EventsPublish]),
            _ => GrantSet::from_iter([]),
        };
        let change = |manifest: &mut Manifest| {
            let settings = &mut manifest.settings;
            settings.timeout_ms = changed.timeout_ms.unwrap_or(settings.timeout_ms);
            settings.attempts = changed.attempts.unwrap_or(settings.attempts);
        };
        let tenant = &self.host.tenant;
        self.host
            .push_changed(tenant, AGENT, component, grants, change)
            .await;
    }

    async fn check(&self, number: usize, case: &Case) -> Result<(), String> {
        let changed = !case.without.is_empty() || case.settings != Changed::default();
        if changed {
            self.deploy(&case.without, &case.settings).await;
        }
        let answered = format!("conformance.answered.{number}");
        let event = self.event(number, case, &answered);
        let record = self.ended(event).await;
        let answer = self.host.events(&answered).await;
        if changed {
            self.deploy(&[], &Changed::default()).await;
        }
        check_end(case, &record)?;
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

    /// CPU inside the guest of a small turn with four host calls, in the middle of many.
    async fn cpu_us(&self) -> u64 {
        let steps = json!({ "steps": [
            { "do": "working.increment", "key": "n", "by": 1 },
            { "do": "working.put", "key": "last", "value": "Ada" },
            { "do": "log", "level": "info", "message": "greeting", "fields": { "name": "Ada" } },
        ] });
        let mut figures = Vec::new();
        for turn in 0..WARM_UP + TURNS {
            let event = NewEvent {
                topic: Topic::ActionRequests,
                reply_to: Some(ReplyAddress {
                    topic: Topic::ActionResults,
                    event_type: EventType::new("conformance.measured").unwrap(),
                }),
                ..self.host.event(&run(), steps.clone())
            };
            let record = self.ended(event).await;
            assert_eq!(record.agent, AgentName::new(AGENT).unwrap());
            if turn >= WARM_UP {
                figures.push(record.cpu_us);
            }
        }
        figures.sort_unstable();
        figures[TURNS / 2]
    }
}

fn check_end(case: &Case, record: &TurnRecord) -> Result<(), String> {
    let outcome = record.outcome.as_str();
    let reason = record.reason.as_deref().unwrap_or_default();
    if !case.outcome.iter().any(|expect| expect == outcome) {
        return Err(format!(
            "it {outcome}, expected {:?}: {reason}",
            case.outcome
        ));
    }
    if let Some(words) = case
        .reason
        .as_deref()
        .filter(|words| !reason.contains(words))
    {
        return Err(format!("its reason is `{reason}`, without `{words}`"));
    }
    match case.attempt {
        Some(attempt) if attempt != record.attempt => {
            Err(format!("it ended at attempt {}", record.attempt))
        }
        _ => Ok(()),
    }
}

/// Whether a value is what is expected: `"*"` is anything, and objects may have more members.
fn fits(got: &Value, expect: &Value, at: &str) -> Result<(), String> {
    let unlike = || {
        Err(format!(
            "{at}: got {}, expected {}",
            shown(got),
            shown(expect)
        ))
    };
    match (got, expect) {
        (_, Value::String(any)) if any == "*" => Ok(()),
        (Value::Object(got), Value::Object(expect)) => {
            expect.iter().try_for_each(|(name, expect)| {
                let at = format!("{at}/{name}");
                fits(got.get(name).unwrap_or(&Value::Null), expect, &at)
            })
        }
        (Value::Array(got), Value::Array(expect)) if got.len() == expect.len() => {
            let mut pairs = got.iter().zip(expect).enumerate();
            pairs.try_for_each(|(i, (got, expect))| fits(got, expect, &format!("{at}/{i}")))
        }
        // `1` and `1.0` are one number in JSON.
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => Ok(()),
        (got, expect) if got == expect => Ok(()),
        _ => unlike(),
    }
}

/// Short enough to read.
fn shown(value: &Value) -> String {
    let mut text = String::new();
    write!(text, "{value}").unwrap();
    text.chars().take(400).collect()
}

/// Put texts in place of `{"$fill": n}`.
fn fill(value: &mut Value) {
    match value {
        Value::Object(members) if members.contains_key("$fill") => {
            let bytes = members["$fill"].as_u64().unwrap();
            *value = "y".repeat(usize::try_from(bytes).unwrap()).into();
        }
        Value::Object(members) => members.values_mut().for_each(fill),
        Value::Array(elements) => elements.iter_mut().for_each(fill),
        _ => {}
    }
}
