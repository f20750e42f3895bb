//! Secrets, without their values.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::SecretName;
use crate::secrets::SecretEntry;

/// A secret about to be set.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// What is sent: 8 to 4,096 bytes of visible ASCII and spaces.
    #[schema(format = Password, write_only)]
    pub value: String,
    /// To which hosts, 1 to 64: `api.example.com`, `*.example.com:8443`, `http://printer.example` without TLS.
    pub hosts: Vec<String>,
    /// In which headers, at most 8; `authorization` unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
}

/// What may be told of a secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// Its name: `{{secret:NAME}}` stands for it.
    #[schema(value_type = String)]
    pub name: SecretName,
    /// To which hosts it may be sent.
    pub hosts: Vec<String>,
    /// In which headers.
    pub headers: Vec<String>,
    /// When it was first set.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was set last.
    #[schema(value_type = String, format = DateTime)]
    pub updated: Timestamp,
}

impl From<SecretEntry> for SecretView {
    fn from(entry: SecretEntry) -> Self {
        Self {
            name: entry.name,
            hosts: entry.rules.hosts,
            headers: entry.rules.headers,
            created: entry.created,
            updated: entry.updated,
        }
    }
}
