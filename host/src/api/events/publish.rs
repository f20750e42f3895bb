//! `POST /v1/events` and `/v1/events/batch`: accept events and answer once they are durable.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{Appended, BATCH_EVENTS_MAX, NewEvent};
use crate::id::EventId;
use crate::identity::TenantScope;

use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::{JsonBody, media_type, parse_json, read_json_body, unsupported};
use super::super::types::{BatchRequest, BatchView, PublishRequest, PublishView};
use super::super::{Api, Shared};
use super::cloudevents::{self, MEDIA_BATCH, MEDIA_ONE, Members};
use super::draft::{Draft, Stamp};

/// Makes a repeated request have no second effect.
pub(in crate::api) const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// Longest idempotency key in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Sets ids made from idempotency keys apart from every other use of the hash.
const IDEMPOTENCY_CONTEXT: &str = "warren 2026 event id from idempotency key";
/// Hex digits of an id made from an idempotency key: 128 bits.
const DERIVED_ID_DIGITS: usize = 32;

/// Publish an event, as our JSON or as a CloudEvent; a batch of CloudEvents is published all together.
#[utoipa::path(
    post, path = "/v1/events", tag = "events", security(("key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same event again changes nothing.")),
    request_body(content(
        (PublishRequest = "application/json"),
        (Object = "application/cloudevents+json"),
        (Vec<Object> = "application/cloudevents-batch+json"),
    )),
    responses((status = 200, description = "Durable; a batch of CloudEvents is answered like `/v1/events/batch`.", body = PublishView)),
)]
pub(crate) async fn publish_event(
    State(api): State<Shared>,
    caller: Caller,
    request: Request,
) -> ApiResult<Response> {
    let key = idempotency_key(request.headers())?;
    let media = media_type(request.headers());
    let body = read_json_body(request, &api).await?;
    let source = caller.scope.principal().source();
    let request = match media.as_deref() {
        None | Some("application/json") => parse_json(&body)?,
        Some(MEDIA_ONE) => cloudevents::read(parse_json(&body)?, &source)?,
        Some(MEDIA_BATCH) => {
            let events: Vec<Members> = parse_json(&body)?;
            let read = |members| cloudevents::read(members, &source);
            let requests: Vec<_> = events.into_iter().map(read).collect::<Result<_>>()?;
            let requests = kept(&caller, requests)?;
            let view = api.publish_all(&caller.scope, requests, key).await?;
            return Ok(Json(view).into_response());
        }
        other => {
            return Err(unsupported(
                other,
                "application/json, application/cloudevents+json or application/cloudevents-batch+json",
            ));
        }
    };
    let request = caller.keep_event(request)?;
    let view = api.publish(&caller.scope, request, key).await?;
    Ok(Json(view).into_response())
}

/// Publish events all together or not at all.
#[utoipa::path(
    post, path = "/v1/events/batch", tag = "events", security(("key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same events again changes nothing.")),
    request_body = BatchRequest,
    responses((status = 200, description = "All of them are durable.", body = BatchView)),
)]
pub(crate) async fn publish_batch(
    State(api): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(batch): JsonBody<BatchRequest>,
) -> ApiResult<Json<BatchView>> {
    let key = idempotency_key(&headers)?;
    let events = kept(&caller, batch.events)?;
    Ok(Json(api.publish_all(&caller.scope, events, key).await?))
}

fn kept(caller: &Caller, requests: Vec<PublishRequest>) -> ApiResult<Vec<PublishRequest>> {
    let keep = |request| caller.keep_event(request);
    requests.into_iter().map(keep).collect()
}

