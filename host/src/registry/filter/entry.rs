//! An entry of the catalogue in short, as filters speak of it.
//!
//! Invariant: every part is there, of its sort, whatever an entry leaves out: `''`, an empty list, an empty
//! object. Names are those of the entry's JSON. Texts are borrowed, not copied.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::Value;

use crate::registry::discovery::Found;
use crate::registry::{Capability, EventRef, Visibility};

/// Bytes of JSON that are read in one step.
const JSON_BYTES_A_STEP: u64 = 8;
/// The shortest value in a JSON list, with what stands between two: `0,`.
const JSON_ITEM_BYTES: u64 = 2;

/// A part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Name,
    Version,
    Type,
    State,
    Hosted,
    Owner,
    Description,
    Category,
    Tags,
    Url,
    Protocol,
    Capabilities,
    Tasks,
    Consumes,
    Produces,
    Metadata,
    Visibility,
}

type Boxed<'a> = Box<dyn Val + 'a>;

impl Part {
    /// All of them.
    pub(super) const ALL: [Self; 17] = [
        Self::Name,
        Self::Version,
        Self::Type,
        Self::State,
        Self::Hosted,
        Self::Owner,
        Self::Description,
        Self::Category,
        Self::Tags,
        Self::Url,
        Self::Protocol,
        Self::Capabilities,
        Self::Tasks,
        Self::Consumes,
        Self::Produces,
        Self::Metadata,
        Self::Visibility,
    ];

    /// Its name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Version => "version",
            Self::Type => "type",
            Self::State => "state",
            Self::Hosted => "hosted",
            Self::Owner => "owner",
            Self::Description => "description",
            Self::Category => "category",
            Self::Tags => "tags",
            Self::Url => "url",
            Self::Protocol => "protocol",
            Self::Capabilities => "capabilities",
            Self::Tasks => "tasks",
            Self::Consumes => "consumes",
            Self::Produces => "produces",
            Self::Metadata => "metadata",
            Self::Visibility => "visibility",
        }
    }

    /// The part of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == name)
    }

    /// What it is, if it is neither true nor false.
    pub(super) const fn sort(self) -> Option<&'static str> {
        match self {
            Self::Hosted => None,
            Self::Metadata => Some("an object"),
            Self::Tags | Self::Capabilities | Self::Tasks | Self::Consumes | Self::Produces => {
                Some("a list")
            }
            _ => Some("a text"),
        }
    }

    /// Most values that a list in it has.
    pub(super) fn most_items(self, found: &Found) -> u64 {
        let said = &found.definition;
        let items = match self {
            Self::Tags => said.tags.len(),
            Self::Capabilities => said.capabilities.len(),
            Self::Tasks => said.capabilities.iter().map(|c| c.tasks.len()).sum(),
            Self::Consumes => said.subscriptions.len(),
            Self::Produces => said.produces.len(),
            Self::Metadata => return metadata_bytes(found) / JSON_ITEM_BYTES,
            // No list: to walk it is an error at the first value.
            _ => 1,
        };
        items as u64
    }

    /// Steps that it takes to make it ready.
    pub(super) fn steps(self, found: &Found) -> u64 {
        match self {
            Self::Metadata => 1 + metadata_bytes(found) / JSON_BYTES_A_STEP,
            Self::Capabilities => {
                let all = found.definition.capabilities.iter();
                all.map(|c| 6 + (c.tasks.len() + c.consumes.len() + c.produces.len()) as u64)
                    .sum()
            }
            _ => self.most_items(found).max(1),
        }
    }

    /// It, of an entry.
    pub(super) fn value(self, found: &Found) -> Boxed<'_> {
        let said = &*found.definition;
        match self {
            Self::Name => text(said.name.as_str()),
            Self::Version => text(&said.version),
            Self::Type => text(said.kind.as_str()),
            Self::State => text(found.state.as_str()),
            Self::Hosted => Box::new(CelBool::from(found.is_hosted())),
            Self::Owner => text(found.owner().unwrap_or_default()),
            Self::Description => text(&said.description),
            Self::Category => text(said.category.as_deref().unwrap_or_default()),
            Self::Tags => texts(said.tags.iter().map(String::as_str)),
            Self::Url => text(said.url.as_deref().unwrap_or_default()),
            Self::Protocol => text(said.protocol.as_deref().unwrap_or_default()),
            Self::Capabilities => list(said.capabilities.iter().map(capability)),
            Self::Tasks => {
                let all = said.capabilities.iter().flat_map(|c| &c.tasks);
                texts(all.map(String::as_str))
            }
            Self::Consumes => texts(said.subscriptions.iter().map(|e| e.event_type.as_str())),
            Self::Produces => texts(said.produces.iter().map(|e| e.event_type.as_str())),
            Self::Metadata => metadata(found),
            Self::Visibility => text(match said.visibility {
                Visibility::Public => "public",
                Visibility::Private => "private",
                Visibility::Internal => "internal",
            }),
        }
    }
}

fn text(text: &str) -> Boxed<'_> {
    Box::new(CelString::from(text))
}

fn list<'a>(values: impl Iterator<Item = Boxed<'a>>) -> Boxed<'a> {
    Box::new(CelList::from(values.collect::<Vec<_>>()))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Boxed<'a> {
    list(values.map(text))
}

fn object<'a>(members: impl Iterator<Item = (CelMapKey<'a>, Boxed<'a>)>) -> Boxed<'a> {
    Box::new(CelMap::from(members.collect::<HashMap<_, _>>()))
}

fn capability(capability: &Capability) -> Boxed<'_> {
    fn events(all: &[EventRef]) -> Boxed<'_> {
        texts(all.iter().map(|event| event.event_type().as_str()))
    }
    let members: [(&str, Boxed<'_>); 5] = [
        ("name", text(&capability.name)),
        ("description", text(&capability.description)),
        ("tasks", texts(capability.tasks.iter().map(String::as_str))),
        ("consumes", events(&capability.consumes)),
        ("produces", events(&capability.produces)),
    ];
    let members = members.into_iter();
    object(members.map(|(name, value)| (CelMapKey::from(name), value)))
}

fn metadata_bytes(found: &Found) -> u64 {
    let metadata = found.definition.metadata.as_ref();
    metadata.map_or(0, |metadata| metadata.as_str().len() as u64)
}

fn metadata(found: &Found) -> Boxed<'static> {
    let metadata = found.definition.metadata.as_ref();
    // Checked to be an object when it was registered.
    let members = metadata.and_then(|json| json.read::<Value>("metadata").ok());
    value(members.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
}

/// JSON is at most 64 deep, so that this is too.
fn value(json: Value) -> Boxed<'static> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(is_true) => Box::new(CelBool::from(is_true)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Box::new(CelInt::from(whole)),
            (None, Some(whole)) => Box::new(CelUInt::from(whole)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text)),
        Value::Array(values) => list(values.into_iter().map(value)),
        Value::Object(members) => {
            let members = members.into_iter();
            object(members.map(|(name, json)| (CelMapKey::from(name), value(json))))
        }
    }
}
