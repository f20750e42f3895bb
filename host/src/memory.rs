//! What is remembered: working, semantic (knowledge), episodic and procedural memory.
//!
//! Each tier has its types and its read trait here; writes are [`crate::turn::Effect`]s, so that the only
//! way to change memory is to commit a turn. This module knows nothing of HTTP, SQL or Wasm.

use std::sync::Arc;

use uuid::Uuid;

pub mod check;
pub mod embed;
mod episodes;
pub mod erase;
pub mod fusion;
pub mod knowledge;
mod procedures;
mod sessions;
mod subject;
mod working;

pub use embed::{Embedder, EmbeddingStore};
pub use episodes::{
    EPISODES_LIMIT_MAX, Episode, EpisodeFilter, EpisodeKeeper, EpisodeStore, Role, Unconsolidated,
};
pub use erase::{Erased, Eraser};
pub use knowledge::{
    Chunk, DERIVED_FROM_MAX, Found, Hit, IMPORT_RECORDS_MAX, Imported, KNOWLEDGE_ENTRIES_MAX,
    KnowledgeFilter, KnowledgeItem, KnowledgeKeeper, KnowledgeQuery, KnowledgeRecord,
    KnowledgeStore, KnowledgeWrite, LIST_LIMIT_MAX, NOISE_COSINE, NewEntry, PageOf, Part, Place,
    Provenance, QUERY_BYTES_MAX, SEARCH_LIMIT_MAX, SEARCH_OFFSET_MAX, SearchMode, Shortfall, Stamp,
    Validity, Visibility, Why,
};
pub use procedures::{
    MATCH_LIMIT_MAX, NewProcedure, PROCEDURE_HISTORY_MAX, PROCEDURE_NAME_BYTES_MAX,
    PROCEDURE_TRIGGERS_MAX, Procedure, ProcedureKeeper, ProcedureKind, ProcedureState,
    ProcedureStore, ProcedureWrite, TRIGGER_BYTES_MAX,
};
pub use sessions::{SESSIONS_LIMIT_MAX, Session, SessionStore};
pub use subject::Subject;
pub use working::{
    KEY_BYTES_MAX, KEYS_LIMIT_MAX, KeyRange, WorkingEntry, WorkingKeeper, WorkingKey, WorkingSpace,
    WorkingStore,
};

/// A name for something that no turn makes: a prefix and a random number, ordered by time.
pub fn fresh_id(prefix: &str) -> Arc<str> {
    format!("{prefix}_{}", Uuid::now_v7().simple()).into()
}

/// Longest tag in bytes.
pub const TAG_BYTES_MAX: usize = 64;
/// Longest text of a knowledge entry, an episode or a procedure in bytes. A longer document is split
/// into entries.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most tags of a knowledge entry, or triggers of a procedure.
pub const TAGS_MAX: usize = 32;
