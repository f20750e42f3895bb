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
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::TurnId;
use crate::identity::TenantScope;
use crate::quota::Allowances;
use crate::registry::{Agent, HttpGrant, Origin};
use crate::secrets::SecretStore;
use crate::turn::{HttpEntry, HttpJournal};

mod address;
mod body;
mod dial;
mod fault;
mod fill;
mod gauge;
mod head;
mod redact;
mod resolve;
mod settings;

pub use address::{ALLOW_PRIVATE_MAX, AddressFilter, Network, is_public};
pub use body::Inbound;
pub use fault::{Fault, FaultKind};
pub use head::is_forbidden;
pub use resolve::{ADDRESSES_MAX, Resolve, SystemResolver};
pub use settings::EgressSettings;

use body::{Exchange, Outbound, late, too_large};
use dial::Dialler;
use gauge::Gauge;
use redact::Redactor;

/// Most hosts that an operator may list.
const HOSTS_MAX: usize = 256;
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

/// A request that was let through.
struct Admitted {
    origin: Origin,
    request: Request<()>,
    head_bytes: u64,
    exchange: Arc<Exchange>,
    scope: TenantScope,
    agent: Arc<Agent>,
    journal: Arc<HttpJournal>,
    end: Instant,
}

impl EgressSettings {
    /// Check what can be wrong without a look at files.
    ///
    /// # Errors
    /// `Invalid` that names the setting.
    pub fn check(&self) -> Result<()> {
        AddressFilter::new(&self.allow_private)?;
        self.hosts().map(drop)
    }

    fn hosts(&self) -> Result<Vec<HttpGrant>> {
        if self.hosts.len() > HOSTS_MAX {
            let reason = format!("{} hosts; at most {HOSTS_MAX}", self.hosts.len());
            return Err(Error::invalid("egress.hosts", reason));
        }
        let read = |host: &String| {
            let grant = format!("http:{host}").parse::<HttpGrant>();
            grant.map_err(|error| Error::invalid("egress.hosts", error.to_string()))
        };
        self.hosts.iter().map(read).collect()
    }
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

    fn admit(self: &Arc<Self>, pass: &Pass, parts: &Parts) -> std::result::Result<Admitted, Fault> {
        let shown = head::shown(&parts.uri);
        let entry = pass
            .journal
            .begin(&pass.agent.name, parts.method.as_str(), &shown);
        match self.judge(pass, parts, &entry) {
            Ok((origin, request, head_bytes, open, place)) => Ok(Admitted {
                origin,
                request,
                head_bytes,
                exchange: Arc::new(Exchange {
                    entry,
                    tenant: pass.scope.tenant(),
                    allowances: Arc::clone(&self.allowances),
                    clock: Arc::clone(&self.clock),
                    _open: open,
                    _place: place,
                }),
                scope: pass.scope.clone(),
                agent: Arc::clone(&pass.agent),
                journal: Arc::clone(&pass.journal),
                end: pass.deadline.min(Instant::now() + self.limits.total),
            }),
            Err(fault) => {
                entry.failed(&fault.text);
                Err(fault)
            }
        }
    }

    /// Whether a request may be sent at all.
    fn judge(&self, pass: &Pass, parts: &Parts, entry: &HttpEntry) -> Judged {
        let limits = &self.limits;
        let too_many =
            |limit, max: u32, unit| Fault::limit(FaultKind::TooMany, limit, u64::from(max), unit);
        if entry.number() > limits.turn_requests_max {
            let max = limits.turn_requests_max;
            return Err(too_many("turn_requests_max", max, "requests a turn"));
        }
        let origin = head::origin(&parts.uri)?;
        let grant = HttpGrant::of(origin.clone());
        let name = &pass.agent.name;
        if !pass.agent.grants.allows_http(&origin) {
            let reason = "it may not ask this host";
            pass.journal.refuse(&pass.agent, grant.to_string(), reason);
            let why = format!(
                "agent `{name}` needs the grant `{grant}`: it must ask for that and be pushed with it"
            );
            return Err(Fault::new(FaultKind::Denied, why));
        }
        if !self.hosts.is_empty() && !self.hosts.iter().any(|host| host.allows(&origin)) {
            let reason = "it is not among egress.hosts of this host";
            pass.journal.refuse(&pass.agent, grant.to_string(), reason);
            let why =
                format!("`{grant}` is not among egress.hosts, what agents of this host may ask");
            return Err(Fault::new(FaultKind::Denied, why));
        }
        let now = self.clock.now();
        self.allowances
            .take_egress(pass.scope.tenant(), 0, now)
            .map_err(|error| Fault::new(FaultKind::Denied, error.to_string()))?;
        let key = format!("{}-{}", pass.turn, entry.number());
        let (request, head_bytes) = head::write(parts, &origin, &key, limits)?;
        let max = limits.turn_connections_max;
        let open = pass.journal.open(max);
        let open = open
            .ok_or_else(|| too_many("turn_connections_max", max, "open connections, all used"))?;
        let place = self.gauge.open(pass.scope.tenant(), limits)?;
        Ok((origin, request, head_bytes, open, place))
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
        let dialled = self
            .dialler
            .dial(&admitted.origin, end.min(Instant::now() + connect));
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
        exchange.sends(admitted.head_bytes)?;
        let is_head = admitted.request.method() == Method::HEAD;
        let body = Outbound::new(body, limits.request_body_bytes_max, Arc::clone(&exchange));
        let request = admitted.request.map(|()| body);
        let first = end.min(Instant::now() + within(limits.first_byte, waits.first_byte));
        let (mut response, driver) = match timeout_at(first, self.ask(wire, request)).await {
            Ok(answered) => answered?,
            Err(_) if Instant::now() >= end => return Err(late()),
            Err(_) => {
                let why = "no answer came within egress.first_byte_ms";
                return Err(Fault::new(FaultKind::ReadTimeout, why));
            }
        };
        exchange.entry.answered(response.status().as_u16());
        exchange.receives(head::size(response.headers()))?;
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
        let headers = admitted.request.headers();
        admitted.head_bytes += head::size(headers).saturating_sub(before);
        Ok(redactor)
    }

    /// Send a request over a connection of its own.
    async fn ask<B>(
        &self,
        wire: Box<dyn dial::Wire>,
        request: Request<Outbound<B>>,
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
        let driver = Box::pin(async move {
            if let Some(connection) = connection {
                // What ends it early is told to whoever reads the answer.
                let _ = connection.await;
            }
        });
        Ok((response, driver))
    }
}

type Judged = std::result::Result<
    (
        Origin,
        Request<()>,
        u64,
        crate::turn::HttpOpen,
        gauge::Place,
    ),
    Fault,
>;

/// Why no answer came.
fn broken(error: &hyper::Error, head_max: u32) -> Fault {
    let own = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Fault>());
    if let Some(fault) = own {
        return fault.clone();
    }
    if error.is_parse_too_large() {
        let why = format!(
            "the answer's head is larger than egress.response_head_bytes_max, {head_max} bytes, or egress.headers_max"
        );
        return Fault::new(FaultKind::ResponseHead(head_max), why);
    }
    if error.is_parse() {
        return Fault::new(FaultKind::Protocol, "the answer is not HTTP/1.1");
    }
    Fault::new(
        FaultKind::Broken,
        "the connection broke before the answer's head",
    )
}
