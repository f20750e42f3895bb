//! `types.event`: an event as the guest receives it.

use crate::sandbox::bindings::warren::agent::types;
use crate::turn::Turn;

/// The event that the turn's current frame handles.
pub(in crate::sandbox) fn event(turn: &Turn) -> types::Event {
    let body = &turn.event().body;
    let text = |label: &Option<crate::id::Label>| label.as_ref().map(ToString::to_string);
    types::Event {
        id: body.id.to_string(),
        source: body.source.to_string(),
        event_type: body.event_type.to_string(),
        topic: body.topic.to_string(),
        time: body.time.to_string(),
        subject: body.subject.as_deref().map(str::to_owned),
        data: body.data.as_str().to_owned(),
        schema: body.schema.as_deref().map(str::to_owned),
        correlation: body.correlation.to_string(),
        trace: body.trace.to_string(),
        parent: body.parent.as_ref().map(ToString::to_string),
        session: text(&body.session),
        goal: text(&body.goal),
        plan: text(&body.plan),
        task: text(&body.task),
        customer: body.customer.as_ref().map(ToString::to_string),
        user: body.user.as_ref().map(ToString::to_string),
        reply_to: body.reply_to.as_ref().map(|address| types::ReplyAddress {
            topic: address.topic.to_string(),
            event_type: address.event_type.to_string(),
        }),
        attempt: turn.attempt(),
        deadline: turn.deadline().to_string(),
        extensions: body.extensions.clone(),
    }
}
