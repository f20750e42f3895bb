//! Tenants that wait for their quotas, and agents that wait because they failed.

use std::time::Duration;

use crate::quota::{Allowances, Quota};

use super::*;

/// A host with one tenant, one agent, and many deliveries.
fn busy(set: &[(Quota, u64)]) -> Host {
    let mut host = Host::new(DispatchLimits::default(), &[(1, 64, AgentStatus::Active)]);
    host.set(set, None);
    host.announce((1..100).map(|n| delivery(1, n, None)));
    host
}

impl Host {
    fn set(&mut self, quotas: &[(Quota, u64)], suspended: Option<&str>) {
        let allowances = Allowances::default();
        let overrides = quotas.iter().copied().collect();
        allowances.set(self.tenant, 1, &overrides, suspended);
        let standing = allowances.standing(self.tenant);
        self.queues.set_standing(self.tenant, &standing);
    }

    /// How many turns begin at this time.
    fn begin(&mut self, at: i64) -> usize {
        self.queues.release(Timestamp(at));
        std::iter::from_fn(|| self.queues.take(Timestamp(at))).count()
    }
}

#[test]
fn turns_begin_at_the_tenants_rate_and_not_one_more() {
    let mut host = busy(&[(Quota::TurnsPerSecond, 4)]);
    let neighbour = TenantId::generate();
    host.queues.add_tenant(neighbour, 1);
    assert_eq!(host.begin(10_000), 4);
    assert!(host.queues.take_new_hold());
    assert_eq!(host.queues.next_release(), Some(Timestamp(10_250)));
    assert!(!host.queues.has_runnable(), "nobody looks at it in vain");
    assert_eq!(host.begin(10_249), 0);
    assert_eq!(host.begin(10_250), 1);
    assert_eq!(
        host.begin(60_000),
        4,
        "no more than a second's worth is saved"
    );
    host.set(&[(Quota::TurnsPerSecond, 0)], None);
    assert_eq!(host.queues.next_release(), None);
    assert_eq!(host.begin(60_000), 55, "up to what may run at once");
}

#[test]
fn as_many_turns_run_as_the_quota_says() {
    let mut host = busy(&[(Quota::TenantTurnsRunningMax, 2)]);
    assert_eq!(host.begin(0), 2);
    host.set(&[(Quota::TenantTurnsRunningMax, 3)], None);
    assert_eq!(host.begin(0), 1);
}

#[test]
fn a_tenant_that_used_its_cpu_waits_for_the_next_day() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let mut host = busy(&[(Quota::CpuSecondsPerDay, 2)]);
    host.queues.set_used(host.tenant, Timestamp(5), 1_000_000);
    let first = host.queues.take(Timestamp(5)).unwrap();
    host.queues.done(first, Done::Gone, 999_999);
    let second = host.queues.take(Timestamp(6)).unwrap();
    host.queues.done(second, Done::Gone, 1);
    assert!(
        host.queues.take(Timestamp(7)).is_none(),
        "all of it is used"
    );
    assert_eq!(host.queues.next_release(), Some(Timestamp(DAY_MS)));
    assert_eq!(host.begin(DAY_MS - 1), 0);
    assert_eq!(host.begin(DAY_MS), 64);
}

#[test]
fn nothing_of_a_suspended_tenant_begins_and_nothing_is_lost() {
    let mut host = busy(&[]);
    host.set(&[], Some("unpaid"));
    assert_eq!(host.begin(0), 0);
    host.announce([delivery(1, 100, None)]);
    assert_eq!(host.begin(0), 0);
    assert_eq!(host.queues.held(host.tenant).deliveries, 100);
    host.set(&[], None);
    assert_eq!(host.begin(0), 64);
}

/// What came of trying an agent.
#[derive(Debug, PartialEq, Eq)]
enum Tried {
    /// It has no turn.
    Waits,
    /// It had one.
    Ran,
    /// It had one, and waits until then.
    Opened(i64),
}
use Tried::{Opened, Ran, Waits};

