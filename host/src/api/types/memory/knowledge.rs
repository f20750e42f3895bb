//! Semantic memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::events::Json;
use crate::id::{CustomerId, TurnId, UserId};
use crate::memory::{
    Found, Hit, Imported, KnowledgeItem, KnowledgeRecord, NewEntry, Place, SearchMode, Visibility,
    Why,
};

/// An entry to remember.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RememberRequest {
    /// Your own name for it: remembering the same one again replaces it. Without one, equal content is the
    /// same entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The text, 1 byte to 512 KiB. Past 64 KiB it is a document and split into chunks.
    pub content: String,
    /// A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// At most 32 tags of at most 64 bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who finds it: `private` (the user), `customer` (its users) or `tenant` (everybody).
    #[serde(default = "private")]
    #[schema(value_type = String, example = "private")]
    pub visibility: Visibility,
    /// Forgotten after this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    /// True from this instant on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub valid_from: Option<String>,
    /// True until this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub valid_until: Option<String>,
    /// The id of your own entry that is no longer true because of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// The ids of the episodes and entries that it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived_from: Vec<String>,
    /// Split into chunks of at most this many bytes, 256 to 65,536.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_bytes: Option<u32>,
}

fn private() -> Visibility {
    Visibility::Private
}

impl From<RememberRequest> for NewEntry {
    fn from(request: RememberRequest) -> Self {
        let metadata = request.metadata.map(|raw| raw.get().to_owned());
        Self {
            external_id: request.external_id,
            content: request.content,
            metadata: metadata.unwrap_or_default(),
            tags: request.tags,
            source: request.source,
            visibility: request.visibility,
            ttl_seconds: request.ttl_seconds,
            valid_from: request.valid_from,
            valid_until: request.valid_until,
            supersedes: request.supersedes,
            derived_from: request.derived_from,
            chunk_bytes: request.chunk_bytes,
        }
    }
}

/// What was remembered or added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RememberedView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Arc<str>,
}

/// Which chunk of a document an entry is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PartView {
    /// The id of the document: of its first chunk.
    #[schema(value_type = String)]
    pub document: Arc<str>,
    /// 0, 1, 2 …
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// An entry.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KnowledgeView {
    /// The host's name for it.
    #[schema(value_type = String)]
    pub id: Arc<str>,
    /// The owner's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The text.
    #[schema(value_type = String)]
    pub content: Arc<str>,
    /// A JSON object.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who finds it.
    #[schema(value_type = String)]
    pub visibility: Visibility,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// True from this instant on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    /// True until this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// The entry because of which it is no longer true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub superseded_by: Option<Arc<str>>,
    /// Which chunk of a document it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartView>,
    /// The agent that wrote it, or `client/<key>`.
    #[schema(value_type = String)]
    pub writer: Arc<str>,
    /// The turn in which it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub turn: Option<TurnId>,
    /// The ids of the episodes and entries that it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived_from: Vec<String>,
    /// When it was first written.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was last written.
    #[schema(value_type = String, format = DateTime)]
    pub updated: Timestamp,
    /// How well it fits, 0 to 1; only of what was searched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why it was found; only of a search that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyView>,
}

/// Why an entry was found: its place in each list. In a hybrid search the score comes of the two ranks: a list
/// gives 61 / (60 + rank) halves.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WhyView {
    /// Among entries with the words; the score is BM25's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PlaceView>,
    /// Among entries by likeness; the score is the cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<PlaceView>,
}

/// A place in a list.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct PlaceView {
    /// 1 for the first.
    pub rank: u32,
    /// The list's own score.
    pub score: f64,
}

impl From<Place> for PlaceView {
    fn from(place: Place) -> Self {
        Self {
            rank: place.rank,
            score: place.score,
        }
    }
}

impl From<Why> for WhyView {
    fn from(why: Why) -> Self {
        Self {
            words: why.words.map(Into::into),
            vector: why.vector.map(Into::into),
        }
    }
}

impl From<KnowledgeItem> for KnowledgeView {
    fn from(item: KnowledgeItem) -> Self {
        Self {
            id: item.id,
            external_id: item.external_id,
            content: item.content,
            metadata: item.metadata,
            tags: item.tags,
            source: item.source,
            visibility: item.visibility,
            customer: item.owner.0,
            user: item.owner.1,
            valid_from: item.valid.from,
            valid_until: item.valid.until,
            superseded_by: item.superseded_by,
            part: item.part.map(|part| PartView {
                document: part.document,
                number: part.number,
                of: part.of,
            }),
            writer: item.provenance.writer,
            turn: item.provenance.turn,
            derived_from: item.provenance.derived_from,
            created: item.created,
            updated: item.updated,
            score: None,
            why: None,
        }
    }
}

impl KnowledgeView {
    /// What was found, with the reason where it is asked for.
    pub(crate) fn of_hit(hit: Hit, explain: bool) -> Self {
        Self {
            score: Some(hit.score),
            why: explain.then(|| hit.why.into()),
            ..hit.item.into()
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FoundView {
    /// The best first.
    pub items: Vec<KnowledgeView>,
    /// Why the search saw less than there is, if it did: the embedder is away, or is not through yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<String>,
}

impl FoundView {
    /// What was found, with the reasons where they are asked for.
    pub(crate) fn of(found: Found, explain: bool) -> Self {
        let hits = found.hits.into_iter();
        Self {
            items: hits
                .map(|hit| KnowledgeView::of_hit(hit, explain))
                .collect(),
            shortfall: found.shortfall.map(|shortfall| shortfall.to_string()),
        }
    }
}

/// What to look for. All filters must match.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// A question or some words.
    pub text: String,
    /// `hybrid`, `keyword` or `vector`.
    #[serde(default)]
    #[schema(value_type = String, example = "hybrid")]
    pub mode: SearchMode,
    /// At most this many, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Skip this many, at most 1,000.
    #[serde(default)]
    pub offset: u32,
    /// Entries that carry all of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Entries from this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Entries whose metadata has these members with these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// Entries written at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Entries written before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Entries that are true at this instant; now unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub as_of: Option<String>,
    /// Hits that score at least this, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// Say of each hit why it was found.
    #[serde(default)]
    pub explain: bool,
}

/// A page of an export.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExportView {
    /// Entries, the oldest first, documents in one piece.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<KnowledgeRecord>,
    /// Where the next page begins, if there may be one: give it back as the parameter `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Entries to import.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// As an export gave them, at most 256.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<KnowledgeRecord>,
}

/// What became of an import.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportView {
    /// One for each record, in order: `created` or `replaced` with the id, or `refused` with the reason.
    #[schema(value_type = Vec<Object>)]
    pub outcomes: Vec<Imported>,
}
