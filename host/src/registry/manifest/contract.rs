//! Contracts of events: topic, type, meaning and schema, as manifests and the catalogue write them.
//!
//! Invariant: what was read writes itself again so that it reads as the same value.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::events::{Json, Topic};
use crate::id::EventType;

/// The schema of a payload: JSON Schema in place, or the name of a registered one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadSchema {
    /// Written out.
    Inline(Json),
    /// The latest version of the registered schema of this name.
    Named(String),
}

impl Serialize for PayloadSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inline(body) => body.serialize(serializer),
            Self::Named(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for PayloadSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('"') {
            // No JSON Schema is a string, so a string is a name.
            return read(&raw).map(Self::Named);
        }
        Json::parse("schema", raw.get())
            .map(Self::Inline)
            .map_err(de::Error::custom)
    }
}

/// An event that is handled or published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventContract {
    /// Its topic.
    pub topic: Topic,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// What it means, or what the agent does with it.
    #[serde(default)]
    pub description: String,
    /// What its payload must fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<PayloadSchema>,
}

/// An event that an agent handles.
pub type Subscription = EventContract;
/// An event that an agent publishes.
pub type Produced = EventContract;

/// An event of a capability: one that the agent subscribes to or produces, by its type, or written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRef {
    /// Look it up among the subscriptions or the produced events.
    Type(EventType),
    /// This one.
    Contract(EventContract),
}

impl EventRef {
    /// Its type.
    pub fn event_type(&self) -> &EventType {
        match self {
            Self::Type(event_type) => event_type,
            Self::Contract(contract) => &contract.event_type,
        }
    }
}

impl Serialize for EventRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Type(event_type) => event_type.serialize(serializer),
            Self::Contract(contract) => contract.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EventRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('"') {
            read(&raw).map(Self::Type)
        } else {
            read(&raw).map(Self::Contract)
        }
    }
}

/// Reads a list of references, or a single one, or nothing.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<EventRef>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    match raw.get().bytes().next() {
        Some(b'n') => Ok(Vec::new()),
        Some(b'[') => read(&raw),
        _ => read(&raw).map(|one| vec![one]),
    }
}

fn read<T: de::DeserializeOwned, E: de::Error>(raw: &RawValue) -> Result<T, E> {
    serde_json::from_str(raw.get()).map_err(E::custom)
}

/// Something that an agent or a service can do, in the words of whoever looks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// Its name, for example `summarise-page`.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// Names of the tasks that it carries out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// The events that ask for it.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub consumes: Vec<EventRef>,
    /// The events that answer.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub produces: Vec<EventRef>,
}

/// A capability with each of its events written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityContract {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Names of the tasks that it carries out.
    pub tasks: Vec<String>,
    /// The events that ask for it.
    pub consumes: Vec<EventContract>,
    /// The events that answer.
    pub produces: Vec<EventContract>,
}

impl CapabilityContract {
    /// Write out a capability of whoever handles and publishes these. A type that is not among them is
    /// left out: there is nothing to say about it.
    pub fn of(capability: &Capability, handled: &[Subscription], published: &[Produced]) -> Self {
        Self {
            name: capability.name.clone(),
            description: capability.description.clone(),
            tasks: capability.tasks.clone(),
            consumes: written_out(&capability.consumes, handled),
            produces: written_out(&capability.produces, published),
        }
    }
}

fn written_out(references: &[EventRef], known: &[EventContract]) -> Vec<EventContract> {
    references
        .iter()
        .flat_map(|reference| match reference {
            EventRef::Contract(contract) => vec![contract.clone()],
            EventRef::Type(event_type) => known
                .iter()
                .filter(|contract| contract.event_type == *event_type)
                .cloned()
                .collect(),
        })
        .collect()
}
