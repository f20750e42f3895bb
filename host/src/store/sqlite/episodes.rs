//! Episodic memory in a tenant's database.
//!
//! Invariant: a read names the agent and the owner (see [`super::visibility`]) in its SQL; there is no
//! read without. Episodes are ordered by their time, of equal times by their commit.
//!
//! What waits to be consolidated is in the order of commits instead: a turn stamps an episode's time
//! before it commits, and a mark that went by time would pass over one that came late. Numbers are given
//! out above every one ever used, so that a new episode never lies before a mark.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::events::Json;
use crate::id::{AgentName, CustomerId, Label, UserId};
use crate::identity::TenantScope;
use crate::memory::{Episode, EpisodeFilter, EpisodeKeeper, EpisodeStore, Role, Unconsolidated};

use super::SqliteStore;
use super::columns::{optional, parsed};
use super::rows::{Sql as _, to_u64};
use super::sessions;
use super::visibility::owner;
use super::words;

/// The columns of [`episode`], in its order.
const COLUMNS: &str =
    "e.id, e.agent, e.customer, e.user, e.role, e.content, e.metadata, e.session, e.time_ms";

/// Rows that a filter lets through. Parameters 1 to 8 are [`Allowed::params`].
const ALLOWED: &str = "e.agent = ?1 AND e.owner = ?2 AND (?3 IS NULL OR e.session = ?3)
     AND (?4 IS NULL OR e.role = ?4) AND (?5 IS NULL OR e.time_ms >= ?5) AND (?6 IS NULL OR e.time_ms < ?6)
     AND (?7 IS NULL OR (e.time_ms, e.n) < (?7, ?8))";

#[async_trait]
impl EpisodeStore for SqliteStore {
    async fn recent(&self, scope: &TenantScope, filter: &EpisodeFilter) -> Result<Vec<Episode>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(|conn| recent(conn, scope, filter)).await
    }

    async fn search(
        &self,
        scope: &TenantScope,
        text: &str,
        filter: &EpisodeFilter,
    ) -> Result<Vec<Episode>> {
        let tenant = self.tenant(scope).await?;
        let (scope, text, filter) = (scope.clone(), text.to_owned(), filter.clone());
        tenant
            .scan(move |conn| search(conn, &scope, &text, &filter))
            .await
    }

    async fn has(&self, scope: &TenantScope, agent: &AgentName, id: &str) -> Result<bool> {
        let tenant = self.tenant(scope).await?;
        let owner = owner(scope.customer(), scope.user());
        tenant
            .read(|conn| Ok(place(conn, agent.as_str(), &owner, id)?.1.is_some()))
            .await
    }

    async fn unconsolidated(
        &self,
        scope: &TenantScope,
        agent: &AgentName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Unconsolidated> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| unconsolidated(conn, scope, (agent, after), limit))
            .await
    }
}

#[async_trait]
impl EpisodeKeeper for SqliteStore {
    async fn add(&self, scope: &TenantScope, episode: Episode) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        tenant.write(move |tx| apply_add(tx.conn(), &episode)).await
    }
}

/// The oldest first: those after the mark, or after an episode.
fn unconsolidated(
    conn: &Connection,
    scope: &TenantScope,
    (agent, after): (&AgentName, Option<&str>),
    limit: u32,
) -> Result<Unconsolidated> {
    let owner = owner(scope.customer(), scope.user());
    let mark = mark(conn, agent.as_str(), &owner)?;
    let from = match after {
        Some(id) => place(conn, agent.as_str(), &owner, id)?.1,
        None => None,
    };
    let episodes = conn
        .prepare_cached(&in_order_sql())
        .and_then(|mut statement| {
            let params = params![agent.as_str(), owner, from.unwrap_or(mark), limit];
            statement.query_map(params, episode)?.collect()
        })
        .during("reading episodes to consolidate")?;
    Ok(Unconsolidated {
        mark: to_u64(mark),
        episodes,
    })
}

fn in_order_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM episodes e WHERE e.agent = ?1 AND e.owner = ?2 AND e.n > ?3
         ORDER BY e.n LIMIT ?4"
    )
}

