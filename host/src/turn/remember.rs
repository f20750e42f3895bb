//! Writing semantic and episodic memory inside a turn.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::memory::{Episode, KnowledgeItem, KnowledgeWrite, NewEntry, Role, Stamp, check};
use crate::registry::Grant;

use super::{Effect, Turn};

/// What ids of knowledge entries begin with.
const KNOWLEDGE_PREFIX: &str = "kno";
/// What ids of episodes begin with.
const EPISODE_PREFIX: &str = "epi";

impl Turn {
    /// Remember an entry and return its id: the same for the same owner and external id, or content.
    pub async fn remember(&mut self, entry: NewEntry) -> Result<String> {
        self.require(Grant::KnowledgeWrite)?;
        let index = self.next_id();
        let id = self.services.ids.row(KNOWLEDGE_PREFIX, &self.id, index);
        let stamp = Stamp::of(self.scope(), Some(self.id.clone()), self.now());
        let mut write = entry.check(stamp, id.into())?;
        self.check_origins(&write.provenance.derived_from).await?;
        let existing = self
            .services
            .knowledge
            .existing(self.scope(), &write)
            .await?;
        if let Some(item) = existing {
            self.require_owner(&item)?;
            write.id = item.id;
        } else if let Some(id) = self.staged_knowledge(&write) {
            write.id = id;
        }
        if let Some(old) = write.supersedes.take() {
            write.supersedes = Some(self.superseded(&old, &write.id).await?);
        }
        let id = write.id.to_string();
        self.push(Effect::KnowledgePut(Box::new(write)))?;
        Ok(id)
    }

    /// The id of the entry that a write supersedes, if its owner may say so.
    async fn superseded(&mut self, old: &str, new: &str) -> Result<Arc<str>> {
        let item = self.knowledge_item(old).await?;
        let item = item.ok_or_else(|| Error::not_found("knowledge entry", old))?;
        self.require_owner(&item)?;
        let id = whole(&item);
        if *id == *new {
            return Err(Error::invalid(
                "supersedes",
                format!("`{old}` is the entry that is being written: it is replaced anyway"),
            ));
        }
        Ok(id)
    }

    /// What an entry says it was made from is there to be seen by whoever says so.
    async fn check_origins(&mut self, ids: &[String]) -> Result<()> {
        for id in ids {
            let there = if id.starts_with(EPISODE_PREFIX) {
                self.sees_episode(id).await?
            } else {
                self.knowledge_item(id).await?.is_some()
            };
            if !there {
                return Err(Error::invalid(
                    "derived-from",
                    format!("there is no episode or entry `{id}`"),
                ));
            }
        }
        Ok(())
    }

    /// Forget an entry. Says whether there was one.
    pub async fn forget(&mut self, id: &str) -> Result<bool> {
        self.require(Grant::KnowledgeWrite)?;
        let Some(item) = self.knowledge_item(id).await? else {
            return Ok(false);
        };
        self.require_owner(&item)?;
        self.push(Effect::KnowledgeForget { id: whole(&item) })?;
        Ok(true)
    }

    /// Add an episode to the session of the event being handled.
    pub async fn add_episode(
        &mut self,
        role: Role,
        content: &str,
        metadata: &str,
    ) -> Result<String> {
        self.require(Grant::EpisodesWrite)?;
        check::text("content", content)?;
        let metadata = check::object("metadata", metadata)?;
        let index = self.next_id();
        let id: Arc<str> = self
            .services
            .ids
            .row(EPISODE_PREFIX, &self.id, index)
            .into();
        let scope = self.scope();
        let episode = Episode {
            id: Arc::clone(&id),
            agent: self.agent().name.clone(),
            customer: scope.customer().cloned(),
            user: scope.user().cloned(),
            role,
            content: content.into(),
            metadata,
            session: self.event().body.session.clone(),
            time: self.now(),
        };
        self.push(Effect::EpisodeAdd(Box::new(episode)))?;
        Ok(id.to_string())
    }

    /// Say that episodes up to this one have been made into knowledge, or need not be.
    pub async fn consolidate(&mut self, through: &str) -> Result<()> {
        self.require(Grant::EpisodesWrite)?;
        if !self.sees_episode(through).await? {
            return Err(Error::not_found("episode", through));
        }
        let scope = self.scope();
        let effect = Effect::EpisodesConsolidate {
            agent: self.agent().name.clone(),
            customer: scope.customer().cloned(),
            user: scope.user().cloned(),
            through: through.into(),
        };
        self.push(effect)
    }

    /// The id of the entry that this turn has staged under the same external id, or with the same content.
    fn staged_knowledge(&self, write: &KnowledgeWrite) -> Option<Arc<str>> {
        let same = |other: &KnowledgeWrite| {
            other.external_id == write.external_id
                && (write.external_id.is_some() || other.content == write.content)
        };
        self.staged.effects.iter().find_map(|effect| match effect {
            Effect::KnowledgePut(other) if same(other) => Some(Arc::clone(&other.id)),
            _ => None,
        })
    }

    /// Only the user who wrote an entry may change it, whoever may read it.
    fn require_owner(&self, item: &KnowledgeItem) -> Result<()> {
        let scope = self.scope();
        if item.owner == (scope.customer().cloned(), scope.user().cloned()) {
            return Ok(());
        }
        let what = format!("changing knowledge entry `{}` of another user", item.id);
        Err(Error::Denied {
            what: what.into(),
            grant: "ownership".into(),
        })
    }
}

/// The id of the document that an entry is a chunk of, else its own: what is forgotten and superseded.
pub(super) fn whole(item: &KnowledgeItem) -> Arc<str> {
    let part = item.part.as_ref();
    Arc::clone(part.map_or(&item.id, |part| &part.document))
}
