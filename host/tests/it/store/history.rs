//! Turns that were: attempts, lists, dead letters, replay and discard.

use warren::clock::Clock;
use warren::error::Error;
use warren::id::{AgentName, EventId, Position, TurnId};
use warren::turn::{CommitOutcome, TurnFilter, TurnOutcome};

use super::{Fixture, event, on_every_store};

on_every_store! {
    all_attempts_of_a_turn_are_kept,
    turns_are_listed_by_their_last_attempt,
    a_dead_letter_is_kept_with_its_event,
    a_replay_delivers_again_as_if_for_the_first_time,
    a_discarded_dead_letter_is_gone_and_its_turn_is_not,
    only_a_dead_letter_is_replayed_or_discarded,
}

async fn all_attempts_of_a_turn_are_kept(f: &Fixture) {
    let (agent, mut delivery) = f.one_delivery().await;
    let turn = f.commit_of(&agent, &delivery).turn;
    for _ in 0..2 {
        let failure = f.failure_of(&agent, &delivery, Some(f.clock.now()));
        f.turns.fail(&f.scope, failure).await.unwrap();
        delivery = f
            .deliveries
            .due(&f.scope, f.clock.now(), 1)
            .await
            .unwrap()
            .remove(0);
    }
    let attempts = async || {
        let records = f.turns.get(&f.scope, &turn).await.unwrap();
        records
            .iter()
            .map(|r| (r.attempt, r.outcome))
            .collect::<Vec<_>>()
    };
    let failed = TurnOutcome::Failed;
    assert_eq!(attempts().await, [(2, failed), (1, failed)]);
    f.turns
        .commit(&f.scope, f.commit_of(&agent, &delivery))
        .await
        .unwrap();
    assert_eq!(
        attempts().await,
        [(3, TurnOutcome::Committed), (2, failed), (1, failed)]
    );
    let status = f
        .events
        .deliveries(&f.scope, &EventId::new("e1").unwrap())
        .await
        .unwrap();
    assert_eq!((status[0].state, status[0].attempts_failed), ("done", 2));
}

async fn turns_are_listed_by_their_last_attempt(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    let other = f.deploy("other", &["t"]).await;
    f.publish((1..=3).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    let pending = f.pending(&agent).await;
    let later = f.clock.now().plus_ms(100);
    f.turns
        .commit(&f.scope, f.commit_of(&agent, &pending[0]))
        .await
        .unwrap();
    for retry_at in [Some(later), None] {
        let delivery = &pending[1 + usize::from(retry_at.is_none())];
        let failure = f.failure_of(&agent, delivery, retry_at);
        f.turns.fail(&f.scope, failure).await.unwrap();
    }
    let others = f.pending(&other).await;
    f.turns
        .commit(&f.scope, f.commit_of(&other, &others[1]))
        .await
        .unwrap();
    let list = async |filter: TurnFilter| {
        let page = f.turns.list(&f.scope, &filter, None, 10).await.unwrap();
        assert_eq!(page.next, None);
        let short = |r: &warren::turn::TurnRecord| (r.position.0, r.agent.to_string());
        page.items.iter().map(short).collect::<Vec<_>>()
    };
    let (w, o) = ("worker".to_owned(), "other".to_owned());
    let all = list(TurnFilter::default()).await;
    assert_eq!(
        all,
        [
            (3, w.clone()),
            (2, o.clone()),
            (2, w.clone()),
            (1, w.clone())
        ]
    );
    let of_agent = TurnFilter {
        agent: Some(AgentName::new("other").unwrap()),
        ..TurnFilter::default()
    };
    assert_eq!(list(of_agent).await, [(2, o.clone())]);
    let of_outcome = TurnFilter {
        outcome: Some("failed".into()),
        ..TurnFilter::default()
    };
    assert_eq!(list(of_outcome).await, [(3, w.clone()), (2, w.clone())]);
    let of_event = TurnFilter {
        event: Some(EventId::new("e2").unwrap()),
        ..TurnFilter::default()
    };
    assert_eq!(list(of_event).await, [(2, o), (2, w)]);
    let unknown = TurnFilter {
        event: Some(EventId::new("nope").unwrap()),
        ..TurnFilter::default()
    };
    assert_eq!(list(unknown).await, []);
    let page = f
        .turns
        .list(&f.scope, &TurnFilter::default(), Some(Position(3)), 1)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 2, "turns on one event stay on one page");
    assert_eq!(page.next, Some(Position(2)));
}

