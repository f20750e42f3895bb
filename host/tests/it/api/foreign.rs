//! Every operation of the OpenAPI document, tried by a second tenant against all that a first one has, and by
//! everybody with headers that claim to be somebody else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use warren::app::ApiLimits;

use super::harness::{ADMIN_KEY, Client, Host, Setup};

/// Stands in everything that the first tenant has and in nothing that is its name.
const CANARY: &str = "c4n4ry-7d1f0a5e";
/// A public key of RFC 8037.
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// What is tried: an operation, the path with the first tenant's names and ids in it, a body that would do.
/// `TURN`, `KNOWLEDGE` and `OLD` are the first tenant's ids, `PUBLIC` is a key.
const TRIED: &str = r#"
GET /agents                                     | /agents |
POST /agents/register                           | /agents/register | {"id":"weather","name":"weather","type":"api"}
GET /agents/{id}                                | /agents/weather |
DELETE /agents/{id}                             | /agents/weather |
POST /agents/{id}/heartbeat                     | /agents/weather/heartbeat | {}
PUT /agents/{id}/status                         | /agents/weather/status | {"status":"paused"}
GET /api/services                               | /api/services |
POST /api/services/register                     | /api/services/register | {"id":"weather","name":"weather","type":"api"}
GET /api/services/{id}                          | /api/services/weather |
DELETE /api/services/{id}                       | /api/services/weather |
POST /api/services/{id}/heartbeat               | /api/services/weather/heartbeat | {}
GET /v1/agents                                  | /v1/agents |
GET /v1/agents/{name}                           | /v1/agents/angry |
PUT /v1/agents/{name}                           | /v1/agents/angry | {"name":"angry","kind":"tool","description":"mine"}
DELETE /v1/agents/{name}                        | /v1/agents/notes |
POST /v1/agents/{name}/call                     | /v1/agents/notes/call | {"data":{}}
PUT /v1/agents/{name}/config                    | /v1/agents/notes/config | {}
POST /v1/agents/{name}/pause                    | /v1/agents/notes/pause | {}
POST /v1/agents/{name}/release                  | /v1/agents/notes/release | {}
POST /v1/agents/{name}/restart                  | /v1/agents/notes/restart | {}
POST /v1/agents/{name}/resume                   | /v1/agents/notes/resume | {}
POST /v1/agents/{name}/rollback                 | /v1/agents/notes/rollback | {}
GET /v1/agents/{name}/versions                  | /v1/agents/notes/versions |
GET /v1/audit                                   | /v1/audit |
GET /v1/audit/ends                              | /v1/audit/ends |
GET /v1/dead-letters                            | /v1/dead-letters |
DELETE /v1/dead-letters/{turn}                  | /v1/dead-letters/TURN |
POST /v1/dead-letters/{turn}/replay             | /v1/dead-letters/TURN/replay | {}
GET /v1/event-definitions                       | /v1/event-definitions |
GET /v1/event-definitions/{type}                | /v1/event-definitions/order.placed |
PUT /v1/event-definitions/{type}                | /v1/event-definitions/order.placed | {"topic":"business-facts"}
DELETE /v1/event-definitions/{type}             | /v1/event-definitions/order.placed |
GET /v1/events                                  | /v1/events?plan=p-1 |
POST /v1/events                                 | /v1/events | {"id":"e-1","type":"a","topic":"business-facts","parent":"e-1","session":"s-1","plan":"p-1"}
POST /v1/events/batch                           | /v1/events/batch | {"events":[{"id":"e-1","type":"a","topic":"business-facts"}]}
GET /v1/events/stream                           | /v1/events/stream?after=0 |
GET /v1/events/{id}                             | /v1/events/OLD |
GET /v1/graph                                   | /v1/graph |
GET /v1/memory/episodes                         | /v1/memory/episodes?agent=notes |
POST /v1/memory/episodes                        | /v1/memory/episodes | {"agent":"notes","role":"user","content":"x","session":"s-1"}
POST /v1/memory/erase                           | /v1/memory/erase | {"user":"ada"}
GET /v1/memory/export                           | /v1/memory/export |
POST /v1/memory/import                          | /v1/memory/import | {"records":[]}
GET /v1/memory/knowledge                        | /v1/memory/knowledge |
POST /v1/memory/knowledge                       | /v1/memory/knowledge | {"content":"x","external_id":"k-1"}
POST /v1/memory/knowledge/search                | /v1/memory/knowledge/search | {"text":"c4n4ry"}
GET /v1/memory/knowledge/{id}                   | /v1/memory/knowledge/KNOWLEDGE |
DELETE /v1/memory/knowledge/{id}                | /v1/memory/knowledge/KNOWLEDGE |
GET /v1/memory/procedures                       | /v1/memory/procedures |
POST /v1/memory/procedures/match                | /v1/memory/procedures/match | {"situation":"greet"}
GET /v1/memory/procedures/{name}                | /v1/memory/procedures/greet |
PUT /v1/memory/procedures/{name}                | /v1/memory/procedures/greet | {"kind":"rule","body":"x"}
POST /v1/memory/procedures/{name}/activate      | /v1/memory/procedures/greet/activate | {"version":1}
POST /v1/memory/procedures/{name}/rollback      | /v1/memory/procedures/greet/rollback | {}
GET /v1/memory/sessions                         | /v1/memory/sessions |
GET /v1/memory/sessions/{id}                    | /v1/memory/sessions/s-1 |
PUT /v1/memory/sessions/{id}                    | /v1/memory/sessions/s-1 | {}
DELETE /v1/memory/sessions/{id}                 | /v1/memory/sessions/s-1 |
GET /v1/memory/working/{space}                  | /v1/memory/working/agent:notes |
DELETE /v1/memory/working/{space}               | /v1/memory/working/agent:notes |
GET /v1/memory/working/{space}/{key}            | /v1/memory/working/agent:notes/last |
DELETE /v1/memory/working/{space}/{key}         | /v1/memory/working/agent:notes/last |
GET /v1/queue                                   | /v1/queue |
GET /v1/schemas                                 | /v1/schemas |
GET /v1/schemas/{name}                          | /v1/schemas/order |
PUT /v1/schemas/{name}                          | /v1/schemas/order | {}
GET /v1/secrets                                 | /v1/secrets |
PUT /v1/secrets/{name}                          | /v1/secrets/last | {"value":"another-value","hosts":["a.test"]}
DELETE /v1/secrets/{name}                       | /v1/secrets/last |
GET /v1/services                                | /v1/services |
POST /v1/services                               | /v1/services | {"name":"weather","type":"api","url":"https://evil.example"}
POST /v1/services/import                        | /v1/services/import | [{"name":"weather","type":"api"}]
GET /v1/services/resolve                        | /v1/services/resolve?capability=forecast |
GET /v1/services/stream                         | /v1/services/stream?after=0 |
GET /v1/services/ws                             | /v1/services/ws |
GET /v1/services/{name}                         | /v1/services/weather |
DELETE /v1/services/{name}                      | /v1/services/weather |
PUT /v1/services/{name}/heartbeat               | /v1/services/weather/heartbeat | {}
POST /v1/services/{name}/heartbeat              | /v1/services/weather/heartbeat | {}
PUT /v1/services/{name}/status                  | /v1/services/weather/status | {"status":"paused"}
GET /v1/signing-keys                            | /v1/signing-keys |
PUT /v1/signing-keys/{key}                      | /v1/signing-keys/last | {"jwk":{"kty":"OKP","crv":"Ed25519","x":"PUBLIC"}}
DELETE /v1/signing-keys/{key}                   | /v1/signing-keys/last |
GET /v1/schemas/{name}/versions                 | /v1/schemas/order/versions |
GET /v1/settings                                | /v1/settings |
PUT /v1/settings                                | /v1/settings | {}
GET /v1/services/brief                          | /v1/services/brief |
GET /v1/services/overview                       | /v1/services/overview |
POST /v1/tokens                                 | /v1/tokens | {"agent":"notes"}
GET /v1/turns                                   | /v1/turns |
GET /v1/turns/{turn}                            | /v1/turns/TURN |
GET /v1/usage                                   | /v1/usage |
GET /v1/whoami                                  | /v1/whoami |
"#;

