//! `registry`: who can do what.

use crate::error::{Error, Result};
use crate::registry as domain;
use crate::sandbox::bindings::warren::agent::registry::{
    self, Agent, AgentQuery, CatalogEntry, CatalogQuery, EventDefinition, EventQuery, Schema,
    Violation,
};
use crate::sandbox::bindings::warren::agent::types::Json;

use super::{Fault, TurnView};

impl registry::Host for TurnView<'_> {
    async fn find_agents(&mut self, query: AgentQuery) -> Result<Vec<Agent>, Fault> {
        let texts = [&query.name, &query.kind, &query.consumes, &query.produces];
        let more = [&query.capability, &query.text, &query.after];
        let turn = self
            .desk
            .enter(super::optional(&texts) + super::optional(&more))?;
        let found = turn.find_agents(agent_query(query)).await?;
        Ok(found
            .iter()
            .map(|found| agent(found))
            .collect::<Result<_>>()?)
    }

    async fn discover(&mut self, query: CatalogQuery) -> Result<Vec<CatalogEntry>, Fault> {
        let turn = self.desk.enter(bytes_of(&query))?;
        let found = turn.discover(catalog_query(query)?).await?;
        Ok(found.iter().map(entry).collect::<Result<_>>()?)
    }

    async fn get_agent(&mut self, name: String) -> Result<Agent, Fault> {
        let turn = self.desk.enter(name.len())?;
        let found = turn.get_agent(&name).await?;
        Ok(agent(&found)?)
    }

    async fn find_events(&mut self, query: EventQuery) -> Result<Vec<EventDefinition>, Fault> {
        let texts = [&query.event_type, &query.topic, &query.text, &query.after];
        let turn = self.desk.enter(super::optional(&texts))?;
        let found = turn.find_events(event_query(query)).await?;
        Ok(found.into_iter().map(definition).collect())
    }

    async fn get_schema(&mut self, name: String, version: Option<u32>) -> Result<Schema, Fault> {
        let turn = self.desk.enter(name.len())?;
        let schema = turn.get_schema(&name, version).await?;
        Ok(Schema {
            name: schema.name,
            version: schema.version,
            body: schema.body.as_str().to_owned(),
        })
    }

    async fn validate(&mut self, schema: String, value: Json) -> Result<Vec<Violation>, Fault> {
        let turn = self.desk.enter(schema.len() + value.len())?;
        let found = turn.validate(&schema, &value).await?;
        Ok(found.into_iter().map(violation).collect())
    }
}

fn agent_query(query: AgentQuery) -> domain::AgentQuery {
    domain::AgentQuery {
        name: query.name,
        kind: query.kind,
        consumes: query.consumes,
        produces: query.produces,
        capability: query.capability,
        status: None,
        text: query.text,
        limit: query.limit,
        after: query.after,
        ..domain::AgentQuery::default()
    }
}

fn bytes_of(query: &CatalogQuery) -> usize {
    let whose = [&query.id, &query.name, &query.category, &query.owner];
    let what = [
        &query.capability,
        &query.task,
        &query.consumes,
        &query.produces,
    ];
    let more = [
        &query.kind,
        &query.state,
        &query.text,
        &query.about,
        &query.after,
    ];
    let tags: usize = query.tags.iter().map(String::len).sum();
    super::optional(&whose) + super::optional(&what) + super::optional(&more) + tags
}

fn catalog_query(query: CatalogQuery) -> Result<domain::ServiceQuery> {
    Ok(domain::ServiceQuery {
        id: query.id,
        name: query.name,
        kind: query.kind.as_deref().map(str::parse).transpose()?,
        category: query.category,
        tags: query.tags,
        capability: query.capability,
        task: query.task,
        consumes: query.consumes,
        produces: query.produces,
        owner: query.owner,
        state: query.state.as_deref().map(str::parse).transpose()?,
        text: query.text,
        about: query.about,
        filter: None,
        hosted: query.hosted,
        include_expired: query.include_expired,
        limit: query.limit,
        after: query.after,
    })
}

fn entry(found: &domain::Found) -> Result<CatalogEntry> {
    let definition = serde_json::to_string(&found.definition.written_out())
        .map_err(|e| Error::internal("writing a definition", e))?;
    Ok(CatalogEntry {
        name: found.name().to_string(),
        kind: found.definition.kind.to_string(),
        hosted: found.is_hosted(),
        state: found.state.to_string(),
        owner: found.owner().map(str::to_owned),
        description: found.definition.description.clone(),
        url: found.definition.url.clone(),
        score: found.score,
        brief: found.brief(),
        definition,
    })
}

fn event_query(query: EventQuery) -> domain::EventQuery {
    domain::EventQuery {
        event_type: query.event_type,
        topic: query.topic,
        text: query.text,
        actionable: query.actionable,
        limit: query.limit,
        after: query.after,
    }
}

fn agent(found: &domain::Agent) -> Result<Agent> {
    let manifest = serde_json::to_string(&*found.manifest)
        .map_err(|e| Error::internal("writing a manifest", e))?;
    Ok(Agent {
        name: found.name.to_string(),
        kind: found.manifest.kind.as_str().to_owned(),
        description: found.manifest.description.clone(),
        status: found.status.as_str().to_owned(),
        digest: found.digest.to_string(),
        manifest,
    })
}

fn definition(found: domain::FoundEvent) -> EventDefinition {
    let names = |names: Vec<crate::id::AgentName>| names.iter().map(ToString::to_string).collect();
    EventDefinition {
        event_type: found.event_type.to_string(),
        topic: found.topic.to_string(),
        description: found.description,
        schema: found.schema,
        actionable: found.actionable,
        consumers: names(found.consumers),
        producers: names(found.producers),
    }
}

fn violation(found: domain::Violation) -> Violation {
    Violation {
        pointer: found.pointer,
        message: found.message,
    }
}
