//! The mapping of errors, as a table.

use super::*;

#[test]
fn each_error_has_its_case() {
    use types::Error as Guest;
    let cases = [
        (
            Error::invalid("key", "empty"),
            Guest::Invalid("key: empty".into()),
        ),
        (
            Error::Denied {
                what: "agent `a`".into(),
                grant: "working:read".into(),
            },
            Guest::Denied(
                "agent `a` needs the grant `working:read`: it must ask for that and be pushed with it"
                    .into(),
            ),
        ),
        (Error::not_found("agent", "a"), Guest::NotFound),
        (
            Error::conflict("response", "twice"),
            Guest::Conflict("response: twice".into()),
        ),
        (
            Error::TooLarge {
                limit: "json_bytes_max",
                unit: "bytes",
                max: 1,
                got: 2,
            },
            Guest::Exhausted("json_bytes_max is 1 bytes, got 2".into()),
        ),
        (
            Error::Exhausted {
                limit: "turn_writes_max",
                unit: "writes",
                max: 1,
            },
            Guest::Exhausted("turn_writes_max is 1 writes, all used".into()),
        ),
        (
            Error::Unavailable {
                what: "tool",
                reason: "`a` failed".into(),
            },
            Guest::Unavailable("tool is not available: `a` failed".into()),
        ),
        (
            Error::Unavailable {
                what: "data directory",
                reason: "`/var/lib/warren/tenants/x`: no file handles".into(),
            },
            Guest::Unavailable("data directory is not available".into()),
        ),
    ];
    for (error, expected) in cases {
        let got = Fault::from(error).lower().expect("not a stop");
        assert_eq!(format!("{got:?}"), format!("{expected:?}"));
    }
}

#[test]
fn an_internal_error_ends_the_turn() {
    let error = Error::internal("reading", "disk");
    let stop = Fault::from(error).lower().expect_err("a stop");
    assert!(matches!(
        stop.downcast_ref(),
        Some(Stop::Host {
            context: "reading",
            ..
        })
    ));
}

#[test]
fn lists_of_empty_texts_cost_something() {
    assert_eq!(optional(&[&None, &Some("abc".into())]), 3);
    assert_eq!(
        listed(&[String::new(), "a".into()]),
        2 * size_of::<String>() + 1
    );
    assert_eq!(
        paired(&[(String::new(), String::new())]),
        2 * size_of::<String>()
    );
}
