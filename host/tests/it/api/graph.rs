//! Who speaks to whom, agents and services alike, and what leads nowhere.

use serde_json::{Value, json};

use super::harness::{Client, Host};

fn event(topic: &str, event_type: &str) -> Value {
    json!({ "topic": topic, "type": event_type })
}

/// A reader, a writer and a logger who overlap here and there, and a scanner elsewhere.
async fn furnish(client: &Client) {
    let reader = json!({
        "name": "reader", "kind": "tool", "description": "Reads web pages.",
        "subscriptions": [event("action-requests", "page.read")],
        "produces": [event("action-results", "page.text"), event("business-facts", "page.seen")],
    });
    let writer = json!({
        "name": "writer", "kind": "worker", "description": "Writes letters.",
        "subscriptions": [event("business-facts", "order.placed")],
        "produces": [
            event("action-requests", "stamp.wanted"), event("action-requests", "page.read"),
            event("action-requests", "page.scan"),
        ],
    });
    let logger = json!({
        "name": "logger", "kind": "agent", "description": "Keeps what was seen.",
        "subscriptions": [event("business-facts", "page.seen")],
        "produces": [event("business-facts", "page.kept")],
    });
    for manifest in [reader, writer, logger] {
        let path = format!("/v1/agents/{}", manifest["name"].as_str().unwrap());
        let wasm = [("content-type", "application/wasm")];
        let pushed = client.send("PUT", &path, &wasm, manifest.to_string());
        pushed.await.ok();
    }
    let scanner = json!({
        "name": "scanner", "type": "device", "visibility": "private",
        "consumes": [event("action-requests", "page.scan")],
    });
    client.post("/v1/services", &scanner).await.ok();
}

/// Each event with its ends and what is wrong with it.
fn told(graph: &Value) -> Vec<String> {
    let line = |event: &Value| {
        let names = |end: &str| {
            let names = event[end].as_array().unwrap().iter();
            let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
            names.join(",")
        };
        let (from, to) = (names("producers"), names("consumers"));
        let note = event["dangling"].as_str().unwrap_or_default();
        let line = format!("{from} > {} > {to} {note}", event["type"].as_str().unwrap());
        line.replace("  ", " ").trim().to_owned()
    };
    graph["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}

#[tokio::test]
async fn the_graph_marks_what_leads_nowhere() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    furnish(&acme).await;
    let graph = acme.get("/v1/graph").await.ok();
    assert_eq!(
        told(&graph),
        [
            "> order.placed > writer nobody-produces",
            "logger > page.kept > nobody-consumes",
            "writer > page.read > reader",
            "writer > page.scan > scanner",
            "reader > page.seen > logger",
            "reader > page.text >",
            "writer > stamp.wanted > nobody-answers",
        ]
    );
    let expect = json!({ "name": "scanner", "type": "device", "hosted": false, "state": "active" });
    assert_eq!(graph["nodes"][2], expect);

    // What works no more answers no more.
    acme.post("/v1/agents/reader/pause", &json!({})).await.ok();
    host.clock.advance_ms(300_000);
    let graph = acme.get("/v1/graph").await.ok();
    assert_eq!(graph["events"][2]["dangling"], "nobody-answers");
    assert_eq!(graph["events"][3]["dangling"], "nobody-answers");
    assert_eq!(graph["nodes"][2]["state"], "offline");

    // Another key does not see the private scanner, another tenant nothing at all.
    let other = host.another_key("acme", "other").await;
    let graph = other.get("/v1/graph").await.ok();
    assert_eq!(graph["events"][3]["consumers"], json!([]));
    assert_eq!(graph["nodes"].as_array().unwrap().len(), 3);
    let empty = json!({ "nodes": [], "events": [] });
    assert_eq!(beta.get("/v1/graph").await.ok(), empty);
}

#[tokio::test]
async fn graphviz_reads_the_same_graph() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    let dot = acme.get("/v1/graph?format=dot").await;
    let media = "text/vnd.graphviz; charset=utf-8";
    assert_eq!(dot.headers["content-type"], media);
    let dot = dot.text();
    for line in [
        "digraph warren {",
        "\"node:writer\" -> \"event:action-requests/page.read\";",
        "\"event:action-requests/page.read\" -> \"node:reader\";",
        "\"node:scanner\" [shape=component, style=solid, label=\"scanner\\ndevice, active\"];",
        "color=red, label=\"stamp.wanted\\naction-requests\\nnobody answers it\"",
    ] {
        assert!(dot.contains(line), "{line} in {dot}");
    }
    let refused = acme.get("/v1/graph?format=png").await;
    assert!((400..500).contains(&refused.status));
}
