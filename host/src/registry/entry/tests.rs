//! Limits at and one past them; who sees what.

use serde_json::{Value, json};

use super::*;
use crate::error::Error;
use crate::registry::{DESCRIPTION_BYTES_MAX, MANIFEST_LIST_MAX, TAGS_MAX, WORD_BYTES_MAX};

/// A service that says no more than it must, with these members.
fn with(more: &Value) -> Result<ServiceDefinition, String> {
    let mut body = json!({ "name": "weather", "type": "api" });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let definition: ServiceDefinition = serde_json::from_value(body).map_err(|e| e.to_string())?;
    match definition.check() {
        Ok(()) => Ok(definition),
        Err(Error::Invalid { field, .. }) => Err(field.into_owned()),
        Err(Error::TooLarge { limit, .. }) => Err(limit.to_owned()),
        Err(other) => Err(other.to_string()),
    }
}

fn letters(n: usize) -> String {
    "x".repeat(n)
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one row a case reads best in one table"
)]
fn limits_hold_at_and_one_past() {
    let tags = |n: usize| (0..n).map(|i| format!("t{i}")).collect::<Vec<_>>();
    let endpoints = |n: usize| vec![json!({ "path": "/a" }); n];
    let keys = |n: usize| (0..n).map(|i| format!("k{i}")).collect::<Vec<_>>();
    let can = |n: usize| vec![json!({ "name": "do" }); n];
    let makes = |n: usize| vec![json!({ "topic": "business-facts", "type": "a" }); n];
    let takes = |n: usize| {
        (0..n)
            .map(|i| json!({ "topic": "action-requests", "type": format!("a.{i}") }))
            .collect::<Vec<_>>()
    };
    let url = |n: usize| format!("http://{}", letters(n - 7));
    let about = |n: usize| json!({ "m": letters(n - 8) });
    let table = [
        (
            json!({ "version": letters(WORD_BYTES_MAX) }),
            json!({ "version": letters(WORD_BYTES_MAX + 1) }),
            "version",
        ),
        (
            json!({ "category": letters(WORD_BYTES_MAX) }),
            json!({ "category": letters(WORD_BYTES_MAX + 1) }),
            "category",
        ),
        (
            json!({ "protocol": letters(WORD_BYTES_MAX) }),
            json!({ "protocol": letters(WORD_BYTES_MAX + 1) }),
            "protocol",
        ),
        (
            json!({ "tags": [letters(WORD_BYTES_MAX)] }),
            json!({ "tags": [letters(WORD_BYTES_MAX + 1)] }),
            "tags",
        ),
        (
            json!({ "tags": tags(TAGS_MAX) }),
            json!({ "tags": tags(TAGS_MAX + 1) }),
            "tags",
        ),
        (
            json!({ "url": url(URL_BYTES_MAX) }),
            json!({ "url": url(URL_BYTES_MAX + 1) }),
            "url",
        ),
        (
            json!({ "endpoints": endpoints(ENDPOINTS_MAX) }),
            json!({ "endpoints": endpoints(ENDPOINTS_MAX + 1) }),
            "endpoints",
        ),
        (
            json!({ "readers": keys(READERS_MAX) }),
            json!({ "readers": keys(READERS_MAX + 1) }),
            "readers",
        ),
        (
            json!({ "capabilities": can(MANIFEST_LIST_MAX) }),
            json!({ "capabilities": can(MANIFEST_LIST_MAX + 1) }),
            "capabilities",
        ),
        (
            json!({ "subscriptions": takes(MANIFEST_LIST_MAX) }),
            json!({ "subscriptions": takes(MANIFEST_LIST_MAX + 1) }),
            "subscriptions",
        ),
        (
            json!({ "produces": makes(MANIFEST_LIST_MAX) }),
            json!({ "produces": makes(MANIFEST_LIST_MAX + 1) }),
            "produces",
        ),
        (
            json!({ "description": letters(DESCRIPTION_BYTES_MAX) }),
            json!({ "description": letters(DESCRIPTION_BYTES_MAX + 1) }),
            "description",
        ),
        (
            json!({ "metadata": about(METADATA_BYTES_MAX) }),
            json!({ "metadata": about(METADATA_BYTES_MAX + 1) }),
            "metadata",
        ),
        (
            json!({ "ttl_s": TTL_S_MAX }),
            json!({ "ttl_s": TTL_S_MAX + 1 }),
            "ttl_s",
        ),
    ];
    for (at, past, field) in table {
        assert!(with(&at).is_ok(), "{field}: {:?}", with(&at));
        assert_eq!(with(&past).unwrap_err(), field);
    }
}

