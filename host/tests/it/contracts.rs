//! What guests publish is checked as what clients publish is.

use serde_json::{Value, json};
use warren::clock::Timestamp;
use warren::events::{Json, Topic};
use warren::id::EventType;
use warren::registry::{
    EventContract, EventDefinition, GrantSet, Manifest, NewSchema, PayloadSchema, TenantSettings,
    UnknownEvents,
};
use warren::turn::TurnOutcome;

use crate::guests;
use crate::harness::TestHost;

/// Register a schema that wants a positive `n`, for a type.
async fn define(host: &TestHost, event_type: &str) {
    let catalog = &host.host.app.catalog;
    let body =
        json!({ "type": "object", "properties": { "n": { "type": "integer", "minimum": 1 } } });
    let body = Json::from_value("schema", &body).unwrap();
    let schema = NewSchema::next("counted", body, Timestamp(1));
    catalog.put_schema(&host.tenant, schema).await.unwrap();
    let definition = EventDefinition {
        event_type: EventType::new(event_type).unwrap(),
        topic: Topic::BusinessFacts,
        description: String::new(),
        schema: Some("counted".to_owned()),
    };
    catalog.put_event(&host.tenant, definition).await.unwrap();
}

/// Run a script whose first command is tried, and return what it left.
async fn tried(host: &TestHost, command: Value) -> Value {
    let id = host
        .run(json!([{ "try": command }, { "put_last": "tried" }]))
        .await;
    let record = host.turn(&id).await;
    assert_eq!(
        record.outcome,
        TurnOutcome::Committed,
        "{:?}",
        record.reason
    );
    host.working("tried").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_learns_which_value_of_its_payload_is_wrong() {
    let host = TestHost::start().await;
    define(&host, "x.counted").await;
    let publish = |n: Value| json!({ "publish": { "type": "x.counted", "data": { "n": n } } });
    let refused = tried(&host, publish(json!(0))).await;
    assert_eq!(refused["error"], "invalid");
    let told = refused["message"].as_str().unwrap();
    assert!(
        told.contains("data/n") && told.contains("`counted` version 1"),
        "{told}"
    );
    assert!(tried(&host, publish(json!(1))).await.is_string());
    assert_eq!(host.events("x.counted").await.len(), 1);
    let named =
        json!({ "publish": { "type": "x.free", "data": { "n": -1 }, "schema": "counted" } });
    assert_eq!(tried(&host, named).await["error"], "invalid");
    let elsewhere = json!({ "publish": { "type": "x.free", "schema": "https://example.com/s" } });
    assert!(tried(&host, elsewhere).await.is_string());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_held_to_the_manifests_of_others_and_to_its_own() {
    let host = TestHost::start().await;
    let greeter = guests::bytes("greeter");
    host.push_component(&host.tenant, "greeter", greeter, GrantSet::all())
        .await;
    let mut probe = guests::probe();
    // A custom section, named `other`, with nothing in it: a component that is not there yet.
    probe.extend(b"\x00\x06\x05other");
    let promise = |manifest: &mut Manifest| {
        manifest.produces.push(EventContract {
            topic: Topic::BusinessFacts,
            event_type: EventType::new("probe.counted").unwrap(),
            description: String::new(),
            schema: Some(PayloadSchema::Inline(
                Json::from_value("schema", &json!({ "items": { "type": "integer" } })).unwrap(),
            )),
        });
    };
    host.push_changed(&host.tenant, "probe", probe, GrantSet::all(), promise)
        .await;
    let ask = |name: &str| json!({ "topic": "action-requests", "type": "greet.requested", "data": { "name": name } });
    let count = |data: Value| json!({ "publish": { "type": "probe.counted", "data": data } });
    for (command, place, whose) in [
        (json!({ "publish": ask("") }), "data/name", "`greeter`"),
        (json!({ "call": ask("") }), "data/name", "`greeter`"),
        (count(json!([1, "two"])), "data/1", "`probe`"),
    ] {
        let mut command = command;
        if let Some(call) = command.get_mut("call").and_then(Value::as_object_mut) {
            call.remove("topic");
        }
        let refused = tried(&host, command.clone()).await;
        let told = refused["message"].as_str().unwrap_or_default();
        assert_eq!(refused["error"], "invalid", "{command}: {refused}");
        assert!(told.contains(place) && told.contains(whose), "{told}");
    }
    assert!(
        tried(&host, json!({ "publish": ask("Ada") }))
            .await
            .is_string()
    );
    assert!(tried(&host, count(json!([1, 2]))).await.is_string());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_publishes_unknown_types_only_where_the_tenant_allows_it() {
    let host = TestHost::start().await;
    let unknown = json!({ "publish": { "type": "never.heard", "data": 1 } });
    assert!(tried(&host, unknown.clone()).await.is_string());
    let strict = TenantSettings {
        unknown_events: UnknownEvents::Refuse,
    };
    let catalog = &host.host.app.catalog;
    catalog.put_settings(&host.tenant, strict).await.unwrap();
    let refused = tried(&host, unknown).await;
    assert_eq!(refused["error"], "invalid");
    assert!(refused["message"].as_str().unwrap().contains("never.heard"));
    // What its own manifest declares is known, and an answer is of the type that was asked for.
    assert!(tried(&host, json!({ "chain": 1 })).await.is_string());
    let asked = json!({ "call": { "type": "probe.call", "data": [{ "respond": 7 }] } });
    assert_eq!(tried(&host, asked).await, json!(7));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn well_known_types_are_checked_for_guests_too() {
    let host = TestHost::start().await;
    let used = |quantity: Value| {
        json!({ "publish": {
            "topic": "billing-events", "type": "billing.usage",
            "data": { "meter": "calls", "quantity": quantity },
        } })
    };
    assert!(tried(&host, used(json!(2))).await.is_string());
    let refused = tried(&host, used(json!("two"))).await;
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("data/quantity"),
        "{refused}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_finds_whoever_can() {
    let host = TestHost::start().await;
    let ask = async |query: Value| tried(&host, json!({ "discover": query })).await;
    let found = ask(json!({ "id": "probe", "hosted": true, "state": "active" })).await;
    let probe = &found[0];
    assert_eq!(
        (&probe["name"], &probe["state"]),
        (&json!("probe"), &json!("active"))
    );
    assert_eq!(probe["definition"]["name"], "probe");
    assert!(
        probe["brief"]
            .as_str()
            .unwrap()
            .starts_with("probe (tool, active)")
    );
    assert_eq!(ask(json!({ "hosted": false })).await, json!([]));
    assert_eq!(ask(json!({ "about": "qqq zzz" })).await, json!([]));
    for wrong in [
        json!({ "kind": "wizard" }),
        json!({ "state": "asleep" }),
        json!({ "limit": 101 }),
    ] {
        assert_eq!(ask(wrong.clone()).await["error"], "invalid", "{wrong}");
    }
    host.stop().await;
}
