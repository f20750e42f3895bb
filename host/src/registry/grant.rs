//! Grants: what an agent may ask of the host, one word each.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::words;

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Grant {
    /// `events.publish`, `publish-later`, `publish-at`, `respond`.
    EventsPublish,
    /// `events.call`.
    EventsCall,
    /// All of `registry`.
    RegistryRead,
    /// `working.get`, `keys`.
    WorkingRead,
    /// `working.put`, `delete`, `increment`, `append`.
    WorkingWrite,
    /// `knowledge.search`, `get`.
    KnowledgeRead,
    /// `knowledge.remember`, `forget`.
    KnowledgeWrite,
    /// `episodes.recent`, `search`.
    EpisodesRead,
    /// `episodes.add`.
    EpisodesWrite,
    /// `procedures.get`, `match-situation`.
    ProceduresRead,
    /// `procedures.put`.
    ProceduresWrite,
}

impl Grant {
    /// All of them.
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

words!(Grant, "grant");

/// A set of grants: one word of bits, so that a check at every host call costs a nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GrantSet(u32);

impl GrantSet {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Whether `grant` is in it.
    pub const fn has(self, grant: Grant) -> bool {
        self.0 & (1 << grant as u8) != 0
    }

    /// Both sets' common part.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Its grants in order.
    pub fn iter(self) -> impl Iterator<Item = Grant> {
        Grant::ALL.into_iter().filter(move |grant| self.has(*grant))
    }

    /// All grants there are.
    pub fn all() -> Self {
        Grant::ALL.into_iter().collect()
    }
}

impl FromIterator<Grant> for GrantSet {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Self(
            grants
                .into_iter()
                .fold(0, |bits, grant| bits | (1 << grant as u8)),
        )
    }
}

impl Serialize for GrantSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for GrantSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Grant>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}
