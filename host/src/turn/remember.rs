//! Writing semantic, episodic and procedural memory inside a turn.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::events::Json;
use crate::id::AgentName;
use crate::memory::{
    Episode, KnowledgeItem, KnowledgeWrite, PROCEDURE_NAME_BYTES_MAX, ProcedureKind,
    ProcedureWrite, Role, TAGS_MAX, TEXT_BYTES_MAX, TRIGGER_BYTES_MAX, Visibility,
};
use crate::registry::Grant;

use super::{Effect, Read, Turn, short};

/// Longest tag in bytes.
const TAG_BYTES_MAX: usize = 64;

/// A knowledge entry as a guest gives it, not yet checked.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The owner's name for it.
    pub external_id: Option<String>,
    /// The text.
    pub content: String,
    /// A JSON object.
    pub metadata: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// Who finds it.
    pub visibility: Visibility,
    /// Forgotten after this many seconds.
    pub ttl_seconds: Option<u32>,
}

/// A procedure as a guest gives it, not yet checked.
#[derive(Debug, Clone)]
pub struct NewProcedure {
    /// Its name.
    pub name: String,
    /// What sort.
    pub kind: ProcedureKind,
    /// The text.
    pub body: String,
    /// When to use it.
    pub triggers: Vec<String>,
    /// A JSON object.
    pub metadata: String,
}

impl Turn {
    /// Remember an entry and return its id: the same for the same owner and external id, or content.
    pub async fn remember(&mut self, entry: NewEntry) -> Result<String> {
        self.require(Grant::KnowledgeWrite)?;
        let mut write = self.knowledge_write(entry)?;
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
        let id = write.id.to_string();
        self.push(Effect::KnowledgePut(Box::new(write)))?;
        Ok(id)
    }

    /// Forget an entry. Says whether there was one.
    pub async fn forget(&mut self, id: &str) -> Result<bool> {
        self.require(Grant::KnowledgeWrite)?;
        let Some(item) = self.knowledge_item(id).await? else {
            return Ok(false);
        };
        self.require_owner(&item)?;
        self.push(Effect::KnowledgeForget { id: item.id })?;
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
        check_text("content", content)?;
        let metadata = object("metadata", metadata)?;
        let index = self.next_id();
        let id: Arc<str> = self.services.ids.row("epi", &self.id, index).into();
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

    /// Keep a new version of a procedure and make it current. Returns its number.
    pub async fn put_procedure(&mut self, given: NewProcedure) -> Result<u32> {
        self.require(Grant::ProceduresWrite)?;
        let name = procedure_name(&given.name)?;
        check_text("body", &given.body)?;
        check_list("triggers", &given.triggers, TRIGGER_BYTES_MAX)?;
        let metadata = object("metadata", &given.metadata)?;
        let version = 1 + match self.staged_procedure(&name) {
            Some(write) => write.version,
            None => self.latest_procedure(&name).await?,
        };
        let write = ProcedureWrite {
            name,
            version,
            kind: given.kind,
            body: given.body.into(),
            triggers: given.triggers,
            metadata,
            writer: self.agent().name.clone(),
            now: self.now(),
        };
        self.push(Effect::ProcedurePut(Box::new(write)))?;
        Ok(version)
    }

    pub(super) async fn latest_procedure(&mut self, name: &Arc<str>) -> Result<u32> {
        let latest = self.services.procedures.latest(self.scope(), name).await?;
        self.note_read(Read::Procedure {
            name: Arc::clone(name),
            latest,
        });
        Ok(latest)
    }

    pub(super) fn staged_procedure(&self, name: &str) -> Option<&ProcedureWrite> {
        self.staged
            .effects
            .iter()
            .rev()
            .find_map(|effect| match effect {
                Effect::ProcedurePut(write) if &*write.name == name => Some(&**write),
                _ => None,
            })
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

    fn knowledge_write(&mut self, entry: NewEntry) -> Result<KnowledgeWrite> {
        check_text("content", &entry.content)?;
        check_list("tags", &entry.tags, TAG_BYTES_MAX)?;
        let metadata = object("metadata", &entry.metadata)?;
        let external_id = entry
            .external_id
            .map(|id| short("external-id", &id))
            .transpose()?;
        let source = entry
            .source
            .map(|source| short("source", &source))
            .transpose()?;
        let index = self.next_id();
        let now = self.now();
        let scope = self.scope();
        Ok(KnowledgeWrite {
            id: self.services.ids.row("kno", &self.id, index).into(),
            external_id: external_id.map(|id| id.to_string()),
            content: entry.content.into(),
            metadata,
            tags: entry.tags,
            source: source.map(|source| source.to_string()),
            visibility: entry.visibility,
            expires: entry.ttl_seconds.map(|s| now.plus_ms(u64::from(s) * 1_000)),
            customer: scope.customer().cloned(),
            user: scope.user().cloned(),
            writer: self.agent_name(),
            now,
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

    fn agent_name(&self) -> AgentName {
        self.agent().name.clone()
    }
}

pub(super) fn procedure_name(text: &str) -> Result<Arc<str>> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    if text.is_empty() || text.len() > PROCEDURE_NAME_BYTES_MAX || !text.bytes().all(good) {
        return Err(Error::invalid(
            "name",
            format!("must be 1 to {PROCEDURE_NAME_BYTES_MAX} characters of `a-z0-9.-`"),
        ));
    }
    Ok(text.into())
}

fn check_text(field: &'static str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(field, "is empty"));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::TooLarge {
            limit: "text_bytes_max",
            unit: "bytes",
            max: TEXT_BYTES_MAX as u64,
            got: text.len() as u64,
        });
    }
    Ok(())
}

fn check_list(field: &'static str, items: &[String], bytes_max: usize) -> Result<()> {
    if items.len() > TAGS_MAX {
        return Err(Error::invalid(
            field,
            format!("{}, the limit is {TAGS_MAX}", items.len()),
        ));
    }
    match items
        .iter()
        .find(|item| item.is_empty() || item.len() > bytes_max)
    {
        None => Ok(()),
        Some(item) => Err(Error::invalid(
            field,
            format!("one is {} bytes, must be 1 to {bytes_max}", item.len()),
        )),
    }
}

fn object(field: &'static str, text: &str) -> Result<Json> {
    let json = Json::parse(field, if text.is_empty() { "{}" } else { text })?;
    if !json.as_str().starts_with('{') {
        return Err(Error::invalid(field, "is not a JSON object"));
    }
    Ok(json)
}
