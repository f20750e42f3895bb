//! `clock`: time, coarse on purpose.

use crate::clock::{Clock as _, SystemClock};
use crate::sandbox::bindings::warren::agent::clock;

use super::TurnView;

impl clock::Host for TurnView<'_> {
    async fn now(&mut self) -> wasmtime::Result<String> {
        let turn = self.desk.enter_or_none(0)?;
        let now = turn.map_or_else(|| SystemClock.now(), |turn| turn.now());
        Ok(now.to_string())
    }

    async fn elapsed_ms(&mut self) -> wasmtime::Result<u32> {
        let turn = self.desk.enter_or_none(0)?;
        Ok(turn.map_or(0, |turn| turn.elapsed_ms()))
    }
}
