//! Publishing and reading events.

use serde_json::{Value, json};
use warren::events::JSON_BYTES_MAX;

use super::harness::{Client, Host, NOW, eventually};

const CLOUDEVENT: [(&str, &str); 1] = [("content-type", "application/cloudevents+json")];

async fn acme() -> (Host, Client) {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    (host, acme)
}

fn id(answer: &Value) -> &str {
    answer["event_id"].as_str().unwrap()
}

#[tokio::test]
async fn a_publication_is_answered_when_it_is_durable() {
    let (_host, acme) = acme().await;
    let event = json!({ "type": "order.placed", "topic": "business-facts", "data": { "n": 1.50 }, "user": "u" });
    let answer = acme.post("/v1/events", &event).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(answer["success"], true);
    assert_eq!(answer["message"], "the event was published");
    assert_eq!(
        (&answer["position"], &answer["duplicate"]),
        (&json!(1), &json!(false))
    );

    let kept = acme.get(&format!("/v1/events/{}", id(&answer))).await.ok();
    assert_eq!(kept["source"], "client/main");
    assert_eq!(kept["time"], NOW.to_string());
    assert_eq!(kept["data"], json!({ "n": 1.50 }));
    assert_eq!(kept["trace"], answer["event_id"]);
    assert_eq!(kept["deliveries"], json!([]));
    assert!(kept.get("plan").is_none(), "absent values are left out");
}

