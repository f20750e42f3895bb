//! The live feed of the catalogue: system-events in the tenant's own log.
//!
//! Invariant: an event of the feed is appended by the commit that made the change it tells of, so that
//! the log and the catalogue never disagree, and its source is the host, which no client can write.
//! Only public services are told of: everybody who holds a key of the tenant reads the log.

use std::sync::Arc;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::{Json, NewEvent, Topic};
use crate::id::EventType;
use crate::identity::Principal;

use super::entry::{Service, ServiceKind, Visibility};
use super::lifecycle::ServiceState;

/// What all types of the feed begin with.
pub const FEED_PREFIX: &str = "service.";

/// What happened to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Registered,
    /// It says something else of itself.
    Changed,
    /// It is active again.
    Recovered,
    /// It is in this state now, which is not `active`.
    Became(ServiceState),
    /// Its owner took it out.
    Deregistered,
    /// It was offline for too long.
    Expired,
}

impl Change {
    /// What a change of state means, if it is one.
    pub fn between(before: ServiceState, after: ServiceState) -> Option<Self> {
        match (before == after, after) {
            (true, _) => None,
            (false, ServiceState::Active) => Some(Self::Recovered),
            (false, state) => Some(Self::Became(state)),
        }
    }

    /// The last word of its event type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Changed => "changed",
            Self::Recovered => "recovered",
            Self::Became(state) => state.as_str(),
            Self::Deregistered | Self::Expired => "deregistered",
        }
    }
}

/// The payload.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    version: &'a str,
    #[serde(rename = "type")]
    kind: ServiceKind,
    state: ServiceState,
    previous: ServiceState,
    owner: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The event that tells of a change; none if nobody is to be told. `service` is as it is after the
/// change, or as it last was.
///
/// # Errors
/// `Internal` if it cannot be written, which would be a defect.
pub fn change_event(
    service: &Service,
    previous: ServiceState,
    change: Change,
    now: Timestamp,
) -> Result<Option<NewEvent>> {
    if service.definition.visibility != Visibility::Public {
        return Ok(None);
    }
    let told = Told {
        name: service.name().as_str(),
        version: &service.definition.version,
        kind: service.definition.kind,
        state: service.state_at(now),
        previous,
        owner: service.owner.as_str(),
        url: service.definition.url.as_deref(),
        reason: (change == Change::Expired).then_some("offline for longer than it is kept"),
    };
    let event_type = EventType::new(&format!("{FEED_PREFIX}{}", change.as_str()))?;
    Ok(Some(NewEvent {
        subject: Some(Arc::from(service.name().as_str())),
        ..NewEvent::of_host(event_type, Json::from_value("data", &told)?, now)
    }))
}

/// Whether an event of the log is one of the feed. Its source was stamped by the host.
pub fn is_feed_event(event: &NewEvent) -> bool {
    event.topic == Topic::SystemEvents
        && event.event_type.as_str().starts_with(FEED_PREFIX)
        && event.source == Principal::Host.source()
}
