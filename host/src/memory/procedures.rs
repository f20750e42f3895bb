//! Procedural memory: named, versioned prompts, rules and skills of the tenant.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::Json;
use crate::identity::TenantScope;

use super::check;

/// Most procedures that one match returns.
pub const MATCH_LIMIT_MAX: u32 = 50;
/// Longest trigger in bytes.
pub const TRIGGER_BYTES_MAX: usize = 512;
/// Most triggers of all current versions in a tenant: a match reads the vectors of all of them, some ten
/// milliseconds for this many.
pub const PROCEDURE_TRIGGERS_MAX: u64 = 10_000;
/// How many changes of the current version can be rolled back, the one that is current included.
pub const PROCEDURE_HISTORY_MAX: usize = 64;
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

/// A procedure as somebody gives it, not yet checked.
#[derive(Debug, Clone)]
pub struct NewProcedure {
    /// Its name.
    pub name: String,
    /// What sort.
    pub kind: ProcedureKind,
    /// The text.
    pub body: String,
    /// When to use it.
    pub triggers: Vec<String>,
    /// A JSON object.
    pub metadata: String,
}

impl NewProcedure {
    /// Check it. Whoever writes it gives it its number.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` that names the field, the value and the rule.
    pub fn check(self, writer: Arc<str>, now: Timestamp) -> Result<ProcedureWrite> {
        check::text("body", &self.body)?;
        check::list("triggers", &self.triggers, TRIGGER_BYTES_MAX)?;
        Ok(ProcedureWrite {
            name: check::procedure_name(&self.name)?,
            version: 0,
            kind: self.kind,
            body: self.body.into(),
            triggers: self.triggers,
            metadata: check::object("metadata", &self.metadata)?,
            writer,
            now,
        })
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
    /// An agent's name, or `client/<key>`.
    pub writer: Arc<str>,
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
    /// An agent's name, or `client/<key>`.
    pub writer: Arc<str>,
    /// When.
    pub created: Timestamp,
}

/// A procedure's versions, and which of them was current when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcedureState {
    /// The number of the latest version; 0 without one.
    pub latest: u32,
    /// The versions that were current before, and last the one that is.
    pub history: Vec<u32>,
    /// How often any of this has changed.
    pub changes: u64,
}

impl ProcedureState {
    /// The version that is current; 0 without one.
    pub fn current(&self) -> u32 {
        self.history.last().copied().unwrap_or(0)
    }

    /// Make a version current.
    pub fn activate(&mut self, version: u32) {
        self.history.push(version);
        if self.history.len() > PROCEDURE_HISTORY_MAX {
            self.history.remove(0);
        }
    }

    /// Make the version current that was before.
    ///
    /// # Errors
    /// `Conflict` if there was none, or it is longer ago than is remembered.
    pub fn roll_back(&mut self, name: &str) -> Result<()> {
        if self.history.len() < 2 {
            return Err(Error::conflict(
                "procedure",
                format!(
                    "`{name}` has nothing to go back to: no other version was current in its last {PROCEDURE_HISTORY_MAX}; activate one by its number"
                ),
            ));
        }
        self.history.pop();
        Ok(())
    }
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
    /// Its versions, and which one is current.
    async fn state(&self, scope: &TenantScope, name: &str) -> Result<ProcedureState>;
    /// The current version of each, by name after `after`.
    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Procedure>>;
    /// Current procedures whose triggers fit, the best first, each with its score, 0 to 1.
    async fn matching(
        &self,
        scope: &TenantScope,
        situation: &str,
        limit: u32,
    ) -> Result<Vec<(Procedure, f64)>>;
}

/// Procedural memory as a client of the tenant keeps it, outside turns: each call is a transaction.
#[async_trait]
pub trait ProcedureKeeper: Send + Sync {
    /// Keep a version under the next number and make it current. Returns it as stored.
    async fn put(&self, scope: &TenantScope, write: ProcedureWrite) -> Result<Procedure>;
    /// Make a version current that is there.
    ///
    /// # Errors
    /// `NotFound` if it is not.
    async fn activate(&self, scope: &TenantScope, name: &str, version: u32) -> Result<()>;
    /// Make the version current that was so before. Returns it.
    ///
    /// # Errors
    /// `NotFound` without the procedure, `Conflict` with nothing to go back to.
    async fn roll_back(&self, scope: &TenantScope, name: &str) -> Result<Procedure>;
}
