//! A turn is a transaction: what the guest did is kept whole, or not at all.

use std::sync::Arc;

use serde_json::{Value, json};
use warren::clock::{SimClock, SystemClock, Timestamp};
use warren::events::{Json, ReplyAddress, Topic};
use warren::id::{AgentName, Label};
use warren::registry::{AgentStatus, EventDefinition, Grant, GrantSet, NewSchema, Settings};
use warren::turn::TurnOutcome;

use crate::harness::TestHost;
use crate::long;

mod deadline;
mod quotas;

#[tokio::test(flavor = "multi_thread")]
async fn writes_and_events_of_a_turn_commit_together() {
    let host = TestHost::start().await;
    let id = host
        .run(json!([
            { "put": { "key": "a", "value": { "n": 1 } } },
            { "get": "a" },
            { "expect_last": { "n": 1 } },
            { "increment": { "key": "n", "by": 2 } },
            { "publish": { "type": "a.happened", "data": 7 } },
            { "log": "done" }
        ]))
        .await;
    let record = host.turn(&id).await;
    assert_eq!(
        (record.outcome, record.reason.as_deref()),
        (TurnOutcome::Committed, None)
    );
    assert_eq!(record.logs[0].message, "done");
    assert_eq!(host.working("a").await, json!({ "n": 1 }));
    assert_eq!(host.working("n").await, json!(2));
    let events = host.events("a.happened").await;
    assert_eq!(events.len(), 1);
    let made = &events[0].body;
    assert_eq!(made.data.as_str(), "7");
    assert_eq!(made.parent, Some(id.clone()));
    assert_eq!(made.trace, Label::of_event(&id));
    assert_eq!(&*made.source, "agent/probe");
    assert_eq!(record.published, std::slice::from_ref(&made.id));
    host.stop().await;
}

/// F21: whatever ends a turn badly, after whatever number of host calls, leaves nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_end_after_any_host_call_leaves_nothing() {
    let host = TestHost::start().await;
    let calls = [
        json!({ "put": { "key": "p", "value": 1 } }),
        json!({ "increment": { "key": "i", "by": 1 } }),
        json!({ "append": { "key": "l", "value": 1 } }),
        json!({ "publish": { "type": "x.happened" } }),
        json!({ "publish": { "type": "x.later", "delay_ms": 1 } }),
        json!({ "remember": { "content": "text", "external_id": "x" } }),
        json!({ "add_episode": { "role": "user", "content": "hello" } }),
        json!({ "put_procedure": { "name": "p", "body": "do it" } }),
        json!({ "call": { "type": "probe.call", "data": [{ "put": { "key": "c", "value": 1 } }, { "respond": 1 }] } }),
    ];
    let ends = [
        (json!({ "trap": true }), TurnOutcome::Trapped),
        (json!({ "panic": "no" }), TurnOutcome::Trapped),
        (json!({ "recurse": true }), TurnOutcome::Trapped),
        (json!({ "reject": "no" }), TurnOutcome::Rejected),
        (json!({ "fail": { "other": "no" } }), TurnOutcome::Failed),
        (json!({ "grow": 2_000 }), TurnOutcome::Failed),
    ];
    let mut ended = 0;
    for k in 0..=calls.len() {
        for (end, outcome) in &ends {
            ends_after(&host, &calls[..k], end, *outcome).await;
            ended += 1;
        }
    }
    wait_for_retries(&host, ended).await;
    // The deadline is short from here on, and it is not sure that what comes before the spin is in time:
    // that makes it another k, of which there are all.
    let late = |settings: &mut Settings| (settings.timeout_ms, settings.attempts) = (100, 1);
    host.push_with(&host.tenant, "probe", GrantSet::all(), late)
        .await;
    for k in 0..=calls.len() {
        let spin = json!({ "spin": true });
        ends_after(&host, &calls[..k], &spin, TurnOutcome::TimedOut).await;
        ended += 1;
    }
    wait_for_retries(&host, ended).await;
    for key in ["p", "i", "l", "c"] {
        assert_eq!(host.working(key).await, Value::Null, "{key}");
    }
    for event_type in ["x.happened", "x.later"] {
        assert!(host.events(event_type).await.is_empty(), "{event_type}");
    }
    host.push(&host.tenant, "probe", GrantSet::all()).await;
    let check = json!([
        { "search": { "text": "text", "mode": "keyword" } }, { "expect_last": [] },
        { "recent_episodes": {} }, { "expect_last": [] },
        { "try": { "get_procedure": { "name": "p" } } }, { "expect_error": "not-found" }
    ]);
    let id = host.run(check).await;
    let record = host.turn(&id).await;
    assert_eq!(
        record.outcome,
        TurnOutcome::Committed,
        "{:?}",
        record.reason
    );
    host.stop().await;
}

