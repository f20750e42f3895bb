//! Manifests that the SDK makes follow the published schema, and the schema says what the host checks.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use warren_agent::{Agent, Capability, Context, Event, Failure, Grant, Kind, Topic, payload};

#[derive(Serialize, Deserialize)]
struct Asked {
    question: String,
}
payload!(
    Asked: ActionRequests,
    "question.asked",
    description = "Somebody wants to know.",
    schema = r#"{"type": "object", "required": ["question"]}"#,
);

#[derive(Serialize, Deserialize)]
struct Answered {
    answer: String,
}
payload!(Answered: ActionResults, "question.answered");

#[derive(Serialize, Deserialize)]
struct Crooked;
payload!(Crooked: BusinessFacts, "crooked", schema = "{not json");

#[expect(clippy::unnecessary_wraps, reason = "handlers may fail")]
fn answer(_: &Context, asked: Event<Asked>) -> Result<Answered, Failure> {
    Ok(Answered {
        answer: asked.data.question,
    })
}

fn everything() -> Agent {
    Agent::tool("oracle")
        .describe("Answers questions.")
        .version("1.2.3")
        .category("knowledge")
        .tags(["wise", "old"])
        .owner("delphi")
        .capability("mumble", "Says something.")
        .can(
            Capability::new("answer", "Knows the answer.")
                .task("answer-question")
                .asked_by::<Asked>()
                .answers_by::<Answered>(),
        )
        .answers(answer)
        .produces_type(Topic::BusinessFacts, "oracle.spoke")
        .on_type(Topic::TaskEvents, "task.done", |_, _: Event<Value>| Ok(()))
        .calls()
        .grants(Grant::ALL)
        .timeout_ms(300_000)
        .concurrency(256)
        .attempts(50)
}

fn faults(manifest: &str) -> Vec<String> {
    let schema: Value =
        serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let manifest = serde_json::from_str(manifest).expect("JSON");
    let faults = validator.iter_errors(&manifest);
    faults
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect()
}

#[test]
fn manifests_follow_the_schema() {
    for kind in [Kind::Tool, Kind::Worker, Kind::Planner, Kind::Agent] {
        assert_eq!(faults(&Agent::of(kind, "least").manifest()), [""; 0]);
    }
    assert_eq!(faults(&everything().manifest()), [""; 0]);
}

#[test]
fn the_manifest_says_what_was_declared() {
    let manifest: Value = serde_json::from_str(&everything().manifest()).unwrap();
    let question = json!({
        "topic": "action-requests", "type": "question.asked", "description": "Somebody wants to know.",
        "schema": {"type": "object", "required": ["question"]},
    });
    for (pointer, expect) in [
        ("/name", json!("oracle")),
        ("/kind", json!("tool")),
        ("/tags", json!(["wise", "old"])),
        ("/owner", json!("delphi")),
        ("/capabilities/1/tasks", json!(["answer-question"])),
        ("/capabilities/1/consumes/0", question.clone()),
        (
            "/capabilities/1/produces/0/type",
            json!("question.answered"),
        ),
        ("/subscriptions/0", question),
        (
            "/subscriptions/1",
            json!({"topic": "task-events", "type": "task.done"}),
        ),
        (
            "/produces/0",
            json!({"topic": "action-results", "type": "question.answered"}),
        ),
        (
            "/produces/1",
            json!({"topic": "business-facts", "type": "oracle.spoke"}),
        ),
        (
            "/settings",
            json!({"timeout_ms": 300_000, "concurrency": 256, "attempts": 50}),
        ),
    ] {
        assert_eq!(manifest.pointer(pointer), Some(&expect), "{pointer}");
    }
}

#[test]
fn only_what_is_asked_for_is_in_the_manifest() {
    let grants = |agent: Agent| -> Vec<&'static str> {
        agent
            .wanted_grants()
            .iter()
            .map(|grant| grant.as_str())
            .collect()
    };
    assert_eq!(grants(Agent::new("a")), [""; 0]);
    assert_eq!(grants(Agent::new("a").answers(answer)), ["events:publish"]);
    assert_eq!(
        grants(Agent::new("a").produces::<Answered>()),
        ["events:publish"]
    );
    assert_eq!(grants(Agent::new("a").calls()), ["events:call"]);
    let twice = Agent::new("a")
        .grants(Grant::WORKING)
        .grants([Grant::WorkingRead, Grant::EventsCall]);
    assert_eq!(
        grants(twice),
        ["events:call", "working:read", "working:write"]
    );
}

#[test]
fn the_schema_refuses_what_the_host_refuses() {
    for (changed, value) in [
        ("/name", json!("No Name")),
        ("/kind", json!("robot")),
        ("/grants", json!(["everything"])),
        ("/settings/timeout_ms", json!(300_001)),
        ("/settings/concurrency", json!(0)),
        ("/settings/attempts", json!(51)),
        ("/subscriptions/0/topic", json!("gossip")),
        ("/subscriptions/0/type", json!("a..b")),
        ("/description", json!("x".repeat(4_097))),
        ("/capabilities", json!(vec![json!({"name": "x"}); 129])),
        ("/owner", json!("x".repeat(129))),
        ("/tags", json!(vec!["x"; 33])),
        (
            "/capabilities/0",
            json!({"name": "x", "consumes": ["a..b"]}),
        ),
        ("/subscriptions/0/schema", json!(7)),
    ] {
        let mut manifest: Value = serde_json::from_str(&everything().manifest()).unwrap();
        *manifest.pointer_mut(changed).unwrap() = value;
        assert_eq!(faults(&manifest.to_string()).len(), 1, "{changed}");
    }
}

#[test]
fn a_schema_that_is_not_json_is_named() {
    let manifest = Agent::new("bent").produces::<Crooked>().manifest();
    assert!(
        manifest.starts_with("a schema of `bent` is not JSON"),
        "{manifest}"
    );
}
