//! What a language costs: the agent `hello` of `examples/07-languages`, which does the same in each of them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use warren::events::{Json, NewEvent, Topic};
use warren::identity::TenantScope;
use warren::registry::Agent;

use crate::guests;
use crate::host::{BenchHost, event, runtime};
use crate::machine::anonymous_kib;
use crate::sample::{Sample, percentile};
use crate::sandbox::{agent, run, wall_us};
use crate::table::{Better, Row};

const ROUNDS: usize = 7;
const TURNS_A_ROUND: usize = 500;
/// Turns before anything is counted: pages, slots and branch predictors are warm then.
const WARM_UP: usize = 50;
/// Agents deployed to see what one takes; one of Python takes ten seconds to compile.
const AGENTS: u32 = 4;

/// A language, and the milliseconds that a turn of its `hello` may take.
const LANGUAGES: [(&str, f64); 5] = [
    ("rust", 0.03),
    ("c", 0.03),
    ("javascript", 0.3),
    ("go", 1.0),
    ("python", 1.5),
];

/// Rows of every language whose component is there; of the others, what builds it.
pub(crate) fn rows() -> Result<Vec<Row>> {
    runtime()?.block_on(async {
        let bench = BenchHost::start(1).await?;
        let scope = bench.tenants.first().context("no tenant")?.clone();
        let mut rows = Vec::new();
        for (language, must_ms) in LANGUAGES {
            match component(language) {
                Ok(component) => {
                    let hello = Hello::push(&bench, &scope, component).await?;
                    rows.push(hello.turn_row(language, must_ms).await?);
                    rows.push(hello.memory_row(language).await?);
                }
                Err(missing) => println!("  left out, {language}: {missing:#}"),
            }
        }
        bench.stop().await;
        Ok(rows)
    })
}

fn component(language: &str) -> Result<Vec<u8>> {
    if language == "rust" {
        return guests::bytes("hello-rust");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../target/languages/{language}/hello.wasm"));
    std::fs::read(&path).with_context(|| {
        let path = path.display();
        format!("reading {path}: run `cargo xtask languages --lang {language}` first")
    })
}

struct Hello<'a> {
    bench: &'a BenchHost,
    scope: &'a TenantScope,
    agent: Arc<Agent>,
    component: Vec<u8>,
}

impl<'a> Hello<'a> {
    async fn push(
        bench: &'a BenchHost,
        scope: &'a TenantScope,
        component: Vec<u8>,
    ) -> Result<Self> {
        bench.push(scope, component.clone()).await?;
        Ok(Self {
            bench,
            scope,
            agent: agent(bench, scope, "hello").await?,
            component,
        })
    }

    fn requested(&self) -> Result<NewEvent> {
        Ok(NewEvent {
            topic: Topic::ActionRequests,
            event_type: "hello.requested".parse()?,
            data: Json::from_value("data", &serde_json::json!({ "name": "Ada" }))?,
            ..event(self.scope, &*self.bench.host.app.clock, 0)?
        })
    }

    /// Wall clock of a turn in milliseconds; what it staged is dropped.
    async fn turn_ms(&self) -> Result<f64> {
        let event = self.requested()?;
        let (us, ()) = wall_us(run(self.bench, self.scope, &self.agent, event)).await?;
        Ok(us / 1e3)
    }

    async fn turn_row(&self, language: &str, must_ms: f64) -> Result<Row> {
        for _ in 0..WARM_UP {
            self.turn_ms().await?;
        }
        let mut ours = Vec::new();
        for _ in 0..ROUNDS {
            let mut turns = Vec::new();
            for _ in 0..TURNS_A_ROUND {
                turns.push(self.turn_ms().await?);
            }
            ours.push(percentile(turns, 0.5));
        }
        Ok(Row {
            name: format!("hello in {language}: fresh sandbox, four host calls, p50"),
            unit: "ms",
            floor: None,
            floor_is: "",
            floor_then: None,
            ours: Sample::of(ours),
            must: Some(must_ms),
            better: Better::Lower,
        })
    }

    /// More agents of the same code, each run once.
    async fn memory_row(&self, language: &str) -> Result<Row> {
        let mut each = Vec::new();
        for number in 0..AGENTS {
            let before = anonymous_kib()?;
            let variant = guests::variant(&self.component, number);
            let hello = Hello::push(self.bench, self.scope, variant).await?;
            hello.turn_ms().await?;
            each.push(anonymous_kib()? - before);
        }
        Ok(Row {
            name: format!("hello in {language}: resident memory per idle agent"),
            unit: "KiB anonymous",
            floor: None,
            floor_is: "",
            floor_then: None,
            ours: Sample::of(each),
            must: None,
            better: Better::Lower,
        })
    }
}
