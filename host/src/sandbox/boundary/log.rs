//! `log`: the agent's log, kept with the turn.

use crate::sandbox::bindings::warren::agent::log::{self, Level};
use crate::turn::LogLevel;

use super::TurnView;

impl log::Host for TurnView<'_> {
    async fn log(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        // An agent that describes itself has no turn to keep a log with.
        if let Some(turn) = self
            .desk
            .enter_or_none(message.len() + super::paired(&fields))?
        {
            turn.log(level, &message, &fields);
        }
        Ok(())
    }
}
