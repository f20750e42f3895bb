//! Counters and histograms, and the text that Prometheus reads.
//!
//! Written here rather than taken from a library: the format is a page long, and what a library does not
//! give is the bound. A family holds at most [`SERIES_MAX`] label sets, the rest is counted together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

/// Most label sets of one family: about sixty routes times the answers they give, with room.
pub(super) const SERIES_MAX: usize = 512;
/// Upper bounds of the buckets of durations in microseconds: from a host call to a slow turn.
const BUCKETS_US: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000,
    10_000_000, 60_000_000,
];

/// What a family holds for each label set.
pub(super) trait Series: Default {
    /// The word after `# TYPE`.
    const KIND: &'static str;
    /// Add this series' lines.
    fn render(&self, out: &mut String, name: &str, labels: &str);
}

/// A number that grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Series for Counter {
    const KIND: &'static str = "counter";
    fn render(&self, out: &mut String, name: &str, labels: &str) {
        line(
            out,
            name,
            labels,
            &self.0.load(Ordering::Relaxed).to_string(),
        );
    }
}

/// How long things took.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BUCKETS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

impl Series for Histogram {
    const KIND: &'static str = "histogram";
    fn render(&self, out: &mut String, name: &str, labels: &str) {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect();
        let (sum_us, count) = (
            self.sum_us.load(Ordering::Relaxed),
            self.count.load(Ordering::Relaxed),
        );
        let seen = Buckets {
            bounds_us: &BUCKETS_US,
            counts: &counts,
            count,
            sum_us,
        };
        seen.render(out, name, labels);
    }
}

/// A histogram as it was read at one moment.
pub(super) struct Buckets<'a> {
    /// Upper bounds in microseconds.
    pub(super) bounds_us: &'a [u64],
    /// How many fell into each, not cumulative.
    pub(super) counts: &'a [u64],
    /// How many there were, those above the last bound included.
    pub(super) count: u64,
    /// All of them together in microseconds.
    pub(super) sum_us: u64,
}

impl Buckets<'_> {
    pub(super) fn render(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut seen = 0;
        for (count, bound) in self.counts.iter().zip(self.bounds_us) {
            seen += count;
            let labels = format!("{labels}{comma}le=\"{}\"", seconds(*bound));
            line(out, &format!("{name}_bucket"), &labels, &seen.to_string());
        }
        // A reader must never see a bucket above the count, so the count is at least what was seen.
        let count = self.count.max(seen).to_string();
        let all = format!("{labels}{comma}le=\"+Inf\"");
        line(out, &format!("{name}_bucket"), &all, &count);
        line(out, &format!("{name}_sum"), labels, &seconds(self.sum_us));
        line(out, &format!("{name}_count"), labels, &count);
    }
}

/// Series of one name, told apart by labels.
#[derive(Debug)]
pub(super) struct Family<S> {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    /// By their labels as they are written out.
    series: RwLock<BTreeMap<String, Arc<S>>>,
}

impl<S: Series> Family<S> {
    pub(super) fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            help,
            labels,
            series: RwLock::new(BTreeMap::new()),
        }
    }

    /// The series of these label values; the one of `other` once the family is full.
    pub(super) fn with(&self, values: &[&str]) -> Arc<S> {
        let labels = self.labels(values);
        if let Some(found) = self.series.read().get(&labels) {
            return Arc::clone(found);
        }
        let mut series = self.series.write();
        let labels = if series.len() < SERIES_MAX {
            labels
        } else {
            self.labels(&vec!["other"; self.labels.len()])
        };
        Arc::clone(series.entry(labels).or_default())
    }

    pub(super) fn render(&self, out: &mut String) {
        head(out, self.name, self.help, S::KIND);
        for (labels, series) in self.series.read().iter() {
            series.render(out, self.name, labels);
        }
    }

    fn labels(&self, values: &[&str]) -> String {
        let mut text = String::with_capacity(96);
        for (label, value) in self.labels.iter().zip(values) {
            let comma = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{comma}{label}=\"{}\"", escaped(value));
        }
        text
    }
}

/// Add a number that goes up and down.
pub(super) fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    head(out, name, help, "gauge");
    line(out, name, "", &value.to_string());
}

/// Add a number that only goes up.
pub(super) fn counter(out: &mut String, name: &str, help: &str, count: u64) {
    head(out, name, help, "counter");
    line(out, name, "", &count.to_string());
}

/// Add the lines that say what a metric is.
pub(super) fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Add one value.
pub(super) fn line(out: &mut String, name: &str, labels: &str, value: &str) {
    let _ = if labels.is_empty() {
        writeln!(out, "{name} {value}")
    } else {
        writeln!(out, "{name}{{{labels}}} {value}")
    };
}

/// Microseconds as seconds without trailing zeros.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return value.into();
    }
    let text = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_family_counts_the_rest_together() {
        let family: Family<Counter> = Family::new("f", "F.", &["n"]);
        for n in 0..=SERIES_MAX {
            family.with(&[&format!("n{n:04}")]).add(1);
        }
        assert_eq!(family.with(&["n0000"]).get(), 1, "known ones keep counting");
        assert_eq!(family.with(&["never seen"]).get(), 1, "one past the bound");
        assert_eq!(family.series.read().len(), SERIES_MAX + 1);
    }

    #[test]
    fn a_histogram_is_cumulative() {
        let family: Family<Histogram> = Family::new("h_seconds", "H.", &[]);
        let series = family.with(&[]);
        for us in [50, 51, 70_000_000] {
            series.observe(Duration::from_micros(us));
        }
        let mut out = String::new();
        family.render(&mut out);
        for expect in [
            "# TYPE h_seconds histogram",
            "h_seconds_bucket{le=\"0.00005\"} 1",
            "h_seconds_bucket{le=\"0.0001\"} 2",
            "h_seconds_bucket{le=\"60\"} 2",
            "h_seconds_bucket{le=\"+Inf\"} 3",
            "h_seconds_sum 70.000101",
            "h_seconds_count 3",
        ] {
            assert!(out.contains(expect), "{expect} in\n{out}");
        }
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
