//! CloudEvents 1.0 in structured JSON, both ways.
//!
//! | here | CloudEvents |
//! |---|---|
//! | id, type, subject, data | the same |
//! | source | `source`; a producer's own, which the host's stamp replaces, is kept as `origin` |
//! | schema | `dataschema` |
//! | trace | `traceparent` if it is a W3C trace id, else `traceid` |
//! | correlation, parent, session, goal, plan, task, customer, user | the same with `id` |
//! | reply to | `replytopic`, `replytype` |
//! | topic | `topic` |
//!
//! The host stamps the time, so that of the producer is not kept. A tenant cannot be named.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::events::Event;
use crate::id::{CustomerId, EventId, Label, UserId};

use super::super::types::{PublishRequest, ReplyTo};

/// The media type of one event.
pub(crate) const MEDIA_ONE: &str = "application/cloudevents+json";
/// The media type of a list of events.
pub(crate) const MEDIA_BATCH: &str = "application/cloudevents-batch+json";

/// The version of the specification.
const SPEC_VERSION: &str = "1.0";
/// The attribute that keeps the source which the producer gave.
const ORIGIN: &str = "origin";
/// Attributes that would look like a tenant and are not one.
const RESERVED: [&str; 2] = ["tenant", "tenantid"];
/// Version, length of trace id and of span id, and flags of a `traceparent`.
const TRACE_VERSION: &str = "00";
const TRACE_ID_DIGITS: usize = 32;
const SPAN_ID_DIGITS: usize = 16;
const TRACE_SAMPLED: &str = "01";

/// The members of a CloudEvent, the payload untouched.
pub(crate) type Members = BTreeMap<String, Box<RawValue>>;

/// What a CloudEvent asks to be published. `source` is what the host will stamp.
///
/// # Errors
/// `Invalid` that names the attribute.
pub(crate) fn read(mut members: Members, source: &str) -> Result<PublishRequest> {
    let data = members.remove("data");
    let mut rest = Attributes::read(members)?;
    rest.check_form()?;
    let id = rest.required("id")?;
    let origin = rest.required("source")?;
    let request = PublishRequest {
        event_type: rest.required("type")?,
        topic: rest.take("topic"),
        data,
        id: Some(id),
        subject: rest.take("subject"),
        schema: rest.take("dataschema"),
        correlation: rest.take("correlationid"),
        trace: rest.trace(),
        parent: rest.take("parentid"),
        session: rest.take("sessionid"),
        goal: rest.take("goalid"),
        plan: rest.take("planid"),
        task: rest.take("taskid"),
        customer: rest.take("customerid"),
        user: rest.take("userid"),
        reply_to: rest.reply_to()?,
        delay_ms: None,
        at: None,
        extensions: BTreeMap::new(),
    };
    let mut extensions = rest.0;
    if origin != source {
        extensions.entry(ORIGIN.to_owned()).or_insert(origin);
    }
    Ok(PublishRequest {
        extensions,
        ..request
    })
}

/// Attributes as text.
struct Attributes(BTreeMap<String, String>);

