//! Every limit of a request, at it and one past it, and servers that do not answer as they should.

use super::*;

/// What of `asks` fails with `error`, by its place; the others are answered.
async fn check(desk: &Desk, asks: &[(&str, Value, &str)]) {
    for (path, more, expect) in asks {
        let came = desk.came(desk.ask(path, more.clone())).await;
        assert_eq!(came, *expect, "{path} {more}");
    }
}

/// A92, and what a guest sends itself.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_headers_hold_at_their_limits_and_one_past() {
    let desk = Desk::with(|settings| {
        settings.egress.request_body_bytes_max = 10_000;
        settings.egress.response_body_bytes_max = 20_000;
        settings.egress.headers_max = 8;
    })
    .await;
    let body = |bytes: usize| json!({ "method": "POST", "body_bytes": bytes });
    let long = |bytes: usize| json!({ "headers": [["x", "y".repeat(bytes)]] });
    check(
        &desk,
        &[
            ("/echo", body(10_000), "200"),
            ("/echo", body(10_001), "HttpRequestBodySize"),
            ("/bytes/20000", json!({}), "200"),
            ("/bytes/20001", json!({}), "HttpResponseBodySize"),
            ("/unsaid/20000", json!({}), "200"),
            ("/unsaid/20001", json!({}), "HttpResponseBodySize"),
            ("/endless", json!({}), "HttpResponseBodySize"),
            ("/headers/8", json!({}), "200"),
            ("/headers/9", json!({}), "HttpResponseHeaderSectionSize"),
            ("/head/30000", json!({}), "200"),
            ("/head/40000", json!({}), "HttpResponseHeaderSectionSize"),
            ("/echo", long(15_000), "200"),
        ],
    )
    .await;
    desk.stop().await;
}

/// What the library would keep of a request without a bound, in the host's memory: it is not even made.
#[tokio::test(flavor = "multi_thread")]
async fn texts_of_a_request_hold_at_their_limits_and_one_past() {
    let desk = Desk::new().await;
    let path = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
    let authority = |bytes: usize| json!({ "authority": "x".repeat(bytes) });
    let method = |bytes: usize| json!({ "method": "X".repeat(bytes) });
    for (path, more, expect, made) in [
        (path(8 << 10), json!({}), "404", 1),
        (path((8 << 10) + 1), json!({}), "refused: path", 0),
        (path(2), authority(280), "HttpRequestUriInvalid", 1),
        (path(2), authority(281), "refused: authority", 0),
        (path(2), method(32), "404", 1),
        (path(2), method(33), "refused: method", 0),
    ] {
        let (answers, record) = desk.send(vec![desk.ask(&path, more)]).await;
        assert_eq!(
            (came(&answers[0]).as_str(), record.http.len()),
            (expect, made)
        );
    }
    desk.stop().await;
}

/// A connection is closed when its time is up, also when nobody reads what it brings.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_reads_holds_its_place_no_longer_than_it_may() {
    let desk = Desk::with(|settings| {
        settings.egress.total = Duration::from_millis(100);
        settings.egress.tenant_connections_max = 2;
    })
    .await;
    let unread = desk.ask("/stalls", json!({ "hold": true }));
    let late = desk.ask("/silent", json!({}));
    let asks = vec![unread.clone(), late.clone(), late.clone(), unread, late];
    let (answers, _) = desk.send(asks).await;
    let came: Vec<_> = answers.iter().map(came).collect();
    let past = "HttpResponseTimeout";
    assert_eq!(came, ["200", past, past, "200", past]);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_asks_as_often_as_it_may_and_not_once_more() {
    let desk = Desk::with(|settings| settings.egress.turn_requests_max = 3).await;
    let asks = vec![desk.ask("/bytes/1", json!({})); 5];
    let (answers, record) = desk.send(asks).await;
    let came: Vec<_> = answers.iter().map(came).collect();
    let past = "ConnectionLimitReached";
    assert_eq!(came, ["200", "200", "200", past, past]);
    assert_eq!((desk.server.connections(), record.http.len()), (3, 5));
    let why = record.http[4].error.as_deref().unwrap();
    assert!(why.contains("egress.turn_requests_max is 3"), "{why}");
    desk.stop().await;
}

