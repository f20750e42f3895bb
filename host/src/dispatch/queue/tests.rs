//! The queues as data: what is announced, what is taken, what is read from the store.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::events::{Event, Json, NewEvent, Topic};
use crate::id::{AgentName, Digest, EventId, EventType};
use crate::registry::{Agent, AgentKind, GrantSet, Manifest, Settings};

use super::*;

mod waiting;

fn delivery(agent: i64, position: i64, key: Option<&str>) -> Delivery {
    let id = EventId::new(&format!("e{position}")).unwrap();
    let body = NewEvent {
        source: "test".into(),
        event_type: EventType::new("t").unwrap(),
        topic: Topic::BusinessFacts,
        time: Timestamp(0),
        subject: None,
        data: Json::from_stored("1"),
        schema: None,
        correlation: Label::of_event(&id),
        trace: Label::of_event(&id),
        parent: None,
        session: None,
        goal: None,
        plan: key.map(|key| Label::new(key).unwrap()),
        task: None,
        customer: None,
        user: None,
        reply_to: None,
        extensions: Vec::new(),
        hops: 0,
        root: None,
        id,
    };
    let event = Arc::new(Event {
        position: Position(position),
        body,
    });
    Delivery {
        agent: AgentId(agent),
        event,
        attempts_failed: 0,
        host_deaths: 0,
        due: None,
    }
}

fn retry(delivery: Delivery) -> Delivery {
    Delivery {
        due: Some(Timestamp(1)),
        attempts_failed: 1,
        ..delivery
    }
}

fn directory(agents: &[(i64, u32, AgentStatus)]) -> Directory {
    let agents = agents.iter().map(|(id, concurrency, status)| {
        let name = AgentName::new(&format!("a{id}")).unwrap();
        let manifest = Manifest {
            name: name.clone(),
            kind: AgentKind::Agent,
            description: String::new(),
            version: None,
            category: None,
            tags: BTreeSet::new(),
            owner: None,
            capabilities: Vec::new(),
            subscriptions: Vec::new(),
            produces: Vec::new(),
            grants: GrantSet::NONE,
            settings: Settings {
                concurrency: *concurrency,
                ..Settings::default()
            },
        };
        Agent {
            id: AgentId(*id),
            name,
            status: status.clone(),
            version: 1,
            digest: Digest::of(b""),
            manifest: Arc::new(manifest),
            grants: GrantSet::NONE,
            config: Arc::default(),
            created: Timestamp(0),
            updated: Timestamp(0),
        }
    });
    Directory::new(agents.collect(), Vec::new())
}

struct Host {
    queues: Queues,
    tenant: TenantId,
}

impl Host {
    /// A host with one tenant whose agents have read the store and found nothing.
    fn new(limits: DispatchLimits, agents: &[(i64, u32, AgentStatus)]) -> Self {
        let mut host = Self {
            queues: Queues::new(limits),
            tenant: TenantId::generate(),
        };
        host.queues.add_tenant(host.tenant, 1);
        host.queues.set_agents(host.tenant, &directory(agents));
        host.store_is_empty();
        host
    }

    fn store_is_empty(&mut self) {
        for refill in self.queues.refills(self.tenant) {
            self.queues
                .refilled(self.tenant, &refill, Vec::new(), false);
        }
    }

    fn announce(&mut self, deliveries: impl IntoIterator<Item = Delivery>) {
        self.queues
            .announce(self.tenant, deliveries.into_iter().collect());
    }

    /// Take all that can be taken: `(agent, position)` each.
    fn take_all(&mut self) -> Vec<Claim> {
        std::iter::from_fn(|| self.queues.take(Timestamp(0))).collect()
    }

    fn finish(&mut self, claim: Claim, done: Done) {
        self.queues.done(claim, done, 10);
    }
}

fn places(claims: &[Claim]) -> Vec<(i64, i64)> {
    claims
        .iter()
        .map(|c| (c.delivery.agent.0, c.delivery.event.position.0))
        .collect()
}

