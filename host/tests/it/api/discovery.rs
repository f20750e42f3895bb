//! Finding agents by what they say of themselves, and what a capability promises.

use serde_json::{Value, json};

use super::harness::{Client, Host};

/// A reader, a writer and a logger who overlap here and there.
async fn furnish(client: &Client) {
    let page = json!({ "type": "object", "required": ["url"], "properties": { "url": { "type": "string" } } });
    let event = |topic: &str, event_type: &str| json!({ "topic": topic, "type": event_type });
    let reader = json!({
        "name": "reader", "kind": "tool", "description": "Reads web pages.", "category": "text",
        "tags": ["web", "english"], "owner": "content",
        "subscriptions": [{ "topic": "action-requests", "type": "page.read", "schema": page }],
        "produces": [event("action-results", "page.text"), event("business-facts", "page.seen")],
        "capabilities": [{
            "name": "summarise-page", "description": "Says in short what is on a page.",
            "tasks": ["summarise"], "consumes": "page.read", "produces": ["page.text"],
        }],
    });
    let writer = json!({
        "name": "writer", "kind": "worker", "description": "Writes letters.", "category": "text",
        "tags": ["english"], "owner": "office",
        "subscriptions": [event("business-facts", "order.placed")],
        "produces": [event("action-requests", "stamp.wanted"), event("action-requests", "page.read")],
    });
    let logger = json!({
        "name": "logger", "kind": "agent", "description": "Keeps what was seen.",
        "subscriptions": [event("business-facts", "page.seen")],
        "produces": [event("business-facts", "page.kept")],
    });
    for manifest in [reader, writer, logger] {
        let path = format!("/v1/agents/{}", manifest["name"].as_str().unwrap());
        let wasm = [("content-type", "application/wasm")];
        client
            .send("PUT", &path, &wasm, manifest.to_string())
            .await
            .ok();
    }
}

#[tokio::test]
async fn agents_are_found_by_each_word_and_by_all_together() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    acme.post("/v1/agents/logger/pause", &json!({})).await.ok();
    let table: [(&str, &[&str]); 17] = [
        ("", &["logger", "reader", "writer"]),
        ("id=reader", &["reader"]),
        ("id=read", &[]),
        ("name=READ", &["reader"]),
        ("kind=worker", &["writer"]),
        ("category=text", &["reader", "writer"]),
        ("tags=english", &["reader", "writer"]),
        ("tags=english,web", &["reader"]),
        ("owner=office", &["writer"]),
        ("capability=summarise-page", &["reader"]),
        ("task=summarise", &["reader"]),
        ("consumes=page.seen", &["logger"]),
        ("produces=page.read", &["writer"]),
        ("status=paused", &["logger"]),
        ("text=short%20page", &["reader"]),
        (
            "category=text&tags=english&kind=tool&status=active&produces=page.text&task=summarise",
            &["reader"],
        ),
        ("category=text&owner=nobody", &[]),
    ];
    for (query, expect) in table {
        let page = acme.get(&format!("/v1/agents?{query}")).await.ok();
        let items = page["items"].as_array().unwrap().iter();
        let names: Vec<&str> = items.map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(names, expect, "{query}");
    }
}

#[tokio::test]
async fn a_capability_carries_its_full_contract() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    let reader = acme.get("/v1/agents/reader").await.ok();
    let capability = &reader["capabilities"][0];
    assert_eq!(capability["tasks"], json!(["summarise"]));
    let asked = &capability["consumes"][0];
    assert_eq!(
        (&asked["topic"], &asked["type"]),
        (&json!("action-requests"), &json!("page.read"))
    );
    assert_eq!(asked["schema"]["required"], json!(["url"]));
    assert_eq!(capability["produces"][0]["type"], "page.text");
    // Whoever asks is held to the words of whoever answers.
    let ask =
        |data: Value| json!({ "topic": "action-requests", "type": "page.read", "data": data });
    let refused = acme.post("/v1/events", &ask(json!({ "url": 7 }))).await;
    assert_eq!(refused.problem(422, "invalid")["field"], "data/url");
    acme.post("/v1/events", &ask(json!({ "url": "https://example.com" })))
        .await
        .ok();
    let named = json!({
        "name": "late", "kind": "agent",
        "subscriptions": [{ "topic": "business-facts", "type": "x", "schema": "nobody-registered" }],
    });
    let wasm = [("content-type", "application/wasm")];
    let push = async || {
        acme.send("PUT", "/v1/agents/late", &wasm, named.to_string())
            .await
    };
    push().await.problem(422, "invalid");
    acme.put("/v1/schemas/nobody-registered", &json!({}))
        .await
        .ok();
    push().await.ok();
}
