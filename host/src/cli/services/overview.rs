//! `warren services overview`: the catalogue in figures.

use crate::cli::Context;
use crate::cli::client::Request;
use crate::cli::failure::Result;
use crate::cli::table::Table;
use crate::registry::{Counts, Overview};

pub(super) fn run(context: &Context) -> Result<()> {
    let answer = context
        .client()?
        .send(Request::get(&["services", "overview"]))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let found: Overview = answer.read()?;
    let mut table = Table::new(["WHAT", "HOW MANY", "OF THEM"]);
    let groups = [
        ("entries by type", found.entries, &found.by_type),
        ("entries by state", found.entries, &found.by_state),
        ("agents of the host", found.hosted, &found.agents_by_state),
        ("by category", sum(&found.by_category), &found.by_category),
        ("by owner", sum(&found.by_owner), &found.by_owner),
        ("event types", found.events.declared, &found.events.by_topic),
        (
            "lead nowhere",
            sum(&found.events.dangling),
            &found.events.dangling,
        ),
    ];
    for (what, all, counts) in groups {
        table.row([&what, &all, &told(counts)]);
    }
    table.row([&"capabilities", &found.capabilities, &""]);
    let health = found.health;
    let percent = |mean: Option<f64>| mean.map_or("-".to_owned(), |mean| format!("{mean:.0} %"));
    let told = format!(
        "processor {}, memory {}, {} connections, {} errors, {} beats missed",
        percent(health.cpu_percent_mean),
        percent(health.memory_percent_mean),
        health.connections,
        health.errors,
        health.beats_missed
    );
    table.row([&"tell their health", &health.reporting, &told]);
    context.console.table(&table, "")
}

fn sum(counts: &Counts) -> u64 {
    counts.values().sum()
}

fn told(counts: &Counts) -> String {
    let each = counts.iter().map(|(word, count)| format!("{count} {word}"));
    each.collect::<Vec<_>>().join(", ")
}
