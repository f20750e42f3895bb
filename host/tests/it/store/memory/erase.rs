//! Erasure: what is kept of a customer or a user is gone from every table and from every byte of the file.

use std::path::Path;

use warren::clock::Clock;
use warren::error::Error;
use warren::events::{Json, NewEvent};
use warren::id::{AgentName, CustomerId, KeyName, Label, UserId};
use warren::identity::TenantScope;
use warren::memory::{
    Episode, Erased, Role, SearchMode, Subject, Visibility, WorkingKey, WorkingSpace,
};
use warren::turn::Effect;

use super::{agent, ask, entry, found, put};
use crate::store::helpers::identity;
use crate::store::{Fixture, event, sqlite_fixture};

/// Who there is, and a word that stands in all that is theirs and nowhere else. No two begin alike, as an
/// index of words leaves out what a word shares with the one before.
const PEOPLE: [(&str, &str); 4] = [
    ("acme/ann", "qqannqq"),
    ("acme/bob", "jjbobjj"),
    ("/ann", "kknonekk"),
    ("bolt/ann", "vvboltvv"),
];

fn client(f: &Fixture) -> TenantScope {
    let key = KeyName::new("test").unwrap();
    TenantScope::for_request(f.scope.tenant(), key, None, None)
}

fn user(customer: Option<&str>, user: &str) -> Subject {
    Subject::User {
        customer: customer.map(|id| CustomerId::new(id).unwrap()),
        user: UserId::new(user).unwrap(),
    }
}

fn own_event(who: &str, word: &str, id: &str, event_type: &str) -> NewEvent {
    let (customer, user) = identity(who);
    NewEvent {
        data: Json::parse("data", &format!(r#"{{"said":"{word}"}}"#)).unwrap(),
        session: Some(Label::new(&format!("s-{word}")).unwrap()),
        customer,
        user,
        ..event(&format!("{word}-{id}"), event_type)
    }
}

fn desk() -> WorkingSpace {
    WorkingSpace::Agent(agent("worker"))
}

fn note(key: &str, word: &str) -> Effect {
    Effect::WorkingPut {
        space: desk(),
        key: WorkingKey::new(key).unwrap(),
        value: Json::parse("value", &format!("\"{word}\"")).unwrap(),
        expires: None,
    }
}

/// One of everything for everybody.
async fn fill(f: &Fixture) {
    let handler = f.deploy("handler", &["asked"]).await;
    for (who, word) in PEOPLE {
        let scope = f.person(who);
        let (customer, user) = identity(who);
        let episode = Episode {
            id: format!("epi_{word}").into(),
            agent: agent("worker"),
            role: Role::User,
            content: word.into(),
            metadata: Json::parse("m", "{}").unwrap(),
            session: Some(Label::new(&format!("s-{word}")).unwrap()),
            customer,
            user,
            time: f.clock.now(),
        };
        let effects = vec![
            put(entry(f, who, Visibility::Tenant, word)),
            Effect::EpisodeAdd(Box::new(episode)),
            note(word, word),
            note("shared", "of several"),
        ];
        f.apply(&scope, effects).await;
        // One waits, one is retried, one is dead, one comes later.
        let events = ["waits", "retried", "dead"].map(|id| own_event(who, word, id, "asked"));
        f.publish(events.into()).await;
        let later = own_event(who, word, "later", "asked");
        f.events
            .schedule(&f.scope, later, f.clock.now().plus_ms(60_000))
            .await
            .unwrap();
    }
    for delivery in f.pending(&handler).await {
        let id = delivery.event.body.id.as_str();
        let retry = id.ends_with("retried").then(|| f.clock.now().plus_ms(5));
        if !id.ends_with("waits") {
            let failure = f.failure_of(&handler, &delivery, retry);
            f.turns.fail(&f.scope, failure).await.unwrap();
        }
    }
}

/// Which people's words are anywhere below a directory.
fn found_in(dir: &Path) -> Vec<&'static str> {
    let mut bytes = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                bytes.extend(std::fs::read(path).unwrap());
            }
        }
    }
    let has = |word: &str| {
        bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    PEOPLE
        .iter()
        .filter(|(_, word)| has(word))
        .map(|(who, _)| *who)
        .collect()
}

