//! Calling a tool inside a turn: the callee's frame on top of the caller's, all or nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::events::{Event, Json, ReplyAddress, Topic};
use crate::id::EventType;
use crate::registry::{Agent, Grant};

use super::stage::{Frame, space_of};
use super::{CallRecord, Turn, TurnEnd};

/// A tool that is about to be called: its frame is on the stack.
#[derive(Debug, Clone)]
pub struct NestedCall {
    /// The tool.
    pub agent: Arc<Agent>,
    /// How long it may take: what was asked, at most what its caller has left.
    pub timeout: Duration,
}

impl Turn {
    /// Find the tool for a request and put its frame on the stack. Every success is followed by
    /// [`Turn::end_call`].
    ///
    /// # Errors
    /// `NotFound` or `Conflict` unless exactly one active tool consumes the type; `Exhausted` when
    /// calls nest too deep; `Invalid` for a time-out of 0 or a payload that breaks the schema registered
    /// for its type.
    pub async fn begin_call(
        &mut self,
        event_type: &str,
        data: &str,
        timeout_ms: u32,
    ) -> Result<NestedCall> {
        self.require(Grant::EventsCall)?;
        let event_type = EventType::new(event_type)?;
        let data = Json::parse("data", data)?;
        if timeout_ms == 0 {
            return Err(Error::invalid("timeout-ms", "must be at least 1"));
        }
        if self.depth() >= self.limits.depth_max {
            let max = u64::from(self.limits.depth_max);
            return Err(Error::Exhausted {
                limit: "call_depth_max",
                unit: "nested calls",
                max,
            });
        }
        let directory = self.services.agents.directory(self.scope()).await?;
        let agent = Arc::clone(directory.tool_for(&event_type)?);
        self.services.allowances.require_component(&agent.digest)?;

        let now = self.now();
        let allowed = u64::from(timeout_ms.min(agent.manifest.settings.timeout_ms));
        let timeout = Duration::from_millis(allowed.min(self.deadline().since(now)));
        let mut body = self.blank(Topic::ActionRequests, event_type.clone(), data);
        body.reply_to = Some(ReplyAddress {
            topic: Topic::ActionResults,
            event_type,
        });
        self.check_payload(&body, false).await?;
        let event = Arc::new(Event {
            position: self.base.event.position,
            body,
        });
        let (mark, outer_frozen) = self.staged.mark();
        self.nested.push(Frame {
            scope: self.scope().nested(agent.name.clone()),
            space: space_of(&event, &agent),
            agent: Arc::clone(&agent),
            event,
            attempt: self.base.attempt,
            deadline: now.plus_ms(timeout.as_millis() as u64),
            responded: false,
            response: None,
            mark,
            outer_frozen,
            began: Instant::now(),
        });
        Ok(NestedCall { agent, timeout })
    }

    /// Take the tool's frame off the stack and give its answer. Unless it is done, nothing that it
    /// staged is left.
    ///
    /// # Errors
    /// `Unavailable` with the reason when the tool failed or ended without responding.
    pub fn end_call(&mut self, end: TurnEnd) -> Result<Json> {
        let Some(frame) = self.nested.pop() else {
            return Err(Error::internal("ending a call", "no call has begun"));
        };
        let answer = match (end, frame.response) {
            (TurnEnd::Done, Some(response)) => Ok(response),
            (TurnEnd::Done, None) => Err("ended without responding".to_owned()),
            (end, _) => Err(end
                .reason()
                .unwrap_or_else(|| end.outcome().as_str().to_owned())),
        };
        match &answer {
            Ok(_) => self.staged.release(frame.outer_frozen),
            Err(_) => self.staged.roll_back(frame.mark, frame.outer_frozen),
        }
        let name = frame.agent.name.clone();
        self.calls.push(CallRecord {
            agent: name.clone(),
            event_type: frame.event.body.event_type.clone(),
            duration_us: u64::try_from(frame.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            error: answer.as_ref().err().cloned(),
        });
        answer.map_err(|reason| Error::Unavailable {
            what: "tool",
            reason: format!("`{name}` {reason}"),
        })
    }
}