impl Attributes {
    fn read(members: Members) -> Result<Self> {
        let mut attributes = BTreeMap::new();
        for (name, raw) in members {
            if RESERVED.contains(&name.as_str()) {
                return Err(Error::invalid(
                    name,
                    "cannot be set: the tenant follows from the key",
                ));
            }
            let value = match serde_json::from_str(raw.get()) {
                Ok(Value::Null) => continue,
                Ok(Value::String(text)) => text,
                Ok(Value::Bool(value)) => value.to_string(),
                Ok(Value::Number(value)) => value.to_string(),
                _ => {
                    return Err(Error::invalid(
                        name,
                        "must be a string, a number or a boolean",
                    ));
                }
            };
            attributes.insert(name, value);
        }
        Ok(Self(attributes))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    fn required(&mut self, name: &'static str) -> Result<String> {
        self.take(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Error::invalid(name, "missing: every CloudEvent has one"))
    }

    /// What says how to read the rest.
    fn check_form(&mut self) -> Result<()> {
        let version = self.required("specversion")?;
        if version != SPEC_VERSION {
            return Err(Error::invalid(
                "specversion",
                format!(
                    "`{}`, this host reads {SPEC_VERSION}",
                    version.escape_default()
                ),
            ));
        }
        if self.take("data_base64").is_some() {
            return Err(Error::invalid(
                "data_base64",
                "payloads are JSON: send them as `data`",
            ));
        }
        let content = self.take("datacontenttype");
        if !content.as_deref().is_none_or(is_json) {
            return Err(Error::invalid("datacontenttype", "payloads are JSON"));
        }
        // Stamped by the host.
        self.take("time");
        Ok(())
    }

    fn trace(&mut self) -> Option<String> {
        let parent = self.take("traceparent");
        let id = self.take("traceid");
        parent
            .map(|text| trace_id(&text).map_or_else(|| text.clone(), str::to_owned))
            .or(id)
    }

    fn reply_to(&mut self) -> Result<Option<ReplyTo>> {
        match (self.take("replytopic"), self.take("replytype")) {
            (None, None) => Ok(None),
            (Some(topic), Some(event_type)) => Ok(Some(ReplyTo { topic, event_type })),
            _ => Err(Error::invalid(
                "replytopic",
                "`replytopic` and `replytype` go together",
            )),
        }
    }
}

/// The event as a CloudEvent.
pub(crate) fn write(event: &Event) -> Result<String> {
    let body = &event.body;
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(text) = value {
            members.insert(name.to_owned(), Value::String(text.to_owned()));
        }
    };
    // Ours come last, so that an extension cannot pass for an attribute of the host.
    for (name, value) in &body.extensions {
        put(name, Some(value));
    }
    put("specversion", Some(SPEC_VERSION));
    put("id", Some(body.id.as_str()));
    put("source", Some(&body.source));
    put("type", Some(body.event_type.as_str()));
    put("time", Some(&body.time.to_string()));
    put("datacontenttype", Some("application/json"));
    put("subject", body.subject.as_deref());
    put("dataschema", body.schema.as_deref());
    put("topic", Some(body.topic.as_str()));
    put("correlationid", Some(body.correlation.as_str()));
    match trace_parent(event) {
        Some(parent) => put("traceparent", Some(&parent)),
        None => put("traceid", Some(body.trace.as_str())),
    }
    put("parentid", body.parent.as_ref().map(EventId::as_str));
    put("sessionid", body.session.as_ref().map(Label::as_str));
    put("goalid", body.goal.as_ref().map(Label::as_str));
    put("planid", body.plan.as_ref().map(Label::as_str));
    put("taskid", body.task.as_ref().map(Label::as_str));
    put("customerid", body.customer.as_ref().map(CustomerId::as_str));
    put("userid", body.user.as_ref().map(UserId::as_str));
    let reply = body.reply_to.as_ref();
    put("replytopic", reply.map(|to| to.topic.as_str()));
    put("replytype", reply.map(|to| to.event_type.as_str()));
    with_data(&Value::Object(members), body.data.as_str())
}

/// The members with the payload as it was written: numbers keep their digits.
fn with_data(members: &Value, data: &str) -> Result<String> {
    let mut text =
        serde_json::to_string(members).map_err(|e| Error::internal("writing a CloudEvent", e))?;
    text.truncate(text.len().saturating_sub(1));
    Ok(format!("{text},\"data\":{data}}}"))
}

/// A trace that is a W3C trace id, with a span id made of the event's own id.
fn trace_parent(event: &Event) -> Option<String> {
    let trace = event.body.trace.as_str();
    if !is_hex(trace, TRACE_ID_DIGITS) {
        return None;
    }
    let span = blake3::hash(event.body.id.as_str().as_bytes()).to_hex();
    let span = span.get(..SPAN_ID_DIGITS)?;
    Some(format!("{TRACE_VERSION}-{trace}-{span}-{TRACE_SAMPLED}"))
}

/// The trace id within a W3C `traceparent`.
fn trace_id(parent: &str) -> Option<&str> {
    let mut parts = parent.split('-');
    let (_version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    (is_hex(trace, TRACE_ID_DIGITS) && is_hex(span, SPAN_ID_DIGITS)).then_some(trace)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_json(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json") || media.ends_with("+json")
}

#[cfg(test)]
mod tests;
