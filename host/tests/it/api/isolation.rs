//! One tenant cannot see, name or guess what another has: every operation of the OpenAPI document, tried.

use serde_json::{Value, json};

use super::harness::{Answer, Client, Host};

/// A public key of RFC 8037.
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    /// `key`, `admin` or nothing.
    security: Option<String>,
}

async fn operations(host: &Host) -> Vec<Operation> {
    let document = host.nobody().get("/v1/openapi.json").await.ok();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"][0].as_object();
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                security: security.and_then(|s| s.keys().next().cloned()),
            });
        }
    }
    assert!(all.len() > 35, "{}", all.len());
    all
}

impl Operation {
    /// With the names of what a tenant has.
    fn path_to(&self, turn: &str) -> String {
        let name = if self.path.starts_with("/v1/tenants") {
            "acme"
        } else {
            "angry"
        };
        let of = |prefix: &str| self.path.starts_with(prefix);
        let name = match name {
            _ if of("/v1/schemas") => "order",
            _ if of("/v1/services") => "weather",
            name => name,
        };
        // Routes of other registries call a name an id.
        let id = if of("/v1/") { "e-1" } else { "weather" };
        let names = [
            ("{name}", name),
            ("{key}", "last"),
            ("{id}", id),
            ("{turn}", turn),
            ("{type}", "order.placed"),
            ("{space}", "agent:notes"),
        ];
        names.iter().fold(self.path.clone(), |path, (name, value)| {
            path.replace(name, value)
        })
    }

    async fn try_as(&self, client: &Client, turn: &str) -> Answer {
        let headers = [
            ("x-request-id", "r-1"),
            ("content-type", "application/json"),
        ];
        client
            .send(&self.method, &self.path_to(turn), &headers, "{}")
            .await
    }

    /// Whether it makes the object that its path names: a tenant makes its own.
    fn makes(&self) -> bool {
        let made = [
            "/v1/agents/{name}",
            "/v1/event-definitions/{type}",
            "/v1/schemas/{name}",
            "/v1/memory/procedures/{name}",
            "/v1/memory/sessions/{id}",
            "/v1/signing-keys/{key}",
            "/v1/secrets/{name}",
        ];
        self.method == "PUT" && made.contains(&self.path.as_str())
    }
}

/// Give a tenant one of everything, and return the id of its dead letter's turn.
async fn furnish(host: &Host, client: &Client) -> String {
    client.push("angry", "reject", &["ask"]).await.ok();
    client.push("notes", "remember", &["note"]).await.ok();
    client.put("/v1/schemas/order", &json!({})).await.ok();
    let service = json!({ "name": "weather", "type": "api", "url": "https://weather.example" });
    client.post("/v1/services", &service).await.ok();
    let jwk = json!({ "jwk": { "kty": "OKP", "crv": "Ed25519", "x": PUBLIC } });
    client.put("/v1/signing-keys/last", &jwk).await.ok();
    let definition = json!({ "topic": "business-facts" });
    client
        .put("/v1/event-definitions/order.placed", &definition)
        .await
        .ok();
    client
        .publish("ask", &json!({ "topic": "action-requests", "id": "e-1" }))
        .await;
    client
        .publish("note", &json!({ "topic": "action-requests" }))
        .await;
    host.dispatcher.settle().await;
    let letters = client.get("/v1/dead-letters").await.ok();
    letters["items"][0]["turn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_foreign_answers_like_what_is_absent_to_the_byte() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    let turn = {
        let other = Host::start().await;
        let twin = other.tenant("acme").await;
        furnish(&other, &twin).await
    };
    let named: Vec<Operation> = operations(&host)
        .await
        .into_iter()
        .filter(|o| o.security.as_deref() == Some("key") && o.path.contains('{') && !o.makes())
        .collect();
    let mut before = Vec::new();
    for operation in &named {
        before.push(operation.try_as(&beta, &turn).await);
    }
    let foreign = furnish(&host, &acme).await;
    for (operation, absent) in named.iter().zip(before) {
        let what = format!("{} {}", operation.method, operation.path);
        let now = operation.try_as(&beta, &turn).await;
        assert_eq!(
            (now.status, now.text()),
            (absent.status, absent.text()),
            "{what}"
        );
        let named = operation.try_as(&beta, &foreign).await;
        let same = named.text().replace(&foreign, &turn);
        assert_eq!(
            (named.status, same),
            (absent.status, absent.text()),
            "{what}"
        );
        let lists = operation.path == "/v1/memory/working/{space}";
        assert_eq!(absent.status, if lists { 200 } else { 404 }, "{what}");
    }
    for list in [
        "agents",
        "events",
        "turns",
        "dead-letters",
        "schemas",
        "event-definitions",
        "services",
        "signing-keys",
    ] {
        let page = beta.get(&format!("/v1/{list}")).await.ok();
        assert_eq!(page["items"], json!([]), "{list}");
    }
    let kept = acme.get("/v1/agents/angry").await.ok();
    assert_eq!(
        kept["status"], "active",
        "nothing of what was tried reached it"
    );
    let kept = acme.get("/v1/services/weather").await.ok();
    assert_eq!(kept["state"], "active", "nor that");
}

#[tokio::test]
async fn no_operation_answers_without_the_key_it_asks_for() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    for operation in operations(&host).await {
        let what = format!("{} {}", operation.method, operation.path);
        let (nobody, other) = match operation.security.as_deref() {
            Some("key") => (401, Some((host.operator(), 403))),
            Some("admin") => (401, Some((acme.clone(), 403))),
            _ => (200, None),
        };
        let answer = operation.try_as(&host.nobody(), "t").await;
        assert_eq!(answer.status, nobody, "{what}");
        if let Some((client, status)) = other {
            assert_eq!(
                operation.try_as(&client, "t").await.status,
                status,
                "{what}"
            );
        }
    }
}

#[tokio::test]
async fn two_tenants_use_the_same_names_apart() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    furnish(&host, &acme).await;
    furnish(&host, &beta).await;
    acme.delete("/v1/agents/angry").await;
    let kept: Value = beta.get("/v1/agents/angry").await.ok();
    assert_eq!(kept["name"], "angry");
    assert_eq!(beta.get("/v1/events/e-1").await.ok()["id"], "e-1");
}
