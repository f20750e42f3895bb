//! Test an agent natively, without WebAssembly and without a host: [`TestHost`].
//!
//! Invariant: what a turn wrote is kept when its handler returns `Ok` and gone when it does not, as on the
//! real host; an agent has the grants that it asks for and no others, so a test shows a forgotten one.
//! What is simpler here: times to live do not pass, events published for later come at once, searches count
//! common words, and payloads are not checked against schemas.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::agent::Agent;
use crate::context::{Entry, Identity, Level, NewProcedure, Violation};
use crate::error::{Error, Failure, Result};
use crate::event::Event;
use crate::grant::Grant;
use crate::instant::Instant;
use crate::json::Json;
use crate::payload::Payload;

mod catalog;
mod fake;
mod lookup;
mod memory;
mod settled;
mod turn;
mod words;
mod world;

use fake::Fake;
use world::World;

pub use settled::Settled;
pub use turn::{LogLine, Published, Turn};

/// The clock of a host that was told nothing else: 2026-01-01T00:00:00Z.
const NOW_UNIX_MS: i64 = 1_767_225_600_000;

type Answer = Rc<dyn Fn(&Json) -> Result<Json>>;

/// A host for tests: keeps memory from turn to turn, and records what each turn does.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use warren_agent::{Agent, Context, Event, Failure, Grant, payload, testing::TestHost};
///
/// #[derive(Serialize, Deserialize)]
/// struct Seen { page: String }
/// payload!(Seen: BusinessFacts, "page.seen");
///
/// fn count(ctx: &Context, seen: Event<Seen>) -> Result<(), Failure> {
///     ctx.working().increment(&seen.data.page, 1)?;
///     Ok(())
/// }
///
/// let agent = Agent::new("counter").on(count).grants(Grant::WORKING);
/// let mut host = TestHost::new().with_working("home", &41);
/// let turn = host.handle(&agent, Event::new(Seen { page: "home".into() }));
/// assert_eq!(turn.result(), &Ok(()));
/// assert_eq!(turn.working::<u32>("home"), Some(42));
///
/// // No effect of a turn that fails after any of its host calls:
/// for call in 1..=turn.host_calls() {
///     let mut host = TestHost::new().fail_call(call, warren_agent::Error::Unavailable("x".into()));
///     let turn = host.handle(&agent, Event::new(Seen { page: "home".into() }));
///     assert_eq!(turn.working::<u32>("home"), None);
/// }
/// ```
#[derive(Clone)]
pub struct TestHost {
    world: Rc<RefCell<World>>,
    settings: Settings,
}

/// What a test told the host to be like.
#[derive(Clone)]
struct Settings {
    agents: Vec<Rc<Agent>>,
    answers: BTreeMap<String, Answer>,
    violations: BTreeMap<String, Vec<Violation>>,
    config: BTreeMap<String, String>,
    denied: Vec<Grant>,
    fail: Option<(u32, Error)>,
    now: Instant,
    cancelled: bool,
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// A host with empty memory.
    pub fn new() -> Self {
        Self {
            world: Rc::default(),
            settings: Settings {
                agents: Vec::new(),
                answers: BTreeMap::new(),
                violations: BTreeMap::new(),
                config: BTreeMap::new(),
                denied: Vec::new(),
                fail: None,
                now: Instant::from_unix_ms(NOW_UNIX_MS),
                cancelled: false,
            },
        }
    }

    /// With this value in the working memory of whatever agent comes first, outside any plan.
    #[must_use]
    pub fn with_working<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Self {
        let value = Json::of(value).expect("a test's value can be written as JSON");
        self.world.borrow_mut().seed(None, key, value);
        self
    }

    /// With this value in the working memory of a plan.
    #[must_use]
    pub fn with_plan_working<T: Serialize + ?Sized>(
        self,
        plan: &str,
        key: &str,
        value: &T,
    ) -> Self {
        let value = Json::of(value).expect("a test's value can be written as JSON");
        self.world.borrow_mut().seed(Some(plan), key, value);
        self
    }

