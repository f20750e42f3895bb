//! What a deployed agent costs in memory when it has run once and is idle.

use anyhow::{Context, Result};

use crate::guests;
use crate::host::{BenchHost, event, runtime};
use crate::machine::anonymous_kib;
use crate::sample::Sample;
use crate::sandbox::{agent, run};
use crate::table::{Better, Row};

/// Agents deployed a round.
const AGENTS: u32 = 100;
const ROUNDS: u32 = 3;

/// Resident memory per idle agent.
pub(crate) fn rows() -> Result<Vec<Row>> {
    runtime()?.block_on(async {
        let bench = BenchHost::start(1).await?;
        let scope = bench.tenants.first().context("no tenant")?.clone();
        let module = guests::bytes("bench-turn")?;
        let mut ours = Vec::new();
        for round in 0..=ROUNDS {
            let before = anonymous_kib()?;
            for number in 0..AGENTS {
                bench
                    .push(&scope, guests::variant(&module, round * AGENTS + number))
                    .await?;
                let agent = agent(&bench, &scope, "bench-turn").await?;
                run(
                    &bench,
                    &scope,
                    &agent,
                    event(&scope, &*bench.host.app.clock, 0)?,
                )
                .await?;
            }
            // The first round fills allocators and pools and is not counted.
            if round > 0 {
                ours.push((anonymous_kib()? - before) / f64::from(AGENTS));
            }
        }
        bench.stop().await;
        Ok(vec![Row {
            name: "resident memory per deployed idle agent".into(),
            unit: "KiB anonymous",
            floor: None,
            floor_is: "85 KiB measured apart",
            floor_then: None,
            ours: Sample::of(ours),
            must: Some(200.0),
            better: Better::Lower,
        }])
    })
}
