//! How well knowledge is found: NDCG@10 of hybrid search, of words alone and of vectors alone over the
//! labelled set in `bench/quality/`.
//!
//! Invariant: the passages are remembered and searched as a client would, through the store, so that what
//! is measured is what is shipped: tokenizer, embedder, cut-offs and fusion included. The set is small:
//! a difference of under two hundredths says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Deserialize;
use warren::app::AdminKey;
use warren::clock::SystemClock;
use warren::host::{Host, HostSettings};
use warren::id::{KeyName, TenantName};
use warren::identity::{Tenant, TenantScope};
use warren::memory::{KnowledgeQuery, NewEntry, SearchMode, Stamp, Visibility, fresh_id};

use crate::guests;
use crate::host::{runtime, scratch};
use crate::sample::Sample;
use crate::table::{Better, Row};

/// How deep a list is judged.
const DEPTH: usize = 10;
/// What the rows are called, and how they search.
const MODES: [(&str, SearchMode); 3] = [
    ("hybrid", SearchMode::Hybrid),
    ("words alone", SearchMode::Keyword),
    ("vectors alone", SearchMode::Vector),
];

#[derive(Deserialize)]
struct Passage {
    id: String,
    text: String,
}

#[derive(Deserialize)]
struct Question {
    kind: String,
    text: String,
    relevant: BTreeMap<String, u32>,
}

/// NDCG@10 of each way to search, over all questions and by their kinds.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let passages: Vec<Passage> = read("passages.jsonl")?;
    let questions: Vec<Question> = read("questions.jsonl")?;
    let kinds: BTreeSet<&str> = questions.iter().map(|q| q.kind.as_str()).collect();
    let scores = runtime()?.block_on(measure(&passages, &questions))?;
    let mut rows = Vec::new();
    for ((name, _), scores) in MODES.iter().zip(&scores) {
        rows.push(row(format!("NDCG@10, {name}"), scores));
    }
    for kind in kinds {
        for ((name, _), scores) in MODES.iter().zip(&scores) {
            let of_kind = questions.iter().zip(scores);
            let of_kind: Vec<f64> = of_kind
                .filter(|(question, _)| question.kind == kind)
                .map(|(_, score)| *score)
                .collect();
            let name = format!("NDCG@10, {kind} ({} questions), {name}", of_kind.len());
            rows.push(row(name, &of_kind));
        }
    }
    Ok(rows)
}

/// The mean in place of a median: the spread is that of questions, not of rounds.
fn row(name: String, scores: &[f64]) -> Row {
    let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    Row {
        name,
        unit: "mean",
        floor: None,
        floor_is: "–",
        floor_then: None,
        ours: Sample {
            median: mean,
            min: scores.iter().copied().fold(1.0, f64::min),
            max: scores.iter().copied().fold(0.0, f64::max),
        },
        must: None,
        better: Better::Higher,
    }
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> Result<Vec<T>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("quality")
        .join(name);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("{name}: {line}")))
        .collect()
}

/// A score a question, for each of [`MODES`].
async fn measure(passages: &[Passage], questions: &[Question]) -> Result<Vec<Vec<f64>>> {
    let dir = tempfile::Builder::new()
        .prefix("warren-quality")
        .tempdir_in(scratch())?;
    let settings = HostSettings {
        intake: guests::intake_settings()?,
        ..HostSettings::new(dir.path().join("data"), AdminKey::new(guests::ADMIN_KEY)?)
    };
    // Never started: nothing but this function takes its deliveries.
    let host = Host::open(settings, Arc::new(SystemClock))?;
    let scope = remember(&host, passages).await?;
    let mut scores = Vec::new();
    for (_, mode) in MODES {
        let mut of_mode = Vec::new();
        for question in questions {
            let query = KnowledgeQuery::new(&question.text, mode, DEPTH as u32);
            let now = host.app.clock.now();
            let found = host.app.knowledge.search(&scope, &query, now).await?;
            let ids: Vec<&str> = found
                .hits
                .iter()
                .filter_map(|hit| hit.item.external_id.as_deref())
                .collect();
            of_mode.push(ndcg(&ids, &question.relevant));
        }
        scores.push(of_mode);
    }
    host.stop().await;
    Ok(scores)
}

/// Keep all passages as a client of the tenant would.
async fn remember(host: &Host, passages: &[Passage]) -> Result<TenantScope> {
    let app = &host.app;
    let tenant = Tenant::new(TenantName::new("quality")?, app.clock.now(), 1);
    let scope = TenantScope::for_request(tenant.id, KeyName::new("quality")?, None, None);
    app.admin.create_tenant(tenant).await?;
    for passage in passages {
        let entry = NewEntry {
            external_id: Some(passage.id.clone()),
            visibility: Visibility::Tenant,
            ..NewEntry::new(&passage.text)
        };
        let stamp = Stamp::of(&scope, None, app.clock.now());
        let write = entry.check(stamp, fresh_id("kno"))?;
        app.knowledge_keeper.remember(&scope, write).await?;
    }
    Ok(scope)
}

/// Normalised discounted cumulative gain of the first [`DEPTH`]: 1 if none could stand better.
fn ndcg(found: &[&str], relevant: &BTreeMap<String, u32>) -> f64 {
    let gain = |grade: u32| f64::from(2_u32.saturating_pow(grade)) - 1.0;
    let discounted = |grades: &mut dyn Iterator<Item = u32>| -> f64 {
        let places = grades.take(DEPTH).enumerate();
        places
            .map(|(place, grade)| gain(grade) / (place as f64 + 2.0).log2())
            .sum()
    };
    let mut grades = found
        .iter()
        .map(|id| relevant.get(*id).copied().unwrap_or(0));
    let mut best: Vec<u32> = relevant.values().copied().collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    let most = discounted(&mut best.into_iter());
    if most > 0.0 {
        discounted(&mut grades) / most
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_order_is_one_and_others_are_less() {
        let relevant = BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 1)]);
        let check = |found: &[&str], expect: f64| {
            let got = ndcg(found, &relevant);
            assert!((got - expect).abs() < 1e-3, "{found:?}: {got}");
        };
        check(&["a", "b"], 1.0);
        check(&["a", "x", "b"], 0.983);
        check(&["b", "a"], 0.710);
        check(&["x", "a"], 0.579);
        check(&["x", "y"], 0.0);
        check(&[], 0.0);
    }

    #[test]
    fn the_set_is_whole() {
        let passages: Vec<Passage> = read("passages.jsonl").unwrap();
        let questions: Vec<Question> = read("questions.jsonl").unwrap();
        let ids: BTreeSet<&str> = passages.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids.len(), passages.len(), "ids are unique");
        assert!(passages.len() >= 60 && questions.len() >= 40);
        let texts: BTreeSet<&str> = questions.iter().map(|q| q.text.as_str()).collect();
        assert_eq!(texts.len(), questions.len(), "no question is asked twice");
        for question in &questions {
            assert!(!question.relevant.is_empty(), "{}", question.text);
            for (id, grade) in &question.relevant {
                assert!(ids.contains(id.as_str()), "{}: {id}", question.text);
                assert!((1..=3).contains(grade), "{}: {grade}", question.text);
            }
        }
    }
}
