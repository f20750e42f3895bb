//! Semantic memory: texts that are found again by words and by meaning.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{Json, Page};
use crate::id::{CustomerId, Position, TurnId, UserId};
use crate::identity::TenantScope;

use super::Subject;

pub mod chunk;
mod entry;
mod record;

pub use chunk::Chunk;
pub use entry::{DERIVED_FROM_MAX, NewEntry, Stamp};
pub use record::{IMPORT_RECORDS_MAX, Imported, KnowledgeRecord};

/// Most knowledge entries in a tenant. While the index of vectors is made, a search reads the vector of each that
/// the searcher sees: 0.11 to 0.14 s of CPU at this many of one KiB (measured), and about half as much again at the
/// offline embedder's 1.5.
pub const KNOWLEDGE_ENTRIES_MAX: u64 = 100_000;
/// Longest search text in bytes.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;
/// Most hits that one search returns.
pub const SEARCH_LIMIT_MAX: u32 = 100;
/// Most entries of one page of a list or an export.
pub const LIST_LIMIT_MAX: u32 = 100;
/// Furthest that a search skips.
pub const SEARCH_OFFSET_MAX: u32 = 1_000;
/// Cosines up to here are not hits of a search by vectors. They are the offline embedder's collisions: of pairs
/// of unrelated texts, 19 in 20 stay under 0.125 (measured over random words).
pub const NOISE_COSINE: f32 = 0.1;

/// Who finds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// The same user of the same customer.
    Private,
    /// Every user of the same customer.
    Customer,
    /// Everybody in the tenant.
    Tenant,
}

impl Visibility {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Customer => "customer",
            Self::Tenant => "tenant",
        }
    }
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchMode {
    /// Words and meaning, ranks fused.
    #[default]
    Hybrid,
    /// Words only.
    Keyword,
    /// Meaning only.
    Vector,
}

/// Who wrote an entry, and out of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// An agent's name, `client/<key>` or `host`.
    pub writer: Arc<str>,
    /// In which turn.
    pub turn: Option<TurnId>,
    /// The ids of the episodes and entries that it was made from.
    pub derived_from: Vec<String>,
}

/// When an entry is true. Unlike its time to live this forgets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// From here on; none: always was.
    pub from: Option<Timestamp>,
    /// Until before this; none: for ever.
    pub until: Option<Timestamp>,
}

impl Validity {
    /// # Errors
    /// `Invalid` if it ends before it begins.
    pub fn check(&self) -> Result<()> {
        match (self.from, self.until) {
            (Some(from), Some(until)) if until <= from => Err(Error::invalid(
                "valid-until",
                format!("{until} is not after valid-from, {from}"),
            )),
            _ => Ok(()),
        }
    }
}

/// Which chunk of a document an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The id of the document: of its first chunk.
    pub document: Arc<str>,
    /// 0, 1, 2 …
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// An entry to write. Ids, owner and writer were set by the turn.
#[derive(Debug, Clone, PartialEq)]
pub struct KnowledgeWrite {
    /// The id it gets if there is no entry of this external id or content yet.
    pub id: Arc<str>,
    /// The owner's name for it.
    pub external_id: Option<String>,
    /// The text: all of it, also of a document.
    pub content: Arc<str>,
    /// The size that its chunks were made to.
    pub chunk_bytes: Option<u32>,
    /// The chunks of a document; none of an entry that is found as a whole.
    pub chunks: Vec<Chunk>,
    /// A JSON object.
    pub metadata: Json,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// When it is forgotten.
    pub expires: Option<Timestamp>,
    /// When it is true.
    pub valid: Validity,
    /// The entry that is no longer true because of this one.
    pub supersedes: Option<Arc<str>>,
    /// The entry because of which this one is no longer true: only when it is imported.
    pub superseded_by: Option<Arc<str>>,
    /// Whose it is.
    pub customer: Option<CustomerId>,
    /// Whose it is.
    pub user: Option<UserId>,
    /// Who wrote it, and out of what.
    pub provenance: Provenance,
    /// When it was first written, should it be new here: before now only when it is imported.
    pub created: Timestamp,
    /// When.
    pub now: Timestamp,
}

impl KnowledgeWrite {
    /// The texts that are found by themselves, in order.
    pub fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        let whole = self.chunks.is_empty().then_some(&self.content);
        whole
            .into_iter()
            .chain(self.chunks.iter().map(|chunk| &chunk.text))
    }
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct KnowledgeItem {
    /// The host's name for it.
    pub id: Arc<str>,
    /// The owner's name for it.
    pub external_id: Option<String>,
    /// The text.
    pub content: Arc<str>,
    /// A JSON object.
    pub metadata: Json,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// When it is true.
    pub valid: Validity,
    /// The entry because of which it is no longer true.
    pub superseded_by: Option<Arc<str>>,
    /// Which chunk of a document it is; none of an entry of its own.
    pub part: Option<Part>,
    /// Whose it is: `(customer, user)`.
    pub owner: (Option<CustomerId>, Option<UserId>),
    /// Who wrote it, and out of what.
    pub provenance: Provenance,
    /// When it was first written.
    pub created: Timestamp,
    /// When it was last written.
    pub updated: Timestamp,
    /// Raised by every write; what a commit checks.
    pub version: u64,
}

/// What to look for. All filters must match.
#[derive(Debug, Clone)]
pub struct KnowledgeQuery {
    /// A question or some words.
    pub text: String,
    /// How to look.
    pub mode: SearchMode,
    /// At most this many.
    pub limit: u32,
    /// Skip this many.
    pub offset: u32,
    /// Carries all of these.
    pub tags: Vec<String>,
    /// From this source.
    pub source: Option<String>,
    /// Has these members with these values.
    pub metadata: Option<Json>,
    /// Written at or after.
    pub since: Option<Timestamp>,
    /// Written before.
    pub until: Option<Timestamp>,
    /// True at this instant; none: now.
    pub as_of: Option<Timestamp>,
    /// Scores at least this, 0 to 1.
    pub min_score: Option<f64>,
}

