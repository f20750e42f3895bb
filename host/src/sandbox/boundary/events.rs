//! `events`: publishing, answering, and calling a tool inside the turn.

use wasmtime::component::HasData;

use crate::sandbox::bindings::warren::agent::events;
use crate::sandbox::bindings::warren::agent::types::{self, Draft, Json};
use crate::sandbox::run::Runner;
use crate::sandbox::state::Desk;
use crate::turn::{self, When};

use super::Fault;

/// What the functions of `events` touch: the turn, and the runner that calls tools.
pub(in crate::sandbox) struct EventsView<'a> {
    pub(in crate::sandbox) desk: &'a mut Desk,
    pub(in crate::sandbox) runner: &'a Runner,
}

impl HasData for EventsView<'static> {
    type Data<'a> = EventsView<'a>;
}

impl types::Host for EventsView<'_> {
    fn convert_error(&mut self, fault: Fault) -> wasmtime::Result<types::Error> {
        fault.lower()
    }
}

impl events::Host for EventsView<'_> {
    async fn publish(&mut self, event: Draft) -> Result<String, Fault> {
        self.publish_when(event, When::Commit).await
    }

    async fn publish_later(&mut self, event: Draft, delay_ms: u32) -> Result<String, Fault> {
        self.publish_when(event, When::After(delay_ms)).await
    }

    async fn publish_at(&mut self, event: Draft, at: String) -> Result<String, Fault> {
        self.publish_when(event, When::At(at)).await
    }

    async fn respond(&mut self, data: Json) -> Result<String, Fault> {
        let turn = self.desk.enter(data.len())?;
        Ok(turn.respond(&data).await?.to_string())
    }

    async fn call(
        &mut self,
        event_type: String,
        data: Json,
        timeout_ms: u32,
    ) -> Result<Json, Fault> {
        let turn = self.desk.enter(event_type.len() + data.len())?;
        let slot = self.runner.nested_slot()?;
        let call = turn.begin_call(&event_type, &data, timeout_ms).await?;
        let (turn, end) = self.runner.call(&call, self.desk.lend()).await;
        drop(slot);
        let answer = self.desk.take_back(turn).end_call(end)?;
        Ok(answer.as_str().to_owned())
    }
}

impl EventsView<'_> {
    async fn publish_when(&mut self, event: Draft, when: When) -> Result<String, Fault> {
        let turn = self.desk.enter(bytes(&event))?;
        Ok(turn.publish(draft(event), when).await?.to_string())
    }
}

fn bytes(event: &Draft) -> usize {
    let reply = event.reply_to.as_ref();
    event.topic.len()
        + event.event_type.len()
        + event.data.len()
        + super::optional(&[&event.subject, &event.schema, &event.correlation])
        + super::optional(&[&event.session, &event.goal, &event.plan, &event.task])
        + reply.map_or(0, |address| address.topic.len() + address.event_type.len())
        + super::paired(&event.extensions)
}

fn draft(event: Draft) -> turn::Draft {
    turn::Draft {
        topic: event.topic,
        event_type: event.event_type,
        data: event.data,
        subject: event.subject,
        schema: event.schema,
        correlation: event.correlation,
        session: event.session,
        goal: event.goal,
        plan: event.plan,
        task: event.task,
        reply_to: event
            .reply_to
            .map(|address| (address.topic, address.event_type)),
        extensions: event.extensions,
    }
}
