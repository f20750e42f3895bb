//! Definitions and schemas, on a database in memory.

use super::super::testing::tenant_db;
use super::*;
use crate::events::Topic;

const NOW: Timestamp = Timestamp(1);

fn definition(event_type: &str, schema: Option<&str>) -> EventDefinition {
    EventDefinition {
        event_type: EventType::new(event_type).unwrap(),
        topic: Topic::BusinessFacts,
        description: "d".to_owned(),
        schema: schema.map(str::to_owned),
    }
}

fn json(text: &str) -> Json {
    Json::parse("schema", text).unwrap()
}

#[test]
fn a_schema_gets_a_new_version_only_if_it_changed() {
    let conn = tenant_db();
    let put = |text: &str| put_schema(&conn, "order", json(text), NOW).unwrap().version;
    assert_eq!((put("{}"), put("{}"), put("true"), put("{}")), (1, 1, 2, 3));
    let at = |version| {
        schema(&conn, "order", version)
            .unwrap()
            .map(|found| found.body)
    };
    assert_eq!(at(Some(2)), Some(json("true")));
    assert_eq!(at(None), Some(json("{}")));
    assert_eq!(at(Some(4)), None);
    put_schema(&conn, "other", json("false"), NOW).unwrap();
    let all = schemas(&conn).unwrap();
    let all: Vec<_> = all
        .iter()
        .map(|s| (&*s.name, s.version, s.body.as_str()))
        .collect();
    assert_eq!(all, [("order", 3, "{}"), ("other", 1, "false")]);
}

#[test]
fn what_is_no_schema_is_refused() {
    for (name, text, good) in [
        ("order.placed", r#"{"type":"object"}"#, true),
        ("order", r##"{"$defs":{"a":{}},"$ref":"#/$defs/a"}"##, true),
        ("order", r#"{"type":"thing"}"#, false),
        ("order", "7", false),
        ("order", r#"{"$ref":"https://example.com/schema"}"#, false),
        ("order", r#"{"$ref":"file:///etc/passwd"}"#, false),
        ("", "{}", false),
        ("a\nb", "{}", false),
    ] {
        assert_eq!(
            check_schema(name, &json(text)).is_ok(),
            good,
            "{name} {text}"
        );
    }
    let name = |bytes| check_schema(&"x".repeat(bytes), &json("{}"));
    assert!(name(SUBJECT_BYTES_MAX).is_ok());
    assert!(name(SUBJECT_BYTES_MAX + 1).is_err());
}

#[test]
fn a_definition_names_a_schema_that_exists() {
    let conn = tenant_db();
    let refused = put_event(&conn, &definition("order.placed", Some("order")));
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    put_schema(&conn, "order", json("{}"), NOW).unwrap();
    let placed = definition("order.placed", Some("order"));
    put_event(&conn, &placed).unwrap();
    put_event(&conn, &definition("a.b", None)).unwrap();
    assert_eq!(
        events(&conn).unwrap(),
        [definition("a.b", None), placed.clone()]
    );
    delete_event(&conn, &placed.event_type).unwrap();
    let gone = delete_event(&conn, &placed.event_type);
    assert!(matches!(gone, Err(Error::NotFound { .. })));
}

#[test]
fn limits_hold_at_and_one_past() {
    let conn = tenant_db();
    let fill = |sql: &str, rows: u64| conn.execute(sql, [rows as i64]).unwrap();
    fill(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO event_definitions SELECT 'filled.' || i, 'business-facts', '', NULL FROM n",
        EVENT_DEFINITIONS_MAX - 1,
    );
    put_event(&conn, &definition("the.last", None)).unwrap();
    let past = put_event(&conn, &definition("one.more", None));
    assert!(matches!(
        past,
        Err(Error::Exhausted {
            max: EVENT_DEFINITIONS_MAX,
            ..
        })
    ));
    put_event(&conn, &definition("the.last", None)).expect("replacing adds none");

    fill(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO schemas SELECT 'filled' || i, 1, '{}', 0 FROM n",
        SCHEMAS_PER_TENANT_MAX - 1,
    );
    put_schema(&conn, "last", json("{}"), NOW).unwrap();
    let past = put_schema(&conn, "past", json("{}"), NOW);
    assert!(matches!(
        past,
        Err(Error::Exhausted {
            max: SCHEMAS_PER_TENANT_MAX,
            ..
        })
    ));
    fill(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO schemas SELECT 'last', i, '{}', 0 FROM n",
        u64::from(SCHEMA_VERSIONS_MAX) - 1,
    );
    put_schema(&conn, "last", json("true"), NOW).unwrap();
    let past = put_schema(&conn, "last", json("false"), NOW);
    assert!(matches!(past, Err(Error::Exhausted { .. })));

    let described = |bytes| EventDefinition {
        description: "d".repeat(bytes),
        ..definition("the.last", None)
    };
    put_event(&conn, &described(DESCRIPTION_BYTES_MAX)).unwrap();
    let past = put_event(&conn, &described(DESCRIPTION_BYTES_MAX + 1));
    assert!(matches!(past, Err(Error::TooLarge { .. })));
}
