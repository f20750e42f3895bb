//! The SDK's types and the contract's, one into the other.
//!
//! Invariant: every field is named on both sides, so that a change of the contract does not compile here
//! until somebody has decided what it means for agents.

use std::time::Duration;

use super::{bindings, wit};
use crate::context::{
    AgentInfo, AgentQuery, Budget, CatalogEntry, CatalogQuery, Entry, EntryFilter, EntryPage,
    Episode, EpisodeFilter, EventInfo, EventQuery, Identity, Item, Level, NewProcedure, Part,
    Procedure, ProcedureKind, Role, Schema, Search, SearchMode, Violation, Visibility,
};
use crate::error::{Error, Failure};
use crate::event::{Event, ReplyTo};
use crate::host::NewEvent;
use crate::instant::Instant;
use crate::json::Json;
use crate::topic::Topic;

/// Both ways between two enums with the same cases.
macro_rules! same_cases {
    ($ours:ty, $theirs:path: $($case:ident)+) => {
        impl From<$ours> for $theirs {
            fn from(value: $ours) -> Self {
                match value { $(<$ours>::$case => Self::$case,)+ }
            }
        }
        impl From<$theirs> for $ours {
            fn from(value: $theirs) -> Self {
                use $theirs as Theirs;
                match value { $(Theirs::$case => Self::$case,)+ }
            }
        }
    };
}

same_cases!(Level, wit::log::Level: Trace Debug Info Warn Error);
same_cases!(Role, wit::episodes::Role: User Assistant System Tool);
same_cases!(Visibility, wit::knowledge::Visibility: Private Customer Tenant);
same_cases!(SearchMode, wit::knowledge::SearchMode: Hybrid Keyword Vector);
same_cases!(ProcedureKind, wit::procedures::ProcedureKind: Prompt Rule Skill);

/// # Errors
/// `Reject` if the topic is none of the eight.
pub(super) fn event(event: bindings::Event) -> Result<Event, Failure> {
    Ok(Event {
        data: Json::from_text(event.data),
        id: event.id,
        source: event.source,
        event_type: event.event_type,
        topic: topic(&event.topic)?,
        time: Instant::from_text(event.time),
        subject: event.subject,
        schema: event.schema,
        correlation: event.correlation,
        trace: event.trace,
        parent: event.parent,
        session: event.session,
        goal: event.goal,
        plan: event.plan,
        task: event.task,
        customer: event.customer,
        user: event.user,
        reply_to: match event.reply_to {
            Some(reply_to) => Some(ReplyTo {
                topic: topic(&reply_to.topic)?,
                event_type: reply_to.event_type,
            }),
            None => None,
        },
        attempt: event.attempt,
        deadline: Instant::from_text(event.deadline),
        extensions: event.extensions,
    })
}

fn topic(text: &str) -> Result<Topic, Failure> {
    Topic::parse(text)
        .ok_or_else(|| Failure::reject(format!("`{text}` is no topic that this agent knows")))
}

impl From<NewEvent> for wit::types::Draft {
    fn from(event: NewEvent) -> Self {
        Self {
            topic: event.topic.as_str().to_owned(),
            event_type: event.event_type,
            data: event.data.into_string(),
            subject: event.subject,
            schema: event.schema,
            correlation: event.correlation,
            session: event.session,
            goal: event.goal,
            plan: event.plan,
            task: event.task,
            reply_to: event.reply_to.map(|reply_to| wit::types::ReplyAddress {
                topic: reply_to.topic.as_str().to_owned(),
                event_type: reply_to.event_type,
            }),
            extensions: event.extensions,
        }
    }
}

impl From<wit::types::Error> for Error {
    fn from(error: wit::types::Error) -> Self {
        use wit::types::Error as Theirs;
        match error {
            Theirs::Denied(text) => Self::Denied(text),
            Theirs::NotFound => Self::NotFound,
            Theirs::Invalid(text) => Self::Invalid(text),
            Theirs::Conflict(text) => Self::Conflict(text),
            Theirs::Exhausted(text) => Self::Exhausted(text),
            Theirs::Unavailable(text) => Self::Unavailable(text),
            Theirs::Other(text) => Self::Other(text),
        }
    }
}