/// A turn that calls these and then ends like this has this outcome on record.
async fn ends_after(host: &TestHost, calls: &[Value], end: &Value, outcome: TurnOutcome) {
    let mut script = calls.to_vec();
    script.push(end.clone());
    let id = host.run(Value::Array(script)).await;
    let record = host.turn(&id).await;
    let k = calls.len();
    assert_eq!(
        record.outcome, outcome,
        "{end} after {k}: {:?}",
        record.reason
    );
}

/// Every failed turn ends among the dead letters once its attempts are used up.
async fn wait_for_retries(host: &TestHost, ended: usize) {
    loop {
        host.host.dispatcher.settle().await;
        let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
        if depth.retrying == 0 && depth.pending == 0 {
            assert_eq!(depth.dead, ended as u64);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        host.host.dispatcher.poke();
    }
}

/// Sixteen deliveries at once read a key, add to what they read and write it: none writes over another.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_read_modify_writes_lose_nothing() {
    let host = TestHost::start().await;
    let sixteen = |settings: &mut Settings| settings.concurrency = 16;
    host.push_with(&host.tenant, "probe", GrantSet::all(), sixteen)
        .await;
    let count = long::pick(2_000_u32, 10_000);
    for _ in 0..count / 500 {
        let add = || host.event("probe.run", json!([{ "add": { "key": "n", "by": 1 } }]));
        let events = std::iter::repeat_with(add).take(500).collect();
        host.host
            .app
            .events
            .append(&host.tenant, events)
            .await
            .unwrap();
    }
    host.host.dispatcher.settle().await;
    let reruns = host.host.dispatcher.stats().reruns;
    println!("{count} increments, {reruns} of the turns ran again");
    assert!(reruns > 0, "none of them met another");
    assert_eq!(host.working("n").await.as_f64(), Some(f64::from(count)));
    assert!(host.dead_letters().await.is_empty());
    host.stop().await;
}

