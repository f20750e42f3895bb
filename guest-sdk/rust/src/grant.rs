//! What an agent may ask for, one word each.

use std::fmt;

use serde::{Serialize, Serializer};

/// A capability of the host that an agent asks for in its declaration.
///
/// Name single ones or the pairs: `.grants(Grant::WORKING)`, `.grants([Grant::KnowledgeRead])`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// Publish events and respond to them. Asked for by [`produces`](crate::Agent::produces) and
    /// [`answers`](crate::Agent::answers).
    EventsPublish,
    /// Call tool agents. Asked for by [`calls`](crate::Agent::calls).
    EventsCall,
    /// Look up agents, event types and schemas.
    RegistryRead,
    /// Read working memory.
    WorkingRead,
    /// Write working memory.
    WorkingWrite,
    /// Search and read what is known.
    KnowledgeRead,
    /// Remember and forget.
    KnowledgeWrite,
    /// Read what was said and done.
    EpisodesRead,
    /// Add to what was said and done.
    EpisodesWrite,
    /// Read prompts, rules and skills.
    ProceduresRead,
    /// Keep new versions of prompts, rules and skills.
    ProceduresWrite,
}

impl Grant {
    /// Read and write working memory.
    pub const WORKING: [Self; 2] = [Self::WorkingRead, Self::WorkingWrite];
    /// Search, remember and forget.
    pub const KNOWLEDGE: [Self; 2] = [Self::KnowledgeRead, Self::KnowledgeWrite];
    /// Read and add episodes.
    pub const EPISODES: [Self; 2] = [Self::EpisodesRead, Self::EpisodesWrite];
    /// Read and write procedures.
    pub const PROCEDURES: [Self; 2] = [Self::ProceduresRead, Self::ProceduresWrite];
    /// All there are. Ask for less where you can: a tenant sees what an agent asks for.
    pub const ALL: [Self; 11] = [
        Self::EventsPublish,
        Self::EventsCall,
        Self::RegistryRead,
        Self::WorkingRead,
        Self::WorkingWrite,
        Self::KnowledgeRead,
        Self::KnowledgeWrite,
        Self::EpisodesRead,
        Self::EpisodesWrite,
        Self::ProceduresRead,
        Self::ProceduresWrite,
    ];

    /// Its word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsPublish => "events:publish",
            Self::EventsCall => "events:call",
            Self::RegistryRead => "registry:read",
            Self::WorkingRead => "working:read",
            Self::WorkingWrite => "working:write",
            Self::KnowledgeRead => "knowledge:read",
            Self::KnowledgeWrite => "knowledge:write",
            Self::EpisodesRead => "episodes:read",
            Self::EpisodesWrite => "episodes:write",
            Self::ProceduresRead => "procedures:read",
            Self::ProceduresWrite => "procedures:write",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
