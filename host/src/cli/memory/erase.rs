//! `warren memory erase`.

use std::time::Duration;

use crate::api::types::{EraseRequest, ErasedView};
use crate::id::{CustomerId, UserId};

use super::super::Context;
use super::super::client::Request;
use super::super::failure::{Failure, Result};
use super::Whom;

/// Longest erasure: it reads the log and rewrites the tenant's file.
const WAIT: Duration = Duration::from_mins(10);

#[derive(Debug, clap::Args)]
pub(super) struct Erase {
    /// Yes, for good: there is no way back
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Erase, whom: &Whom, context: &Context) -> Result<()> {
    if whom.customer.is_none() && whom.user.is_none() {
        return Err(Failure::usage("whom to erase is not said")
            .hint("give --user, --customer, or both for one user of a customer"));
    }
    if !args.yes {
        return Err(Failure::usage("erasing has no way back")
            .hint("give --yes; `warren memory export` first keeps a copy of what is known"));
    }
    let body = EraseRequest {
        customer: whom.customer.as_deref().map(CustomerId::new).transpose()?,
        user: whom.user.as_deref().map(UserId::new).transpose()?,
    };
    let progress = context.console.progress("erasing");
    let request = Request::post(&["memory", "erase"]).json(&body)?.wait(WAIT);
    let answer = context.client()?.send(request)?;
    drop(progress);
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let erased: ErasedView = answer.read()?;
    context.console.note(format_args!(
        "erased: {} events, {} turns, {} scheduled events, {} entries of knowledge, {} episodes, {} sessions, {} working values",
        erased.events,
        erased.turns,
        erased.scheduled,
        erased.knowledge,
        erased.episodes,
        erased.sessions,
        erased.working
    ));
    if erased.working_shared > 0 {
        context.console.note(format_args!(
            "kept: {} working values that turns for several users wrote; look at them with `warren memory working`",
            erased.working_shared
        ));
    }
    Ok(())
}
