//! A turn of the test host: what is kept, what is dropped, and how failures reach the handler.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use warren_agent::testing::TestHost;
use warren_agent::{
    Agent, AgentQuery, Context, Entry, EpisodeFilter, Error, Event, Failure, Grant, Json,
    NewProcedure, ProcedureKind, Role, Search, Topic, payload,
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    number: u32,
}
payload!(Order: BusinessFacts, "order.placed");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Price {
    cents: u32,
}
payload!(Price: ActionResults, "price.found");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct AskPrice {
    number: u32,
}
payload!(AskPrice: ActionRequests, "price.wanted");

/// Four host calls: read, write, publish, log.
fn clerk() -> Agent {
    Agent::new("clerk")
        .on(|ctx: &Context, order: Event<Order>| {
            let seen = ctx.working().get::<u32>("seen")?.unwrap_or(0);
            ctx.working().put("seen", &(seen + 1))?;
            ctx.publish(&AskPrice {
                number: order.data.number,
            })?;
            ctx.log().with("order", order.data.number).info("noted");
            Ok(())
        })
        .produces::<AskPrice>()
        .grants(Grant::WORKING)
}

fn pricer() -> Agent {
    Agent::tool("pricer")
        .answers(|ctx: &Context, ask: Event<AskPrice>| {
            ctx.log().info("pricing");
            match ask.data.number {
                0 => Err(Failure::reject("no such order")),
                number => Ok(Price {
                    cents: number * 100,
                }),
            }
        })
        .describe("Finds prices.")
}

fn buyer() -> Agent {
    Agent::new("buyer")
        .on(|ctx: &Context, order: Event<Order>| {
            ctx.working().increment("asked", 1)?;
            let ask = AskPrice {
                number: order.data.number,
            };
            let price: Price = ctx.call(&ask, Duration::from_secs(1))?;
            ctx.working().put("cents", &price.cents)?;
            Ok(())
        })
        .calls()
        .grants(Grant::WORKING)
}

fn order(number: u32) -> Event<Order> {
    Event::new(Order { number })
}

#[test]
fn what_a_good_turn_does_is_kept() {
    let mut host = TestHost::new();
    let turn = host.handle(&clerk(), order(7).with_session("s").with_user("ada"));
    assert_eq!(turn.result(), &Ok(()));
    assert_eq!(turn.published::<AskPrice>(), [AskPrice { number: 7 }]);
    assert_eq!(turn.working("seen"), Some(1));
    assert_eq!(turn.host_calls(), 4);
    assert_eq!(turn.log()[0].fields, [("order".to_owned(), "7".to_owned())]);

    let event = &turn.events()[0].event;
    assert_eq!(event.source, "agent/clerk");
    assert_eq!(event.trace, "evt_test");
    assert_eq!(event.parent.as_deref(), Some("evt_test"));
    assert_eq!(event.session.as_deref(), Some("s"));
    assert_eq!(event.user.as_deref(), Some("ada"));

    assert_eq!(host.handle(&clerk(), order(8)).working("seen"), Some(2));
}

#[test]
fn a_failure_after_any_host_call_leaves_nothing() {
    let calls = TestHost::new().handle(&clerk(), order(7)).host_calls();
    for call in 1..=calls {
        let refusal = Error::Unavailable("down".into());
        let mut host = TestHost::new()
            .with_working("seen", &5)
            .fail_call(call, refusal);
        let turn = host.handle(&clerk(), order(7));
        let cannot_fail = call == 4;
        assert_eq!(turn.result().is_ok(), cannot_fail, "call {call}");
        assert_eq!(turn.events().is_empty(), !cannot_fail, "call {call}");
        assert_eq!(
            turn.working("seen"),
            Some(if cannot_fail { 6 } else { 5 }),
            "call {call}"
        );
    }
}

#[test]
fn grants_that_nobody_asked_for_or_that_were_taken_are_missing() {
    let greedy = Agent::new("greedy").on(|ctx: &Context, order: Event<Order>| {
        ctx.publish(&order.data)?;
        Ok(())
    });
    let turn = TestHost::new().handle(&greedy, order(1));
    let Err(Failure::Other(reason)) = turn.result() else {
        panic!("{:?}", turn.result());
    };
    assert!(
        reason.contains("`greedy` was not granted `events:publish`"),
        "{reason}"
    );

    let turn = TestHost::new()
        .deny(Grant::WorkingRead)
        .handle(&clerk(), order(1));
    assert!(turn.result().is_err());
}

#[test]
fn payloads_that_do_not_fit_are_rejected_before_the_handler() {
    let misfit = Event::of(Topic::BusinessFacts, "order.placed", Json::from_text("{}"));
    let turn = TestHost::new().handle(&clerk(), misfit);
    let Err(Failure::Reject(reason)) = turn.result() else {
        panic!("{:?}", turn.result());
    };
    assert!(
        reason.contains("`order.placed`") && reason.contains("number"),
        "{reason}"
    );
    assert_eq!(turn.host_calls(), 0);

    let stranger = Event::of(Topic::BusinessFacts, "order.eaten", 1);
    let turn = TestHost::new().handle(&clerk(), stranger);
    assert!(matches!(turn.result(), Err(Failure::Reject(_))));
}

#[test]
fn a_tool_answers_inside_the_turn() {
    let turn = TestHost::new()
        .with_agent(pricer())
        .handle(&buyer(), order(3));
    assert_eq!(turn.result(), &Ok(()));
    assert_eq!(turn.working("cents"), Some(300));
    assert_eq!(turn.log()[0].agent, "pricer");
    assert!(turn.events().is_empty(), "the answer is no event");
}

