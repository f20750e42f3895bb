//! The audit log: what is in it, that it can be checked by anybody, and that nobody fills it.

use serde_json::{Value, json};
use warren::api::types::{AuditEndsView, AuditRowView, Listing};
use warren::identity::{AUDIT_DENIALS_PER_MINUTE_MAX, ChainCheck};

use super::harness::{Client, Host, manifest};

/// All records of a log, which must follow one another.
async fn records(client: &Client) -> Vec<Value> {
    let page = client.get("/v1/audit?limit=100").await;
    let page: Listing<AuditRowView> = serde_json::from_slice(&page.body).unwrap();
    let ends = client.get("/v1/audit/ends").await;
    let ends: AuditEndsView = serde_json::from_slice(&ends.body).unwrap();
    let ends = ends.ends().unwrap();
    let mut chain = ChainCheck::begin(&ends);
    for row in &page.items {
        chain.row(&row.row().unwrap()).unwrap();
    }
    chain.end(&ends).unwrap();
    let record = |row: &AuditRowView| serde_json::from_str(row.record.get()).unwrap();
    page.items.iter().map(record).collect()
}

fn told(records: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |r: &Value| {
        let parts = [&r["who"], &r["outcome"], &r["what"], &r["code"]].map(text);
        parts.join(" ")
    };
    records.iter().map(line).collect()
}

#[tokio::test]
async fn changes_are_written_down_before_they_are_done_and_what_failed_after() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echoes", "echo", &["ask"]).await.ok();
    acme.publish("a", &json!({})).await;
    acme.get("/v1/agents").await.ok();
    acme.post("/v1/agents/nope/pause", &json!({}))
        .await
        .problem(404, "not_found");
    let token = acme
        .post("/v1/tokens", &json!({ "scopes": ["agents:deploy"] }))
        .await
        .ok();
    let token = host.with_key(token["token"].as_str().unwrap());
    token.post("/v1/agents/echoes/pause", &json!({})).await.ok();
    let rotate = "/v1/tenants/acme/keys/main/rotate";
    host.operator().post(rotate, &json!({})).await.ok();
    let records = records(&acme).await;
    assert_eq!(
        told(&records),
        [
            "operator allowed POST /v1/tenants/{name}/keys -",
            "client/main allowed PUT /v1/agents/{name} -",
            "client/main allowed POST /v1/agents/{name}/pause -",
            "client/main failed POST /v1/agents/{name}/pause not_found",
            "client/main allowed POST /v1/tokens -",
            "client/main allowed POST /v1/agents/{name}/pause -",
            "operator allowed POST /v1/tenants/{name}/keys/{key}/rotate -",
        ]
    );
    assert_eq!(records[1]["target"], "/v1/agents/echoes");
    assert_eq!(
        records[1].get("policy"),
        Some(&Value::Null),
        "there is none yet"
    );
    let with = |index: usize| records[index]["with"].as_str().unwrap();
    assert!(
        with(5).starts_with(with(1)) && with(5).contains("token"),
        "{}",
        with(5)
    );
    assert_eq!(
        records[2]["request"], records[3]["request"],
        "both rows are of one request"
    );
    for secret in [&acme.key, &token.key] {
        let secret = secret
            .as_deref()
            .unwrap()
            .rsplit(['_', '.'])
            .next()
            .unwrap();
        assert!(!json!(records).to_string().contains(secret));
    }
}

#[tokio::test]
async fn refusals_are_written_down_with_what_was_lacking() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let weak = acme
        .post(
            "/v1/tokens",
            &json!({ "scopes": ["events:read"], "expires_in_s": 60 }),
        )
        .await
        .ok();
    let weak = host.with_key(weak["token"].as_str().unwrap());
    weak.delete("/v1/agents/echoes")
        .await
        .problem(403, "denied");
    acme.get("/v1/tenants").await.problem(403, "denied");
    let old = host.another_key("acme", "old").await;
    host.operator().delete("/v1/tenants/acme/keys/old").await;
    old.get("/v1/agents").await.problem(401, "unauthenticated");
    let guess = format!("{}{}", &old.key.as_ref().unwrap()[..21], "0".repeat(64));
    host.with_key(&guess)
        .get("/v1/agents")
        .await
        .problem(401, "unauthenticated");
    host.clock.advance_ms(60_000);
    weak.get("/v1/events").await.problem(401, "unauthenticated");
    let records = records(&acme).await;
    let denied: Vec<_> = records
        .iter()
        .filter(|r| r["outcome"] == "denied")
        .cloned()
        .collect();
    assert_eq!(
        told(&denied),
        [
            "client/main denied DELETE /v1/agents/{name} denied",
            "client/main denied GET /v1/tenants denied",
            "client/old denied GET /v1/agents unauthenticated",
            "client/main denied GET /v1/events unauthenticated",
        ],
        "a guess is nobody's"
    );
    assert_eq!(denied[0]["reason"], "lacks agents:deploy");
}

