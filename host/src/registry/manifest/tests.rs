//! What manifests may say, as a table.

use serde_json::{Value, json};

use super::*;

fn manifest(more: &Value) -> Result<Manifest> {
    let mut manifest = json!({
        "name": "reader", "kind": "tool",
        "subscriptions": [{ "topic": "action-requests", "type": "page.read", "schema": { "type": "string" } }],
        "produces": [{ "topic": "action-results", "type": "page.done", "schema": "page" }],
    });
    for (name, value) in more.as_object().unwrap() {
        manifest[name] = value.clone();
    }
    Manifest::parse(&manifest.to_string())
}

#[test]
fn a_capability_writes_out_the_events_it_names() {
    let inline =
        json!({ "topic": "business-facts", "type": "page.seen", "description": "It was." });
    let read = manifest(&json!({ "capabilities": [
        { "name": "read", "tasks": ["read-page"], "consumes": "page.read", "produces": ["page.done", inline] },
    ] }))
    .unwrap();
    let contracts = read.capability_contracts();
    let told = serde_json::to_value(&contracts[0].consumes).unwrap();
    assert_eq!(
        told,
        json!([{ "topic": "action-requests", "type": "page.read", "description": "", "schema": { "type": "string" } }])
    );
    let told = serde_json::to_value(&contracts[0].produces).unwrap();
    assert_eq!(
        told,
        json!([
            { "topic": "action-results", "type": "page.done", "description": "", "schema": "page" },
            inline,
        ])
    );
    let again = serde_json::to_string(&read).unwrap();
    assert_eq!(Manifest::parse(&again).unwrap(), read);
}

#[test]
fn what_is_wrong_is_named_and_limits_hold_at_and_one_past() {
    let words = |n: usize| (0..n).map(|i| format!("w{i}")).collect::<Vec<_>>();
    let word = |n: usize| "w".repeat(n);
    let capability = |more: Value| {
        let mut capability = json!({ "name": "read" });
        for (name, value) in more.as_object().unwrap() {
            capability[name] = value.clone();
        }
        json!({ "capabilities": [capability] })
    };
    for (more, fault) in [
        (json!({ "tags": words(TAGS_MAX) }), None),
        (
            json!({ "tags": words(TAGS_MAX + 1) }),
            Some("manifest.tags"),
        ),
        (
            json!({ "owner": word(WORD_BYTES_MAX), "category": word(WORD_BYTES_MAX) }),
            None,
        ),
        (
            json!({ "owner": word(WORD_BYTES_MAX + 1) }),
            Some("manifest.owner"),
        ),
        (json!({ "category": "" }), Some("manifest.category")),
        (capability(json!({ "tasks": words(TAGS_MAX) })), None),
        (
            capability(json!({ "tasks": words(TAGS_MAX + 1) })),
            Some("manifest.capabilities.tasks"),
        ),
        (
            capability(json!({ "name": "" })),
            Some("manifest.capabilities.name"),
        ),
        (capability(json!({ "consumes": null })), None),
        (
            capability(json!({ "consumes": "page.lost" })),
            Some("manifest.capabilities.consumes"),
        ),
        (
            capability(json!({ "produces": ["page.read"] })),
            Some("manifest.capabilities.produces"),
        ),
        (
            capability(
                json!({ "produces": [{ "topic": "plan-events", "type": "x", "schema": { "type": 1 } }] }),
            ),
            Some("manifest.capabilities.schema"),
        ),
        (
            json!({ "produces": [{ "topic": "plan-events", "type": "x", "schema": "" }] }),
            Some("manifest.produces.schema"),
        ),
    ] {
        let got = match manifest(&more) {
            Ok(_) => None,
            Err(Error::Invalid { field, .. }) => Some(field.into_owned()),
            Err(other) => panic!("{more}: {other}"),
        };
        assert_eq!(got.as_deref(), fault, "{more}");
    }
}
