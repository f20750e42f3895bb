//! `PUT /v1/agents/{name}`: what your compiler gives you is what you push.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::app::Accepted;
use crate::error::{Error, Result};
use crate::id::AgentName;
use crate::identity::TenantScope;
use crate::registry::{Deployed, Grant, GrantSet, Manifest, NewVersion, PayloadSchema};

use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::{UrlPath, UrlQuery, media_type, read_body, unsupported};
use super::super::types::PushView;
use super::super::{Api, Shared};

/// Push a component, or a core module that carries component metadata. It is checked, compiled, asked for
/// its manifest and made the agent's current version. Running turns finish on the version they began with.
#[utoipa::path(
    put, path = "/v1/agents/{name}", tag = "agents", security(("key" = [])),
    params(
        ("name" = String, Path, description = "The agent's name: it wins over the manifest's."),
        ("grant" = Option<Vec<String>>, Query, description = "Grant only these of what the manifest asks for; `none` grants nothing."),
        ("dry_run" = Option<bool>, Query, description = "Check and report, deploy nothing."),
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "At most 32 MiB."),
    responses(
        (status = 201, description = "A new agent.", body = PushView),
        (status = 200, description = "A new version of an agent, the same one again, or a dry run.", body = PushView),
    ),
)]
pub(crate) async fn push_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    UrlQuery(pairs): UrlQuery<Vec<(String, String)>>,
    request: Request,
) -> ApiResult<(StatusCode, Json<PushView>)> {
    let options = PushOptions::read(pairs)?;
    let media = media_type(request.headers());
    if !matches!(
        media.as_deref(),
        None | Some("application/wasm" | "application/octet-stream")
    ) {
        return Err(unsupported(media.as_deref(), "application/wasm"));
    }
    api.app.allowances.require_running(caller.scope.tenant())?;
    let _slot = api.uploads.take(caller.scope.tenant())?;
    let max = api.app.limits.component_bytes_max;
    let upload = read_body(request, "component_bytes_max", max).await?;
    let outcome = api.app.uploads.accept(&caller.scope, upload).await;
    api.app.metrics.upload(outcome.is_ok());
    let accepted = outcome?;
    api.app.allowances.require_component(&accepted.digest)?;
    let push = Push {
        name,
        grants: options.grants(&accepted.manifest.grants)?,
        accepted,
    };
    check_named_schemas(&api, &caller.scope, &push.accepted.manifest).await?;
    let view = if options.dry_run {
        push.report(&api, &caller.scope).await?
    } else {
        push.deploy(&api, &caller.scope).await?
    };
    let status = if view.created && !view.dry_run {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(view)))
}

/// A manifest that names a schema nobody registered would check nothing while looking as if it did. No
/// schema is ever removed, so looking before the deploy is enough.
async fn check_named_schemas(api: &Api, scope: &TenantScope, manifest: &Manifest) -> Result<()> {
    for contract in manifest.contracts() {
        let Some(PayloadSchema::Named(name)) = &contract.schema else {
            continue;
        };
        api.app
            .catalog
            .schema(scope, name, None)
            .await
            .map_err(|error| match error {
                Error::NotFound { .. } => Error::invalid(
                    "manifest.schema",
                    format!(
                        "of `{}`: no schema named `{name}` is registered: register it first",
                        contract.event_type
                    ),
                ),
                other => other,
            })?;
    }
    Ok(())
}

/// What the query of a push asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct PushOptions {
    /// Narrow the grants to these; none means all that the manifest asks for.
    only: Option<BTreeSet<Grant>>,
    dry_run: bool,
}

impl PushOptions {
    /// The word that grants nothing.
    const NO_GRANTS: &str = "none";

