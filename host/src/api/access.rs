//! Who may use which operation: the one table.
//!
//! Invariant: an operation that is not in the table is refused to everybody, whatever they hold, and a test
//! compares the table with the routes, so that neither can have a row that the other lacks. The extractors
//! of `auth` ask here; no handler decides by itself. The OpenAPI document is told from here too.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;

use crate::identity::{Bounds, Scope};

use super::error::{ApiError, ApiResult, Code};

/// What an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// The operator's key.
    Operator,
    /// Whatever a tenant gave, with any scope.
    Tenant,
    /// This scope.
    Scope(Scope),
}

use Access::{Open, Operator, Scope as Needs, Tenant};
use Scope::{
    AgentsCall, AgentsDeploy, AgentsRead, AuditRead, EventsPublish, EventsRead, MemoryRead,
    MemoryWrite, RegistryRead, RegistryWrite, SecretsRead, SecretsWrite, TurnsRead, TurnsWrite,
};

/// Which bounds of a token an operation keeps. One that it does not keep, it is refused to: a token for one
/// plan cannot list all turns.
type Keeps = u8;
/// None of them.
const NONE: Keeps = 0;
/// All, as there is nothing to keep out of.
const ANY: Keeps = 1;
/// The agent: it is the `{name}` of the path.
const A: Keeps = 2;
/// The plan: the handler takes the caller's, see [`Caller`](super::auth::Caller).
const P: Keeps = 4;
/// Customer and user: the handler reads and writes for those of the scope, or what is nobody's.
const S: Keeps = 8;
/// The agent or the plan: it is the `{space}` of the path.
const W: Keeps = 16;

