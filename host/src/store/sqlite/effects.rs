//! What a commit does to memory: checks what the turn read, then applies what it wrote.
//!
//! Invariant: [`TurnStore::commit`](crate::turn::TurnStore::commit) is the only caller, so memory changes
//! with the consumption of an event or not at all.

use rusqlite::Connection;

use super::embedding::{Vectoring, Vectors};
use super::{episodes, knowledge, procedures, working};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::identity::TenantScope;
use crate::memory::KnowledgeWrite;
use crate::turn::{Effect, Read};

/// An effect with what takes long to make, made on the caller's thread and not on the writer's.
pub(super) enum Prepared {
    /// Write a knowledge entry, found by these vectors.
    Knowledge(Box<KnowledgeWrite>, Vectors),
    /// Anything else.
    Plain(Effect),
}

impl Prepared {
    /// Make what takes long.
    pub(super) fn new(effect: Effect, vectoring: &Vectoring) -> Self {
        match effect {
            Effect::KnowledgePut(write) => {
                let vectors = vectoring.vectors_of(&write);
                Self::Knowledge(write, vectors)
            }
            plain => Self::Plain(plain),
        }
    }

    /// Whether it leaves vectors to be made later.
    pub(super) fn defers_vectors(&self) -> bool {
        matches!(self, Self::Knowledge(_, vectors) if vectors.are_deferred())
    }
}

/// Says what has changed, if something a turn read is not as it was.
pub(super) fn check_read(
    conn: &Connection,
    scope: &TenantScope,
    read: &Read,
    now: Timestamp,
) -> Result<Option<String>> {
    let (unchanged, what) = match read {
        Read::Working {
            space,
            key,
            version,
        } => (
            working::unchanged(conn, space, key, *version, now)?,
            format!("working memory `{}` of {space}", key.as_str()),
        ),
        Read::WorkingKeys { range, seen } => (
            working::keys(conn, range, now)? == *seen,
            format!("the keys `{}` of {}", range.prefix, range.space),
        ),
        Read::Knowledge { id, version } => (
            knowledge::unchanged(conn, scope, id, *version, now)?,
            format!("knowledge `{id}`"),
        ),
        Read::Procedure { name, changes } => (
            procedures::unchanged(conn, name, *changes)?,
            format!("procedure `{name}`"),
        ),
        Read::EpisodeMark { agent, mark } => (
            episodes::unchanged(conn, scope, agent, *mark)?,
            format!("which episodes of `{agent}` are consolidated"),
        ),
    };
    Ok((!unchanged).then_some(what))
}

/// Says what is in the way of a write that was not when the turn staged it.
pub(super) fn check_write(conn: &Connection, prepared: &Prepared) -> Result<Option<String>> {
    match prepared {
        Prepared::Knowledge(write, _) => knowledge::in_the_way(conn, write),
        Prepared::Plain(_) => Ok(None),
    }
}

/// Apply one effect on behalf of an owner, if of any. Says what it did to working memory, if anything.
pub(super) fn apply(
    conn: &Connection,
    prepared: &Prepared,
    (owner, now): (Option<&str>, Timestamp),
) -> Result<Option<working::Change>> {
    let effect = match prepared {
        Prepared::Knowledge(write, vectors) => {
            return knowledge::apply_put(conn, write, vectors).map(|()| None);
        }
        Prepared::Plain(effect) => effect,
    };
    match effect {
        Effect::WorkingPut {
            space,
            key,
            value,
            expires,
        } => {
            let by = (owner, now);
            return working::apply_put(conn, (space, key), value, *expires, by).map(Some);
        }
        Effect::WorkingDelete { space, key } => {
            return working::apply_delete(conn, space, key).map(Some);
        }
        Effect::KnowledgePut(_) => {
            return Err(Error::internal(
                "applying knowledge",
                "its vectors were not prepared",
            ));
        }
        Effect::KnowledgeForget { id } => knowledge::apply_forget(conn, id)?,
        Effect::EpisodeAdd(episode) => episodes::apply_add(conn, episode)?,
        Effect::EpisodesConsolidate {
            agent,
            customer,
            user,
            through,
        } => {
            let owner = (customer.as_ref(), user.as_ref());
            episodes::apply_consolidate(conn, agent, owner, through)?;
        }
        Effect::ProcedurePut(write) => procedures::apply_put(conn, write)?,
        Effect::ProcedureActivate { name, version } => {
            procedures::apply_activate(conn, name, *version)?;
        }
        Effect::ProcedureRollBack { name } => procedures::apply_roll_back(conn, name)?,
    }
    Ok(None)
}
