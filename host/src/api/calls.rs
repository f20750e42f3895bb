//! `POST /v1/agents/{name}/call`: ask a tool and wait for its answer.
//!
//! Invariant: the question is an event like any other, durable before the wait begins; what the client
//! gets instead of an answer always names it, so that nothing is lost with the connection.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use crate::error::{Error, Result};
use crate::events::{Event, EventFilter, Json as Payload, NewEvent, ReplyAddress, Topic};
use crate::id::{AgentName, EventId, EventType, Label};
use crate::identity::TenantScope;
use crate::registry::{Agent, AgentStatus, Directory, TIMEOUT_MS_MAX};
use crate::turn::TurnFilter;

use super::auth::Caller;
use super::error::{ApiError, ApiResult, Code};
use super::events::draft::{named, payload};
use super::extract::{JsonBody, UrlPath};
use super::types::{CallRequest, CallView};
use super::{Api, Shared};

/// How long to wait for an answer unless told otherwise: as long as a turn may take by default.
const CALL_TIMEOUT_MS_DEFAULT: u32 = 30_000;
/// How often to look whether the question has become a dead letter. The answer itself is not waited for
/// this way.
const LOOK: Duration = Duration::from_millis(250);
/// Events of the answer's type and correlation to look through for the answer: others may use both.
const ANSWERS_MAX: u32 = 16;
/// What is added to the type of a question to name its answer.
const ANSWER_SUFFIX: &str = ".result";

/// Ask a tool and wait for its answer. When there is none in time, or the tool fails for good, the problem
/// names the event of the question: look it up later.
#[utoipa::path(
    post, path = "/v1/agents/{name}/call", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The tool.")),
    request_body = CallRequest,
    responses((status = 200, description = "The answer.", body = CallView)),
)]
pub(crate) async fn call_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    JsonBody(request): JsonBody<CallRequest>,
) -> ApiResult<Json<CallView>> {
    let scope = &caller.scope;
    let _slot = api.calls.take(scope.tenant())?;
    let timeout = timeout(request.timeout_ms)?;
    let directory = api.app.agents.directory(scope).await?;
    let event_type = asked_type(&directory, &name, request.event_type.as_deref())?;
    let data = payload(request.data.as_deref())?;
    let mut question = api.question(scope, event_type, data)?;
    question.event.plan = caller.plan().cloned();
    api.check_payload(scope, &directory, &question.event)
        .await?;
    // Subscribe before asking, or a quick answer would be missed.
    let feed = api.app.feed.subscribe(scope.tenant());
    let events = vec![question.event.clone()];
    api.admit(scope, &events)?;
    api.app.events.append(scope, events).await?;
    let wait = Wait {
        api: &api,
        scope,
        agent: &name,
        question: &question,
    };
    let id = &question.event.id;
    let answer = wait.answer(feed, timeout).await.map_err(|e| e.event(id))?;
    Ok(Json(CallView {
        data: answer.body.data.clone(),
        event_id: id.clone(),
        reply_id: answer.body.id.clone(),
    }))
}

fn timeout(ms: Option<u32>) -> Result<Duration> {
    let ms = ms.unwrap_or(CALL_TIMEOUT_MS_DEFAULT);
    if !(1..=TIMEOUT_MS_MAX).contains(&ms) {
        return Err(Error::invalid(
            "timeout_ms",
            format!("{ms} is not between 1 and {TIMEOUT_MS_MAX}"),
        ));
    }
    Ok(Duration::from_millis(ms.into()))
}

/// The type of the question: what was said, else the only action request that the tool handles.
///
/// # Errors
/// `NotFound` without the agent; `Conflict` if it is not the one active tool for the type.
fn asked_type(directory: &Directory, name: &AgentName, said: Option<&str>) -> Result<EventType> {
    let agent = directory.get(name)?;
    let event_type = match said {
        Some(text) => EventType::new(text).map_err(named("type"))?,
        None => only_type(agent)?,
    };
    if agent.status != AgentStatus::Active {
        let state = agent.status.as_str();
        return Err(Error::conflict(
            "agent",
            format!("`{name}` is {state}: it answers when it runs again"),
        ));
    }
    let tool = directory.tool_for(&event_type).map_err(|e| match e {
        Error::NotFound { .. } => Error::conflict(
            "agent",
            format!("`{name}` is not a tool that handles `{event_type}`"),
        ),
        other => other,
    })?;
    if tool.name != *name {
        return Err(Error::conflict(
            "agent",
            format!(
                "`{event_type}` is handled by `{}`, not by `{name}`",
                tool.name
            ),
        ));
    }
    Ok(event_type)
}

fn only_type(agent: &Agent) -> Result<EventType> {
    let mut types = agent
        .manifest
        .subscriptions
        .iter()
        .filter(|subscription| subscription.topic == Topic::ActionRequests)
        .map(|subscription| &subscription.event_type);
    match (types.next(), types.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(Error::conflict(
            "agent",
            format!("`{}` handles no action requests", agent.name),
        )),
        (Some(one), Some(two)) => Err(Error::invalid(
            "type",
            format!(
                "missing, and `{}` handles several: `{one}`, `{two}` …",
                agent.name
            ),
        )),
    }
}

/// A question that was or will be asked.
struct Question {
    event: NewEvent,
    answer_type: EventType,
}

impl Question {
    fn is_answered_by(&self, event: &Event) -> bool {
        let body = &event.body;
        body.parent.as_ref() == Some(&self.event.id)
            && body.event_type == self.answer_type
            && body.topic == Topic::ActionResults
            && body.correlation == self.event.correlation
    }
}