fn mark(conn: &Connection, agent: &str, owner: &str) -> Result<i64> {
    conn.prepare_cached("SELECT n FROM episode_marks WHERE agent = ?1 AND owner = ?2")
        .and_then(|mut statement| {
            statement
                .query_row([agent, owner], |row| row.get(0))
                .optional()
        })
        .during("reading what is consolidated")
        .map(Option::unwrap_or_default)
}

/// Whether an agent's episodes with a scope's user are consolidated up to where they were.
pub(super) fn unchanged(
    conn: &Connection,
    scope: &TenantScope,
    agent: &AgentName,
    seen: u64,
) -> Result<bool> {
    let owner = owner(scope.customer(), scope.user());
    Ok(to_u64(mark(conn, agent.as_str(), &owner)?) == seen)
}

/// Move the mark to an episode, never back. One that was erased meanwhile moves nothing.
pub(super) fn apply_consolidate(
    conn: &Connection,
    agent: &AgentName,
    (customer, user): (Option<&CustomerId>, Option<&UserId>),
    through: &str,
) -> Result<()> {
    let owner = owner(customer, user);
    let (_, Some(n)) = place(conn, agent.as_str(), &owner, through)? else {
        return Ok(());
    };
    conn.prepare_cached(
        "INSERT INTO episode_marks (agent, owner, n) VALUES (?1, ?2, ?3)
         ON CONFLICT (agent, owner) DO UPDATE SET n = max(n, excluded.n)",
    )
    .and_then(|mut statement| statement.execute(params![agent.as_str(), owner, n]))
    .during("marking episodes as consolidated")?;
    Ok(())
}

/// The newest first.
fn recent(conn: &Connection, scope: &TenantScope, filter: &EpisodeFilter) -> Result<Vec<Episode>> {
    let allowed = Allowed::of(conn, scope, filter)?;
    conn.prepare_cached(&recent_sql(filter.session.is_some()))
        .and_then(|mut statement| {
            statement
                .query_map(&allowed.params()[..], episode)?
                .collect()
        })
        .during("reading episodes")
}

fn recent_sql(of_session: bool) -> String {
    // Lets SQLite take the session's own index, which `?3 IS NULL OR` keeps it from.
    let session = if of_session { "AND e.session = ?3" } else { "" };
    format!(
        "SELECT {COLUMNS} FROM episodes e WHERE {ALLOWED} {session}
         ORDER BY e.time_ms DESC, e.n DESC LIMIT ?9"
    )
}

/// By words, the best first.
fn search(
    conn: &Connection,
    scope: &TenantScope,
    text: &str,
    filter: &EpisodeFilter,
) -> Result<Vec<Episode>> {
    let allowed = Allowed::of(conn, scope, filter)?;
    let domain = domain(&allowed.agent, &allowed.owner);
    let Some(expression) = words::any_of_within(&[domain], text) else {
        return Ok(Vec::new());
    };
    let mut params = allowed.params();
    params.push(&expression);
    conn.prepare_cached(&search_sql())
        .and_then(|mut statement| statement.query_map(&params[..], episode)?.collect())
        .during("searching episodes")
}

/// Words first, as CROSS JOIN says, see [`super::knowledge`].
fn search_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM episodes_words CROSS JOIN episodes e ON e.n = episodes_words.rowid
         WHERE episodes_words MATCH ?10 AND {ALLOWED}
         ORDER BY bm25(episodes_words, 0.0, 1.0), e.time_ms DESC, e.n DESC LIMIT ?9"
    )
}

/// Add an episode.
pub(super) fn apply_add(conn: &Connection, episode: &Episode) -> Result<()> {
    let who = (episode.customer.as_ref(), episode.user.as_ref());
    if let Some(session) = &episode.session {
        sessions::touch(conn, who, session, (episode.time, 0))?;
    }
    insert(conn, episode, &owner(who.0, who.1)).during("adding an episode")
}

