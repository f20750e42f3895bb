//! Semantic memory.

use std::time::Duration;

use serde::Serialize;

use crate::error::Result;
use crate::host::{Backend, Host as _};
use crate::instant::Instant;
use crate::json::Json;

/// Hits of a search that says no limit.
const LIMIT: u32 = 10;
/// Entries of a list that says no limit.
const LIST_LIMIT: u32 = 50;

/// Who finds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// The same user of the same customer.
    Private,
    /// Every user of the same customer.
    Customer,
    /// Everybody in the tenant.
    Tenant,
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchMode {
    /// Words and meaning, ranks fused. The usual choice.
    Hybrid,
    /// Words only.
    Keyword,
    /// Meaning only.
    Vector,
}

/// Something to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Your own name for it: remembering the same one again replaces it.
    pub external_id: Option<String>,
    /// 1 byte to 512 KiB of text. Past 64 KiB it is a document and split into chunks.
    pub content: String,
    /// A JSON object.
    pub metadata: Json,
    /// At most 32, each at most 64 bytes.
    pub tags: Vec<String>,
    /// Where it comes from, for example a URL.
    pub source: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// Forgotten after this many seconds.
    pub ttl_seconds: Option<u32>,
    /// True from this instant on: not found before, unless asked for.
    pub valid_from: Option<Instant>,
    /// True until this instant: not found from then on, unless asked for.
    pub valid_until: Option<Instant>,
    /// The id of the entry that is no longer true because of this one.
    pub supersedes: Option<String>,
    /// The ids of the episodes and entries that it was made from, at most 64.
    pub derived_from: Vec<String>,
    /// Split into chunks of at most this many bytes, 256 to 65,536.
    pub chunk_bytes: Option<u32>,
}

impl Entry {
    /// An entry that only the user finds for whom it is remembered.
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            external_id: None,
            content: content.into(),
            metadata: Json::empty_object(),
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

    /// With your own name for it: remembering the same one again replaces it.
    #[must_use]
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// With one more tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// With the place it comes from, for example a URL.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Found by these people.
    #[must_use]
    pub fn visible_to(mut self, visibility: Visibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// Forgotten after this long, in whole seconds.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl_seconds = Some(u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX));
        self
    }

    /// True from this instant on: not found before, unless asked for.
    #[must_use]
    pub fn valid_from(mut self, from: Instant) -> Self {
        self.valid_from = Some(from);
        self
    }

    /// True until this instant: not found from then on, unless asked for. Unlike with a time to live it
    /// is still there.
    #[must_use]
    pub fn valid_until(mut self, until: Instant) -> Self {
        self.valid_until = Some(until);
        self
    }

    /// Instead of the user's entry of this id, which is no longer true from `valid_from` or from now on.
    #[must_use]
    pub fn supersedes(mut self, id: impl Into<String>) -> Self {
        self.supersedes = Some(id.into());
        self
    }

    /// Made from one more episode or entry.
    #[must_use]
    pub fn derived_from(mut self, id: impl Into<String>) -> Self {
        self.derived_from.push(id.into());
        self
    }

    /// Split at paragraphs and sentences into chunks of at most this many bytes, 256 to 65,536, that are
    /// found one by one, and replaced and forgotten together.
    #[must_use]
    pub fn chunked(mut self, bytes: u32) -> Self {
        self.chunk_bytes = Some(bytes);
        self
    }

    /// With metadata: a value that is written as a JSON object.
    ///
    /// # Errors
    /// `Json` if it cannot be written as JSON.
    pub fn metadata<T: Serialize + ?Sized>(mut self, metadata: &T) -> Result<Self> {
        self.metadata = Json::of(metadata)?;
        Ok(self)
    }
}

/// What to look for. All filters must match.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// A question or some words, at most 4 KiB.
    pub text: String,
    /// How to look.
    pub mode: SearchMode,
    /// At most this many, 1 to 100.
    pub limit: u32,
    /// Skip this many, at most 1,000.
    pub offset: u32,
    /// Entries that carry all of these.
    pub tags: Vec<String>,
    /// Entries from this source.
    pub source: Option<String>,
    /// Entries whose metadata has these members with these values: a JSON object.
    pub metadata: Option<Json>,
    /// Entries written at or after this instant.
    pub since: Option<Instant>,
    /// Entries written before this instant.
    pub until: Option<Instant>,
    /// Entries that are true at this instant; none: now.
    pub as_of: Option<Instant>,
    /// Hits that score at least this, 0 to 1.
    pub min_score: Option<f64>,
}

impl Search {
    /// The ten best hits by words and meaning.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            mode: SearchMode::Hybrid,
            limit: LIMIT,
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

    /// At most this many, 1 to 100.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Skip this many, at most 1,000.
    #[must_use]
    pub fn offset(mut self, offset: u32) -> Self {
        self.offset = offset;
        self
    }

    /// Look this way.
    #[must_use]
    pub fn mode(mut self, mode: SearchMode) -> Self {
        self.mode = mode;
        self
    }

