//! Who sees and replaces what, search and its filters, on a database in memory.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::embedding::{Question, Vectoring};
use super::super::testing::{self, identity, plan, scope, tenant_db};
use super::super::vector_index::{Keeper, VECTOR_BYTES_MAX, VectorIndex};
use super::search::{LATEST_ROWS_MAX, RARE_ROWS_MAX, latest_sql, search, words_sql};
use super::*;
use crate::error::Error;
use crate::memory::embed::{OFFLINE_NAME, Offline, embed};
use crate::memory::{
    Found, Hit, KNOWLEDGE_ENTRIES_MAX, SEARCH_LIMIT_MAX, SEARCH_OFFSET_MAX, SearchMode, Shortfall,
    Why,
};

const NOW: Timestamp = Timestamp(1_000_000);

fn entry(who: &str, visibility: Visibility, external_id: &str, content: &str) -> KnowledgeWrite {
    let named = testing::entry((who, visibility, external_id), content, NOW);
    match external_id {
        "" => KnowledgeWrite {
            id: format!("kno_{visibility:?}_{who}_{content}").into(),
            external_id: None,
            ..named
        },
        _ => named,
    }
}

fn put(conn: &Connection, write: &KnowledgeWrite) -> Result<()> {
    apply_put(conn, write, &vectoring().vectors_of(write))
}

fn vectoring() -> Vectoring {
    Vectoring::new(Arc::new(Offline::default()))
}

fn ask(text: &str, mode: SearchMode) -> KnowledgeQuery {
    KnowledgeQuery::new(text, mode, 100)
}

fn search_at(
    conn: &Connection,
    scope: &TenantScope,
    query: &KnowledgeQuery,
    now: Timestamp,
) -> Vec<Hit> {
    let found = look(conn, scope, query, now);
    assert_eq!(found.shortfall, None);
    found.hits
}

fn look(conn: &Connection, scope: &TenantScope, query: &KnowledgeQuery, now: Timestamp) -> Found {
    let question = Question {
        embedder: OFFLINE_NAME.into(),
        vector: Ok(embed(&query.text)),
    };
    // Made anew for each search, as nobody tells it of changes.
    let index = VectorIndex::new(&Keeper::start(VECTOR_BYTES_MAX).unwrap().0);
    search(conn, &index, scope, (query, question), now).unwrap()
}

fn found(conn: &Connection, who: &str, query: &KnowledgeQuery) -> Vec<String> {
    let hits = search_at(conn, &scope(who), query, NOW);
    for hit in &hits {
        assert!((0.0..=1.0).contains(&hit.score), "{}", hit.score);
    }
    hits.iter()
        .map(|hit| hit.item.content.to_string())
        .collect()
}