struct Try {
    method: String,
    path: String,
    body: String,
}

/// The table by operation, with the first tenant's ids in it.
fn table(ids: &[(&str, &str)]) -> BTreeMap<String, Try> {
    let line = |line: &str| {
        let columns: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        let fill = |text: &str| {
            ids.iter()
                .fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
        };
        let method = columns[0].split(' ').next().unwrap().to_owned();
        let tried = Try {
            method,
            path: fill(columns[1]),
            body: fill(columns[2]),
        };
        (columns[0].to_owned(), tried)
    };
    TRIED.trim().lines().map(line).collect()
}

/// Operations of the document that a tenant's key opens.
async fn of_tenants(host: &Host) -> Vec<String> {
    let document = host.nobody().get("/v1/openapi.json").await.ok();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"][0].get("key").is_some() {
                all.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    all.sort();
    all
}

/// Give a tenant one of everything, with the canary in it.
async fn furnish(host: &Host, acme: &Client) -> Vec<(&'static str, String)> {
    acme.push("angry", "reject", &["ask"]).await.ok();
    acme.push("notes", "remember", &["note"]).await.ok();
    let ada = acme.of(None, Some("ada"));
    let seen = json!({ "content": CANARY });
    for (path, body) in [
        ("/v1/schemas/order", json!({ "title": CANARY })),
        (
            "/v1/event-definitions/order.placed",
            json!({ "topic": "business-facts", "description": CANARY }),
        ),
        (
            "/v1/signing-keys/last",
            json!({ "jwk": { "kty": "OKP", "crv": "Ed25519", "x": PUBLIC } }),
        ),
        (
            "/v1/memory/procedures/greet",
            json!({ "kind": "rule", "body": CANARY, "triggers": ["greet"] }),
        ),
    ] {
        acme.put(path, &body).await.ok();
    }
    let service = json!({
        "name": "weather", "type": "api", "url": "https://weather.example", "description": CANARY,
        "capabilities": [{ "name": "forecast", "description": CANARY }],
    });
    acme.post("/v1/services", &service).await.ok();
    let episode = json!({ "agent": "notes", "role": "user", "content": CANARY, "session": "s-1" });
    ada.post("/v1/memory/episodes", &episode).await.ok();
    acme.post("/v1/memory/episodes", &episode).await.ok();
    let known = json!({ "content": CANARY, "external_id": "k-1", "visibility": "tenant" });
    let known = acme.post("/v1/memory/knowledge", &known).await.ok();
    ada.post("/v1/memory/knowledge", &seen).await.ok();
    // Without a plan, what the turn remembers is its agent's.
    for (id, event_type, plan) in [("e-1", "ask", Some("p-1")), ("e-2", "note", None)] {
        let mut more = json!({ "id": id, "topic": "action-requests", "data": seen });
        more["session"] = json!("s-1");
        more["plan"] = json!(plan);
        acme.publish(event_type, &more).await;
    }
    host.dispatcher.settle().await;
    let letters = acme.get("/v1/dead-letters").await.ok();
    let turn = letters["items"][0]["turn"].as_str().unwrap().to_owned();
    vec![
        ("TURN", turn),
        ("KNOWLEDGE", known["id"].as_str().unwrap().to_owned()),
        ("OLD", "e-2".to_owned()),
        ("PUBLIC", PUBLIC.to_owned()),
    ]
}

