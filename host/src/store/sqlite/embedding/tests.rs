//! Which entries wait for a vector, on a database in memory.

use rusqlite::Connection;

use super::super::knowledge::{apply_forget, apply_put};
use super::super::testing::{self, tenant_db};
use super::*;
use crate::memory::embed::OFFLINE_NAME;
use crate::memory::{Chunk, Visibility};

const NOW: Timestamp = Timestamp(1_000_000);

/// A vector that belongs to no text in particular.
fn vector(x: f32) -> Embedding {
    Embedding::new(vec![x, 1.0]).unwrap()
}

/// An entry of `customer/user` under a name of theirs.
fn entry(who: &str, name: &str, content: &str) -> KnowledgeWrite {
    testing::entry((who, Visibility::Private, name), content, NOW)
}

fn write(conn: &Connection, write: &KnowledgeWrite, embedder: &str, made: Option<Embedding>) {
    let embedder = embedder.into();
    let made = made.map(|vector| vec![vector]);
    apply_put(conn, write, &Vectors { embedder, made }).unwrap();
}

fn later(conn: &Connection, who: &str, name: &str, content: &str) {
    write(conn, &entry(who, name, content), "remote", None);
}

/// The texts that wait, the oldest first.
fn waiting(conn: &Connection) -> Vec<String> {
    let texts = unembedded(conn, 100, usize::MAX, NOW).unwrap();
    texts.iter().map(|text| text.content.to_string()).collect()
}

