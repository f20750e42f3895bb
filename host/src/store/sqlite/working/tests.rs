//! Versions, ranges and expiry, on a database in memory.

use rusqlite::Connection;

use super::super::testing::{agent, tenant_db};
use super::*;
use crate::id::Label;

const NOW: Timestamp = Timestamp(1_000_000);

fn space() -> WorkingSpace {
    WorkingSpace::Agent(agent("a"))
}

fn key(text: &str) -> WorkingKey {
    WorkingKey::new(text).unwrap()
}

fn put(conn: &Connection, space: &WorkingSpace, name: &str, ttl_ms: Option<u64>) {
    let expires = ttl_ms.map(|ms| NOW.plus_ms(ms));
    apply_put(
        conn,
        (space, &key(name)),
        &Json::from_stored("1"),
        expires,
        (None, NOW),
    )
    .unwrap();
}

fn range(prefix: &str, after: Option<&str>, limit: u32) -> KeyRange {
    KeyRange {
        space: space(),
        prefix: prefix.to_owned(),
        after: after.map(str::to_owned),
        limit,
    }
}

fn listed(conn: &Connection, range: &KeyRange, now: Timestamp) -> Vec<String> {
    let keys = keys(conn, range, now).unwrap();
    keys.iter()
        .map(|(key, _)| key.as_str().to_owned())
        .collect()
}

#[test]
fn a_version_is_never_used_twice_over_any_mix_of_writes() {
    let conn = tenant_db();
    let mut random = fastrand::Rng::with_seed(7);
    let mut used = std::collections::HashSet::new();
    for _ in 0..5_000 {
        let name = format!("k{}", random.u8(..4));
        match random.u8(..3) {
            0 => drop(apply_delete(&conn, &space(), &key(&name)).unwrap()),
            _ => {
                put(&conn, &space(), &name, None);
                let entry = get(&conn, &space(), &key(&name), NOW).unwrap().unwrap();
                assert!(used.insert((name, entry.version)));
            }
        }
    }
}

#[test]
fn keys_lists_a_range_in_byte_order() {
    let conn = tenant_db();
    let other = WorkingSpace::Plan(Label::new("a").unwrap());
    for name in [
        "a",
        "ab",
        "abc",
        "b",
        "a\u{10ffff}",
        "é",
        "Z",
        "a%",
        "a_",
        "退款",
    ] {
        put(&conn, &space(), name, None);
        put(&conn, &other, "abother", None);
    }
    for (prefix, after, limit, expected) in [
        ("", None, 3, &["Z", "a", "a%"][..]),
        (
            "a",
            None,
            10,
            &["a", "a%", "a_", "ab", "abc", "a\u{10ffff}"],
        ),
        ("ab", None, 10, &["ab", "abc"]),
        ("a", Some("ab"), 10, &["abc", "a\u{10ffff}"]),
        ("ab", Some("Z"), 10, &["ab", "abc"]),
        ("ab", Some("zzz"), 10, &[]),
        ("a\u{10ffff}", None, 10, &["a\u{10ffff}"]),
        ("退", None, 10, &["退款"]),
        ("%", None, 10, &[]),
        ("' OR 1=1 --", None, 10, &[]),
    ] {
        let got = listed(&conn, &range(prefix, after, limit), NOW);
        assert_eq!(got, expected, "{prefix:?} after {after:?}");
    }
}

#[test]
fn a_range_is_unchanged_only_with_the_same_keys_at_the_same_versions() {
    let conn = tenant_db();
    put(&conn, &space(), "a1", None);
    put(&conn, &space(), "a2", Some(10));
    let range = range("a", None, 2);
    let seen = keys(&conn, &range, NOW).unwrap();
    let same = |conn: &Connection, now| keys(conn, &range, now).unwrap() == seen;
    assert!(same(&conn, NOW));
    put(&conn, &space(), "b", None);
    put(&conn, &space(), "a3", None);
    assert!(
        same(&conn, NOW),
        "past the limit and past the prefix do not matter"
    );
    assert!(!same(&conn, NOW.plus_ms(10)), "one expired");
    put(&conn, &space(), "a1", None);
    assert!(!same(&conn, NOW), "one was written");
}

#[test]
fn an_expired_entry_is_absent_at_its_time_and_swept_later() {
    let conn = tenant_db();
    put(&conn, &space(), "k", Some(10));
    let entry = get(&conn, &space(), &key("k"), NOW.plus_ms(9))
        .unwrap()
        .unwrap();
    let later = NOW.plus_ms(10);
    assert_eq!(get(&conn, &space(), &key("k"), later).unwrap(), None);
    assert!(unchanged(&conn, &space(), &key("k"), 0, later).unwrap());
    assert!(!unchanged(&conn, &space(), &key("k"), entry.version, later).unwrap());
    assert_eq!(listed(&conn, &range("", None, 10), later), [""; 0]);
    put(&conn, &space(), "k", None);
    let again = get(&conn, &space(), &key("k"), later).unwrap().unwrap();
    assert!(again.version > entry.version);
}

#[test]
fn expired_rows_do_not_pile_up() {
    let conn = tenant_db();
    for i in 0..1_000_u64 {
        let now = Timestamp(i as i64 * 10);
        let name = key(&format!("k{i}"));
        apply_put(
            &conn,
            (&space(), &name),
            &Json::from_stored("1"),
            Some(now.plus_ms(5)),
            (None, now),
        )
        .unwrap();
    }
    let rows: i64 = conn
        .query_row("SELECT count(*) FROM working", [], |row| row.get(0))
        .unwrap();
    assert!(rows <= 2, "{rows} rows");
}

#[test]
fn a_value_is_of_the_one_owner_whose_turns_wrote_it() {
    let conn = tenant_db();
    let key = key("k");
    for (writers, expected) in [
        (&[None, None][..], None),
        (&[Some("=a =u")], Some("=a =u")),
        (&[Some("=a =u"), Some("=a =u")], Some("=a =u")),
        (&[Some("=a =u"), Some("=a =v")], Some("*")),
        (&[None, Some("=a =u")], Some("*")),
        (&[Some("=a =u"), None], Some("*")),
        (&[Some("=a =u"), Some("=a =v"), Some("=a =u")], Some("*")),
    ] {
        apply_delete(&conn, &space(), &key).unwrap();
        for writer in writers {
            let value = Json::from_stored("1");
            apply_put(&conn, (&space(), &key), &value, None, (*writer, NOW)).unwrap();
        }
        let owner: Option<String> = conn
            .query_row("SELECT owner FROM working", [], |row| row.get(0))
            .unwrap();
        assert_eq!(owner.as_deref(), expected, "{writers:?}");
    }
}
