//! Event definitions and schemas.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::{Json, Topic};
use crate::id::{AgentName, EventType};
use crate::registry::Schema;

/// An event type to declare.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventDefinitionRequest {
    /// Its topic.
    #[schema(value_type = String, example = "business-facts")]
    pub topic: Topic,
    /// What it means.
    #[serde(default)]
    pub description: String,
    /// The name of the schema that payloads are checked against.
    #[serde(
        default,
        alias = "schemaName",
        alias = "schema_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub schema: Option<String>,
}

/// An event type that somebody declared, by hand or in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventDefinitionView {
    /// The type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub event_type: EventType,
    /// Its topic.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// What it means.
    pub description: String,
    /// The name of the schema that payloads are checked against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Whether some active agent consumes it.
    pub actionable: bool,
    /// Agents that consume it.
    #[schema(value_type = Vec<String>)]
    pub consumers: Vec<AgentName>,
    /// Agents that produce it.
    #[schema(value_type = Vec<String>)]
    pub producers: Vec<AgentName>,
}

/// A version of a schema.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SchemaView {
    /// Its name.
    pub name: String,
    /// 1, 2, 3 …
    pub version: u32,
    /// The JSON Schema itself.
    #[schema(value_type = serde_json::Value)]
    pub schema: Json,
    /// Whose it is.
    #[serde(default)]
    pub owner: String,
    /// What a new version must be to the one before it: `none`, `backward`, `forward` or `full`.
    #[serde(default)]
    pub compatibility: String,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

impl From<Schema> for SchemaView {
    fn from(schema: Schema) -> Self {
        Self {
            name: schema.name,
            version: schema.version,
            schema: schema.body,
            owner: schema.owner,
            compatibility: schema.compatibility.as_str().to_owned(),
            created: schema.created,
        }
    }
}