impl Api {
    fn question(
        &self,
        scope: &TenantScope,
        event_type: EventType,
        data: Payload,
    ) -> Result<Question> {
        let answer_type =
            EventType::new(&format!("{event_type}{ANSWER_SUFFIX}")).map_err(named("type"))?;
        let id = EventId::generate();
        let event = NewEvent {
            source: scope.principal().source(),
            event_type,
            topic: Topic::ActionRequests,
            time: self.app.clock.now(),
            subject: None,
            data,
            schema: None,
            correlation: Label::generate("cor"),
            trace: Label::of_event(&id),
            parent: None,
            session: None,
            goal: None,
            plan: None,
            task: None,
            customer: scope.customer().cloned(),
            user: scope.user().cloned(),
            reply_to: Some(ReplyAddress {
                topic: Topic::ActionResults,
                event_type: answer_type.clone(),
            }),
            extensions: Vec::new(),
            hops: 0,
            root: None,
            id,
        };
        Ok(Question { event, answer_type })
    }
}

/// A client that waits for an answer.
struct Wait<'a> {
    api: &'a Api,
    scope: &'a TenantScope,
    agent: &'a AgentName,
    question: &'a Question,
}

impl Wait<'_> {
    async fn answer(
        &self,
        mut feed: broadcast::Receiver<Arc<Event>>,
        timeout: Duration,
    ) -> ApiResult<Arc<Event>> {
        let mut late = std::pin::pin!(tokio::time::sleep(timeout));
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let found = tokio::select! {
                received = feed.recv() => match received {
                    Ok(event) if self.question.is_answered_by(&event) => Some(event),
                    Ok(_) => None,
                    Err(RecvError::Lagged(_)) => self.logged().await?,
                    Err(RecvError::Closed) => return Err(gone("the tenant was deleted")),
                },
                _ = look.tick() => self.ended().await?,
                () = self.api.app.health.draining().cancelled() => {
                    return Err(gone("the host is shutting down"));
                }
                () = &mut late => return self.too_late(timeout).await,
            };
            if let Some(event) = found {
                return Ok(event);
            }
        }
    }

    /// The answer, if it is in the log.
    async fn logged(&self) -> Result<Option<Arc<Event>>> {
        let filter = EventFilter {
            topic: Some(Topic::ActionResults),
            event_type: Some(self.question.answer_type.clone()),
            correlation: Some(self.question.event.correlation.clone()),
            ..EventFilter::default()
        };
        let events = &self.api.app.events;
        let page = events.list(self.scope, &filter, None, ANSWERS_MAX).await?;
        let mut answers = page.items.into_iter();
        Ok(answers.find(|event| self.question.is_answered_by(event)))
    }

    /// The answer if the tool is done, or why there will be none. Nothing while it is at work.
    async fn ended(&self) -> ApiResult<Option<Arc<Event>>> {
        let id = &self.question.event.id;
        let statuses = self.api.app.events.deliveries(self.scope, id).await?;
        let state = statuses
            .iter()
            .find(|status| status.agent == *self.agent)
            .map(|status| status.state);
        if matches!(state, Some("pending" | "retrying")) {
            return Ok(None);
        }
        // A turn publishes its answer in the transaction that ends the delivery, so it is there now.
        if let Some(answer) = self.logged().await? {
            return Ok(Some(answer));
        }
        match state {
            Some("dead") => Err(self.failure().await?),
            Some(_) => Err(ApiError::new(
                Code::CallUnanswered,
                format!("`{}` handled the request and did not respond", self.agent),
            )),
            None => Err(gone("the agent was deleted")),
        }
    }

    /// Why the question became a dead letter.
    async fn failure(&self) -> Result<ApiError> {
        let filter = TurnFilter {
            agent: Some(self.agent.clone()),
            event: Some(self.question.event.id.clone()),
            outcome: None,
        };
        let turns = &self.api.app.turns;
        let page = turns.list(self.scope, &filter, None, 1).await?;
        let Some(record) = page.items.into_iter().next() else {
            return Ok(ApiError::new(Code::CallFailed, "the agent gave up"));
        };
        let outcome = record.outcome.as_str();
        let detail = match record.reason {
            Some(reason) => format!("`{}` {outcome}: {reason}", self.agent),
            None => format!("`{}` {outcome}", self.agent),
        };
        Ok(ApiError::new(Code::CallFailed, detail).turn(&record.turn))
    }

    async fn too_late(&self, timeout: Duration) -> ApiResult<Arc<Event>> {
        match self.ended().await? {
            Some(answer) => Ok(answer),
            None => Err(ApiError::new(
                Code::CallTimeout,
                format!(
                    "`{}` has not answered within {} ms; the request stands: look its event up later",
                    self.agent,
                    timeout.as_millis()
                ),
            )),
        }
    }
}

fn gone(why: &str) -> ApiError {
    ApiError::new(Code::Unavailable, format!("no answer will come: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_limited_at_and_one_past() {
        let table = [
            (None, Some(u64::from(CALL_TIMEOUT_MS_DEFAULT))),
            (Some(1), Some(1)),
            (Some(TIMEOUT_MS_MAX), Some(u64::from(TIMEOUT_MS_MAX))),
            (Some(0), None),
            (Some(TIMEOUT_MS_MAX + 1), None),
        ];
        for (ms, expect) in table {
            let got = timeout(ms).ok().map(|wait| wait.as_millis() as u64);
            assert_eq!(got, expect, "{ms:?}");
        }
    }
}
