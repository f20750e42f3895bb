//! What is remembered: working, semantic (knowledge), episodic and procedural memory.
//!
//! Each tier has its types and its read trait here; writes are [`crate::turn::Effect`]s, so that the only
//! way to change memory is to commit a turn. This module knows nothing of HTTP, SQL or Wasm.

pub mod embed;
mod episodes;
mod knowledge;
mod procedures;
mod working;

pub use episodes::{EPISODES_LIMIT_MAX, Episode, EpisodeFilter, EpisodeStore, Role};
pub use knowledge::{
    Hit, KNOWLEDGE_ENTRIES_MAX, KnowledgeItem, KnowledgeQuery, KnowledgeStore, KnowledgeWrite,
    QUERY_BYTES_MAX, SEARCH_LIMIT_MAX, SEARCH_OFFSET_MAX, SearchMode, Visibility,
};
pub use procedures::{
    MATCH_LIMIT_MAX, PROCEDURE_NAME_BYTES_MAX, Procedure, ProcedureKind, ProcedureStore,
    ProcedureWrite, TRIGGER_BYTES_MAX,
};
pub use working::{
    KEY_BYTES_MAX, KEYS_LIMIT_MAX, KeyRange, WorkingEntry, WorkingKey, WorkingSpace, WorkingStore,
};

/// Longest text of a knowledge entry, an episode or a procedure in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most tags of a knowledge entry, or triggers of a procedure.
pub const TAGS_MAX: usize = 32;
