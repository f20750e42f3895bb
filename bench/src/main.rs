//! Measures Warren beside the floors of the machine it runs on, in one run.
//!
//! A row has our number, and where there is one the floor (the least that the machine allows) and what ours must
//! reach. Floors are measured here and now with a few lines that do nothing else, in rounds that alternate with ours
//! where both take rounds; a row whose floor was measured apart, or that has none, says so in words. Medians are
//! printed with their spread, because machines drift.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use anyhow::{Context, Result};
use tikv_jemallocator::Jemalloc;

mod backlog;
mod cold;
mod disk;
mod durable;
mod floor;
mod guests;
mod host;
mod http;
mod languages;
mod machine;
mod memory;
mod prototype;
mod quality;
mod sample;
mod sandbox;
mod search;
mod table;

use table::Row;

/// As in `warren`, or it would not be measured as it runs.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// A group of rows: its name on the command line and what measures it.
type Group = (&'static str, fn() -> Result<Vec<Row>>);

const GROUPS: [Group; 11] = [
    ("sandbox", sandbox::rows),
    ("cold", cold::rows),
    ("durable", durable::rows),
    ("latency", durable::latency_rows),
    ("http", http::rows),
    ("memory", memory::rows),
    ("backlog", backlog::rows),
    ("quality", quality::rows),
    ("remember", search::remember_rows),
    ("search", search::rows),
    ("languages", languages::rows),
];

fn main() -> Result<()> {
    let mut names = Vec::new();
    let mut json = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = Some(arguments.next().context("--json takes a file name")?),
            name if GROUPS.iter().any(|(group, _)| *group == name) => names.push(argument),
            other => {
                let known = GROUPS.map(|(group, _)| group).join(", ");
                anyhow::bail!("no benchmark named `{other}`; there are: {known}");
            }
        }
    }
    let machine = machine::describe();
    println!("{machine}\n");
    let mut rows = Vec::new();
    for (name, measure) in GROUPS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            let measured = measure().with_context(|| format!("benchmark `{name}`"))?;
            for row in &measured {
                println!("{}", row.line());
            }
            rows.extend(measured);
        }
    }
    println!("\n{}", table::render(&rows));
    if let Some(file) = json {
        let report = serde_json::json!({ "machine": machine, "rows": rows });
        std::fs::write(&file, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("writing {file}"))?;
    }
    Ok(())
}
