//! Outgoing HTTP for guests: which requests leave this host, to where, and how much of them.
//!
//! Invariant: a request goes only where its agent was granted to go and the operator lets anybody go, to an address that
//! was judged, over a connection of its own that follows no redirect. Who asks is fixed by the [`Pass`], which is made
//! with the sandbox and which no guest can name. Knows nothing of Wasm, SQL or the host's own HTTP side.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::error::Result;
use crate::id::TurnId;
use crate::identity::TenantScope;
use crate::quota::Allowances;
use crate::registry::{Agent, HttpGrant};
use crate::secrets::SecretStore;
use crate::turn::HttpJournal;

mod address;
mod admit;
mod body;
mod dial;
mod fault;
mod fill;
mod gauge;
mod head;
mod redact;
mod resolve;
mod settings;

pub use address::{AddressFilter, Network};
pub use body::Inbound;
pub use fault::{Fault, FaultKind};
pub use head::is_forbidden;
pub use resolve::{Held, Resolve, SystemResolver};
pub use settings::EgressSettings;

use admit::Admitted;
use body::{Exchange, Outbound, late, too_large};
use dial::Dialler;
use gauge::Gauge;
use redact::Redactor;

/// The least that the library reads a head into.
const HEAD_BUFFER_MIN: usize = 8 << 10;

/// Who asks: made with a guest's sandbox.
#[derive(Debug, Clone)]
pub struct Pass {
    /// For whom.
    pub scope: TenantScope,
    /// The agent as it was when the turn was claimed, with its grants.
    pub agent: Arc<Agent>,
    /// The turn.
    pub turn: TurnId,
    /// Where its requests are on record.
    pub journal: Arc<HttpJournal>,
    /// When the turn, or the tool's call within it, is cut off.
    pub deadline: Instant,
}

/// How long a guest wants to wait, where it says so: it can only shorten the host's own limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    /// For an open connection.
    pub connect: Option<Duration>,
    /// For the head of the answer.
    pub first_byte: Option<Duration>,
    /// Between two parts of the answer.
    pub between_bytes: Option<Duration>,
}

/// Moves the bytes of a connection while somebody reads its answer.
pub type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;
/// An answer, and what has to be polled beside it.
pub type Answered = std::result::Result<(Response<Inbound>, Driver), Fault>;

/// Lets requests out.
pub struct Egress {
    limits: EgressSettings,
    /// What the operator lets anybody ask; empty is anything.
    hosts: Vec<HttpGrant>,
    dialler: Dialler,
    secrets: Arc<dyn SecretStore>,
    gauge: Arc<Gauge>,
    allowances: Arc<Allowances>,
    clock: Arc<dyn Clock>,
}

impl Egress {
    /// With these settings.
    ///
    /// # Errors
    /// `Invalid` that names the setting.
    pub fn new(
        settings: EgressSettings,
        resolver: Arc<dyn Resolve>,
        secrets: Arc<dyn SecretStore>,
        allowances: Arc<Allowances>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>> {
        settings.check()?;
        let filter = AddressFilter::new(&settings.allow_private)?;
        Ok(Arc::new(Self {
            hosts: settings.hosts()?,
            dialler: Dialler::new(filter, resolver, &settings.ca_file)?,
            secrets,
            gauge: Arc::default(),
            allowances,
            clock,
            limits: settings,
        }))
    }

    /// Send a request. What it takes to be sent is looked at before this returns, so that requests of a turn are numbered
    /// in the order in which it made them.
    ///
    /// # Errors
    /// Of the future: why it was refused, or what failed. Both are on record by then.
    pub fn send<B>(
        self: &Arc<Self>,
        pass: &Pass,
        request: Request<B>,
        waits: Waits,
    ) -> Pin<Box<dyn Future<Output = Answered> + Send>>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let (parts, body) = request.into_parts();
        let admitted = self.admit(pass, &parts);
        let this = Arc::clone(self);
        Box::pin(async move {
            let admitted = admitted?;
            let exchange = Arc::clone(&admitted.exchange);
            let answered = this.exchange(admitted, body, waits).await;
            answered.map_err(|fault| exchange.failed(fault))
        })
    }

