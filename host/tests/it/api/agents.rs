//! Pushing agents and what can be done with them afterwards.

use serde_json::json;
use warren::app::ApiLimits;

use super::harness::{Host, Setup, eventually, manifest};

const WASM: [(&str, &str); 1] = [("content-type", "application/wasm")];

#[tokio::test]
async fn a_push_makes_versions_and_rollback_goes_back() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let first = acme.push("echo", "echo", &["say"]).await;
    assert_eq!(first.status, 201);
    let first = first.json();
    assert_eq!(
        (&first["version"], &first["created"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(first["manifest"]["kind"], "tool");
    assert_eq!(first["imports"][0], "warren:agent/events@0.1.0");

    let again = acme.push("echo", "echo", &["say"]).await;
    assert_eq!(
        (again.status, &again.json()["unchanged"]),
        (200, &json!(true))
    );
    let second = acme.push("echo", "silent", &["say"]).await.ok();
    assert_eq!(second["version"], 2);

    let versions = acme.get("/v1/agents/echo/versions").await.ok();
    let seen: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["version"].as_u64(), v["current"].as_bool()))
        .collect();
    assert_eq!(seen, [(Some(2), Some(true)), (Some(1), Some(false))]);

    let back = acme
        .send("POST", "/v1/agents/echo/rollback", &[], "")
        .await
        .ok();
    assert_eq!(
        (&back["version"], &back["description"]),
        (&json!(1), &json!("echo"))
    );
    let forward = json!({ "version": 2 });
    let there = acme.post("/v1/agents/echo/rollback", &forward).await.ok();
    assert_eq!(there["version"], 2);
    acme.post("/v1/agents/echo/rollback", &json!({ "version": 9 }))
        .await
        .problem(404, "not_found");

    assert_eq!(acme.delete("/v1/agents/echo").await.status, 204);
    acme.get("/v1/agents/echo").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_dry_run_reports_and_deploys_nothing() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let body = || manifest("echo", "echo", &["say"]).to_string();
    let path = "/v1/agents/echo?dry_run=true&grant=working:read";
    let report = acme.send("PUT", path, &WASM, body()).await;
    assert_eq!(report.status, 200);
    let report = report.json();
    assert_eq!(
        (&report["created"], &report["dry_run"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(report["grants"], json!(["working:read"]));
    assert!(report.get("version").is_none());
    acme.get("/v1/agents/echo").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_push_grants_what_it_is_told_to() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let body = || manifest("echo", "echo", &["say"]).to_string();
    let table = [
        (
            "",
            json!(["events:publish", "working:read", "working:write"]),
        ),
        (
            "?grant=events:publish&grant=working:read",
            json!(["events:publish", "working:read"]),
        ),
        ("?grant=none", json!([])),
    ];
    for (query, expect) in table {
        let path = format!("/v1/agents/echo{query}");
        acme.send("PUT", &path, &WASM, body()).await.ok();
        let agent = acme.get("/v1/agents/echo").await.ok();
        assert_eq!(agent["grants"], expect, "{query}");
    }
    for bad in ["?grant=episodes:read", "?grant=all", "?force=1"] {
        let path = format!("/v1/agents/echo{bad}");
        let refused = acme.send("PUT", &path, &WASM, body()).await;
        refused.problem(422, "invalid");
    }
}

#[tokio::test]
async fn what_cannot_be_an_agent_is_refused() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let html = [("content-type", "text/html")];
    acme.send("PUT", "/v1/agents/x", &html, "<p>")
        .await
        .problem(415, "unsupported_media_type");
    let broken = acme.send("PUT", "/v1/agents/x", &WASM, "{").await;
    broken.problem(422, "invalid");
    acme.push("Upper", "echo", &[])
        .await
        .problem(422, "invalid");
}

#[tokio::test]
async fn uploads_are_limited_at_and_one_past() {
    let body = manifest("echo", "echo", &[]).to_string();
    for (max, status) in [(body.len(), 201), (body.len() - 1, 413)] {
        let limits = ApiLimits {
            component_bytes_max: max,
            ..ApiLimits::default()
        };
        let host = Host::with(Setup {
            limits,
            ..Setup::default()
        })
        .await;
        let acme = host.tenant("acme").await;
        for announced in [false, true] {
            let length = body.len().to_string();
            let mut headers = WASM.to_vec();
            if announced {
                headers.push(("content-length", &length));
            }
            let answer = acme
                .send("PUT", "/v1/agents/echo", &headers, body.clone())
                .await;
            let status = if status == 201 && announced {
                200
            } else {
                status
            };
            assert_eq!(answer.status, status, "{max} {announced}");
            if status == 413 {
                let problem = answer.problem(413, "too_large");
                assert_eq!(problem["limit"], "component_bytes_max");
            }
        }
    }
}

#[tokio::test]
async fn agents_are_found_by_what_they_do() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("alpha", "echo", &["say"]).await.ok();
    acme.push("beta", "silent", &["hear", "see"]).await.ok();
    acme.push("alphabet", "echo", &["hear"]).await.ok();
    acme.post("/v1/agents/beta/pause", &json!({})).await.ok();
    let table: [(&str, &[&str]); 9] = [
        ("", &["alpha", "alphabet", "beta"]),
        ("?name=ALPHA", &["alpha", "alphabet"]),
        ("?consumes=hear", &["alphabet", "beta"]),
        ("?consumes=hear&status=active", &["alphabet"]),
        ("?status=paused", &["beta"]),
        ("?kind=worker", &[]),
        ("?text=silent", &["beta"]),
        ("?after=alpha&limit=1", &["alphabet"]),
        ("?produces=anything", &[]),
    ];
    for (query, expect) in table {
        let found = acme.get(&format!("/v1/agents{query}")).await.ok();
        let names: Vec<_> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|agent| agent["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, expect, "{query}");
    }
    for bad in ["?kind=robot", "?limit=0", "?limit=101", "?nmae=alpha"] {
        let refused = acme.get(&format!("/v1/agents{bad}")).await;
        refused.problem(422, "invalid");
    }
}

#[tokio::test]
async fn a_paused_agent_waits_until_it_is_resumed() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "silent", &["say"]).await.ok();
    let paused = acme.post("/v1/agents/echo/pause", &json!({})).await.ok();
    assert_eq!(paused["status"], "paused");
    let request = json!({ "topic": "action-requests" });
    let event = acme.publish("say", &request).await;
    let path = format!("/v1/events/{}", event["event_id"].as_str().unwrap());
    host.dispatcher.settle().await;
    let state = |event: serde_json::Value| event["deliveries"][0]["state"].clone();
    assert_eq!(state(acme.get(&path).await.ok()), "pending");

    acme.post("/v1/agents/echo/release", &json!({}))
        .await
        .problem(409, "conflict");
    let resumed = acme.post("/v1/agents/echo/resume", &json!({})).await.ok();
    assert_eq!(resumed["status"], "active");
    eventually(async || state(acme.get(&path).await.ok()) == "done").await;
}

#[tokio::test]
async fn configuration_is_replaced_whole() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &[]).await.ok();
    for config in [json!({ "a": "1", "b": "2" }), json!({ "b": "3" })] {
        let agent = acme.put("/v1/agents/echo/config", &config).await.ok();
        assert_eq!(agent["config"], config);
    }
    for bad in [json!({ "a": 1 }), json!({ "a b": "1" }), json!([])] {
        let refused = acme.put("/v1/agents/echo/config", &bad).await;
        refused.problem(422, "invalid");
    }
}
