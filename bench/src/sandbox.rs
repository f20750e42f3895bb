//! A turn in a fresh sandbox and a host call, beside the same guest on the bare library.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use warren::clock::Timestamp;
use warren::events::Event;
use warren::id::{AgentName, Position};
use warren::identity::TenantScope;
use warren::registry::Agent;
use warren::turn::{Turn, TurnEnd, TurnInput, TurnLimits};

use crate::host::{BenchHost, event};
use crate::sample::Sample;
use crate::table::{Better, Row};
use crate::{floor, guests};

const ROUNDS: usize = 7;
const TURNS_A_ROUND: u64 = 5_000;
const CALLS_A_TURN: u64 = 5_000;
/// Turns of so many calls a round.
const TURNS_OF_CALLS: u64 = 10;
/// What a host call may take beyond the floor, in microseconds: 1 µs in all, of which a bare call takes 0.12.
const CALL_OVERHEAD_MAX: f64 = 0.88;

/// Rows of the sandbox.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let bench = BenchHost::start(1).await?;
        let scope = bench.tenants.first().context("no tenant")?.clone();
        bench.push(&scope, guests::bytes("probe")?).await?;
        let fresh = fresh_rows(&bench, &scope).await?;
        let call = host_call_row(&bench, &scope).await?;
        bench.stop().await;
        Ok(vec![fresh, call])
    })
}

async fn fresh_rows(bench: &BenchHost, scope: &TenantScope) -> Result<Row> {
    let agent = agent(bench, scope, "bench-turn").await?;
    let bare = floor::Bare::new(&guests::bytes("bench-turn")?)?;
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = cpu_now();
        for n in 0..TURNS_A_ROUND {
            bare.turn(n).await?;
        }
        floors.push(us_each(cpu_since(begun), TURNS_A_ROUND));
        let begun = cpu_now();
        for n in 0..TURNS_A_ROUND {
            let event = event(scope, &*bench.host.app.clock, n)?;
            run(bench, scope, &agent, event).await?;
        }
        ours.push(us_each(cpu_since(begun), TURNS_A_ROUND));
    }
    Ok(Row {
        name: "fresh sandbox + handle, four host calls".into(),
        unit: "µs CPU",
        floor: Some(Sample::of(floors)),
        floor_is: "same guest, same engine, host functions that do nothing",
        floor_then: Some(10.0),
        ours: Sample::of(ours),
        must: Some(20.0),
        better: Better::Lower,
    })
}

/// Host calls that pass a string of 100 bytes, without the cost of the turn around them. The guest reads the
/// text as JSON each time; so does the floor's.
async fn host_call_row(bench: &BenchHost, scope: &TenantScope) -> Result<Row> {
    let agent = agent(bench, scope, "probe").await?;
    let bare = floor::Bare::new(&guests::bytes("probe")?)?;
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut bare_us, mut our_us) = (Vec::new(), Vec::new());
        for times in [0, CALLS_A_TURN] {
            let script = text_script(times);
            let begun = cpu_now();
            for _ in 0..TURNS_OF_CALLS {
                bare.handle("probe.run", None, &script).await?;
            }
            bare_us.push(us_each(cpu_since(begun), TURNS_OF_CALLS));
            let begun = cpu_now();
            for _ in 0..TURNS_OF_CALLS {
                let mut event = event(scope, &*bench.host.app.clock, 0)?;
                event.event_type = "probe.run".parse()?;
                event.data = warren::events::Json::from_value("data", &script)?;
                run(bench, scope, &agent, event).await?;
            }
            our_us.push(us_each(cpu_since(begun), TURNS_OF_CALLS));
        }
        floors.push(per_call(&bare_us)?);
        ours.push(per_call(&our_us)?);
    }
    let floor = Sample::of(floors);
    Ok(Row {
        must: Some(floor.median + CALL_OVERHEAD_MAX),
        name: "host call, string of 100 bytes, grant checked".into(),
        unit: "µs CPU",
        floor: Some(floor),
        floor_is: "same guest and its JSON, a host function that answers; must: that + 0.88 µs",
        floor_then: None,
        ours: Sample::of(ours),
        better: Better::Lower,
    })
}

/// Out of the times of a turn without calls and of one with them.
fn per_call(times: &[f64]) -> Result<f64> {
    let [empty, full] = times else {
        anyhow::bail!("{} times", times.len());
    };
    Ok((full - empty) / CALLS_A_TURN as f64)
}

/// A value, and a turn that reads it so often.
fn text_script(times: u64) -> serde_json::Value {
    let text = "x".repeat(100);
    serde_json::json!([
        { "put": { "key": floor::TEXT_KEY, "value": text } },
        { "repeat": { "times": times, "do": [{ "get": floor::TEXT_KEY }] } }
    ])
}

/// Run a turn of `agent` and drop what it staged.
pub(crate) async fn run(
    bench: &BenchHost,
    scope: &TenantScope,
    agent: &Arc<Agent>,
    body: warren::events::NewEvent,
) -> Result<()> {
    let services = &bench.host.services;
    let input = TurnInput {
        scope: TenantScope::for_turn(scope.tenant(), agent.name.clone(), None, None),
        turn: services.ids.turn(scope.tenant(), Position(1), agent.id),
        agent: Arc::clone(agent),
        event: Arc::new(Event {
            position: Position(1),
            body,
        }),
        attempt: 1,
        deadline: Timestamp(i64::MAX),
    };
    let turn = Turn::new(Arc::clone(services), Arc::new(TurnLimits::default()), input);
    let ran = bench
        .host
        .sandbox
        .run(agent.digest, Box::new(turn), CancellationToken::new())
        .await;
    anyhow::ensure!(
        ran.end == TurnEnd::Done,
        "the guest ended with {:?}",
        ran.end
    );
    Ok(())
}

/// An agent that was pushed.
pub(crate) async fn agent(
    bench: &BenchHost,
    scope: &TenantScope,
    name: &str,
) -> Result<Arc<Agent>> {
    let directory = bench.host.app.agents.directory(scope).await?;
    Ok(Arc::clone(directory.get(&AgentName::new(name)?)?))
}

/// CPU time of this thread.
fn cpu_now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn cpu_since(begun: Duration) -> Duration {
    cpu_now().saturating_sub(begun)
}

fn us_each(all: Duration, count: u64) -> f64 {
    all.as_secs_f64() * 1e6 / count as f64
}

/// Microseconds of wall clock of `work`.
pub(crate) async fn wall_us<T>(work: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
    let begun = Instant::now();
    let value = work.await?;
    Ok((begun.elapsed().as_secs_f64() * 1e6, value))
}
