//! Switches that stop what runs at once: an agent, a tenant, a component.

use serde_json::{Value, json};

use super::harness::{Client, Host, eventually};

/// A tenant with an agent that hangs, and a turn of it that runs. The agents of two tenants differ, as their
/// components do.
async fn hanging(host: &Host, name: &str) -> Client {
    let client = host.tenant(name).await;
    client
        .push(&format!("{name}-sleeper"), "hang", &["ask"])
        .await
        .ok();
    client
        .publish("ask", &json!({ "topic": "action-requests" }))
        .await;
    runs(&client, 1).await;
    client
}

/// Wait until so many turns run.
async fn runs(client: &Client, count: u64) {
    eventually(async || running(client).await == count).await;
}

async fn running(client: &Client) -> u64 {
    let usage = client.get("/v1/usage").await.ok();
    let quotas = usage["quotas"].as_array().unwrap();
    let running = quotas
        .iter()
        .find(|quota| quota["name"] == "tenant_turns_running_max");
    running.unwrap()["used"].as_u64().unwrap()
}

async fn pending(client: &Client) -> Value {
    client.get("/v1/queue").await.ok()["pending"].clone()
}

#[tokio::test]
async fn a_paused_agents_turn_is_stopped_and_its_event_waits() {
    let host = Host::start().await;
    let (acme, beta) = (hanging(&host, "acme").await, hanging(&host, "beta").await);
    acme.post("/v1/agents/acme-sleeper/pause", &json!({}))
        .await
        .ok();
    runs(&acme, 0).await;
    assert_eq!((running(&beta).await, pending(&acme).await), (1, json!(1)));
    acme.post("/v1/agents/acme-sleeper/resume", &json!({}))
        .await
        .ok();
    runs(&acme, 1).await;
    // What is deleted is stopped too.
    acme.delete("/v1/agents/acme-sleeper").await;
    runs(&acme, 0).await;
}

#[tokio::test]
async fn a_suspended_tenants_turns_are_stopped_and_its_events_wait() {
    let host = Host::start().await;
    let (acme, beta) = (hanging(&host, "acme").await, hanging(&host, "beta").await);
    let reason = json!({ "reason": "abuse" });
    host.operator()
        .post("/v1/tenants/acme/suspend", &reason)
        .await
        .ok();
    runs(&acme, 0).await;
    assert_eq!((running(&beta).await, pending(&acme).await), (1, json!(1)));
    host.operator()
        .post("/v1/tenants/acme/resume", &json!({}))
        .await
        .ok();
    runs(&acme, 1).await;
}

#[tokio::test]
async fn a_suspended_component_runs_nowhere_and_is_not_taken() {
    let host = Host::start().await;
    let (acme, beta) = (hanging(&host, "acme").await, hanging(&host, "beta").await);
    let agent = acme.get("/v1/agents/acme-sleeper").await.ok();
    let path = format!(
        "/v1/suspended-components/{}",
        agent["digest"].as_str().unwrap()
    );
    let operator = host.operator();
    let reason = json!({ "reason": "it mines coins" });
    operator.put(&path, &reason).await.ok();
    runs(&acme, 0).await;
    assert_eq!((running(&beta).await, pending(&acme).await), (1, json!(1)));
    let refused = acme.push("acme-sleeper", "hang", &["ask"]).await;
    let problem = refused.problem(403, "suspended");
    assert_eq!(
        problem["detail"],
        "the component is suspended: it mines coins"
    );
    let listed = operator.get("/v1/suspended-components").await.ok();
    assert_eq!(listed["items"][0]["digest"], agent["digest"]);

    // Another tenant that has it already gets no turn of it either, and others of its agents do.
    let same = beta.push("acme-sleeper", "hang", &["ask"]).await;
    same.problem(403, "suspended");
    acme.push("notes", "remember", &["note"]).await.ok();
    acme.publish("note", &json!({ "topic": "action-requests" }))
        .await;
    eventually(async || acme.get("/v1/turns").await.ok()["items"][0]["agent"] == "notes").await;

    operator.delete(&path).await;
    runs(&acme, 1).await;
    operator.delete(&path).await.problem(404, "not_found");
    acme.push("acme-sleeper", "hang", &["ask"]).await.ok();
}

