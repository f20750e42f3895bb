//! `warren version`: of this program and, if one answers, of the host.

use serde::Serialize;

use crate::api::types::HostVersionView;

use super::Context;
use super::client::Request;
use super::failure::{Exit, Result};

/// `warren version`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Versions {
    command: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<HostVersionView>,
}

pub(crate) fn run(_: &Args, context: &Context) -> Result<()> {
    let client = context.client()?;
    let host = match client.send(Request::get(&["version"])) {
        Ok(answer) => Some(answer.read::<HostVersionView>()?),
        // This program has a version whether or not a host is there.
        Err(failure) if failure.exit == Exit::Unreachable => None,
        Err(failure) => return Err(failure),
    };
    let command = env!("CARGO_PKG_VERSION");
    if context.console.is_json() {
        return context.console.json(&Versions { command, host });
    }
    context.console.line(format_args!("warren {command}"))?;
    let url = &client.connection().url;
    if let Some(host) = host {
        return context.console.line(format_args!(
            "host   {} at {url} (contract {}, API {})",
            host.version, host.contract, host.api
        ));
    }
    context
        .console
        .note(format_args!("no host answers at {url}"));
    Ok(())
}
