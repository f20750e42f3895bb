//! The index of vectors says at every moment what the rows say, and the graph in it hardly less.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::super::embedding::{Question, Vectoring};
use super::super::testing::{self, scope, tenant_db};
use super::super::vector_index::{CHANGES_MAX, Keeper, VECTOR_BYTES_MAX, VectorIndex};
use super::search::{search, search_rows};
use super::*;
use crate::memory::embed::{Embedding, OFFLINE_NAME, Offline, embed};
use crate::memory::{Hit, SearchMode};

const PEOPLE: [&str; 3] = ["acme/ann", "acme/bob", "bolt/cy"];
const WORDS: [&str; 6] = ["lamp", "refund", "Lisbon", "shipping", "broken", "office"];

struct Fixture {
    conn: Connection,
    index: Arc<VectorIndex>,
    vectoring: Vectoring,
}

impl Fixture {
    fn new(bytes_max: usize) -> Self {
        let conn = tenant_db();
        let index = VectorIndex::new(&Keeper::start(bytes_max).unwrap().0);
        index.watch(&conn).unwrap();
        Self {
            conn,
            index,
            vectoring: Vectoring::new(Arc::new(Offline::default())),
        }
    }

    fn put(&self, write: &KnowledgeWrite) {
        let _ = apply_put(&self.conn, write, &self.vectoring.vectors_of(write));
    }

    fn found(&self, who: &str, query: &KnowledgeQuery, vector: &Embedding) -> [Vec<Hit>; 2] {
        let question = || Question {
            embedder: OFFLINE_NAME.into(),
            vector: Ok(vector.clone()),
        };
        let (conn, index, scope, now) = (&self.conn, &self.index, scope(who), Timestamp(1_000));
        let now = query.as_of.unwrap_or(now);
        let memory = search(conn, index, &scope, (query, question()), now).unwrap();
        let rows = search_rows(conn, index, &scope, (query, question()), now).unwrap();
        [memory.hits, rows]
    }

    /// Both ways find the same, but for what lies at the edge of the noise.
    fn check(&self, who: &str, text: &str, now: Timestamp) -> usize {
        let query = KnowledgeQuery {
            text: text.into(),
            as_of: Some(now),
            limit: 100,
            min_score: Some(0.11),
            ..nearest(10)
        };
        let scores = |hits: Vec<Hit>| -> BTreeMap<Arc<str>, (String, i64)> {
            let entry = |hit: Hit| {
                let content = hit.item.content.to_string();
                (hit.item.id, (content, (hit.score * 100.0).round() as i64))
            };
            hits.into_iter().map(entry).collect()
        };
        let [memory, rows] = self.found(who, &query, &embed(text)).map(scores);
        assert_eq!(
            memory.keys().collect::<Vec<_>>(),
            rows.keys().collect::<Vec<_>>(),
            "{who} asks for {text}"
        );
        for (id, (content, score)) in &rows {
            let (found, near) = &memory[id];
            assert_eq!(found, content);
            assert!((near - score).abs() <= 1, "{id}: {near} and {score}");
        }
        rows.len()
    }

    /// How many of the nearest ten are found, of ten thousand.
    fn recall(&self, who: &str, query: &KnowledgeQuery, random: &mut Vectors) -> f64 {
        let (mut found, mut all) = (0, 0);
        for _ in 0..10 {
            let vector = random.next();
            let [memory, rows] = self.found(who, query, &vector);
            found += rows
                .iter()
                .filter(|row| memory.iter().any(|hit| hit.item.id == row.item.id))
                .count();
            all += rows.len();
        }
        assert!(all >= 100, "{all}: too few to tell");
        f64::from(found as u32) / f64::from(all as u32)
    }
}

fn nearest(limit: u32) -> KnowledgeQuery {
    KnowledgeQuery::new("nothing", SearchMode::Vector, limit)
}

fn entry(who: &str, visibility: Visibility, name: &str, content: &str) -> KnowledgeWrite {
    KnowledgeWrite {
        id: format!("kno_{who}_{name}").into(),
        ..testing::entry((who, visibility, name), content, Timestamp(0))
    }
}

/// Vectors in clusters of a hundred.
struct Vectors {
    random: fastrand::Rng,
    centres: Vec<Vec<f32>>,
}

impl Vectors {
    const DIMS: usize = 64;

    fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let mut centre = || (0..Self::DIMS).map(|_| random.f32() - 0.5).collect();
        let centres = (0..100).map(|_| centre()).collect();
        Self { random, centres }
    }

    fn next(&mut self) -> Embedding {
        let centre = &self.centres[self.random.usize(..self.centres.len())];
        let values = centre.iter().map(|x| x + 0.6 * (self.random.f32() - 0.5));
        Embedding::new(values.collect()).unwrap()
    }
}

/// Rows without words: what the vectors alone need.
fn insert(conn: &Connection, n: i64, domain: &str, vector: &Embedding) {
    let (tags, metadata) = match n % 40 {
        0 => (r#"["rare","even"]"#, r#"{"kind":1}"#),
        k if k % 2 == 0 => (r#"["even"]"#, r#"{"kind":1.0,"deep":{"a":[1]}}"#),
        _ => ("[]", "{}"),
    };
    let source = ["wiki", "mail", "chat"][(n % 3) as usize];
    conn.prepare_cached(
        "INSERT INTO knowledge (n, id, owner, domain, content_hash, text_hash, visibility, source, writer,
             version, created_ms, updated_ms, tags, metadata, content)
         VALUES (?1, 'kno_' || ?1, ?1, ?2, x'', x'', 'tenant', ?3, 'scribe', 1, ?1, ?1, ?4, ?5, '')",
    )
    .unwrap()
    .execute(params![n, domain, source, tags, metadata])
    .unwrap();
    conn.prepare_cached("INSERT INTO knowledge_vectors (n, embedder, vector) VALUES (?1, ?2, ?3)")
        .unwrap()
        .execute(params![n, OFFLINE_NAME, vector.to_bytes()])
        .unwrap();
}

#[test]
fn random_changes_are_seen_at_once() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let f = Fixture::new(VECTOR_BYTES_MAX);
    let mut found = 0;
    for step in 0..300_i64 {
        let now = Timestamp(step);
        f.conn.execute_batch("BEGIN").unwrap();
        for _ in 0..random.usize(1..4) {
            let who = random.choice(PEOPLE).unwrap();
            let name = random.u8(0..8).to_string();
            if random.u8(0..4) == 0 {
                apply_forget(&f.conn, &format!("kno_{who}_{name}")).unwrap();
                continue;
            }
            let text: Vec<&str> = (0..3).map(|_| random.choice(WORDS).unwrap()).collect();
            let visibility = random
                .choice([
                    Visibility::Private,
                    Visibility::Customer,
                    Visibility::Tenant,
                ])
                .unwrap();
            f.put(&KnowledgeWrite {
                now,
                expires: (random.u8(0..3) == 0).then(|| now.plus_ms(random.u8(1..40).into())),
                ..entry(who, visibility, &name, &text.join(" "))
            });
        }
        let end = if random.u8(0..5) == 0 {
            "ROLLBACK"
        } else {
            "COMMIT"
        };
        f.conn.execute_batch(end).unwrap();
        // A search may come before the writer says that the transaction is over.
        for settled in [false, true] {
            if settled {
                f.index.settle();
            }
            let who = random.choice(PEOPLE).unwrap();
            found += f.check(who, random.choice(WORDS).unwrap(), now);
        }
    }
    assert!(found > 500, "{found}");
}

#[test]
fn more_changes_than_are_kept_make_the_index_anew() {
    for in_one in [false, true] {
        for changes in [CHANGES_MAX, CHANGES_MAX + 1] {
            let f = Fixture::new(VECTOR_BYTES_MAX);
            f.put(&entry("acme/ann", Visibility::Tenant, "x", "lamp"));
            f.put(&entry("acme/ann", Visibility::Tenant, "z", "office"));
            f.index.settle();
            assert_eq!(f.check("acme/ann", "lamp", Timestamp(1)), 1);
            // The last one comes below. Two rows by turns, as one twice in a row is noted once.
            for at in 1..changes {
                let sql = "UPDATE knowledge SET updated_ms = 1 WHERE n = ?1";
                f.conn
                    .prepare_cached(sql)
                    .unwrap()
                    .execute([1 + (at % 2) as i64])
                    .unwrap();
                if !in_one {
                    f.index.settle();
                }
            }
            f.put(&entry("acme/ann", Visibility::Tenant, "y", "lamp too"));
            f.check("acme/ann", "lamp", Timestamp(1));
            f.index.settle();
            assert_eq!(f.check("acme/ann", "lamp", Timestamp(1)), 2, "{changes}");
        }
    }
}

