//! Episodic memory.

use warren::clock::{Clock, Timestamp};
use warren::events::Json;
use warren::id::Label;
use warren::identity::TenantScope;
use warren::memory::{Episode, EpisodeFilter, Role};
use warren::turn::{Effect, Read};

use super::{HOSTILE, agent};
use crate::store::helpers::identity;
use crate::store::{Fixture, on_every_store};

on_every_store![
    the_newest_come_first_page_by_page,
    filters_all_hold,
    nobody_sees_anothers_episodes,
    words_find_episodes,
    episodes_are_consolidated_once_and_in_the_order_of_commits,
];

fn episode(f: &Fixture, who: &str, id: &str, content: &str) -> Episode {
    let (customer, user) = identity(who);
    Episode {
        id: id.into(),
        agent: agent("worker"),
        customer,
        user,
        role: Role::User,
        content: content.into(),
        metadata: Json::parse("metadata", r#"{"n":1}"#).unwrap(),
        session: None,
        time: f.clock.now(),
    }
}

async fn add(f: &Fixture, who: &str, episode: Episode) {
    let effect = Effect::EpisodeAdd(Box::new(episode));
    f.apply(&f.person(who), vec![effect]).await;
}

fn all() -> EpisodeFilter {
    EpisodeFilter {
        agent: agent("worker"),
        session: None,
        role: None,
        since: None,
        until: None,
        limit: 100,
        before: None,
    }
}

fn with(change: impl FnOnce(&mut EpisodeFilter)) -> EpisodeFilter {
    let mut filter = all();
    change(&mut filter);
    filter
}

async fn recent(f: &Fixture, scope: &TenantScope, filter: &EpisodeFilter) -> Vec<String> {
    let found = f.episodes.recent(scope, filter).await.unwrap();
    found.iter().map(|episode| episode.id.to_string()).collect()
}

async fn the_newest_come_first_page_by_page(f: &Fixture) {
    let ann = f.person("acme/ann");
    for i in 0..10 {
        add(
            f,
            "acme/ann",
            episode(f, "acme/ann", &format!("e{i}"), "hello"),
        )
        .await;
        // Every other one at the same millisecond as the one before.
        f.clock.advance_ms(i % 2);
    }
    let whole = recent(f, &ann, &all()).await;
    let expected: Vec<String> = (0..10).rev().map(|i| format!("e{i}")).collect();
    assert_eq!(whole, expected);
    let mut paged = Vec::new();
    loop {
        let filter = EpisodeFilter {
            limit: 3,
            before: paged.last().cloned(),
            ..all()
        };
        let page = recent(f, &ann, &filter).await;
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, expected);
    let got = f.episodes.recent(&ann, &all()).await.unwrap().remove(9);
    let first = episode(f, "acme/ann", "e0", "hello");
    assert_eq!(
        Episode {
            time: got.time,
            ..first
        },
        got,
        "all of it is kept"
    );
}

async fn filters_all_hold(f: &Fixture) {
    let start = f.clock.now();
    let roles = [Role::User, Role::Assistant, Role::System, Role::Tool];
    for (i, role) in roles.into_iter().enumerate() {
        let session = (i % 2 == 0).then(|| Label::new("s").unwrap());
        let id = role.as_str();
        let made = episode(f, "acme/ann", id, "hello");
        add(
            f,
            "acme/ann",
            Episode {
                role,
                session,
                ..made
            },
        )
        .await;
        f.clock.advance_ms(10);
    }
    let at = |ms: u64| Some(Timestamp(start.0).plus_ms(ms));
    for (filter, expected) in [
        (all(), &["tool", "system", "assistant", "user"][..]),
        (with(|f| f.role = Some(Role::Tool)), &["tool"]),
        (
            with(|f| f.session = Label::new("s").ok()),
            &["system", "user"],
        ),
        (with(|f| f.session = Label::new("t").ok()), &[]),
        (with(|f| f.since = at(20)), &["tool", "system"]),
        (with(|f| f.until = at(20)), &["assistant", "user"]),
        (
            with(|f| (f.since, f.until) = (at(10), at(20))),
            &["assistant"],
        ),
        (with(|f| f.agent = agent("other")), &[]),
    ] {
        let scope = f.person("acme/ann");
        assert_eq!(recent(f, &scope, &filter).await, expected, "{filter:?}");
        let mut found: Vec<String> = f
            .episodes
            .search(&scope, "hello", &filter)
            .await
            .unwrap()
            .iter()
            .map(|episode| episode.id.to_string())
            .collect();
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "searched with {filter:?}");
    }
}

