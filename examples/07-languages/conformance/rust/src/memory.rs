//! The steps about long-term memory.

use serde_json::{Value, json};
use warren_agent::{
    Context, Entry, EntryFilter, Episode, EpisodeFilter, Item, NewProcedure, ProcedureKind, Role,
    Search,
};

use crate::steps::{Left, unknown};
use crate::{number, option, text};

pub(crate) fn run(ctx: &Context, name: &str, step: &Value) -> Left {
    match name.split_once('.') {
        Some(("knowledge", what)) => knowledge(ctx, what, step),
        Some(("episodes", what)) => episodes(ctx, what, step),
        Some(("procedures", what)) => procedures(ctx, what, step),
        _ => Err(unknown(name)),
    }
}

fn contents(items: Vec<Item>) -> Value {
    items.into_iter().map(|item| item.content).collect()
}

fn knowledge(ctx: &Context, what: &str, step: &Value) -> Left {
    let memory = ctx.knowledge();
    Ok(match what {
        "remember" => {
            let mut entry = Entry::new(text(step, "content"));
            if let Some(id) = option(step, "external_id") {
                entry = entry.external_id(id);
            }
            if step["metadata"].is_object() {
                entry = entry.metadata(&step["metadata"])?;
            }
            for tag in step["tags"].as_array().into_iter().flatten() {
                entry = entry.tag(tag.as_str().unwrap_or_default());
            }
            json!(memory.remember(entry)?)
        }
        "get" => {
            let item = memory.get(text(step, "id"))?;
            json!({
                "content": item.content, "metadata": item.metadata, "tags": item.tags, "external_id": item.external_id,
            })
        }
        "forget" => json!(memory.forget(text(step, "id"))?),
        "search" => {
            let search = Search::new(text(step, "text")).limit(number(step, "limit"));
            contents(memory.search(search)?)
        }
        "list" => {
            let filter = EntryFilter {
                limit: number(step, "limit"),
                ..EntryFilter::default()
            };
            contents(memory.list(filter)?.items)
        }
        other => return Err(unknown(other)),
    })
}

fn role(step: &Value) -> Option<Role> {
    Some(match text(step, "role") {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "tool" => Role::Tool,
        _ => return None,
    })
}

fn said(episodes: Vec<Episode>) -> Value {
    episodes
        .into_iter()
        .map(|episode| episode.content)
        .collect()
}

fn episodes(ctx: &Context, what: &str, step: &Value) -> Left {
    let memory = ctx.episodes();
    let filter = EpisodeFilter {
        role: role(step),
        limit: number(step, "limit"),
        ..EpisodeFilter::default()
    };
    Ok(match what {
        "add" => {
            let role = role(step).ok_or_else(|| unknown("a role"))?;
            json!(memory.add_with(role, text(step, "content"), &step["metadata"])?)
        }
        "recent" => said(memory.recent(filter)?),
        "search" => said(memory.search(text(step, "text"), filter)?),
        "unconsolidated" => said(memory.unconsolidated(number(step, "limit"))?),
        "consolidate" => json!(memory.consolidate(text(step, "through"))?),
        other => return Err(unknown(other)),
    })
}

const KINDS: [(&str, ProcedureKind); 3] = [
    ("prompt", ProcedureKind::Prompt),
    ("rule", ProcedureKind::Rule),
    ("skill", ProcedureKind::Skill),
];

fn procedures(ctx: &Context, what: &str, step: &Value) -> Left {
    let (memory, name) = (ctx.procedures(), text(step, "name"));
    Ok(match what {
        "put" => {
            let kind = KINDS.iter().find(|(word, _)| *word == text(step, "kind"));
            let kind = kind.ok_or_else(|| unknown("a kind"))?.1;
            let triggers = step["triggers"].as_array().into_iter().flatten();
            let procedure = triggers.fold(
                NewProcedure::new(kind, name, text(step, "body")),
                |procedure, trigger| procedure.trigger(trigger.as_str().unwrap_or_default()),
            );
            json!(memory.put(procedure)?)
        }
        "get" => {
            let procedure = match number(step, "version") {
                0 => memory.get(name)?,
                version => memory.get_version(name, version)?,
            };
            let kind = KINDS.iter().find(|(_, kind)| *kind == procedure.kind);
            json!({ "body": procedure.body, "version": procedure.version, "kind": kind.map(|(word, _)| word) })
        }
        "activate" => json!(memory.activate(name, number(step, "version"))?),
        "roll-back" => json!(memory.roll_back(name)?),
        "match" => {
            let found = memory.matching(text(step, "situation"), number(step, "limit"))?;
            found.into_iter().map(|procedure| procedure.name).collect()
        }
        other => return Err(unknown(other)),
    })
}
