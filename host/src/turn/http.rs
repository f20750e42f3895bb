//! What a turn asks of the outside over HTTP: counted while it runs, on record however it ends.
//!
//! Invariant: shared by all frames of the turn and by what carries its requests out, which may end after a guest does;
//! bounded in entries and texts. Holds no header, no path and no byte of a body: those may hold secrets.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::id::AgentName;
use crate::registry::Agent;

use super::logging::guest_text;
use super::stage::{Lacking, TURN_LACKING_MAX};
use super::{LogLevel, LogLine, Turn};

/// Most requests of a turn that are on record; what may be sent is limited below it.
pub const HTTP_RECORDS_MAX: usize = 256;
/// Bytes of an origin that are kept: the longest host with scheme and port.
const ORIGIN_BYTES_MAX: usize = 280;
/// Bytes of a method that are kept. The longest registered one has 17.
const METHOD_BYTES_MAX: usize = 32;
/// Bytes of a reason that are kept.
const ERROR_BYTES_MAX: usize = 512;

/// A request to the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRecord {
    /// Whose: the turn's agent, or a tool that it called.
    pub agent: AgentName,
    /// Its method.
    pub method: String,
    /// Scheme, host and port.
    pub origin: String,
    /// The status of the answer, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes that were sent, head and body.
    pub sent_bytes: u64,
    /// Bytes that were received, head and body.
    pub received_bytes: u64,
    /// How long it took, in microseconds, with what the guest took to read the answer.
    pub duration_us: u64,
    /// Why it failed or was refused, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The requests of a turn.
#[derive(Debug)]
pub struct HttpJournal {
    /// When the turn began.
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Begun, whatever became of them.
    requests: u32,
    /// Open connections.
    open: u32,
    calls: Vec<Call>,
    refused: Vec<Lacking>,
}

#[derive(Debug)]
struct Call {
    record: HttpRecord,
    began: Instant,
    ended: bool,
}

/// One request that is on its way. Dropped when nothing more comes of it.
#[derive(Debug)]
pub struct HttpEntry {
    journal: Arc<HttpJournal>,
    /// Where it is on record, if it is.
    place: Option<usize>,
    /// Which request of the turn it is, from 1 on: the same on every run that asks for the same.
    number: u32,
}

/// One of the connections that a turn may have open.
#[derive(Debug)]
pub struct HttpOpen(Arc<HttpJournal>);

impl Turn {
    /// The requests of this turn.
    pub fn http(&self) -> &Arc<HttpJournal> {
        &self.http
    }
}

impl HttpJournal {
    pub(super) fn new(began: Instant) -> Arc<Self> {
        Arc::new(Self {
            began,
            state: Mutex::default(),
        })
    }

    /// A request begins, or is refused.
    pub fn begin(self: &Arc<Self>, agent: &AgentName, method: &str, origin: &str) -> HttpEntry {
        let mut state = self.state.lock();
        state.requests = state.requests.saturating_add(1);
        let number = state.requests;
        let place = (state.calls.len() < HTTP_RECORDS_MAX).then_some(state.calls.len());
        if place.is_some() {
            state.calls.push(Call {
                record: HttpRecord {
                    agent: agent.clone(),
                    method: guest_text(method, METHOD_BYTES_MAX),
                    origin: guest_text(origin, ORIGIN_BYTES_MAX),
                    status: None,
                    sent_bytes: 0,
                    received_bytes: 0,
                    duration_us: 0,
                    error: None,
                },
                began: Instant::now(),
                ended: false,
            });
        }
        drop(state);
        HttpEntry {
            journal: Arc::clone(self),
            place,
            number,
        }
    }

    /// One more connection, if the turn has fewer than `max`.
    pub fn open(self: &Arc<Self>, max: u32) -> Option<HttpOpen> {
        let mut state = self.state.lock();
        if state.open >= max {
            return None;
        }
        state.open += 1;
        Some(HttpOpen(Arc::clone(self)))
    }

    /// Something was refused that the audit log must tell of.
    pub fn refuse(&self, agent: &Arc<Agent>, grant: String, reason: &'static str) {
        let missed = Lacking {
            agent: Arc::clone(agent),
            grant: Cow::Owned(grant),
            reason: Cow::Borrowed(reason),
        };
        let refused = &mut self.state.lock().refused;
        if refused.len() < TURN_LACKING_MAX && !refused.iter().any(|seen| seen.is(&missed)) {
            refused.push(missed);
        }
    }

