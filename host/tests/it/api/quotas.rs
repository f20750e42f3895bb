//! What a tenant may use, what it used, and what happens past it.

use serde_json::{Value, json};
use warren::clock::Timestamp;
use warren::events::{Json, NewEvent, Topic};

use super::harness::{Client, Host};

async fn set(host: &Host, quotas: Value) {
    let change = json!({ "quotas": quotas });
    host.operator()
        .patch("/v1/tenants/acme", &change)
        .await
        .ok();
}

fn event(data: &Value) -> Value {
    json!({ "type": "t", "topic": "business-facts", "data": data })
}

/// A quota of the answer of `/v1/usage`.
async fn quota(client: &Client, name: &str) -> Value {
    let usage = client.get("/v1/usage").await.ok();
    let quotas = usage["quotas"].as_array().unwrap().clone();
    quotas
        .into_iter()
        .find(|quota| quota["name"] == name)
        .unwrap()
}

#[tokio::test]
async fn events_are_taken_at_the_tenants_rate_and_refused_past_it_whatever_the_key() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    set(&host, json!({ "events_per_second": 3 })).await;
    let batch = json!({ "events": [event(&json!(1)), event(&json!(2))] });
    acme.post("/v1/events/batch", &batch).await.ok();
    acme.post("/v1/events", &event(&json!(3))).await.ok();
    let other_key = host.another_key("acme", "other").await;
    for client in [&acme, &other_key] {
        let refused = client.post("/v1/events", &event(&json!(4))).await;
        assert_eq!(refused.headers["retry-after"], "1");
        let problem = refused.problem(429, "exhausted");
        assert_eq!(problem["limit"], "events_per_second");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("is 3 events a second"), "{detail}");
        assert!(detail.contains("ask the operator"), "{detail}");
    }
    let later = json!({ "type": "t", "topic": "business-facts", "delay_ms": 1_000 });
    acme.post("/v1/events", &later)
        .await
        .problem(429, "exhausted");
    beta.post("/v1/events", &event(&json!(1))).await.ok();
    host.clock.advance_ms(1_000);
    acme.post("/v1/events", &later).await.ok();
    let kept = acme.get("/v1/events").await.ok();
    assert_eq!(
        kept["items"].as_array().unwrap().len(),
        3,
        "what was refused is not there"
    );
}

#[tokio::test]
async fn payloads_are_taken_at_the_tenants_rate_and_refused_past_it() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["ask"]).await.ok();
    set(&host, json!({ "payload_bytes_per_second": 100 })).await;
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    acme.post("/v1/events", &event(&text(100))).await.ok();
    let refused = acme.post("/v1/events", &event(&json!(1))).await;
    assert_eq!(
        refused.problem(429, "exhausted")["limit"],
        "payload_bytes_per_second"
    );
    let call = json!({ "data": 1 });
    acme.post("/v1/agents/echo/call", &call)
        .await
        .problem(429, "exhausted");
    host.clock.advance_ms(1_000);
    acme.post("/v1/events", &event(&text(100))).await.ok();
}

#[tokio::test]
async fn what_was_used_is_counted_by_hour_and_day() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    acme.push("burner", "burn", &["ask"]).await.ok();
    acme.push("angry", "reject", &["angry.ask"]).await.ok();
    for hours in [1, 1, 0] {
        acme.publish("ask", &json!({ "topic": "action-requests", "data": 12 }))
            .await;
        acme.publish("angry.ask", &json!({ "topic": "action-requests" }))
            .await;
        host.dispatcher.settle().await;
        host.clock.advance_ms(hours * 60 * 60 * 1_000);
    }
    let usage = acme.get("/v1/usage").await.ok();
    let expect = json!({
        "start": "2023-11-14T00:00:00.000Z",
        "turns": 2, "turns_failed": 2, "cpu_ms": 2_000, "events": 4, "payload_bytes": 12, "writes": 0
    });
    // The last hour of the three is of the next day.
    assert_eq!(&usage["items"][1], &expect, "{usage}");
    assert_eq!(usage["items"][0]["start"], "2023-11-15T00:00:00.000Z");
    let hours = acme.get("/v1/usage?by=hour&limit=1").await.ok();
    assert_eq!(hours["items"][0]["turns"], 1);
    let next = hours["next"].as_str().unwrap();
    let older = acme
        .get(&format!("/v1/usage?by=hour&before={next}"))
        .await
        .ok();
    assert_eq!(older["items"].as_array().unwrap().len(), 2);
    let seen = host.operator().get("/v1/tenants/acme/usage").await.ok();
    assert_eq!(seen["items"], usage["items"]);
    assert_eq!(beta.get("/v1/usage").await.ok()["items"], json!([]));

    assert_eq!(quota(&acme, "agents_per_tenant_max").await["used"], 2);
    let cpu = quota(&acme, "cpu_seconds_per_day").await;
    assert_eq!(
        (&cpu["used"], cpu.get("max")),
        (&json!(1), None),
        "no limit"
    );
    let _stream = acme.stream("", &[]).await;
    let streams = quota(&acme, "streams_per_tenant_max").await;
    assert_eq!(
        (&streams["used"], &streams["max"]),
        (&json!(1), &json!(2_048))
    );
}

