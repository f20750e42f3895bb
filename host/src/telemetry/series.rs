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
        let comma = if labels.is_empty() { "" } else { "," };
        let mut seen = 0;
        for (bucket, bound) in self.buckets.iter().zip(BUCKETS_US) {
            seen += bucket.load(Ordering::Relaxed);
            let labels = format!("{labels}{comma}le=\"{}\"", seconds(bound));
            line(out, &format!("{name}_bucket"), &labels, &seen.to_string());
        }
        // A reader must never see a bucket above the count, so the count is at least what was seen.
        let count = self.count.load(Ordering::Relaxed).max(seen).to_string();
        let sum = seconds(self.sum_us.load(Ordering::Relaxed));
        line(
            out,
            &format!("{name}_bucket"),
            &format!("{labels}{comma}le=\"+Inf\""),
            &count,
        );
        line(out, &format!("{name}_sum"), labels, &sum);
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

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: &str) {
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