impl From<Failure> for bindings::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry { after, .. } => {
                Self::Retry(after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX)))
            }
            Failure::Reject(reason) => Self::Reject(reason),
            Failure::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<wit::context::Identity> for Identity {
    fn from(who: wit::context::Identity) -> Self {
        Self {
            agent: who.agent,
            digest: who.digest,
            turn: who.turn,
            attempt: who.attempt,
            customer: who.customer,
            user: who.user,
            depth: who.depth,
        }
    }
}

impl From<wit::context::Budget> for Budget {
    fn from(left: wit::context::Budget) -> Self {
        Self {
            time: Duration::from_millis(left.time_ms.into()),
            cpu: Duration::from_millis(left.cpu_ms.into()),
            host_calls: left.host_calls,
            events: left.events,
            writes: left.writes,
            output_bytes: left.output_bytes,
        }
    }
}

impl From<Entry> for wit::knowledge::Entry {
    fn from(entry: Entry) -> Self {
        Self {
            external_id: entry.external_id,
            content: entry.content,
            metadata: entry.metadata.into_string(),
            tags: entry.tags,
            source: entry.source,
            visibility: entry.visibility.into(),
            ttl_seconds: entry.ttl_seconds,
            valid_from: entry.valid_from.map(Instant::into_string),
            valid_until: entry.valid_until.map(Instant::into_string),
            supersedes: entry.supersedes,
            derived_from: entry.derived_from,
            chunk_bytes: entry.chunk_bytes,
        }
    }
}

impl From<Search> for wit::knowledge::Query {
    fn from(search: Search) -> Self {
        Self {
            text: search.text,
            mode: search.mode.into(),
            limit: search.limit,
            offset: search.offset,
            tags: search.tags,
            source: search.source,
            metadata: search.metadata.map(Json::into_string),
            since: search.since.map(Instant::into_string),
            until: search.until.map(Instant::into_string),
            as_of: search.as_of.map(Instant::into_string),
            min_score: search.min_score,
        }
    }
}

impl From<wit::knowledge::Item> for Item {
    fn from(item: wit::knowledge::Item) -> Self {
        Self {
            id: item.id,
            external_id: item.external_id,
            content: item.content,
            metadata: Json::from_text(item.metadata),
            tags: item.tags,
            source: item.source,
            visibility: item.visibility.into(),
            valid_from: item.valid_from.map(Instant::from_text),
            valid_until: item.valid_until.map(Instant::from_text),
            superseded_by: item.superseded_by,
            part: item.part.map(|part| Part {
                document: part.document,
                number: part.number,
                of: part.of,
            }),
            writer: item.writer,
            turn: item.turn,
            derived_from: item.derived_from,
            created: Instant::from_text(item.created),
            updated: Instant::from_text(item.updated),
            score: item.score,
        }
    }
}

impl From<EntryFilter> for wit::knowledge::Filter {
    fn from(filter: EntryFilter) -> Self {
        Self {
            tags: filter.tags,
            source: filter.source,
            metadata: filter.metadata.map(Json::into_string),
            since: filter.since.map(Instant::into_string),
            until: filter.until.map(Instant::into_string),
            as_of: filter.as_of.map(Instant::into_string),
            document: filter.document,
            limit: filter.limit,
            after: filter.after,
        }
    }
}

impl From<wit::knowledge::Page> for EntryPage {
    fn from(page: wit::knowledge::Page) -> Self {
        Self {
            items: page.items.into_iter().map(Item::from).collect(),
            next: page.next,
        }
    }
}

impl From<EpisodeFilter> for wit::episodes::Filter {
    fn from(filter: EpisodeFilter) -> Self {
        Self {
            session: filter.session,
            role: filter.role.map(Into::into),
            since: filter.since.map(Instant::into_string),
            until: filter.until.map(Instant::into_string),
            limit: filter.limit,
            before: filter.before,
        }
    }
}

