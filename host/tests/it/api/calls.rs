//! Synchronous calls: every way in which one can end.

use serde_json::{Value, json};
use warren::app::ApiLimits;

use super::harness::{Host, Setup};

async fn host() -> Host {
    Host::start().await
}

#[tokio::test]
async fn a_tool_answers() {
    let host = host().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say"]).await.ok();
    for body in [
        json!({ "data": { "n": 1 } }),
        json!({ "type": "say", "data": { "n": 1 } }),
    ] {
        let answer = acme.post("/v1/agents/echo/call", &body).await.ok();
        assert_eq!(answer["data"], json!({ "n": 1 }));
        let reply = answer["reply_id"].as_str().unwrap();
        let reply = acme.get(&format!("/v1/events/{reply}")).await.ok();
        assert_eq!(
            (&reply["type"], &reply["parent"]),
            (&json!("say.result"), &answer["event_id"])
        );
    }
}

#[tokio::test]
async fn an_answer_is_found_without_its_announcement() {
    let host = Host::with(Setup {
        deaf: true,
        ..Setup::default()
    })
    .await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say"]).await.ok();
    let answer = acme
        .post("/v1/agents/echo/call", &json!({ "data": 7 }))
        .await
        .ok();
    assert_eq!(answer["data"], 7);
}

#[tokio::test]
async fn a_call_that_gets_no_answer_says_why_and_names_its_event() {
    let host = host().await;
    let acme = host.tenant("acme").await;
    acme.push("angry", "reject", &["ask"]).await.ok();
    acme.push("mute", "silent", &["tell"]).await.ok();
    acme.push("slow", "hang", &["wait"]).await.ok();
    let table = [
        ("angry", 502, "call_failed", "`angry` rejected: not today"),
        (
            "mute",
            502,
            "call_unanswered",
            "`mute` handled the request and did not respond",
        ),
        (
            "slow",
            504,
            "call_timeout",
            "`slow` has not answered within 30 ms",
        ),
    ];
    for (agent, status, code, words) in table {
        let timeout = if agent == "slow" { 30 } else { 10_000 };
        let path = format!("/v1/agents/{agent}/call");
        let answer = acme.post(&path, &json!({ "timeout_ms": timeout })).await;
        let problem = answer.problem(status, code);
        assert!(
            problem["detail"].as_str().unwrap().starts_with(words),
            "{problem}"
        );
        let event = problem["event_id"].as_str().unwrap();
        acme.get(&format!("/v1/events/{event}")).await.ok();
        if let Some(turn) = problem["turn_id"].as_str() {
            let turn = acme.get(&format!("/v1/turns/{turn}")).await.ok();
            assert_eq!(turn["attempts"][0]["reason"], "not today");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_before_anything_is_published() {
    let host = host().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say"]).await.ok();
    acme.push("two", "echo", &["one", "other"]).await.ok();
    acme.push("rival", "echo", &["one"]).await.ok();
    acme.push("none", "echo", &[]).await.ok();
    acme.push("off", "echo", &["sleep"]).await.ok();
    acme.post("/v1/agents/off/pause", &json!({})).await.ok();
    let long = format!("{}.x", "t".repeat(124));
    let table: [(&str, Value, u16, &str); 9] = [
        ("absent", json!({}), 404, "not_found"),
        ("none", json!({}), 409, "conflict"),
        ("two", json!({}), 422, "invalid"),
        ("two", json!({ "type": "one" }), 409, "conflict"),
        ("echo", json!({ "type": "other" }), 409, "conflict"),
        ("off", json!({}), 409, "conflict"),
        ("echo", json!({ "timeout_ms": 0 }), 422, "invalid"),
        ("echo", json!({ "timeout_ms": 300_001 }), 422, "invalid"),
        ("echo", json!({ "type": long }), 409, "conflict"),
    ];
    for (agent, body, status, code) in table {
        let path = format!("/v1/agents/{agent}/call");
        acme.post(&path, &body).await.problem(status, code);
    }
    let off = acme.post("/v1/agents/off/call", &json!({})).await.text();
    assert!(off.contains("`off` is paused"), "{off}");
    assert_eq!(acme.get("/v1/events").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn calls_at_once_are_limited_by_tenant() {
    let limits = ApiLimits {
        calls_per_tenant_max: 0,
        ..ApiLimits::default()
    };
    let host = Host::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let acme = host.tenant("acme").await;
    let refused = acme.post("/v1/agents/echo/call", &json!({})).await;
    assert_eq!(
        refused.problem(429, "exhausted")["limit"],
        "calls_per_tenant_max"
    );
}
