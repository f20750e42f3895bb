//! Semantic memory.

use serde_json::json;
use warren::clock::Clock;
use warren::memory::{
    Hit, IMPORT_RECORDS_MAX, KnowledgeRecord, KnowledgeWrite, SearchMode, Visibility,
};
use warren::turn::{CommitOutcome, Effect, Read};

use super::{HOSTILE, ask, entry, found, put};
use crate::store::helpers::identity;
use crate::store::{Fixture, on_every_store};

on_every_store![
    who_sees_what,
    an_owner_replaces_and_nobody_else_does,
    anothers_private_entry_is_no_reason_to_run_again,
    a_read_that_changed_is_told,
    an_entry_is_gone_at_its_time,
    tenants_share_no_knowledge,
    a_crowd_next_door_changes_nothing,
    a_query_is_words_whatever_it_holds,
];

pub(super) const MODES: [SearchMode; 3] =
    [SearchMode::Hybrid, SearchMode::Keyword, SearchMode::Vector];

async fn who_sees_what(f: &Fixture) {
    use Visibility::{Customer, Private, Tenant};
    const ALL: &[&str] = &["acme/ann", "acme/bob", "acme/", "bolt/ann", "/ann", "/"];
    // Written by, for whom, seen by.
    let matrix: [(&str, Visibility, &[&str]); 10] = [
        ("acme/ann", Private, &["acme/ann"]),
        ("acme/ann", Customer, &["acme/ann", "acme/bob", "acme/"]),
        ("acme/ann", Tenant, ALL),
        ("acme/", Private, &["acme/"]),
        ("acme/", Customer, &["acme/ann", "acme/bob", "acme/"]),
        ("/ann", Private, &["/ann"]),
        ("/ann", Customer, &["/ann", "/"]),
        ("/", Private, &["/"]),
        ("/", Customer, &["/ann", "/"]),
        ("/", Tenant, ALL),
    ];
    let text = |who: &str, visibility| format!("a lamp of {who} for {visibility:?}");
    for (who, visibility, _) in matrix {
        let write = entry(f, who, visibility, &text(who, visibility));
        f.apply(&f.person(who), vec![put(write)]).await;
    }
    for reader in ALL {
        let scope = f.person(reader);
        for mode in MODES {
            let mut got = found(f, &scope, &ask("a lamp", mode)).await;
            let mut expected: Vec<String> = matrix
                .iter()
                .filter(|(_, _, seen_by)| seen_by.contains(reader))
                .map(|(who, visibility, _)| text(who, *visibility))
                .collect();
            got.sort();
            expected.sort();
            assert_eq!(got, expected, "{reader} by {mode:?}");
        }
        for (who, visibility, seen_by) in matrix {
            let id = entry(f, who, visibility, &text(who, visibility)).id;
            let got = f.knowledge.get(&scope, &id, f.clock.now()).await.unwrap();
            assert_eq!(
                got.is_some(),
                seen_by.contains(reader),
                "{reader} by id {id}"
            );
        }
    }
}

async fn an_owner_replaces_and_nobody_else_does(f: &Fixture) {
    let named = |who: &str, visibility, content: &str| KnowledgeWrite {
        external_id: Some("x".to_owned()),
        ..entry(f, who, visibility, content)
    };
    let (ann, bob) = (f.person("acme/ann"), f.person("acme/bob"));
    let first = named("acme/ann", Visibility::Customer, "first");
    f.apply(&ann, vec![put(first.clone())]).await;

    let second = named("acme/ann", Visibility::Private, "second");
    let met = f.knowledge.existing(&ann, &second).await.unwrap().unwrap();
    assert_eq!((&met.id, met.version), (&first.id, 1));
    let second = KnowledgeWrite {
        id: met.id,
        ..second
    };
    let mine = named("acme/bob", Visibility::Customer, "bob's");
    let met = f.knowledge.existing(&bob, &mine).await.unwrap().unwrap();
    assert_eq!(
        met.owner,
        identity("acme/ann"),
        "for all of acme to see, so it is in the way"
    );
    let own = named("acme/bob", Visibility::Private, "bob's own");
    assert_eq!(f.knowledge.existing(&bob, &own).await.unwrap(), None);

    f.apply(&ann, vec![put(second)]).await;
    let all = ask("first second", SearchMode::Hybrid);
    assert_eq!(found(f, &ann, &all).await, ["second"]);
    assert!(
        found(f, &bob, &all).await.is_empty(),
        "taken back from those who saw it"
    );
    assert_eq!(
        f.knowledge.existing(&bob, &mine).await.unwrap(),
        None,
        "nothing is told of it"
    );
    f.apply(&bob, vec![put(mine)]).await;
    let refused = put(named("acme/ann", Visibility::Customer, "third"));
    let outcome = f.turn(&ann, Vec::new(), vec![refused]).await.unwrap();
    let told = matches!(outcome, CommitOutcome::ReadChanged { .. });
    assert!(told, "the turn runs again and is refused there");
    assert_eq!(
        found(f, &ann, &ask("second bob", SearchMode::Keyword))
            .await
            .len(),
        2
    );

    for who in ["acme/ann", "acme/ann", "acme/bob"] {
        let same = entry(f, who, Visibility::Tenant, "the very same text");
        f.apply(&f.person(who), vec![put(same)]).await;
    }
    let same = ask("very same", SearchMode::Keyword);
    assert_eq!(
        found(f, &ann, &same).await.len(),
        2,
        "one each, and never an error"
    );
}

