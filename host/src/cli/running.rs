//! A host in this process: what `serve` and `dev` start and stop.
//!
//! Invariant: the port is taken before the data directory is opened, so that a second start by mistake
//! changes nothing; the socket closes before the host does, so that nobody is answered by half of one.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::clock::SystemClock;
use crate::config::{Config, OperatorKey, OperatorSecret};
use crate::host::Host;

use super::failure::{Failure, Result};

/// A host that listens.
pub(crate) struct Running {
    /// Where.
    pub(crate) url: String,
    /// The operator's key, if it was made just now.
    pub(crate) fresh_key: Option<OperatorSecret>,
    host: Host,
    shutdown: CancellationToken,
    serving: JoinHandle<crate::error::Result<()>>,
}

impl Running {
    /// Open the data directory, take up what was left, and listen on `listener`.
    ///
    /// # Errors
    /// As [`Host::open`]; `Failed` if the operator's key cannot be kept.
    pub(crate) async fn start(config: &Config, listener: TcpListener) -> Result<Self> {
        let address = listener
            .local_addr()
            .map_err(|error| Failure::new(format!("cannot read the address: {error}")))?;
        let front = config.front()?;
        let certificate = front.tls.as_ref().map(api::Certificate::read).transpose()?;
        let scheme = if certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let key = OperatorKey::resolve(&config.data_dir, config.admin_key.as_ref())?;
        let mut host = Host::open(
            config.clone().into_settings(key.hash())?,
            Arc::new(SystemClock),
        )
        .map_err(|error| unopened(error, &config.data_dir))?;
        key.keep(&config.data_dir)?;
        host.start().await?;
        let shutdown = CancellationToken::new();
        let serving = TaskTracker::new().spawn(api::serve(
            listener,
            Arc::clone(&host.app),
            certificate,
            shutdown.clone(),
        ));
        Ok(Self {
            url: format!("{scheme}://{address}"),
            fresh_key: key.into_fresh(),
            host,
            shutdown,
            serving,
        })
    }

    /// Answer what was asked, finish what runs, close the store.
    pub(crate) async fn stop(self) -> Result<()> {
        self.shutdown.cancel();
        self.serving
            .await
            .map_err(|error| Failure::new(format!("the HTTP side failed: {error}")))??;
        let dropped = self.host.stop().await;
        if dropped > 0 {
            tracing::warn!(
                turns = dropped,
                "turns were cut short; they run again at the next start"
            );
        }
        Ok(())
    }
}

/// Take a port.
///
/// # Errors
/// `Failed` if somebody has it.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "something listens there already, perhaps another host; choose another with --listen, \
                 port 0 for a free one"
            }
            _ => "choose another with --listen",
        };
        Failure::new(format!("cannot listen on {address}: {error}")).hint(hint)
    })
}

/// Signals that ask this process to end.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Listen from now on. Done before anything is opened, so that a signal that comes early ends the
    /// host in order instead of killing it.
    ///
    /// # Errors
    /// `Failed` if the system does not let us.
    pub(crate) fn listen() -> Result<Self> {
        let refused = |error: io::Error| Failure::new(format!("cannot wait for signals: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
        })
    }

    /// Wait for one.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn unopened(error: crate::error::Error, data_dir: &Path) -> Failure {
    Failure::from(error).hint(format!(
        "`warren doctor --data-dir {}` looks at it; nothing in it was changed",
        data_dir.display()
    ))
}
