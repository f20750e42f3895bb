//! Semantic memory: texts that are found again by words and by meaning.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::id::{AgentName, CustomerId, UserId};
use crate::identity::TenantScope;

/// Most knowledge entries in a tenant. A vector search reads a KiB of each that the searcher sees: 0.11 to
/// 0.14 s of CPU at this many (measured), which is as long as a search may take without an index of vectors.
pub const KNOWLEDGE_ENTRIES_MAX: u64 = 100_000;
/// Longest search text in bytes.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;
/// Most hits that one search returns.
pub const SEARCH_LIMIT_MAX: u32 = 100;
/// Furthest that a search skips.
pub const SEARCH_OFFSET_MAX: u32 = 1_000;

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

/// An entry to write. Ids, owner and writer were set by the turn.
#[derive(Debug, Clone, PartialEq)]
pub struct KnowledgeWrite {
    /// The id it gets if there is no entry of this external id or content yet.
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
    /// When it is forgotten.
    pub expires: Option<Timestamp>,
    /// Whose it is.
    pub customer: Option<CustomerId>,
    /// Whose it is.
    pub user: Option<UserId>,
    /// Who wrote it.
    pub writer: AgentName,
    /// When.
    pub now: Timestamp,
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
    /// Whose it is: `(customer, user)`.
    pub owner: (Option<CustomerId>, Option<UserId>),
    /// Who wrote it.
    pub writer: AgentName,
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
    /// Scores at least this, 0 to 1.
    pub min_score: Option<f64>,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The entry.
    pub item: KnowledgeItem,
    /// 0 to 1, the best first.
    pub score: f64,
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
    async fn search(
        &self,
        scope: &TenantScope,
        query: &KnowledgeQuery,
        now: Timestamp,
    ) -> Result<Vec<Hit>>;
}