#[test]
fn agents_take_turns_within_their_concurrency() {
    let active = AgentStatus::Active;
    let mut host = Host::new(
        DispatchLimits::default(),
        &[(1, 2, active.clone()), (2, 1, active)],
    );
    host.announce([1, 2, 3].map(|p| delivery(1, p, None)));
    host.announce([4, 5].map(|p| delivery(2, p, None)));
    let mut taken = host.take_all();
    assert_eq!(
        places(&taken),
        [(1, 1), (2, 4), (1, 2)],
        "two of the first, one of the second"
    );
    host.finish(taken.remove(1), Done::Gone);
    assert_eq!(places(&host.take_all()), [(2, 5)]);
}

#[test]
fn one_delivery_of_an_order_key_at_a_time_in_order() {
    let mut host = Host::new(DispatchLimits::default(), &[(1, 9, AgentStatus::Active)]);
    host.announce([1, 2].map(|p| delivery(1, p, Some("x"))));
    host.announce([
        delivery(1, 3, Some("y")),
        delivery(1, 4, None),
        delivery(1, 5, Some("x")),
    ]);
    let mut taken = host.take_all();
    assert_eq!(places(&taken), [(1, 1), (1, 3), (1, 4)]);
    host.finish(taken.remove(0), Done::Gone);
    let mut next = host.take_all();
    assert_eq!(places(&next), [(1, 2)]);
    host.finish(next.remove(0), Done::Gone);
    assert_eq!(places(&host.take_all()), [(1, 5)]);
}

#[test]
fn a_lane_waits_for_its_retry_and_then_goes_on_from_the_store() {
    let mut host = Host::new(DispatchLimits::default(), &[(1, 9, AgentStatus::Active)]);
    host.announce([1, 2].map(|p| delivery(1, p, Some("x"))));
    let mut taken = host.take_all();
    assert_eq!(places(&taken), [(1, 1)]);
    host.finish(taken.remove(0), Done::Parked);
    host.announce([delivery(1, 3, Some("x")), delivery(1, 4, None)]);
    assert_eq!(
        places(&host.take_all()),
        [(1, 4)],
        "the lane waits, others do not"
    );

    host.queues
        .admit_due(host.tenant, vec![retry(delivery(1, 1, Some("x")))]);
    host.queues
        .admit_due(host.tenant, vec![retry(delivery(1, 1, Some("x")))]);
    let mut taken = host.take_all();
    assert_eq!(places(&taken), [(1, 1)], "a retry seen twice is taken once");
    host.finish(taken.remove(0), Done::Gone);

    let lane = Refill::Lane(AgentId(1), Label::new("x").unwrap(), Position(2));
    assert_eq!(
        host.queues.refills(host.tenant),
        std::slice::from_ref(&lane)
    );
    let rows = [2, 3].map(|p| delivery(1, p, Some("x"))).to_vec();
    host.queues.refilled(host.tenant, &lane, rows, false);
    let mut taken = host.take_all();
    assert_eq!(places(&taken), [(1, 2)]);
    host.finish(taken.remove(0), Done::Gone);
    assert_eq!(places(&host.take_all()), [(1, 3)]);
}

#[test]
fn a_lane_whose_retry_was_removed_goes_on_and_one_that_keeps_it_waits() {
    let lane = Refill::Lane(AgentId(1), Label::new("x").unwrap(), Position(0));
    let x = || delivery(1, 1, Some("x"));
    let later = || delivery(1, 2, Some("x"));
    for (rows, expected) in [
        (vec![later()], &[(1, 2)][..]),
        (vec![retry(x()), later()], &[]),
        (Vec::new(), &[]),
    ] {
        let mut host = Host::new(DispatchLimits::default(), &[(1, 9, AgentStatus::Active)]);
        host.announce([x(), later()]);
        let mut taken = host.take_all();
        let key = Label::new("x").unwrap();
        let lanes = [(AgentId(1), key.clone()), (AgentId(7), key)];
        assert!(!host.queues.look_again(host.tenant, &lanes), "it runs");
        host.finish(taken.remove(0), Done::Parked);
        assert!(host.queues.look_again(host.tenant, &lanes));
        let refills = host.queues.refills(host.tenant);
        assert_eq!(refills, std::slice::from_ref(&lane));
        let kept = rows.first().is_some_and(|first| first.due.is_some());
        host.queues.refilled(host.tenant, &lane, rows, false);
        assert_eq!(places(&host.take_all()), expected);
        if kept {
            host.queues.admit_due(host.tenant, vec![retry(x())]);
            assert_eq!(places(&host.take_all()), [(1, 1)]);
        }
    }
}

