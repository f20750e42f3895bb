//! `POST /v1/services/import`: many services from one file, all of them or none.

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;

use crate::error::Error;
use crate::identity::{Principal, TenantScope};
use crate::registry::{Bootstrap, BootstrapFormat, NewService, Place, RowFault, ServiceDocument};

use super::super::auth::Caller;
use super::super::error::{ApiError, ApiResult, Code};
use super::super::extract::{UrlQuery, media_type, read_json_body, unsupported};
use super::super::types::ServicesImportView;
use super::super::{Api, Shared};

/// How to import.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportParams {
    /// Only check, and tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Register all services of a CSV or JSON file, or none of them. What is wrong with it is told by row.
#[utoipa::path(
    post, path = "/v1/services/import", tag = "services", security(("key" = [])),
    params(ImportParams),
    request_body(content(
        (Vec<Object> = "application/json"),
        (String = "text/csv"),
    )),
    responses((status = 200, description = "What was done, or would be.", body = ServicesImportView)),
)]
pub(crate) async fn import_services(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ImportParams>,
    request: Request,
) -> ApiResult<Json<ServicesImportView>> {
    let format = match media_type(request.headers()).as_deref() {
        Some("text/csv") => BootstrapFormat::Csv,
        None | Some("application/json") => BootstrapFormat::Json,
        other => return Err(unsupported(other, "text/csv or application/json")),
    };
    let body = read_json_body(request, &api).await?;
    let read = Bootstrap::read(format, &body)?;
    let rows = read.rows;
    let (new, mut view) = api.plan_import(&caller.scope, read).await?;
    view.dry_run = params.dry_run;
    view.rows = rows;
    if !params.dry_run {
        let done = api.app.services.register(&caller.scope, new).await?;
        view.created = done.iter().filter(|done| done.created).count();
        view.unchanged = done.iter().filter(|done| done.unchanged).count();
        view.changed = done.len() - view.created - view.unchanged;
    }
    Ok(Json(view))
}

impl Api {
    /// What an import would do.
    async fn plan_import(
        &self,
        scope: &TenantScope,
        mut read: Bootstrap,
    ) -> ApiResult<(Vec<NewService>, ServicesImportView)> {
        let directory = self.app.agents.directory(scope).await?;
        let Principal::Client(key) = scope.principal() else {
            return Err(Error::internal("importing", "a request without a key").into());
        };
        let mut view = ServicesImportView {
            dry_run: true,
            rows: 0,
            created: 0,
            changed: 0,
            unchanged: 0,
        };
        let mut new = Vec::new();
        for (place, document) in std::mem::take(&mut read.services) {
            let name = document.definition.name.clone();
            let signed = document.signature.is_some();
            let more = view.created + 1;
            let known = directory.admits(key, &document.definition, signed, more);
            match (known, self.checked(scope, document).await) {
                (Ok(None), Ok(service)) => {
                    view.created += 1;
                    new.push(service);
                }
                (Ok(Some(known)), Ok(service)) => {
                    let same = *known.definition == service.definition;
                    view.unchanged += usize::from(same);
                    view.changed += usize::from(!same);
                    new.push(service);
                }
                (Err(error), _) | (Ok(_), Err(error)) => {
                    fault(&mut read, &place, name.as_str(), &error);
                }
            }
        }
        if read.faults.is_empty() {
            return Ok((new, view));
        }
        read.faults.sort_by_key(|fault| fault.row);
        let count = read.faults.len();
        let words = format!("{count} rows cannot be taken, so nothing was imported");
        Err(ApiError::new(Code::Invalid, words).rows(read.faults))
    }

    async fn checked(
        &self,
        scope: &TenantScope,
        document: ServiceDocument,
    ) -> crate::error::Result<NewService> {
        self.new_service(scope, document).await
    }
}

fn fault(read: &mut Bootstrap, place: &Place, name: &str, error: &Error) {
    read.fault(RowFault::of(place, Some(name), error));
}