impl From<wit::episodes::Episode> for Episode {
    fn from(episode: wit::episodes::Episode) -> Self {
        Self {
            id: episode.id,
            role: episode.role.into(),
            content: episode.content,
            metadata: Json::from_text(episode.metadata),
            session: episode.session,
            time: Instant::from_text(episode.time),
        }
    }
}

impl From<NewProcedure> for wit::procedures::Draft {
    fn from(procedure: NewProcedure) -> Self {
        Self {
            name: procedure.name,
            kind: procedure.kind.into(),
            body: procedure.body,
            triggers: procedure.triggers,
            metadata: procedure.metadata.into_string(),
        }
    }
}

impl From<wit::procedures::Procedure> for Procedure {
    fn from(procedure: wit::procedures::Procedure) -> Self {
        Self {
            name: procedure.name,
            version: procedure.version,
            kind: procedure.kind.into(),
            body: procedure.body,
            triggers: procedure.triggers,
            metadata: Json::from_text(procedure.metadata),
            writer: procedure.writer,
            created: Instant::from_text(procedure.created),
            score: procedure.score,
        }
    }
}

impl From<AgentQuery> for wit::registry::AgentQuery {
    fn from(query: AgentQuery) -> Self {
        Self {
            name: query.name,
            kind: query.kind.map(|kind| kind.as_str().to_owned()),
            consumes: query.consumes,
            produces: query.produces,
            capability: query.capability,
            text: query.text,
            limit: query.limit,
            after: query.after,
        }
    }
}

impl From<wit::registry::Agent> for AgentInfo {
    fn from(agent: wit::registry::Agent) -> Self {
        Self {
            name: agent.name,
            kind: agent.kind,
            description: agent.description,
            status: agent.status,
            digest: agent.digest,
            manifest: Json::from_text(agent.manifest),
        }
    }
}

impl From<CatalogQuery> for wit::registry::CatalogQuery {
    fn from(query: CatalogQuery) -> Self {
        Self {
            id: query.id,
            name: query.name,
            kind: query.kind,
            category: query.category,
            tags: query.tags,
            capability: query.capability,
            task: query.task,
            consumes: query.consumes,
            produces: query.produces,
            owner: query.owner,
            state: query.state,
            text: query.text,
            about: query.about,
            hosted: query.hosted,
            include_expired: query.include_expired,
            limit: query.limit,
            after: query.after,
        }
    }
}

impl From<wit::registry::CatalogEntry> for CatalogEntry {
    fn from(entry: wit::registry::CatalogEntry) -> Self {
        Self {
            name: entry.name,
            kind: entry.kind,
            hosted: entry.hosted,
            state: entry.state,
            owner: entry.owner,
            description: entry.description,
            url: entry.url,
            score: entry.score,
            brief: entry.brief,
            definition: Json::from_text(entry.definition),
        }
    }
}

impl From<EventQuery> for wit::registry::EventQuery {
    fn from(query: EventQuery) -> Self {
        Self {
            event_type: query.event_type,
            topic: query.topic.map(|topic| topic.as_str().to_owned()),
            text: query.text,
            actionable: query.actionable,
            limit: query.limit,
            after: query.after,
        }
    }
}

impl From<wit::registry::EventDefinition> for EventInfo {
    fn from(event: wit::registry::EventDefinition) -> Self {
        Self {
            event_type: event.event_type,
            topic: event.topic,
            description: event.description,
            schema: event.schema,
            actionable: event.actionable,
            consumers: event.consumers,
            producers: event.producers,
        }
    }
}

impl From<wit::registry::Schema> for Schema {
    fn from(schema: wit::registry::Schema) -> Self {
        Self {
            name: schema.name,
            version: schema.version,
            body: Json::from_text(schema.body),
        }
    }
}

impl From<wit::registry::Violation> for Violation {
    fn from(violation: wit::registry::Violation) -> Self {
        Self {
            pointer: violation.pointer,
            message: violation.message,
        }
    }
}
