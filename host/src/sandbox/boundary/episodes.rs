//! `episodes`: what was said and done, in order.

use crate::memory;
use crate::sandbox::bindings::warren::agent::episodes::{self, Episode, Filter, Role};
use crate::sandbox::bindings::warren::agent::types::Json;
use crate::turn::EpisodeSelect;

use super::{Fault, TurnView};

impl episodes::Host for TurnView<'_> {
    async fn add(&mut self, role: Role, content: String, metadata: Json) -> Result<String, Fault> {
        let turn = self.desk.enter(content.len() + metadata.len())?;
        Ok(turn
            .add_episode(domain_role(role), &content, &metadata)
            .await?)
    }

    async fn recent(&mut self, filter: Filter) -> Result<Vec<Episode>, Fault> {
        let turn = self.desk.enter(bytes(&filter))?;
        let found = turn.recent_episodes(select(filter)).await?;
        Ok(found.into_iter().map(episode).collect())
    }

    async fn search(&mut self, text: String, filter: Filter) -> Result<Vec<Episode>, Fault> {
        let turn = self.desk.enter(text.len() + bytes(&filter))?;
        let found = turn.search_episodes(&text, select(filter)).await?;
        Ok(found.into_iter().map(episode).collect())
    }

    async fn unconsolidated(&mut self, limit: u32) -> Result<Vec<Episode>, Fault> {
        let turn = self.desk.enter(0)?;
        let found = turn.unconsolidated_episodes(limit).await?;
        Ok(found.into_iter().map(episode).collect())
    }

    async fn consolidate(&mut self, through: String) -> Result<(), Fault> {
        let turn = self.desk.enter(through.len())?;
        Ok(turn.consolidate(&through).await?)
    }
}

fn bytes(filter: &Filter) -> usize {
    super::optional(&[
        &filter.session,
        &filter.since,
        &filter.until,
        &filter.before,
    ])
}

fn select(filter: Filter) -> EpisodeSelect {
    EpisodeSelect {
        session: filter.session,
        role: filter.role.map(domain_role),
        since: filter.since,
        until: filter.until,
        limit: filter.limit,
        before: filter.before,
    }
}

fn domain_role(role: Role) -> memory::Role {
    match role {
        Role::User => memory::Role::User,
        Role::Assistant => memory::Role::Assistant,
        Role::System => memory::Role::System,
        Role::Tool => memory::Role::Tool,
    }
}

fn episode(found: memory::Episode) -> Episode {
    Episode {
        id: found.id.to_string(),
        role: match found.role {
            memory::Role::User => Role::User,
            memory::Role::Assistant => Role::Assistant,
            memory::Role::System => Role::System,
            memory::Role::Tool => Role::Tool,
        },
        content: found.content.to_string(),
        metadata: found.metadata.as_str().to_owned(),
        session: found.session.map(|session| session.to_string()),
        time: found.time.to_string(),
    }
}
