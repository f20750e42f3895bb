//! The listening side: connections, their limits, and an orderly end.
//!
//! Invariant: every connection is a tracked task that holds one of `connections_max` permits, has a limit
//! on how long its head may take and on how long its answer may wait for a reader, and is told to finish
//! when the host drains.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt;

use crate::app::{ApiLimits, App};
use crate::error::{Error, Result};

mod patience;
mod tls;

use patience::Patience;
pub use tls::Certificate;

/// Requests at once on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 256;
/// How long to wait after the system refused a connection: it is out of descriptors, and more haste
/// would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serve `app` on `listener`, over TLS if there is a certificate, until `shutdown`, then let requests finish. Streams end at once, and what
/// does not finish within the limit of a request is cut.
///
/// # Errors
/// `Internal` if the listener's address cannot be read, or TLS cannot be set up.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    certificate: Option<Arc<Certificate>>,
    shutdown: CancellationToken,
) -> Result<()> {
    let address = listener
        .local_addr()
        .map_err(|e| Error::internal("reading the address of the listener", e))?;
    tracing::info!(%address, tls = certificate.is_some(), "listening");
    let acceptor = certificate
        .as_ref()
        .map(Certificate::acceptor)
        .transpose()?;
    let server = Arc::new(Server::new(Arc::clone(&app), acceptor));
    let connections = TaskTracker::new();
    if let Some(certificate) = certificate {
        connections.spawn(certificate.watch(shutdown.clone()));
    }
    server.accept(&listener, &connections, &shutdown).await;
    drop(listener);
    app.health.drain();
    connections.close();
    if timeout(app.limits.request, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            cut = connections.len(),
            "connections did not finish in time"
        );
    }
    Ok(())
}

/// What a connection holds: one of `connections_max`, and a place among those that the end of the host
/// waits for. A connection that became a WebSocket takes it along.
#[derive(Clone)]
pub(super) struct Held {
    _held: Arc<(OwnedSemaphorePermit, TaskTrackerToken)>,
}

impl Held {
    fn new(permit: OwnedSemaphorePermit, token: TaskTrackerToken) -> Self {
        Self {
            _held: Arc::new((permit, token)),
        }
    }
}

struct Server {
    app: Arc<App>,
    router: Router,
    builder: Builder<TokioExecutor>,
    permits: Arc<Semaphore>,
    tls: Option<TlsAcceptor>,
}

impl Server {
    fn new(app: Arc<App>, tls: Option<TlsAcceptor>) -> Self {
        Self {
            router: super::router(Arc::clone(&app)),
            builder: builder(&app.limits),
            permits: Arc::new(Semaphore::new(app.limits.connections_max)),
            tls,
            app,
        }
    }

    /// Take connections until `shutdown`. At the limit they wait in the system's queue.
    async fn accept(
        self: &Arc<Self>,
        listener: &TcpListener,
        connections: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        loop {
            let next = async {
                let permit = Arc::clone(&self.permits).acquire_owned().await;
                let permit = permit.expect("nobody closes this semaphore");
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                () = shutdown.cancelled() => return,
                next = next => next,
            };
            match accepted {
                Ok((socket, _)) => {
                    let server = Arc::clone(self);
                    let held = Held::new(permit, connections.token());
                    connections.spawn(async move { server.connection(socket, held).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not take a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(&self, socket: TcpStream, held: Held) {
        // Answers are small: waiting to fill a packet would only add latency.
        let _ = socket.set_nodelay(true);
        self.app.metrics.connection_opened();
        let socket = Patience::new(socket, self.app.limits.write_stall);
        match &self.tls {
            None => self.talk(socket, held).await,
            // A client has as long to agree on keys as it has for the head of a request.
            Some(tls) => match timeout(self.app.limits.header_read, tls.accept(socket)).await {
                Ok(Ok(socket)) => self.talk(socket, held).await,
                Ok(Err(error)) => tracing::debug!(%error, "a connection could not be secured"),
                Err(_elapsed) => tracing::debug!("a client was too slow to secure a connection"),
            },
        }
        self.app.metrics.connection_closed();
    }

    async fn talk<S>(&self, socket: S, held: Held)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self
            .router
            .clone()
            .map_request(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(held.clone());
                request
            });
        let connection = self.builder.serve_connection_with_upgrades(
            TokioIo::new(socket),
            TowerToHyperService::new(service),
        );
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.app.health.draining().cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

fn builder(limits: &ApiLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(limits.header_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.header_read)
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX));
    builder
}
