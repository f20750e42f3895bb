//! What the host counts. One value for the whole host, shared by all that has something to count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::memory::embed::{EmbeddingFigures, Progress};

use super::series::{Buckets, Counter, Family, Histogram, counter, gauge, head, line};

/// What the dispatcher counts, read at one moment.
#[derive(Debug, Clone, Default)]
pub struct TurnFigures {
    /// Attempts by how they ended.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Upper bounds of the buckets of durations in microseconds.
    pub bounds_us: &'static [u64],
    /// Attempts in each bucket, not cumulative; one more than there are bounds.
    pub durations: Vec<u64>,
    /// Wall clock of all attempts in microseconds.
    pub duration_us: u64,
    /// CPU of all attempts in microseconds.
    pub cpu_us: u64,
    /// Runs that were repeated because something they had read changed.
    pub reruns: u64,
    /// Dead letters made.
    pub dead_letters: u64,
    /// Turns running now.
    pub running: u64,
}

/// Reads what the dispatcher counts.
type ReadTurns = Box<dyn Fn() -> TurnFigures + Send + Sync>;

/// What the host counts.
pub struct Metrics {
    requests: Family<Counter>,
    request_seconds: Family<Histogram>,
    requests_running: AtomicU64,
    streams: AtomicU64,
    connections: AtomicU64,
    events: Family<Counter>,
    uploads: Family<Counter>,
    turns: OnceLock<ReadTurns>,
    embedding: OnceLock<Arc<Progress>>,
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
            uploads: Family::new("warren_uploads_total", "Components pushed.", &["result"]),
            turns: OnceLock::new(),
            embedding: OnceLock::new(),
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

    /// A component was pushed, well or not.
    pub fn upload(&self, accepted: bool) {
        let result = if accepted { "accepted" } else { "refused" };
        self.uploads.with(&[result]).add(1);
    }

    /// From now on show what the dispatcher counts. The first one stays.
    pub fn watch_turns(&self, read: impl Fn() -> TurnFigures + Send + Sync + 'static) {
        let _ = self.turns.set(Box::new(read));
    }

    /// From now on show how the embedder does. The first one stays.
    pub fn watch_embedding(&self, progress: Arc<Progress>) {
        let _ = self.embedding.set(progress);
    }

    /// All of it, as Prometheus reads it (text format 0.0.4).
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        let at = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        self.requests.render(&mut out);
        self.request_seconds.render(&mut out);
        self.events.render(&mut out);
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
        if let Some(read) = self.turns.get() {
            read().render(&mut out);
        }
        if let Some(progress) = self.embedding.get() {
            render_embedding(&progress.figures(), &mut out);
        }
        out
    }
}

impl TurnFigures {
    fn render(&self, out: &mut String) {
        head(
            out,
            "warren_turns_total",
            "Attempts at turns that ended.",
            "counter",
        );
        for (outcome, count) in &self.outcomes {
            let labels = format!("outcome=\"{outcome}\"");
            line(out, "warren_turns_total", &labels, &count.to_string());
        }
        let name = "warren_turn_duration_seconds";
        head(out, name, "Wall clock of attempts at turns.", "histogram");
        let durations = Buckets {
            bounds_us: self.bounds_us,
            counts: &self.durations,
            count: self.durations.iter().sum(),
            sum_us: self.duration_us,
        };
        durations.render(out, name, "");
        let counters = [
            (
                "warren_turn_cpu_microseconds_total",
                "CPU time spent inside guests.",
                self.cpu_us,
            ),
            (
                "warren_turn_reruns_total",
                "Runs repeated because something they had read changed.",
                self.reruns,
            ),
            (
                "warren_dead_letters_total",
                "Deliveries given up.",
                self.dead_letters,
            ),
        ];
        for (name, help, count) in counters {
            counter(out, name, help, count);
        }
        gauge(out, "warren_turns_running", "Turns running.", self.running);
    }
}

fn render_embedding(figures: &EmbeddingFigures, out: &mut String) {
    let gauges = [
        (
            "warren_embedder_up",
            "Whether the last call of the embedder went well.",
            u64::from(figures.down.is_none()),
        ),
        (
            "warren_embeddings_waiting",
            "Knowledge entries whose vector is still to be made.",
            figures.waiting,
        ),
        (
            "warren_embeddings_refused",
            "Knowledge entries that the embedder does not take.",
            figures.refused,
        ),
    ];
    for (name, help, value) in gauges {
        gauge(out, name, help, value);
    }
    let counters = [
        (
            "warren_embeddings_total",
            "Vectors made in batches.",
            figures.embedded,
        ),
        (
            "warren_embedder_failures_total",
            "Calls of the embedder that failed.",
            figures.failures,
        ),
    ];
    for (name, help, count) in counters {
        counter(out, name, help, count);
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
        metrics.published(2, 0);
        metrics.watch_turns(|| TurnFigures {
            outcomes: vec![("timed-out", 1)],
            bounds_us: &[50, 100],
            durations: vec![1, 0, 2],
            duration_us: 7_000_000,
            cpu_us: 7,
            ..TurnFigures::default()
        });
        let text = metrics.render();
        for expect in [
            "warren_http_requests_total{method=\"GET\",route=\"/v1/agents/{name}\",status=\"4xx\"} 1",
            "warren_turns_total{outcome=\"timed-out\"} 1",
            "warren_turn_cpu_microseconds_total 7",
            "warren_events_published_total{result=\"new\"} 2",
            "warren_turn_duration_seconds_bucket{le=\"0.0001\"} 1",
            "warren_turn_duration_seconds_bucket{le=\"+Inf\"} 3",
            "warren_turn_duration_seconds_sum 7",
            "warren_turns_running 0",
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