#[tokio::test]
async fn an_agent_that_fails_again_and_again_waits_visibly_and_its_events_are_kept() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("broken", "fail", &["ask"]).await.ok();
    for _ in 0..22 {
        // One at a time, as what runs already when it opens runs to its end.
        acme.publish("ask", &json!({ "topic": "action-requests" }))
            .await;
        host.dispatcher.settle().await;
    }
    let depth = acme.get("/v1/queue").await.ok();
    assert_eq!((&depth["dead"], &depth["pending"]), (&json!(20), &json!(2)));
    let listed = acme.get("/v1/agents").await.ok();
    let breaker = &listed["items"][0]["breaker"];
    assert_eq!(
        (&breaker["state"], &breaker["failures"]),
        (&json!("open"), &json!(20))
    );
    assert_eq!(
        breaker,
        &acme.get("/v1/agents/broken").await.ok()["breaker"]
    );
    host.clock.advance_ms(30_000);
    host.dispatcher.poke();
    eventually(async || acme.get("/v1/queue").await.ok()["dead"] == 21).await;
    assert_eq!(pending(&acme).await, 1, "one was tried");
    acme.push("broken", "remember", &["ask"]).await.ok();
    eventually(async || pending(&acme).await == 0).await;
    assert_eq!(
        acme.get("/v1/agents/broken").await.ok().get("breaker"),
        None
    );
}

#[tokio::test]
async fn a_restarted_agent_runs_from_memory_that_is_new_and_is_not_held_to_its_failures() {
    let host = Host::start().await;
    let acme = hanging(&host, "acme").await;
    let beta = hanging(&host, "beta").await;
    let restart = "/v1/agents/acme-sleeper/restart";
    let before = acme.get("/v1/queue").await.ok();
    acme.post(restart, &json!({})).await.ok();
    // Its turn was stopped and is next again, as the same attempt.
    runs(&acme, 1).await;
    assert_eq!(acme.get("/v1/queue").await.ok(), before);
    assert_eq!(running(&beta).await, 1);
    let digest = acme.get("/v1/agents/acme-sleeper").await.ok()["digest"].clone();
    let unloaded = host.unloaded.lock().clone();
    assert_eq!(json!(unloaded), json!([digest]));
    // One that is paused starts.
    acme.post("/v1/agents/acme-sleeper/pause", &json!({}))
        .await
        .ok();
    runs(&acme, 0).await;
    assert_eq!(
        acme.post(restart, &json!({})).await.ok()["status"],
        "active"
    );
    runs(&acme, 1).await;
    acme.post("/v1/agents/nobody/restart", &json!({}))
        .await
        .problem(404, "not_found");
    let audited = acme.get("/v1/audit").await.ok();
    let rows = audited["items"].as_array().unwrap().iter();
    let restarts = rows.map(|row| &row["record"]).filter(|record| {
        record["what"] == "POST /v1/agents/{name}/restart" && record["outcome"] == "allowed"
    });
    assert_eq!(restarts.count(), 3, "{audited}");
}

#[tokio::test]
async fn what_failed_until_it_had_to_wait_is_tried_at_once_after_a_restart() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("broken", "fail", &["ask"]).await.ok();
    for _ in 0..22 {
        acme.publish("ask", &json!({ "topic": "action-requests" }))
            .await;
        host.dispatcher.settle().await;
    }
    let before = acme.get("/v1/queue").await.ok();
    assert_eq!(
        (&before["dead"], &before["pending"]),
        (&json!(20), &json!(2))
    );
    let state = async || acme.get("/v1/services/broken").await.ok()["state"].clone();
    assert_eq!(state().await, "degraded");
    let restarted = acme
        .post("/v1/agents/broken/restart", &json!({}))
        .await
        .ok();
    assert_eq!(restarted.get("breaker"), None);
    eventually(async || acme.get("/v1/queue").await.ok()["dead"] == 22).await;
}
