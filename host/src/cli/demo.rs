//! `warren demo`: a host of its own, two tenants with the same agents, real events, and what came of them.
//!
//! Invariant: everything below is done over HTTP with ordinary keys, and everything that is shown was read
//! back from the host. What is not as it should be makes the command fail.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{Config, OperatorSecret};
use crate::identity::ApiKeySecret;
use crate::telemetry;

use super::Context;
use super::failure::{Failure, Result};
use super::running::{self, Running};
use super::serve;

mod fence;
mod print;
mod story;
mod tenant;
mod trace;

use fence::Fence;
use story::TenantReport;
use tenant::Member;

/// The tenants, and the first letter of their order numbers.
const TENANTS: [(&str, &str); 2] = [("acme", "A"), ("globex", "G")];
/// How long all of the work may take: seconds on an idle machine, more where others compile.
const WORK_MAX: Duration = Duration::from_mins(2);
/// Quiet unless something is wrong: what happens is the output.
const LOG_FILTER: &str = "warn";

/// `warren demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the example agents are, as `cargo xtask guests` leaves them
    #[arg(long, value_name = "DIR", default_value = "target/guests")]
    guests: PathBuf,
    /// Leave the host running and say how to look around
    #[arg(long)]
    keep: bool,
}

/// What happened.
#[derive(Debug, Serialize)]
struct Report {
    url: String,
    took_ms: u128,
    tenants: Vec<TenantReport>,
    isolation: Fence,
    /// What is not as it should be.
    faults: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Keys>,
}

/// How to look around in a host that goes on.
#[derive(Debug, Serialize)]
struct Keys {
    operator: String,
    tenants: Vec<TenantKey>,
}

#[derive(Debug, Serialize)]
struct TenantKey {
    tenant: String,
    key: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let uploads = tenant::read_guests(&args.guests)?;
    telemetry::start_logging(LOG_FILTER, telemetry::LogFormat::Pretty)?;
    let data = tempfile::tempdir()
        .map_err(|error| Failure::new(format!("cannot make a temporary directory: {error}")))?;
    let operator = ApiKeySecret::generate()?.reveal();
    let config = Config {
        data_dir: data.path().join("data"),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        admin_key: Some(OperatorSecret::given(&operator)?),
        ..Config::default()
    };
    let runtime = serve::runtime()?;
    let running = runtime.block_on(async {
        let listener = running::listen(config.listen).await?;
        Running::start(&config, listener).await
    })?;
    let worked = play(&running.url, &operator, &uploads, args.keep, context);
    let worked = worked.and_then(|()| {
        if args.keep {
            let _guard = runtime.enter();
            let mut signals = running::StopSignals::listen()?;
            runtime.block_on(signals.asked());
            context.console.note("stopping: finishing what runs");
        }
        Ok(())
    });
    // Whatever happened, the host is closed in order.
    let stopped = runtime.block_on(running.stop());
    worked.and(stopped)
}

/// Do all of it, then say what happened.
fn play(
    url: &str,
    operator: &str,
    uploads: &[tenant::Guest],
    keep: bool,
    context: &Context,
) -> Result<()> {
    let started = Instant::now();
    let members = settle_in(url, operator, uploads, context)?;
    let progress = context
        .console
        .progress("Publishing the same kinds of events to both, and waiting for the work to end");
    let until = Instant::now() + WORK_MAX;
    // Both first, then wait: they are at work side by side.
    let published: Vec<story::Published> =
        members.iter().map(story::publish).collect::<Result<_>>()?;
    let mut tenants = Vec::new();
    for (member, published) in members.iter().zip(published) {
        tenants.push(story::wait(member, &published, until)?);
    }
    drop(progress);
    let isolation = fence::try_it(&members, &tenants)?;
    let mut faults: Vec<String> = tenants.iter().flat_map(story::faults).collect();
    faults.extend(isolation.faults());
    let report = Report {
        url: url.to_owned(),
        took_ms: started.elapsed().as_millis(),
        tenants,
        isolation,
        faults,
        keys: keep.then(|| keys(operator, &members)),
    };
    if context.console.is_json() {
        context.console.json(&report)?;
    } else {
        print::report(&report, &context.console)?;
    }
    if report.faults.is_empty() {
        return Ok(());
    }
    let words = format!("not as it should be: {}", report.faults.join("; "));
    Err(Failure::new(words).hint(
        "the output above is what the host said; `--keep` lets you look around in one that works",
    ))
}

/// Make the tenants and push the agents to each.
fn settle_in(
    url: &str,
    operator: &str,
    uploads: &[tenant::Guest],
    context: &Context,
) -> Result<Vec<Member>> {
    let names: Vec<&str> = uploads.iter().map(|guest| guest.name.as_str()).collect();
    let progress = context.console.progress(format!(
        "Pushing {} to two tenants of a new host at {url}",
        names.join(", ")
    ));
    let members = TENANTS
        .iter()
        .map(|(name, letter)| {
            progress.now(format!("Pushing {} agents to {name}", uploads.len()));
            Member::make(url, operator, (name, letter), uploads)
        })
        .collect();
    drop(progress);
    members
}

fn keys(operator: &str, members: &[Member]) -> Keys {
    let tenants = members.iter().map(|member| TenantKey {
        tenant: member.name.clone(),
        key: member.key().to_owned(),
    });
    Keys {
        operator: operator.to_owned(),
        tenants: tenants.collect(),
    }
}