async fn values(f: &Fixture) -> Vec<&'static str> {
    let mut there = Vec::new();
    for (who, word) in PEOPLE {
        let key = WorkingKey::new(word).unwrap();
        let found = f.working.get(&f.scope, &desk(), &key, f.clock.now()).await;
        if found.unwrap().is_some() {
            there.push(who);
        }
    }
    there
}

/// Whose entries a search finds.
async fn searched(f: &Fixture) -> Vec<&'static str> {
    let mut there = Vec::new();
    for (who, word) in PEOPLE {
        let texts = found(f, &f.person("/"), &ask(word, SearchMode::Vector)).await;
        if texts.iter().any(|text| text == word) {
            there.push(who);
        }
    }
    there
}

async fn check(of: Subject, gone: usize, left: &[&str]) {
    let (f, _store) = sqlite_fixture().await;
    fill(&f).await;
    let dir = f.dir.as_ref().unwrap().path();
    assert_eq!(values(&f).await.len(), PEOPLE.len(), "in the cache now");
    assert_eq!(found_in(dir).len(), PEOPLE.len());
    assert_eq!(searched(&f).await.len(), PEOPLE.len(), "in the index now");
    let erased = f.eraser.erase(&client(&f), &of).await.unwrap();
    let each = gone as u64;
    let expected = Erased {
        events: 3 * each,
        turns: 2 * each,
        scheduled: each,
        knowledge: each,
        episodes: each,
        sessions: each,
        working: each,
        working_shared: 1,
    };
    // A turn that is retried has no row yet but its attempt.
    assert_eq!(
        Erased {
            turns: expected.turns,
            ..erased
        },
        expected,
        "{of:?}"
    );
    assert!(erased.turns >= each, "{erased:?}");
    assert_eq!(
        found_in(dir),
        left,
        "{of:?}: not in a byte of the directory"
    );
    assert_eq!(
        values(&f).await,
        left,
        "{of:?}: a read after it sees nothing"
    );
    assert_eq!(searched(&f).await, left, "{of:?}: nor does a search");
    let again = f.eraser.erase(&client(&f), &of).await.unwrap();
    let nothing = Erased {
        working_shared: 1,
        ..Erased::default()
    };
    assert_eq!(again, nothing, "{of:?}");
    let next = f.publish(vec![event("after", "asked")]).await;
    assert!(!next[0].duplicate, "the store goes on");
}

#[tokio::test]
async fn a_user_is_erased_and_nobody_else() {
    check(
        user(Some("acme"), "ann"),
        1,
        &["acme/bob", "/ann", "bolt/ann"],
    )
    .await;
    check(user(None, "ann"), 1, &["acme/ann", "acme/bob", "bolt/ann"]).await;
}

#[tokio::test]
async fn a_customer_is_erased_with_its_users() {
    let acme = Subject::Customer(CustomerId::new("acme").unwrap());
    check(acme, 2, &["/ann", "bolt/ann"]).await;
}

#[tokio::test]
async fn who_may_not_erase_erases_nothing() {
    let (f, _store) = sqlite_fixture().await;
    fill(&f).await;
    let agent = AgentName::new("worker").unwrap();
    let turn = TenantScope::for_turn(f.scope.tenant(), agent, None, None);
    let denied = f.eraser.erase(&turn, &user(Some("acme"), "ann")).await;
    assert!(matches!(denied, Err(Error::Denied { .. })), "{denied:?}");
    let whole = f.eraser.erase(&client(&f), &Subject::Tenant).await;
    assert!(matches!(whole, Err(Error::Invalid { .. })), "{whole:?}");
    assert_eq!(values(&f).await.len(), PEOPLE.len());
}