#[tokio::test]
async fn a_tenant_over_its_cpu_waits_for_the_next_day_and_loses_nothing() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    for client in [&acme, &beta] {
        client.push("burner", "burn", &["ask"]).await.ok();
    }
    set(&host, json!({ "cpu_seconds_per_day": 2 })).await;
    let ask = json!({ "topic": "action-requests" });
    for _ in 0..4 {
        // One at a time, as what runs already when the last second is used runs to its end.
        acme.publish("ask", &ask).await;
        beta.publish("ask", &ask).await;
        host.dispatcher.settle().await;
    }
    let done = async |client: &Client| {
        let turns = client.get("/v1/turns").await.ok();
        turns["items"].as_array().unwrap().len()
    };
    assert_eq!((done(&acme).await, done(&beta).await), (2, 4));
    assert_eq!(acme.get("/v1/queue").await.ok()["pending"], 2);
    let bills = acme.get("/v1/events?topic=billing-events").await.ok();
    assert_eq!(bills["items"][0]["type"], "quota.reached");
    assert_eq!(bills["items"][0]["data"]["percent"], 100);
    host.clock.advance_ms(24 * 60 * 60 * 1_000);
    host.dispatcher.poke();
    super::harness::eventually(async || done(&acme).await == 4).await;
}

#[tokio::test]
async fn a_suspended_tenant_is_refused_with_the_reason_and_goes_on_where_it_was() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("notes", "remember", &["note"]).await.ok();
    let suspend = json!({ "reason": "the invoice of October is open" });
    let suspended = host
        .operator()
        .post("/v1/tenants/acme/suspend", &suspend)
        .await
        .ok();
    assert_eq!(suspended["suspended"], suspend["reason"]);
    let refused = [
        acme.post("/v1/events", &event(&json!(1))).await,
        acme.post("/v1/agents/notes/call", &json!({})).await,
        acme.push("more", "remember", &["note"]).await,
    ];
    for refused in refused {
        let problem = refused.problem(403, "suspended");
        assert_eq!(
            problem["detail"],
            "the tenant is suspended: the invoice of October is open"
        );
    }
    assert_eq!(
        acme.get("/v1/agents/notes").await.ok()["name"],
        "notes",
        "it can be read"
    );
    assert_eq!(
        acme.get("/v1/usage").await.ok()["suspended"],
        suspend["reason"]
    );

    // What had been accepted waits.
    let scope = host.scope("acme").await;
    let waiting = NewEvent {
        topic: Topic::ActionRequests,
        ..NewEvent::of_host(
            "note".parse().unwrap(),
            Json::parse("data", "1").unwrap(),
            Timestamp(0),
        )
    };
    host.app.events.append(&scope, vec![waiting]).await.unwrap();
    host.dispatcher.settle().await;
    assert_eq!(acme.get("/v1/queue").await.ok()["pending"], 1);
    let resumed = host
        .operator()
        .post("/v1/tenants/acme/resume", &json!({}))
        .await
        .ok();
    assert_eq!(resumed.get("suspended"), None);
    host.dispatcher.settle().await;
    assert_eq!(acme.get("/v1/queue").await.ok()["pending"], 0);
    acme.post("/v1/events", &event(&json!(1))).await.ok();
}

#[tokio::test]
async fn what_an_operator_sets_is_checked_kept_and_put_back() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let operator = host.operator();
    for (change, words) in [
        (
            json!({ "quotas": { "events_a_second": 1 } }),
            "events_per_second",
        ),
        (
            json!({ "quotas": { "agents_per_tenant_max": 1_001 } }),
            "1000",
        ),
        (json!({ "quotas": { "tenant_bytes_max": 0 } }), "between 1"),
        (json!({ "quotas": { "turns_per_second": -1 } }), "-1"),
        (json!({ "weight": 101 }), "101"),
        (json!({ "wait": 1 }), "wait"),
    ] {
        let refused = operator.patch("/v1/tenants/acme", &change).await;
        assert!((400..500).contains(&refused.status), "{change}");
        assert!(refused.text().contains(words), "{}", refused.text());
    }
    set(
        &host,
        json!({ "agents_per_tenant_max": 1, "streams_per_tenant_max": 1 }),
    )
    .await;
    acme.push("a", "echo", &["ask"]).await.ok();
    let past = acme
        .push("b", "echo", &["ask"])
        .await
        .problem(429, "exhausted");
    assert_eq!(past["limit"], "agents_per_tenant_max");
    let _stream = acme.stream("", &[]).await;
    let past = acme
        .get("/v1/events/stream")
        .await
        .problem(429, "exhausted");
    assert_eq!(past["limit"], "streams_per_tenant_max");
    let kept = operator.get("/v1/tenants/acme").await.ok();
    assert_eq!(kept["quotas"]["agents_per_tenant_max"], 1);
    set(&host, json!({ "agents_per_tenant_max": null })).await;
    acme.push("b", "echo", &["other"]).await.ok();
    let kept = operator.get("/v1/tenants/acme").await.ok();
    assert_eq!(kept["quotas"], json!({ "streams_per_tenant_max": 1 }));

    let made = json!({ "name": "small", "quotas": { "events_per_second": 1 } });
    let made = operator.post("/v1/tenants", &made).await.ok();
    assert_eq!(made["quotas"]["events_per_second"], 1);
    let small = host.another_key("small", "main").await;
    small.post("/v1/events", &event(&json!(1))).await.ok();
    small
        .post("/v1/events", &event(&json!(2)))
        .await
        .problem(429, "exhausted");
}

#[tokio::test]
async fn knowledge_holds_at_the_tenants_quota_and_one_past() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    set(&host, json!({ "knowledge_entries_max": 2 })).await;
    let remember = async |content: &str| {
        let entry = json!({ "content": content });
        acme.post("/v1/memory/knowledge", &entry).await
    };
    remember("one").await.ok();
    remember("two").await.ok();
    let past = remember("three").await.problem(429, "exhausted");
    assert_eq!(past["limit"], "knowledge_entries_max");
    remember("two").await.ok();
    assert_eq!(quota(&acme, "knowledge_entries_max").await["used"], 2);
}