fn insert(conn: &Connection, episode: &Episode, owner: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO episodes (n, id, agent, owner, customer, user, role, session, time_ms, metadata, content)
         SELECT max(value, (SELECT coalesce(max(n), 0) FROM episodes)) + 1,
             ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         FROM memory_counters WHERE name = 'episodes_floor'",
    )?
    .execute(params![
        &*episode.id,
        episode.agent.as_str(),
        owner,
        episode.customer.as_ref().map(CustomerId::as_str),
        episode.user.as_ref().map(UserId::as_str),
        episode.role.as_str(),
        episode.session.as_ref().map(Label::as_str),
        episode.time.0,
        episode.metadata.as_str(),
        &*episode.content,
    ])?;
    let n = conn.last_insert_rowid();
    conn.prepare_cached("INSERT INTO episodes_words (rowid, domain, content) VALUES (?1, ?2, ?3)")?
        .execute(params![
            n,
            words::number(&domain(episode.agent.as_str(), owner)),
            &*episode.content
        ])?;
    Ok(())
}

/// Whose episodes these are, as one text: an agent's name has no space.
fn domain(agent: &str, owner: &str) -> String {
    format!("{agent} {owner}")
}

/// What a scope and a filter let through.
struct Allowed {
    agent: String,
    owner: String,
    session: Option<String>,
    role: Option<&'static str>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    /// The place before which to begin: time, and row.
    before: (Option<i64>, Option<i64>),
    limit: u32,
}

impl Allowed {
    fn of(conn: &Connection, scope: &TenantScope, filter: &EpisodeFilter) -> Result<Self> {
        let agent = filter.agent.to_string();
        let owner = owner(scope.customer(), scope.user());
        let before = match &filter.before {
            Some(id) => place(conn, &agent, &owner, id)?,
            None => (None, None),
        };
        Ok(Self {
            agent,
            owner,
            session: filter.session.as_ref().map(ToString::to_string),
            role: filter.role.map(Role::as_str),
            since_ms: filter.since.map(|at| at.0),
            until_ms: filter.until.map(|at| at.0),
            before,
            limit: filter.limit,
        })
    }

    /// The parameters of [`ALLOWED`], and the limit as the ninth.
    fn params(&self) -> Vec<&dyn ToSql> {
        let (before_ms, before_n) = &self.before;
        vec![
            &self.agent,
            &self.owner,
            &self.session,
            &self.role,
            &self.since_ms,
            &self.until_ms,
            before_ms,
            before_n,
            &self.limit,
        ]
    }
}

/// Where the episode of this id stands. An id that a turn has staged and not committed is newer than all.
fn place(
    conn: &Connection,
    agent: &str,
    owner: &str,
    id: &str,
) -> Result<(Option<i64>, Option<i64>)> {
    let found = conn
        .prepare_cached(
            "SELECT time_ms, n FROM episodes WHERE id = ?1 AND agent = ?2 AND owner = ?3",
        )
        .and_then(|mut statement| {
            statement
                .query_row([id, agent, owner], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .during("finding an episode")?;
    Ok(found.unwrap_or((None, None)))
}

/// A row of [`COLUMNS`].
fn episode(row: &Row<'_>) -> rusqlite::Result<Episode> {
    Ok(Episode {
        id: row.get(0)?,
        agent: parsed(row, 1)?,
        customer: optional(row, 2)?,
        user: optional(row, 3)?,
        role: match row.get_ref(4)?.as_str()? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            _ => Role::System,
        },
        content: row.get(5)?,
        metadata: Json::from_stored(row.get::<_, String>(6)?),
        session: optional(row, 7)?,
        time: Timestamp(row.get(8)?),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, tenant_db};
    use super::*;

    #[test]
    fn reads_use_their_indexes() {
        let conn = tenant_db();
        let recent = |session: Option<&str>| plan(&conn, &recent_sql(session.is_some()));
        assert!(recent(None)[0].contains("episodes_recent (agent=? AND owner=?"));
        assert!(
            recent(Some("s"))[0].contains("episodes_session (agent=? AND owner=? AND session=?")
        );
        assert!(plan(&conn, &in_order_sql())[0].contains("episodes_in_order"));
        let search = plan(&conn, &search_sql());
        assert!(
            search[0].starts_with("SCAN episodes_words VIRTUAL TABLE"),
            "{search:?}"
        );
    }
}