#[tokio::test]
async fn a_client_that_hammers_does_not_fill_the_log() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let weak = acme
        .post("/v1/tokens", &json!({ "scopes": ["events:read"] }))
        .await
        .ok();
    let weak = host.with_key(weak["token"].as_str().unwrap());
    for _ in 0..AUDIT_DENIALS_PER_MINUTE_MAX + 5 {
        weak.get("/v1/agents").await.problem(403, "denied");
    }
    host.clock.advance_ms(60_000);
    weak.get("/v1/agents").await.problem(403, "denied");
    let records = records(&acme).await;
    let denied = records.iter().filter(|r| r["outcome"] == "denied");
    assert_eq!(denied.count() as u32, AUDIT_DENIALS_PER_MINUTE_MAX + 1);
    assert_eq!(records.last().unwrap()["suppressed"], 5);
}

#[tokio::test]
async fn each_tenant_reads_its_own_log_page_by_page() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    for name in ["one", "two"] {
        acme.put(&format!("/v1/schemas/{name}"), &json!({}))
            .await
            .ok();
    }
    let page = acme.get("/v1/audit?limit=2").await.ok();
    assert_eq!(
        (&page["items"][0]["seq"], &page["next"]),
        (&json!(1), &json!("2"))
    );
    let page = acme.get("/v1/audit?limit=2&after=2").await.ok();
    assert_eq!(page["items"][0]["record"]["target"], "/v1/schemas/two");
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(records(&beta).await.len(), 1, "the making of its own key");
    acme.get("/v1/audit?limit=101")
        .await
        .problem(422, "invalid");
}

#[tokio::test]
async fn what_agents_are_refused_is_written_down_with_turn_and_component() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let mut needy = manifest("notes", "remember", &["note"]);
    needy["grants"] = json!([]);
    let wasm = [("content-type", "application/wasm")];
    let pushed = acme
        .send("PUT", "/v1/agents/notes", &wasm, needy.to_string())
        .await;
    pushed.ok();
    acme.publish("note", &json!({ "topic": "action-requests" }))
        .await;
    host.dispatcher.settle().await;
    let records = records(&acme).await;
    let last = records.last().unwrap();
    assert_eq!(
        told(&records[2..]),
        ["agent/notes denied grant working:write denied"]
    );
    let turns = acme.get("/v1/turns").await.ok();
    assert_eq!(last["target"], turns["items"][0]["turn"], "{turns}");
    assert!(last["component"].is_string());
}

#[tokio::test]
async fn what_the_operator_sets_and_switches_is_written_down_in_the_logs_of_those_it_is_about() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    let agent = acme.push("echoes", "echo", &["ask"]).await.ok();
    let component = format!(
        "/v1/suspended-components/{}",
        agent["digest"].as_str().unwrap()
    );
    let operator = host.operator();
    let change = json!({ "quotas": { "events_per_second": 1 } });
    operator.patch("/v1/tenants/acme", &change).await.ok();
    let coins = json!({ "reason": "it mines coins" });
    operator.put(&component, &coins).await.ok();
    operator.delete(&component).await;
    let unpaid = json!({ "reason": "unpaid" });
    operator
        .post("/v1/tenants/acme/suspend", &unpaid)
        .await
        .ok();
    let event = json!({ "type": "t", "topic": "business-facts" });
    acme.post("/v1/events", &event)
        .await
        .problem(403, "suspended");
    operator
        .post("/v1/tenants/acme/resume", &json!({}))
        .await
        .ok();
    let rows = records(&acme).await;
    assert_eq!(
        told(&rows)[2..],
        [
            "operator allowed PATCH /v1/tenants/{name} -",
            "operator allowed PUT /v1/suspended-components/{digest} -",
            "operator allowed DELETE /v1/suspended-components/{digest} -",
            "operator allowed POST /v1/tenants/{name}/suspend -",
            "client/main denied POST /v1/events suspended",
            "operator allowed POST /v1/tenants/{name}/resume -",
        ]
    );
    assert_eq!(
        (&rows[3]["reason"], &rows[3]["component"]),
        (&coins["reason"], &agent["digest"])
    );
    assert_eq!(rows[5]["reason"], unpaid["reason"]);
    assert_eq!(records(&beta).await.len(), 1, "none of it is about beta");
}