#[tokio::test]
async fn a_publication_that_breaks_a_rule_says_which() {
    let (_host, acme) = acme().await;
    let table = [
        (json!({ "type": "a", "topic": "weather" }), 422, "topic"),
        (json!({ "type": "a" }), 422, "topic"),
        (
            json!({ "type": "a.*", "topic": "business-facts" }),
            422,
            "type",
        ),
        (
            json!({ "type": "a", "topic": "business-facts", "plan": "a\r\nb" }),
            422,
            "plan",
        ),
        (
            json!({ "type": "a", "topic": "business-facts", "source": "host" }),
            422,
            "",
        ),
        (
            json!({ "type": "a", "topic": "business-facts", "tenant_id": "x" }),
            422,
            "",
        ),
        (json!({ "topic": "business-facts" }), 422, ""),
        (json!([]), 422, ""),
    ];
    for (event, status, field) in table {
        let problem = acme
            .post("/v1/events", &event)
            .await
            .problem(status, "invalid");
        assert_eq!(
            problem["field"].as_str().unwrap_or_default(),
            field,
            "{event}"
        );
    }
    let unreadable = acme.send("POST", "/v1/events", &[], "{\"type\":").await;
    unreadable.problem(400, "malformed");
    let deep = format!(
        "{{\"type\":\"a\",\"topic\":\"business-facts\",\"data\":{}1{}}}",
        "[".repeat(65),
        "]".repeat(65)
    );
    let refused = acme.send("POST", "/v1/events", &[], deep).await;
    assert_eq!(refused.problem(422, "invalid")["field"], "data");
    let bomb = format!("{{\"data\":{}", "[".repeat(500_000));
    acme.send("POST", "/v1/events", &[], bomb)
        .await
        .problem(400, "malformed");
    assert_eq!(acme.get("/v1/events").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn payloads_and_bodies_are_limited_at_and_one_past() {
    let (host, acme) = acme().await;
    let event = |bytes: usize| {
        let data = "x".repeat(bytes - 2);
        json!({ "type": "a", "topic": "business-facts", "data": data })
    };
    acme.post("/v1/events", &event(JSON_BYTES_MAX)).await.ok();
    let refused = acme.post("/v1/events", &event(JSON_BYTES_MAX + 1)).await;
    assert_eq!(refused.problem(413, "too_large")["limit"], "json_bytes_max");

    let max = host.app.limits.json_body_bytes_max;
    let body = |bytes: usize| {
        let head = "{\"type\":\"a\",\"topic\":\"business-facts\"}";
        format!("{head}{}", " ".repeat(bytes - head.len()))
    };
    acme.send("POST", "/v1/events", &[], body(max)).await.ok();
    let refused = acme.send("POST", "/v1/events", &[], body(max + 1)).await;
    assert_eq!(
        refused.problem(413, "too_large")["limit"],
        "json_body_bytes_max"
    );
}

#[tokio::test]
async fn the_same_publication_again_changes_nothing() {
    let (_host, acme) = acme().await;
    let event = json!({ "type": "a", "topic": "business-facts", "id": "e-1", "data": 1 });
    acme.post("/v1/events", &event).await.ok();
    let again = acme.post("/v1/events", &event).await.ok();
    assert_eq!(
        (&again["duplicate"], &again["position"]),
        (&json!(true), &json!(1))
    );
    let other = json!({ "type": "a", "topic": "business-facts", "id": "e-1", "data": 2 });
    acme.post("/v1/events", &other)
        .await
        .problem(409, "conflict");

    let key = [("idempotency-key", "order-7")];
    let body =
        |data: u32| json!({ "type": "b", "topic": "business-facts", "data": data }).to_string();
    let first = acme.send("POST", "/v1/events", &key, body(1)).await.ok();
    let again = acme.send("POST", "/v1/events", &key, body(1)).await.ok();
    assert_eq!(id(&first), id(&again));
    assert_eq!(again["duplicate"], true);
    acme.send("POST", "/v1/events", &key, body(2))
        .await
        .problem(409, "conflict");
    acme.send("POST", "/v1/events", &[("idempotency-key", "")], body(1))
        .await
        .problem(422, "invalid");
    acme.send("POST", "/v1/events", &key, event.to_string())
        .await
        .problem(422, "invalid");
}

#[tokio::test]
async fn a_batch_is_published_whole_or_not_at_all() {
    let (_host, acme) = acme().await;
    let good = json!({ "type": "a", "topic": "business-facts" });
    let batch = json!({ "events": [good, good] });
    let key = [
        ("idempotency-key", "k"),
        ("content-type", "application/json"),
    ];
    for duplicate in [false, true] {
        let answer = acme
            .send("POST", "/v1/events/batch", &key, batch.to_string())
            .await
            .ok();
        let seen: Vec<_> = answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                (
                    item["position"].as_i64().unwrap(),
                    item["duplicate"] == duplicate,
                )
            })
            .collect();
        assert_eq!(seen, [(1, true), (2, true)]);
    }
    let bad = json!({ "type": "a", "topic": "nowhere" });
    let refused = acme
        .post("/v1/events/batch", &json!({ "events": [good, bad] }))
        .await
        .problem(422, "invalid");
    assert_eq!(refused["field"], "events[1].topic");
    let late = json!({ "type": "a", "topic": "business-facts", "delay_ms": 5 });
    for events in [json!([]), json!([late])] {
        let refused = acme
            .post("/v1/events/batch", &json!({ "events": events }))
            .await;
        refused.problem(422, "invalid");
    }
    let many = vec![good; 1_001];
    let refused = acme
        .post("/v1/events/batch", &json!({ "events": many }))
        .await;
    assert_eq!(
        refused.problem(413, "too_large")["limit"],
        "batch_events_max"
    );
    assert_eq!(
        acme.get("/v1/events").await.ok()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn cloudevents_go_in_and_come_out() {
    let (_host, acme) = acme().await;
    let event = json!({
        "specversion": "1.0", "id": "A-1", "source": "/shop", "type": "com.example.order", "topic": "business-facts",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "correlationid": "c-1",
        "datacontenttype": "application/json", "data": { "n": 1 }, "userid": "u-1", "other": true,
        "replytopic": "action-results", "replytype": "order.done",
    });
    let answer = acme
        .send("POST", "/v1/events", &CLOUDEVENT, event.to_string())
        .await
        .ok();
    assert_eq!(id(&answer), "A-1");
    let plain = acme.get("/v1/events/A-1").await.ok();
    assert_eq!(plain["trace"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(
        plain["extensions"],
        json!({ "origin": "/shop", "other": "true" })
    );
    assert_eq!(
        plain["reply_to"],
        json!({ "topic": "action-results", "type": "order.done" })
    );

    let accept = [("accept", "application/cloudevents+json")];
    let out = acme.send("GET", "/v1/events/A-1", &accept, "").await;
    assert_eq!(out.headers["content-type"], "application/cloudevents+json");
    let out = out.json();
    assert_eq!(
        (&out["source"], &out["origin"]),
        (&json!("client/main"), &json!("/shop"))
    );
    for same in [
        "id",
        "type",
        "topic",
        "correlationid",
        "data",
        "userid",
        "replytype",
    ] {
        assert_eq!(out[same], event[same], "{same}");
    }

    let batch = json!([event, { "specversion": "1.0", "id": "A-2", "source": "s", "type": "x", "topic": "plan-events" }]);
    let media = [(
        "content-type",
        "application/cloudevents-batch+json; charset=utf-8",
    )];
    let answer = acme
        .send("POST", "/v1/events", &media, batch.to_string())
        .await
        .ok();
    let duplicates: Vec<_> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["duplicate"].clone())
        .collect();
    assert_eq!(duplicates, [true, false]);
    let wrong = acme
        .send(
            "POST",
            "/v1/events",
            &[("content-type", "text/xml")],
            "<e/>",
        )
        .await;
    wrong.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_delayed_event_comes_when_its_time_has() {
    let (host, acme) = acme().await;
    let answer = acme.publish("later", &json!({ "delay_ms": 1_000 })).await;
    assert_eq!(answer["due"], NOW.plus_ms(1_000).to_string());
    assert!(answer.get("position").is_none());
    let path = format!("/v1/events/{}", id(&answer));
    acme.get(&path).await.problem(404, "not_found");
    assert_eq!(acme.get("/v1/queue").await.ok()["scheduled"], 1);

    host.clock.advance_ms(1_000);
    host.dispatcher.poke();
    eventually(async || acme.get(&path).await.status == 200).await;
    assert_eq!(acme.get("/v1/queue").await.ok()["scheduled"], 0);
    let past = acme
        .publish("now", &json!({ "at": "2001-01-01T00:00:00Z" }))
        .await;
    assert_eq!(past["position"], 2, "a time that has passed means at once");
}

#[tokio::test]
async fn events_are_listed_newest_first_by_seeking() {
    let (_host, acme) = acme().await;
    for n in 1..=5 {
        let plan = if n % 2 == 0 { "even" } else { "odd" };
        acme.publish("n", &json!({ "plan": plan, "data": n })).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/events?limit=2".to_owned();
    loop {
        let page = acme.get(&path).await.ok();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["position"].as_i64().unwrap()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/events?limit=2&before={next}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    for (query, expect) in [
        ("?plan=even", 2),
        ("?type=n", 5),
        ("?type=m", 0),
        ("?topic=plan-events", 0),
        ("?source=client/main&plan=odd", 3),
    ] {
        let page = acme.get(&format!("/v1/events{query}")).await.ok();
        assert_eq!(page["items"].as_array().unwrap().len(), expect, "{query}");
    }
}

/// Filters are read together with what the route itself takes, and still no word passes unread.
#[tokio::test]
async fn a_parameter_that_is_not_understood_is_refused() {
    let (_host, acme) = acme().await;
    for path in ["/v1/events", "/v1/events/stream"] {
        for query in ["typo=n", "topic=weather", "plan=a%20b", "before=x&after=x"] {
            let answer = acme.get(&format!("{path}?{query}")).await;
            answer.problem(422, "invalid");
        }
    }
}
