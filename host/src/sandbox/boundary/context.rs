//! `context`: who am I, and what is left of this turn.

use wasmtime::component::HasData;

use crate::sandbox::bindings::warren::agent::context::{self, Budget, Identity};
use crate::sandbox::bindings::warren::agent::types;
use crate::sandbox::run::Runner;
use crate::sandbox::state::Desk;

use super::{Fault, Stop};

/// What the functions of `context` touch: the turn, its CPU meter and whether it is wanted still.
pub(in crate::sandbox) struct ContextView<'a> {
    pub(in crate::sandbox) desk: &'a mut Desk,
    pub(in crate::sandbox) runner: &'a Runner,
}

impl HasData for ContextView<'static> {
    type Data<'a> = ContextView<'a>;
}

impl types::Host for ContextView<'_> {
    fn convert_error(&mut self, fault: Fault) -> wasmtime::Result<types::Error> {
        fault.lower()
    }
}

impl context::Host for ContextView<'_> {
    async fn who(&mut self) -> wasmtime::Result<Identity> {
        let turn = self
            .desk
            .enter_or_none(0)?
            .ok_or(Stop::NoTurn("context.who"))?;
        let scope = turn.scope();
        Ok(Identity {
            agent: turn.agent().name.to_string(),
            digest: turn.agent().digest.to_string(),
            turn: turn.turn_id().to_string(),
            attempt: turn.attempt(),
            customer: scope.customer().map(ToString::to_string),
            user: scope.user().map(ToString::to_string),
            depth: turn.depth(),
        })
    }

    async fn remaining(&mut self) -> wasmtime::Result<Budget> {
        let cpu_ms = self.runner.cpu_left_ms();
        let turn = self
            .desk
            .enter_or_none(0)?
            .ok_or(Stop::NoTurn("context.remaining"))?;
        let left = turn.budget();
        Ok(Budget {
            time_ms: left.time_ms,
            cpu_ms,
            host_calls: left.host_calls,
            events: left.events,
            writes: left.writes,
            output_bytes: left.output_bytes,
        })
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        self.desk.enter_or_none(0)?;
        Ok(self.runner.is_cancelled())
    }

    async fn config(&mut self, key: String) -> Result<Option<String>, Fault> {
        let turn = self.desk.enter(key.len())?;
        Ok(turn.config(&key))
    }
}