impl KnowledgeQuery {
    /// The first `limit` of what is found without filters.
    pub fn new(text: impl Into<String>, mode: SearchMode, limit: u32) -> Self {
        Self {
            text: text.into(),
            mode,
            limit,
            offset: 0,
            tags: Vec::new(),
            source: None,
            metadata: None,
            since: None,
            until: None,
            as_of: None,
            min_score: None,
        }
    }
}

/// Which entries to list. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct KnowledgeFilter {
    /// Carries all of these.
    pub tags: Vec<String>,
    /// From this source.
    pub source: Option<String>,
    /// Has these members with these values.
    pub metadata: Option<Json>,
    /// Written at or after.
    pub since: Option<Timestamp>,
    /// Written before.
    pub until: Option<Timestamp>,
    /// True at this instant; none: whenever it is or was true.
    pub as_of: Option<Timestamp>,
    /// The chunks of this document; none: entries of their own, and of each document its first chunk.
    pub document: Option<String>,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The entry.
    pub item: KnowledgeItem,
    /// 0 to 1, the best first.
    pub score: f64,
    /// What it was found by.
    pub why: Why,
}

/// Why an entry was found: its place in each list that was read. In a hybrid search the score comes of the
/// two ranks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Why {
    /// Among entries with the words; the score is BM25's.
    pub words: Option<Place>,
    /// Among entries by likeness; the score is the cosine.
    pub vector: Option<Place>,
}

/// A place in a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// 1 for the first.
    pub rank: u32,
    /// The list's own score.
    pub score: f64,
}

impl Place {
    /// The place at an index.
    pub fn new(index: usize, score: f64) -> Self {
        let rank = u32::try_from(index + 1).unwrap_or(u32::MAX);
        Self { rank, score }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The best first.
    pub hits: Vec<Hit>,
    /// What it could not look at, if there was such.
    pub shortfall: Option<Shortfall>,
}

/// Why a search saw less than there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// Words alone were looked for, as the question has no vector.
    #[error("searched by words alone: {0}")]
    WordsOnly(String),
    /// Some entries are still to be embedded and were found by words alone.
    #[error("some entries have no vector yet and were searched by words alone")]
    NotAllEmbedded,
    /// The question has common words alone, and only the latest of what has them was looked at.
    #[error(
        "all words of the question are in very many entries, and by words only the latest of these were looked at: \
         ask with a rarer word"
    )]
    CommonWords,
}

/// Reads of semantic memory, as far as the scope's customer and user see.
#[async_trait]
pub trait KnowledgeStore: Send + Sync {
    /// The entry of this id, if the scope sees it.
    async fn get(
        &self,
        scope: &TenantScope,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<KnowledgeItem>>;
    /// The entry that a write of this external id or content would replace, whoever owns it.
    async fn existing(
        &self,
        scope: &TenantScope,
        write: &KnowledgeWrite,
    ) -> Result<Option<KnowledgeItem>>;
    /// The best hits first.
    ///
    /// # Errors
    /// `Unavailable` in [`SearchMode::Vector`] while the embedder cannot make the question's vector;
    /// [`SearchMode::Hybrid`] looks for words alone then, and says so.
    async fn search(
        &self,
        scope: &TenantScope,
        query: &KnowledgeQuery,
        now: Timestamp,
    ) -> Result<Found>;
    /// Entries that the scope sees, the latest first made first, before `before`. A page may be short of
    /// `limit` although there is a next one: it also bounds how many rows it looks at.
    async fn list(
        &self,
        scope: &TenantScope,
        filter: &KnowledgeFilter,
        page: PageOf,
        now: Timestamp,
    ) -> Result<Page<KnowledgeItem>>;
}

/// Where a page of a list begins, and how long it may be.
#[derive(Debug, Clone, Copy)]
pub struct PageOf {
    /// Only what comes before this place; none: from the beginning.
    pub before: Option<Position>,
    /// At most this many, of which [`LIST_LIMIT_MAX`] are taken.
    pub limit: u32,
}

/// Semantic memory as a client of the tenant keeps it, outside turns: each call is a transaction.
#[async_trait]
pub trait KnowledgeKeeper: Send + Sync {
    /// Remember an entry, as a turn does; returns its id.
    ///
    /// # Errors
    /// `Denied` if another owner's entry is in its place, `NotFound` or `Denied` if what it supersedes
    /// is not there or not the owner's.
    async fn remember(&self, scope: &TenantScope, write: KnowledgeWrite) -> Result<Arc<str>>;
    /// Forget an entry. Says whether there was one.
    ///
    /// # Errors
    /// `Denied` if it is another owner's.
    async fn forget(&self, scope: &TenantScope, id: &str, now: Timestamp) -> Result<bool>;
    /// Entries of everybody in the tenant, or of one customer or user, the oldest first, after `after`;
    /// documents in one piece. For whoever holds the tenant's key: no agent reaches it.
    async fn export(
        &self,
        scope: &TenantScope,
        of: &Subject,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Page<KnowledgeRecord>>;
    /// Write what was exported, at most [`IMPORT_RECORDS_MAX`] in one transaction. A record that cannot
    /// be kept is told and stops no other.
    async fn import(
        &self,
        scope: &TenantScope,
        records: Vec<KnowledgeRecord>,
        now: Timestamp,
    ) -> Result<Vec<Imported>>;
}