    /// With this entry in semantic memory, visible to everybody.
    #[must_use]
    pub fn with_knowledge(self, entry: Entry) -> Self {
        let now = self.settings.now.clone();
        self.world.borrow_mut().remember(entry, "test", &now);
        self
    }

    /// With this procedure.
    #[must_use]
    pub fn with_procedure(self, procedure: NewProcedure) -> Self {
        let now = self.settings.now.clone();
        self.world
            .borrow_mut()
            .put_procedure(procedure, "test", &now);
        self
    }

    /// With another agent of the tenant: the registry knows it, calls and [`settle`](Self::settle) reach it.
    #[must_use]
    pub fn with_agent(mut self, agent: Agent) -> Self {
        self.settings.agents.push(Rc::new(agent));
        self
    }

    /// With an answer for calls of this request, in place of a tool.
    #[must_use]
    pub fn with_answer<Q, A>(mut self, answer: impl Fn(Q) -> Result<A> + 'static) -> Self
    where
        Q: Payload + DeserializeOwned,
        A: Serialize,
    {
        let answer: Answer = Rc::new(move |data: &Json| Json::of(&answer(data.read()?)?));
        self.settings.answers.insert(Q::TYPE.to_owned(), answer);
        self
    }

    /// With this configuration value for the agent.
    #[must_use]
    pub fn with_config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.config.insert(key.into(), value.into());
        self
    }

    /// With these violations whenever a value is checked against this schema.
    #[must_use]
    pub fn with_violations(mut self, schema: impl Into<String>, found: Vec<Violation>) -> Self {
        self.settings.violations.insert(schema.into(), found);
        self
    }

    /// With the clock at this instant. It stands still.
    #[must_use]
    pub fn at(mut self, now: Instant) -> Self {
        self.settings.now = now;
        self
    }

    /// Deny this grant to every agent, whatever it asks for.
    #[must_use]
    pub fn deny(mut self, grant: Grant) -> Self {
        self.settings.denied.push(grant);
        self
    }

    /// Refuse the `call`-th host call of each turn, counted from 1, with this error. A call that cannot be
    /// refused, such as a line of log, goes through.
    #[must_use]
    pub fn fail_call(mut self, call: u32, error: Error) -> Self {
        self.settings.fail = Some((call, error));
        self
    }

    /// Tell agents that the host would like the turn to end.
    #[must_use]
    pub fn cancelled(mut self) -> Self {
        self.settings.cancelled = true;
        self
    }

    /// Run one turn.
    pub fn handle<P: Serialize>(&mut self, agent: &Agent, event: Event<P>) -> Turn {
        let event = event
            .encode()
            .expect("a test's payload can be written as JSON");
        let before = self.world.borrow().clone();
        self.world.borrow_mut().begin_turn();
        let fake = Fake::new(&self.world, &self.settings, agent, &event, 0);
        let result = fake.run(agent, event.clone());
        let mut world = self.world.borrow_mut();
        Turn::new(&event, agent.name(), result, &mut world, &before)
    }

    /// A value of an agent's working memory, outside any plan.
    ///
    /// # Panics
    /// If it is not a `T`.
    pub fn working<T: DeserializeOwned>(&self, agent: &str, key: &str) -> Option<T> {
        let world = self.world.borrow();
        let value = world.working(agent, None, key)?;
        Some(value.read().expect("the value is what the test expects"))
    }

    /// Publish an event and run the turns of all agents given by [`with_agent`](Self::with_agent) until
    /// nothing is left to handle. An event for later counts as due. A failed turn is not tried again.
    ///
    /// # Panics
    /// After 1,000 turns: agents that go round in circles.
    pub fn settle<P: Serialize>(&mut self, event: Event<P>) -> Settled {
        let event = event
            .encode()
            .expect("a test's payload can be written as JSON");
        settled::settle(self, event)
    }
}

/// Who runs a turn of the test host.
fn identity(agent: &Agent, event: &Event, depth: u32) -> Identity {
    Identity {
        agent: agent.name().to_owned(),
        digest: format!("sha256:{}", "0".repeat(64)),
        turn: format!("trn_{}_{}", event.id, agent.name()),
        attempt: event.attempt,
        customer: event.customer.clone(),
        user: event.user.clone(),
        depth,
    }
}