/// A host whose agents wait after three failures within a second, for ten, at most forty.
fn failing() -> Host {
    let limits = DispatchLimits {
        breaker_failures: 3,
        breaker_window: Duration::from_secs(1),
        breaker_cool_down: Duration::from_secs(10),
        retry_longest: Duration::from_secs(40),
        ..DispatchLimits::default()
    };
    let active = AgentStatus::Active;
    let mut host = Host::new(limits, &[(1, 2, active.clone()), (2, 2, active)]);
    host.announce((1..=20).map(|n| delivery(1, n, None)));
    host
}

impl Host {
    /// Run the next delivery of the first agent, if it has a turn.
    fn try_one(&mut self, at: i64, failed: bool) -> Tried {
        self.queues.release(Timestamp(at));
        let Some(claim) = self.queues.take(Timestamp(at)) else {
            return Waits;
        };
        assert_eq!(claim.delivery.agent, AgentId(1));
        let opened = self
            .queues
            .note_attempt((self.tenant, AgentId(1)), failed, Timestamp(at));
        self.queues.done(claim, Done::Gone, 1);
        opened.map_or(Ran, |until| Opened(until.0))
    }
}

#[test]
fn an_agent_that_fails_again_and_again_waits_and_is_tried_with_one_turn() {
    let mut host = failing();
    assert_eq!(host.try_one(0, true), Ran);
    assert_eq!(host.try_one(1, true), Ran, "one short of the limit");
    assert_eq!(host.try_one(2, true), Opened(10_002));
    assert_eq!(host.try_one(10_001, true), Waits, "it waits");
    assert!(host.queues.is_idle());
    host.announce([delivery(2, 100, None)]);
    let other = host.queues.take(Timestamp(5)).unwrap();
    assert_eq!(
        other.delivery.agent,
        AgentId(2),
        "others of its tenant go on"
    );
    host.queues.done(other, Done::Gone, 1);

    host.queues.release(Timestamp(10_002));
    let probe = host.queues.take(Timestamp(10_002)).unwrap();
    assert!(
        host.queues.take(Timestamp(10_002)).is_none(),
        "one is tried"
    );
    let told = host.queues.breakers(host.tenant);
    assert_eq!(told[0].1.until, None);
    let key = (host.tenant, AgentId(1));
    let opened = host.queues.note_attempt(key, true, Timestamp(10_003));
    assert_eq!(opened, Some(Timestamp(30_003)), "twice as long");
    host.queues.done(probe, Done::Gone, 1);
    assert_eq!(host.try_one(30_002, true), Waits);
    assert_eq!(host.try_one(30_003, true), Opened(70_003));
    assert_eq!(
        host.try_one(70_003, true),
        Opened(110_003),
        "at most so long"
    );
    assert_eq!(host.queues.breakers(host.tenant)[0].1.failures, 6);
    assert_eq!(host.try_one(110_003, false), Ran);
    assert!(
        host.queues.breakers(host.tenant).is_empty(),
        "one success closes it"
    );
    assert_eq!(host.try_one(110_004, true), Ran);
}

#[test]
fn failures_that_are_far_apart_or_between_successes_are_none_in_a_row() {
    let mut host = failing();
    for (at, failed) in [
        (0, true),
        (1, true),
        (2, false),
        (3, true),
        (4, true),
        // Over a second after the first of those: it begins anew.
        (1_004, true),
        (1_005, true),
    ] {
        assert_eq!(host.try_one(at, failed), Ran, "{at}");
    }
    assert_eq!(host.try_one(1_006, true), Opened(11_006));
}

#[test]
fn a_new_version_and_a_resumed_agent_begin_anew() {
    let mut host = failing();
    let with = |status| directory(&[(1, 2, status)]);
    for _ in 0..3 {
        host.try_one(0, true);
    }
    assert_eq!(host.try_one(1, true), Waits);
    host.queues
        .set_agents(host.tenant, &with(AgentStatus::Paused));
    host.queues
        .set_agents(host.tenant, &with(AgentStatus::Active));
    assert_eq!(host.try_one(1, true), Ran);
}
