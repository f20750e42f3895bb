//! API keys: what they may do, until when, and how fast a revoked one is felt.

use std::time::Duration;

use serde_json::{Value, json};
use warren::app::ApiLimits;
use warren::identity::{KEY_GRACE_S_MAX, KEY_LIFE_S_MAX, KEY_USED_EVERY_MS, Scope};

use super::harness::{Client, Host, NOW, Setup};

/// A heartbeat that no test lives to see.
const NEVER: Duration = Duration::from_hours(1);

async fn key_with(host: &Host, name: &str, more: &Value) -> Client {
    let mut key = json!({ "name": name });
    for (member, value) in more.as_object().unwrap() {
        key[member] = value.clone();
    }
    let made = host
        .operator()
        .post("/v1/tenants/acme/keys", &key)
        .await
        .ok();
    host.with_key(made["key"].as_str().unwrap())
}

/// Operations of the document with a scope: method, path with names put in, scope.
async fn scoped(host: &Host) -> Vec<(String, String, String)> {
    let document = host.nobody().get("/v1/openapi.json").await.ok();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scope = &operation["security"][0]["key"][0];
            if let Some(scope) = scope.as_str() {
                let path = path.replace(['{', '}'], "");
                all.push((method.to_uppercase(), path, scope.to_owned()));
            }
        }
    }
    assert!(all.len() > 70, "{}", all.len());
    all
}

