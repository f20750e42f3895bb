//! JSON Web Tokens of issuers that the operator configured. How one is checked, the unit tests of
//! `identity::jwt` tell; here is what one opens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use warren::identity::{IssuerSettings, Issuers};

use super::harness::{Client, Host, NOW, Setup};

const SECRET: &str = "a-secret-of-more-than-32-bytes-in-length";

fn settings(more: &Value) -> IssuerSettings {
    let mut settings = json!({
        "name": "login",
        "iss": "https://login.example",
        "aud": ["warren"],
        "tenant_claim": "org",
        "scopes_claim": "scope",
        "scopes": ["events:publish", "events:read", "memory:read", "memory:write"],
        "keys": [{ "kid": "a", "alg": "HS256", "secret_variable": "LOGIN_SECRET" }],
    });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

async fn host(more: &Value) -> Host {
    let variable = |_: &str| Some(SECRET.to_owned());
    let issuers = Issuers::new(vec![settings(more)], &variable).unwrap();
    let host = Host::with(Setup {
        issuers,
        ..Setup::default()
    })
    .await;
    host.tenant("acme").await;
    host.tenant("beta").await;
    host
}

fn bearer(host: &Host, more: &Value) -> Client {
    let mut claims = json!({
        "iss": "https://login.example", "aud": "warren", "exp": NOW.0 / 1_000 + 600,
        "org": "acme", "sub": "ada", "scope": "events:publish events:read memory:read memory:write",
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!(
        "{}.{}",
        part(&json!({ "alg": "HS256", "kid": "a" })),
        part(&claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    host.with_key(&format!("{message}.{signature}"))
}

#[tokio::test]
async fn a_token_opens_its_tenant_with_its_scopes_until_it_expires() {
    let host = host(&json!({})).await;
    let ada = bearer(
        &host,
        &json!({ "scope": "openid events:publish agents:deploy" }),
    );
    let who = ada.get("/v1/whoami").await.ok();
    assert_eq!(
        (&who["tenant"], &who["source"]),
        (&json!("acme"), &json!("client/jwt-login"))
    );
    assert_eq!(
        who["scopes"],
        json!(["events:publish"]),
        "no more than its issuer may give"
    );
    assert_eq!(who.get("user"), None, "no claim was said to be the user");
    ada.publish("a", &json!({})).await;
    ada.get("/v1/events").await.problem(403, "denied");
    host.clock.advance_ms(600_000 + 30_000);
    ada.get("/v1/whoami").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_names_its_tenant_and_nothing_else_does() {
    let host = host(&json!({})).await;
    for (org, status) in [
        ("acme", 200),
        ("beta", 200),
        ("gone", 401),
        ("../acme", 401),
    ] {
        let who = bearer(&host, &json!({ "org": org }))
            .get("/v1/whoami")
            .await;
        assert_eq!(who.status, status, "{org}");
        if status == 200 {
            assert_eq!(who.json()["tenant"], org);
        }
    }
    let beta = bearer(&host, &json!({ "org": "beta" }));
    beta.get("/v1/whoami").await.ok();
    host.operator().delete("/v1/tenants/beta").await;
    beta.get("/v1/whoami").await.problem(401, "unauthenticated");

    let fixed = self::host(&json!({ "tenant": "acme", "tenant_claim": null })).await;
    let who = bearer(&fixed, &json!({ "org": "beta" }))
        .get("/v1/whoami")
        .await
        .ok();
    assert_eq!(who["tenant"], "acme", "the operator said which");
}

#[tokio::test]
async fn a_token_of_a_user_speaks_for_that_user_alone() {
    let host = host(&json!({ "user_claim": "sub" })).await;
    let ada = bearer(&host, &json!({}));
    assert_eq!(ada.get("/v1/whoami").await.ok()["user"], "ada");
    ada.of(None, Some("grace"))
        .get("/v1/whoami")
        .await
        .problem(403, "denied");
    let text = json!({ "content": "Ada likes tea." });
    ada.post("/v1/memory/knowledge", &text).await.ok();
    let grace = bearer(&host, &json!({ "sub": "grace" }));
    assert_eq!(
        grace.get("/v1/memory/knowledge").await.ok()["items"],
        json!([])
    );
    assert_eq!(
        ada.get("/v1/memory/knowledge").await.ok()["items"][0]["content"],
        "Ada likes tea."
    );
    ada.get("/v1/events").await.problem(403, "denied");
}

#[tokio::test]
async fn a_token_is_not_handed_on_and_opens_nothing_of_the_operators() {
    let host = host(&json!({})).await;
    let ada = bearer(&host, &json!({}));
    ada.post("/v1/tokens", &json!({}))
        .await
        .problem(403, "denied");
    ada.get("/v1/tenants").await.problem(403, "denied");
    let key = json!({ "name": "jwt-login" });
    host.operator()
        .post("/v1/tenants/acme/keys", &key)
        .await
        .problem(422, "invalid");
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let limits = warren::app::ApiLimits {
        heartbeat: std::time::Duration::from_millis(5),
        ..warren::app::ApiLimits::default()
    };
    let variable = |_: &str| Some(SECRET.to_owned());
    let issuers = Issuers::new(vec![settings(&json!({}))], &variable).unwrap();
    let host = Host::with(Setup {
        limits,
        issuers,
        ..Setup::default()
    })
    .await;
    host.tenant("acme").await;
    let ada = bearer(&host, &json!({}));
    let mut stream = ada.stream("", &[]).await;
    assert_eq!(stream.next().await.unwrap().event, "connected");
    assert_eq!(stream.next().await.unwrap().event, "heartbeat");
    host.clock.advance_ms(600_000 + 30_000);
    assert_eq!(stream.last().await.data["reason"], "revoked");
}

#[tokio::test]
async fn what_is_no_good_token_is_refused_in_the_words_of_a_bad_key() {
    let host = host(&json!({})).await;
    let good = bearer(&host, &json!({})).key.unwrap();
    let long = bearer(&host, &json!({ "fill": "x".repeat(8 * 1024) }))
        .key
        .unwrap();
    let bad_key = host
        .with_key("nonsense")
        .get("/v1/whoami")
        .await
        .problem(401, "unauthenticated");
    let other = bearer(&host, &json!({ "iss": "https://evil.example" }))
        .key
        .unwrap();
    for text in [
        &good[..good.len() - 4],
        &*long,
        &*other,
        "a.b.c",
        "..",
        "wrd_x.y.z",
    ] {
        let problem = host
            .with_key(text)
            .get("/v1/whoami")
            .await
            .problem(401, "unauthenticated");
        assert_eq!(problem["detail"], bad_key["detail"]);
    }
    host.with_key(&good).get("/v1/whoami").await.ok();
}
