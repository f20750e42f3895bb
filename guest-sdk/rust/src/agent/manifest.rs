//! The manifest as JSON.
//!
//! Invariant: follows `wit/manifest.schema.json`; what has its default is left out, so that a later host
//! may choose better ones.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::{Capability, Kind};
use crate::grant::Grant;
use crate::json::Json;
use crate::payload::Payload;
use crate::topic::Topic;

#[derive(Serialize)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) category: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) capabilities: Vec<Capability>,
    pub(super) subscriptions: Vec<EventEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) produces: Vec<EventEntry>,
    #[serde(serialize_with = "all_grants")]
    pub(super) grants: Wanted,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Settings>,
}

/// What it asks for: one list in the manifest.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) words: Vec<Grant>,
    /// Hosts to ask over HTTP.
    pub(super) http: Vec<String>,
}

fn all_grants<S: Serializer>(wanted: &Wanted, serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(wanted.words.len() + wanted.http.len()))?;
    for word in &wanted.words {
        list.serialize_element(word)?;
    }
    for host in &wanted.http {
        list.serialize_element(&format!("http:{host}"))?;
    }
    list.end()
}

/// An event that is handled or published.
#[derive(Clone, Serialize)]
pub(crate) struct EventEntry {
    pub(crate) topic: Topic,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schema: Option<Json>,
}

/// What is not said is the host's to choose.
#[derive(Default, Serialize)]
pub(super) struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) concurrency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempts: Option<u32>,
}

impl Manifest {
    pub(super) fn new(name: String, kind: Kind) -> Self {
        Self {
            name,
            kind,
            description: String::new(),
            version: None,
            category: None,
            tags: Vec::new(),
            owner: None,
            capabilities: Vec::new(),
            subscriptions: Vec::new(),
            produces: Vec::new(),
            grants: Wanted::default(),
            settings: None,
        }
    }

    /// A schema that is not JSON makes the manifest the reason instead: the host quotes it when it refuses it.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_else(|error| format!("a schema of `{}` is not JSON: {error}", self.name))
    }
}

impl EventEntry {
    pub(super) fn of<P: Payload>() -> Self {
        Self {
            topic: P::TOPIC,
            event_type: P::TYPE.to_owned(),
            description: P::DESCRIPTION,
            schema: P::SCHEMA.map(Json::from_text),
        }
    }

    pub(super) fn new(topic: Topic, event_type: String) -> Self {
        Self {
            topic,
            event_type,
            description: "",
            schema: None,
        }
    }
}
