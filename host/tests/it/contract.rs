//! What others are told of the contract, and the host's own types and checks, say the same.

use std::fmt::{Debug, Display};

use serde::Serialize;
use serde_json::{Value, json};
use warren::events::Topic;
use warren::registry::{
    ATTEMPTS_MAX, CONCURRENCY_MAX, DESCRIPTION_BYTES_MAX, Grant, MANIFEST_LIST_MAX, Manifest,
    Settings, TIMEOUT_MS_MAX,
};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).unwrap()
}

#[test]
fn words_and_limits_are_the_hosts() {
    let schema = schema();
    let settings = Settings::default();
    for (pointer, expect) in [
        ("/$defs/topic/enum", json!(Topic::ALL)),
        ("/properties/grants/items/anyOf/0/enum", json!(Grant::ALL)),
        (
            "/properties/description/maxLength",
            json!(DESCRIPTION_BYTES_MAX),
        ),
        (
            "/properties/subscriptions/maxItems",
            json!(MANIFEST_LIST_MAX),
        ),
        ("/properties/produces/maxItems", json!(MANIFEST_LIST_MAX)),
        (
            "/properties/capabilities/maxItems",
            json!(MANIFEST_LIST_MAX),
        ),
        (
            "/properties/settings/properties/timeout_ms/maximum",
            json!(TIMEOUT_MS_MAX),
        ),
        (
            "/properties/settings/properties/timeout_ms/default",
            json!(settings.timeout_ms),
        ),
        (
            "/properties/settings/properties/concurrency/maximum",
            json!(CONCURRENCY_MAX),
        ),
        (
            "/properties/settings/properties/concurrency/default",
            json!(settings.concurrency),
        ),
        (
            "/properties/settings/properties/attempts/maximum",
            json!(ATTEMPTS_MAX),
        ),
        (
            "/properties/settings/properties/attempts/default",
            json!(settings.attempts),
        ),
    ] {
        assert_eq!(schema.pointer(pointer), Some(&expect), "{pointer}");
    }
}

#[test]
fn the_schema_and_the_host_take_and_refuse_the_same() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let least = json!({ "name": "a", "kind": "agent" });
    let event = |event_type: &str| json!([{ "topic": "business-facts", "type": event_type }]);
    for (member, value, good) in [
        ("name", json!("a-1"), true),
        ("name", json!("1-a"), false),
        ("name", json!("a".repeat(63)), true),
        ("name", json!("a".repeat(64)), false),
        ("kind", json!("tool"), true),
        ("kind", json!("Tool"), false),
        ("version", json!("1.0"), true),
        ("surprise", json!(1), false),
        ("grants", json!(["working:read"]), true),
        ("grants", json!(["working"]), false),
        ("grants", json!(["http:api.example.com"]), true),
        ("grants", json!(["http:http://*.example.com:8080"]), true),
        ("grants", json!(["http:[2001:db8::1]:8443"]), true),
        ("grants", json!(["http:*"]), false),
        ("grants", json!(["http:example.com/path"]), false),
        ("grants", json!(["http:user@example.com"]), false),
        ("grants", json!(["http:example.com."]), false),
        ("subscriptions", event("order.placed"), true),
        ("subscriptions", event("order..placed"), false),
        ("subscriptions", event("order.*"), false),
        (
            "produces",
            json!([{ "topic": "gossip", "type": "a" }]),
            false,
        ),
        ("produces", json!([{ "type": "a" }]), false),
        (
            "produces",
            json!([{ "topic": "task-events", "type": "a", "schema": { "type": "object" } }]),
            true,
        ),
        (
            "capabilities",
            json!([{
                "name": "x", "tasks": ["y"],
                "consumes": { "topic": "action-requests", "type": "a.b" },
                "produces": [{ "topic": "action-results", "type": "c.d", "schema": "registered" }],
            }]),
            true,
        ),
        (
            "capabilities",
            json!([{ "name": "x", "consumes": "a..b" }]),
            false,
        ),
        ("capabilities", json!([{ "description": "x" }]), false),
        ("settings", json!({ "timeout_ms": TIMEOUT_MS_MAX }), true),
        (
            "settings",
            json!({ "timeout_ms": TIMEOUT_MS_MAX + 1 }),
            false,
        ),
        ("settings", json!({ "attempts": 0 }), false),
        ("settings", json!({ "memory": 1 }), false),
    ] {
        let mut manifest = least.clone();
        manifest[member] = value;
        let text = manifest.to_string();
        assert_eq!(validator.is_valid(&manifest), good, "the schema: {text}");
        assert_eq!(Manifest::parse(&text).is_ok(), good, "the host: {text}");
    }
}

/// The SDK knows nothing of the host, so it has words of its own.
#[test]
fn the_sdk_has_the_topics_and_grants_of_the_host() {
    fn told<T: Debug + Display + Serialize>(all: &[T]) -> Vec<[String; 3]> {
        let one = |value: &T| {
            let json = serde_json::to_string(value).unwrap();
            [format!("{value:?}"), value.to_string(), json]
        };
        all.iter().map(one).collect()
    }
    assert_eq!(told(&warren_agent::Topic::ALL), told(&Topic::ALL));
    assert_eq!(told(&warren_agent::Grant::ALL), told(&Grant::ALL));
    for word in told(&Topic::ALL).iter().map(|[_, word, _]| word) {
        let sdk = warren_agent::Topic::parse(word).map(warren_agent::Topic::as_str);
        assert_eq!(sdk, word.parse().ok().map(Topic::as_str));
    }
}