async fn nobody_sees_anothers_episodes(f: &Fixture) {
    let people = ["acme/ann", "acme/bob", "acme/", "bolt/ann", "/ann", "/"];
    for who in people {
        add(f, who, episode(f, who, &format!("of {who}"), "hello")).await;
    }
    for who in people {
        let only = [format!("of {who}")];
        let scope = f.person(who);
        assert_eq!(recent(f, &scope, &all()).await, only);
        let found = f.episodes.search(&scope, "hello", &all()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(*found[0].id, *only[0]);
    }
    let bolt = f.neighbour("bolt").await;
    assert!(recent(&bolt, &bolt.person("/"), &all()).await.is_empty());
    // The place of another's episode is not told either: as if the page had no beginning.
    let before = EpisodeFilter {
        before: Some("of acme/ann".to_owned()),
        ..all()
    };
    assert_eq!(recent(f, &f.person("/"), &before).await, ["of /"]);
}

async fn words_find_episodes(f: &Fixture) {
    for (id, text) in [
        ("a", "refunds are slow"),
        ("b", "a refund"),
        ("c", "the weather"),
    ] {
        add(f, "acme/ann", episode(f, "acme/ann", id, text)).await;
    }
    let ann = f.person("acme/ann");
    let found = f.episodes.search(&ann, "refund!", &all()).await.unwrap();
    let ids: Vec<_> = found.iter().map(|episode| &*episode.id).collect();
    assert_eq!(ids, ["b", "a"], "the shorter one is more about it");
    for text in HOSTILE {
        f.episodes.search(&ann, text, &all()).await.unwrap();
    }
}

async fn waiting(f: &Fixture, who: &str) -> (u64, Vec<String>) {
    let worker = agent("worker");
    let found = f
        .episodes
        .unconsolidated(&f.person(who), &worker, None, 100)
        .await
        .unwrap();
    let ids = found.episodes.iter().map(|episode| episode.id.to_string());
    (found.mark, ids.collect())
}

fn consolidate(who: &str, through: &str) -> Effect {
    let (customer, user) = identity(who);
    Effect::EpisodesConsolidate {
        agent: agent("worker"),
        customer,
        user,
        through: through.into(),
    }
}

async fn episodes_are_consolidated_once_and_in_the_order_of_commits(f: &Fixture) {
    let ann = f.person("acme/ann");
    for id in ["a", "b", "c"] {
        add(f, "acme/ann", episode(f, "acme/ann", id, "hello")).await;
        add(
            f,
            "acme/bob",
            episode(f, "acme/bob", &format!("bob's {id}"), "hello"),
        )
        .await;
    }
    assert_eq!(
        waiting(f, "acme/ann").await,
        (0, vec!["a".into(), "b".into(), "c".into()])
    );
    f.apply(&ann, vec![consolidate("acme/ann", "b")]).await;
    let (mark, ids) = waiting(f, "acme/ann").await;
    assert_eq!(ids, ["c"]);
    let read = |mark| Read::EpisodeMark {
        agent: agent("worker"),
        mark,
    };
    assert!(!f.unchanged(&ann, read(0)).await, "another turn was first");
    assert!(f.unchanged(&ann, read(mark)).await);
    assert_eq!(waiting(f, "acme/bob").await.1.len(), 3, "bob's own mark");
    f.apply(
        &ann,
        vec![
            consolidate("acme/ann", "a"),
            consolidate("acme/ann", "bob's c"),
        ],
    )
    .await;
    assert_eq!(
        waiting(f, "acme/ann").await.1,
        ["c"],
        "never back, never by another's"
    );

    // One that was said before the mark and committed after it.
    let late = Episode {
        time: Timestamp(1),
        ..episode(f, "acme/ann", "late", "hello")
    };
    add(f, "acme/ann", late).await;
    assert_eq!(waiting(f, "acme/ann").await.1, ["c", "late"]);
    let worker = agent("worker");
    for (who, id, there) in [
        ("acme/ann", "a", true),
        ("acme/ann", "bob's a", false),
        ("acme/bob", "a", false),
        ("acme/ann", "nothing", false),
    ] {
        let has = f.episodes.has(&f.person(who), &worker, id).await.unwrap();
        assert_eq!(has, there, "{who} {id}");
    }
}