impl Api {
    /// Publish one event, now or later.
    async fn publish(
        &self,
        scope: &TenantScope,
        request: PublishRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<PublishView> {
        let directory = self.app.agents.directory(scope).await?;
        let stamp = Stamp {
            scope,
            directory: &directory,
            now: self.app.clock.now(),
            id: key.map(|key| key.event_id(scope, 0)),
        };
        let Draft { event, due } = stamp.event(request)?;
        self.check_payload(scope, &directory, &event).await?;
        if let Some(due) = due {
            let id = event.id.clone();
            self.admit(scope, std::slice::from_ref(&event))?;
            self.app.events.schedule(scope, event, due).await?;
            return Ok(scheduled(id, due));
        }
        let views = self.append(scope, vec![event]).await?;
        views.into_iter().next().ok_or_else(|| {
            Error::internal("publishing an event", "the store answered for none of them")
        })
    }

    /// Publish events in one transaction.
    async fn publish_all(
        &self,
        scope: &TenantScope,
        requests: Vec<PublishRequest>,
        key: Option<IdempotencyKey>,
    ) -> Result<BatchView> {
        check_size(requests.len())?;
        let directory = self.app.agents.directory(scope).await?;
        let now = self.app.clock.now();
        let mut events = Vec::with_capacity(requests.len());
        for (index, request) in requests.into_iter().enumerate() {
            let stamp = Stamp {
                scope,
                directory: &directory,
                now,
                id: key.as_ref().map(|key| key.event_id(scope, index)),
            };
            let event = undelayed(stamp.event(request)).map_err(at(index))?;
            let checked = self.check_payload(scope, &directory, &event).await;
            checked.map_err(at(index))?;
            events.push(event);
        }
        Ok(BatchView {
            success: true,
            items: self.append(scope, events).await?,
        })
    }

    /// Ask the tenant's quotas, before anything is accepted. A repeat counts too: it costs as much.
    pub(crate) fn admit(&self, scope: &TenantScope, events: &[NewEvent]) -> Result<()> {
        let bytes = events.iter().map(|event| event.data.as_str().len() as u64);
        let wanted = (events.len() as u64, bytes.sum());
        let now = self.app.clock.now();
        self.app.allowances.admit(scope.tenant(), wanted, now)
    }

    async fn append(&self, scope: &TenantScope, events: Vec<NewEvent>) -> Result<Vec<PublishView>> {
        self.admit(scope, &events)?;
        let appended = self.app.events.append(scope, events).await?;
        let duplicates = appended.iter().filter(|a| a.duplicate).count() as u64;
        let metrics = &self.app.metrics;
        metrics.published(appended.len() as u64 - duplicates, duplicates);
        Ok(appended.into_iter().map(published).collect())
    }
}

/// What a client calls a request that it may have to repeat.
struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The id of the `index`-th event of the request: the same for every repeat by the same API key.
    fn event_id(&self, scope: &TenantScope, index: usize) -> EventId {
        let mut hasher = blake3::Hasher::new_derive_key(IDEMPOTENCY_CONTEXT);
        let source = scope.principal().source();
        for part in [&*source, &self.0, &index.to_string()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let digits = hasher.finalize().to_hex();
        let digits = digits.get(..DERIVED_ID_DIGITS).unwrap_or_default();
        EventId::new(&format!("evt_{digits}")).expect("hex digits are visible ASCII and few")
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>> {
    let Some(value) = headers.get(IDEMPOTENCY_HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len());
    if !fits || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::invalid(
            "Idempotency-Key",
            format!(
                "must be 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes of visible ASCII without spaces"
            ),
        ));
    }
    Ok(Some(IdempotencyKey(text.to_owned())))
}

fn check_size(events: usize) -> Result<()> {
    if events == 0 {
        return Err(Error::invalid("events", "an empty batch publishes nothing"));
    }
    if events > BATCH_EVENTS_MAX {
        return Err(Error::TooLarge {
            limit: "batch_events_max",
            unit: "events",
            max: BATCH_EVENTS_MAX as u64,
            got: events as u64,
        });
    }
    Ok(())
}

fn undelayed(draft: Result<Draft>) -> Result<NewEvent> {
    match draft? {
        Draft { event, due: None } => Ok(event),
        Draft { due: Some(_), .. } => Err(Error::invalid(
            "delay_ms",
            "events of a batch are published at once: schedule one at a time",
        )),
    }
}

/// Makes an error say which event of a batch it is about.
fn at(index: usize) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Invalid { field, reason } => {
            Error::invalid(format!("events[{index}].{field}"), reason)
        }
        other => other,
    }
}

fn published(appended: Appended) -> PublishView {
    let message = if appended.duplicate {
        "the event was there already"
    } else {
        "the event was published"
    };
    PublishView {
        success: true,
        event_id: appended.id,
        message: message.to_owned(),
        position: Some(appended.position.0),
        duplicate: appended.duplicate,
        due: None,
    }
}

fn scheduled(id: EventId, due: Timestamp) -> PublishView {
    PublishView {
        success: true,
        event_id: id,
        message: format!("the event will be published at {due}"),
        position: None,
        duplicate: false,
        due: Some(due),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use crate::id::{KeyName, TenantId};

    use super::*;

    fn scope(key: &str) -> TenantScope {
        let key = KeyName::new(key).unwrap();
        TenantScope::for_request(TenantId::generate(), key, None, None)
    }

    fn key(text: &str) -> Result<Option<IdempotencyKey>> {
        let value = HeaderValue::from_str(text).unwrap();
        idempotency_key(&HeaderMap::from_iter([(
            http::HeaderName::from_static(IDEMPOTENCY_HEADER),
            value,
        )]))
    }

    #[test]
    fn an_idempotency_key_makes_the_same_id_for_the_same_client_only() {
        let id = |client: &str, text: &str, index| {
            key(text).unwrap().unwrap().event_id(&scope(client), index)
        };
        assert_eq!(id("a", "k", 0), id("a", "k", 0));
        let others = [id("b", "k", 0), id("a", "k2", 0), id("a", "k", 1)];
        assert!(!others.contains(&id("a", "k", 0)));
    }

    #[test]
    fn idempotency_keys_are_limited_at_and_one_past() {
        assert!(key(&"k".repeat(IDEMPOTENCY_KEY_BYTES_MAX)).is_ok());
        for bad in [&*"k".repeat(IDEMPOTENCY_KEY_BYTES_MAX + 1), "", "a b"] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn batches_are_limited_at_and_one_past() {
        assert!(check_size(1).is_ok());
        assert!(check_size(BATCH_EVENTS_MAX).is_ok());
        assert!(matches!(check_size(0), Err(Error::Invalid { .. })));
        assert!(matches!(
            check_size(BATCH_EVENTS_MAX + 1),
            Err(Error::TooLarge { .. })
        ));
    }
}