    fn read(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut options = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "grant" if value == Self::NO_GRANTS => {
                    options.only.get_or_insert_default();
                }
                "grant" => {
                    options.only.get_or_insert_default().insert(value.parse()?);
                }
                "dry_run" => {
                    options.dry_run = value.parse().map_err(|_| {
                        Error::invalid(
                            "dry_run",
                            format!("`{}` is neither `true` nor `false`", value.escape_default()),
                        )
                    })?;
                }
                _ => {
                    return Err(Error::invalid(
                        "query",
                        format!(
                            "`{}` is not a parameter of a push; those are `grant` and `dry_run`",
                            name.escape_default()
                        ),
                    ));
                }
            }
        }
        Ok(options)
    }

    /// What the agent gets of what it asks for.
    fn grants(&self, asked: &BTreeSet<Grant>) -> Result<GrantSet> {
        let Some(only) = &self.only else {
            return Ok(asked.iter().copied().collect());
        };
        if let Some(extra) = only.difference(asked).next() {
            return Err(Error::invalid(
                "grant",
                format!(
                    "the manifest does not ask for `{extra}`: a push can only narrow what it asks for"
                ),
            ));
        }
        Ok(only.iter().copied().collect())
    }
}

/// A component that was accepted and is about to become an agent.
struct Push {
    name: AgentName,
    grants: GrantSet,
    accepted: Accepted,
}

impl Push {
    async fn deploy(self, api: &Api, scope: &TenantScope) -> ApiResult<PushView> {
        let version = NewVersion {
            name: self.name.clone(),
            digest: self.accepted.digest,
            component_bytes: self.accepted.component_bytes,
            manifest: self.accepted.manifest.clone().into(),
            grants: self.grants,
            now: api.app.clock.now(),
        };
        let Deployed {
            agent,
            created,
            unchanged,
        } = api.app.agents.deploy(scope, version).await?;
        let mut view = self.view();
        (view.version, view.created, view.unchanged) = (Some(agent.version), created, unchanged);
        Ok(view)
    }

    /// What deploying would do.
    async fn report(self, api: &Api, scope: &TenantScope) -> ApiResult<PushView> {
        let directory = api.app.agents.directory(scope).await?;
        let mut view = self.view();
        view.dry_run = true;
        match directory.get(&self.name) {
            Ok(agent) => {
                view.unchanged =
                    agent.digest == self.accepted.digest && agent.grants == self.grants;
            }
            Err(_) => view.created = true,
        }
        Ok(view)
    }

    fn view(&self) -> PushView {
        let accepted = &self.accepted;
        PushView {
            name: self.name.clone(),
            version: None,
            digest: accepted.digest,
            created: false,
            unchanged: false,
            dry_run: false,
            component_bytes: accepted.component_bytes,
            artifact_bytes: accepted.artifact_bytes,
            compile_ms: accepted.compile_ms,
            start_us: accepted.start_us,
            imports: accepted.imports.clone(),
            grants: self.grants,
            manifest: Manifest::clone(&accepted.manifest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query, and what is granted under it; none if it is refused.
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a [Grant]>);

    fn read(query: &[(&str, &str)]) -> Result<PushOptions> {
        let pairs = query.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        PushOptions::read(pairs.collect())
    }

    #[test]
    fn a_push_narrows_what_the_manifest_asks_for() {
        let asked = BTreeSet::from([Grant::EventsPublish, Grant::WorkingRead]);
        let table: [Row; 6] = [
            (&[], Some(&[Grant::EventsPublish, Grant::WorkingRead])),
            (&[("grant", "none")], Some(&[])),
            (&[("grant", "working:read")], Some(&[Grant::WorkingRead])),
            (
                &[("grant", "working:read"), ("grant", "events:publish")],
                Some(&[Grant::EventsPublish, Grant::WorkingRead]),
            ),
            (&[("grant", "knowledge:read")], None),
            (&[("grant", "everything")], None),
        ];
        for (query, expect) in table {
            let got = read(query).and_then(|options| options.grants(&asked)).ok();
            let expect = expect.map(|grants| grants.iter().copied().collect::<GrantSet>());
            assert_eq!(got, expect, "{query:?}");
        }
    }

    #[test]
    fn what_a_push_does_not_know_is_refused() {
        assert!(read(&[("dry_run", "true")]).unwrap().dry_run);
        for bad in [("dry_run", "yes"), ("force", "true"), ("grants", "none")] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
    }
}
