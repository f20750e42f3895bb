//! What became of an event and of all that it set off.

use std::collections::VecDeque;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use super::turn::payloads;
use super::{Failure, Payload, TestHost};
use crate::event::Event;

/// Turns after which agents go round in circles, rather than work.
const TURNS_MAX: usize = 1_000;

/// What became of an event and of all that it set off.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    events: Vec<Event>,
    failures: Vec<(String, Failure)>,
}

impl Settled {
    /// The first event and all that were published, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The types of all events, in order.
    pub fn types(&self) -> Vec<&str> {
        let types = self.events.iter().map(|event| event.event_type.as_str());
        types.collect()
    }

    /// Payloads of the events of this type, in order.
    ///
    /// # Panics
    /// If one of them is not a `P`.
    pub fn published<P: Payload + DeserializeOwned>(&self) -> Vec<P> {
        payloads(self.events.iter())
    }

    /// The turns that failed, by agent.
    pub fn failures(&self) -> &[(String, Failure)] {
        &self.failures
    }
}

pub(super) fn settle(host: &mut TestHost, event: Event) -> Settled {
    let mut settled = Settled {
        events: Vec::new(),
        failures: Vec::new(),
    };
    let mut turns = 0;
    let mut waiting = VecDeque::from([event]);
    while let Some(event) = waiting.pop_front() {
        for agent in host.settings.agents.clone() {
            if !agent.handles(event.topic, &event.event_type) {
                continue;
            }
            turns += 1;
            assert!(turns <= TURNS_MAX, "still busy after {TURNS_MAX} turns");
            let turn = host.handle(&Rc::clone(&agent), event.clone());
            if let Err(failure) = turn.result() {
                let failure = (agent.name().to_owned(), failure.clone());
                settled.failures.push(failure);
            }
            waiting.extend(
                turn.events()
                    .iter()
                    .map(|published| published.event.clone()),
            );
        }
        settled.events.push(event);
    }
    settled
}
