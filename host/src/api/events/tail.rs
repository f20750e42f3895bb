//! The end of the log as one client follows it, whatever carries it there.
//!
//! Invariant: no event is lost or repeated. The tail subscribes first, reads the log from where the
//! client was, and only then goes live; positions have no gaps, so a gap or a lagging subscription is
//! seen and the log is read again. What a slow client has not read waits in the log, not in memory.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::Event as Message;
use futures_util::{FutureExt, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::error::Result;
use crate::events::{Event, EventFilter, NewEvent};
use crate::id::Position;
use crate::identity::TenantScope;
use crate::registry::is_feed_event;

use super::super::auth::{Caller, Credential};
use super::super::slots::Slot;
use super::super::types::EventView;
use super::super::{Api, Shared};

/// Events read from the log at a time: what one client holds in memory while it catches up.
const READ_EVENTS: u32 = 64;

/// Which events a client follows.
pub(crate) enum Wanted {
    /// Those that pass.
    Events(Box<EventFilter>),
    /// The feed of the catalogue.
    Catalogue,
}

impl Wanted {
    fn matches(&self, event: &NewEvent) -> bool {
        match self {
            Self::Events(filter) => filter.matches(event),
            Self::Catalogue => is_feed_event(event),
        }
    }
}

/// One client's view of the end of the log.
pub(crate) struct Tail {
    api: Shared,
    scope: TenantScope,
    credential: Credential,
    /// Tells that something was revoked.
    revoked: watch::Receiver<u64>,
    filter: Wanted,
    feed: broadcast::Receiver<Arc<Event>>,
    /// The last position that was sent or passed over.
    last: Position,
    heartbeat: Interval,
    _open: Open,
}

/// What the tail has to say next.
enum Step {
    Event(Arc<Event>),
    /// There may be more in the log.
    CatchUp,
    Heartbeat,
    End(&'static str),
}

impl Tail {
    /// Begin after `wanted`; none means from now on.
    ///
    /// # Errors
    /// `Exhausted` if the tenant has all the streams that it may have.
    pub(crate) async fn open(
        api: Shared,
        caller: Caller,
        filter: Wanted,
        wanted: Option<Position>,
    ) -> Result<Self> {
        let slot = api.streams.take(caller.scope.tenant())?;
        // A stream has its own limit: the request is done when it begins.
        let Caller {
            scope, credential, ..
        } = caller;
        let revoked = api.revocations.watch();
        // Subscribe before looking at the log: what is committed in between comes twice and is skipped.
        let feed = api.app.feed.subscribe(scope.tenant());
        let head = api.app.events.head(&scope).await?;
        let period = api.app.limits.heartbeat;
        let mut heartbeat = tokio::time::interval_at(Instant::now() + period, period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            // A position of another log, or of a copy that went further, must not hide what comes.
            last: wanted.map_or(head, |wanted| wanted.clamp(Position(0), head)),
            _open: Open::new(Arc::clone(&api), slot),
            api,
            scope,
            credential,
            revoked,
            filter,
            feed,
            heartbeat,
        })
    }

    /// What a client of server-sent events reads.
    pub(crate) fn messages(self) -> impl Stream<Item = Result<Message, Infallible>> {
        self.said().map(|said| Ok(said.message()))
    }

    /// What the client is told.
    pub(crate) fn said(mut self) -> impl Stream<Item = Said> {
        async_stream::stream! {
            yield Said::control("connected", self.last, json!({ "position": self.last }));
            let reason = loop {
                let page = match self.read_log().await {
                    Ok(page) => page,
                    Err(reason) => break reason,
                };
                let more = page.len() == READ_EVENTS as usize;
                for event in page {
                    self.last = event.position;
                    if self.filter.matches(&event.body) {
                        yield Said::Event(event);
                    }
                }
                if more {
                    continue;
                }
                let ended = loop {
                    match self.live().await {
                        Step::Event(event) => yield Said::Event(event),
                        Step::Heartbeat => {
                            yield Said::control("heartbeat", self.last, json!({}));
                            break None;
                        }
                        Step::CatchUp => break None,
                        Step::End(reason) => break Some(reason),
                    }
                };
                if let Some(reason) = ended {
                    break reason;
                }
            };
            yield Said::control("disconnected", self.last, json!({ "reason": reason }));
        }
    }

    /// The next page of the log, or why the stream ends.
    async fn read_log(&mut self) -> Result<Vec<Arc<Event>>, &'static str> {
        // A long catch-up must notice the end of the host and of the key too.
        if self.api.app.health.draining().is_cancelled() {
            return Err("shutdown");
        }
        let due = self.heartbeat.tick().now_or_never().is_some();
        if (due || self.was_told()) && !self.still_allowed().await {
            return Err("revoked");
        }
        let events = &self.api.app.events;
        let page = events.after(&self.scope, self.last, READ_EVENTS);
        page.await.map_err(|error| {
            tracing::warn!(%error, "a stream could not read the log");
            "unavailable"
        })
    }

    /// Wait for what happens next, having read the log to its end.
    async fn live(&mut self) -> Step {
        loop {
            let received = tokio::select! {
                received = self.feed.recv() => received,
                () = self.api.app.health.draining().cancelled() => return Step::End("shutdown"),
                // Its sender lives as long as the tail does.
                _ = self.revoked.changed() => {
                    if self.still_allowed().await {
                        continue;
                    }
                    return Step::End("revoked");
                }
                _ = self.heartbeat.tick() => {
                    if self.still_allowed().await {
                        return Step::Heartbeat;
                    }
                    return Step::End("revoked");
                }
            };
            match received {
                Ok(event) if event.position <= self.last => {}
                Ok(event) if event.position.0 == self.last.0 + 1 => {
                    self.last = event.position;
                    if self.filter.matches(&event.body) {
                        return Step::Event(event);
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => return Step::CatchUp,
                Err(RecvError::Closed) => return Step::End("closed"),
            }
        }
    }

    /// Whether something was revoked since this was asked last.
    fn was_told(&mut self) -> bool {
        let told = self.revoked.has_changed().unwrap_or(false);
        self.revoked.mark_unchanged();
        told
    }

    /// Whether the key still stands. When the store cannot say, the stream goes on until it can.
    async fn still_allowed(&self) -> bool {
        !matches!(self.api.authenticate(&self.credential).await, Ok(None))
    }
}

/// Counts an open stream until it is dropped.
struct Open {
    api: Arc<Api>,
    _slot: Slot,
}

impl Open {
    fn new(api: Arc<Api>, slot: Slot) -> Self {
        api.app.metrics.stream_opened();
        Self { api, _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.api.app.metrics.stream_closed();
    }
}

/// What a client is told.
pub(crate) enum Said {
    /// An event.
    Event(Arc<Event>),
    /// Something about the stream itself. It carries the position too, so that a client whose filter lets
    /// little through does not have to read everything again.
    Control {
        /// What sort.
        name: &'static str,
        /// How far the log was read.
        last: Position,
        /// What there is to say.
        data: Value,
    },
}

impl Said {
    fn control(name: &'static str, last: Position, data: Value) -> Self {
        Self::Control { name, last, data }
    }

    fn message(&self) -> Message {
        match self {
            Self::Event(event) => {
                let text = serde_json::to_string(&EventView::from(&**event)).unwrap_or_default();
                Message::default()
                    .id(event.position.0.to_string())
                    .data(text)
            }
            Self::Control { name, last, data } => Message::default()
                .event(name)
                .id(last.0.to_string())
                .data(data.to_string()),
        }
    }
}
