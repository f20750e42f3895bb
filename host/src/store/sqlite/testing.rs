//! A tenant's database in memory, and shorthand, for the unit tests of the SQL.

use rusqlite::Connection;

use super::migrate;
use crate::clock::Timestamp;
use crate::events::Json;
use crate::id::{AgentName, CustomerId, TenantId, UserId};
use crate::identity::TenantScope;
use crate::memory::{KnowledgeWrite, Provenance, Validity, Visibility};

/// A migrated database with nothing in it.
pub(super) fn tenant_db() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    migrate::TENANT.apply(&mut conn).unwrap();
    conn
}

pub(super) fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

/// A scope of `customer/user`, either of which may be empty.
pub(super) fn scope(who: &str) -> TenantScope {
    let (customer, user) = identity(who);
    TenantScope::for_turn(TenantId::generate(), agent("scribe"), customer, user)
}

/// The customer and user of `customer/user`.
pub(super) fn identity(who: &str) -> (Option<CustomerId>, Option<UserId>) {
    let (customer, user) = who.split_once('/').unwrap();
    (
        (!customer.is_empty()).then(|| CustomerId::new(customer).unwrap()),
        (!user.is_empty()).then(|| UserId::new(user).unwrap()),
    )
}

/// An entry of `customer/user`, written at `now`, under a name that says who sees it too.
pub(super) fn entry(
    (who, visibility, name): (&str, Visibility, &str),
    content: &str,
    now: Timestamp,
) -> KnowledgeWrite {
    let (customer, user) = identity(who);
    KnowledgeWrite {
        id: format!("kno_{visibility:?}_{who}_{name}").into(),
        external_id: Some(name.to_owned()),
        content: content.into(),
        chunk_bytes: None,
        chunks: Vec::new(),
        metadata: Json::from_stored("{}"),
        tags: Vec::new(),
        source: None,
        visibility,
        expires: None,
        valid: Validity::default(),
        supersedes: None,
        superseded_by: None,
        customer,
        user,
        provenance: Provenance {
            writer: "scribe".into(),
            turn: None,
            derived_from: Vec::new(),
        },
        created: now,
        now,
    }
}

/// How SQLite runs a statement, step by step.
pub(super) fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get(3));
    steps.unwrap().map(Result::unwrap).collect()
}