/// Every operation: its method, its path, what it takes, which bounds it keeps.
#[rustfmt::skip]
const TABLE: &[(&str, &str, Access, Keeps)] = &[
    ("GET",    "/healthz",                                Open,                  NONE),
    ("GET",    "/readyz",                                 Open,                  NONE),
    ("GET",    "/v1/version",                             Open,                  NONE),
    ("GET",    "/v1/openapi.json",                        Open,                  NONE),

    ("GET",    "/metrics",                                Operator,              NONE),
    ("GET",    "/v1/tenants",                             Operator,              NONE),
    ("POST",   "/v1/tenants",                             Operator,              NONE),
    ("GET",    "/v1/tenants/{name}",                      Operator,              NONE),
    ("PATCH",  "/v1/tenants/{name}",                      Operator,              NONE),
    ("DELETE", "/v1/tenants/{name}",                      Operator,              NONE),
    ("POST",   "/v1/tenants/{name}/suspend",              Operator,              NONE),
    ("POST",   "/v1/tenants/{name}/resume",               Operator,              NONE),
    ("GET",    "/v1/suspended-components",                Operator,              NONE),
    ("PUT",    "/v1/suspended-components/{digest}",       Operator,              NONE),
    ("DELETE", "/v1/suspended-components/{digest}",       Operator,              NONE),
    ("GET",    "/v1/tenants/{name}/usage",                Operator,              NONE),
    ("GET",    "/v1/tenants/{name}/keys",                 Operator,              NONE),
    ("POST",   "/v1/tenants/{name}/keys",                 Operator,              NONE),
    ("DELETE", "/v1/tenants/{name}/keys/{key}",           Operator,              NONE),
    ("POST",   "/v1/tenants/{name}/keys/{key}/rotate",    Operator,              NONE),
    ("GET",    "/v1/tenants/{name}/services",             Operator,              NONE),

    ("GET",    "/v1/whoami",                              Tenant,                ANY),
    ("POST",   "/v1/tokens",                              Tenant,                ANY),
    ("GET",    "/v1/audit",                               Needs(AuditRead),      NONE),
    ("GET",    "/v1/audit/ends",                          Needs(AuditRead),      NONE),

    ("GET",    "/v1/agents",                              Needs(AgentsRead),     S),
    ("GET",    "/v1/agents/{name}",                       Needs(AgentsRead),     A | S),
    ("PUT",    "/v1/agents/{name}",                       Needs(AgentsDeploy),   A),
    ("DELETE", "/v1/agents/{name}",                       Needs(AgentsDeploy),   A),
    ("POST",   "/v1/agents/{name}/call",                  Needs(AgentsCall),     A | P | S),
    ("PUT",    "/v1/agents/{name}/config",                Needs(AgentsDeploy),   A),
    ("POST",   "/v1/agents/{name}/pause",                 Needs(AgentsDeploy),   A),
    ("POST",   "/v1/agents/{name}/release",               Needs(AgentsDeploy),   A),
    ("POST",   "/v1/agents/{name}/restart",               Needs(AgentsDeploy),   A),
    ("POST",   "/v1/agents/{name}/resume",                Needs(AgentsDeploy),   A),
    ("POST",   "/v1/agents/{name}/rollback",              Needs(AgentsDeploy),   A),
    ("GET",    "/v1/agents/{name}/versions",              Needs(AgentsRead),     A | S),
    ("GET",    "/v1/graph",                               Needs(AgentsRead),     S),

    ("GET",    "/v1/events",                              Needs(EventsRead),     P),
    ("POST",   "/v1/events",                              Needs(EventsPublish),  P | S),
    ("POST",   "/v1/events/batch",                        Needs(EventsPublish),  P | S),
    ("GET",    "/v1/events/stream",                       Needs(EventsRead),     P),
    ("GET",    "/v1/events/{id}",                         Needs(EventsRead),     NONE),

    ("GET",    "/v1/turns",                               Needs(TurnsRead),      NONE),
    ("GET",    "/v1/turns/{turn}",                        Needs(TurnsRead),      NONE),
    ("GET",    "/v1/queue",                               Needs(TurnsRead),      NONE),
    ("GET",    "/v1/usage",                               Needs(TurnsRead),      NONE),
    ("GET",    "/v1/dead-letters",                        Needs(TurnsRead),      NONE),
    ("DELETE", "/v1/dead-letters/{turn}",                 Needs(TurnsWrite),     NONE),
    ("POST",   "/v1/dead-letters/{turn}/replay",          Needs(TurnsWrite),     NONE),

    ("GET",    "/v1/event-definitions",                   Needs(RegistryRead),   S),
    ("GET",    "/v1/event-definitions/{type}",            Needs(RegistryRead),   S),
    ("PUT",    "/v1/event-definitions/{type}",            Needs(RegistryWrite),  NONE),
    ("DELETE", "/v1/event-definitions/{type}",            Needs(RegistryWrite),  NONE),
    ("GET",    "/v1/schemas",                             Needs(RegistryRead),   S),
    ("GET",    "/v1/schemas/{name}",                      Needs(RegistryRead),   S),
    ("PUT",    "/v1/schemas/{name}",                      Needs(RegistryWrite),  NONE),
    ("GET",    "/v1/schemas/{name}/versions",             Needs(RegistryRead),   S),
    ("GET",    "/v1/settings",                            Needs(RegistryRead),   S),
    ("PUT",    "/v1/settings",                            Needs(RegistryWrite),  NONE),
    ("GET",    "/v1/services",                            Needs(RegistryRead),   S),
    ("POST",   "/v1/services",                            Needs(RegistryWrite),  NONE),
    ("GET",    "/v1/services/brief",                      Needs(RegistryRead),   S),
    ("POST",   "/v1/services/import",                     Needs(RegistryWrite),  NONE),
    ("GET",    "/v1/services/overview",                   Needs(RegistryRead),   S),
    ("GET",    "/v1/services/resolve",                    Needs(RegistryRead),   S),
    ("GET",    "/v1/services/stream",                     Needs(RegistryRead),   S),
    ("GET",    "/v1/services/ws",                         Needs(RegistryRead),   S),
    ("GET",    "/v1/services/{name}",                     Needs(RegistryRead),   S),
    ("DELETE", "/v1/services/{name}",                     Needs(RegistryWrite),  NONE),
    ("PUT",    "/v1/services/{name}/heartbeat",           Needs(RegistryWrite),  NONE),
    ("POST",   "/v1/services/{name}/heartbeat",           Needs(RegistryWrite),  NONE),
    ("PUT",    "/v1/services/{name}/status",              Needs(RegistryWrite),  NONE),
    ("GET",    "/v1/signing-keys",                        Needs(RegistryRead),   S),
    ("PUT",    "/v1/signing-keys/{key}",                  Needs(RegistryWrite),  NONE),
    ("DELETE", "/v1/signing-keys/{key}",                  Needs(RegistryWrite),  NONE),

    ("GET",    "/v1/secrets",                             Needs(SecretsRead),    NONE),
    ("PUT",    "/v1/secrets/{name}",                      Needs(SecretsWrite),   NONE),
    ("DELETE", "/v1/secrets/{name}",                      Needs(SecretsWrite),   NONE),

    ("GET",    "/agents",                                 Needs(RegistryRead),   S),
    ("POST",   "/agents/register",                        Needs(RegistryWrite),  NONE),
    ("GET",    "/agents/{id}",                            Needs(RegistryRead),   S),
    ("DELETE", "/agents/{id}",                            Needs(RegistryWrite),  NONE),
    ("POST",   "/agents/{id}/heartbeat",                  Needs(RegistryWrite),  NONE),
    ("PUT",    "/agents/{id}/status",                     Needs(RegistryWrite),  NONE),
    ("GET",    "/api/services",                           Needs(RegistryRead),   S),
    ("POST",   "/api/services/register",                  Needs(RegistryWrite),  NONE),
    ("GET",    "/api/services/{id}",                      Needs(RegistryRead),   S),
    ("DELETE", "/api/services/{id}",                      Needs(RegistryWrite),  NONE),
    ("POST",   "/api/services/{id}/heartbeat",            Needs(RegistryWrite),  NONE),

    ("GET",    "/v1/memory/episodes",                     Needs(MemoryRead),     S),
    ("POST",   "/v1/memory/episodes",                     Needs(MemoryWrite),    S),
    ("POST",   "/v1/memory/erase",                        Needs(MemoryWrite),    NONE),
    ("GET",    "/v1/memory/export",                       Needs(MemoryRead),     NONE),
    ("POST",   "/v1/memory/import",                       Needs(MemoryWrite),    NONE),
    ("GET",    "/v1/memory/knowledge",                    Needs(MemoryRead),     S),
    ("POST",   "/v1/memory/knowledge",                    Needs(MemoryWrite),    S),
    ("POST",   "/v1/memory/knowledge/search",             Needs(MemoryRead),     S),
    ("GET",    "/v1/memory/knowledge/{id}",               Needs(MemoryRead),     S),
    ("DELETE", "/v1/memory/knowledge/{id}",               Needs(MemoryWrite),    S),
    ("GET",    "/v1/memory/procedures",                   Needs(MemoryRead),     S),
    ("POST",   "/v1/memory/procedures/match",             Needs(MemoryRead),     S),
    ("GET",    "/v1/memory/procedures/{name}",            Needs(MemoryRead),     S),
    ("PUT",    "/v1/memory/procedures/{name}",            Needs(MemoryWrite),    NONE),
    ("POST",   "/v1/memory/procedures/{name}/activate",   Needs(MemoryWrite),    NONE),
    ("POST",   "/v1/memory/procedures/{name}/rollback",   Needs(MemoryWrite),    NONE),
    ("GET",    "/v1/memory/sessions",                     Needs(MemoryRead),     S),
    ("GET",    "/v1/memory/sessions/{id}",                Needs(MemoryRead),     S),
    ("PUT",    "/v1/memory/sessions/{id}",                Needs(MemoryWrite),    S),
    ("DELETE", "/v1/memory/sessions/{id}",                Needs(MemoryWrite),    S),
    ("GET",    "/v1/memory/working/{space}",              Needs(MemoryRead),     W),
    ("DELETE", "/v1/memory/working/{space}",              Needs(MemoryWrite),    W),
    ("GET",    "/v1/memory/working/{space}/{key}",        Needs(MemoryRead),     W),
    ("DELETE", "/v1/memory/working/{space}/{key}",        Needs(MemoryWrite),    W),
];

