//! `PUT /v1/agents/{name}`: what your compiler gives you is what you push.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::app::Accepted;
use crate::error::{Error, Result};
use crate::id::AgentName;
use crate::identity::TenantScope;
use crate::registry::{
    AnyGrant, Deployed, GrantSet, HTTP_GRANTS_MAX, Manifest, NewVersion, PayloadSchema,
};

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
        ("grant" = Option<Vec<String>>, Query, description = "Grant only these of what the manifest asks for; `none` grants nothing, `asked` all of it. Without it: all capabilities, and of the hosts (`http:HOST`) those that the agent was granted before."),
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
    let directory = api.app.agents.directory(&caller.scope).await?;
    let before = directory.get(&name).ok().map(|agent| &agent.grants);
    let push = Push {
        grants: options.grants(&accepted.manifest.grants, before)?,
        name,
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
    /// Narrow the grants to these.
    only: Option<Vec<AnyGrant>>,
    /// All that the manifest asks for, hosts included.
    asked: bool,
    dry_run: bool,
}

impl PushOptions {
    /// The word that grants nothing.
    const NO_GRANTS: &str = "none";
    /// The word that grants all that is asked for.
    const ASKED: &str = "asked";

    fn read(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut options = Self::default();
        let mut words = Vec::new();
        for (name, value) in pairs {
            match name.as_str() {
                "grant" => words.push(value),
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
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => {}
            [Self::NO_GRANTS] => options.only = Some(Vec::new()),
            [Self::ASKED] => options.asked = true,
            ref words => {
                let alone = |word: &&&str| [Self::NO_GRANTS, Self::ASKED].contains(*word);
                if let Some(word) = words.iter().find(alone) {
                    let reason = format!("`{word}` stands alone, or grants are named");
                    return Err(Error::invalid("grant", reason));
                }
                let grants = words.iter().map(|word| word.parse());
                options.only = Some(grants.collect::<Result<_>>()?);
            }
        }
        Ok(options)
    }

    /// What the agent gets of what it asks for. Hosts are given by name: what left this host once is not taken back.
    fn grants(&self, asked: &GrantSet, before: Option<&GrantSet>) -> Result<GrantSet> {
        if self.asked {
            return Ok(asked.clone());
        }
        let Some(only) = &self.only else {
            let words = asked.iter().map(AnyGrant::Word);
            let hosts = before.into_iter().flat_map(GrantSet::http).cloned();
            let kept = hosts.map(AnyGrant::Http).filter(|host| asked.covers(host));
            return Ok(words.chain(kept).collect());
        };
        if let Some(extra) = only.iter().find(|grant| !asked.covers(grant)) {
            return Err(Error::invalid(
                "grant",
                format!(
                    "the manifest does not ask for `{extra}`: a push can only narrow what it asks for"
                ),
            ));
        }
        let granted: GrantSet = only.iter().cloned().collect();
        let got = granted.http().len();
        if got > HTTP_GRANTS_MAX {
            let reason = format!("{got} hosts, the limit is {HTTP_GRANTS_MAX}");
            return Err(Error::invalid("grant", reason));
        }
        Ok(granted)
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
            grants: self.grants.clone(),
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
            grants: self.grants.clone(),
            manifest: Manifest::clone(&accepted.manifest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query, and what is granted under it; none if it is refused.
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);

    fn read(query: &[(&str, &str)]) -> Result<PushOptions> {
        let pairs = query.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        PushOptions::read(pairs.collect())
    }

    fn set(words: &str) -> GrantSet {
        let grants = words.split_whitespace().map(str::parse::<AnyGrant>);
        grants.map(Result::unwrap).collect()
    }

    #[test]
    fn a_push_narrows_what_the_manifest_asks_for() {
        let asked = set("events:publish working:read http:*.example.com http:a.test");
        let table: [Row; 13] = [
            (&[], Some("events:publish working:read")),
            (&[("grant", "none")], Some("")),
            (&[("grant", "working:read")], Some("working:read")),
            (
                &[("grant", "working:read"), ("grant", "events:publish")],
                Some("events:publish working:read"),
            ),
            (&[("grant", "http:a.test")], Some("http:a.test")),
            (
                &[("grant", "http:api.example.com")],
                Some("http:api.example.com"),
            ),
            (
                &[("grant", "asked")],
                Some("events:publish working:read http:*.example.com http:a.test"),
            ),
            (&[("grant", "none"), ("grant", "asked")], None),
            (&[("grant", "asked"), ("grant", "http:a.test")], None),
            (&[("grant", "none"), ("grant", "none")], None),
            (&[("grant", "http:example.com")], None),
            (&[("grant", "knowledge:read")], None),
            (&[("grant", "everything")], None),
        ];
        for (query, expect) in table {
            let got = read(query).and_then(|options| options.grants(&asked, None));
            assert_eq!(got.ok(), expect.map(set), "{query:?}");
        }
    }

    #[test]
    fn a_new_version_keeps_the_hosts_that_it_still_asks_for() {
        let before = set("working:read http:api.example.com http:b.test");
        let asked = set("working:read http:*.example.com http:a.test");
        let got = read(&[]).unwrap().grants(&asked, Some(&before)).unwrap();
        assert_eq!(got, set("working:read http:api.example.com"));
    }

    #[test]
    fn hosts_are_granted_at_the_limit_and_refused_past_it() {
        let asked = set("http:*.example.com");
        for (count, good) in [(HTTP_GRANTS_MAX, true), (HTTP_GRANTS_MAX + 1, false)] {
            let hosts: Vec<_> = (0..count)
                .map(|n| format!("http:a{n}.example.com"))
                .collect();
            let query: Vec<_> = hosts.iter().map(|host| ("grant", host.as_str())).collect();
            let got = read(&query).unwrap().grants(&asked, None);
            assert_eq!(got.is_ok(), good, "{count}");
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
