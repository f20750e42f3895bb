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
    for (query, schema, version, status) in [
        ("", json!({}), 1, 201),
        ("", json!({}), 1, 200),
        ("?version=1", json!({}), 1, 200),
        (
            "?dry_run=true&compatibility=none",
            json!({ "type": "null" }),
            2,
            200,
        ),
        (
            "?compatibility=none&owner=shop",
            json!({ "type": "null" }),
            2,
            201,
        ),
    ] {
        let answer = acme.put(&format!("/v1/schemas/s{query}"), &schema).await;
        assert_eq!(
            (&answer.ok()["version"], answer.status),
            (&json!(version), status),
            "{query}"
        );
    }
    for (query, status, code) in [
        ("?version=1", 409, "conflict"),
        ("?version=4", 422, "invalid"),
        ("?compatibility=backward", 409, "conflict"),
    ] {
        let path = format!("/v1/schemas/s{query}");
        let refused = acme.put(&path, &json!({ "type": "string" })).await;
        refused.problem(status, code);
    }
    let versions = acme.get("/v1/schemas/s/versions?limit=1").await.ok();
    assert_eq!(
        (&versions["items"][0]["version"], &versions["next"]),
        (&json!(2), &json!("2"))
    );
    let older = acme.get("/v1/schemas/s/versions?before=2").await.ok();
    assert_eq!(older["items"][0]["schema"], json!({}));
    for (owner, found) in [("shop", 1), ("client/main", 0)] {
        let listed = acme.get(&format!("/v1/schemas?owner={owner}")).await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), found, "{owner}");
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

#[tokio::test]
async fn a_version_that_breaks_readers_is_refused_with_the_path() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let order =
        |total: &str| json!({ "type": "object", "properties": { "total": { "type": total } } });
    acme.put("/v1/schemas/order", &order("number")).await.ok();
    let refused = acme.put("/v1/schemas/order", &order("string")).await;
    let detail = refused.problem(409, "conflict")["detail"].to_string();
    let told = r#"/properties/total/type: \"number\" became \"string\""#;
    assert!(detail.contains(told), "{detail}");
}

#[tokio::test]
async fn unknown_types_are_published_or_refused_as_the_tenant_says() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    acme.push("echo", "echo", &["say"]).await.ok();
    let event = |topic: &str, event_type: &str| json!({ "topic": topic, "type": event_type });
    let unknown = event("business-facts", "never.heard");
    assert_eq!(
        acme.get("/v1/settings").await.ok(),
        json!({ "unknown_events": "allow" })
    );
    acme.post("/v1/events", &unknown).await.ok();
    let strict = json!({ "unknown_events": "refuse" });
    assert_eq!(acme.put("/v1/settings", &strict).await.ok(), strict);
    let refused = acme.post("/v1/events", &unknown).await;
    assert_eq!(refused.problem(422, "invalid")["field"], "type");
    let batch = json!({ "events": [unknown] });
    let refused = acme.post("/v1/events/batch", &batch).await;
    assert_eq!(refused.problem(422, "invalid")["field"], "events[0].type");
    beta.post("/v1/events", &unknown).await.ok();
    acme.post("/v1/events", &event("action-requests", "say"))
        .await
        .ok();
    let elsewhere = acme
        .post("/v1/events", &event("business-facts", "say"))
        .await;
    elsewhere.problem(422, "invalid");
    let definition = json!({ "topic": "business-facts" });
    acme.put("/v1/event-definitions/never.heard", &definition)
        .await
        .ok();
    acme.post("/v1/events", &unknown).await.ok();
    let nonsense = json!({ "unknown_events": "sometimes" });
    acme.put("/v1/settings", &nonsense)
        .await
        .problem(422, "invalid");
}

/// Who publishes a type that is known on one topic need not say which.
#[tokio::test]
async fn a_topic_is_known_by_the_type() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say"]).await.ok();
    let published = async |event_type: &str| {
        let event = json!({ "type": event_type, "data": "hello" });
        acme.post("/v1/events", &event).await
    };
    let event = published("say").await.ok();
    let path = format!("/v1/events/{}", event["event_id"].as_str().unwrap());
    assert_eq!(acme.get(&path).await.ok()["topic"], "action-requests");
    let unknown = published("shout").await;
    let problem = unknown.problem(422, "invalid");
    assert_eq!(problem["field"], "topic");
    assert!(
        problem["detail"].to_string().contains("nobody consumes"),
        "{problem}"
    );

    acme.push("loud", "echo", &["shout"]).await.ok();
    let shouts = json!({ "name": "siren", "type": "device", "produces": [
        { "topic": "business-facts", "type": "shout" }
    ] });
    acme.post("/v1/services", &shouts).await.ok();
    let problem = published("shout").await;
    let problem = problem.problem(422, "invalid");
    let topics = "known on several: action-requests, business-facts";
    assert!(problem["detail"].to_string().contains(topics), "{problem}");
    let definition = json!({ "topic": "business-facts" });
    acme.put("/v1/event-definitions/shout", &definition)
        .await
        .ok();
    published("shout").await.ok();
}

#[tokio::test]
async fn well_known_types_are_checked_in_every_tenant() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let used = |quantity: Value| json!({ "type": "billing.usage", "data": { "meter": "tokens", "quantity": quantity } });
    acme.post("/v1/events", &used(json!(3))).await.ok();
    let refused = acme.post("/v1/events", &used(json!("three"))).await;
    assert_eq!(refused.problem(422, "invalid")["field"], "data/quantity");
    let told =
        json!({ "type": "notification.requested", "topic": "notification-events", "data": {} });
    acme.post("/v1/events", &told).await.problem(422, "invalid");
    let own = acme.get("/v1/schemas/warren.system.alert").await.ok();
    assert_eq!(own["owner"], "host");
    for (path, body) in [
        ("/v1/schemas/warren.system.alert", json!({})),
        (
            "/v1/event-definitions/system.alert",
            json!({ "topic": "system-events" }),
        ),
    ] {
        acme.put(path, &body).await.problem(409, "conflict");
    }
}
