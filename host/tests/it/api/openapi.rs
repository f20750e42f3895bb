//! The document that tells of the routes, and the routes about the host itself.

use std::path::Path;

use super::harness::Host;

#[tokio::test]
async fn the_document_is_the_one_that_was_agreed() {
    let host = Host::start().await;
    let document = host.nobody().get("/v1/openapi.json").await.text();
    insta::with_settings!({ snapshot_path => "../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("openapi", document);
    });
}

/// A route that is registered in any other way than `routes!` would be missing in the document.
#[test]
fn no_route_is_registered_beside_the_document() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join("api.rs")];
    let mut folders = vec![source.join("api")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let list = if path.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            list.push(path);
        }
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for way in [".route(", ".route_service(", ".nest(", ".nest_service("] {
            assert!(
                !text.contains(way),
                "{}: `{way}` hides a route",
                file.display()
            );
        }
    }
}

#[tokio::test]
async fn readiness_follows_the_life_of_the_host() {
    let host = Host::start().await;
    let nobody = host.nobody();
    assert_eq!(nobody.get("/readyz").await.ok()["status"], "ready");
    let agreed = nobody.get("/v1/version").await.ok();
    assert_eq!(agreed["contract"], "warren:agent@0.1.0");
    host.app.health.drain();
    nobody.get("/readyz").await.problem(503, "unavailable");
    let health = nobody.get("/healthz").await.ok();
    let said = [&health["state"], &health["store"], &health["bus"]];
    assert_eq!(said, ["draining", "sqlite", "local"]);
}

#[tokio::test]
async fn metrics_count_routes_and_never_names() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.get("/v1/agents/some-agent").await;
    acme.get("/some/path").await;
    acme.send("BREW", "/v1/agents", &[], "").await;
    acme.publish("a", &serde_json::json!({})).await;
    let text = host.operator().get("/metrics").await.text();
    for expect in [
        "warren_http_requests_total{method=\"GET\",route=\"/v1/agents/{name}\",status=\"4xx\"} 1",
        "warren_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"4xx\"} 1",
        "warren_http_requests_total{method=\"other\",route=\"/v1/agents\",status=\"4xx\"} 1",
        "warren_events_published_total{result=\"new\"} 1",
    ] {
        assert!(text.contains(expect), "{expect} in\n{text}");
    }
    for name in ["some-agent", "some/path", "BREW", "acme"] {
        assert!(!text.contains(name), "{name}");
    }
}
