//! `/v1/audit`: who did or was refused what, and how requests get there.
//!
//! Invariant: what changes what a tenant runs and trusts is written down before it is done, so that neither a
//! crash nor a client that hangs up leaves a change without its row; if it then fails, a second row says so.
//! Refusals to somebody who is known are written down before they are answered, limited a minute; what is
//! left out is counted in the next row.
//!
//! Switches that the operator throws are the exception: whoever is stopped may be the reason why nothing can
//! be written, so that a switch waits for its rows so long and no longer.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use futures_util::StreamExt as _;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::id::{Digest, TenantId};
use crate::identity::{AuditRecord, Outcome, TenantScope};

use super::auth::Caller;
use super::error::{ApiError, ApiResult};
use super::extract::UrlQuery;
use super::types::{AuditEndsView, AuditRowView, Listing};
use super::{Api, Shared, page};

/// Longest that a switch waits for its rows: half of the second within which it must act.
const SWITCH_WAIT: Duration = Duration::from_millis(500);
/// Most tenants whose logs are written to at once when a component is switched off or on.
const TELLING_MAX: usize = 64;

/// Where a page of the log begins.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Continue after the row of this number.
    after: Option<u64>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// The audit log, the oldest row first. Each row's hash is SHA-256 over the hash before it, its number and
/// its time in milliseconds as 8 bytes each, big-endian, and the bytes of `record` as they are here.
#[utoipa::path(
    get, path = "/v1/audit", tag = "tenants", security(("key" = [])),
    params(AuditParams),
    responses((status = 200, description = "A page.", body = Listing<AuditRowView>)),
)]
pub(crate) async fn list_audit(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<AuditParams>,
) -> ApiResult<Json<Listing<AuditRowView>>> {
    let limit = page::rows(params.limit)?;
    let after = params.after.unwrap_or(0);
    let rows = api.app.audit.rows(&caller.scope, after, limit).await?;
    let views: Vec<AuditRowView> = rows.into_iter().map(Into::into).collect();
    let next = |view: &AuditRowView| view.seq.to_string();
    Ok(Json(page::by_name(views, limit, next)))
}

/// Where the audit log begins and ends. Whoever writes the head down can tell later that nothing before it
/// was touched.
#[utoipa::path(
    get, path = "/v1/audit/ends", tag = "tenants", security(("key" = [])),
    responses((status = 200, description = "Both ends.", body = AuditEndsView)),
)]
pub(crate) async fn audit_ends(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<Json<AuditEndsView>> {
    let ends = api.app.audit.ends(&caller.scope).await?;
    Ok(Json(ends.into()))
}

/// A request, as far as the log tells of it, and who it turned out to be from.
#[derive(Clone)]
pub(crate) struct Asked(Arc<Request>);

struct Request {
    id: Arc<str>,
    method: &'static str,
    route: String,
    uri: Uri,
    who: OnceLock<Who>,
}

/// Somebody who is known in a tenant.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    /// Whose log it is.
    pub(crate) log: TenantScope,
    /// What they are known as.
    pub(crate) name: String,
    /// What they showed, without what opens.
    pub(crate) with: Option<String>,
    /// Whether what they ask for is to be written down before it is done.
    pub(crate) audited: bool,
}

impl Asked {
    /// A request that nobody is known to have made yet.
    pub(crate) fn new(id: &Arc<str>, method: &'static str, route: &str, uri: &Uri) -> Self {
        Self(Arc::new(Request {
            id: Arc::clone(id),
            method,
            route: route.to_owned(),
            uri: uri.clone(),
            who: OnceLock::new(),
        }))
    }

    fn record(&self, who: &Who) -> AuditRecord {
        AuditRecord {
            who: who.name.clone(),
            with: who.with.clone(),
            what: format!("{} {}", self.0.method, self.0.route),
            target: self.0.uri.path().to_owned(),
            outcome: Outcome::Allowed,
            code: None,
            reason: None,
            policy: None,
            component: None,
            request: Some(self.0.id.to_string()),
            suppressed: 0,
        }
    }
}

/// What the operator switches off or on.
pub(crate) struct Switch<'a> {
    pub(crate) asked: &'a Asked,
    /// The component, if it is one.
    pub(crate) component: Option<Digest>,
    /// Why it is switched off.
    pub(crate) reason: Option<&'a str>,
}

