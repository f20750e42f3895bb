//! Tenants, keys, and who may use which.

use serde_json::json;
use warren::app::ApiLimits;

use super::harness::{ADMIN_KEY, Host, Setup};

#[tokio::test]
async fn a_tenant_is_made_listed_and_removed() {
    let host = Host::start().await;
    let operator = host.operator();
    let made = operator
        .post("/v1/tenants", &json!({ "name": "acme", "weight": 3 }))
        .await;
    assert_eq!((made.status, &made.json()["weight"]), (201, &json!(3)));
    operator
        .post("/v1/tenants", &json!({ "name": "beta" }))
        .await
        .ok();
    operator
        .post("/v1/tenants", &json!({ "name": "acme" }))
        .await
        .problem(409, "conflict");

    let page = operator.get("/v1/tenants?limit=1").await.ok();
    assert_eq!(page["items"][0]["name"], "acme");
    assert_eq!(page["next"], "acme");
    let page = operator.get("/v1/tenants?limit=1&after=acme").await.ok();
    assert_eq!(page["items"][0]["name"], "beta");
    assert_eq!(page["items"][0]["weight"], 10, "the default");

    assert_eq!(operator.delete("/v1/tenants/acme").await.status, 204);
    operator
        .get("/v1/tenants/acme")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn weights_hold_at_and_one_past() {
    let host = Host::start().await;
    for (name, weight, status) in [
        ("a", 1, 201),
        ("b", 100, 201),
        ("c", 0, 422),
        ("d", 101, 422),
    ] {
        let body = json!({ "name": name, "weight": weight });
        let answer = host.operator().post("/v1/tenants", &body).await;
        assert_eq!(answer.status, status, "{weight}");
    }
}

#[tokio::test]
async fn a_key_says_who_one_is_until_it_is_revoked() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let who = acme.get("/v1/whoami").await.ok();
    assert_eq!(who["tenant"], "acme");
    assert_eq!(who["source"], "client/main");
    assert!(who.get("user").is_none(), "absent values are left out");

    let on_behalf = [("warren-user", "u-1"), ("warren-customer", "c-1")];
    let who = acme.send("GET", "/v1/whoami", &on_behalf, "").await.ok();
    assert_eq!(
        (&who["user"], &who["customer"]),
        (&json!("u-1"), &json!("c-1"))
    );
    acme.send("GET", "/v1/whoami", &[("warren-user", "a b")], "")
        .await
        .problem(422, "invalid");

    let operator = host.operator();
    let keys = operator.get("/v1/tenants/acme/keys").await;
    assert!(!keys.text().contains(acme.key.as_deref().unwrap()));
    assert_eq!(keys.ok()["items"][0]["name"], "main");
    let revoked = operator.delete("/v1/tenants/acme/keys/main").await;
    assert_eq!(revoked.status, 204);
    acme.get("/v1/whoami").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_key_revoked_by_another_host_ends_with_the_cache() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.get("/v1/whoami").await.ok();
    let tenant = host.app.admin.all_tenants().await.unwrap().remove(0);
    let key = "main".parse().unwrap();
    let now = warren::clock::Clock::now(&host.clock);
    host.app
        .admin
        .revoke_key(tenant.id, &key, now)
        .await
        .unwrap();
    let age = ApiLimits::default().key_cache.as_millis() as u64;

    host.clock.advance_ms(age - 1);
    acme.get("/v1/whoami").await.ok();
    host.clock.advance_ms(1);
    acme.get("/v1/whoami").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn wrong_keys_are_all_refused_in_the_same_words() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let good = acme.key.clone().unwrap();
    let flipped = if good.ends_with('0') { "1" } else { "0" };
    let wrong_secret = format!("{}{flipped}", &good[..good.len() - 1]);
    let unknown = format!("wrn_{}_{}", "0".repeat(16), "0".repeat(64));
    let mut details = Vec::new();
    for key in [&wrong_secret, &unknown, "nonsense", ""] {
        let answer = host.with_key(key).get("/v1/whoami").await;
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer realm=\"warren\""
        );
        details.push(answer.problem(401, "unauthenticated")["detail"].clone());
    }
    details.dedup();
    assert_eq!(details.len(), 1, "{details:?}");
    host.nobody()
        .get("/v1/whoami")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_tenants_key_does_not_open_the_operators_routes_nor_the_other_way_round() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.get("/v1/tenants").await.problem(403, "denied");
    let denied = host
        .operator()
        .get("/v1/whoami")
        .await
        .problem(403, "denied");
    assert!(!denied.to_string().contains(ADMIN_KEY));
}

#[tokio::test]
async fn requests_at_once_are_limited_by_tenant() {
    let limits = ApiLimits {
        requests_per_tenant_max: 0,
        ..ApiLimits::default()
    };
    let host = Host::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let acme = host.tenant("acme").await;
    let refused = acme.get("/v1/whoami").await;
    assert_eq!(refused.headers["retry-after"], "1");
    let problem = refused.problem(429, "exhausted");
    assert_eq!(problem["limit"], "requests_per_tenant_max");
}