#[test]
fn a_definition_is_as_long_as_a_manifest_and_no_longer() {
    // Many endpoints of long paths reach the whole before any part of it.
    let long = |n: usize| {
        let path = format!("/{}", letters(URL_BYTES_MAX - 1));
        let mut all = vec![json!({ "path": path }); n / (URL_BYTES_MAX + 11)];
        let definition = with(&json!({ "endpoints": all })).unwrap();
        let left = n - serde_json::to_string(&definition).unwrap().len() - 12;
        all.push(json!({ "path": format!("/{}", letters(left - 1)) }));
        with(&json!({ "endpoints": all }))
    };
    let at = long(SERVICE_BYTES_MAX).unwrap();
    assert_eq!(serde_json::to_string(&at).unwrap().len(), SERVICE_BYTES_MAX);
    assert_eq!(
        long(SERVICE_BYTES_MAX + 1).unwrap_err(),
        "service_bytes_max"
    );
}

#[test]
fn what_is_no_definition_is_refused_by_member() {
    let table = [
        (json!({ "name": "resolve" }), "name"),
        (json!({ "url": "weather.example" }), "url"),
        (json!({ "url": "https://" }), "url"),
        (json!({ "url": "https://a b" }), "url"),
        (json!({ "url": "HTTP://a" }), "url"),
        (json!({ "url": "https://user:secret@a/" }), "url"),
        (
            json!({ "endpoints": [{ "path": "chat" }] }),
            "endpoints.path",
        ),
        (json!({ "metadata": [1] }), "metadata"),
        (json!({ "tags": ["a\nb"] }), "tags"),
        (json!({ "tags": [""] }), "tags"),
        (
            json!({ "produces": [{ "topic": "business-facts", "type": "a", "schema": { "type": "no" } }] }),
            "produces.schema",
        ),
        (
            json!({ "subscriptions": [{ "topic": "business-facts", "type": "a" }, { "topic": "business-facts", "type": "a" }] }),
            "subscriptions",
        ),
    ];
    for (more, field) in table {
        assert_eq!(with(&more).unwrap_err(), field, "{more}");
    }
    for (more, words) in [
        (json!({ "tenant": "x" }), "unknown field `tenant`"),
        (
            json!({ "auth": { "type": "jwt", "token": "s" } }),
            "unknown field `token`",
        ),
        (json!({ "type": "robot" }), "unknown variant `robot`"),
        (json!({ "name": "Weather" }), "agent name"),
    ] {
        let told = with(&more).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_password_in_a_url_is_not_repeated() {
    let definition: ServiceDefinition = serde_json::from_value(
        json!({ "name": "w", "type": "api", "url": "https://u:hunter2@a/" }),
    )
    .unwrap();
    let told = definition.check().unwrap_err().to_string();
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn each_visibility_has_its_viewers() {
    let key = |name: &str| KeyName::new(name).unwrap();
    let (owner, reader, other) = (key("owner"), key("reader"), key("other"));
    let all = [
        Viewer::Key(&owner),
        Viewer::Key(&reader),
        Viewer::Key(&other),
        Viewer::Agent,
        Viewer::Operator,
    ];
    let table = [
        ("public", [true, true, true, true, true]),
        ("private", [true, true, false, false, false]),
        ("internal", [true, false, false, false, true]),
    ];
    for (visibility, expect) in table {
        let definition = with(&json!({ "visibility": visibility, "readers": ["reader"] })).unwrap();
        let service = Service {
            definition: Arc::new(definition),
            owner: owner.clone(),
            signature: None,
            ttl_ms: 0,
            asked: ServiceState::Active,
            health: None,
            announced: ServiceState::Active,
            seen: Timestamp(0),
            offline_since: None,
            registered: Timestamp(0),
            updated: Timestamp(0),
        };
        assert_eq!(
            all.map(|viewer| service.visible_to(viewer)),
            expect,
            "{visibility}"
        );
    }
}
