//! Procedural memory: named, versioned prompts, rules and skills of the tenant.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::id::AgentName;
use crate::identity::TenantScope;

/// Most procedures that one match returns.
pub const MATCH_LIMIT_MAX: u32 = 50;
/// Longest trigger in bytes.
pub const TRIGGER_BYTES_MAX: usize = 512;
/// Longest name in bytes.
pub const PROCEDURE_NAME_BYTES_MAX: usize = 128;

/// What sort of procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcedureKind {
    /// Text for a language model.
    Prompt,
    /// A rule to follow.
    Rule,
    /// A way to do something.
    Skill,
}

impl ProcedureKind {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Rule => "rule",
            Self::Skill => "skill",
        }
    }
}

/// A version to write.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcedureWrite {
    /// Its name.
    pub name: Arc<str>,
    /// The number it gets: one more than the latest this turn saw.
    pub version: u32,
    /// What sort.
    pub kind: ProcedureKind,
    /// The text.
    pub body: Arc<str>,
    /// When to use it.
    pub triggers: Vec<String>,
    /// A JSON object.
    pub metadata: Json,
    /// Who wrote it.
    pub writer: AgentName,
    /// When.
    pub now: Timestamp,
}

/// A version as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Procedure {
    /// Its name.
    pub name: Arc<str>,
    /// 1, 2, 3 …
    pub version: u32,
    /// What sort.
    pub kind: ProcedureKind,
    /// The text.
    pub body: Arc<str>,
    /// When to use it.
    pub triggers: Vec<String>,
    /// A JSON object.
    pub metadata: Json,
    /// Who wrote it.
    pub writer: AgentName,
    /// When.
    pub created: Timestamp,
}

/// Reads of procedural memory.
#[async_trait]
pub trait ProcedureStore: Send + Sync {
    /// This version, or the current one.
    async fn get(
        &self,
        scope: &TenantScope,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Procedure>>;
    /// The number of the latest version; 0 without one.
    async fn latest(&self, scope: &TenantScope, name: &str) -> Result<u32>;
    /// Current procedures whose triggers fit, the best first, each with its score, 0 to 1.
    async fn matching(
        &self,
        scope: &TenantScope,
        situation: &str,
        limit: u32,
    ) -> Result<Vec<(Procedure, f64)>>;
}
