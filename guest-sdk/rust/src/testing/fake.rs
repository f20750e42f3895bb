//! The host of one turn of the test host, or of one nested call.
//!
//! Invariant: a function refuses what the real one refuses: what was not granted, past the limits, not JSON.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::turn::Published;
use super::world::World;
use super::{Settings, identity};
use crate::agent::{Agent, Kind};
use crate::context::{Context, Identity};
use crate::error::{Error, Failure, Result};
use crate::event::Event;
use crate::grant::Grant;
use crate::host::{Backend, NewEvent, When};
use crate::json::Json;
use crate::topic::Topic;

mod functions;

/// As on the real host.
const EVENTS_MAX: usize = 64;
const DEPTH_MAX: u32 = 4;
const KEY_BYTES_MAX: usize = 512;
const JSON_BYTES_MAX: usize = 256 * 1024;
const RANDOM_BYTES_MAX: u32 = 65_536;

/// The host of one turn, or of one nested call.
#[derive(Clone)]
pub(super) struct Fake {
    world: Rc<RefCell<World>>,
    settings: Settings,
    grants: Vec<Grant>,
    event: Event,
    who: Identity,
}

impl Fake {
    pub(super) fn new(
        world: &Rc<RefCell<World>>,
        settings: &Settings,
        agent: &Agent,
        event: &Event,
        depth: u32,
    ) -> Self {
        let mut grants = agent.wanted_grants().to_vec();
        grants.retain(|grant| !settings.denied.contains(grant));
        Self {
            world: Rc::clone(world),
            settings: settings.clone(),
            grants,
            event: event.clone(),
            who: identity(agent, event, depth),
        }
    }

    pub(super) fn run(self, agent: &Agent, event: Event) -> Result<(), Failure> {
        agent.handle(&Context::new(Backend(Rc::new(self))), event)
    }

    /// Counts a call and says whether it goes through.
    fn enter(&self, grant: Option<Grant>) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.host_calls += 1;
        if let Some((call, error)) = &self.settings.fail
            && *call == world.host_calls
        {
            return Err(error.clone());
        }
        match grant {
            Some(grant) if !self.grants.contains(&grant) => Err(Error::Denied(format!(
                "`{}` was not granted `{grant}`; ask for it with `.grants([…])`",
                self.who.agent
            ))),
            _ => Ok(()),
        }
    }

    /// For the functions that cannot refuse.
    fn count(&self) {
        self.world.borrow_mut().host_calls += 1;
    }

    fn key(key: &str) -> Result<()> {
        let sized = (1..=KEY_BYTES_MAX).contains(&key.len());
        if sized && !key.chars().any(char::is_control) {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "key: must be 1 to {KEY_BYTES_MAX} bytes without control characters, has {}",
            key.len()
        )))
    }

    fn json(field: &str, value: &Json) -> Result<Value> {
        let got = value.as_str().len();
        if got > JSON_BYTES_MAX {
            return Err(Error::Invalid(format!(
                "{field}: {got} bytes, the limit is {JSON_BYTES_MAX}"
            )));
        }
        value
            .read()
            .map_err(|error| Error::Invalid(format!("{field}: not JSON: {error}")))
    }

    fn limit(got: u32, max: u32) -> Result<()> {
        if (1..=max).contains(&got) {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "limit: {got} is not between 1 and {max}"
        )))
    }

    fn current(&self, key: &str) -> Option<Json> {
        let world = self.world.borrow();
        let plan = self.event.plan.as_deref();
        world.working(&self.who.agent, plan, key).cloned()
    }

    fn set(&self, key: &str, value: Option<Json>) {
        let plan = self.event.plan.as_deref();
        let mut world = self.world.borrow_mut();
        world.put_working(&self.who.agent, plan, key, value);
    }

    /// The event that a publication makes: the rest follows from the one being handled.
    fn stamped(&self, id: String, new: NewEvent) -> Event {
        let cause = &self.event;
        Event {
            data: new.data,
            id,
            source: format!("agent/{}", self.who.agent),
            event_type: new.event_type,
            topic: new.topic,
            time: self.settings.now.clone(),
            subject: new.subject,
            schema: new.schema,
            correlation: new.correlation.unwrap_or_else(|| cause.correlation.clone()),
            trace: cause.trace.clone(),
            parent: Some(cause.id.clone()),
            session: new.session.or_else(|| cause.session.clone()),
            goal: new.goal.or_else(|| cause.goal.clone()),
            plan: new.plan.or_else(|| cause.plan.clone()),
            task: new.task.or_else(|| cause.task.clone()),
            customer: cause.customer.clone(),
            user: cause.user.clone(),
            reply_to: new.reply_to,
            attempt: 1,
            deadline: self.settings.now.clone() + Duration::from_secs(30),
            extensions: new.extensions,
        }
    }

    fn stage(&self, new: NewEvent, when: When) -> Result<String> {
        Self::json("data", &new.data)?;
        let mut world = self.world.borrow_mut();
        if world.published.len() >= EVENTS_MAX {
            return Err(Error::Exhausted(format!(
                "events_max is {EVENTS_MAX} a turn, all used"
            )));
        }
        let id = world.next_id("evt");
        let event = self.stamped(id.clone(), new);
        world.published.push(Published { event, when });
        Ok(id)
    }

    fn tool(&self, event_type: &str) -> Result<Rc<Agent>> {
        let mut tools = self.settings.agents.iter().filter(|agent| {
            agent.kind() == Kind::Tool && agent.handles(Topic::ActionRequests, event_type)
        });
        match (tools.next(), tools.next()) {
            (Some(tool), None) => Ok(Rc::clone(tool)),
            (None, _) => Err(Error::NotFound),
            (Some(one), Some(other)) => Err(Error::Conflict(format!(
                "both `{}` and `{}` answer `{event_type}`",
                one.name(),
                other.name()
            ))),
        }
    }

    fn whose(&self) -> (&str, Option<&str>) {
        (&self.who.agent, self.who.user.as_deref())
    }
}

/// An event without any of the things that a draft may set.
fn plain(topic: Topic, event_type: &str, data: &Json) -> NewEvent {
    NewEvent {
        topic,
        event_type: event_type.to_owned(),
        data: data.clone(),
        subject: None,
        schema: None,
        correlation: None,
        session: None,
        goal: None,
        plan: None,
        task: None,
        reply_to: None,
        extensions: Vec::new(),
    }
}
