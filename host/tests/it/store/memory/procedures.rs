//! Procedural memory.

use warren::clock::Clock;
use warren::error::Error;
use warren::events::Json;
use warren::memory::{
    PROCEDURE_HISTORY_MAX, PROCEDURE_TRIGGERS_MAX, Procedure, ProcedureKind, ProcedureWrite,
};
use warren::turn::{CommitOutcome, Effect, Read};

use super::HOSTILE;
use crate::store::{Fixture, on_every_store};

on_every_store![
    versions_never_change,
    a_version_follows_the_latest,
    a_situation_finds_what_fits,
    an_earlier_version_is_activated_and_rolled_back,
    history_is_bounded,
    triggers_are_bounded,
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
        writer: "worker".into(),
        now: f.clock.now(),
    }
}

fn put(write: ProcedureWrite) -> Effect {
    Effect::ProcedurePut(Box::new(write))
}

async fn latest(f: &Fixture, name: &str) -> u32 {
    f.procedures.state(&f.scope, name).await.unwrap().latest
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
    assert_eq!(latest(f, "greet").await, 3);
    assert_eq!(latest(f, "other").await, 0);
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
    let read = |changes| Read::Procedure {
        name: "greet".into(),
        changes,
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
    assert_eq!(latest(f, "greet").await, 1);
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
    assert_eq!(
        matching("custmer wnats refnud", 1).await,
        ["refund"],
        "no word is the same"
    );
    for text in HOSTILE {
        matching(text, 50).await;
    }
}

fn activate(name: &str, version: u32) -> Effect {
    let name = name.into();
    Effect::ProcedureActivate { name, version }
}

fn roll_back(name: &str) -> Effect {
    Effect::ProcedureRollBack { name: name.into() }
}

async fn an_earlier_version_is_activated_and_rolled_back(f: &Fixture) {
    for (version, trigger) in [(1, "first word"), (2, "second thing"), (3, "third matter")] {
        f.apply(&f.scope, vec![put(write(f, "greet", version, &[trigger]))])
            .await;
    }
    f.apply(&f.scope, vec![put(write(f, "other", 1, &["x"]))])
        .await;
    for (effect, current, trigger) in [
        (activate("greet", 1), "greet 1", "first"),
        (roll_back("greet"), "greet 3", "third"),
        (roll_back("greet"), "greet 2", "second"),
        (activate("greet", 3), "greet 3", "third"),
        (roll_back("greet"), "greet 2", "second"),
        (roll_back("greet"), "greet 1", "first"),
        (put(write(f, "greet", 4, &["fourth"])), "greet 4", "fourth"),
    ] {
        let before = f.procedures.state(&f.scope, "greet").await.unwrap();
        let read = Read::Procedure {
            name: "greet".into(),
            changes: before.changes,
        };
        f.apply(&f.scope, vec![effect.clone()]).await;
        assert_eq!(body(f, "greet", None).await.as_deref(), Some(current));
        assert!(!f.unchanged(&f.scope, read).await, "{effect:?} is seen");
        let found = f.procedures.matching(&f.scope, trigger, 1).await.unwrap();
        assert_eq!(&*found[0].0.body, current, "found by its triggers");
    }
    let names: Vec<_> = f.procedures.list(&f.scope, None, 10).await.unwrap();
    let names: Vec<&str> = names.iter().map(|procedure| &*procedure.body).collect();
    assert_eq!(names, ["greet 4", "other 1"]);
    let rest = f
        .procedures
        .list(&f.scope, Some("greet"), 10)
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    for wrong in [
        activate("greet", 0),
        activate("greet", 5),
        activate("nobody", 1),
        roll_back("other"),
        roll_back("nobody"),
    ] {
        let outcome = f.turn(&f.scope, Vec::new(), vec![wrong.clone()]).await;
        assert!(outcome.is_err(), "{wrong:?}");
    }
}

async fn history_is_bounded(f: &Fixture) {
    let effects = vec![
        put(write(f, "greet", 1, &[])),
        put(write(f, "greet", 2, &[])),
    ];
    f.apply(&f.scope, effects).await;
    let flips = (0..PROCEDURE_HISTORY_MAX + 10).map(|i| activate("greet", 1 + (i % 2) as u32));
    f.apply(&f.scope, flips.collect()).await;
    let state = f.procedures.state(&f.scope, "greet").await.unwrap();
    assert_eq!(state.history.len(), PROCEDURE_HISTORY_MAX);
    let back = (1..PROCEDURE_HISTORY_MAX).map(|_| roll_back("greet"));
    f.apply(&f.scope, back.collect()).await;
    let past = f.turn(&f.scope, Vec::new(), vec![roll_back("greet")]).await;
    assert!(past.is_err(), "what is longer ago is forgotten");
}

async fn triggers_are_bounded(f: &Fixture) {
    let many: Vec<String> = (0..PROCEDURE_TRIGGERS_MAX)
        .map(|n| format!("t{n}"))
        .collect();
    let full = ProcedureWrite {
        triggers: many,
        ..write(f, "full", 1, &[])
    };
    f.apply(&f.scope, vec![put(full)]).await;
    let past = f
        .turn(&f.scope, Vec::new(), vec![put(write(f, "past", 1, &["x"]))])
        .await;
    assert!(matches!(past, Err(Error::Exhausted { max, .. }) if max == PROCEDURE_TRIGGERS_MAX));
    f.apply(&f.scope, vec![put(write(f, "full", 2, &[]))]).await;
    f.apply(&f.scope, vec![put(write(f, "past", 1, &["x"]))])
        .await;
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
    assert_eq!(latest(f, "greet").await, 1);
}
