//! Tokens that a key hands on: they do less, for less long, and end with their key.

use serde_json::{Value, json};
use warren::identity::{Block, DelegatedToken, TOKEN_LIFE_S_MAX};

use super::harness::{Client, Host};

/// A client with a token that `from` made.
async fn delegate(host: &Host, from: &Client, wanted: &Value) -> Client {
    let made = from.post("/v1/tokens", wanted).await.ok();
    host.with_key(made["token"].as_str().unwrap())
}

async fn is_good(client: &Client) -> bool {
    client.get("/v1/whoami").await.status == 200
}

#[tokio::test]
async fn a_token_does_what_it_was_made_for_and_is_known_by_its_key() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let token = delegate(&host, &acme, &json!({ "scopes": ["events:publish"] })).await;
    let who = token.get("/v1/whoami").await.ok();
    assert_eq!(
        (&who["source"], &who["scopes"]),
        (&json!("client/main"), &json!(["events:publish"]))
    );
    assert_eq!(
        who["expires"], "2023-11-14T23:13:20.000Z",
        "an hour from now"
    );
    token.publish("order.placed", &json!({})).await;
    let refused = token.get("/v1/events").await.problem(403, "denied");
    assert_eq!(refused["scope"], "events:read");
}

#[tokio::test]
async fn a_token_is_never_wider_than_what_made_it() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let wanted =
        json!({ "scopes": ["memory:read", "agents:call"], "plan": "p-1", "expires_in_s": 600 });
    let first = delegate(&host, &acme, &wanted).await;
    let lacking = json!({ "scopes": ["memory:write"] });
    assert_eq!(
        first
            .post("/v1/tokens", &lacking)
            .await
            .problem(403, "denied")["scope"],
        "memory:write"
    );
    let elsewhere = first.post("/v1/tokens", &json!({ "plan": "p-2" })).await;
    assert!(
        elsewhere.problem(403, "denied")["detail"]
            .as_str()
            .unwrap()
            .contains("p-1")
    );

    let longer = json!({ "expires_in_s": 6_000, "scopes": ["memory:read"] });
    let made = first.post("/v1/tokens", &longer).await.ok();
    assert_eq!(
        made["expires"], "2023-11-14T22:23:20.000Z",
        "no longer than its maker"
    );
    assert_eq!(made["plan"], "p-1", "and for the same plan");
    let second = host.with_key(made["token"].as_str().unwrap());
    let who = second.get("/v1/whoami").await.ok();
    assert_eq!(
        (&who["scopes"], &who["plan"]),
        (&json!(["memory:read"]), &json!("p-1"))
    );
    host.clock.advance_ms(600_000);
    assert!(!is_good(&first).await && !is_good(&second).await);
}

#[tokio::test]
async fn a_token_is_narrowed_without_the_host_and_the_host_understands() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let token = delegate(&host, &acme, &json!({})).await;
    let token = DelegatedToken::parse(token.key.as_deref().unwrap()).unwrap();
    let block = Block {
        scopes: Some("turns:read".parse().unwrap()),
        ..Block::default()
    };
    let narrowed = host.with_key(&token.narrowed(&block).unwrap().reveal());
    assert_eq!(
        narrowed.get("/v1/whoami").await.ok()["scopes"],
        json!(["turns:read"])
    );
}

#[tokio::test]
async fn tokens_end_with_their_key_and_its_secret() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let (one, other) = (
        delegate(&host, &acme, &json!({})).await,
        host.another_key("acme", "other").await,
    );
    let others = delegate(&host, &other, &json!({})).await;
    let rotate = "/v1/tenants/acme/keys/main/rotate";
    host.operator()
        .post(rotate, &json!({ "grace_s": 100 }))
        .await
        .ok();
    assert!(is_good(&one).await, "its secret is good for a while longer");
    host.clock.advance_ms(100_000);
    assert!(!is_good(&one).await);
    let mut stream = others.stream("", &[]).await;
    assert_eq!(stream.next().await.unwrap().event, "connected");
    host.operator().delete("/v1/tenants/acme/keys/other").await;
    assert!(!is_good(&others).await);
    assert_eq!(stream.last().await.data["reason"], "revoked");
}

#[tokio::test]
async fn lives_of_tokens_hold_at_and_one_past() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    for (life, status) in [
        (0, 422),
        (1, 201),
        (TOKEN_LIFE_S_MAX, 201),
        (TOKEN_LIFE_S_MAX + 1, 422),
    ] {
        let answer = acme
            .post("/v1/tokens", &json!({ "expires_in_s": life }))
            .await;
        assert_eq!(answer.status, status, "{life}");
        if status == 201 {
            let token = host.with_key(answer.json()["token"].as_str().unwrap());
            assert!(is_good(&token).await, "{life}");
        }
    }
    acme.post("/v1/tokens", &json!({ "scopes": [] }))
        .await
        .problem(422, "invalid");
    acme.post("/v1/tokens", &json!({ "tenant": "beta" }))
        .await
        .problem(422, "invalid");
}

