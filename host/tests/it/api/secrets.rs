//! Secrets over HTTP: they go in and never come out.

use serde_json::json;

use super::harness::Host;

const VALUE: &str = "s3cr3t-4f9a-value";

#[tokio::test]
async fn a_value_goes_in_and_never_comes_out() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let rules =
        json!({ "value": VALUE, "hosts": ["API.example.com:443"], "headers": ["X-Api-Key"] });
    let set = acme.put("/v1/secrets/key", &rules).await.ok();
    assert_eq!(set["hosts"], json!(["api.example.com"]));
    assert_eq!(set["headers"], json!(["x-api-key"]));
    let list = acme.get("/v1/secrets").await.ok();
    assert_eq!(list["items"][0], set);
    let again = json!({ "value": VALUE, "hosts": ["b.test"] });
    let again = acme.put("/v1/secrets/key", &again).await.ok();
    assert_eq!(again["headers"], json!(["authorization"]));
    let audit = acme.get("/v1/audit").await.ok();
    for told in [&set, &list, &again, &audit] {
        assert!(!told.to_string().contains(VALUE), "{told}");
    }
    assert!(
        audit.to_string().contains("PUT /v1/secrets/{name}"),
        "{audit}"
    );
    let beta = host.tenant("beta").await;
    assert_eq!(beta.get("/v1/secrets").await.ok()["items"], json!([]));
    acme.delete("/v1/secrets/key").await.ok();
    acme.delete("/v1/secrets/key")
        .await
        .problem(404, "not_found");
    assert_eq!(acme.get("/v1/secrets").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_named_without_its_value() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    for body in [
        json!({ "value": "short", "hosts": ["a.test"] }),
        json!({ "value": format!("{VALUE}\r\nx: y"), "hosts": ["a.test"] }),
        json!({ "value": VALUE, "hosts": [] }),
        json!({ "value": VALUE, "hosts": ["*"] }),
        json!({ "value": VALUE, "hosts": ["a.test/path"] }),
        json!({ "value": VALUE, "hosts": ["a.test"], "headers": ["x y"] }),
        json!({ "value": VALUE, "hosts": ["a.test"], "agent": "x" }),
        json!({ "hosts": ["a.test"] }),
    ] {
        let answer = acme.put("/v1/secrets/key", &body).await;
        assert!(
            [400, 422].contains(&answer.status),
            "{body} {}",
            answer.text()
        );
        let text = answer.text();
        assert!(!text.contains(VALUE) && !text.contains("short"), "{text}");
    }
    let body = json!({ "value": VALUE, "hosts": ["a.test"] });
    let answer = acme.put("/v1/secrets/No", &body).await;
    assert!(
        [400, 404, 422].contains(&answer.status),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn secrets_hold_at_their_limit_and_one_past() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let body = json!({ "value": VALUE, "hosts": ["a.test"] });
    for n in 0..100 {
        acme.put(&format!("/v1/secrets/s-{n}"), &body).await.ok();
    }
    acme.put("/v1/secrets/s-0", &body).await.ok();
    let past = acme.put("/v1/secrets/s-100", &body).await;
    assert_eq!(past.status, 429, "{}", past.text());
    assert!(
        past.text().contains("secrets_per_tenant_max"),
        "{}",
        past.text()
    );
}