impl Switch<'_> {
    /// Throw it once its rows are written, or after [`SWITCH_WAIT`]; they follow then.
    pub(crate) async fn throw<T>(
        telling: impl Future<Output = ()>,
        act: impl Future<Output = T>,
    ) -> T {
        told_first(SWITCH_WAIT, telling, act).await
    }
}

async fn told_first<T>(
    wait: Duration,
    telling: impl Future<Output = ()>,
    act: impl Future<Output = T>,
) -> T {
    let mut telling = pin!(telling);
    let told = tokio::time::timeout(wait, &mut telling).await;
    let done = act.await;
    if told.is_err() {
        tracing::warn!("a switch was thrown before it was written down");
        telling.await;
    }
    done
}

impl Api {
    /// Write a switch down in the log of a tenant.
    pub(crate) async fn tell_of_switch(&self, switch: &Switch<'_>, tenant: TenantId) {
        let who = Who {
            log: TenantScope::for_operator(tenant),
            name: "operator".to_owned(),
            with: None,
            audited: false,
        };
        let record = AuditRecord {
            component: switch.component.map(|digest| digest.to_string()),
            reason: switch.reason.map(str::to_owned),
            ..switch.asked.record(&who)
        };
        let now = self.app.clock.now();
        match self.app.audit.allowed(&who.log, record, now).await {
            // It was removed in between.
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => {
                tracing::error!(tenant.id = %tenant, %error, "a switch goes without its row in the audit log");
            }
        }
    }

    /// Write the switch of a component down in the logs of all tenants whose agents run it.
    pub(crate) async fn tell_owners_of_switch(&self, switch: &Switch<'_>) {
        let tenants = match self.app.admin.all_tenants().await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::error!(%error, "a switch goes without its rows in the audit logs");
                return;
            }
        };
        let tell = async |tenant: TenantId| {
            let scope = TenantScope::for_operator(tenant);
            let has = match self.app.agents.directory(&scope).await {
                Ok(directory) => directory
                    .agents()
                    .any(|agent| Some(agent.digest) == switch.component),
                Err(error) => {
                    tracing::error!(tenant.id = %tenant, %error, "its agents cannot be read");
                    false
                }
            };
            if has {
                self.tell_of_switch(switch, tenant).await;
            }
        };
        futures_util::stream::iter(tenants)
            .for_each_concurrent(TELLING_MAX, |tenant| tell(tenant.id))
            .await;
    }

    /// It is from somebody who may do it: write it down first, if that is to be.
    ///
    /// # Errors
    /// What kept the row from being written; nothing is done then.
    pub(crate) async fn allowed(&self, asked: &Asked, who: Who) -> Result<()> {
        let who = asked.0.who.get_or_init(|| who);
        if !who.audited {
            return Ok(());
        }
        let now = self.app.clock.now();
        self.app
            .audit
            .allowed(&who.log, asked.record(who), now)
            .await
    }

    /// It is from somebody who may not do it, and is told so.
    #[expect(
        clippy::unused_self,
        reason = "beside `allowed`, and told the same way"
    )]
    pub(crate) fn refused(&self, asked: &Asked, who: Who) {
        // A second extractor of the same request finds the same.
        let _ = asked.0.who.set(who);
    }

    /// Write down a refusal, or that something which was allowed has failed.
    pub(crate) async fn answered(&self, asked: &Asked, status: StatusCode, why: Option<&ApiError>) {
        let Some(who) = asked.0.who.get() else { return };
        let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let failed = who.audited && (status.is_client_error() || status.is_server_error());
        if !denied && !failed {
            return;
        }
        let record = AuditRecord {
            code: why.map(|why| why.code().parts().1.to_owned()),
            reason: why.and_then(ApiError::reason),
            ..asked.record(who)
        };
        let now = self.app.clock.now();
        if denied {
            self.app.audit.denied(&who.log, record, now).await;
        } else {
            self.app.audit.failed(&who.log, record, now).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_switch_does_not_wait_for_the_log_of_whom_it_stops() {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let told = std::cell::Cell::new(false);
        let telling = async {
            stopped.await.unwrap();
            told.set(true);
        };
        told_first(Duration::ZERO, telling, async { stop.send(()).unwrap() }).await;
        assert!(told.get(), "its row follows");
    }

    #[tokio::test]
    async fn a_switch_is_written_down_first() {
        let told = std::cell::Cell::new(false);
        let act = async { assert!(told.get()) };
        Switch::throw(async { told.set(true) }, act).await;
    }
}
