//! What this was measured on, and what this process holds of it.

use anyhow::{Context, Result};

/// The machine and the versions, one line each.
pub(crate) fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "machine: {cpu}, {cores} cores, memory {memory}, kernel {}\nversions: warren {}, SQLite {}, wasmtime 48\nload before: {}",
        kernel.trim(),
        env!("CARGO_PKG_VERSION"),
        rusqlite::version(),
        load.trim(),
    )
}

/// Anonymous resident memory of this process in KiB: file pages can be reclaimed.
pub(crate) fn anonymous_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .context("no RssAnon")?;
    let number = line.split_whitespace().nth(1).context("no number")?;
    Ok(number.parse()?)
}