/// All that a tenant can read of itself.
async fn everything(host: &Host, client: &Client, table: &BTreeMap<String, Try>) -> Vec<String> {
    host.dispatcher.settle().await;
    let mut all = Vec::new();
    for (name, tried) in table {
        let streams = ["/stream", "/ws", "/export", "/whoami"];
        let skipped = streams.iter().any(|end| name.ends_with(end)) || tried.method != "GET";
        // What was read is what is compared, and reading is not written down.
        if !skipped && !name.contains("/v1/audit") {
            let headers = [("x-request-id", "r-1")];
            let answer = client.send("GET", &tried.path, &headers, "").await;
            all.push(format!("{name}: {} {}", answer.status, answer.text()));
        }
    }
    all
}

async fn try_one(client: &Client, name: &str, tried: &Try) -> String {
    if name.ends_with("/stream") {
        let mut stream = client.follow(&tried.path, &[]).await;
        let mut said = String::new();
        loop {
            let message = stream.next().await.unwrap();
            if message.event == "heartbeat" {
                return said;
            }
            said.push_str(&message.data.to_string());
        }
    }
    let media = match name {
        "PUT /v1/agents/{name}" => "application/wasm",
        _ => "application/json",
    };
    let headers = [("content-type", media)];
    let answer = client
        .send(&tried.method, &tried.path, &headers, tried.body.clone())
        .await;
    assert!(
        answer.status != 500,
        "{name}: {} {}",
        answer.status,
        answer.text()
    );
    format!("{:?} {}", answer.headers, answer.text())
}

