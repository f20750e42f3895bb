//! From an origin to an open connection.
//!
//! Invariant: a name is resolved once, each address is judged, and what was judged is what is dialled: there is no second
//! look at the name in which it could mean something else. Nothing leads back to this machine but what the operator listed.
//! No proxy, whatever the environment says.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::error::{Error, Result};
use crate::registry::{HttpScheme, Origin};

use super::address::AddressFilter;
use super::fault::{Fault, FaultKind};
use super::resolve::{ADDRESSES_MAX, Held, Resolve};

/// Addresses of a host that are tried, one after the other.
const DIALS_MAX: usize = 4;
/// What is spoken over TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// A connection, with TLS or without.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Opens connections.
pub(super) struct Dialler {
    filter: AddressFilter,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
}

impl Dialler {
    /// One that trusts the authorities of `ca_file` beside the public ones.
    ///
    /// # Errors
    /// `Invalid` that names the setting.
    pub(super) fn new(
        filter: AddressFilter,
        resolver: Arc<dyn Resolve>,
        ca_file: &Path,
    ) -> Result<Self> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if !ca_file.as_os_str().is_empty() {
            trust(&mut roots, ca_file)?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("setting up TLS", e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // A resumed session would tell servers, and by its time tenants, who asked there before.
        config.resumption = Resumption::disabled();
        Ok(Self {
            filter,
            resolver,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Open a connection until `end`.
    ///
    /// # Errors
    /// When the host has no address that may be dialled, or none that answers.
    pub(super) async fn dial(
        &self,
        origin: &Origin,
        end: Instant,
        held: Held,
    ) -> std::result::Result<Box<dyn Wire>, Fault> {
        let addresses = self.addresses(origin, end, held).await?;
        let stream = connect(&addresses, origin.port, end).await?;
        if is_own(&stream)
            && !stream
                .peer_addr()
                .is_ok_and(|peer| self.filter.lists(peer.ip()))
        {
            return Err(not_public(origin));
        }
        // Small requests are written at once; nobody waits for more of them.
        let _ = stream.set_nodelay(true);
        if origin.scheme == HttpScheme::Http {
            return Ok(Box::new(stream));
        }
        let name = server_name(origin)?;
        let secured = timeout_at(end, self.tls.connect(name, stream))
            .await
            .map_err(|_| slow(FaultKind::ConnectTimeout, "TLS took too long"))?;
        Ok(Box::new(secured.map_err(|error| untrusted(&error))?))
    }

    /// The addresses that may be dialled.
    async fn addresses(
        &self,
        origin: &Origin,
        end: Instant,
        held: Held,
    ) -> std::result::Result<Vec<IpAddr>, Fault> {
        let host = &origin.host;
        let found = match host.address() {
            Some(address) => vec![address],
            None => match timeout_at(end, self.resolver.resolve(host, held)).await {
                Ok(Ok(found)) => found,
                // The machine's resolver does not tell these apart, and neither helps a guest.
                Ok(Err(_)) => Vec::new(),
                Err(_) => return Err(slow(FaultKind::DnsTimeout, "its name was not resolved")),
            },
        };
        if found.is_empty() {
            let why = format!("`{host}` has no address, or nobody could be asked for it");
            return Err(Fault::new(FaultKind::NoHost, why));
        }
        let judged = found.into_iter().take(ADDRESSES_MAX);
        let good: Vec<IpAddr> = judged
            .filter_map(|address| self.filter.judge(address))
            .take(DIALS_MAX)
            .collect();
        if good.is_empty() {
            return Err(not_public(origin));
        }
        Ok(good)
    }
}

/// Open a connection to the first that answers. Each gets its share of the time: one that is silent leaves some to the next.
async fn connect(
    addresses: &[IpAddr],
    port: u16,
    end: Instant,
) -> std::result::Result<TcpStream, Fault> {
    let mut failed = None;
    for (address, left) in addresses.iter().zip((1..=addresses.len() as u32).rev()) {
        let now = Instant::now();
        let share = now + end.saturating_duration_since(now) / left;
        match timeout_at(share, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = Some(error.kind()),
            Err(_) => failed = failed.or(Some(io::ErrorKind::TimedOut)),
        }
    }
    Err(match failed {
        Some(io::ErrorKind::ConnectionRefused) => {
            Fault::new(FaultKind::Refused, "the connection was refused")
        }
        Some(io::ErrorKind::TimedOut) => {
            slow(FaultKind::ConnectTimeout, "it took too long to connect")
        }
        _ => Fault::new(FaultKind::Unreachable, "it cannot be reached"),
    })
}

/// Whether a connection leads back to this machine, by whatever address: who listens here trusts whoever is here.
fn is_own(stream: &TcpStream) -> bool {
    let ip = |address: io::Result<SocketAddr>| address.map(|address| address.ip()).ok();
    ip(stream.peer_addr()) == ip(stream.local_addr())
}

fn not_public(origin: &Origin) -> Fault {
    let host = &origin.host;
    let why = format!(
        "`{host}` is not on the public internet; the operator may list its network in egress.allow_private"
    );
    Fault::new(FaultKind::NotPublic, why)
}

fn server_name(origin: &Origin) -> std::result::Result<ServerName<'static>, Fault> {
    if let Some(address) = origin.host.address() {
        return Ok(ServerName::from(address));
    }
    ServerName::try_from(origin.host.as_str().to_owned())
        .map_err(|_| Fault::new(FaultKind::Tls, "no certificate can be for this name"))
}

fn slow(kind: FaultKind, what: &str) -> Fault {
    Fault::new(kind, format!("{what} within egress.connect_ms"))
}

fn untrusted(error: &io::Error) -> Fault {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            let why = format!("its certificate is not trusted: {why:?}");
            Fault::new(FaultKind::Certificate, why)
        }
        Some(_) => Fault::new(FaultKind::Tls, "it does not speak TLS as it should"),
        None => Fault::new(FaultKind::Broken, "the connection broke while TLS began"),
    }
}

fn trust(roots: &mut RootCertStore, file: &Path) -> Result<()> {
    let wrong = |why: &dyn std::fmt::Display| {
        Error::invalid("egress.ca_file", format!("{}: {why}", file.display()))
    };
    let found: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|e| wrong(&e))?;
    if found.is_empty() {
        return Err(wrong(&"holds no certificate in PEM"));
    }
    for authority in found {
        roots.add(authority).map_err(|e| wrong(&e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A89: whoever listens on an address of this machine takes us for a neighbour, whatever address that is.
    #[tokio::test]
    async fn a_connection_to_this_machine_is_known() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let dial = |from: &str| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(from.parse().unwrap()).unwrap();
            socket.connect(there)
        };
        assert!(is_own(&dial("127.0.0.1:0").await.unwrap()));
        assert!(!is_own(&dial("127.0.0.2:0").await.unwrap()));
    }
}