#[test]
fn what_does_not_fit_stays_in_the_store_and_is_read_later_once() {
    let limits = DispatchLimits {
        agent_window_events: 4,
        load_batch: 4,
        ..Default::default()
    };
    let mut host = Host::new(limits, &[(1, 1, AgentStatus::Active)]);
    host.announce((1..=10).map(|p| delivery(1, p, None)));
    let mut seen = Vec::new();
    loop {
        for refill in host.queues.refills(host.tenant) {
            let Refill::Agent(_, after) = refill else {
                panic!("no lanes here")
            };
            let rows: Vec<_> = (after.0 + 1..=10)
                .take(4)
                .map(|p| delivery(1, p, None))
                .collect();
            let full = rows.len() == 4;
            host.queues.refilled(host.tenant, &refill, rows, full);
        }
        let mut taken = host.take_all();
        if taken.is_empty() {
            break;
        }
        seen.extend(places(&taken));
        host.finish(taken.remove(0), Done::Gone);
    }
    assert_eq!(seen, (1..=10).map(|p| (1, p)).collect::<Vec<_>>());
}

#[test]
fn a_paused_agent_holds_nothing_back_and_resumes() {
    let (active, paused) = (AgentStatus::Active, AgentStatus::Paused);
    let mut host = Host::new(
        DispatchLimits::default(),
        &[(1, 9, active.clone()), (2, 9, paused)],
    );
    host.announce([
        delivery(2, 1, None),
        delivery(1, 2, None),
        delivery(2, 3, None),
    ]);
    assert_eq!(places(&host.take_all()), [(1, 2)]);
    host.queues.set_agents(
        host.tenant,
        &directory(&[(1, 9, active.clone()), (2, 9, active)]),
    );
    for refill in host.queues.refills(host.tenant) {
        let rows = match &refill {
            Refill::Agent(AgentId(2), _) => vec![delivery(2, 1, None), delivery(2, 3, None)],
            _ => Vec::new(),
        };
        host.queues.refilled(host.tenant, &refill, rows, false);
    }
    assert_eq!(places(&host.take_all()), [(2, 1), (2, 3)]);
}

/// Turns that two tenants of these weights get out of 200, each of so many microseconds.
fn shares(weights: [u32; 2], cpu_us: u64) -> [u32; 2] {
    let mut queues = Queues::new(DispatchLimits {
        turns_running_max: 1,
        ..Default::default()
    });
    let tenants = [TenantId::generate(), TenantId::generate()];
    for (tenant, weight) in tenants.into_iter().zip(weights) {
        queues.add_tenant(tenant, weight);
        queues.set_agents(tenant, &directory(&[(1, 1, AgentStatus::Active)]));
        for refill in queues.refills(tenant) {
            queues.refilled(tenant, &refill, Vec::new(), false);
        }
        queues.announce(tenant, (1..=400).map(|p| delivery(1, p, None)).collect());
    }
    let mut turns = HashMap::new();
    for _ in 0..200 {
        let claim = queues.take(Timestamp(0)).unwrap();
        *turns.entry(claim.tenant).or_insert(0) += 1;
        queues.done(claim, Done::Gone, cpu_us);
    }
    tenants.map(|tenant| turns.get(&tenant).copied().unwrap_or_default())
}

#[test]
fn tenants_share_by_the_cpu_they_used_and_their_weight() {
    // Turns that are shorter than a weight is large are shared as longer ones.
    for cpu_us in [0, 1, 5, 20, 99, 300] {
        for (weights, wanted) in [
            ([1, 3], 50),
            ([10, 10], 100),
            ([10, 30], 50),
            ([10, 100], 18),
        ] {
            let [first, second] = shares(weights, cpu_us);
            assert!(
                first.abs_diff(wanted) <= 5,
                "weights {weights:?}, {cpu_us} µs a turn: {first} turns beside {second}"
            );
        }
    }
}