/// `(name, vector's first byte group)` of every entry that has one of `embedder`.
fn embedded(conn: &Connection, embedder: &str) -> Vec<(String, Vec<u8>)> {
    let mut statement = conn
        .prepare(
            "SELECT k.external_id, v.vector FROM knowledge k JOIN knowledge_vectors v ON v.n = k.n
             WHERE v.embedder = ?1 ORDER BY k.n",
        )
        .unwrap();
    let rows = statement.query_map([embedder], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn keep(conn: &Connection, content: &str, embedded: &Embedded) {
    let hash = blake3::hash(content.as_bytes());
    keep_embedded(conn, "remote", hash.as_bytes(), embedded).unwrap();
}

#[test]
fn equal_text_is_embedded_once_whoever_wrote_it() {
    let conn = tenant_db();
    later(&conn, "acme/ann", "a", "the lamp");
    later(&conn, "acme/bob", "b", "the lamp");
    later(&conn, "acme/ann", "c", "another");
    assert_eq!(waiting(&conn), ["the lamp", "another"]);
    keep(&conn, "the lamp", &Embedded::Vector(vector(0.5)));
    assert_eq!(waiting(&conn), ["another"]);
    later(&conn, "bolt/", "d", "the lamp");
    assert_eq!(
        waiting(&conn),
        ["another"],
        "it has the text's vector at once"
    );
    let bytes = vector(0.5).to_bytes();
    let expect = ["a", "b", "d"].map(|name| (name.to_owned(), bytes.clone()));
    assert_eq!(embedded(&conn, "remote"), expect);
}

#[test]
fn a_vector_never_outlives_its_text() {
    let conn = tenant_db();
    later(&conn, "/", "a", "first");
    keep(&conn, "first", &Embedded::Vector(vector(0.5)));
    later(&conn, "/", "a", "first");
    assert_eq!(waiting(&conn), [""; 0], "the same text keeps its vector");
    later(&conn, "/", "a", "second");
    assert_eq!(waiting(&conn), ["second"]);
    assert_eq!(embedded(&conn, "remote"), []);
    keep(&conn, "first", &Embedded::Vector(vector(0.5)));
    assert_eq!(
        waiting(&conn),
        ["second"],
        "what was made of an older text is nobody's"
    );
    apply_forget(&conn, &entry("/", "a", "").id).unwrap();
    assert_eq!(waiting(&conn), [""; 0]);
    assert!(!is_behind(&conn).unwrap());
}

#[test]
fn what_is_made_at_once_waits_for_nothing() {
    let conn = tenant_db();
    write(&conn, &entry("/", "a", "x"), "local", Some(vector(0.1)));
    assert!(!is_behind(&conn).unwrap());
    write(&conn, &entry("/", "a", "y"), "local", Some(vector(0.2)));
    let expect = [("a".to_owned(), vector(0.2).to_bytes())];
    assert_eq!(embedded(&conn, "local"), expect);
}

#[test]
fn a_refused_text_waits_no_more_and_is_counted_until_another_embedder_comes() {
    let mut conn = tenant_db();
    settle(&mut conn, "remote").unwrap();
    later(&conn, "/", "a", "too long");
    later(&conn, "/", "b", "fine");
    keep(&conn, "too long", &Embedded::Refused("too long".to_owned()));
    assert_eq!(waiting(&conn), ["fine"]);
    let expect = EmbeddingState {
        waiting: 1,
        refused: 1,
    };
    assert_eq!(state(&conn, NOW).unwrap(), expect);
    settle(&mut conn, "remote").unwrap();
    assert_eq!(
        state(&conn, NOW).unwrap(),
        expect,
        "the same one changes nothing"
    );
    settle(&mut conn, "other").unwrap();
    assert_eq!(waiting(&conn), ["too long", "fine"]);
}

#[test]
fn another_embedder_finds_all_that_is_not_its_own() {
    let mut conn = tenant_db();
    settle(&mut conn, "local").unwrap();
    for name in ["a", "b"] {
        let made = Some(vector(0.1));
        write(&conn, &entry("/", name, name), "local", made);
    }
    settle(&mut conn, "remote").unwrap();
    assert_eq!(waiting(&conn), ["a", "b"]);
    keep(&conn, "a", &Embedded::Vector(vector(0.5)));
    settle(&mut conn, "local").unwrap();
    assert_eq!(waiting(&conn), ["a"], "b was never embedded anew");
}

#[test]
fn batches_are_bounded_by_texts_and_by_bytes() {
    let conn = tenant_db();
    for i in 0..10 {
        later(&conn, "/", &format!("n{i}"), &format!("text {i}"));
    }
    let check = |limit: usize, bytes: usize, expect: usize| {
        let got = unembedded(&conn, limit, bytes, NOW).unwrap();
        assert_eq!(got.len(), expect, "{limit} texts, {bytes} bytes");
    };
    check(3, usize::MAX, 3);
    check(100, usize::MAX, 10);
    check(100, 1, 1);
    check(100, 6, 1);
    check(100, 7, 2);
}

#[test]
fn what_has_expired_is_not_embedded() {
    let conn = tenant_db();
    let expires = Some(NOW.plus_ms(10));
    let brief = KnowledgeWrite {
        expires,
        ..entry("/", "a", "brief")
    };
    write(&conn, &brief, "remote", None);
    assert_eq!(state(&conn, NOW).unwrap().waiting, 1);
    let then = NOW.plus_ms(10);
    assert_eq!(unembedded(&conn, 10, 100, then).unwrap(), []);
    assert_eq!(state(&conn, then).unwrap().waiting, 0);
}

/// A document's chunks keep their places when it is rewritten: what was being embedded meanwhile is of
/// another text.
#[test]
fn a_rewritten_chunk_gets_no_vector_of_the_text_before() {
    let conn = tenant_db();
    let document = |texts: [&str; 2]| {
        let chunks = texts.map(|text| Chunk {
            text: text.into(),
            overlap: 0,
        });
        KnowledgeWrite {
            chunk_bytes: Some(4),
            chunks: chunks.into(),
            ..entry("acme/ada", "manual", &texts.concat())
        }
    };
    write(&conn, &document(["open ", "the lid"]), "remote", None);
    assert_eq!(waiting(&conn), ["open ", "the lid"]);
    let before = unembedded(&conn, 100, usize::MAX, NOW).unwrap();
    write(&conn, &document(["open ", "the box"]), "remote", None);
    for text in before {
        let made = Embedded::Vector(vector(1.0));
        keep_embedded(&conn, "remote", &text.text_hash, &made).unwrap();
    }
    assert_eq!(waiting(&conn), ["the box"]);
}

#[test]
fn triggers_of_procedures_get_vectors_of_the_offline_embedder() {
    let mut conn = tenant_db();
    conn.execute_batch(
        "INSERT INTO procedure_triggers (name, text, vector, embedder)
         VALUES ('refund', 'money back', x'00', 'an older one'), ('ship', 'lost parcel', NULL, NULL)",
    )
    .unwrap();
    settle(&mut conn, "remote").unwrap();
    let mut statement = conn
        .prepare("SELECT text, vector, embedder FROM procedure_triggers ORDER BY n")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(String, Vec<u8>, String)> = rows.unwrap().map(Result::unwrap).collect();
    let expect = ["money back", "lost parcel"].map(|text| {
        let vector = crate::memory::embed::embed(text).to_bytes();
        (text.to_owned(), vector, OFFLINE_NAME.to_owned())
    });
    assert_eq!(rows, expect);
}
