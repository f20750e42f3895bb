//! Sessions: conversations of one user, known by the events and episodes that name them.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::id::{CustomerId, Label, UserId};
use crate::identity::TenantScope;

/// Most sessions of one page of a list.
pub const SESSIONS_LIMIT_MAX: u32 = 100;

/// A session as stored. The first event or episode that names it makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its name, which is the user's own: another user's of the same name is another session.
    pub id: Label,
    /// Whose it is.
    pub customer: Option<CustomerId>,
    /// Whose it is.
    pub user: Option<UserId>,
    /// When it began.
    pub started: Timestamp,
    /// When something last happened in it.
    pub last: Timestamp,
    /// How many events belong to it.
    pub events: u64,
    /// A JSON object of the tenant's.
    pub metadata: Json,
}

/// Sessions of the scope's customer and user; nobody reaches another's.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The session of this name.
    async fn get(&self, scope: &TenantScope, id: &Label) -> Result<Option<Session>>;
    /// The one in which something happened last comes first; those after the session of name `after`.
    /// At most [`SESSIONS_LIMIT_MAX`], whatever is asked.
    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Label>,
        limit: u32,
    ) -> Result<Vec<Session>>;
    /// Set a session's metadata; makes the session if there is none.
    async fn put(
        &self,
        scope: &TenantScope,
        id: &Label,
        metadata: Json,
        now: Timestamp,
    ) -> Result<Session>;
    /// Forget a session with the episodes of all agents in it. Its events stay in the log until retention
    /// takes them. Says whether there was one.
    async fn forget(&self, scope: &TenantScope, id: &Label) -> Result<bool>;
}
