//! Grants: what an agent may ask of the host, one word each, and which hosts it may ask over HTTP.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};
use crate::id::words;

mod http;

pub use http::{HTTP_GRANTS_MAX, HostName, HttpGrant, HttpScheme, Origin, split_port};

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

/// A grant of either kind, as it stands in a manifest or a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyGrant {
    /// A capability of the host.
    Word(Grant),
    /// A host that may be asked.
    Http(HttpGrant),
}

impl FromStr for AnyGrant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if HttpGrant::is_word(text) {
            return Ok(Self::Http(text.parse()?));
        }
        Ok(Self::Word(text.parse()?))
    }
}

impl fmt::Display for AnyGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(grant) => grant.fmt(f),
            Self::Http(grant) => grant.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for AnyGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A set of grants: one word of bits, so that a check at every host call costs a nanosecond, and the hosts that may be
/// asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantSet {
    words: u32,
    http: BTreeSet<HttpGrant>,
}

impl GrantSet {
    /// Nothing.
    pub const NONE: Self = Self {
        words: 0,
        http: BTreeSet::new(),
    };

    /// Whether `grant` is in it.
    pub const fn has(&self, grant: Grant) -> bool {
        self.words & (1 << grant as u8) != 0
    }

    /// Its capabilities in order.
    pub fn iter(&self) -> impl Iterator<Item = Grant> {
        Grant::ALL.into_iter().filter(|grant| self.has(*grant))
    }

    /// The hosts that may be asked, in order.
    pub fn http(&self) -> impl ExactSizeIterator<Item = &HttpGrant> {
        self.http.iter()
    }

    /// Whether a request may go there.
    pub fn allows_http(&self, to: &Origin) -> bool {
        self.http.iter().any(|grant| grant.allows(to))
    }

    /// Whether all that this grant allows is in it.
    pub fn covers(&self, grant: &AnyGrant) -> bool {
        match grant {
            AnyGrant::Word(grant) => self.has(*grant),
            AnyGrant::Http(grant) => self.covers_http(grant),
        }
    }

    /// All of it, capabilities before hosts.
    pub fn all_of_it(&self) -> impl Iterator<Item = AnyGrant> {
        let words = self.iter().map(AnyGrant::Word);
        words.chain(self.http.iter().cloned().map(AnyGrant::Http))
    }

    /// The same with those hosts only that `other` allows too.
    #[must_use]
    pub fn within_hosts_of(mut self, other: &Self) -> Self {
        let narrower = other.http.iter().filter(|host| self.covers_http(host));
        let narrower: Vec<_> = narrower.cloned().collect();
        self.http.retain(|host| other.covers_http(host));
        self.http.extend(narrower);
        self
    }

    fn covers_http(&self, grant: &HttpGrant) -> bool {
        self.http.iter().any(|own| own.covers(grant))
    }

    /// All capabilities that there are, and no host.
    pub fn all() -> Self {
        Grant::ALL.into_iter().collect()
    }

    fn add(&mut self, grant: AnyGrant) {
        match grant {
            AnyGrant::Word(grant) => self.words |= 1 << grant as u8,
            AnyGrant::Http(grant) => {
                self.http.insert(grant);
            }
        }
    }
}

impl FromIterator<Grant> for GrantSet {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        grants.into_iter().map(AnyGrant::Word).collect()
    }
}

impl FromIterator<AnyGrant> for GrantSet {
    fn from_iter<I: IntoIterator<Item = AnyGrant>>(grants: I) -> Self {
        let mut set = Self::NONE;
        grants.into_iter().for_each(|grant| set.add(grant));
        set
    }
}

impl Serialize for GrantSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.all_of_it().map(|grant| grant.to_string()))
    }
}

impl<'de> Deserialize<'de> for GrantSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<AnyGrant>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}