#[test]
fn a_tool_that_fails_is_an_error_with_its_reason() {
    let turn = TestHost::new()
        .with_agent(pricer())
        .handle(&buyer(), order(0));
    let Err(Failure::Retry { reason, .. }) = turn.result() else {
        panic!("{:?}", turn.result());
    };
    let reason = reason.as_deref().unwrap();
    assert!(
        reason.contains("`pricer` rejected: no such order"),
        "{reason}"
    );
    assert_eq!(turn.working::<u32>("asked"), None);

    let nobody = TestHost::new().handle(&buyer(), order(1));
    assert_eq!(nobody.result(), &Err(Failure::other("not found")));
    let two = TestHost::new().with_agent(pricer()).with_agent(pricer());
    assert!(matches!(
        two.clone().handle(&buyer(), order(1)).result(),
        Err(Failure::Other(reason)) if reason.starts_with("conflict")
    ));
}

#[test]
fn a_test_answers_in_place_of_a_tool() {
    let mut host = TestHost::new().with_answer(|ask: AskPrice| Ok(Price { cents: ask.number }));
    assert_eq!(host.handle(&buyer(), order(9)).working("cents"), Some(9));
}

#[test]
fn answers_go_where_they_are_wanted() {
    let ask = || Event::new(AskPrice { number: 2 });
    let turn = TestHost::new().handle(&pricer(), ask().with_reply_to(Topic::TaskEvents, "here"));
    assert_eq!(turn.response(), Some(Price { cents: 200 }));
    assert_eq!(turn.events()[0].event.event_type, "here");

    let turn = TestHost::new().handle(&pricer(), ask());
    assert_eq!(turn.result(), &Ok(()));
    assert!(turn.events().is_empty());
}

#[test]
fn events_settle_along_their_chain() {
    let mut host = TestHost::new().with_agent(clerk()).with_agent(pricer());
    let settled = host.settle(order(4));
    assert_eq!(settled.types(), ["order.placed", "price.wanted"]);
    assert_eq!(settled.failures(), []);
    assert!(
        settled
            .events()
            .iter()
            .all(|event| event.trace == "evt_test")
    );
}

#[test]
fn working_memory_belongs_to_the_plan_where_there_is_one() {
    let mut host = TestHost::new().with_plan_working("p", "seen", &10);
    assert_eq!(
        host.handle(&clerk(), order(1).with_plan("p"))
            .working("seen"),
        Some(11)
    );
    assert_eq!(
        host.handle(&clerk(), order(1).with_plan("q"))
            .working("seen"),
        Some(1)
    );
    assert_eq!(host.handle(&clerk(), order(1)).working("seen"), Some(1));
}

#[test]
fn the_long_memories_keep_and_find() {
    let agent = Agent::new("scholar")
        .grants(Grant::ALL)
        .on(|ctx: &Context, _: Event<Order>| {
            let id = ctx
                .knowledge()
                .remember(Entry::new("Warrens have many rooms").tag("fact"))?;
            assert_eq!(ctx.knowledge().get(&id)?.content, "Warrens have many rooms");
            assert_eq!(
                ctx.knowledge()
                    .search(Search::new("how many rooms").tag("fact"))?
                    .len(),
                1
            );
            assert_eq!(ctx.knowledge().search("fish")?.len(), 0);
            assert!(ctx.knowledge().forget(&id)?);

            ctx.episodes().add(Role::User, "hello")?;
            ctx.episodes().add(Role::Assistant, "hello yourself")?;
            let recent = ctx.episodes().recent(EpisodeFilter::new().limit(1))?;
            assert_eq!(recent[0].content, "hello yourself");

            let greet = NewProcedure::new(ProcedureKind::Skill, "greet", "Wave.")
                .trigger("somebody arrives");
            assert_eq!(ctx.procedures().put(greet.clone())?, 1);
            assert_eq!(ctx.procedures().put(greet)?, 2);
            assert_eq!(
                ctx.procedures().matching("a guest arrives", 5)?[0].version,
                2
            );

            let tools = ctx.registry().find_agents(AgentQuery {
                consumes: Some("price.wanted".into()),
                ..AgentQuery::default()
            })?;
            assert_eq!(tools[0].name, "pricer");
            Ok(())
        });
    let turn = TestHost::new()
        .with_agent(pricer())
        .handle(&agent, order(1));
    assert_eq!(turn.result(), &Ok(()));
}

#[test]
fn limits_are_those_of_the_host() {
    let flood = |events: u32| {
        Agent::new("flood")
            .produces::<AskPrice>()
            .on(move |ctx: &Context, _: Event<Order>| {
                for number in 0..events {
                    ctx.publish(&AskPrice { number })?;
                }
                Ok(())
            })
    };
    assert_eq!(
        TestHost::new().handle(&flood(64), order(1)).events().len(),
        64
    );
    let past = TestHost::new().handle(&flood(65), order(1));
    assert!(matches!(past.result(), Err(Failure::Retry { .. })));
    assert!(past.events().is_empty());

    let keys = Agent::new("keys")
        .grants(Grant::WORKING)
        .on(|ctx: &Context, _: Event<Order>| {
            ctx.working().put(&"k".repeat(512), &1)?;
            let past = ctx.working().put(&"k".repeat(513), &1);
            assert!(matches!(past, Err(Error::Invalid(_))));
            Ok(())
        });
    assert_eq!(TestHost::new().handle(&keys, order(1)).result(), &Ok(()));
}
