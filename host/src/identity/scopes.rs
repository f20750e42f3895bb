//! What a key may do: a closed set of scopes that covers every operation of the HTTP side.
//!
//! Invariant: the set is closed. A scope is added with a version of the host, and no key that was made
//! before has it: an upgrade never makes a key stronger. Which operation takes which scope is not known here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

/// Something that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    /// Publish events.
    EventsPublish,
    /// Read, list and follow events.
    EventsRead,
    /// Look at agents, their versions and the graph.
    AgentsRead,
    /// Ask a tool and get its answer.
    AgentsCall,
    /// Push, configure, pause, resume, release, roll back and delete agents.
    AgentsDeploy,
    /// Look at turns, the queue and dead letters.
    TurnsRead,
    /// Replay and discard dead letters.
    TurnsWrite,
    /// Look at services, event definitions, schemas and signing keys.
    RegistryRead,
    /// Register, change and remove them.
    RegistryWrite,
    /// Read and search memory.
    MemoryRead,
    /// Write, forget, import and erase memory.
    MemoryWrite,
    /// Read the audit log.
    AuditRead,
    /// List secrets, never their values.
    SecretsRead,
    /// Set and delete secrets.
    SecretsWrite,
}

impl Scope {
    /// All of them, in the order of their names' groups.
    pub const ALL: [Self; 14] = [
        Self::EventsPublish,
        Self::EventsRead,
        Self::AgentsRead,
        Self::AgentsCall,
        Self::AgentsDeploy,
        Self::TurnsRead,
        Self::TurnsWrite,
        Self::RegistryRead,
        Self::RegistryWrite,
        Self::MemoryRead,
        Self::MemoryWrite,
        Self::AuditRead,
        Self::SecretsRead,
        Self::SecretsWrite,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsPublish => "events:publish",
            Self::EventsRead => "events:read",
            Self::AgentsRead => "agents:read",
            Self::AgentsCall => "agents:call",
            Self::AgentsDeploy => "agents:deploy",
            Self::TurnsRead => "turns:read",
            Self::TurnsWrite => "turns:write",
            Self::RegistryRead => "registry:read",
            Self::RegistryWrite => "registry:write",
            Self::MemoryRead => "memory:read",
            Self::MemoryWrite => "memory:write",
            Self::AuditRead => "audit:read",
            Self::SecretsRead => "secrets:read",
            Self::SecretsWrite => "secrets:write",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
                let shown: String = text
                    .chars()
                    .take(64)
                    .flat_map(char::escape_default)
                    .collect();
                let reason = format!("`{shown}` is none; there are {}", known.join(", "));
                Error::invalid("scope", reason)
            })
    }
}

/// A set of scopes: as JSON a list, in the store the names with a space between.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// Not one.
    pub const NONE: Self = Self(0);

    /// Every scope that this version knows: what a key has when none was asked for.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether `scope` is one of them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none in it that `other` lacks.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// From names with spaces between, of which those that are no scope of ours are left out.
    pub fn of_known(names: &str) -> Self {
        names
            .split_ascii_whitespace()
            .filter_map(|name| name.parse::<Scope>().ok())
            .collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for scope in self.iter() {
            write!(f, "{between}{scope}")?;
            between = " ";
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

impl FromStr for Scopes {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        text.split_ascii_whitespace()
            .map(str::parse::<Scope>)
            .collect()
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let read = |name: &String| name.parse::<Scope>();
        names
            .iter()
            .map(read)
            .collect::<Result<_>>()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_reads_back_and_has_a_bit_of_its_own() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope);
            let alone: Scopes = [scope].into_iter().collect();
            assert_eq!(alone.iter().collect::<Vec<_>>(), [scope]);
        }
        assert_eq!(Scopes::all().iter().count(), Scope::ALL.len());
        assert_eq!(
            Scopes::all().to_string().parse::<Scopes>().unwrap(),
            Scopes::all()
        );
    }

    #[test]
    fn a_set_only_shrinks_by_and() {
        let read: Scopes = "events:read memory:read".parse().unwrap();
        let memory: Scopes = "memory:read memory:write".parse().unwrap();
        let both = read.and(memory);
        assert_eq!(both.to_string(), "memory:read");
        assert!(both.within(read) && both.within(memory) && !read.within(memory));
        assert!(read.and(Scopes::NONE).is_empty());
    }

    #[test]
    fn what_is_no_scope_is_refused_by_name_or_left_out_where_others_name_theirs() {
        let error = "events:*".parse::<Scope>().unwrap_err().to_string();
        assert!(
            error.contains("events:*") && error.contains("events:publish"),
            "{error}"
        );
        assert!(serde_json::from_str::<Scopes>("[\"admin\"]").is_err());
        assert_eq!(
            Scopes::of_known("openid memory:read profile").to_string(),
            "memory:read"
        );
    }
}
