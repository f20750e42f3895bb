//! Whether a request may leave at all: by its agent's grants, the operator's list, and how much was asked already.
//!
//! Invariant: what is refused here has cost no lookup and no connection, and is on record.

use std::sync::Arc;

use http::Request;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::identity::TenantScope;
use crate::registry::{Agent, HttpGrant, Origin};
use crate::turn::{HttpEntry, HttpJournal, HttpOpen};

use super::body::Exchange;
use super::fault::{Fault, FaultKind};
use super::gauge::Place;
use super::{Egress, Pass, head};

/// A request that was let through.
pub(super) struct Admitted {
    pub(super) origin: Origin,
    pub(super) request: Request<()>,
    pub(super) head_bytes: u64,
    pub(super) exchange: Arc<Exchange>,
    pub(super) scope: TenantScope,
    pub(super) agent: Arc<Agent>,
    pub(super) journal: Arc<HttpJournal>,
    pub(super) end: Instant,
}

/// What is sent, where, and the places that it takes.
struct Judged {
    origin: Origin,
    request: Request<()>,
    head_bytes: u64,
    places: (HttpOpen, Place),
}

impl Egress {
    pub(super) fn admit(&self, pass: &Pass, parts: &Parts) -> Result<Admitted, Fault> {
        let shown = head::shown(&parts.uri);
        let entry = pass
            .journal
            .begin(&pass.agent.name, parts.method.as_str(), &shown);
        let judged = self
            .judge(pass, parts, &entry)
            .inspect_err(|fault| entry.failed(&fault.text))?;
        Ok(Admitted {
            origin: judged.origin,
            request: judged.request,
            head_bytes: judged.head_bytes,
            exchange: Arc::new(Exchange {
                entry,
                tenant: pass.scope.tenant(),
                allowances: Arc::clone(&self.allowances),
                clock: Arc::clone(&self.clock),
                places: Mutex::new(Some(judged.places)),
            }),
            scope: pass.scope.clone(),
            agent: Arc::clone(&pass.agent),
            journal: Arc::clone(&pass.journal),
            end: pass.deadline.min(Instant::now() + self.limits.total),
        })
    }

    /// Whether a request may be sent at all.
    fn judge(&self, pass: &Pass, parts: &Parts, entry: &HttpEntry) -> Result<Judged, Fault> {
        let limits = &self.limits;
        let too_many =
            |limit, max: u32, unit| Fault::limit(FaultKind::TooMany, limit, u64::from(max), unit);
        if entry.number() > limits.turn_requests_max {
            let max = limits.turn_requests_max;
            return Err(too_many("turn_requests_max", max, "requests a turn"));
        }
        let origin = head::origin(&parts.uri)?;
        self.permit(pass, &origin)?;
        let key = format!("{}-{}", pass.turn, entry.number());
        let (request, head_bytes) = head::write(parts, &origin, &key, limits)?;
        // Paid for before a name is looked up: whoever has used up its bytes cannot make the host connect either.
        let now = self.clock.now();
        self.allowances
            .take_egress(pass.scope.tenant(), head_bytes, now)
            .map_err(|error| Fault::new(FaultKind::Denied, error.to_string()))?;
        let max = limits.turn_connections_max;
        let open = pass.journal.open(max);
        let open = open
            .ok_or_else(|| too_many("turn_connections_max", max, "open connections, all used"))?;
        let place = self.gauge.open(pass.scope.tenant(), limits)?;
        Ok(Judged {
            origin,
            request,
            head_bytes,
            places: (open, place),
        })
    }

    /// Whether an agent may ask this host: both its tenant, by a grant, and the operator must allow it.
    fn permit(&self, pass: &Pass, origin: &Origin) -> Result<(), Fault> {
        let grant = HttpGrant::of(origin.clone());
        let name = &pass.agent.name;
        if !pass.agent.grants.allows_http(origin) {
            let reason = "it may not ask this host";
            pass.journal.refuse(&pass.agent, grant.to_string(), reason);
            let why = format!(
                "agent `{name}` needs the grant `{grant}`: it must ask for that and be pushed with it"
            );
            return Err(Fault::new(FaultKind::Denied, why));
        }
        if !self.hosts.is_empty() && !self.hosts.iter().any(|host| host.allows(origin)) {
            let reason = "it is not among egress.hosts of this host";
            pass.journal.refuse(&pass.agent, grant.to_string(), reason);
            let why =
                format!("`{grant}` is not among egress.hosts, what agents of this host may ask");
            return Err(Fault::new(FaultKind::Denied, why));
        }
        Ok(())
    }
}
