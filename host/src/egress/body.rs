//! Bodies on their way: counted, limited and timed, both ways.
//!
//! Invariant: each byte is counted before it is passed on, for the record of the turn and for the tenant's quota.
//! Trailers are neither sent nor passed on: nothing here reads them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;
use crate::id::TenantId;
use crate::quota::Allowances;
use crate::turn::{HttpEntry, HttpOpen};

use super::fault::{Fault, FaultKind};
use super::gauge::Place;
use super::redact::Redactor;

/// One request that was let through: what it is counted in, and the places that it holds.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) entry: HttpEntry,
    pub(super) tenant: TenantId,
    pub(super) allowances: Arc<Allowances>,
    pub(super) clock: Arc<dyn Clock>,
    /// Until its connection is closed.
    pub(super) places: Mutex<Option<(HttpOpen, Place)>>,
}

impl Exchange {
    /// So many bytes go out.
    pub(super) fn sends(&self, bytes: u64) -> Result<(), Fault> {
        self.takes(bytes)?;
        self.entry.sent(bytes);
        Ok(())
    }

    /// So many bytes came in.
    pub(super) fn receives(&self, bytes: u64) -> Result<(), Fault> {
        self.entry.received(bytes);
        self.takes(bytes)
    }

    pub(super) fn takes(&self, bytes: u64) -> Result<(), Fault> {
        let now = self.clock.now();
        let taken = self.allowances.take_egress(self.tenant, bytes, now);
        taken.map_err(|error| Fault::new(FaultKind::Denied, error.to_string()))
    }

    /// Its connection is closed, or about to be, whoever still has the answer.
    pub(super) fn release(&self) {
        self.places.lock().take();
    }

    /// Note why it failed.
    pub(super) fn failed(&self, fault: Fault) -> Fault {
        self.entry.failed(&fault.text);
        fault
    }
}

/// A guest's body on its way out.
pub(super) struct Outbound<B> {
    body: B,
    max: u64,
    sent: u64,
    exchange: Arc<Exchange>,
}

impl<B> Outbound<B> {
    pub(super) fn new(body: B, max: u64, exchange: Arc<Exchange>) -> Self {
        Self {
            body,
            max,
            sent: 0,
            exchange,
        }
    }

    fn count(&mut self, bytes: u64) -> Result<(), Fault> {
        self.sent = self.sent.saturating_add(bytes);
        if self.sent > self.max {
            let kind = FaultKind::RequestBody(self.max);
            return Err(Fault::limit(
                kind,
                "request_body_bytes_max",
                self.max,
                "bytes",
            ));
        }
        self.exchange.sends(bytes)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Outbound<B> {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => {
                let why = "the agent did not finish the request's body";
                return Poll::Ready(Some(Err(Fault::new(FaultKind::Protocol, why))));
            }
            None => return Poll::Ready(None),
        };
        let Ok(bytes) = frame.into_data() else {
            return Poll::Ready(None);
        };
        // On record here: an answer may have come already, and nobody is told any more.
        let counted = self.count(bytes.len() as u64);
        let counted = counted.map_err(|fault| self.exchange.failed(fault));
        Poll::Ready(Some(counted.map(|()| Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body on its way in.
pub struct Inbound {
    body: hyper::body::Incoming,
    max: u64,
    received: u64,
    between: Duration,
    end: Instant,
    /// Runs while the guest waits for more: how slowly it reads is its own affair.
    timer: Option<Pin<Box<Sleep>>>,
    /// Looks for the secrets that the request had.
    redactor: Redactor,
    /// Until the body has ended.
    exchange: Option<Arc<Exchange>>,
}

impl Inbound {
    pub(super) fn new(
        body: hyper::body::Incoming,
        max: u64,
        (between, end): (Duration, Instant),
        (redactor, exchange): (Redactor, Arc<Exchange>),
    ) -> Self {
        Self {
            body,
            max,
            redactor,
            received: 0,
            between,
            end,
            timer: None,
            exchange: Some(exchange),
        }
    }

    fn count(&mut self, bytes: u64) -> Result<(), Fault> {
        self.received = self.received.saturating_add(bytes);
        if let Some(exchange) = &self.exchange {
            exchange.receives(bytes)?;
        }
        if self.received > self.max {
            return Err(too_large(self.max));
        }
        Ok(())
    }

    /// What of a piece may pass.
    fn cleaned(&mut self, bytes: Bytes) -> Bytes {
        if self.redactor.is_empty() {
            bytes
        } else {
            self.redactor.pass(&bytes).into()
        }
    }

    /// It failed: nothing more comes.
    fn end(&mut self, fault: Fault) -> Fault {
        self.timer = None;
        match self.exchange.take() {
            Some(exchange) => exchange.failed(fault),
            None => fault,
        }
    }

    /// Whether the guest has waited too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let now = Instant::now();
        let (between, end) = (self.between, self.end);
        let until = now.checked_add(between).map_or(end, |next| next.min(end));
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(if Instant::now() >= self.end {
            late()
        } else {
            let why = format!("no byte of the answer for {} ms", between.as_millis());
            Fault::new(FaultKind::ReadTimeout, why)
        })
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        while self.exchange.is_some() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                let fault = ready!(self.poll_late(cx));
                return Poll::Ready(Some(Err(self.end(fault))));
            };
            self.timer = None;
            let bytes = match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(bytes))) => bytes,
                Some(Ok(Err(_))) | None => {
                    // Nothing more comes over it.
                    if let Some(exchange) = self.exchange.take() {
                        exchange.release();
                    }
                    let rest = Bytes::from(self.redactor.finish());
                    let rest = (!rest.is_empty()).then(|| Ok(Frame::data(rest)));
                    return Poll::Ready(rest);
                }
                // The connection is closed when its time is up.
                Some(Err(_)) if Instant::now() >= self.end => {
                    return Poll::Ready(Some(Err(self.end(late()))));
                }
                Some(Err(_)) => {
                    let why = "the connection broke before the answer's end";
                    let fault = Fault::new(FaultKind::Incomplete, why);
                    return Poll::Ready(Some(Err(self.end(fault))));
                }
            };
            if let Err(fault) = self.count(bytes.len() as u64) {
                return Poll::Ready(Some(Err(self.end(fault))));
            }
            let bytes = self.cleaned(bytes);
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        // What is held back comes when the body has ended.
        self.exchange.is_none() || (self.redactor.is_empty() && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.redactor.is_empty() {
            self.body.size_hint()
        } else {
            SizeHint::default()
        }
    }
}

/// An answer with a longer body than it may have.
pub(super) fn too_large(max: u64) -> Fault {
    let kind = FaultKind::ResponseBody(max);
    Fault::limit(kind, "response_body_bytes_max", max, "bytes")
}

/// A request that took too long.
pub(super) fn late() -> Fault {
    let why = "it took longer than egress.total_ms, or than the turn may";
    Fault::new(FaultKind::Timeout, why)
}
