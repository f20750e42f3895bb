//! The benchmark's guest on the bare library: the same engine, and host functions that do nothing.

#![allow(
    unreachable_pub,
    missing_docs,
    clippy::pedantic,
    reason = "half of it is generated"
)]

use anyhow::{Result, anyhow};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "agent",
    imports: { default: async | trappable },
    exports: { default: async },
});

use self::warren::agent::{events, log, types, working};

/// Host functions that do nothing.
struct Nothing;

impl types::Host for Nothing {}

impl working::Host for Nothing {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, types::Error>> {
        Ok(Ok(
            (key == TEXT_KEY).then(|| format!("\"{}\"", "x".repeat(100)))
        ))
    }
    async fn put(
        &mut self,
        _: String,
        _: String,
        _: Option<u32>,
    ) -> wasmtime::Result<Result<(), types::Error>> {
        Ok(Ok(()))
    }
    async fn delete(&mut self, _: String) -> wasmtime::Result<Result<bool, types::Error>> {
        Ok(Ok(false))
    }
    async fn keys(
        &mut self,
        _: String,
        _: Option<String>,
        _: u32,
    ) -> wasmtime::Result<Result<Vec<String>, types::Error>> {
        Ok(Ok(Vec::new()))
    }
    async fn increment(
        &mut self,
        _: String,
        by: f64,
    ) -> wasmtime::Result<Result<f64, types::Error>> {
        Ok(Ok(by))
    }
    async fn append(
        &mut self,
        _: String,
        _: String,
    ) -> wasmtime::Result<Result<u32, types::Error>> {
        Ok(Ok(1))
    }
}

/// The key whose value is a string of 100 bytes. All others have none.
pub(crate) const TEXT_KEY: &str = "text";

impl events::Host for Nothing {
    async fn publish(&mut self, _: types::Draft) -> wasmtime::Result<Result<String, types::Error>> {
        Ok(Ok("evt_000000000000000000000000000000".into()))
    }
    async fn publish_later(
        &mut self,
        draft: types::Draft,
        _: u32,
    ) -> wasmtime::Result<Result<String, types::Error>> {
        self.publish(draft).await
    }
    async fn publish_at(
        &mut self,
        draft: types::Draft,
        _: String,
    ) -> wasmtime::Result<Result<String, types::Error>> {
        self.publish(draft).await
    }
    async fn respond(&mut self, _: String) -> wasmtime::Result<Result<String, types::Error>> {
        Ok(Err(types::Error::NotFound))
    }
    async fn call(
        &mut self,
        _: String,
        _: String,
        _: u32,
    ) -> wasmtime::Result<Result<String, types::Error>> {
        Ok(Err(types::Error::NotFound))
    }
}

impl log::Host for Nothing {
    async fn log(
        &mut self,
        _: log::Level,
        _: String,
        _: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// The guest, linked and ready.
pub(crate) struct Bare {
    engine: Engine,
    pre: AgentPre<Nothing>,
}

impl Bare {
    /// Compile and link `module`, a core module with component metadata.
    pub(crate) fn new(module: &[u8]) -> Result<Self> {
        Self::of(&run_engine()?, &compiled(module)?)
    }

    /// Load and link what [`compiled`] made.
    pub(crate) fn of(engine: &Engine, compiled: &Compiled) -> Result<Self> {
        #[expect(unsafe_code, reason = "only this process makes a `Compiled`")]
        // SAFETY: the bytes are what this process made with the same settings, see `compiled`.
        let component = unsafe { Component::deserialize(engine, &compiled.0) };
        let component = component.map_err(|e| anyhow!("{e:#}"))?;
        Ok(Self {
            engine: engine.clone(),
            pre: link(engine, &component).map_err(|e| anyhow!("{e:#}"))?,
        })
    }

    /// One turn of the benchmarks' agent in a fresh store.
    pub(crate) async fn turn(&self, n: u64) -> Result<()> {
        let text = "0123456789abcdef".repeat(12);
        let data = serde_json::json!({ "n": n, "text": text });
        self.handle("bench.run", Some(format!("key-{}", n % 1_000)), &data)
            .await
    }

    /// One turn of any agent in a fresh store.
    pub(crate) async fn handle(
        &self,
        event_type: &str,
        subject: Option<String>,
        data: &serde_json::Value,
    ) -> Result<()> {
        let mut store = Store::new(&self.engine, Nothing);
        store.set_epoch_deadline(u64::MAX / 2);
        let agent = self
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(|e| anyhow!("{e:#}"))?;
        let event = bare_event(event_type, subject, data);
        let handled = agent
            .call_handle(&mut store, &event)
            .await
            .map_err(|e| anyhow!("{e:#}"))?;
        handled.map_err(|failure| anyhow!("the guest failed: {failure:?}"))
    }
}

/// Machine code that this process made.
pub(crate) struct Compiled(Vec<u8>);

/// Componentise and compile `module`.
pub(crate) fn compiled(module: &[u8]) -> Result<Compiled> {
    let component = wit_component::ComponentEncoder::default()
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|e| anyhow!("{e:#}"))?;
    let code = ::warren::sandbox::engine::compile_engine()?
        .precompile_component(&component)
        .map_err(|e| anyhow!("{e:#}"))?;
    Ok(Compiled(code))
}

/// The engine that the host runs guests on.
pub(crate) fn run_engine() -> Result<Engine> {
    let limits = ::warren::sandbox::SandboxLimits::default();
    Ok(::warren::sandbox::engine::run_engine(&limits)?)
}

fn link(engine: &Engine, component: &Component) -> wasmtime::Result<AgentPre<Nothing>> {
    let mut linker: Linker<Nothing> = Linker::new(engine);
    working::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |n| n)?;
    events::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |n| n)?;
    log::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |n| n)?;
    linker.allow_shadowing(true);
    linker.define_unknown_imports_as_traps(component)?;
    linker.instantiate_pre(component).and_then(AgentPre::new)
}

fn bare_event(event_type: &str, subject: Option<String>, data: &serde_json::Value) -> types::Event {
    types::Event {
        id: "evt_0123456789abcdef0123456789abcdef".into(),
        source: "client/bench".into(),
        event_type: event_type.into(),
        topic: "business-facts".into(),
        time: "2026-01-01T00:00:00.000Z".into(),
        subject,
        data: data.to_string(),
        schema: None,
        correlation: "evt_0123456789abcdef0123456789abcdef".into(),
        trace: "evt_0123456789abcdef0123456789abcdef".into(),
        parent: None,
        session: None,
        goal: None,
        plan: None,
        task: None,
        customer: None,
        user: None,
        reply_to: None,
        attempt: 1,
        deadline: "2026-01-01T00:00:30.000Z".into(),
        extensions: Vec::new(),
    }
}