    async fn exchange<B>(&self, mut admitted: Admitted, body: B, waits: Waits) -> Answered
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let limits = &self.limits;
        let (end, exchange) = (admitted.end, Arc::clone(&admitted.exchange));
        let redactor = self.fill(&mut admitted).await?;
        let within = |own: Duration, guests: Option<Duration>| guests.map_or(own, |g| g.min(own));
        let connect = within(limits.connect, waits.connect);
        let held = Arc::clone(&exchange);
        let dialled = self
            .dialler
            .dial(&admitted.origin, end.min(Instant::now() + connect), held);
        let wire = match dialled.await {
            Ok(wire) => wire,
            Err(fault) => {
                if fault.kind == FaultKind::NotPublic {
                    let grant = HttpGrant::of(admitted.origin).to_string();
                    let reason = "the host is not on the public internet";
                    admitted.journal.refuse(&admitted.agent, grant, reason);
                }
                return Err(fault);
            }
        };
        exchange.entry.sent(admitted.head_bytes);
        let is_head = admitted.request.method() == Method::HEAD;
        let body = Outbound::new(body, limits.request_body_bytes_max, Arc::clone(&exchange));
        let request = admitted.request.map(|()| body);
        let first = end.min(Instant::now() + within(limits.first_byte, waits.first_byte));
        let (mut response, driver) =
            match timeout_at(first, self.ask(wire, request, &exchange, end)).await {
                Ok(answered) => answered?,
                Err(_) if Instant::now() >= end => return Err(late()),
                Err(_) => {
                    let why = "no answer came within egress.first_byte_ms";
                    return Err(Fault::new(FaultKind::ReadTimeout, why));
                }
            };
        exchange.entry.answered(response.status().as_u16());
        let head_bytes = head::size(response.headers());
        exchange.receives(head_bytes)?;
        // The library looks only when it has to read more, and may have read more than that at once.
        if head_bytes > u64::from(limits.response_head_bytes_max) {
            return Err(large_head(limits.response_head_bytes_max));
        }
        if !redactor.is_empty() {
            fill::check_unpacked(response.headers())?;
            redactor.headers(response.headers_mut());
        }
        let max = limits.response_body_bytes_max;
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if !is_head && length.is_some_and(|length| length > max) {
            return Err(too_large(max));
        }
        if !redactor.is_empty() && !is_head {
            // What is put in a value's place may have another length.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        let between = within(limits.between_bytes, waits.between_bytes);
        let times = (between, end);
        let response =
            response.map(|body| Inbound::new(body, max, times, (redactor, Arc::clone(&exchange))));
        Ok((response, driver))
    }

    /// Fill in the secrets that a head names. A refusal stands in the audit log.
    async fn fill(&self, admitted: &mut Admitted) -> std::result::Result<Redactor, Fault> {
        let headers = admitted.request.headers_mut();
        let before = head::size(headers);
        let filled = fill::fill(headers, &admitted.origin, &admitted.scope, &*self.secrets).await;
        let redactor = filled.inspect_err(|fault| {
            if fault.kind == FaultKind::Denied {
                let grant = HttpGrant::of(admitted.origin.clone()).to_string();
                let reason = "it may not send this secret there";
                admitted.journal.refuse(&admitted.agent, grant, reason);
            }
        })?;
        let filled = head::size(admitted.request.headers()).saturating_sub(before);
        admitted.head_bytes += filled;
        head::check_size(admitted.head_bytes, &self.limits)?;
        admitted.exchange.takes(filled)?;
        Ok(redactor)
    }

    /// Send a request over a connection of its own.
    async fn ask<B>(
        &self,
        wire: Box<dyn dial::Wire>,
        request: Request<Outbound<B>>,
        exchange: &Arc<Exchange>,
        end: Instant,
    ) -> std::result::Result<(Response<hyper::body::Incoming>, Driver), Fault>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let max = self.limits.response_head_bytes_max;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size((max as usize).max(HEAD_BUFFER_MIN))
            .max_headers(self.limits.headers_max as usize)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| broken(&error, max))?;
        let mut connection = Some(Box::pin(connection));
        let response = {
            let mut sent = pin!(sender.send_request(request));
            poll_fn(|cx| {
                let moved = connection.as_mut().map(|all| all.as_mut().poll(cx));
                if let Some(Poll::Ready(_)) = moved {
                    // What ended it is told to whoever waits for the answer.
                    connection = None;
                }
                sent.as_mut().poll(cx)
            })
            .await
            .map_err(|error| broken(&error, max))?
        };
        // The connection holds its place until it is closed, and is closed when its time is up, whoever reads or does not.
        let held = Arc::clone(exchange);
        let driver = Box::pin(async move {
            if let Some(connection) = connection {
                // What ends it early is told to whoever reads the answer.
                let _ = timeout_at(end, connection).await;
            }
            held.release();
        });
        Ok((response, driver))
    }
}

/// Why no answer came.
fn broken(error: &hyper::Error, head_max: u32) -> Fault {
    let own = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Fault>());
    if let Some(fault) = own {
        return fault.clone();
    }
    if error.is_parse_too_large() {
        return large_head(head_max);
    }
    if error.is_parse() {
        return Fault::new(FaultKind::Protocol, "the answer is not HTTP/1.1");
    }
    Fault::new(
        FaultKind::Broken,
        "the connection broke before the answer's head",
    )
}

fn large_head(max: u32) -> Fault {
    let why = format!(
        "the answer's head is larger than egress.response_head_bytes_max, {max} bytes, or egress.headers_max"
    );
    Fault::new(FaultKind::ResponseHead(max), why)
}
