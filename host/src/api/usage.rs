//! `/v1/usage`: what a tenant used, and what it may use.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::TenantName;
use crate::identity::TenantScope;
use crate::quota::Quota;
use crate::usage::{Span, day_of};

use super::auth::{Caller, Operator};
use super::error::ApiResult;
use super::extract::{UrlPath, UrlQuery};
use super::types::{QuotaView, UsagePeriodView, UsageView};
use super::{Api, Shared, page};

/// How long a period is.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Hour,
    #[default]
    Day,
}

/// Which usage.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// By UTC `day`, the default, or `hour`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    by: By,
    /// Periods that began before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    before: Option<Timestamp>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// What the tenant used and may use. Figures are those of committed work, kept for 400 days; rates are not
/// counted.
#[utoipa::path(
    get, path = "/v1/usage", tag = "tenants", security(("key" = [])),
    params(UsageParams),
    responses((status = 200, description = "A page of periods, and the quotas.", body = UsageView)),
)]
pub(crate) async fn get_usage(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<UsageParams>,
) -> ApiResult<Json<UsageView>> {
    Ok(Json(api.usage(&caller.scope, params).await?))
}

/// The same of any tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{name}/usage", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant."), UsageParams),
    responses((status = 200, description = "A page of periods, and the quotas.", body = UsageView)),
)]
pub(crate) async fn get_tenant_usage(
    State(api): State<Shared>,
    operator: Operator,
    UrlPath(name): UrlPath<TenantName>,
    UrlQuery(params): UrlQuery<UsageParams>,
) -> ApiResult<Json<UsageView>> {
    let tenant = api.app.admin.get_tenant(&name).await?;
    let scope = operator.scope_of(&tenant);
    Ok(Json(api.usage(&scope, params).await?))
}

impl Api {
    async fn usage(&self, scope: &TenantScope, params: UsageParams) -> Result<UsageView> {
        let limit = page::rows(params.limit)?;
        let span = match params.by {
            By::Hour => Span::Hour,
            By::Day => Span::Day,
        };
        let usage = &self.app.usage;
        let periods = usage.usage(scope, span, params.before, limit).await?;
        let full = periods.len() >= limit as usize;
        let next = periods.last().filter(|_| full);
        let standing = self.app.allowances.standing(scope.tenant());
        let mut quotas = Vec::with_capacity(Quota::ALL.len());
        let used = self.used(scope).await?;
        for quota in Quota::ALL {
            let used = used.iter().find(|(of, _)| *of == quota);
            let max = standing.quotas.get(quota);
            quotas.push(QuotaView::new(quota, max, used.map(|(_, used)| *used)));
        }
        Ok(UsageView {
            quotas,
            suspended: standing.suspended.as_deref().map(str::to_owned),
            next: next.map(|period| period.start.to_string()),
            items: periods.into_iter().map(UsagePeriodView::from).collect(),
        })
    }

    /// What there is now of what is no rate.
    async fn used(&self, scope: &TenantScope) -> Result<[(Quota, u64); 8]> {
        let tenant = scope.tenant();
        let now = self.app.clock.now();
        let today = day_of(now);
        let days = self.app.usage.usage(scope, Span::Day, None, 1).await?;
        let cpu_us = days
            .first()
            .filter(|day| day_of(day.start) == today)
            .map_or(0, |day| day.figures.cpu_us);
        let held = self.app.usage.held(scope).await?;
        let agents = self.app.agents.directory(scope).await?.len();
        let running = self.app.hosted.running(tenant);
        Ok([
            (Quota::TenantTurnsRunningMax, running as u64),
            (Quota::CpuSecondsPerDay, cpu_us / 1_000_000),
            (Quota::TenantBytesMax, held.bytes),
            (Quota::KnowledgeEntriesMax, held.knowledge_entries),
            (Quota::AgentsPerTenantMax, agents as u64),
            (Quota::StreamsPerTenantMax, self.streams.taken_by(tenant)),
            (Quota::UploadsPerTenantMax, self.uploads.taken_by(tenant)),
            (
                Quota::EgressBytesPerDay,
                self.app.allowances.egress_used(tenant, now),
            ),
        ])
    }
}
