//! Event definitions and schemas.

use warren::clock::{Clock, Timestamp};
use warren::error::Error;
use warren::events::{Json, Topic};
use warren::id::EventType;
use warren::registry::{EventDefinition, NewSchema, TenantSettings, UnknownEvents, Viewer};

use super::{Fixture, on_every_store};

on_every_store![
    a_definition_is_in_the_directory_at_once,
    a_schemas_versions_never_change,
    a_definition_needs_its_schema,
    tenants_share_no_definitions_and_no_schemas,
    settings_are_in_the_directory_at_once_and_of_one_tenant,
    no_read_is_stale_in_ten_thousand,
];

fn definition(event_type: &str, description: &str, schema: Option<&str>) -> EventDefinition {
    EventDefinition {
        event_type: EventType::new(event_type).unwrap(),
        topic: Topic::BusinessFacts,
        description: description.to_owned(),
        schema: schema.map(str::to_owned),
    }
}

fn schema(text: &str) -> Json {
    Json::parse("schema", text).unwrap()
}

async fn settings_are_in_the_directory_at_once_and_of_one_tenant(f: &Fixture) {
    let bolt = f.neighbour("bolt").await;
    let strict = TenantSettings {
        unknown_events: UnknownEvents::Refuse,
    };
    f.catalog.put_settings(&f.scope, strict).await.unwrap();
    let ours = f.agents.directory(&f.scope).await.unwrap();
    let theirs = bolt.agents.directory(&bolt.scope).await.unwrap();
    assert_eq!(ours.settings(), strict);
    assert_eq!(theirs.settings(), TenantSettings::default());
}

/// Whoever was told that a change is durable reads it, ten thousand times in a row, from a definition, and
/// now and then from a setting and a schema too.
async fn no_read_is_stale_in_ten_thousand(f: &Fixture) {
    let event_type = EventType::new("order.placed").unwrap();
    for round in 0..10_000_u32 {
        let wanted = definition("order.placed", &round.to_string(), None);
        f.catalog.put_event(&f.scope, wanted.clone()).await.unwrap();
        let directory = f.agents.directory(&f.scope).await.unwrap();
        assert_eq!(directory.definition(&event_type), Some(&wanted), "{round}");
        let found = directory.declared(Viewer::Operator, &event_type, Timestamp(0));
        let found = found.unwrap();
        assert_eq!(found.description, wanted.description, "{round}");
        if round % 100 == 0 {
            let unknown_events =
                [UnknownEvents::Allow, UnknownEvents::Refuse][round as usize / 100 % 2];
            let settings = TenantSettings { unknown_events };
            f.catalog.put_settings(&f.scope, settings).await.unwrap();
            let directory = f.agents.directory(&f.scope).await.unwrap();
            assert_eq!(directory.settings(), settings, "{round}");
            let body = schema(&format!(r#"{{"title":"{round}"}}"#));
            let kept = f
                .catalog
                .put_schema(&f.scope, NewSchema::next("order", body, Timestamp(1)));
            let version = kept.await.unwrap().schema.version;
            let latest = f.catalog.schema(&f.scope, "order", None).await.unwrap();
            assert_eq!(latest.version, version, "{round}");
        }
    }
}

async fn a_definition_is_in_the_directory_at_once(f: &Fixture) {
    f.deploy("worker", &["order.placed"]).await;
    for i in 0..100 {
        let wanted = definition("order.placed", &format!("round {i}"), None);
        f.catalog.put_event(&f.scope, wanted.clone()).await.unwrap();
        let directory = f.agents.directory(&f.scope).await.unwrap();
        assert_eq!(directory.definition(&wanted.event_type), Some(&wanted));
        assert_eq!(directory.len(), 1, "the agents are still there");
        assert_eq!(f.catalog.events(&f.scope).await.unwrap(), [wanted]);
    }
    let event_type = EventType::new("order.placed").unwrap();
    f.catalog.delete_event(&f.scope, &event_type).await.unwrap();
    let directory = f.agents.directory(&f.scope).await.unwrap();
    assert_eq!(directory.definition(&event_type), None);
    let again = f.catalog.delete_event(&f.scope, &event_type).await;
    assert!(matches!(again, Err(Error::NotFound { .. })));
}

async fn a_schemas_versions_never_change(f: &Fixture) {
    let now = f.clock.now();
    let put = async |text: &str| {
        let put = f
            .catalog
            .put_schema(&f.scope, NewSchema::next("order", schema(text), now));
        put.await.unwrap().schema.version
    };
    assert_eq!(put("{}").await, 1);
    assert_eq!(put("{}").await, 1, "the latest again is no new version");
    assert_eq!(put("true").await, 2);
    assert_eq!(put("{}").await, 3);
    let get = async |version| f.catalog.schema(&f.scope, "order", version).await;
    for (version, number, text) in [(Some(1), 1, "{}"), (Some(2), 2, "true"), (None, 3, "{}")] {
        let found = get(version).await.unwrap();
        assert_eq!((found.version, found.body.as_str()), (number, text));
    }
    assert!(matches!(get(Some(4)).await, Err(Error::NotFound { .. })));
    let remote = schema(r#"{"$ref":"https://example.com/s"}"#);
    let refused = f
        .catalog
        .put_schema(&f.scope, NewSchema::next("order", remote, now))
        .await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    assert_eq!(f.catalog.schemas(&f.scope, None).await.unwrap().len(), 1);
}

async fn a_definition_needs_its_schema(f: &Fixture) {
    let wanted = definition("order.placed", "", Some("order"));
    let refused = f.catalog.put_event(&f.scope, wanted.clone()).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    let now = Timestamp(1);
    f.catalog
        .put_schema(&f.scope, NewSchema::next("order", schema("{}"), now))
        .await
        .unwrap();
    f.catalog.put_event(&f.scope, wanted).await.unwrap();
}

async fn tenants_share_no_definitions_and_no_schemas(f: &Fixture) {
    let bolt = f.neighbour("bolt").await;
    let now = f.clock.now();
    f.catalog
        .put_schema(&f.scope, NewSchema::next("order", schema("{}"), now))
        .await
        .unwrap();
    let ours = definition("order.placed", "ours", Some("order"));
    f.catalog.put_event(&f.scope, ours.clone()).await.unwrap();
    assert!(bolt.catalog.events(&bolt.scope).await.unwrap().is_empty());
    assert!(
        bolt.catalog
            .schemas(&bolt.scope, None)
            .await
            .unwrap()
            .is_empty()
    );
    let missing = bolt.catalog.schema(&bolt.scope, "order", None).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let deleted = bolt
        .catalog
        .delete_event(&bolt.scope, &ours.event_type)
        .await;
    assert!(matches!(deleted, Err(Error::NotFound { .. })));
    assert_eq!(f.catalog.events(&f.scope).await.unwrap(), [ours]);
}
