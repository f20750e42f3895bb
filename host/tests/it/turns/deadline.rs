//! F22: a turn that returns while its deadline passes is kept whole or not at all, and what is on record is
//! what became of it.
//!
//! The guest's time is steered: a run that was in time makes the next one longer, one that was late makes
//! it shorter. So both ends occur on any machine, and most runs are a millisecond or less from the deadline.

use serde_json::{Value, json};
use warren::registry::{GrantSet, Settings};
use warren::turn::TurnOutcome;

use crate::harness::TestHost;
use crate::long;

/// Wall clock of a turn, and of a nested call: short, so that many fit into a test.
const DEADLINE_MS: u32 = 10;
/// Runs: of an ordinary test run, and of the long form.
const RUNS: (u32, u32) = (300, 10_000);

/// Steers how long the guest spins, in milliseconds.
struct Helm {
    spin_ms: u32,
    in_time: u32,
    late: u32,
}

impl Helm {
    fn new() -> Self {
        Self {
            spin_ms: DEADLINE_MS - 1,
            in_time: 0,
            late: 0,
        }
    }

    fn learn(&mut self, was_in_time: bool) {
        if was_in_time {
            self.in_time += 1;
            self.spin_ms += 1;
        } else {
            self.late += 1;
            self.spin_ms = self.spin_ms.saturating_sub(1);
        }
    }

    /// Both ends occurred, so the runs lay around the deadline: how often each did.
    fn steered(&self) -> String {
        let Self { in_time, late, .. } = self;
        assert!(*in_time > 0 && *late > 0, "{in_time} in time, {late} late");
        format!("{in_time} in time, {late} late")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_returns_at_its_deadline_is_kept_whole_or_not_at_all() {
    let host = TestHost::start().await;
    let short = |settings: &mut Settings| {
        (settings.timeout_ms, settings.attempts) = (DEADLINE_MS, 1);
    };
    host.push_with(&host.tenant, "probe", GrantSet::all(), short)
        .await;
    let mut helm = Helm::new();
    let mut committed = Vec::new();
    for run in 0..long::pick(RUNS.0, RUNS.1) {
        let key = format!("run-{run}");
        let event_type = format!("deadline.run-{run}");
        let script = json!([
            { "put": { "key": key, "value": run } },
            { "publish": { "type": event_type } },
            { "spin_ms": helm.spin_ms },
            { "append": { "key": format!("list-{}", run / 100), "value": run } }
        ]);
        let record = host.turn(&host.run(script).await).await;
        let kept = match record.outcome {
            TurnOutcome::Committed => true,
            TurnOutcome::TimedOut => false,
            other => panic!("run {run}: {other:?}, {:?}", record.reason),
        };
        let value = if kept { json!(run) } else { Value::Null };
        assert_eq!(host.working(&key).await, value, "run {run}");
        let events = host.events(&event_type).await.len();
        assert_eq!(events, usize::from(kept), "run {run}");
        assert_eq!(record.published.len(), events, "run {run}");
        if kept {
            committed.push(run);
        }
        helm.learn(kept);
    }
    let mut listed = Vec::new();
    for hundred in 0..long::pick(RUNS.0, RUNS.1).div_ceil(100) {
        let list = host.working(&format!("list-{hundred}")).await;
        let list = list.as_array().cloned().unwrap_or_default();
        listed.extend(list.iter().map(|run| run.as_u64().unwrap() as u32));
    }
    assert_eq!(listed, committed);
    println!("turns: {}", helm.steered());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_returns_at_its_deadline_joins_whole_or_not_at_all() {
    let host = TestHost::start().await;
    let mut helm = Helm::new();
    for run in 0..long::pick(RUNS.0, RUNS.1) {
        let key = format!("run-{run}");
        let event_type = format!("deadline.call-{run}");
        let script = json!([
            { "try": { "call": { "type": "probe.call", "timeout_ms": DEADLINE_MS, "data": [
                { "put": { "key": key, "value": run } },
                { "publish": { "type": event_type } },
                { "spin_ms": helm.spin_ms },
                { "respond": "in time" }
            ] } } },
            { "put_last": "answer" }
        ]);
        let record = host.turn(&host.run(script).await).await;
        assert_eq!(record.outcome, TurnOutcome::Committed, "run {run}");
        let answer = host.working("answer").await;
        let kept = answer == json!("in time");
        assert!(kept || answer["error"].is_string(), "run {run}: {answer}");
        let value = if kept { json!(run) } else { Value::Null };
        assert_eq!(host.working(&key).await, value, "run {run}");
        let events = host.events(&event_type).await.len();
        assert_eq!(events, usize::from(kept), "run {run}");
        helm.learn(kept);
    }
    println!("calls: {}", helm.steered());
    host.stop().await;
}
