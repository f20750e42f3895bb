//! Definitions and schemas, on a database in memory.

use super::super::testing::tenant_db;
use super::*;
use crate::clock::Timestamp;
use crate::events::{Json, SUBJECT_BYTES_MAX, Topic};
use crate::registry::{
    Compatibility, SCHEMA_VERSIONS_MAX, SCHEMAS_PER_TENANT_MAX, UnknownEvents, WORD_BYTES_MAX,
};

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

fn new(name: &str, text: &str) -> NewSchema {
    NewSchema {
        name: name.to_owned(),
        version: None,
        body: json(text),
        owner: None,
        compatibility: None,
        dry_run: false,
        now: NOW,
    }
}

fn put_schema(conn: &Connection, name: &str, text: &str) -> Result<Schema> {
    Ok(schemas::put(conn, "client/main", new(name, text))?.schema)
}

#[test]
fn a_schema_gets_a_new_version_only_if_it_changed() {
    let conn = tenant_db();
    let put = |text: &str| put_schema(&conn, "order", text).unwrap().version;
    assert_eq!(
        (put("{}"), put(" {}"), put("true"), put("{}")),
        (1, 1, 2, 3)
    );
    let at = |version| {
        schemas::get(&conn, "order", version)
            .unwrap()
            .map(|found| found.body)
    };
    assert_eq!(at(Some(2)), Some(json("true")));
    assert_eq!(at(None), Some(json("{}")));
    assert_eq!(at(Some(4)), None);
    put_schema(&conn, "other", "false").unwrap();
    let all = schemas::latest(&conn, None).unwrap();
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
        ("warren.order", "{}", false),
    ] {
        let got = schemas::check(&new(name, text));
        assert_eq!(got.is_ok(), good, "{name} {text}");
    }
    let name = |bytes| schemas::check(&new(&"x".repeat(bytes), "{}"));
    assert!(name(SUBJECT_BYTES_MAX).is_ok());
    assert!(name(SUBJECT_BYTES_MAX + 1).is_err());
    let owner = |bytes| {
        let owner = Some("x".repeat(bytes));
        schemas::check(&NewSchema {
            owner,
            ..new("order", "{}")
        })
    };
    assert!(owner(WORD_BYTES_MAX).is_ok());
    assert!(owner(WORD_BYTES_MAX + 1).is_err());
}

#[test]
fn a_number_means_one_body_for_ever() {
    let conn = tenant_db();
    let put = |number, text| {
        let new = NewSchema {
            version: Some(number),
            ..new("order", text)
        };
        schemas::put(&conn, "client/main", new)
    };
    assert!(matches!(put(2, "{}"), Err(Error::Invalid { .. })), "a gap");
    assert!(put(1, "{}").unwrap().created);
    assert!(!put(1, "{ }").unwrap().created);
    assert!(matches!(put(1, "true"), Err(Error::Conflict { .. })));
    assert!(put(2, "true").unwrap().created);
    assert!(!put(1, "{}").unwrap().created, "an older one again");
    assert_eq!(
        schemas::get(&conn, "order", None).unwrap().unwrap().version,
        2
    );
    let listed = schemas::versions(&conn, "order", None, 10).unwrap();
    let numbers: Vec<u32> = listed.iter().map(|schema| schema.version).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(
        schemas::versions(&conn, "order", Some(2), 10)
            .unwrap()
            .len(),
        1
    );
    assert!(schemas::versions(&conn, "other", None, 10).is_err());
}

#[test]
fn a_new_version_goes_with_the_last_as_its_name_says() {
    let conn = tenant_db();
    let put = |text, compatibility| {
        let new = NewSchema {
            compatibility,
            ..new("order", text)
        };
        schemas::put(&conn, "client/main", new)
    };
    put(r#"{"type":"number"}"#, None).unwrap();
    let refused = put(r#"{"type":"string"}"#, None).unwrap_err();
    let told = r#"/type: "number" became "string""#;
    assert!(refused.to_string().contains(told), "{refused}");
    let kept = put(r#"{"type":"string"}"#, Some(Compatibility::None)).unwrap();
    assert_eq!(
        (kept.schema.version, kept.schema.compatibility),
        (2, Compatibility::None)
    );
    put(r#"{"type":"null"}"#, None).expect("the name's mode was changed for good");
    put(r#"{"type":"null"}"#, Some(Compatibility::Full)).expect("no new version");
    assert!(put("{}", None).is_err());
    let dry = NewSchema {
        dry_run: true,
        compatibility: Some(Compatibility::None),
        ..new("order", "{}")
    };
    assert_eq!(
        schemas::put(&conn, "client/main", dry)
            .unwrap()
            .schema
            .version,
        4
    );
    let latest = schemas::get(&conn, "order", None).unwrap().unwrap();
    assert_eq!(
        (latest.version, latest.compatibility),
        (3, Compatibility::Full)
    );
}

#[test]
fn a_schema_has_an_owner() {
    let conn = tenant_db();
    put_schema(&conn, "a", "{}").unwrap();
    let owner = Some("shop".to_owned());
    let b = NewSchema {
        owner,
        ..new("b", "{}")
    };
    schemas::put(&conn, "client/main", b).unwrap();
    put_schema(&conn, "b", "true").unwrap();
    for (owner, expect) in [
        (None, vec!["a", "b"]),
        (Some("shop"), vec!["b"]),
        (Some("client/main"), vec!["a"]),
    ] {
        let found = schemas::latest(&conn, owner).unwrap();
        let names: Vec<&str> = found.iter().map(|schema| &*schema.name).collect();
        assert_eq!(names, expect, "{owner:?}");
    }
}

#[test]
fn settings_are_the_defaults_until_they_are_chosen() {
    let conn = tenant_db();
    assert_eq!(settings::get(&conn).unwrap(), TenantSettings::default());
    let strict = TenantSettings {
        unknown_events: UnknownEvents::Refuse,
    };
    settings::put(&conn, strict).unwrap();
    settings::put(&conn, strict).unwrap();
    assert_eq!(settings::get(&conn).unwrap(), strict);
}

#[test]
fn a_well_known_type_is_not_defined_anew_on_its_topic() {
    let conn = tenant_db();
    put_event(&conn, &definition("billing.usage", None)).expect("on another topic");
    let well_known = EventDefinition {
        topic: Topic::BillingEvents,
        ..definition("billing.usage", None)
    };
    assert!(matches!(
        put_event(&conn, &well_known),
        Err(Error::Conflict { .. })
    ));
    put_event(&conn, &definition("x.used", Some("warren.billing.usage"))).unwrap();
}

#[test]
fn a_definition_names_a_schema_that_exists() {
    let conn = tenant_db();
    let refused = put_event(&conn, &definition("order.placed", Some("order")));
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    put_schema(&conn, "order", "{}").unwrap();
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
    put_schema(&conn, "last", "{}").unwrap();
    let past = put_schema(&conn, "past", "{}");
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
    put_schema(&conn, "last", "true").unwrap();
    let past = put_schema(&conn, "last", "false");
    assert!(matches!(past, Err(Error::Exhausted { .. })));

    let described = |bytes| EventDefinition {
        description: "d".repeat(bytes),
        ..definition("the.last", None)
    };
    put_event(&conn, &described(DESCRIPTION_BYTES_MAX)).unwrap();
    let past = put_event(&conn, &described(DESCRIPTION_BYTES_MAX + 1));
    assert!(matches!(past, Err(Error::TooLarge { .. })));
}