/// Changes that are not written down in the audit log: events tell of themselves, agents remember by the
/// thousand, and a heartbeat changes nothing that lasts. Every other change is.
#[rustfmt::skip]
const UNAUDITED: &[(&str, &str)] = &[
    ("POST",   "/v1/events"),
    ("POST",   "/v1/events/batch"),
    ("POST",   "/v1/agents/{name}/call"),
    ("PUT",    "/v1/services/{name}/heartbeat"),
    ("POST",   "/v1/services/{name}/heartbeat"),
    ("POST",   "/agents/{id}/heartbeat"),
    ("POST",   "/api/services/{id}/heartbeat"),
    ("POST",   "/v1/memory/episodes"),
    ("POST",   "/v1/memory/knowledge"),
    ("POST",   "/v1/memory/knowledge/search"),
    ("DELETE", "/v1/memory/knowledge/{id}"),
    ("POST",   "/v1/memory/procedures/match"),
    ("PUT",    "/v1/memory/sessions/{id}"),
    ("DELETE", "/v1/memory/sessions/{id}"),
];
/// Changes that their handlers write down: switches that must not wait for the log of whoever they stop.
const SWITCHES: &[(&str, &str)] = &[
    ("POST", "/v1/tenants/{name}/suspend"),
    ("PUT", "/v1/suspended-components/{digest}"),
    ("DELETE", "/v1/suspended-components/{digest}"),
];
/// Reading that is written down: it carries much away at once.
const AUDITED_READING: (&str, &str) = ("GET", "/v1/memory/export");

static BY_ROUTE: LazyLock<HashMap<(&str, &str), Row>> = LazyLock::new(|| {
    let row = |row: &(&'static str, &'static str, Access, Keeps)| {
        let (method, path, access, keeps) = *row;
        let route = (method, path);
        let told_elsewhere = UNAUDITED.contains(&route) || SWITCHES.contains(&route);
        let audited = method != "GET" && !told_elsewhere || route == AUDITED_READING;
        let row = Row {
            access,
            keeps,
            audited,
        };
        (route, row)
    };
    TABLE.iter().map(row).collect()
});

