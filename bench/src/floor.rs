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
    async fn get(&mut self, _: String) -> wasmtime::Result<Result<Option<String>, types::Error>> {
        Ok(Ok(None))
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
        let component = wit_component::ComponentEncoder::default()
            .module(module)
            .and_then(|mut encoder| encoder.encode())
            .map_err(|e| anyhow!("{e:#}"))?;
        let compiled = ::warren::sandbox::engine::compile_engine()?
            .precompile_component(&component)
            .map_err(|e| anyhow!("{e:#}"))?;
        let engine =
            ::warren::sandbox::engine::run_engine(&::warren::sandbox::SandboxLimits::default())?;
        #[expect(unsafe_code, reason = "the bytes were compiled three lines above")]
        // SAFETY: `compiled` is what this process just made with the same settings.
        let component =
            unsafe { Component::deserialize(&engine, compiled) }.map_err(|e| anyhow!("{e:#}"))?;
        let mut linker: Linker<Nothing> = Linker::new(&engine);
        working::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |n| n)
            .map_err(|e| anyhow!("{e:#}"))?;
        events::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |n| n)
            .map_err(|e| anyhow!("{e:#}"))?;
        log::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |n| n)
            .map_err(|e| anyhow!("{e:#}"))?;
        linker.allow_shadowing(true);
        linker
            .define_unknown_imports_as_traps(&component)
            .map_err(|e| anyhow!("{e:#}"))?;
        let pre = linker
            .instantiate_pre(&component)
            .and_then(AgentPre::new)
            .map_err(|e| anyhow!("{e:#}"))?;
        Ok(Self { engine, pre })
    }

    /// One turn in a fresh store.
    pub(crate) async fn turn(&self, n: u64) -> Result<()> {
        let mut store = Store::new(&self.engine, Nothing);
        store.set_epoch_deadline(u64::MAX / 2);
        let agent = self
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(|e| anyhow!("{e:#}"))?;
        let event = bare_event(n);
        let handled = agent
            .call_handle(&mut store, &event)
            .await
            .map_err(|e| anyhow!("{e:#}"))?;
        handled.map_err(|failure| anyhow!("the guest failed: {failure:?}"))
    }
}

fn bare_event(n: u64) -> types::Event {
    let text = "0123456789abcdef".repeat(12);
    types::Event {
        id: "evt_0123456789abcdef0123456789abcdef".into(),
        source: "client/bench".into(),
        event_type: "bench.run".into(),
        topic: "business-facts".into(),
        time: "2026-01-01T00:00:00.000Z".into(),
        subject: Some(format!("key-{}", n % 1_000)),
        data: serde_json::json!({ "n": n, "text": text }).to_string(),
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
