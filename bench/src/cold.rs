//! From a compiled artifact on disk to a handled event, and from an upload to a first turn.

use std::time::Instant;

use anyhow::{Context, Result};
use warren::identity::TenantScope;

use crate::host::{BenchHost, event, runtime};
use crate::sample::{Sample, percentile};
use crate::sandbox::{agent, run, wall_us};
use crate::table::{Better, Row};
use crate::{floor, guests};

const ROUNDS: usize = 5;
/// Versions pushed a round.
const VARIANTS: u32 = 8;

/// Rows of the first turns of a component.
pub(crate) fn rows() -> Result<Vec<Row>> {
    runtime()?.block_on(async {
        let bench = BenchHost::start(1).await?;
        let scope = bench.tenants.first().context("no tenant")?.clone();
        let push = push_row(&bench, &scope).await?;
        let cold = cold_row(&bench, &scope).await?;
        bench.stop().await;
        Ok(vec![push, cold])
    })
}

/// Load, link, instantiate and handle, for components that are on disk but not loaded.
async fn cold_row(bench: &BenchHost, scope: &TenantScope) -> Result<Row> {
    let module = guests::bytes("bench-turn")?;
    let engine = floor::run_engine()?;
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u32 {
        let (mut bare, mut times) = (Vec::new(), Vec::new());
        for number in 0..VARIANTS {
            let variant = guests::variant(&module, 2_000 + round * VARIANTS + number);
            let compiled = floor::compiled(&variant)?;
            let turn = async { floor::Bare::of(&engine, &compiled)?.turn(1).await };
            bare.push(wall_us(turn).await?.0);
            bench
                .push(
                    scope,
                    guests::variant(&module, 1_000 + round * VARIANTS + number),
                )
                .await?;
            let agent = agent(bench, scope, "bench-turn").await?;
            bench.host.sandbox.unload(agent.digest);
            let event = event(scope, &*bench.host.app.clock, 0)?;
            times.push(wall_us(run(bench, scope, &agent, event)).await?.0);
        }
        floors.push(percentile(bare, 0.5));
        ours.push(percentile(times, 0.5));
    }
    Ok(Row {
        name: "cold start: load, link, instantiate, handle".into(),
        unit: "µs",
        floor: Some(Sample::of(floors)),
        floor_is: "the bare library, from memory",
        // Of a component of 71 KiB; the one here has twice as much.
        floor_then: Some(145.0),
        ours: Sample::of(ours),
        must: Some(1_000.0),
        better: Better::Lower,
    })
}

/// Componentise, compile, store, load and handle.
async fn push_row(bench: &BenchHost, scope: &TenantScope) -> Result<Row> {
    let module = guests::bytes("bench-turn")?;
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u32 {
        let begun = Instant::now();
        floor::Bare::new(&guests::variant(&module, 500 + round))?
            .turn(1)
            .await?;
        floors.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        bench.push(scope, guests::variant(&module, round)).await?;
        let agent = agent(bench, scope, "bench-turn").await?;
        let event = event(scope, &*bench.host.app.clock, 0)?;
        run(bench, scope, &agent, event).await?;
        ours.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Row {
        name: "push → first turn".into(),
        unit: "ms",
        floor: Some(Sample::of(floors)),
        floor_is: "componentise, compile in process, one turn",
        floor_then: None,
        ours: Sample::of(ours),
        must: Some(250.0),
        better: Better::Lower,
    })
}
