//! What a failed request looks like, wherever it fails.

use serde_json::json;

use super::harness::Host;

#[tokio::test]
async fn every_failure_is_a_problem_document_with_the_requests_id() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let id = [("x-request-id", "my-request.1")];
    let table = [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/agents/absent", 404, "not_found"),
        ("PATCH", "/v1/agents", 405, "method_not_allowed"),
        ("POST", "/v1/events", 400, "malformed"),
        ("GET", "/v1/agents?limit=many", 422, "invalid"),
        ("GET", "/v1/turns/%00", 422, "invalid"),
    ];
    for (method, path, status, code) in table {
        let answer = acme.send(method, path, &id, "").await;
        assert_eq!(answer.headers["x-request-id"], "my-request.1");
        let problem = answer.problem(status, code);
        assert_eq!(problem["request_id"], "my-request.1");
        assert_eq!(problem["type"], format!("urn:warren:problem:{code}"));
    }
}

#[tokio::test]
async fn a_request_id_that_is_not_fit_for_the_log_is_replaced() {
    let host = Host::start().await;
    let long = "x".repeat(65);
    for given in ["", "a b", "a\"b", &long] {
        let answer = host
            .nobody()
            .send("GET", "/healthz", &[("x-request-id", given)], "")
            .await;
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert!(id.starts_with("req_"), "{given}: {id}");
    }
}

#[tokio::test]
async fn a_problem_document_looks_like_this() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let id = [
        ("x-request-id", "r-1"),
        ("content-type", "application/json"),
    ];
    let body = json!({ "type": "a", "topic": "weather" }).to_string();
    let answer = acme.send("POST", "/v1/events", &id, body).await;
    let problem = serde_json::to_string_pretty(&answer.json()).unwrap();
    insta::with_settings!({ snapshot_path => "../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("problem", problem);
    });
}
