//! Event streams: nothing lost, nothing twice, and an orderly end.

use std::time::Duration;

use serde_json::json;
use warren::app::ApiLimits;

use super::harness::{Client, Host, Setup};

type Headers = &'static [(&'static str, &'static str)];

async fn host(heartbeat_ms: u64, deaf: bool) -> (Host, Client) {
    let limits = ApiLimits {
        heartbeat: Duration::from_millis(heartbeat_ms),
        streams_per_tenant_max: 2,
        ..ApiLimits::default()
    };
    let host = Host::with(Setup {
        limits,
        deaf,
        ..Setup::default()
    })
    .await;
    let acme = host.tenant("acme").await;
    (host, acme)
}

/// Publish `n` events in batches.
async fn flood(client: &Client, n: usize) {
    let one = json!({ "type": "n", "topic": "business-facts" });
    for begin in (0..n).step_by(1_000) {
        let events = vec![one.clone(); 1_000.min(n - begin)];
        client
            .post("/v1/events/batch", &json!({ "events": events }))
            .await
            .ok();
    }
}

#[tokio::test]
async fn a_stream_shows_what_comes_and_only_what_was_asked_for() {
    let (_host, acme) = host(60_000, false).await;
    acme.publish("before", &json!({})).await;
    let mut stream = acme.stream("?type=wanted", &[]).await;
    let hello = stream.next().await.unwrap();
    assert_eq!((hello.event.as_str(), hello.id), ("connected", 1));
    acme.publish("other", &json!({})).await;
    acme.publish("wanted", &json!({ "data": "a\nb" })).await;
    let message = stream.next().await.unwrap();
    assert_eq!((message.event.as_str(), message.id), ("message", 3));
    assert_eq!(message.data["data"], "a\nb");
    assert_eq!(message.data["position"], 3);
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event_that_was_seen() {
    let (_host, acme) = host(60_000, false).await;
    flood(&acme, 5).await;
    let table: [(&str, Headers, i64); 4] = [
        ("?after=0", &[], 1),
        ("?after=2", &[], 3),
        ("?after=2", &[("last-event-id", "4")], 5),
        ("", &[("last-event-id", "3")], 4),
    ];
    for (query, headers, first) in table {
        let mut stream = acme.stream(query, headers).await;
        for position in first..=5 {
            assert_eq!(stream.event().await.id, position, "{query}");
        }
    }
    let ahead = [("last-event-id", "999")];
    let mut stream = acme.stream("", &ahead).await;
    assert_eq!(
        stream.next().await.unwrap().id,
        5,
        "a position of another log hides nothing"
    );
    flood(&acme, 1).await;
    assert_eq!(stream.event().await.id, 6);
}

#[tokio::test]
async fn a_stream_that_fell_behind_reads_the_log() {
    let (_host, acme) = host(60_000, false).await;
    let mut stream = acme.stream("", &[]).await;
    assert_eq!(stream.next().await.unwrap().event, "connected");
    flood(&acme, 3_000).await;
    for position in 1..=3_000 {
        assert_eq!(stream.event().await.id, position);
    }
}

#[tokio::test]
async fn a_lost_announcement_costs_time_and_no_event() {
    let (_host, acme) = host(5, true).await;
    let mut stream = acme.stream("", &[]).await;
    flood(&acme, 2).await;
    assert_eq!(stream.event().await.id, 1);
    assert_eq!(stream.event().await.id, 2);
}

#[tokio::test]
async fn a_heartbeat_says_how_far_a_filtered_stream_has_come() {
    let (_host, acme) = host(5, false).await;
    let mut stream = acme.stream("?type=never", &[]).await;
    flood(&acme, 3).await;
    loop {
        let message = stream.next().await.unwrap();
        assert_ne!(message.event, "message");
        if message.event == "heartbeat" && message.id == 3 {
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_key_and_with_the_host() {
    let (host, acme) = host(5, false).await;
    let stream = acme.stream("", &[]).await;
    host.operator().delete("/v1/tenants/acme/keys/main").await;
    let last = stream.last().await;
    assert_eq!(
        (last.event.as_str(), &last.data["reason"]),
        ("disconnected", &json!("revoked"))
    );

    let beta = host.tenant("beta").await;
    let stream = beta.stream("", &[]).await;
    host.app.health.drain();
    let last = stream.last().await;
    assert_eq!(
        (last.event.as_str(), &last.data["reason"]),
        ("disconnected", &json!("shutdown"))
    );
}

#[tokio::test]
async fn streams_are_limited_at_and_one_past() {
    let (host, acme) = host(60_000, false).await;
    let first = acme.stream("", &[]).await;
    let _second = acme.stream("", &[]).await;
    let health = || async { host.nobody().get("/healthz").await.ok()["streams"].clone() };
    assert_eq!(health().await, 2);
    let refused = acme
        .get("/v1/events/stream")
        .await
        .problem(429, "exhausted");
    assert_eq!(refused["limit"], "streams_per_tenant_max");
    let beta = host.tenant("beta").await;
    let _other = beta.stream("", &[]).await;
    drop(first);
    let _third = acme.stream("", &[]).await;
}

#[tokio::test]
async fn a_stream_shows_nothing_of_another_tenant() {
    let (host, acme) = host(60_000, false).await;
    let beta = host.tenant("beta").await;
    flood(&acme, 3).await;
    let mut stream = beta.stream("?after=0", &[("last-event-id", "1")]).await;
    flood(&acme, 3).await;
    beta.publish("own", &json!({})).await;
    let message = stream.event().await;
    assert_eq!((message.id, &message.data["type"]), (1, &json!("own")));
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused() {
    let (_host, acme) = host(60_000, false).await;
    for bad in ["?topic=weather", "?before=3", "?after=x"] {
        let refused = acme.get(&format!("/v1/events/stream{bad}")).await;
        refused.problem(422, "invalid");
    }
    let refused = acme
        .send("GET", "/v1/events/stream", &[("last-event-id", "x")], "")
        .await;
    refused.problem(422, "invalid");
}