    pub(super) fn refused(&self) -> Vec<Lacking> {
        self.state.lock().refused.clone()
    }

    /// What is on record of them now, and a line for the log of each that failed.
    pub(super) fn records(&self) -> (Vec<HttpRecord>, Vec<LogLine>) {
        let state = self.state.lock();
        let records = state.calls.iter().map(|call| {
            let mut record = call.record.clone();
            if !call.ended {
                record.duration_us = micros(call.began);
            }
            record
        });
        let lines = state.calls.iter().filter_map(|call| {
            let HttpRecord {
                method,
                origin,
                error,
                ..
            } = &call.record;
            let error = error.as_ref()?;
            let at = call.began.saturating_duration_since(self.began);
            Some(LogLine {
                at_ms: u32::try_from(at.as_millis()).unwrap_or(u32::MAX),
                level: LogLevel::Warn,
                message: format!("{method} {origin}: {error}"),
                fields: Vec::new(),
            })
        });
        (records.collect(), lines.collect())
    }
}

impl HttpEntry {
    /// Which request of the turn it is, from 1 on.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// An answer came.
    pub fn answered(&self, status: u16) {
        self.change(|record| record.status = Some(status));
    }

    /// So many bytes more were sent.
    pub fn sent(&self, bytes: u64) {
        self.change(|record| record.sent_bytes = record.sent_bytes.saturating_add(bytes));
    }

    /// So many bytes more were received.
    pub fn received(&self, bytes: u64) {
        self.change(|record| record.received_bytes = record.received_bytes.saturating_add(bytes));
    }

    /// Why it failed: the first reason counts.
    pub fn failed(&self, why: &str) {
        let why = guest_text(why, ERROR_BYTES_MAX);
        self.change(|record| {
            record.error.get_or_insert(why);
        });
    }

    fn change(&self, change: impl FnOnce(&mut HttpRecord)) {
        let mut state = self.journal.state.lock();
        let call = self.place.and_then(|place| state.calls.get_mut(place));
        if let Some(call) = call {
            change(&mut call.record);
        }
    }
}

impl Drop for HttpEntry {
    fn drop(&mut self) {
        let mut state = self.journal.state.lock();
        let call = self.place.and_then(|place| state.calls.get_mut(place));
        if let Some(call) = call {
            call.record.duration_us = micros(call.began);
            call.ended = true;
        }
    }
}

impl Drop for HttpOpen {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.open = state.open.saturating_sub(1);
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (Arc<HttpJournal>, AgentName) {
        let agent = AgentName::new("a").unwrap();
        (HttpJournal::new(Instant::now()), agent)
    }

    #[test]
    fn what_became_of_requests_is_on_record() {
        let (journal, agent) = journal();
        let good = journal.begin(&agent, "GET", "https://a.test");
        good.sent(10);
        good.received(20);
        good.received(1);
        good.answered(200);
        let bad = journal.begin(&agent, "POST", "https://b\u{202e}.test");
        bad.failed("no");
        bad.failed("never");
        assert_eq!((good.number(), bad.number()), (1, 2));
        let (records, lines) = journal.records();
        let told = |r: &HttpRecord| (r.status, r.sent_bytes, r.received_bytes, r.error.clone());
        assert_eq!(told(&records[0]), (Some(200), 10, 21, None));
        assert_eq!(told(&records[1]), (None, 0, 0, Some("no".to_owned())));
        let lines: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(lines, ["POST https://b\\u{202e}.test: no"]);
    }

    #[test]
    fn records_and_connections_hold_at_their_limits_and_one_past() {
        let (journal, agent) = journal();
        for _ in 0..=HTTP_RECORDS_MAX {
            journal.begin(&agent, "GET", "https://a.test").failed("x");
        }
        assert_eq!(journal.records().0.len(), HTTP_RECORDS_MAX);
        let one = journal.open(2).unwrap();
        let _two = journal.open(2).unwrap();
        assert!(journal.open(2).is_none());
        drop(one);
        assert!(journal.open(2).is_some());
    }
}