#[tokio::test]
async fn every_operation_takes_its_scope_and_says_which_it_is() {
    let host = Host::start().await;
    host.tenant("acme").await;
    let json = [("content-type", "application/json")];
    for lacking in Scope::ALL {
        let rest: Vec<_> = Scope::ALL
            .iter()
            .filter(|s| **s != lacking)
            .map(|s| s.as_str())
            .collect();
        let lacking = lacking.as_str();
        let name = lacking.replace(':', "-");
        let all_but = key_with(&host, &format!("not-{name}"), &json!({ "scopes": rest })).await;
        let only = key_with(&host, &name, &json!({ "scopes": [lacking] })).await;
        for (method, path, _) in scoped(&host)
            .await
            .iter()
            .filter(|(_, _, scope)| scope == lacking)
        {
            let refused = all_but
                .send(method, path, &json, "{}")
                .await
                .problem(403, "denied");
            assert_eq!(refused["scope"], lacking, "{method} {path}");
            assert!(
                refused["detail"].as_str().unwrap().contains(lacking),
                "{refused}"
            );
            if !path.ends_with("/stream") {
                let status = only.send(method, path, &json, "{}").await.status;
                assert_ne!(status, 403, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_has_the_scopes_that_were_asked_for_and_all_when_none_were() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    assert_eq!(acme.get("/v1/whoami").await.ok()["scopes"], json!(all));
    let reader = key_with(
        &host,
        "reader",
        &json!({ "scopes": ["memory:read", "events:read"] }),
    )
    .await;
    let scopes = reader.get("/v1/whoami").await.ok()["scopes"].clone();
    assert_eq!(scopes, json!(["events:read", "memory:read"]));
    for bad in [
        json!([]),
        json!(["admin"]),
        json!(["events:*"]),
        json!("all"),
    ] {
        let body = json!({ "name": "bad", "scopes": bad });
        let refused = host.operator().post("/v1/tenants/acme/keys", &body).await;
        refused.problem(422, "invalid");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_expires() {
    let host = Host::start().await;
    host.tenant("acme").await;
    let short = key_with(&host, "short", &json!({ "expires_in_s": 60 })).await;
    host.clock.advance_ms(59_999);
    short.get("/v1/whoami").await.ok();
    host.clock.advance_ms(1);
    short
        .get("/v1/whoami")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn lives_and_graces_hold_at_and_one_past() {
    let host = Host::start().await;
    host.tenant("acme").await;
    let operator = host.operator();
    for (life, status) in [
        (0, 422),
        (1, 201),
        (KEY_LIFE_S_MAX, 201),
        (KEY_LIFE_S_MAX + 1, 422),
    ] {
        let key = json!({ "name": format!("k{life}"), "expires_in_s": life });
        let answer = operator.post("/v1/tenants/acme/keys", &key).await;
        assert_eq!(answer.status, status, "{life}");
    }
    for (grace, status) in [(0, 200), (KEY_GRACE_S_MAX, 200), (KEY_GRACE_S_MAX + 1, 422)] {
        let body = json!({ "grace_s": grace });
        let answer = operator
            .post("/v1/tenants/acme/keys/main/rotate", &body)
            .await;
        assert_eq!(answer.status, status, "{grace}");
    }
}

#[tokio::test]
async fn after_a_rotation_two_secrets_are_good_until_the_grace_ends() {
    let host = Host::start().await;
    let first = host.tenant("acme").await;
    let rotate = async |grace: u64| {
        let path = "/v1/tenants/acme/keys/main/rotate";
        let made = host
            .operator()
            .post(path, &json!({ "grace_s": grace }))
            .await
            .ok();
        host.with_key(made["key"].as_str().unwrap())
    };
    let second = rotate(100).await;
    let good = async |client: &Client| client.get("/v1/whoami").await.status == 200;
    assert!(good(&first).await && good(&second).await);
    let source = second.get("/v1/whoami").await.ok()["source"].clone();
    assert_eq!(source, "client/main", "it is the same key");

    host.clock.advance_ms(99_999);
    assert!(good(&first).await);
    host.clock.advance_ms(1);
    assert!(!good(&first).await && good(&second).await);

    let third = rotate(100).await;
    let fourth = rotate(0).await;
    assert!(!good(&second).await, "two at most, so the oldest went");
    assert!(!good(&third).await, "a grace of 0 is none");
    assert!(good(&fourth).await);
    let listed = host.operator().get("/v1/tenants/acme/keys").await.ok();
    assert!(listed["items"][0]["previous_until"].is_string(), "{listed}");
    let unknown = host
        .operator()
        .post("/v1/tenants/acme/keys/nope/rotate", &json!({}))
        .await;
    unknown.problem(404, "not_found");
    host.operator().delete("/v1/tenants/acme/keys/main").await;
    assert!(!good(&fourth).await);
}

#[tokio::test]
async fn the_last_use_is_known_to_ten_minutes() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let used = async || {
        let keys = host.operator().get("/v1/tenants/acme/keys").await.ok();
        keys["items"][0]["last_used"].as_str().map(str::to_owned)
    };
    assert_eq!(used().await, None);
    acme.get("/v1/whoami").await.ok();
    let first = used().await;
    assert_eq!(first, Some(NOW.to_string()));
    host.clock.advance_ms(KEY_USED_EVERY_MS - 1);
    acme.get("/v1/whoami").await.ok();
    assert_eq!(used().await, first);
    host.clock.advance_ms(1);
    acme.get("/v1/whoami").await.ok();
    assert_eq!(
        used().await,
        Some(NOW.plus_ms(KEY_USED_EVERY_MS).to_string())
    );
}

#[tokio::test]
async fn a_revocation_ends_open_streams_at_once_and_no_others() {
    let limits = ApiLimits {
        heartbeat: NEVER,
        ..ApiLimits::default()
    };
    let host = Host::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let acme = host.tenant("acme").await;
    let other = host.another_key("acme", "other").await;
    let mut events = acme.stream("", &[]).await;
    let services = acme.follow("/v1/services/stream", &[]).await;
    let mut kept = other.stream("", &[]).await;
    assert_eq!(events.next().await.unwrap().event, "connected");
    assert_eq!(kept.next().await.unwrap().event, "connected");
    host.operator().delete("/v1/tenants/acme/keys/main").await;
    for stream in [events, services] {
        let last = stream.last().await;
        assert_eq!(
            (last.event.as_str(), &last.data["reason"]),
            ("disconnected", &json!("revoked"))
        );
    }
    other.publish("order.placed", &json!({})).await;
    assert_eq!(kept.event().await.data["type"], "order.placed");
}