#[test]
fn without_memory_every_search_is_right() {
    let f = Fixture::new(0);
    for name in ["x", "y"] {
        f.put(&entry("acme/ann", Visibility::Private, name, "a lamp"));
        f.index.settle();
        f.check("acme/ann", "lamp", Timestamp(1));
        assert_eq!(f.check("acme/bob", "lamp", Timestamp(1)), 0);
    }
}

#[test]
fn what_is_forgotten_leaves_memory_as_well() {
    let f = Fixture::new(VECTOR_BYTES_MAX);
    f.put(&entry("acme/ann", Visibility::Private, "x", "a lamp"));
    f.index.settle();
    assert_eq!(f.check("acme/ann", "lamp", Timestamp(1)), 1);
    assert!(f.index.bytes() > 0);
    f.index.forget();
    assert_eq!(f.index.bytes(), 0);
    assert_eq!(f.check("acme/ann", "lamp", Timestamp(1)), 1, "made anew");
}

/// Most entries are for all, and the entries of one who fills his own domain with what others ask for are
/// nearer to every question than anything else.
#[test]
fn the_graph_finds_what_a_scan_finds_through_every_filter() {
    let f = Fixture::new(VECTOR_BYTES_MAX);
    let mut vectors = Vectors::new();
    f.conn.execute_batch("BEGIN").unwrap();
    for n in 1..=10_000 {
        insert(&f.conn, n, "tenant", &vectors.next());
    }
    let hostile: Vec<Embedding> = vectors
        .centres
        .clone()
        .into_iter()
        .filter_map(Embedding::new)
        .collect();
    for n in 0..1_000 {
        let vector = &hostile[n as usize % hostile.len()];
        insert(&f.conn, 10_001 + n, "private =acme =mallory", vector);
    }
    f.conn.execute_batch("COMMIT").unwrap();
    f.index.settle();
    let [first, _] = f.found("acme/ann", &nearest(10), &vectors.next());
    assert_eq!(first.len(), 10, "by a scan");
    while f.index.link(1_000) {}
    let with = |change: &dyn Fn(&mut KnowledgeQuery)| {
        let mut query = nearest(10);
        change(&mut query);
        query
    };
    let metadata = |text: &str| with(&|q| q.metadata = Some(Json::from_stored(text)));
    for query in [
        nearest(10),
        with(&|q| q.tags = vec!["even".into()]),
        with(&|q| q.tags = vec!["even".into(), "rare".into()]),
        with(&|q| q.source = Some("wiki".into())),
        with(&|q| q.since = Some(Timestamp(300))),
        with(&|q| (q.since, q.until) = (Some(Timestamp(5_000)), Some(Timestamp(5_500)))),
        metadata(r#"{"kind":1}"#),
        metadata(r#"{"deep":{"a":[1.0]}}"#),
    ] {
        let recall = f.recall("acme/ann", &query, &mut vectors);
        assert!(recall >= 0.95, "{recall} of {query:?}");
        let [mine, _] = f.found("acme/ann", &query, &hostile[0]);
        assert!(mine.iter().all(|hit| hit.item.updated.0 <= 10_000));
    }
    let [his, _] = f.found("acme/mallory", &nearest(10), &hostile[0]);
    assert!(
        his.iter().all(|hit| hit.item.updated.0 > 10_000),
        "he sees his own"
    );
}

#[test]
fn twenty_five_thousand_entries_of_another_user_take_no_place() {
    let f = Fixture::new(VECTOR_BYTES_MAX);
    let mut vectors = Vectors::new();
    let question = vectors.next();
    for n in 1..=200 {
        insert(&f.conn, n, "private =acme =ann", &vectors.next());
    }
    f.index.settle();
    let ids = |[memory, rows]: [Vec<Hit>; 2]| {
        [memory, rows].map(|hits| hits.into_iter().map(|hit| hit.item.id).collect::<Vec<_>>())
    };
    let before = ids(f.found("acme/ann", &nearest(10), &question));
    f.conn.execute_batch("BEGIN").unwrap();
    for n in 0..25_000 {
        insert(&f.conn, 1_000 + n, "private =acme =mallory", &question);
    }
    f.conn.execute_batch("COMMIT").unwrap();
    f.index.settle();
    assert_eq!(ids(f.found("acme/ann", &nearest(10), &question)), before);
    assert_eq!(before[0].len(), 10);
}