    /// Only entries that carry this tag too.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Only entries from this source.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Only entries written at or after this instant.
    #[must_use]
    pub fn since(mut self, since: Instant) -> Self {
        self.since = Some(since);
        self
    }

    /// Only entries written before this instant.
    #[must_use]
    pub fn until(mut self, until: Instant) -> Self {
        self.until = Some(until);
        self
    }

    /// Only entries that are true at this instant, instead of now.
    #[must_use]
    pub fn as_of(mut self, as_of: Instant) -> Self {
        self.as_of = Some(as_of);
        self
    }

    /// Only hits that score at least this, 0 to 1.
    #[must_use]
    pub fn min_score(mut self, min_score: f64) -> Self {
        self.min_score = Some(min_score);
        self
    }

    /// Only entries whose metadata has these members with these values.
    ///
    /// # Errors
    /// `Json` if it cannot be written as JSON.
    pub fn metadata<T: Serialize + ?Sized>(mut self, metadata: &T) -> Result<Self> {
        self.metadata = Some(Json::of(metadata)?);
        Ok(self)
    }
}

impl From<&str> for Search {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Which entries to list. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFilter {
    /// Entries that carry all of these.
    pub tags: Vec<String>,
    /// Entries from this source.
    pub source: Option<String>,
    /// Entries whose metadata has these members with these values: a JSON object.
    pub metadata: Option<Json>,
    /// Entries written at or after this instant.
    pub since: Option<Instant>,
    /// Entries written before this instant.
    pub until: Option<Instant>,
    /// Entries that are true at this instant; none: now.
    pub as_of: Option<Instant>,
    /// The chunks of this document, the last one first.
    pub document: Option<String>,
    /// At most this many, 1 to 100.
    pub limit: u32,
    /// Continue where a page ended: its `next`.
    pub after: Option<String>,
}

impl Default for EntryFilter {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            source: None,
            metadata: None,
            since: None,
            until: None,
            as_of: None,
            document: None,
            limit: LIST_LIMIT,
            after: None,
        }
    }
}

/// A page of a list of entries.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryPage {
    /// Entries, at most as many as asked for.
    pub items: Vec<Item>,
    /// Give this as `after` for the next page. A page may be short, or empty, and yet have a next one.
    pub next: Option<String>,
}

/// Which chunk of a document an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The id of the document, which is that of its first chunk.
    pub document: String,
    /// 0, 1, 2 …
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// An entry that was found or asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The host's name for it.
    pub id: String,
    /// Yours.
    pub external_id: Option<String>,
    /// The text.
    pub content: String,
    /// A JSON object.
    pub metadata: Json,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// True from this instant on.
    pub valid_from: Option<Instant>,
    /// True until this instant.
    pub valid_until: Option<Instant>,
    /// The entry because of which it is no longer true.
    pub superseded_by: Option<String>,
    /// Which chunk of a document it is, if it is one.
    pub part: Option<Part>,
    /// The agent that wrote it, or `client/<key>` if somebody did over HTTP.
    pub writer: String,
    /// The turn in which it was written.
    pub turn: Option<String>,
    /// The ids of the episodes and entries that it was made from.
    pub derived_from: Vec<String>,
    /// When it was first written.
    pub created: Instant,
    /// When it was last written.
    pub updated: Instant,
    /// 0 to 1 in a search, 1 otherwise.
    pub score: f64,
}

/// Semantic memory; made by [`Context::knowledge`](crate::Context::knowledge).
///
/// An entry belongs to the customer and user of the event being handled, whatever agent writes it.
///
/// ```
/// # use warren_agent::{Context, Entry, Result, Search};
/// fn learn(ctx: &Context, fact: &str) -> Result<usize> {
///     ctx.knowledge().remember(Entry::new(fact).tag("fact"))?;
///     let near = ctx.knowledge().search(Search::new(fact).tag("fact").limit(3))?;
///     Ok(near.len())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    host: &'a Backend,
}

impl<'a> Knowledge<'a> {
    pub(super) fn new(host: &'a Backend) -> Self {
        Self { host }
    }

    /// Remember an entry and return its id. Only the user who wrote an entry may replace it (`Denied`).
    pub fn remember(self, entry: Entry) -> Result<String> {
        self.host.get().remember(entry)
    }

    /// The best hits first. What this turn remembered is found by `get` at once and here after commit.
    pub fn search(self, search: impl Into<Search>) -> Result<Vec<Item>> {
        self.host.get().search_knowledge(search.into())
    }

    /// Entries, the one first remembered last first; as of the last commit.
    pub fn list(self, filter: EntryFilter) -> Result<EntryPage> {
        self.host.get().list_knowledge(filter)
    }

    /// The entry of this id, true or not.
    pub fn get(self, id: &str) -> Result<Item> {
        self.host.get().get_knowledge(id)
    }

    /// Forget an entry; with a chunk, all of its document. Says whether there was one.
    pub fn forget(self, id: &str) -> Result<bool> {
        self.host.get().forget(id)
    }
}
