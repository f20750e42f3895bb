//! `warren serve`: runs a host until it is asked to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use crate::config::{Config, Loaded, OperatorSecret, Sources};
use crate::telemetry;

use super::Context;
use super::console::{Console, Tint};
use super::failure::{Failure, Result};
use super::running::{self, Running, StopSignals};

/// Settings of a host on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct HostArgs {
    /// Settings file; ./warren.toml if it is there
    #[arg(long, env = "WARREN_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to listen, for example 127.0.0.1:7171; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Which log lines: error, warn, info, debug, trace, or directives such as info,warren=debug
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

impl HostArgs {
    /// The settings, with `defaults` below all others; what looks odd in them is said.
    pub(crate) fn load(&self, defaults: &Config, console: &Console) -> Result<Config> {
        let Loaded { config, notes } = self.read(defaults)?;
        for note in notes {
            console.say(Tint::Odd, "note:", note);
        }
        Ok(config)
    }

    fn read(&self, defaults: &Config) -> Result<Loaded> {
        let sources = Sources {
            file: self.config.clone(),
            flags: self.flags(),
            ..Sources::from_environment()
        };
        Config::load(defaults, &sources)
            .map_err(|error| Failure::from(error).hint("`warren doctor` checks the settings"))
    }

    fn flags(&self) -> toml::Table {
        let mut flags = toml::Table::new();
        if let Some(dir) = &self.data_dir {
            flags.insert("data_dir".to_owned(), dir.display().to_string().into());
        }
        if let Some(listen) = self.listen {
            flags.insert("listen".to_owned(), listen.to_string().into());
        }
        if let Some(filter) = &self.log {
            let log = toml::Table::from_iter([("filter".to_owned(), filter.clone().into())]);
            flags.insert("log".to_owned(), log.into());
        }
        flags
    }
}

/// `warren serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    host: HostArgs,
}

/// What `--json` says when the host is ready.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_key: Option<&'a str>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let Loaded { config, notes } = args.host.read(&Config::default())?;
    telemetry::start_logging(&config.log.filter, config.log.format)?;
    // From here on what it says is log: whoever runs a service reads one stream in one form.
    for note in notes {
        tracing::warn!("{note}");
    }
    runtime()?.block_on(async {
        let mut signals = StopSignals::listen()?;
        let listener = running::listen(config.listen).await?;
        if !config.listen.ip().is_loopback() && config.front()?.tls.is_none() {
            tracing::warn!("keys travel in the clear: set http.tls_certificate and http.tls_key, or put something \
                 that speaks TLS in front");
        }
        let running = Running::start(&config, listener).await?;
        ready(&running, &context.console)?;
        signals.asked().await;
        tracing::info!("stopping: finishing what runs");
        running.stop().await
    })
}

fn ready(running: &Running, console: &Console) -> Result<()> {
    let admin_key = running.fresh_key.as_ref().map(OperatorSecret::reveal);
    if console.is_json() {
        return console.json_line(&Ready {
            url: &running.url,
            admin_key,
        });
    }
    console.say(Tint::Good, "ready", &running.url);
    let Some(key) = admin_key else {
        return Ok(());
    };
    console.note("the operator's key, shown this once; give it as WARREN_ADMIN_KEY:");
    console.line(key)?;
    console.say(
        Tint::Hint,
        "next:",
        "warren tenants create NAME; warren keys create NAME KEYNAME",
    );
    Ok(())
}

/// The runtime that a host runs on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start threads: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_settings() {
        let args = HostArgs {
            data_dir: Some("d".into()),
            listen: Some("127.0.0.1:0".parse().unwrap()),
            log: Some("debug".to_owned()),
            ..HostArgs::default()
        };
        let expect = "data_dir = \"d\"\nlisten = \"127.0.0.1:0\"\nlog = { filter = \"debug\" }";
        assert_eq!(args.flags(), expect.parse().unwrap());
        assert!(HostArgs::default().flags().is_empty());
    }
}