/// The turn of a dead letter.
async fn one_dead_letter(f: &Fixture) -> (warren::registry::Agent, TurnId) {
    let (agent, delivery) = f.one_delivery().await;
    let failure = f.failure_of(&agent, &delivery, None);
    let turn = failure.record.turn.clone();
    assert!(f.turns.fail(&f.scope, failure).await.unwrap());
    (agent, turn)
}

async fn dead_turns(f: &Fixture, agent: Option<&AgentName>) -> Vec<TurnId> {
    let page = f
        .turns
        .dead_letters(&f.scope, agent, None, 10)
        .await
        .unwrap();
    page.items.into_iter().map(|d| d.record.turn).collect()
}

async fn a_dead_letter_is_kept_with_its_event(f: &Fixture) {
    let (agent, turn) = one_dead_letter(f).await;
    assert!(f.pending(&agent).await.is_empty());
    assert_eq!(dead_turns(f, None).await, std::slice::from_ref(&turn));
    assert_eq!(dead_turns(f, Some(&agent.name)).await, [turn]);
    let nobody = AgentName::new("nobody").unwrap();
    assert_eq!(dead_turns(f, Some(&nobody)).await, []);
    let page = f
        .turns
        .dead_letters(&f.scope, None, None, 10)
        .await
        .unwrap();
    assert_eq!(page.items[0].event.body.id.as_str(), "e1");
    assert_eq!(page.items[0].time, f.clock.now().plus_ms(1));
    let status = f
        .events
        .deliveries(&f.scope, &EventId::new("e1").unwrap())
        .await
        .unwrap();
    assert_eq!((status[0].state, status[0].attempts_failed), ("dead", 1));
}

async fn a_replay_delivers_again_as_if_for_the_first_time(f: &Fixture) {
    let (agent, turn) = one_dead_letter(f).await;
    f.turns.replay(&f.scope, &turn).await.unwrap();
    assert_eq!(dead_turns(f, None).await, []);
    let due = f.deliveries.due(&f.scope, f.clock.now(), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].attempts_failed, due[0].host_deaths), (0, 0));
    let again = f.turns.replay(&f.scope, &turn).await;
    assert!(matches!(again, Err(Error::NotFound { .. })));
    let outcome = f
        .turns
        .commit(&f.scope, f.commit_of(&agent, &due[0]))
        .await
        .unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
    let records = f.turns.get(&f.scope, &turn).await.unwrap();
    let outcomes: Vec<TurnOutcome> = records.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [TurnOutcome::Committed, TurnOutcome::Failed]);
}

async fn a_discarded_dead_letter_is_gone_and_its_turn_is_not(f: &Fixture) {
    let (agent, turn) = one_dead_letter(f).await;
    f.turns.discard(&f.scope, &turn).await.unwrap();
    assert_eq!(dead_turns(f, None).await, []);
    assert!(f.turns.replay(&f.scope, &turn).await.is_err());
    assert_eq!(f.turns.get(&f.scope, &turn).await.unwrap().len(), 1);
    f.publish(vec![event("e1", "order.placed")]).await;
    assert!(
        f.pending(&agent).await.is_empty(),
        "it is still known as handled"
    );
}

async fn only_a_dead_letter_is_replayed_or_discarded(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let commit = f.commit_of(&agent, &delivery);
    let turn = commit.turn.clone();
    let refused = async |turn: &TurnId| {
        let replayed = f.turns.replay(&f.scope, turn).await;
        let discarded = f.turns.discard(&f.scope, turn).await;
        matches!(replayed, Err(Error::NotFound { .. }))
            && matches!(discarded, Err(Error::NotFound { .. }))
    };
    assert!(refused(&turn).await, "not over yet");
    f.turns.commit(&f.scope, commit).await.unwrap();
    assert!(refused(&turn).await, "it went well");
    f.publish(vec![event("e2", "order.placed")]).await;
    let second = f.pending(&agent).await.remove(0);
    let failure = f.failure_of(&agent, &second, None);
    let dead = failure.record.turn.clone();
    f.turns.fail(&f.scope, failure).await.unwrap();
    let mut guessed = dead.as_str().to_owned();
    guessed.pop();
    guessed.push('!');
    assert!(
        refused(&TurnId::new(&guessed).unwrap()).await,
        "a guessed id"
    );
    assert!(
        f.turns
            .get(&f.scope, &TurnId::new(&guessed).unwrap())
            .await
            .is_err()
    );
    f.turns.discard(&f.scope, &dead).await.unwrap();
}