#[tokio::test]
async fn a_token_for_one_agent_reaches_no_other() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echoes", "echo", &["echo.asked"]).await.ok();
    acme.push("others", "echo", &["other.asked"]).await.ok();
    let token = delegate(&host, &acme, &json!({ "agent": "echoes" })).await;
    let question = json!({ "data": { "text": "hello" } });
    assert_eq!(
        token.post("/v1/agents/echoes/call", &question).await.ok()["data"]["text"],
        "hello"
    );
    token.get("/v1/agents/echoes").await.ok();
    token.post("/v1/agents/echoes/pause", &json!({})).await.ok();
    token.get("/v1/memory/working/agent:echoes").await.ok();
    for (method, path) in [
        ("POST", "/v1/agents/others/call"),
        ("GET", "/v1/agents/others"),
        ("GET", "/v1/agents/%65choes-not"),
        ("DELETE", "/v1/agents/others"),
        ("GET", "/v1/agents"),
        ("GET", "/v1/memory/working/agent:others"),
        ("GET", "/v1/memory/working/plan:echoes"),
        ("GET", "/v1/memory/procedures/echoes"),
        ("GET", "/v1/events"),
        ("POST", "/v1/events"),
        ("GET", "/v1/turns"),
    ] {
        let json = [("content-type", "application/json")];
        token
            .send(method, path, &json, "{}")
            .await
            .problem(403, "denied");
    }
}

#[tokio::test]
async fn a_token_for_one_plan_publishes_and_reads_in_it_alone() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.publish("a", &json!({ "plan": "p-2" })).await;
    let token = delegate(&host, &acme, &json!({ "plan": "p-1" })).await;
    token.publish("b", &json!({})).await;
    token.publish("c", &json!({ "plan": "p-1" })).await;
    let batch = json!({ "events": [{ "type": "d", "topic": "business-facts" }] });
    token.post("/v1/events/batch", &batch).await.ok();
    let other = json!({ "type": "e", "topic": "business-facts", "plan": "p-2" });
    token
        .post("/v1/events", &other)
        .await
        .problem(403, "denied");
    let batch = json!({ "events": [other] });
    token
        .post("/v1/events/batch", &batch)
        .await
        .problem(403, "denied");
    let cloud = json!({ "specversion": "1.0", "id": "1", "source": "x", "type": "f", "topic": "business-facts", "planid": "p-2" });
    let media = [("content-type", "application/cloudevents+json")];
    token
        .send("POST", "/v1/events", &media, cloud.to_string())
        .await
        .problem(403, "denied");

    let seen = token.get("/v1/events").await.ok();
    let seen: Vec<_> = seen["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(seen, ["d", "c", "b"]);
    token
        .get("/v1/events?plan=p-2")
        .await
        .problem(403, "denied");
    token
        .get("/v1/events/stream?plan=p-2")
        .await
        .problem(403, "denied");
    let mut stream = token.stream("?after=0", &[]).await;
    assert_eq!(stream.event().await.data["type"], "b");
    token.get("/v1/memory/working/plan:p-1").await.ok();
    token
        .get("/v1/memory/working/plan:p-2")
        .await
        .problem(403, "denied");
    token.get("/v1/turns").await.problem(403, "denied");
}

#[tokio::test]
async fn a_token_for_one_user_speaks_for_no_other_whatever_headers_and_bodies_say() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let knows = json!({ "content": "Grace likes tea." });
    acme.of(None, Some("grace"))
        .post("/v1/memory/knowledge", &knows)
        .await
        .ok();
    let token = delegate(&host, &acme, &json!({ "user": "ada" })).await;
    assert_eq!(token.get("/v1/whoami").await.ok()["user"], "ada");
    token.of(None, Some("ada")).get("/v1/whoami").await.ok();
    token
        .of(None, Some("grace"))
        .get("/v1/whoami")
        .await
        .problem(403, "denied");
    let found = token.get("/v1/memory/knowledge").await.ok();
    assert_eq!(found["items"], json!([]));
    let event = token.publish("a", &json!({})).await;
    let id = event["event_id"].as_str().unwrap();
    assert_eq!(
        acme.get(&format!("/v1/events/{id}")).await.ok()["user"],
        "ada"
    );
    let other = json!({ "type": "a", "topic": "business-facts", "user": "grace" });
    token
        .post("/v1/events", &other)
        .await
        .problem(403, "denied");
    let shared = json!({ "content": "Everybody knows.", "visibility": "tenant" });
    token
        .post("/v1/memory/knowledge", &shared)
        .await
        .problem(403, "denied");
    for (method, path) in [
        ("GET", "/v1/events"),
        ("GET", "/v1/memory/export"),
        ("POST", "/v1/memory/erase"),
        ("POST", "/v1/memory/import"),
        ("GET", "/v1/turns"),
        ("GET", "/v1/memory/working/agent:x"),
        ("POST", "/v1/agents/x/pause"),
        ("POST", "/v1/services"),
    ] {
        let json = [("content-type", "application/json")];
        token
            .send(method, path, &json, "{}")
            .await
            .problem(403, "denied");
    }
}
