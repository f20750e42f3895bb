//! Event definitions and schemas, and what they mean for payloads.

use serde_json::{Value, json};

use super::harness::Host;

#[tokio::test]
async fn a_definition_gives_the_topic_and_its_schema_checks_the_payload() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let order =
        json!({ "topic": "business-facts", "description": "Somebody bought.", "schema": "order" });
    let path = "/v1/event-definitions/order.placed";
    acme.put(path, &order).await.problem(404, "not_found");
    let schema = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } });
    let kept = acme.put("/v1/schemas/order", &schema).await.ok();
    assert_eq!((&kept["version"], &kept["schema"]), (&json!(1), &schema));
    acme.put(path, &order).await.ok();

    let publish = |data: Value| json!({ "type": "order.placed", "data": data });
    acme.post("/v1/events", &publish(json!({ "n": 1 })))
        .await
        .ok();
    let refused = acme
        .post("/v1/events", &publish(json!({ "n": "one" })))
        .await;
    assert_eq!(refused.problem(422, "invalid")["field"], "data/n");
    let batch = json!({ "events": [publish(json!({}))] });
    let refused = acme.post("/v1/events/batch", &batch).await;
    assert_eq!(refused.problem(422, "invalid")["field"], "events[0].data");

    assert_eq!(acme.delete(path).await.status, 204);
    acme.delete(path).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_call_is_checked_like_an_event() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say"]).await.ok();
    acme.put("/v1/schemas/text", &json!({ "type": "string" }))
        .await
        .ok();
    let definition = json!({ "topic": "action-requests", "schema": "text" });
    acme.put("/v1/event-definitions/say", &definition)
        .await
        .ok();
    let refused = acme
        .post("/v1/agents/echo/call", &json!({ "data": 1 }))
        .await;
    refused.problem(422, "invalid");
    acme.post("/v1/agents/echo/call", &json!({ "data": "hello" }))
        .await
        .ok();
}

#[tokio::test]
async fn declared_types_are_found_with_who_speaks_them() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say", "shout"]).await.ok();
    let definition = json!({ "topic": "business-facts", "description": "It rained." });
    acme.put("/v1/event-definitions/rain", &definition)
        .await
        .ok();
    let table: [(&str, &[&str]); 5] = [
        ("", &["rain", "say", "shout"]),
        ("?actionable=true", &["say", "shout"]),
        ("?topic=business-facts", &["rain"]),
        ("?type=SH", &["shout"]),
        ("?after=rain&limit=1", &["say"]),
    ];
    for (query, expect) in table {
        let page = acme
            .get(&format!("/v1/event-definitions{query}"))
            .await
            .ok();
        let items = page["items"].as_array().unwrap().iter();
        let types: Vec<_> = items
            .map(|item| item["type"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(types, expect, "{query}");
    }
    let say = acme.get("/v1/event-definitions/say").await.ok();
    assert_eq!(say["consumers"], json!(["echo"]));
}

/// A list goes on after a type, so no page may end in the middle of one.
#[tokio::test]
async fn a_type_on_several_topics_is_not_split_between_pages() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["ask", "say", "shout"])
        .await
        .ok();
    let definition = json!({ "topic": "business-facts" });
    acme.put("/v1/event-definitions/say", &definition)
        .await
        .ok();
    for limit in 1..=4 {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/event-definitions?limit={limit}{after}");
            let page = acme.get(&path).await.ok();
            let items = page["items"].as_array().unwrap().iter();
            let word = |item: &Value, name| item[name].as_str().unwrap().to_owned();
            seen.extend(items.map(|item| (word(item, "type"), word(item, "topic"))));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            after = format!("&after={next}");
        }
        let expect = [
            ("ask", "action-requests"),
            ("say", "action-requests"),
            ("say", "business-facts"),
            ("shout", "action-requests"),
        ];
        let expect = expect.map(|(event_type, topic)| (event_type.to_owned(), topic.to_owned()));
        assert_eq!(seen, expect, "{limit} rows a page");
    }
    let said = acme.get("/v1/event-definitions/say").await.ok();
    assert_eq!(
        said["topic"], "business-facts",
        "as it was declared by hand"
    );
}

#[tokio::test]
async fn schemas_have_versions_that_stay() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    for (schema, version) in [
        (json!({}), 1),
        (json!({}), 1),
        (json!({ "type": "null" }), 2),
    ] {
        let kept = acme.put("/v1/schemas/s", &schema).await.ok();
        assert_eq!(kept["version"], version);
    }
    for (query, version) in [("", 2), ("?version=1", 1)] {
        let found = acme.get(&format!("/v1/schemas/s{query}")).await.ok();
        assert_eq!(found["version"], version);
    }
    acme.get("/v1/schemas/s?version=3")
        .await
        .problem(404, "not_found");
    let listed = acme.get("/v1/schemas").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let outside = json!({ "$ref": "https://example.com/other.json" });
    for bad in [json!({ "type": "nonsense" }), outside, json!([])] {
        acme.put("/v1/schemas/bad", &bad)
            .await
            .problem(422, "invalid");
    }
}