/// A turn whose reads have changed runs again as often as the limit says, and then it has failed. Here that is never.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_may_not_run_again_has_failed() {
    let host = TestHost::with(Arc::new(SystemClock), |settings| {
        settings.dispatch.reruns_max = 0;
    })
    .await;
    let once = |settings: &mut Settings| {
        (settings.concurrency, settings.attempts) = (16, 1);
    };
    host.push_with(&host.tenant, "probe", GrantSet::all(), once)
        .await;
    let add = || host.event("probe.run", json!([{ "add": { "key": "n", "by": 1 } }]));
    let mut given_up = Vec::new();
    let mut count = 0_u32;
    while given_up.is_empty() {
        assert!(count < 20_000, "no turn ever met another");
        count += 500;
        let events = std::iter::repeat_with(add).take(500).collect();
        let published = host.host.app.events.append(&host.tenant, events).await;
        published.unwrap();
        host.host.dispatcher.settle().await;
        given_up = host.dead_letters().await;
    }
    for letter in &given_up {
        let record = &letter.record;
        assert_eq!((record.outcome, record.reruns), (TurnOutcome::Failed, 0));
        let reason = record.reason.as_deref().unwrap();
        assert!(reason.contains("during each of"), "{reason}");
    }
    let kept = f64::from(count) - given_up.len() as f64;
    if given_up.len() < 100 {
        assert_eq!(host.working("n").await.as_f64(), Some(kept));
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_handled_in_order_retries_included() {
    let host = TestHost::start().await;
    let events = (0..40).map(|n| {
        let mut event = host.event(
            "probe.run",
            json!([
                { "first_attempts": { "times": u32::from(n % 5 == 0), "do": [{ "fail": { "retry": 1 } }] } },
                { "append": { "key": "list", "value": n } }
            ]),
        );
        event.session = Some(Label::new("s").unwrap());
        event
    });
    host.host
        .app
        .events
        .append(&host.tenant, events.collect())
        .await
        .unwrap();
    loop {
        host.host.dispatcher.settle().await;
        let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
        if depth.pending + depth.retrying == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        host.host.dispatcher.poke();
    }
    assert_eq!(
        host.working("list").await,
        json!((0..40).collect::<Vec<_>>())
    );
    host.stop().await;
}

/// What it put and deleted lies over what the store has, in lists as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_sees_its_own_writes() {
    let host = TestHost::start().await;
    host.run(json!([
        { "put": { "key": "a/1", "value": 1 } },
        { "put": { "key": "a/2", "value": null } },
        { "put": { "key": "b", "value": 3 } }
    ]))
    .await;
    let id = host
        .run(json!([
            { "keys": "a/" }, { "expect_last": ["a/1", "a/2"] },
            { "delete": "a/1" }, { "expect_last": true },
            { "delete": "a/1" }, { "expect_last": false },
            { "get": "a/1" }, { "expect_last": null },
            { "put": { "key": "a/3", "value": 3 } },
            { "keys": "a/" }, { "expect_last": ["a/2", "a/3"] },
            { "keys_after": { "prefix": "a/", "after": "a/2", "limit": 1 } }, { "expect_last": ["a/3"] },
            { "put": { "key": "a/1", "value": 4 } },
            { "keys_after": { "prefix": "a/", "after": "a/0", "limit": 2 } }, { "expect_last": ["a/1", "a/2"] }
        ]))
        .await;
    let record = host.turn(&id).await;
    assert_eq!(
        record.outcome,
        TurnOutcome::Committed,
        "{:?}",
        record.reason
    );
    assert_eq!(host.working("a/1").await, json!(4));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_publishes_up_to_its_limit_and_no_more() {
    let host = TestHost::start().await;
    let publish = json!({ "publish": { "type": "x.happened" } });
    let id = host
        .run(json!([
            { "repeat": { "times": 64, "do": [publish] } },
            { "try": publish }, { "expect_error": "exhausted" }
        ]))
        .await;
    let record = host.turn(&id).await;
    assert_eq!(
        record.outcome,
        TurnOutcome::Committed,
        "{:?}",
        record.reason
    );
    assert_eq!(host.events("x.happened").await.len(), 64);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_part_of_the_turn_or_leaves_nothing() {
    let host = TestHost::start().await;
    let call = |end: Value| {
        json!([
            { "put": { "key": "before", "value": 1 } },
            { "try": { "call": { "type": "probe.call", "data": [
                { "put": { "key": "inside", "value": 1 } },
                { "publish": { "type": "inside.happened" } },
                end
            ] } } },
            { "put_last": "answer" }
        ])
    };
    host.run(call(json!({ "trap": true }))).await;
    assert_eq!(host.working("before").await, json!(1));
    assert_eq!(host.working("inside").await, Value::Null);
    assert_eq!(host.working("answer").await["error"], "unavailable");
    assert!(host.events("inside.happened").await.is_empty());

    let id = host.run(call(json!({ "respond": { "yes": true } }))).await;
    assert_eq!(host.working("inside").await, json!(1));
    assert_eq!(host.working("answer").await, json!({ "yes": true }));
    assert_eq!(host.events("inside.happened").await.len(), 1);
    assert_eq!(host.turn(&id).await.calls.len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_inside_a_turn_is_checked_like_an_event() {
    let host = TestHost::start().await;
    let catalog = &host.host.app.catalog;
    let schema = Json::parse("schema", r#"{ "type": "array", "minItems": 1 }"#).unwrap();
    catalog
        .put_schema(
            &host.tenant,
            NewSchema::next("script", schema, Timestamp(1)),
        )
        .await
        .unwrap();
    let definition = EventDefinition {
        event_type: "probe.call".parse().unwrap(),
        topic: Topic::ActionRequests,
        description: String::new(),
        schema: Some("script".to_owned()),
    };
    catalog.put_event(&host.tenant, definition).await.unwrap();
    let call = |data: Value| json!({ "try": { "call": { "type": "probe.call", "data": data } } });
    let id = host
        .run(json!([
            call(json!([])),
            { "expect_error": "invalid" },
            call(json!([{ "respond": 1 }])),
            { "put_last": "answer" }
        ]))
        .await;
    assert_eq!(host.working("answer").await, json!(1));
    assert_eq!(host.turn(&id).await.calls.len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_goes_to_the_reply_address_once() {
    let host = TestHost::start().await;
    let mut event = host.event(
        "probe.run",
        json!([{ "respond": { "ok": 1 } }, { "try": { "respond": 2 } }, { "expect_error": "conflict" }]),
    );
    event.reply_to = Some(ReplyAddress {
        topic: Topic::ActionResults,
        event_type: "test.answered".parse().unwrap(),
    });
    let correlation = event.correlation.clone();
    let id = host.publish(&host.tenant, event).await;
    let answers = host.events("test.answered").await;
    assert_eq!(answers.len(), 1, "{:?}", host.turn(&id).await.reason);
    assert_eq!(answers[0].body.correlation, correlation);
    assert_eq!(answers[0].body.topic, Topic::ActionResults);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_ends_at_the_hop_limit() {
    let host = TestHost::start().await;
    host.run(json!([{ "chain": 40 }])).await;
    assert_eq!(host.events("probe.chain").await.len(), 16);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_fire_at_their_time_and_survive_a_restart() {
    let clock = SimClock::at(Timestamp(1_800_000_000_000));
    let host = TestHost::at(&clock).await;
    host.run(json!([
        { "publish": { "type": "soon.happened", "delay_ms": 1_000 } },
        { "publish": { "type": "late.happened", "delay_ms": 3_600_000 } }
    ]))
    .await;
    let host = host.restart().await;
    for (advance_ms, soon, late) in [(999, 0, 0), (1, 1, 0), (3_600_000, 1, 1)] {
        clock.advance_ms(advance_ms);
        host.host.dispatcher.poke();
        host.host.dispatcher.settle().await;
        let fired = (
            host.events("soon.happened").await.len(),
            host.events("late.happened").await.len(),
        );
        assert_eq!(fired, (soon, late), "after {advance_ms} more ms");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_agent_waits_and_a_resumed_one_goes_on() {
    let host = TestHost::start().await;
    let name = AgentName::new("probe").unwrap();
    let now = Timestamp(1);
    let agents = &host.host.app.agents;
    agents
        .set_status(&host.tenant, &name, AgentStatus::Paused, now)
        .await
        .unwrap();
    host.host.dispatcher.settle().await;
    for n in 0..5 {
        host.run(json!([{ "append": { "key": "list", "value": n } }]))
            .await;
    }
    assert_eq!(host.working("list").await, Value::Null);
    agents
        .set_status(&host.tenant, &name, AgentStatus::Active, now)
        .await
        .unwrap();
    host.host.dispatcher.settle().await;
    let list = host.working("list").await;
    assert_eq!(list.as_array().map(Vec::len), Some(5), "{list}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_is_denied_and_the_turn_goes_on() {
    let host = TestHost::start().await;
    let grants: GrantSet = [Grant::WorkingRead, Grant::WorkingWrite]
        .into_iter()
        .collect();
    host.push(&host.tenant, "probe", grants).await;
    let script = json!([
        { "try": { "publish": { "type": "a.happened" } } }, { "expect_error": "denied" },
        { "try": { "search": { "text": "x" } } }, { "expect_error": "denied" },
        { "put": { "key": "a", "value": 1 } }
    ]);
    let id = host.run(script).await;
    assert_eq!(host.turn(&id).await.outcome, TurnOutcome::Committed);
    assert_eq!(host.working("a").await, json!(1));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_see_one_another() {
    let host = TestHost::start().await;
    let other = host.another("other").await;
    let script = json!([{ "put": { "key": "secret", "value": 1 } }, { "publish": { "type": "a.happened" } }]);
    let event = host.event("probe.run", script);
    let id = event.id.clone();
    host.publish(&other, event).await;
    assert_eq!(host.working_of(&other, "probe", "secret").await, json!(1));
    assert_eq!(host.working("secret").await, Value::Null);
    assert!(host.events("a.happened").await.is_empty());
    assert!(host.host.app.events.get(&host.tenant, &id).await.is_err());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_keeps_its_reason_and_can_be_replayed() {
    let host = TestHost::start().await;
    let id = host
        .run(json!([
            { "put": { "key": "tried", "value": 1 } },
            { "reject": "not today" }
        ]))
        .await;
    let dead = host.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].record.reason.as_deref(), Some("not today"));
    assert_eq!(dead[0].event.body.id, id);
    host.host
        .app
        .turns
        .replay(&host.tenant, &dead[0].record.turn)
        .await
        .unwrap();
    host.host.dispatcher.settle().await;
    let again = host.dead_letters().await;
    assert_eq!(again.len(), 1, "it was rejected again");
    host.host
        .app
        .turns
        .discard(&host.tenant, &again[0].record.turn)
        .await
        .unwrap();
    assert!(host.dead_letters().await.is_empty());
    host.stop().await;
}