async fn anothers_private_entry_is_no_reason_to_run_again(f: &Fixture) {
    let secret = entry(f, "acme/ann", Visibility::Private, "ann's secret");
    let read = Read::Knowledge {
        id: secret.id.clone(),
        version: 0,
    };
    f.apply(&f.person("acme/ann"), vec![put(secret)]).await;
    for (who, unchanged) in [("acme/bob", true), ("/", true), ("acme/ann", false)] {
        assert_eq!(
            f.unchanged(&f.person(who), read.clone()).await,
            unchanged,
            "{who}"
        );
    }
}

async fn a_read_that_changed_is_told(f: &Fixture) {
    let ann = f.person("acme/ann");
    let write = entry(f, "acme/ann", Visibility::Private, "text");
    let read = |version| Read::Knowledge {
        id: write.id.clone(),
        version,
    };
    let forget = Effect::KnowledgeForget {
        id: write.id.clone(),
    };
    f.apply(&ann, vec![put(write.clone())]).await;
    assert!(f.unchanged(&ann, read(1)).await);
    f.apply(&ann, vec![put(write.clone())]).await;
    assert!(!f.unchanged(&ann, read(1)).await);
    f.apply(&ann, vec![forget.clone()]).await;
    assert!(f.unchanged(&ann, read(0)).await);
    f.apply(&ann, vec![put(write.clone())]).await;
    for version in 0..=2 {
        assert!(
            !f.unchanged(&ann, read(version)).await,
            "{version} was another text"
        );
    }
}

async fn an_entry_is_gone_at_its_time(f: &Fixture) {
    let ann = f.person("acme/ann");
    let write = KnowledgeWrite {
        expires: Some(f.clock.now().plus_ms(1_000)),
        ..entry(f, "acme/ann", Visibility::Tenant, "a brief lamp")
    };
    f.apply(&ann, vec![put(write.clone())]).await;
    let query = ask("lamp", SearchMode::Hybrid);
    f.clock.advance_ms(999);
    assert_eq!(found(f, &ann, &query).await.len(), 1);
    f.clock.advance_ms(1);
    assert!(found(f, &ann, &query).await.is_empty());
    let got = f
        .knowledge
        .get(&ann, &write.id, f.clock.now())
        .await
        .unwrap();
    assert_eq!(got, None);
}

/// 25,000 entries of another tenant, all of which fit the question better.
async fn a_crowd_next_door_changes_nothing(f: &Fixture) {
    const CROWD: usize = 25_000;
    let bolt = f.neighbour("bolt").await;
    for number in 0..20 {
        let write = entry(
            f,
            "/",
            Visibility::Tenant,
            &format!("a lamp, number {number}"),
        );
        f.apply(&f.person("/"), vec![put(write)]).await;
    }
    let before = hits(f).await;
    let records: Vec<KnowledgeRecord> = (0..CROWD)
        .map(|number| {
            let record = json!({ "content": format!("lamp {number}"), "visibility": "tenant" });
            serde_json::from_value(record).unwrap()
        })
        .collect();
    for batch in records.chunks(IMPORT_RECORDS_MAX) {
        let batch = batch.to_vec();
        bolt.keeper
            .import(&bolt.scope, batch, f.clock.now())
            .await
            .unwrap();
    }
    for (mode, hits) in MODES.iter().zip(hits(&bolt).await) {
        assert!(!hits.is_empty(), "the crowd is there, {mode:?}");
    }
    assert_eq!(hits(f).await, before);
    assert!(before.iter().all(|hits| !hits.is_empty()));
}

/// What is found for a lamp, in each mode.
async fn hits(f: &Fixture) -> Vec<Vec<Hit>> {
    let mut hits = Vec::new();
    for mode in MODES {
        let (scope, now) = (f.person("/"), f.clock.now());
        let query = ask("lamp", mode);
        let found = f.knowledge.search(&scope, &query, now).await.unwrap();
        hits.push(found.hits);
    }
    hits
}

async fn tenants_share_no_knowledge(f: &Fixture) {
    let bolt = f.neighbour("bolt").await;
    let write = entry(f, "/", Visibility::Tenant, "a lamp");
    f.apply(&f.person("/"), vec![put(write.clone())]).await;
    let theirs = bolt.person("/");
    for mode in MODES {
        assert!(found(&bolt, &theirs, &ask("lamp", mode)).await.is_empty());
    }
    let got = bolt
        .knowledge
        .get(&theirs, &write.id, f.clock.now())
        .await
        .unwrap();
    assert_eq!(got, None);
    assert_eq!(
        bolt.knowledge.existing(&theirs, &write).await.unwrap(),
        None
    );
    let forget = Effect::KnowledgeForget { id: write.id };
    bolt.apply(&theirs, vec![forget]).await;
    assert_eq!(
        found(f, &f.person("/"), &ask("lamp", SearchMode::Hybrid))
            .await
            .len(),
        1
    );
}

async fn a_query_is_words_whatever_it_holds(f: &Fixture) {
    let secret = entry(f, "acme/ann", Visibility::Private, "ann's lamp");
    f.apply(&f.person("acme/ann"), vec![put(secret)]).await;
    let public = entry(f, "/", Visibility::Tenant, "nothing of that sort");
    f.apply(&f.person("/"), vec![put(public)]).await;
    for text in HOSTILE {
        for mode in MODES {
            let found = found(f, &f.person("acme/bob"), &ask(text, mode)).await;
            assert!(
                !found.iter().any(|text| text.contains("ann")),
                "{text:?} by {mode:?}"
            );
        }
    }
}
