//! Finds the command of a name: one file for each group of commands.

use serde::Deserialize;
use serde_json::Value;
use warren_agent::Failure;

use crate::{Run, Stop};

mod ask;
mod control;
mod end;
mod events;
mod memory;
mod working;

/// What a group answers: the value that a command leaves, or nothing if the command is another group's.
type Answer = Result<Option<Value>, Stop>;

pub(crate) fn run(run: &mut Run<'_>, name: &str, argument: &Value) -> Result<Value, Stop> {
    let groups = [
        working::run,
        events::run,
        control::run,
        end::run,
        memory::run,
        ask::run,
    ];
    for group in groups {
        if let Some(value) = group(run, name, argument)? {
            return Ok(value);
        }
    }
    Err(Stop::Ends(Failure::reject(format!(
        "the script: no command `{name}`"
    ))))
}

/// Reads the argument of a command.
fn read<T: for<'de> Deserialize<'de>>(argument: &Value) -> Result<T, Stop> {
    Ok(T::deserialize(argument)?)
}

/// A command that leaves this value.
#[expect(
    clippy::unnecessary_wraps,
    reason = "every arm of a group ends with it"
)]
fn left(value: impl Into<Value>) -> Answer {
    Ok(Some(value.into()))
}
