//! Turns, dead letters and working memory: what agents did.

use serde_json::json;

use super::harness::Host;

#[tokio::test]
async fn a_turn_is_recorded_and_found() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say"]).await.ok();
    let called = acme
        .post("/v1/agents/echo/call", &json!({ "data": 1 }))
        .await
        .ok();
    let event = called["event_id"].as_str().unwrap();
    let table = [
        (String::new(), 1),
        (format!("?event={event}"), 1),
        ("?agent=echo&outcome=committed".to_owned(), 1),
        ("?outcome=trapped".to_owned(), 0),
        ("?agent=other".to_owned(), 0),
    ];
    for (query, expect) in table {
        let page = acme.get(&format!("/v1/turns{query}")).await.ok();
        assert_eq!(page["items"].as_array().unwrap().len(), expect, "{query}");
    }
    let row = &acme.get("/v1/turns").await.ok()["items"][0];
    assert!(row.get("logs").is_none(), "logs come when asked for");
    assert_eq!(row["published"][0], called["reply_id"]);
    let turn = row["turn"].as_str().unwrap();
    let whole = acme.get(&format!("/v1/turns/{turn}")).await.ok();
    assert_eq!(whole["attempts"][0]["logs"], json!([]));
    acme.get("/v1/turns?outcome=weird")
        .await
        .problem(422, "invalid");
    acme.get("/v1/turns/trn_1-1-0")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_dead_letter_is_replayed_and_discarded() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("angry", "reject", &["ask"]).await.ok();
    let request = json!({ "topic": "action-requests", "data": 5 });
    acme.publish("ask", &request).await;
    host.dispatcher.settle().await;
    let letters = acme.get("/v1/dead-letters?agent=angry").await.ok();
    let letter = &letters["items"][0];
    assert_eq!(letter["last_attempt"]["reason"], "not today");
    assert_eq!(letter["event"]["data"], 5);
    assert_eq!(acme.get("/v1/queue").await.ok()["dead"], 1);

    let turn = letter["turn"].as_str().unwrap();
    let replay = format!("/v1/dead-letters/{turn}/replay");
    acme.push("angry", "silent", &["ask"]).await.ok();
    let replayed = acme.post(&replay, &json!({})).await;
    assert_eq!(replayed.status, 202);
    acme.post(&replay, &json!({}))
        .await
        .problem(404, "not_found");
    host.dispatcher.settle().await;
    assert_eq!(acme.get("/v1/dead-letters").await.ok()["items"], json!([]));

    acme.push("angry", "reject", &["ask"]).await.ok();
    acme.publish("ask", &request).await;
    host.dispatcher.settle().await;
    let letters = acme.get("/v1/dead-letters").await.ok();
    let path = format!(
        "/v1/dead-letters/{}",
        letters["items"][0]["turn"].as_str().unwrap()
    );
    assert_eq!(acme.delete(&path).await.status, 204);
    acme.delete(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn working_memory_can_be_looked_at() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("notes", "remember", &["note"]).await.ok();
    let request = |plan: Option<&str>| json!({ "topic": "action-requests", "data": { "n": 1 }, "plan": plan });
    acme.publish("note", &request(None)).await;
    acme.publish("note", &request(Some("p-1"))).await;
    host.dispatcher.settle().await;
    for space in ["agent:notes", "plan:p-1"] {
        let keys = acme
            .get(&format!("/v1/memory/working/{space}?prefix=la"))
            .await
            .ok();
        assert_eq!(keys["items"][0]["key"], "last");
        let value = acme
            .get(&format!("/v1/memory/working/{space}/last"))
            .await
            .ok();
        assert_eq!(value["value"], json!({ "n": 1 }));
        let absent = acme.get(&format!("/v1/memory/working/{space}/a%2Fb")).await;
        let problem = absent.problem(404, "not_found");
        assert!(problem["detail"].as_str().unwrap().contains("`a/b`"));
    }
    acme.get("/v1/memory/working/user:u")
        .await
        .problem(422, "invalid");
}