#[test]
fn turns_of_a_removed_tenant_are_counted_until_they_end() {
    let mut queues = Queues::new(DispatchLimits::default());
    let tenants = [TenantId::generate(), TenantId::generate()];
    for tenant in tenants {
        queues.add_tenant(tenant, 1);
        queues.set_agents(tenant, &directory(&[(1, 1, AgentStatus::Active)]));
        for refill in queues.refills(tenant) {
            queues.refilled(tenant, &refill, Vec::new(), false);
        }
        queues.announce(tenant, vec![delivery(1, 1, None)]);
    }
    let claims: Vec<Claim> = std::iter::from_fn(|| queues.take(Timestamp(0))).collect();
    for (claim, left) in claims.into_iter().zip([1, 0]) {
        queues.remove_tenant(claim.tenant);
        assert_eq!(queues.running(), left + 1);
        queues.done(claim, Done::Gone, 10);
        assert_eq!(queues.running(), left);
    }
}

#[test]
fn an_undecided_delivery_is_next_again() {
    let mut host = Host::new(DispatchLimits::default(), &[(1, 1, AgentStatus::Active)]);
    host.announce([1, 2].map(|p| delivery(1, p, None)));
    let mut taken = host.take_all();
    host.finish(taken.remove(0), Done::Undecided);
    assert_eq!(places(&host.take_all()), [(1, 1)]);
}

/// What a paused agent holds of its tenant's window must not keep the others from getting any of it.
#[test]
fn an_agent_gets_a_delivery_however_much_others_hold() {
    let limits = DispatchLimits {
        // Two deliveries' worth.
        tenant_window_bytes: 2_100,
        ..Default::default()
    };
    let agents = [
        (1, 1, AgentStatus::Paused),
        (2, 1, AgentStatus::Active),
        (3, 1, AgentStatus::Active),
    ];
    let mut host = Host::new(limits, &agents);
    host.announce((1..=4).map(|p| delivery(1, p, None)));
    assert!(host.queues.held(host.tenant).bytes <= 2_100);
    host.announce([delivery(2, 5, None), delivery(2, 6, None)]);
    for position in [5, 6] {
        let mut taken = host.take_all();
        assert_eq!(places(&taken), [(2, position)]);
        assert!(host.queues.done(taken.remove(0), Done::Gone, 10) || position == 6);
        for refill in host.queues.refills(host.tenant) {
            let rows = match &refill {
                Refill::Agent(AgentId(2), Position(5)) => vec![delivery(2, 6, None)],
                _ => Vec::new(),
            };
            host.queues.refilled(host.tenant, &refill, rows, false);
        }
    }
    assert!(
        !host
            .queues
            .admit_due(host.tenant, vec![retry(delivery(3, 1, None))])
    );
    assert_eq!(places(&host.take_all()), [(3, 1)]);
}

#[test]
fn retries_that_do_not_fit_stay_in_the_store() {
    let limits = DispatchLimits {
        agent_window_events: 2,
        ..Default::default()
    };
    let mut host = Host::new(limits, &[(1, 1, AgentStatus::Active)]);
    let due = || (1..=3).map(|p| retry(delivery(1, p, None))).collect();
    assert!(host.queues.admit_due(host.tenant, due()), "one is left");
    assert_eq!(host.queues.held(host.tenant).deliveries, 2);
    let mut taken = host.take_all();
    assert_eq!(places(&taken), [(1, 1)]);
    host.finish(taken.remove(0), Done::Gone);
    let left = due().into_iter().skip(1).collect();
    assert!(!host.queues.admit_due(host.tenant, left));
    assert_eq!(host.queues.held(host.tenant).deliveries, 2);
}

