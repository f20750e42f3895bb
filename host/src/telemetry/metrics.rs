//! What the host counts. One value for the whole host, shared by all that has something to count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::turn::{QueueDepth, TurnOutcome};

use super::series::{Counter, Family, Histogram, gauge};

/// What the host counts.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<Counter>,
    request_seconds: Family<Histogram>,
    requests_running: AtomicU64,
    streams: AtomicU64,
    connections: AtomicU64,
    events: Family<Counter>,
    turns: Family<Counter>,
    turn_seconds: Family<Histogram>,
    turn_cpu_us: Family<Counter>,
    dead_letters: Family<Counter>,
    quarantines: Family<Counter>,
    uploads: Family<Counter>,
    queue: [AtomicU64; 4],
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::new(
                "warren_http_requests_total",
                "Requests answered.",
                &["method", "route", "status"],
            ),
            request_seconds: Family::new(
                "warren_http_request_duration_seconds",
                "Time to the head of the answer.",
                &["method", "route"],
            ),
            requests_running: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            events: Family::new(
                "warren_events_published_total",
                "Events that clients published.",
                &["result"],
            ),
            turns: Family::new(
                "warren_turns_total",
                "Attempts at turns that ended.",
                &["outcome"],
            ),
            turn_seconds: Family::new(
                "warren_turn_duration_seconds",
                "Wall clock of attempts at turns.",
                &[],
            ),
            turn_cpu_us: Family::new(
                "warren_turn_cpu_microseconds_total",
                "CPU time spent inside guests.",
                &[],
            ),
            dead_letters: Family::new("warren_dead_letters_total", "Deliveries given up.", &[]),
            quarantines: Family::new(
                "warren_quarantines_total",
                "Agents quarantined because they took the host down.",
                &[],
            ),
            uploads: Family::new("warren_uploads_total", "Components pushed.", &["result"]),
            queue: [const { AtomicU64::new(0) }; 4],
        }
    }
}

impl Metrics {
    /// A request was answered. `route` is the pattern that matched, never the path.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests
            .with(&[method, route, status_class(status)])
            .add(1);
        self.request_seconds.with(&[method, route]).observe(took);
    }

    /// Requests being worked on; the guard counts one until it is dropped.
    pub fn running(&self) -> Gauged<'_> {
        Gauged::new(&self.requests_running)
    }

    /// A connection was opened.
    pub fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was closed.
    pub fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// An event stream was opened.
    pub fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// An event stream was closed.
    pub fn stream_closed(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// Open event streams.
    pub fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }

    /// Clients published `new` events, and `duplicates` that were there already.
    pub fn published(&self, new: u64, duplicates: u64) {
        if new > 0 {
            self.events.with(&["new"]).add(new);
        }
        if duplicates > 0 {
            self.events.with(&["duplicate"]).add(duplicates);
        }
    }

    /// An attempt at a turn ended.
    pub fn turn(&self, outcome: TurnOutcome, wall: Duration, cpu: Duration) {
        self.turns.with(&[outcome.as_str()]).add(1);
        self.turn_seconds.with(&[]).observe(wall);
        let cpu_us = u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX);
        self.turn_cpu_us.with(&[]).add(cpu_us);
    }

    /// A delivery became a dead letter.
    pub fn dead_letter(&self) {
        self.dead_letters.with(&[]).add(1);
    }

    /// An agent was quarantined.
    pub fn quarantine(&self) {
        self.quarantines.with(&[]).add(1);
    }

    /// A component was pushed, well or not.
    pub fn upload(&self, accepted: bool) {
        let result = if accepted { "accepted" } else { "refused" };
        self.uploads.with(&[result]).add(1);
    }

    /// How much waits, all tenants together.
    pub fn set_queue(&self, depth: QueueDepth) {
        let now = [depth.pending, depth.retrying, depth.scheduled, depth.dead];
        for (kept, now) in self.queue.iter().zip(now) {
            kept.store(now, Ordering::Relaxed);
        }
    }

    /// All of it, as Prometheus reads it (text format 0.0.4).
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        let at = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        self.requests.render(&mut out);
        self.request_seconds.render(&mut out);
        self.events.render(&mut out);
        self.turns.render(&mut out);
        self.turn_seconds.render(&mut out);
        self.turn_cpu_us.render(&mut out);
        self.dead_letters.render(&mut out);
        self.quarantines.render(&mut out);
        self.uploads.render(&mut out);
        let gauges = [
            (
                "warren_http_requests_running",
                "Requests being worked on.",
                &self.requests_running,
            ),
            ("warren_connections", "Open connections.", &self.connections),
            ("warren_streams", "Open event streams.", &self.streams),
        ];
        for (name, help, cell) in gauges {
            gauge(&mut out, name, help, at(cell));
        }
        let queues = ["pending", "retrying", "scheduled", "dead"];
        for (state, cell) in queues.iter().zip(&self.queue) {
            let name = format!("warren_queue_{state}");
            gauge(&mut out, &name, "Deliveries or events that wait.", at(cell));
        }
        out
    }
}

/// Counts one until it is dropped.
#[derive(Debug)]
pub struct Gauged<'a>(&'a AtomicU64);

impl<'a> Gauged<'a> {
    fn new(cell: &'a AtomicU64) -> Self {
        cell.fetch_add(1, Ordering::Relaxed);
        Self(cell)
    }
}

impl Drop for Gauged<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

const fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::default();
        metrics.request("GET", "/v1/agents/{name}", 404, Duration::from_millis(3));
        metrics.turn(
            TurnOutcome::TimedOut,
            Duration::from_secs(1),
            Duration::from_micros(7),
        );
        metrics.published(2, 0);
        metrics.set_queue(QueueDepth {
            pending: 5,
            ..QueueDepth::default()
        });
        let text = metrics.render();
        for expect in [
            "warren_http_requests_total{method=\"GET\",route=\"/v1/agents/{name}\",status=\"4xx\"} 1",
            "warren_turns_total{outcome=\"timed-out\"} 1",
            "warren_turn_cpu_microseconds_total 7",
            "warren_events_published_total{result=\"new\"} 2",
            "warren_queue_pending 5",
            "warren_http_requests_running 0",
        ] {
            assert!(text.contains(expect), "{expect} in\n{text}");
        }
    }

    #[test]
    fn running_counts_until_dropped() {
        let metrics = Metrics::default();
        let one = metrics.running();
        assert!(metrics.render().contains("warren_http_requests_running 1"));
        drop(one);
        assert!(metrics.render().contains("warren_http_requests_running 0"));
    }
}
