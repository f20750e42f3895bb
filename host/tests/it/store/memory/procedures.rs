//! Procedural memory.

use warren::clock::Clock;
use warren::events::Json;
use warren::memory::{Procedure, ProcedureKind, ProcedureWrite};
use warren::turn::{CommitOutcome, Effect, Read};

use super::{HOSTILE, agent};
use crate::store::{Fixture, on_every_store};

on_every_store![
    versions_never_change,
    a_version_follows_the_latest,
    a_situation_finds_what_fits,
    tenants_share_no_procedures,
];

fn write(f: &Fixture, name: &str, version: u32, triggers: &[&str]) -> ProcedureWrite {
    ProcedureWrite {
        name: name.into(),
        version,
        kind: ProcedureKind::Skill,
        body: format!("{name} {version}").into(),
        triggers: triggers.iter().map(|&text| text.to_owned()).collect(),
        metadata: Json::parse("metadata", r#"{"n":1}"#).unwrap(),
        writer: agent("worker"),
        now: f.clock.now(),
    }
}

fn put(write: ProcedureWrite) -> Effect {
    Effect::ProcedurePut(Box::new(write))
}

async fn body(f: &Fixture, name: &str, version: Option<u32>) -> Option<String> {
    let found = f.procedures.get(&f.scope, name, version).await.unwrap();
    found.map(|procedure| procedure.body.to_string())
}

async fn versions_never_change(f: &Fixture) {
    f.apply(&f.scope, vec![put(write(f, "greet", 1, &["hello"]))])
        .await;
    f.apply(
        &f.scope,
        vec![
            put(write(f, "greet", 2, &[])),
            put(write(f, "greet", 3, &[])),
        ],
    )
    .await;
    for (version, expected) in [
        (None, Some("greet 3")),
        (Some(1), Some("greet 1")),
        (Some(2), Some("greet 2")),
        (Some(4), None),
        (Some(0), None),
    ] {
        assert_eq!(
            body(f, "greet", version).await.as_deref(),
            expected,
            "{version:?}"
        );
    }
    assert_eq!(f.procedures.latest(&f.scope, "greet").await.unwrap(), 3);
    assert_eq!(f.procedures.latest(&f.scope, "other").await.unwrap(), 0);
    let wrote = write(f, "greet", 1, &["hello"]);
    let got = f.procedures.get(&f.scope, "greet", Some(1)).await.unwrap();
    assert_eq!(
        got,
        Some(Procedure {
            name: wrote.name,
            version: 1,
            kind: wrote.kind,
            body: wrote.body,
            triggers: wrote.triggers,
            metadata: wrote.metadata,
            writer: wrote.writer,
            created: wrote.now,
        })
    );
}

async fn a_version_follows_the_latest(f: &Fixture) {
    let read = |latest| Read::Procedure {
        name: "greet".into(),
        latest,
    };
    assert!(f.unchanged(&f.scope, read(0)).await);
    f.apply(&f.scope, vec![put(write(f, "greet", 1, &[]))])
        .await;
    assert!(f.unchanged(&f.scope, read(1)).await);
    let late = f
        .turn(
            &f.scope,
            vec![read(0)],
            vec![put(write(f, "greet", 1, &["x"]))],
        )
        .await;
    assert!(matches!(late, Ok(CommitOutcome::ReadChanged { .. })));
    for number in [1, 3] {
        let wrong = f
            .turn(
                &f.scope,
                Vec::new(),
                vec![put(write(f, "greet", number, &["x"]))],
            )
            .await;
        assert!(
            !matches!(wrong, Ok(CommitOutcome::Committed)),
            "{number} does not follow 1"
        );
    }
    assert_eq!(f.procedures.latest(&f.scope, "greet").await.unwrap(), 1);
}

async fn a_situation_finds_what_fits(f: &Fixture) {
    let effects = vec![
        put(write(
            f,
            "refund",
            1,
            &["the customer wants a refund", "money back"],
        )),
        put(write(f, "ship", 1, &["where is my parcel"])),
        put(write(f, "old", 1, &["refund refund refund"])),
        put(write(f, "old", 2, &["something else entirely"])),
    ];
    f.apply(&f.scope, effects).await;
    let matching = async |situation: &str, limit| -> Vec<String> {
        let found = f
            .procedures
            .matching(&f.scope, situation, limit)
            .await
            .unwrap();
        assert!(found.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
        assert!(found.is_sorted_by(|a, b| a.1 >= b.1));
        found
            .iter()
            .map(|(procedure, _)| procedure.name.to_string())
            .collect()
    };
    let asked = "A customer is asking: can I get a refund? Where do I write?";
    assert_eq!(matching(asked, 50).await, ["refund", "ship"]);
    assert_eq!(matching(asked, 1).await, ["refund"]);
    assert_eq!(matching("my parcels are late", 50).await, ["ship"]);
    assert_eq!(matching("entirely unrelated", 50).await, ["old"]);
    for text in HOSTILE {
        matching(text, 50).await;
    }
}

async fn tenants_share_no_procedures(f: &Fixture) {
    let bolt = f.neighbour("bolt").await;
    f.apply(&f.scope, vec![put(write(f, "greet", 1, &["hello"]))])
        .await;
    assert_eq!(body(&bolt, "greet", None).await, None);
    let found = bolt
        .procedures
        .matching(&bolt.scope, "hello", 50)
        .await
        .unwrap();
    assert!(found.is_empty());
    bolt.apply(&bolt.scope, vec![put(write(&bolt, "greet", 1, &[]))])
        .await;
    assert_eq!(f.procedures.latest(&f.scope, "greet").await.unwrap(), 1);
}