async fn two_tenants() -> (Host, Client, Client) {
    let limits = ApiLimits {
        heartbeat: Duration::from_millis(5),
        ..ApiLimits::default()
    };
    let host = Host::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    (host, acme, beta)
}

#[tokio::test]
async fn every_operation_is_in_the_table_of_what_is_tried() {
    let host = Host::start().await;
    let there = of_tenants(&host).await;
    let table = table(&[]);
    let missing: Vec<_> = there
        .iter()
        .filter(|name| !table.contains_key(*name))
        .collect();
    let stale: Vec<_> = table.keys().filter(|name| !there.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "try these as another tenant, in api/foreign.rs: {missing:?}"
    );
    assert!(
        stale.is_empty(),
        "there is no such operation any more: {stale:?}"
    );
}

#[tokio::test]
async fn whatever_a_second_tenant_tries_it_neither_sees_nor_changes_what_the_first_has() {
    let (host, acme, beta) = two_tenants().await;
    let ids = furnish(&host, &acme).await;
    let ids: Vec<(&str, &str)> = ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
    let table = table(&ids);
    let before = everything(&host, &acme, &table).await;
    let canaries = before.iter().filter(|text| text.contains(CANARY)).count();
    assert!(
        canaries > 15,
        "the canary must be there to be seen: {canaries}"
    );
    for speaker in [&beta, &beta.of(None, Some("ada"))] {
        for (name, tried) in &table {
            let seen = try_one(speaker, name, tried).await;
            assert!(!seen.contains(CANARY), "{name}: {seen}");
        }
    }
    let after = everything(&host, &acme, &table).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
}

/// Headers by which gateways and older services are told who somebody is. None means anything here.
fn claims(tenant: &str) -> [(&'static str, String); 16] {
    [
        ("x-identity-admin-key", "anything".to_owned()),
        ("x-admin-key", ADMIN_KEY.to_owned()),
        ("x-api-key", ADMIN_KEY.to_owned()),
        ("x-tenant-id", tenant.to_owned()),
        ("x-tenant", tenant.to_owned()),
        ("warren-tenant", tenant.to_owned()),
        ("x-org-id", tenant.to_owned()),
        ("x-user-id", "root".to_owned()),
        ("x-forwarded-user", "root".to_owned()),
        ("x-remote-user", "root".to_owned()),
        ("x-auth-request-user", "root".to_owned()),
        ("x-original-url", "/v1/tenants".to_owned()),
        ("x-rewrite-url", "/v1/tenants".to_owned()),
        ("x-http-method-override", "DELETE".to_owned()),
        ("proxy-authorization", format!("Bearer {ADMIN_KEY}")),
        (
            "cookie",
            format!("authorization=Bearer {ADMIN_KEY}; key={ADMIN_KEY}"),
        ),
    ]
}

#[tokio::test]
async fn no_header_opens_or_moves_anything() {
    let (host, acme, beta) = two_tenants().await;
    furnish(&host, &acme).await;
    let tenants = host.operator().get("/v1/tenants").await.ok();
    let id = tenants["items"][0]["id"].as_str().unwrap();
    let send = async |client: &Client, name: &str, tried: &Try, with: &[(&'static str, String)]| {
        let mut headers = vec![
            ("x-request-id", "r-1"),
            ("content-type", "application/json"),
        ];
        headers.extend(with.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = client
            .send(&tried.method, &tried.path, &headers, "{}")
            .await;
        (name.to_owned(), answer.status, answer.text())
    };
    for (name, tried) in &table(&[]) {
        for tenant in ["acme", id] {
            let (_, status, _) = send(&host.nobody(), name, tried, &claims(tenant)).await;
            assert_eq!(status, 401, "{name}");
        }
        // What the tenant itself changes by asking would be another answer the second time.
        if tried.method == "GET" && !name.ends_with("/stream") {
            let plain = send(&beta, name, tried, &[]).await;
            assert_eq!(send(&beta, name, tried, &claims(id)).await, plain, "{name}");
        }
    }
    let with = claims("acme");
    let headers: Vec<_> = with
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    for path in ["/v1/tenants", "/metrics"] {
        host.nobody()
            .send("GET", path, &headers, "")
            .await
            .problem(401, "unauthenticated");
        beta.send("GET", path, &headers, "")
            .await
            .problem(403, "denied");
    }
    let who: Value = beta.send("GET", "/v1/whoami", &headers, "").await.ok();
    assert_eq!((&who["tenant"], who.get("user")), (&json!("beta"), None));
}
