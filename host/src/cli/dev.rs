//! `warren dev`: a host for one developer, in this process, that rebuilds and redeploys what changes.
//!
//! Invariant: it is an ordinary host: everything below is done over HTTP with ordinary keys, and whatever
//! works here works on a host elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use crate::config::{Config, OperatorSecret};
use crate::identity::ApiKeySecret;
use crate::telemetry;

use super::Context;
use super::client::Client;
use super::connection::{self, Connection, Credentials};
use super::console::{Console, Tint};
use super::failure::{Failure, Result};
use super::running::{self, Running, StopSignals};
use super::serve::{self, HostArgs};

mod observe;
mod tenant;
mod watch;

use observe::Observer;
use watch::Watched;

/// Between two looks at files and turns: a change waits for two, which nobody notices, and a look costs a millisecond.
const LOOK: Duration = Duration::from_millis(100);
/// Quiet unless something is wrong: turns are printed as they happen.
const LOG_FILTER: &str = "warn";

/// `warren dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Agents to build, deploy, and deploy again when they change: project directories or .wasm files
    paths: Vec<PathBuf>,
    #[command(flatten)]
    host: HostArgs,
}

/// What `--json` says when the host is ready.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    tenant: &'a str,
    key: &'a str,
    credentials: &'a Path,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let config = config(args, &context.console)?;
    telemetry::start_logging(&config.log.filter, config.log.format)?;
    let file = config.data_dir.join(connection::DEV_FILE);
    let stored = Credentials::load(&file)?;
    let (config, operator) = with_operator_key(config, stored.as_ref())?;
    let runtime = serve::runtime()?;
    let (mut signals, running) = runtime.block_on(async {
        let signals = StopSignals::listen()?;
        let listener = listener(args, config.listen).await?;
        Ok::<_, Failure>((signals, Running::start(&config, listener).await?))
    })?;
    let known_key = stored.as_ref().and_then(|stored| stored.key.clone());
    let ready = tenant::ready(&running.url, operator, stored).and_then(|credentials| {
        credentials.store(&file)?;
        let is_new = credentials.key != known_key;
        announce(&credentials, &file, is_new, &context.console)?;
        Ok(Client::new(Connection::to(&credentials, &file)))
    });
    let worked = match ready {
        Ok(client) => work(&client, &args.paths, context, |finished| {
            runtime.block_on(async {
                tokio::select! {
                    () = signals.asked() => {}
                    _ = finished => {}
                }
            });
        }),
        Err(failure) => Err(failure),
    };
    // Whatever happened, the host is closed in order.
    let stopped = runtime.block_on(running.stop());
    worked.and(stopped)
}

fn config(args: &Args, console: &Console) -> Result<Config> {
    let mut defaults = Config {
        data_dir: PathBuf::from(connection::DEV_DIR),
        ..Config::default()
    };
    LOG_FILTER.clone_into(&mut defaults.log.filter);
    args.host.load(&defaults, console)
}

/// The operator's key of the last start, one that the environment gives, or a new one: this command needs
/// it in the clear, to make the tenant.
fn with_operator_key(mut config: Config, stored: Option<&Credentials>) -> Result<(Config, String)> {
    let kept = stored.and_then(|credentials| credentials.admin_key.clone());
    let key = match (&config.admin_key, kept) {
        (Some(given), _) => given.reveal().to_owned(),
        (None, Some(kept)) => kept,
        (None, None) => ApiKeySecret::generate()?.reveal(),
    };
    config.admin_key = Some(OperatorSecret::given(&key)?);
    Ok((config, key))
}

/// The usual port, or a free one if it is taken and was not asked for.
async fn listener(args: &Args, address: SocketAddr) -> Result<tokio::net::TcpListener> {
    let usual = running::listen(address).await;
    if usual.is_ok() || args.host.listen.is_some() {
        return usual;
    }
    running::listen(SocketAddr::new(address.ip(), 0)).await
}

fn announce(credentials: &Credentials, file: &Path, is_new: bool, console: &Console) -> Result<()> {
    // Commands elsewhere on this machine find the host too; without a home directory they need flags.
    if let Some(user_file) = connection::user_file()
        && let Err(failure) = credentials.store(&user_file)
    {
        console.say(Tint::Odd, "note:", failure);
    }
    let tenant = credentials.tenant.as_deref().unwrap_or_default();
    let key = credentials.key.as_deref().unwrap_or_default();
    if console.is_json() {
        return console.json_line(&Ready {
            url: &credentials.url,
            tenant,
            key,
            credentials: file,
        });
    }
    console.say(Tint::Good, "ready", &credentials.url);
    console.note(format_args!("  tenant  {tenant}"));
    if is_new {
        console.note(format_args!("  key     {key}"));
    }
    let file = file.display();
    console.note(format_args!("  stored  {file}: commands need no flags"));
    console.note("  Ctrl-C stops");
    Ok(())
}

/// Watch and print until `wait` returns: when it is asked to, or when its channel closes because watching
/// itself failed.
fn work(
    client: &Client,
    paths: &[PathBuf],
    context: &Context,
    wait: impl FnOnce(oneshot::Receiver<()>),
) -> Result<()> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (done, finished) = oneshot::channel::<()>();
        let looking = scope.spawn(|| {
            let looked = look(client, paths, &stop, context);
            drop(done);
            looked
        });
        wait(finished);
        stop.store(true, Ordering::Release);
        context.console.note("stopping: finishing what runs");
        match looking.join() {
            Ok(looked) => looked,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn look(client: &Client, paths: &[PathBuf], stop: &AtomicBool, context: &Context) -> Result<()> {
    let mut watched: Vec<Watched> = paths.iter().cloned().map(Watched::new).collect();
    let mut observer = Observer::begin(client)?;
    while !stop.load(Ordering::Acquire) {
        for one in &mut watched {
            one.look(client, context);
        }
        observer.look(client, context)?;
        thread::sleep(LOOK);
    }
    Ok(())
}