/// A93: connections at once, of a turn and of a tenant; those of an ended turn are free again.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_open_up_to_the_limit_and_not_one_more() {
    let desk = Desk::with(|settings| {
        settings.egress.turn_connections_max = 2;
    })
    .await;
    for _ in 0..3 {
        let asks = vec![desk.ask("/stalls", json!({ "hold": true })); 3];
        let (answers, _) = desk.send(asks).await;
        let came: Vec<_> = answers.iter().map(came).collect();
        assert_eq!(came, ["200", "200", "ConnectionLimitReached"]);
    }
    desk.stop().await;

    let desk = Desk::with(|settings| settings.egress.tenant_connections_max = 1).await;
    let asks = vec![desk.ask("/stalls", json!({ "hold": true })); 2];
    let (answers, record) = desk.send(asks).await;
    let came: Vec<_> = answers.iter().map(came).collect();
    assert_eq!(came, ["200", "ConnectionLimitReached"]);
    let why = record.http[1].error.as_deref().unwrap();
    assert!(why.contains("egress.tenant_connections_max is 1"), "{why}");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_a_day_hold_at_the_tenants_quota() {
    let desk = Desk::new().await;
    let (_, record) = desk.send(vec![desk.ask("/bytes/1000", json!({}))]).await;
    let one = record.http[0].sent_bytes + record.http[0].received_bytes;
    let change = TenantChange {
        quotas: [(Quota::EgressBytesPerDay, Some(3 * one))].into(),
        ..TenantChange::default()
    };
    let name = "acme".parse().unwrap();
    let admin = &desk.host.host.app.admin;
    admin.change_tenant(&name, change).await.unwrap();
    let asks = vec![desk.ask("/bytes/1000", json!({})); 3];
    let (answers, record) = desk.send(asks).await;
    let came: Vec<_> = answers.iter().map(came).collect();
    assert_eq!(came, ["200", "200", "HttpRequestDenied"]);
    let why = record.http[2].error.as_deref().unwrap();
    assert!(why.contains("egress_bytes_per_day"), "{why}");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_answer_in_time_is_given_up() {
    let short = Duration::from_millis(100);
    let desk = Desk::with(|settings| settings.egress.first_byte = short).await;
    check(&desk, &[("/silent", json!({}), "ConnectionReadTimeout")]).await;
    desk.stop().await;
    let desk = Desk::with(|settings| settings.egress.between_bytes = short).await;
    check(&desk, &[("/stalls", json!({}), "ConnectionReadTimeout")]).await;
    desk.stop().await;
    let desk = Desk::with(|settings| settings.egress.total = short).await;
    check(&desk, &[("/stalls", json!({}), "HttpResponseTimeout")]).await;
    check(&desk, &[("/silent", json!({}), "HttpResponseTimeout")]).await;
    desk.stop().await;
    // A guest can shorten the host's limits, to nothing if it likes.
    let desk = Desk::new().await;
    check(
        &desk,
        &[
            (
                "/silent",
                json!({ "first_byte_ms": 50 }),
                "ConnectionReadTimeout",
            ),
            (
                "/stalls",
                json!({ "between_bytes_ms": 50 }),
                "ConnectionReadTimeout",
            ),
            (
                "/silent",
                json!({ "first_byte_ms": 0 }),
                "ConnectionReadTimeout",
            ),
        ],
    )
    .await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_break_off_or_speak_nonsense_are_told_apart() {
    let desk = Desk::new().await;
    check(
        &desk,
        &[
            ("/cut", json!({}), "HttpResponseIncomplete"),
            ("/garbage", json!({}), "HttpProtocolError"),
            ("/echo", json!({ "method": "HEAD" }), "200"),
            ("/nothing", json!({}), "404"),
        ],
    )
    .await;
    // Nobody listens on the first port of all.
    desk.grant("http:http://a.test:1").await;
    let refused = json!({ "authority": "a.test:1" });
    check(&desk, &[("/echo", refused, "ConnectionRefused")]).await;
    desk.stop().await;
}
