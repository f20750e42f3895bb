//! Both ways and back: what is written reads back as the same publication.

use crate::clock::Timestamp;
use crate::events::{Json, NewEvent, ReplyAddress, Topic};
use crate::id::{CustomerId, EventId, EventType, KeyName, Label, Position, TenantId, UserId};
use crate::identity::TenantScope;
use crate::registry::Directory;

use super::super::draft::Stamp;
use super::*;

fn read_text(text: &str) -> Result<PublishRequest> {
    read(serde_json::from_str(text).unwrap(), "client/shop")
}

/// Some event, different for every seed.
fn event(random: &mut fastrand::Rng) -> NewEvent {
    let label = |random: &mut fastrand::Rng| {
        let text: String = (0..random.usize(1..12))
            .map(|_| random.char('!'..='~'))
            .collect();
        Label::new(&text).unwrap()
    };
    let maybe = |random: &mut fastrand::Rng| random.bool().then(|| label(random));
    let data = [
        "null",
        "{\"n\": 1.50}",
        "\"\\n\\\"\"",
        "[[],{}]",
        "12345678901234567890",
    ];
    let hex = || Label::new("0af7651916cd43dd8448eb211c80319c").unwrap();
    NewEvent {
        id: EventId::new(&format!("e-{}", random.u32(..))).unwrap(),
        source: "client/shop".into(),
        event_type: EventType::new("order.placed").unwrap(),
        topic: random.choice(Topic::ALL).unwrap(),
        time: Timestamp(1_700_000_000_000),
        subject: random.bool().then(|| "näme \"x\"".into()),
        data: Json::parse("data", random.choice(data).unwrap()).unwrap(),
        schema: random.bool().then(|| "order-v1".into()),
        correlation: maybe(random).unwrap_or_else(hex),
        trace: maybe(random).unwrap_or_else(hex),
        parent: maybe(random).map(|l| EventId::new(l.as_str()).unwrap()),
        session: maybe(random),
        goal: maybe(random),
        plan: maybe(random),
        task: maybe(random),
        customer: maybe(random).map(|l| CustomerId::new(l.as_str()).unwrap()),
        user: maybe(random).map(|l| UserId::new(l.as_str()).unwrap()),
        reply_to: random.bool().then(|| ReplyAddress {
            topic: Topic::ActionResults,
            event_type: EventType::new("x.done").unwrap(),
        }),
        extensions: if random.bool() {
            vec![("comexampleother".into(), "välue".into())]
        } else {
            Vec::new()
        },
        hops: 0,
        root: None,
    }
}

#[test]
fn what_is_written_reads_back() {
    let scope = TenantScope::for_request(
        TenantId::generate(),
        KeyName::new("shop").unwrap(),
        None,
        None,
    );
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let body = event(&mut random);
        let text = write(&Event {
            position: Position(1),
            body: body.clone(),
        })
        .unwrap();
        let stamp = Stamp {
            scope: &scope,
            directory: &Directory::default(),
            now: body.time,
            id: None,
        };
        let again = stamp.event(read_text(&text).unwrap()).unwrap().event;
        assert_eq!(again, body, "seed {seed}: {text}");
    }
}

#[test]
fn a_producers_source_is_kept_beside_the_hosts_stamp() {
    let text = |source: &str, more: &str| {
        format!(r#"{{"specversion":"1.0","id":"1","type":"a","source":"{source}"{more}}}"#)
    };
    let table = [
        (text("/sensors/7", ""), Some("/sensors/7")),
        (text("client/shop", ""), None),
        (
            text("/relay", r#","origin":"/sensors/7""#),
            Some("/sensors/7"),
        ),
    ];
    for (text, expect) in table {
        let request = read_text(&text).unwrap();
        assert_eq!(request.extensions.get("origin").map(String::as_str), expect);
    }
}

#[test]
fn a_trace_follows_the_standard_where_it_can() {
    let trace = |text: &str| {
        let text = format!(
            r#"{{"specversion":"1.0","id":"1","type":"a","source":"s","traceparent":"{text}"}}"#
        );
        read_text(&text).unwrap().trace.unwrap()
    };
    let id = "0af7651916cd43dd8448eb211c80319c";
    let table = [
        (format!("00-{id}-b7ad6b7169203331-01"), id),
        ("my-own-trace".to_owned(), "my-own-trace"),
    ];
    for (given, expect) in table {
        assert_eq!(trace(&given), expect);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let table = [
        (r#"{"id":"1","type":"a","source":"s"}"#, "specversion"),
        (
            r#"{"specversion":"0.3","id":"1","type":"a","source":"s"}"#,
            "specversion",
        ),
        (r#"{"specversion":"1.0","type":"a","source":"s"}"#, "id"),
        (r#"{"specversion":"1.0","id":"1","source":"s"}"#, "type"),
        (r#"{"specversion":"1.0","id":"1","type":"a"}"#, "source"),
        (
            r#"{"specversion":"1.0","id":"1","type":"a","source":"s","data_base64":"AA=="}"#,
            "data_base64",
        ),
        (
            r#"{"specversion":"1.0","id":"1","type":"a","source":"s","datacontenttype":"text/xml"}"#,
            "datacontenttype",
        ),
        (
            r#"{"specversion":"1.0","id":"1","type":"a","source":"s","tenantid":"t"}"#,
            "tenantid",
        ),
        (
            r#"{"specversion":"1.0","id":"1","type":"a","source":"s","other":{}}"#,
            "other",
        ),
        (
            r#"{"specversion":"1.0","id":"1","type":"a","source":"s","replytype":"x"}"#,
            "replytopic",
        ),
    ];
    for (text, expect) in table {
        match read_text(text) {
            Err(Error::Invalid { field, .. }) => assert_eq!(field, expect, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}