#[test]
fn who_sees_what() {
    use Visibility::{Customer, Private, Tenant};
    let conn = tenant_db();
    let people = ["acme/ann", "acme/bob", "acme/", "bolt/ann", "/ann", "/"];
    for who in people {
        for visibility in [Private, Customer, Tenant] {
            put(
                &conn,
                &entry(who, visibility, "", &format!("lamp {who} {visibility:?}")),
            )
            .unwrap();
        }
    }
    for reader in people {
        for writer in people {
            let (reader_customer, _) = identity(reader);
            let (writer_customer, _) = identity(writer);
            for visibility in [Private, Customer, Tenant] {
                let expected = match visibility {
                    Private => reader == writer,
                    Customer => reader_customer == writer_customer,
                    Tenant => true,
                };
                let text = format!("lamp {writer} {visibility:?}");
                let case = format!("{reader} reads what {writer} wrote for {visibility:?}");
                for mode in [SearchMode::Keyword, SearchMode::Vector, SearchMode::Hybrid] {
                    let found = found(&conn, reader, &ask("lamp", mode));
                    assert_eq!(found.contains(&text), expected, "{case}, {mode:?}");
                }
                let id = entry(writer, visibility, "", &text).id;
                let got = get(&conn, &scope(reader), &id, NOW).unwrap();
                assert_eq!(got.is_some(), expected, "{case}, by id");
                let version = got.map_or(0, |item| item.version);
                assert!(
                    unchanged(&conn, &scope(reader), &id, version, NOW).unwrap(),
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn one_owner_has_one_entry_of_a_name_and_of_a_text() {
    let conn = tenant_db();
    let ann = scope("acme/ann");
    let first = entry("acme/ann", Visibility::Tenant, "x", "first");
    put(&conn, &first).unwrap();
    let second = entry("acme/ann", Visibility::Private, "x", "second");
    let met = existing(&conn, &second, NOW).unwrap().unwrap();
    assert_eq!(met.id, first.id);
    put(&conn, &second).unwrap();
    let now = get(&conn, &ann, &first.id, NOW).unwrap().unwrap();
    assert_eq!(
        (&*now.content, now.visibility),
        ("second", Visibility::Private)
    );
    assert!(now.version > met.version);
    assert_eq!(
        found(&conn, "bolt/bob", &ask("first second", SearchMode::Hybrid)),
        [""; 0]
    );

    for _ in 0..2 {
        put(
            &conn,
            &entry("acme/ann", Visibility::Private, "", "same text"),
        )
        .unwrap();
        put(
            &conn,
            &entry("acme/ann", Visibility::Customer, "", "same text"),
        )
        .unwrap();
        put(
            &conn,
            &entry("acme/bob", Visibility::Customer, "", "same text"),
        )
        .unwrap();
    }
    let all = found(&conn, "acme/bob", &ask("same text", SearchMode::Keyword));
    assert_eq!(all, ["same text", "same text"], "ann's and bob's");
}

#[test]
fn nobody_replaces_or_detects_anothers_entry() {
    let conn = tenant_db();
    put(
        &conn,
        &entry("acme/ann", Visibility::Private, "x", "ann's secret"),
    )
    .unwrap();
    for (who, visibility) in [
        ("acme/bob", Visibility::Customer),
        ("acme/eve", Visibility::Private),
        ("bolt/ann", Visibility::Tenant),
        ("/", Visibility::Private),
    ] {
        let write = entry(who, visibility, "x", "mine");
        assert_eq!(existing(&conn, &write, NOW).unwrap(), None, "{who}");
        put(&conn, &write).unwrap();
    }
    // Bob's is for all of acme, so that ann's would stand beside it for all to see.
    let refused = entry("acme/ann", Visibility::Customer, "x", "ann's");
    let met = existing(&conn, &refused, NOW).unwrap().unwrap();
    assert_eq!(met.owner, identity("acme/bob"));
    assert!(matches!(put(&conn, &refused), Err(Error::Conflict { .. })));
    let still = found(&conn, "acme/ann", &ask("secret", SearchMode::Keyword));
    assert_eq!(still, ["ann's secret"]);
}

#[test]
fn an_expired_entry_is_absent_and_makes_room() {
    let conn = tenant_db();
    let write = KnowledgeWrite {
        expires: Some(NOW.plus_ms(10)),
        ..entry("acme/ann", Visibility::Tenant, "x", "brief")
    };
    put(&conn, &write).unwrap();
    let (ann, version) = (scope("acme/ann"), 1);
    let later = NOW.plus_ms(10);
    assert!(unchanged(&conn, &ann, &write.id, version, NOW.plus_ms(9)).unwrap());
    assert!(unchanged(&conn, &ann, &write.id, 0, later).unwrap());
    assert_eq!(get(&conn, &ann, &write.id, later).unwrap(), None);
    let hits = search_at(&conn, &ann, &ask("brief", SearchMode::Hybrid), later);
    assert_eq!(hits, []);
    let others = KnowledgeWrite {
        now: later,
        ..entry("acme/bob", Visibility::Tenant, "x", "another's")
    };
    put(&conn, &others).unwrap();
    assert_eq!(rows(&conn, "knowledge"), 1);
    for table in ["knowledge_words", "knowledge_vectors"] {
        assert_eq!(rows(&conn, table), 1, "{table}");
    }
}

#[test]
fn a_version_is_never_used_twice_although_an_id_comes_back() {
    let conn = tenant_db();
    let write = entry("acme/ann", Visibility::Private, "x", "text");
    let mut last = 0;
    for round in 0..5 {
        for _ in 0..round {
            put(&conn, &write).unwrap();
            let item = get(&conn, &scope("acme/ann"), &write.id, NOW)
                .unwrap()
                .unwrap();
            assert!(item.version > last);
            last = item.version;
        }
        apply_forget(&conn, &write.id).unwrap();
        apply_forget(&conn, &write.id).unwrap();
    }
    let left: i64 = conn
        .query_row(
            "SELECT value FROM memory_counters WHERE name = 'knowledge_entries'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!((left, rows(&conn, "knowledge_words")), (0, 0));
}

#[test]
fn the_limit_holds_at_and_one_past() {
    let conn = tenant_db();
    let fill = |n: u64| {
        let sql = "UPDATE memory_counters SET value = ?1 WHERE name = 'knowledge_entries'";
        conn.execute(sql, [n as i64]).unwrap();
    };
    fill(KNOWLEDGE_ENTRIES_MAX - 1);
    let last = entry("acme/ann", Visibility::Private, "x", "the last one");
    put(&conn, &last).unwrap();
    let past = entry("acme/ann", Visibility::Private, "y", "one too many");
    assert!(
        matches!(put(&conn, &past), Err(Error::Exhausted { max, .. }) if max == KNOWLEDGE_ENTRIES_MAX)
    );
    put(&conn, &last).expect("replacing adds none");
    apply_forget(&conn, &last.id).unwrap();
    put(&conn, &past).expect("there is room again");
}

#[test]
fn filters_all_hold() {
    let conn = tenant_db();
    let one = KnowledgeWrite {
        tags: vec!["red".into(), "big".into()],
        source: Some("https://a".into()),
        metadata: Json::from_stored(r#"{"n":1,"deep":{"a":[1,2]},"s":"x' OR 1=1"}"#),
        ..entry("/", Visibility::Tenant, "one", "a lamp")
    };
    let two = KnowledgeWrite {
        tags: vec!["red".into()],
        now: NOW.plus_ms(100),
        ..entry("/", Visibility::Tenant, "two", "a lamp too")
    };
    put(&conn, &one).unwrap();
    put(&conn, &two).unwrap();
    let base = ask("lamp", SearchMode::Hybrid);
    let with = |change: &dyn Fn(&mut KnowledgeQuery)| {
        let mut query = base.clone();
        change(&mut query);
        query
    };
    let metadata = |text: &str| with(&|q| q.metadata = Some(Json::from_stored(text)));
    let tags = |tags: &[&str]| with(&|q| q.tags = tags.iter().map(|&tag| tag.into()).collect());
    let (one, two): (&[&str], &[&str]) = (&["a lamp"], &["a lamp too"]);
    for (query, expected) in [
        (tags(&["red", "big"]), one),
        (tags(&["big", "green"]), &[]),
        (tags(&["' OR 1=1"]), &[]),
        (metadata(r#"{"n":1.0}"#), one),
        (metadata(r#"{"n":1,"s":"x' OR 1=1"}"#), one),
        (metadata(r#"{"deep":{"a":[1,2]}}"#), one),
        (metadata(r#"{"deep":{"a":[1]}}"#), &[]),
        (metadata(r#"{"n":null}"#), &[]),
        (with(&|q| q.source = Some("https://a".into())), one),
        (with(&|q| q.since = Some(NOW.plus_ms(100))), two),
        (with(&|q| q.until = Some(NOW.plus_ms(100))), one),
        (with(&|q| (q.limit, q.offset) = (1, 1)), two),
        (with(&|q| q.min_score = Some(1.0)), one),
    ] {
        assert_eq!(found(&conn, "/", &query), expected, "{query:?}");
    }
}

#[test]
fn words_and_vectors_find_each_in_their_way() {
    let conn = tenant_db();
    for text in [
        "Refunds are paid within five days",
        "The refunding of lamps takes longer",
        "Our office is in Lisbon",
        "Shipping to Norway is free",
    ] {
        put(&conn, &entry("/", Visibility::Tenant, "", text)).unwrap();
    }
    let first = |text: &str, mode| found(&conn, "/", &ask(text, mode)).first().cloned();
    let refund = Some("Refunds are paid within five days".to_owned());
    assert_eq!(first("when is a refund paid?", SearchMode::Keyword), refund);
    assert_eq!(first("when is a refund paid?", SearchMode::Hybrid), refund);
    assert_eq!(first("refnuds paid", SearchMode::Vector), refund);
    let lisbon = Some("Our office is in Lisbon".to_owned());
    assert_eq!(first("Lisboa", SearchMode::Keyword), None, "words only");
    assert_eq!(first("offices Lisbon", SearchMode::Vector), lisbon);
}

#[test]
fn words_are_asked_for_once() {
    let steps = plan(&tenant_db(), &words_sql());
    assert!(
        steps[0].starts_with("SCAN knowledge_words VIRTUAL TABLE"),
        "{steps:?}"
    );
    // The latest first is how the index gives them: a sort would wait for the last of a hundred thousand.
    let steps = plan(&tenant_db(), &latest_sql());
    assert!(
        steps[0].starts_with("SCAN knowledge_words VIRTUAL TABLE")
            && !steps.iter().any(|step| step.contains("ORDER BY")),
        "{steps:?}"
    );
}

/// Else every write goes through all that is there already: at 28,000 entries that was a millisecond each.
#[test]
fn what_a_write_meets_is_found_by_indexes() {
    let conn = tenant_db();
    for name in ["", "name"] {
        let write = entry("acme/ann", Visibility::Tenant, name, "a lamp");
        let own = Own::of(&write);
        let (rows, _) = own.in_the_way();
        for sql in [existing_sql(rows), write::remove_expired_sql(rows)] {
            for step in plan(&conn, &sql) {
                let by = step.split("knowledge").nth(1).unwrap_or_default();
                let whole = by.starts_with("_domain ") || step.starts_with("SCAN");
                let of_rows = step.starts_with("SCAN") || step.starts_with("SEARCH");
                assert!(!(whole && of_rows), "{step}\nof {sql}");
            }
        }
    }
}

#[test]
fn pages_put_together_are_the_whole_list() {
    let conn = tenant_db();
    for i in 0..50 {
        let text = format!("lamp number {i} {}", "lamp ".repeat(i % 7));
        put(&conn, &entry("/", Visibility::Tenant, "", &text)).unwrap();
    }
    let whole = found(&conn, "/", &ask("lamp number", SearchMode::Hybrid));
    assert_eq!(whole.len(), 50);
    let mut pages = Vec::new();
    for offset in (0..50).step_by(7) {
        let query = KnowledgeQuery {
            limit: 7,
            offset,
            ..ask("lamp number", SearchMode::Hybrid)
        };
        pages.extend(found(&conn, "/", &query));
    }
    assert_eq!(pages, whole);
}

#[test]
fn another_users_rows_crowd_nothing_out() {
    let conn = tenant_db();
    // More rows than any list is deep.
    for i in 0..=SEARCH_OFFSET_MAX + SEARCH_LIMIT_MAX {
        let text = format!("lamp lamp lamp {i}");
        put(
            &conn,
            &entry("acme/mallory", Visibility::Private, "", &text),
        )
        .unwrap();
    }
    put(
        &conn,
        &entry(
            "acme/ann",
            Visibility::Private,
            "",
            "one lamp among other things",
        ),
    )
    .unwrap();
    for mode in [SearchMode::Keyword, SearchMode::Vector, SearchMode::Hybrid] {
        let found = found(&conn, "acme/ann", &ask("lamp", mode));
        assert_eq!(found, ["one lamp among other things"], "{mode:?}");
    }
}

#[test]
fn common_words_rank_only_where_rare_ones_find_too_little() {
    let conn = tenant_db();
    let common = RARE_ROWS_MAX + 50;
    for i in 0..common {
        let text = match i {
            0 => "the red lamp of Norway".to_owned(),
            1 => "the Norway ferry".to_owned(),
            i if i % 2 == 0 => format!("the red lamp {i}"),
            i => format!("the red table {i}"),
        };
        put(&conn, &entry("/", Visibility::Tenant, "", &text)).unwrap();
    }
    // However often others write it, a word is as rare for me as it was.
    for i in 0..common {
        let text = format!("Norway {i}");
        put(
            &conn,
            &entry("acme/mallory", Visibility::Private, "", &text),
        )
        .unwrap();
    }
    let check = |text: &str, limit: u32, expected: &[&str]| {
        let query = KnowledgeQuery {
            limit,
            ..ask(text, SearchMode::Keyword)
        };
        assert_eq!(found(&conn, "/", &query), expected, "{text}, {limit}");
    };
    check("the Norway", 1, &["the Norway ferry"]);
    let both = ["the Norway ferry", "the red lamp of Norway"];
    check("the red Norway", 2, &both);
    check("the red lamp of Norway", 1, &["the red lamp of Norway"]);
    let many = |text: &str| found(&conn, "/", &ask(text, SearchMode::Keyword)).len();
    assert_eq!(many("the Norway"), 100, "filled with the common word");
    assert_eq!(many("red lamp"), 100);
    assert_eq!(
        many("nowhere the"),
        100,
        "a word that nobody has stands in no way"
    );
}

/// What it takes to answer does not grow with how many entries have the words, whoever wrote them.
#[test]
fn a_question_of_common_words_is_answered_from_the_latest_that_are_seen() {
    let conn = tenant_db();
    let vectors = vectoring().vectors_of(&entry("/", Visibility::Tenant, "", "a lamp"));
    let write = |who: &str, visibility, text: &str, source: Option<&str>| {
        let write = KnowledgeWrite {
            source: source.map(Into::into),
            ..entry(who, visibility, "", text)
        };
        apply_put(&conn, &write, &vectors).unwrap();
    };
    let red = RARE_ROWS_MAX + 200;
    conn.execute_batch("BEGIN").unwrap();
    for i in 0..=LATEST_ROWS_MAX {
        let text = match i {
            0 => "the oldest is red".to_owned(),
            i if i < red => format!("the red one {i}"),
            i => format!("the other {i}"),
        };
        let source = (i == 0).then_some("attic");
        write("acme/ann", Visibility::Private, &text, source);
    }
    for i in 0..LATEST_ROWS_MAX {
        let text = format!("the red one of somebody else {i}");
        write("acme/mallory", Visibility::Private, &text, None);
    }
    conn.execute_batch("COMMIT").unwrap();
    let look = |text: &str, source: Option<&str>| {
        let query = KnowledgeQuery {
            source: source.map(Into::into),
            ..ask(text, SearchMode::Keyword)
        };
        let found = look(&conn, &scope("acme/ann"), &query, NOW);
        let texts = found.hits.iter().map(|hit| hit.item.content.to_string());
        (texts.collect::<Vec<_>>(), found.shortfall)
    };
    let (texts, shortfall) = look("the", None);
    assert_eq!(shortfall, Some(Shortfall::CommonWords));
    let latest = (LATEST_ROWS_MAX - 99..=LATEST_ROWS_MAX).map(|i| format!("the other {i}"));
    assert_eq!(texts, latest.collect::<Vec<_>>());
    // All that have the less common one are looked at: none has more words.
    let (texts, shortfall) = look("the red", None);
    assert_eq!(shortfall, None);
    assert!(
        texts.len() == 100 && texts.iter().all(|text| text.contains("red")),
        "{texts:?}"
    );
    // What a filter leaves is found however old it is.
    let oldest = vec!["the oldest is red".to_owned()];
    assert_eq!(look("the", Some("attic")), (oldest.clone(), None));
    assert_eq!(look("the red", Some("attic")), (oldest.clone(), None));
    // A rare word wins, and common ones fill up behind it.
    let (texts, shortfall) = look("the oldest", None);
    assert_eq!(
        (&texts[..1], texts.len(), shortfall),
        (&oldest[..], 100, None)
    );
}

#[test]
fn a_hit_says_why_it_was_found() {
    let conn = tenant_db();
    for text in ["a red lamp", "a green lamp", "an office"] {
        put(&conn, &entry("/", Visibility::Tenant, "", text)).unwrap();
    }
    let why = |mode| -> Vec<(Option<u32>, Option<u32>)> {
        let hits = search_at(&conn, &scope("/"), &ask("green lamp", mode), NOW);
        let ranks = |why: Why| (why.words.map(|p| p.rank), why.vector.map(|p| p.rank));
        hits.into_iter().map(|hit| ranks(hit.why)).collect()
    };
    let both = [(Some(1), Some(1)), (Some(2), Some(2))];
    assert_eq!(why(SearchMode::Hybrid), both);
    assert_eq!(
        why(SearchMode::Keyword),
        both.map(|(words, _)| (words, None))
    );
    assert_eq!(
        why(SearchMode::Vector),
        both.map(|(_, vector)| (None, vector))
    );
}

fn rows(conn: &Connection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    conn.query_row(&sql, [], |row| row.get(0)).unwrap()
}
