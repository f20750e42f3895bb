//! An entry on its way in: what somebody gives, checked once, stamped with who and when.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::short;
use crate::id::{CustomerId, TurnId, UserId};
use crate::identity::{Principal, TenantScope};

use super::super::{TAG_BYTES_MAX, TEXT_BYTES_MAX, check};
use super::chunk::{self, CHUNK_BYTES, DOCUMENT_BYTES_MAX};
use super::{KnowledgeWrite, Provenance, Validity, Visibility};

/// Most episodes and entries that one entry says it was made from.
pub const DERIVED_FROM_MAX: usize = 64;

/// Who writes, for whom and when.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// On whose behalf.
    pub customer: Option<CustomerId>,
    /// On whose behalf.
    pub user: Option<UserId>,
    /// An agent's name, `client/<key>` or `host`.
    pub writer: Arc<str>,
    /// In which turn.
    pub turn: Option<TurnId>,
    /// When.
    pub now: Timestamp,
}

impl Stamp {
    /// Of a scope's principal.
    pub fn of(scope: &TenantScope, turn: Option<TurnId>, now: Timestamp) -> Self {
        Self {
            customer: scope.customer().cloned(),
            user: scope.user().cloned(),
            writer: match scope.principal() {
                Principal::Agent(name) => name.as_str().into(),
                Principal::Client(_) | Principal::Host => scope.principal().source(),
            },
            turn,
            now,
        }
    }
}

/// A knowledge entry as somebody gives it, not yet checked.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The owner's name for it.
    pub external_id: Option<String>,
    /// The text.
    pub content: String,
    /// A JSON object.
    pub metadata: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// Forgotten after this many seconds.
    pub ttl_seconds: Option<u32>,
    /// True from this RFC 3339 instant on.
    pub valid_from: Option<String>,
    /// True until this RFC 3339 instant.
    pub valid_until: Option<String>,
    /// The id of the entry that is no longer true because of this one.
    pub supersedes: Option<String>,
    /// The ids of the episodes and entries that it was made from.
    pub derived_from: Vec<String>,
    /// Split into chunks of this many bytes.
    pub chunk_bytes: Option<u32>,
}

impl NewEntry {
    /// An entry that only its owner finds.
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            external_id: None,
            content: content.into(),
            metadata: String::new(),
            tags: Vec::new(),
            source: None,
            visibility: Visibility::Private,
            ttl_seconds: None,
            valid_from: None,
            valid_until: None,
            supersedes: None,
            derived_from: Vec::new(),
            chunk_bytes: None,
        }
    }

    /// Check it. `id` is the one it gets if it replaces nothing.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` that names the field, the value and the rule.
    pub fn check(self, stamp: Stamp, id: Arc<str>) -> Result<KnowledgeWrite> {
        let document = ("document_bytes_max", DOCUMENT_BYTES_MAX);
        check::sized("content", &self.content, document)?;
        check::list("tags", &self.tags, TAG_BYTES_MAX)?;
        let metadata = check::object("metadata", &self.metadata)?;
        let external_id = self.external_id.map(|id| short("external-id", &id));
        let source = self.source.map(|source| short("source", &source));
        let valid = Validity {
            from: instant("valid-from", self.valid_from)?,
            until: instant("valid-until", self.valid_until)?,
        };
        valid.check()?;
        check_ids(&self.derived_from)?;
        let chunk_bytes = match self.chunk_bytes {
            None if self.content.len() > TEXT_BYTES_MAX => Some(CHUNK_BYTES),
            asked => asked,
        };
        let chunks = chunk_bytes.map(|bytes| chunk::split(&self.content, bytes));
        let now = stamp.now;
        Ok(KnowledgeWrite {
            id,
            external_id: external_id.transpose()?.map(|id| id.to_string()),
            content: self.content.into(),
            chunk_bytes,
            chunks: chunks.transpose()?.unwrap_or_default(),
            metadata,
            tags: self.tags,
            source: source.transpose()?.map(|source| source.to_string()),
            visibility: self.visibility,
            expires: self.ttl_seconds.map(|s| now.plus_ms(u64::from(s) * 1_000)),
            valid,
            supersedes: self.supersedes.map(Into::into),
            superseded_by: None,
            customer: stamp.customer,
            user: stamp.user,
            provenance: Provenance {
                writer: stamp.writer,
                turn: stamp.turn,
                derived_from: self.derived_from,
            },
            created: now,
            now,
        })
    }
}

fn instant(field: &'static str, text: Option<String>) -> Result<Option<Timestamp>> {
    text.map(|text| Timestamp::parse(field, &text)).transpose()
}

fn check_ids(ids: &[String]) -> Result<()> {
    if ids.len() > DERIVED_FROM_MAX {
        return Err(Error::invalid(
            "derived-from",
            format!("{}, the limit is {DERIVED_FROM_MAX}", ids.len()),
        ));
    }
    for id in ids {
        short("derived-from", id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut NewEntry)) -> Result<KnowledgeWrite> {
        let mut entry = NewEntry::new("text");
        change(&mut entry);
        let stamp = Stamp {
            customer: None,
            user: None,
            writer: "scribe".into(),
            turn: None,
            now: Timestamp(0),
        };
        entry.check(stamp, "kno_1".into())
    }

    #[test]
    fn limits_hold_at_and_one_past() {
        let content = |bytes| check(move |e| e.content = "x ".repeat(bytes / 2));
        let whole = content(TEXT_BYTES_MAX).unwrap();
        assert!(whole.chunks.is_empty(), "an entry of its own");
        let split = content(TEXT_BYTES_MAX + 2).unwrap();
        assert!(split.chunks.len() > 1, "a document");
        assert_eq!(split.chunk_bytes, Some(CHUNK_BYTES));
        assert!(content(DOCUMENT_BYTES_MAX).is_ok());
        assert!(matches!(
            content(DOCUMENT_BYTES_MAX + 2),
            Err(Error::TooLarge { .. })
        ));
        let tags = |n: usize, bytes: usize| check(move |e| e.tags = vec!["t".repeat(bytes); n]);
        assert!(tags(super::super::super::TAGS_MAX, TAG_BYTES_MAX).is_ok());
        assert!(tags(super::super::super::TAGS_MAX + 1, 1).is_err());
        assert!(tags(1, TAG_BYTES_MAX + 1).is_err());
        assert!(tags(1, 0).is_err());
        let from = |n: usize| check(move |e| e.derived_from = vec!["epi_1".to_owned(); n]);
        assert!(from(DERIVED_FROM_MAX).is_ok());
        assert!(from(DERIVED_FROM_MAX + 1).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let valid = |from: &str, until: &str| {
            check(|e| {
                e.valid_from = Some(from.to_owned());
                e.valid_until = Some(until.to_owned());
            })
        };
        assert!(valid("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z").is_ok());
        assert!(valid("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z").is_err());
        assert!(valid("tomorrow", "2026-01-01T00:00:00Z").is_err());
        assert!(check(|e| e.content.clear()).is_err());
        assert!(check(|e| e.metadata = "[]".to_owned()).is_err());
        assert!(check(|e| e.external_id = Some(String::new())).is_err());
        assert!(check(|e| e.chunk_bytes = Some(1)).is_err());
    }
}
