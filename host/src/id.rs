//! Identifiers and names: one grammar each, checked where they enter and never again.
//!
//! Invariant: a value of one of these types is safe in a path, a subject, a log line and a header,
//! because none can hold a control character, a space or anything outside visible ASCII.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::error::{Error, Result};

mod words;

pub(crate) use words::{unknown_word, words};

/// Longest agent, tenant or key name in bytes: a DNS label, so that a name can become a host name.
pub const NAME_BYTES_MAX: usize = 63;
/// Longest customer or user id in bytes, as in the platform this one re-thinks.
pub const PRINCIPAL_BYTES_MAX: usize = 64;
/// Longest event id, correlation, trace, session, goal, plan or task in bytes: two UUIDs and a prefix.
pub const LABEL_BYTES_MAX: usize = 128;
/// Longest event type in bytes.
pub const EVENT_TYPE_BYTES_MAX: usize = 128;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr, $rule:expr, $words:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Check and take a value.
            ///
            /// # Errors
            /// `Invalid` that names the value and the rule.
            pub fn new(text: &str) -> Result<Self> {
                let rule: fn(&str) -> bool = $rule;
                if text.len() <= $max && rule(text) {
                    return Ok(Self(text.into()));
                }
                let shown: String = text.chars().take(80).flat_map(char::escape_default).collect();
                Err(Error::invalid($what, format!("`{shown}` is not {} of at most {} bytes", $words, $max)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        // Ordered and hashed as its text, so that maps can be asked by a text that need not be a value.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::new(&text).map_err(de::Error::custom)
            }
        }
    };
}

text_id!(
    /// An agent's name, unique in its tenant.
    AgentName, "agent name", NAME_BYTES_MAX, is_name,
    "a name `[a-z][a-z0-9-]*`"
);
text_id!(
    /// A tenant's name, unique on the host; what people type. The host itself uses [`TenantId`].
    TenantName, "tenant name", NAME_BYTES_MAX, is_name,
    "a name `[a-z][a-z0-9-]*`"
);
text_id!(
    /// The name of an API key, unique in its tenant.
    KeyName, "key name", NAME_BYTES_MAX, is_name,
    "a name `[a-z][a-z0-9-]*`"
);
text_id!(
    /// The name of a secret, unique in its tenant.
    SecretName, "secret name", NAME_BYTES_MAX, is_name,
    "a name `[a-z][a-z0-9-]*`"
);
text_id!(
    /// A tenant's own tenant.
    CustomerId, "customer", PRINCIPAL_BYTES_MAX, is_visible,
    "visible ASCII without spaces"
);
text_id!(
    /// An end user of a tenant or of one of its customers.
    UserId, "user", PRINCIPAL_BYTES_MAX, is_visible,
    "visible ASCII without spaces"
);
text_id!(
    /// An event's id, unique in its tenant.
    EventId, "event id", LABEL_BYTES_MAX, is_visible,
    "visible ASCII without spaces"
);
text_id!(
    /// A correlation, trace, session, goal, plan or task: an id that clients may choose.
    Label, "label", LABEL_BYTES_MAX, is_visible,
    "visible ASCII without spaces"
);
text_id!(
    /// The type of an event: words joined by dots, without wildcards.
    EventType, "event type", EVENT_TYPE_BYTES_MAX, is_dotted,
    "words of `A-Za-z0-9_-` joined by dots"
);
text_id!(
    /// A turn: one event handled by one agent. The same on every attempt.
    TurnId, "turn id", LABEL_BYTES_MAX, is_visible,
    "visible ASCII without spaces"
);

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn is_dotted(text: &str) -> bool {
    text.split('.').all(|word| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// A tenant as the host knows it: random, never reused, the name of its directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Uuid);

impl TenantId {
    /// A new one, ordered by time of creation.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// From 16 bytes that were a tenant's before.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ten_{}", self.0.simple())
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TenantId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        text.strip_prefix("ten_")
            .filter(|hex| {
                hex.len() == 32
                    && hex
                        .bytes()
                        .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
            })
            .and_then(|hex| Uuid::try_parse(hex).ok())
            .map(Self)
            .ok_or_else(|| Error::invalid("tenant", "not a tenant id `ten_` and 32 hex digits"))
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl EventId {
    /// A new id for an event that comes from outside, ordered by time.
    pub fn generate() -> Self {
        Self(format!("evt_{}", Uuid::now_v7().simple()).into())
    }
}

impl Label {
    /// A new random label with a prefix such as `trc`.
    pub fn generate(prefix: &str) -> Self {
        Self(format!("{prefix}_{}", Uuid::now_v7().simple()).into())
    }

    /// The label that an event's id makes: a first event is the root of its own trace.
    pub fn of_event(id: &EventId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

/// The SHA-256 digest of a component's bytes as uploaded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 32 bytes that were a digest before.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 64 hex digits, the name of its directory.
    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        text.strip_prefix("sha256:")
            .and_then(|hex| blake3::Hash::from_hex(hex).ok())
            .map(|hash| Self(*hash.as_bytes()))
            .ok_or_else(|| Error::invalid("digest", "not `sha256:` and 64 hex digits"))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// An agent's number in its tenant: small, never reused, what rows and queues hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub i64);

/// An event's place in its tenant's log: 1, 2, 3 … in commit order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Position(pub i64);

/// Derives the ids that a turn makes, so that a repeat of the turn makes the same ones and nobody
/// outside the host can guess them. The key is made once per data directory.
#[derive(Clone)]
pub struct IdKey([u8; 32]);

impl IdKey {
    /// From the host's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The turn of `agent` on the event at `position` of `tenant`. Position and agent can be read back
    /// with [`TurnId::place`]; the keyed tail makes the id unique between tenants and hosts.
    pub fn turn(&self, tenant: TenantId, position: Position, agent: AgentId) -> TurnId {
        let tail = self.hash(&[
            tenant.as_bytes(),
            &position.0.to_le_bytes(),
            &agent.0.to_le_bytes(),
        ]);
        TurnId(format!("trn_{:x}-{:x}-{}", position.0, agent.0, &tail[..16]).into())
    }

    /// The `index`-th event that a turn publishes. It begins with the turn's position so that rows
    /// written together lie together in the index of ids.
    pub fn child_event(&self, turn: &TurnId, index: u32) -> EventId {
        let tail = self.hash(&[turn.as_str().as_bytes(), &index.to_le_bytes()]);
        let position = turn.place().map_or(0, |(position, _)| position.0);
        EventId(format!("evt_{position:012x}{}", &tail[..20]).into())
    }

    /// A host-made id for a row that a turn writes: the same on every attempt.
    pub fn row(&self, prefix: &str, turn: &TurnId, index: u32) -> String {
        let tail = self.hash(&[
            prefix.as_bytes(),
            turn.as_str().as_bytes(),
            &index.to_le_bytes(),
        ]);
        format!("{prefix}_{}", &tail[..26])
    }

    fn hash(&self, parts: &[&[u8]]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().to_hex().to_string()
    }
}

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdKey(..)")
    }
}

impl TurnId {
    /// The event's position and the agent that this id was derived from.
    pub fn place(&self) -> Option<(Position, AgentId)> {
        let mut parts = self.0.strip_prefix("trn_")?.splitn(3, '-');
        let position = i64::from_str_radix(parts.next()?, 16).ok()?;
        let agent = i64::from_str_radix(parts.next()?, 16).ok()?;
        Some((Position(position), AgentId(agent)))
    }
}
