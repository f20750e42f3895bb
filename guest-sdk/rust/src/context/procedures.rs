//! Procedural memory.

use serde::Serialize;

use crate::error::Result;
use crate::host::{Backend, Host as _};
use crate::instant::Instant;
use crate::json::Json;

/// What sort of procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcedureKind {
    /// Text for a language model.
    Prompt,
    /// A rule to follow.
    Rule,
    /// A way to do something.
    Skill,
}

/// A procedure to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProcedure {
    /// Lower-case words joined by dots or dashes, at most 128 bytes.
    pub name: String,
    /// What sort.
    pub kind: ProcedureKind,
    /// 1 byte to 64 KiB of text.
    pub body: String,
    /// When to use it, in words: at most 32, each at most 512 bytes.
    pub triggers: Vec<String>,
    /// A JSON object.
    pub metadata: Json,
}

impl NewProcedure {
    /// A procedure without triggers: found by name.
    pub fn new(kind: ProcedureKind, name: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            body: body.into(),
            triggers: Vec::new(),
            metadata: Json::empty_object(),
        }
    }

    /// With one more situation to use it in.
    #[must_use]
    pub fn trigger(mut self, trigger: impl Into<String>) -> Self {
        self.triggers.push(trigger.into());
        self
    }

    /// With metadata: a value that is written as a JSON object.
    ///
    /// # Errors
    /// `Json` if it cannot be written as JSON.
    pub fn metadata<T: Serialize + ?Sized>(mut self, metadata: &T) -> Result<Self> {
        self.metadata = Json::of(metadata)?;
        Ok(self)
    }
}

/// A version of a procedure.
#[derive(Debug, Clone, PartialEq)]
pub struct Procedure {
    /// Its name.
    pub name: String,
    /// 1, 2, 3 …
    pub version: u32,
    /// What sort.
    pub kind: ProcedureKind,
    /// The text.
    pub body: String,
    /// When to use it.
    pub triggers: Vec<String>,
    /// A JSON object.
    pub metadata: Json,
    /// The agent that wrote it.
    pub writer: String,
    /// When.
    pub created: Instant,
    /// 0 to 1 from [`Procedures::matching`], 1 otherwise.
    pub score: f64,
}

/// Procedural memory; made by [`Context::procedures`](crate::Context::procedures).
#[derive(Clone, Copy)]
pub struct Procedures<'a> {
    host: &'a Backend,
}

impl<'a> Procedures<'a> {
    pub(super) fn new(host: &'a Backend) -> Self {
        Self { host }
    }

    /// Keep a new version and make it the current one. Returns its number. Versions never change.
    pub fn put(self, procedure: NewProcedure) -> Result<u32> {
        self.host.get().put_procedure(procedure)
    }

    /// The current version.
    pub fn get(self, name: &str) -> Result<Procedure> {
        self.host.get().get_procedure(name, None)
    }

    /// This version.
    pub fn get_version(self, name: &str, version: u32) -> Result<Procedure> {
        self.host.get().get_procedure(name, Some(version))
    }

    /// Make a version current that is there already, whichever is so now.
    pub fn activate(self, name: &str, version: u32) -> Result<()> {
        self.host.get().activate_procedure(name, version)
    }

    /// Make the version current that was so before the one that is, and return its number; the next call
    /// goes back one more.
    pub fn roll_back(self, name: &str) -> Result<u32> {
        self.host.get().roll_back_procedure(name)
    }

    /// Current procedures whose triggers fit a situation, the best first; `limit` 1 to 50.
    pub fn matching(self, situation: &str, limit: u32) -> Result<Vec<Procedure>> {
        self.host.get().match_procedures(situation, limit)
    }
}
