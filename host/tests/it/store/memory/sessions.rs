//! Sessions, kept up to date by events and episodes.

use warren::clock::Clock;
use warren::events::{Json, NewEvent};
use warren::id::Label;
use warren::memory::{Episode, EpisodeFilter, Role, SESSIONS_LIMIT_MAX, Session};
use warren::turn::Effect;

use super::agent;
use crate::store::helpers::identity;
use crate::store::{Fixture, event_in, on_every_store};

on_every_store![
    what_happens_in_a_session_is_noted_with_its_commit,
    a_session_is_its_users_alone,
    the_latest_session_comes_first,
    a_session_goes_with_its_episodes_and_no_other,
];

fn name(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn of(f: &Fixture, who: &str, session: &str, id: &str) -> NewEvent {
    let (customer, user) = identity(who);
    NewEvent {
        customer,
        user,
        time: f.clock.now(),
        ..event_in(session, id, "said")
    }
}

fn episode(f: &Fixture, who: &str, session: &str, id: &str) -> Effect {
    let (customer, user) = identity(who);
    Effect::EpisodeAdd(Box::new(Episode {
        id: id.into(),
        agent: agent("worker"),
        role: Role::User,
        content: "hello".into(),
        metadata: Json::parse("m", "{}").unwrap(),
        session: Some(name(session)),
        customer,
        user,
        time: f.clock.now(),
    }))
}

async fn session(f: &Fixture, who: &str, session: &str) -> Option<Session> {
    f.sessions
        .get(&f.person(who), &name(session))
        .await
        .unwrap()
}

async fn what_happens_in_a_session_is_noted_with_its_commit(f: &Fixture) {
    let began = f.clock.now();
    assert_eq!(session(f, "acme/ann", "s").await, None);
    f.publish(vec![of(f, "acme/ann", "s", "e1")]).await;
    let made = session(f, "acme/ann", "s").await.unwrap();
    assert_eq!((made.started, made.last, made.events), (began, began, 1));
    f.clock.advance_ms(1_000);
    f.publish(vec![
        of(f, "acme/ann", "s", "e2"),
        of(f, "acme/ann", "s", "e3"),
    ])
    .await;
    let later = session(f, "acme/ann", "s").await.unwrap();
    assert_eq!(
        (later.started, later.last, later.events),
        (began, f.clock.now(), 3)
    );
    let again = of(f, "acme/ann", "s", "e3");
    f.clock.advance_ms(1_000);
    f.publish(vec![again]).await;
    assert_eq!(
        session(f, "acme/ann", "s").await,
        Some(later),
        "what was there already is no news"
    );
    f.apply(
        &f.person("acme/ann"),
        vec![episode(f, "acme/ann", "s", "a")],
    )
    .await;
    let now = session(f, "acme/ann", "s").await.unwrap();
    assert_eq!((now.last, now.events), (f.clock.now(), 3));
    let metadata = Json::parse("m", r#"{"title":"refund"}"#).unwrap();
    let put = f
        .sessions
        .put(
            &f.person("acme/ann"),
            &name("s"),
            metadata.clone(),
            f.clock.now(),
        )
        .await
        .unwrap();
    assert_eq!((put.metadata.as_str(), put.events), (metadata.as_str(), 3));
    f.publish(vec![of(f, "acme/ann", "s", "e4")]).await;
    let kept = session(f, "acme/ann", "s").await.unwrap();
    assert_eq!(kept.metadata.as_str(), metadata.as_str());
}

async fn a_session_is_its_users_alone(f: &Fixture) {
    let bolt = f.neighbour("bolt").await;
    f.publish(vec![of(f, "acme/ann", "s", "e1")]).await;
    for who in ["acme/bob", "acme/", "/ann", "/", "bolt/ann"] {
        assert_eq!(session(f, who, "s").await, None, "{who}");
        let listed = f.sessions.list(&f.person(who), None, 10).await.unwrap();
        assert!(listed.is_empty(), "{who}");
        assert!(!f.sessions.forget(&f.person(who), &name("s")).await.unwrap());
    }
    assert_eq!(session(&bolt, "acme/ann", "s").await, None);
    assert!(session(f, "acme/ann", "s").await.is_some());
}

async fn the_latest_session_comes_first(f: &Fixture) {
    let ann = f.person("acme/ann");
    for (n, session) in ["a", "b", "c", "a"].into_iter().enumerate() {
        f.publish(vec![of(f, "acme/ann", session, &format!("e{n}"))])
            .await;
        f.clock.advance_ms(10);
    }
    for limit in [1, 2, 10] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = f.sessions.list(&ann, after.as_ref(), limit).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            all.extend(page.iter().map(|session| session.id.to_string()));
        }
        assert_eq!(all, ["a", "c", "b"], "{limit}");
    }
    let many = 0..=SESSIONS_LIMIT_MAX;
    f.publish(
        many.map(|n| of(f, "acme/bob", &format!("s{n}"), &format!("m{n}")))
            .collect(),
    )
    .await;
    for limit in [SESSIONS_LIMIT_MAX, SESSIONS_LIMIT_MAX + 1] {
        let page = f.sessions.list(&f.person("acme/bob"), None, limit).await;
        assert_eq!(page.unwrap().len(), SESSIONS_LIMIT_MAX as usize);
    }
}

async fn a_session_goes_with_its_episodes_and_no_other(f: &Fixture) {
    let ann = f.person("acme/ann");
    // More than one transaction removes.
    for batch in 0..3 {
        let said = |n| episode(f, "acme/ann", "s", &format!("s{batch}-{n}"));
        f.apply(&ann, (0..100).map(said).collect()).await;
    }
    f.apply(&ann, vec![episode(f, "acme/ann", "t", "t")]).await;
    f.apply(
        &f.person("acme/bob"),
        vec![episode(f, "acme/bob", "s", "bob's")],
    )
    .await;
    assert!(f.sessions.forget(&ann, &name("s")).await.unwrap());
    assert!(!f.sessions.forget(&ann, &name("s")).await.unwrap());
    assert_eq!(session(f, "acme/ann", "s").await, None);
    for (who, left) in [("acme/ann", "t"), ("acme/bob", "bob's")] {
        let filter = EpisodeFilter {
            agent: agent("worker"),
            session: None,
            role: None,
            since: None,
            until: None,
            limit: 100,
            before: None,
        };
        let found = f.episodes.recent(&f.person(who), &filter).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|episode| &*episode.id).collect();
        assert_eq!(ids, [left], "{who}");
    }
}
