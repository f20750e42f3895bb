//! Knowledge, episodes and procedures.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use warren_agent::{
    Entry, EntryFilter, Episode, EpisodeFilter, Error, Failure, Instant, Item, Json, NewProcedure,
    Procedure, ProcedureKind, Role, Search, SearchMode, Visibility,
};

use super::{Answer, left, read};
use crate::{Run, Stop};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remember {
    content: String,
    external_id: Option<String>,
    metadata: Option<Value>,
    #[serde(default)]
    tags: Vec<String>,
    source: Option<String>,
    visibility: Option<String>,
    ttl_seconds: Option<u64>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    supersedes: Option<String>,
    #[serde(default)]
    derived_from: Vec<String>,
    chunk_bytes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    text: String,
    mode: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    #[serde(default)]
    tags: Vec<String>,
    source: Option<String>,
    metadata: Option<Value>,
    since: Option<String>,
    until: Option<String>,
    as_of: Option<String>,
    min_score: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListEntries {
    #[serde(default)]
    tags: Vec<String>,
    source: Option<String>,
    metadata: Option<Value>,
    since: Option<String>,
    until: Option<String>,
    as_of: Option<String>,
    document: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activate {
    name: String,
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddEpisode {
    role: String,
    content: String,
    metadata: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Episodes {
    /// Of `search_episodes`.
    #[serde(default)]
    text: String,
    session: Option<String>,
    role: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<u32>,
    before: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutProcedure {
    name: String,
    kind: Option<String>,
    body: String,
    #[serde(default)]
    triggers: Vec<String>,
    metadata: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    name: String,
    version: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Situation {
    situation: String,
    limit: u32,
}

pub(super) fn run(run: &mut Run<'_>, name: &str, argument: &Value) -> Answer {
    let (knowledge, episodes) = (run.ctx.knowledge(), run.ctx.episodes());
    match name {
        "remember" => left(knowledge.remember(entry(read(argument)?)?)?),
        "search" => left(list(&knowledge.search(search(read(argument)?)?)?, item)),
        "list_knowledge" => {
            let page = knowledge.list(entries(read(argument)?)?)?;
            left(json!({ "items": list(&page.items, item), "next": page.next }))
        }
        "get_knowledge" => left(item(&knowledge.get(&read::<String>(argument)?)?)),
        // The entry whose id the last command left.
        "get_knowledge_last" => left(item(&knowledge.get(run.last.as_str().unwrap_or(""))?)),
        "forget" => left(knowledge.forget(&read::<String>(argument)?)?),
        "forget_last" => left(knowledge.forget(run.last.as_str().unwrap_or(""))?),
        "add_episode" => {
            let add: AddEpisode = read(argument)?;
            let metadata = add.metadata.unwrap_or_else(|| json!({}));
            left(episodes.add_with(role(&add.role)?, &add.content, &metadata)?)
        }
        "recent_episodes" => left(list(&episodes.recent(filter(&read(argument)?)?)?, episode)),
        "unconsolidated" => left(list(&episodes.unconsolidated(read(argument)?)?, episode)),
        "consolidate" => {
            episodes.consolidate(&read::<String>(argument)?)?;
            left(Value::Null)
        }
        // Up to the newest of the episodes that the last command left.
        "consolidate_last" => {
            let last = run.last.as_array().and_then(|all| all.last());
            let id = last.and_then(|episode| episode["id"].as_str());
            episodes.consolidate(id.unwrap_or(""))?;
            left(Value::Null)
        }
        "search_episodes" => {
            let wanted: Episodes = read(argument)?;
            let found = episodes.search(&wanted.text, filter(&wanted)?)?;
            left(list(&found, episode))
        }
        _ => procedures(run, name, argument),
    }
}

fn procedures(run: &mut Run<'_>, name: &str, argument: &Value) -> Answer {
    let procedures = run.ctx.procedures();
    match name {
        "put_procedure" => left(procedures.put(new_procedure(read(argument)?)?)?),
        "get_procedure" => {
            let wanted: Version = read(argument)?;
            left(procedure(&match wanted.version {
                Some(version) => procedures.get_version(&wanted.name, version)?,
                None => procedures.get(&wanted.name)?,
            }))
        }
        "activate_procedure" => {
            let wanted: Activate = read(argument)?;
            procedures.activate(&wanted.name, wanted.version)?;
            left(Value::Null)
        }
        "roll_back_procedure" => left(procedures.roll_back(&read::<String>(argument)?)?),
        "match_procedures" => {
            let wanted: Situation = read(argument)?;
            let found = procedures.matching(&wanted.situation, wanted.limit)?;
            left(list(&found, procedure))
        }
        _ => Ok(None),
    }
}

fn entry(remember: Remember) -> Result<Entry, Error> {
    let mut entry =
        Entry::new(remember.content).metadata(&remember.metadata.unwrap_or_else(|| json!({})))?;
    entry.external_id = remember.external_id;
    entry.tags = remember.tags;
    entry.source = remember.source;
    entry.visibility = match remember.visibility.as_deref() {
        Some("customer") => Visibility::Customer,
        Some("tenant") => Visibility::Tenant,
        _ => Visibility::Private,
    };
    entry.valid_from = remember.valid_from.map(Instant::from_text);
    entry.valid_until = remember.valid_until.map(Instant::from_text);
    entry.supersedes = remember.supersedes;
    entry.derived_from = remember.derived_from;
    entry.chunk_bytes = remember.chunk_bytes;
    Ok(match remember.ttl_seconds {
        Some(seconds) => entry.ttl(Duration::from_secs(seconds)),
        None => entry,
    })
}

fn search(look: Look) -> Result<Search, Error> {
    let mut search = Search::new(look.text);
    search.mode = match look.mode.as_deref() {
        Some("keyword") => SearchMode::Keyword,
        Some("vector") => SearchMode::Vector,
        _ => SearchMode::Hybrid,
    };
    search.limit = look.limit.unwrap_or(search.limit);
    search.offset = look.offset.unwrap_or(search.offset);
    search.tags = look.tags;
    search.source = look.source;
    search.metadata = look
        .metadata
        .map(|metadata| Json::of(&metadata))
        .transpose()?;
    search.since = look.since.map(Instant::from_text);
    search.until = look.until.map(Instant::from_text);
    search.as_of = look.as_of.map(Instant::from_text);
    search.min_score = look.min_score;
    Ok(search)
}

fn entries(list: ListEntries) -> Result<EntryFilter, Error> {
    let metadata = list.metadata.map(|metadata| Json::of(&metadata));
    Ok(EntryFilter {
        tags: list.tags,
        source: list.source,
        metadata: metadata.transpose()?,
        since: list.since.map(Instant::from_text),
        until: list.until.map(Instant::from_text),
        as_of: list.as_of.map(Instant::from_text),
        document: list.document,
        limit: list.limit.unwrap_or(EntryFilter::default().limit),
        after: list.after,
    })
}

fn filter(wanted: &Episodes) -> Result<EpisodeFilter, Stop> {
    let mut filter = EpisodeFilter::new();
    filter.session.clone_from(&wanted.session);
    filter.role = wanted.role.as_deref().map(role).transpose()?;
    filter.since = wanted.since.as_deref().map(Instant::from_text);
    filter.until = wanted.until.as_deref().map(Instant::from_text);
    filter.limit = wanted.limit.unwrap_or(filter.limit);
    filter.before.clone_from(&wanted.before);
    Ok(filter)
}

fn new_procedure(put: PutProcedure) -> Result<NewProcedure, Error> {
    let kind = match put.kind.as_deref() {
        Some("rule") => ProcedureKind::Rule,
        Some("skill") => ProcedureKind::Skill,
        _ => ProcedureKind::Prompt,
    };
    let mut procedure = NewProcedure::new(kind, put.name, put.body);
    procedure.triggers = put.triggers;
    procedure.metadata(&put.metadata.unwrap_or_else(|| json!({})))
}

fn role(name: &str) -> Result<Role, Stop> {
    match name {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        "tool" => Ok(Role::Tool),
        other => Err(Stop::Ends(Failure::reject(format!(
            "the script: no role `{other}`"
        )))),
    }
}

fn list<T>(items: &[T], shown: fn(&T) -> Value) -> Value {
    items.iter().map(shown).collect()
}

fn item(item: &Item) -> Value {
    json!({
        "id": item.id, "external_id": item.external_id, "content": item.content,
        "metadata": item.metadata, "tags": item.tags, "source": item.source,
        "visibility": format!("{:?}", item.visibility).to_lowercase(), "writer": item.writer,
        "turn": item.turn, "derived_from": item.derived_from,
        "valid_from": item.valid_from, "valid_until": item.valid_until,
        "superseded_by": item.superseded_by,
        "part": item.part.as_ref().map(|part| json!([part.document, part.number, part.of])),
        "created": item.created, "updated": item.updated, "score": item.score,
    })
}

fn episode(episode: &Episode) -> Value {
    json!({
        "id": episode.id, "role": format!("{:?}", episode.role).to_lowercase(),
        "content": episode.content, "metadata": episode.metadata, "session": episode.session,
        "time": episode.time,
    })
}

fn procedure(procedure: &Procedure) -> Value {
    json!({
        "name": procedure.name, "version": procedure.version,
        "kind": format!("{:?}", procedure.kind).to_lowercase(), "body": procedure.body,
        "triggers": procedure.triggers, "metadata": procedure.metadata,
        "writer": procedure.writer, "created": procedure.created, "score": procedure.score,
    })
}
