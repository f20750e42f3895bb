//! An entry as it leaves a tenant and comes back: one line of JSON.
//!
//! Invariant: what was exported and is imported again, into the same tenant or another one, makes the
//! same entries with the same owners; only when they were last written is now. Fields are only ever added.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::id::{CustomerId, TurnId, UserId};

use super::entry::{NewEntry, Stamp};
use super::{KnowledgeWrite, Validity, Visibility};

/// Most records of one import: one transaction, which holds the writer for some fifty milliseconds.
pub const IMPORT_RECORDS_MAX: usize = 256;

/// An entry, complete but for its index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnowledgeRecord {
    /// The host's name for it. Kept by an import if nothing else has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    /// The owner's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The text, of a document all of it.
    pub content: String,
    /// The size of a document's chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_bytes: Option<u32>,
    /// A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who finds it.
    #[serde(default = "private")]
    pub visibility: Visibility,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Who wrote it; an import that says nothing is the writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<Arc<str>>,
    /// In which turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnId>,
    /// What it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived_from: Vec<String>,
    /// When it was first written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// When it is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// True from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// True until before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// The entry because of which it is no longer true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<Arc<str>>,
}

fn private() -> Visibility {
    Visibility::Private
}

/// What became of a record of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Imported {
    /// It is a new entry.
    Created {
        /// Its id.
        id: Arc<str>,
    },
    /// It took the place of the owner's entry of the same external id or text.
    Replaced {
        /// Its id.
        id: Arc<str>,
    },
    /// It was not kept.
    Refused {
        /// Why.
        reason: String,
    },
}

impl KnowledgeRecord {
    /// Check it, for an import. `id` is the one it gets if it replaces nothing and brings none.
    ///
    /// # Errors
    /// As [`NewEntry::check`], and `Invalid` for an id that is none.
    pub fn check(self, importer: &Stamp, id: Arc<str>) -> Result<KnowledgeWrite> {
        let stamp = Stamp {
            customer: self.customer,
            user: self.user,
            writer: match self.writer {
                Some(writer) => crate::events::short("writer", &writer)?,
                None => Arc::clone(&importer.writer),
            },
            turn: self.turn,
            now: importer.now,
        };
        let entry = NewEntry {
            external_id: self.external_id,
            content: self.content,
            metadata: self
                .metadata
                .map(|json| json.as_str().to_owned())
                .unwrap_or_default(),
            tags: self.tags,
            source: self.source,
            visibility: self.visibility,
            ttl_seconds: None,
            valid_from: None,
            valid_until: None,
            supersedes: None,
            derived_from: self.derived_from,
            chunk_bytes: self.chunk_bytes,
        };
        let id = match self.id {
            Some(id) => crate::events::short("id", &id)?,
            None => id,
        };
        let valid = Validity {
            from: self.valid_from,
            until: self.valid_until,
        };
        valid.check()?;
        let created = self.created.unwrap_or(importer.now).min(importer.now);
        Ok(KnowledgeWrite {
            expires: self.expires,
            valid,
            superseded_by: self.superseded_by,
            created,
            ..entry.check(stamp, id)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_nothing_but_content_is_enough() {
        let record: KnowledgeRecord = serde_json::from_str(r#"{"content":"text"}"#).unwrap();
        let stamp = Stamp {
            customer: None,
            user: None,
            writer: "client/x".into(),
            turn: None,
            now: Timestamp(5),
        };
        let write = record.clone().check(&stamp, "kno_1".into()).unwrap();
        assert_eq!((&*write.id, write.created), ("kno_1", Timestamp(5)));
        assert_eq!(&*write.provenance.writer, "client/x");
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"content":"text","visibility":"private"}"#
        );
        let bad = KnowledgeRecord {
            id: Some("\n".into()),
            ..record
        };
        assert!(bad.check(&stamp, "kno_1".into()).is_err());
    }
}