#[test]
fn a_lane_is_read_as_far_as_it_fits() {
    let limits = DispatchLimits {
        agent_window_events: 2,
        ..Default::default()
    };
    let mut host = Host::new(limits, &[(1, 9, AgentStatus::Active)]);
    host.announce((1..=5).map(|p| delivery(1, p, Some("k"))));
    let mut order = Vec::new();
    while let Some(claim) = host.queues.take(Timestamp(0)) {
        order.push(claim.delivery.event.position.0);
        host.finish(claim, Done::Gone);
        for refill in host.queues.refills(host.tenant) {
            let (Refill::Agent(_, after) | Refill::Lane(_, _, after)) = &refill;
            let first = match &refill {
                Refill::Agent(..) => after.0 + 1,
                Refill::Lane(..) => after.0,
            };
            let rows = (first..=5).map(|p| delivery(1, p, Some("k"))).collect();
            host.queues.refilled(host.tenant, &refill, rows, false);
            let held = host.queues.held(host.tenant).deliveries;
            assert!(held <= 3, "{held} in memory");
        }
    }
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

#[test]
fn an_agent_with_too_many_lanes_gets_nothing_new_until_one_is_done() {
    let limits = DispatchLimits {
        agent_lanes_max: 2,
        ..Default::default()
    };
    let mut host = Host::new(limits, &[(1, 9, AgentStatus::Active)]);
    let all = [(1, "a"), (2, "b"), (3, "c")].map(|(p, key)| delivery(1, p, Some(key)));
    host.announce(all.clone());
    let claims = host.take_all();
    assert_eq!(places(&claims), [(1, 1), (1, 2)]);
    for claim in claims {
        host.finish(claim, Done::Parked);
    }
    assert_eq!(host.queues.held(host.tenant).lanes, 2);
    assert_eq!(host.queues.refills(host.tenant), []);
    // A retry is of a lane that is open already.
    let [first, _, third] = all;
    host.queues.admit_due(host.tenant, vec![retry(first)]);
    let claim = host.queues.take(Timestamp(0)).unwrap();
    host.finish(claim, Done::Gone);
    let lane = Refill::Lane(AgentId(1), Label::new("a").unwrap(), Position(2));
    assert_eq!(host.queues.refills(host.tenant), vec![lane.clone()]);
    host.queues.refilled(host.tenant, &lane, Vec::new(), false);
    let agent = Refill::Agent(AgentId(1), Position(2));
    assert_eq!(host.queues.refills(host.tenant), vec![agent.clone()]);
    host.queues
        .refilled(host.tenant, &agent, vec![third], false);
    assert_eq!(places(&host.take_all()), [(1, 3)]);
}

/// What was retrying when the host stopped, in whatever order it is due.
#[test]
fn what_follows_a_retry_of_its_lane_waits_from_the_start() {
    let mut host = Host::new(DispatchLimits::default(), &[]);
    let parked = [(4, "k"), (2, "k"), (7, "l")].map(|(position, key)| Parked {
        due: Timestamp(1),
        agent: AgentId(1),
        position: Position(position),
        key: Label::new(key).unwrap(),
    });
    host.queues.park(host.tenant, &parked);
    let agents = directory(&[(1, 9, AgentStatus::Active)]);
    host.queues.set_agents(host.tenant, &agents);
    for refill in host.queues.refills(host.tenant) {
        let rows = [(3, Some("k")), (5, Some("m")), (6, None), (8, Some("l"))];
        let rows = rows.map(|(position, key)| delivery(1, position, key));
        host.queues
            .refilled(host.tenant, &refill, rows.into(), false);
    }
    assert_eq!(places(&host.take_all()), [(1, 5), (1, 6)]);
}

#[test]
fn a_tenant_runs_as_many_as_its_limit_and_not_one_more() {
    let limits = DispatchLimits {
        tenant_turns_running_max: 3,
        ..DispatchLimits::default()
    };
    let active = AgentStatus::Active;
    let mut host = Host::new(limits, &[(1, 9, active.clone()), (2, 9, active)]);
    host.announce((1..=1_000).map(|p| delivery(1 + p % 2, p, None)).take(500));
    let mut taken = host.take_all();
    assert_eq!(taken.len(), 3, "over all of its agents");
    host.finish(taken.remove(0), Done::Gone);
    assert_eq!(host.take_all().len(), 1, "one for one");
    let other = TenantId::generate();
    host.queues.add_tenant(other, 1);
    let active = AgentStatus::Active;
    host.queues.set_agents(other, &directory(&[(1, 9, active)]));
    for refill in host.queues.refills(other) {
        host.queues.refilled(other, &refill, Vec::new(), false);
    }
    host.queues.announce(other, vec![delivery(1, 1, None)]);
    let theirs = host.take_all();
    assert_eq!(theirs.len(), 1, "another tenant has its own");
}