/// What the table says of an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) access: Access,
    keeps: Keeps,
    /// Whether it is written down before it is done.
    pub(crate) audited: bool,
}

impl Row {
    /// Refuse an operation that would lead out of what a token is bound to. `path` looks a part of the
    /// path up.
    pub(crate) fn keeps_within<'a>(
        self,
        bounds: &Bounds,
        path: impl Fn(&str) -> Option<&'a str>,
    ) -> ApiResult<()> {
        let keeps = |what: Keeps| self.keeps & what != 0;
        if keeps(ANY) {
            return Ok(());
        }
        let is = |part: &str, expect: &str| path(part) == Some(expect);
        if let Some(agent) = &bounds.agent {
            let space = format!("agent:{agent}");
            if !(keeps(A) && is("name", agent.as_str()) || keeps(W) && is("space", &space)) {
                return Err(leads_out("agent", agent.as_str()));
            }
        }
        if let Some(plan) = &bounds.plan {
            let space = format!("plan:{plan}");
            if !(keeps(P) || keeps(W) && is("space", &space)) {
                return Err(leads_out("plan", plan.as_str()));
            }
        }
        if bounds.has_subject() && !keeps(S) {
            return Err(leads_out("customer or user", bounds.subject()));
        }
        Ok(())
    }
}

/// The refusal of what a token is not bound to.
pub(crate) fn leads_out(what: &str, bound: &str) -> ApiError {
    let detail = format!("the token is for the {what} `{bound}` alone, and this is not");
    ApiError::new(Code::Denied, detail)
}

/// What the table says of the operation of this request.
///
/// # Errors
/// `Denied` to everybody for an operation without a row.
pub(crate) fn of(parts: &Parts) -> ApiResult<Row> {
    let path = parts
        .extensions
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    // A HEAD is answered by the handler of its GET.
    let method = match parts.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    BY_ROUTE.get(&(method, path)).copied().ok_or_else(|| {
        tracing::error!(
            method,
            path,
            "an operation without a row in the table of access"
        );
        ApiError::new(Code::Denied, "this operation is open to nobody")
    })
}

/// Write into the document what each operation takes.
pub(super) fn describe(document: &mut Document) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("GET", &mut item.get),
            ("PUT", &mut item.put),
            ("POST", &mut item.post),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        for (method, operation) in operations {
            let row = BY_ROUTE.get(&(method, path.as_str()));
            if let (Some(operation), Some(row)) = (operation, row) {
                secure(operation, row.access);
            }
        }
    }
}

fn secure(operation: &mut Operation, access: Access) {
    let none: [&str; 0] = [];
    let requirement = match access {
        Open => SecurityRequirement::default(),
        Operator => SecurityRequirement::new("admin", none),
        Tenant => SecurityRequirement::new("key", none),
        Needs(scope) => SecurityRequirement::new("key", [scope.as_str()]),
    };
    operation.security = Some(vec![requirement]);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Method and path of every operation that is registered.
    fn registered() -> BTreeSet<(String, String)> {
        let mut routes = super::super::resources().merge(super::super::waiting());
        let document = serde_json::to_value(routes.to_openapi()).unwrap();
        let mut all = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                all.insert((method.to_uppercase(), path.clone()));
            }
        }
        all
    }

    #[test]
    fn every_operation_has_one_row_and_every_row_an_operation() {
        let rows: BTreeSet<_> = TABLE
            .iter()
            .map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned()))
            .collect();
        assert_eq!(rows.len(), TABLE.len(), "no operation has two rows");
        let registered = registered();
        let without: Vec<_> = registered.difference(&rows).collect();
        let stale: Vec<_> = rows.difference(&registered).collect();
        assert!(
            without.is_empty(),
            "give these a row in api/access.rs: {without:?}"
        );
        assert!(
            stale.is_empty(),
            "these rows are of no operation: {stale:?}"
        );
    }

    #[test]
    fn what_is_not_audited_is_there_and_is_no_deploying() {
        for route in UNAUDITED.iter().chain([&AUDITED_READING]) {
            let row = BY_ROUTE.get(route).expect("a row of an operation");
            let grave = [Needs(AgentsDeploy), Needs(TurnsWrite), Operator];
            assert!(!grave.contains(&row.access), "{route:?}");
        }
        for route in SWITCHES {
            let row = BY_ROUTE.get(route).expect("a row of an operation");
            assert_eq!(row.access, Operator, "{route:?}");
        }
    }

    #[test]
    fn every_scope_opens_something() {
        for scope in Scope::ALL {
            assert!(TABLE.iter().any(|row| row.2 == Needs(scope)), "{scope}");
        }
    }
}
