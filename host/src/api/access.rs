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

use crate::identity::Scope;

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
    AgentsCall, AgentsDeploy, AgentsRead, EventsPublish, EventsRead, MemoryRead, MemoryWrite,
    RegistryRead, RegistryWrite, TurnsRead, TurnsWrite,
};

/// Every operation: its method, its path, what it takes.
#[rustfmt::skip]
const TABLE: &[(&str, &str, Access)] = &[
    ("GET",    "/healthz",                                Open),
    ("GET",    "/readyz",                                 Open),
    ("GET",    "/v1/version",                             Open),
    ("GET",    "/v1/openapi.json",                        Open),

    ("GET",    "/metrics",                                Operator),
    ("GET",    "/v1/tenants",                             Operator),
    ("POST",   "/v1/tenants",                             Operator),
    ("GET",    "/v1/tenants/{name}",                      Operator),
    ("DELETE", "/v1/tenants/{name}",                      Operator),
    ("GET",    "/v1/tenants/{name}/keys",                 Operator),
    ("POST",   "/v1/tenants/{name}/keys",                 Operator),
    ("DELETE", "/v1/tenants/{name}/keys/{key}",           Operator),
    ("POST",   "/v1/tenants/{name}/keys/{key}/rotate",    Operator),
    ("GET",    "/v1/tenants/{name}/services",             Operator),

    ("GET",    "/v1/whoami",                              Tenant),

    ("GET",    "/v1/agents",                              Needs(AgentsRead)),
    ("GET",    "/v1/agents/{name}",                       Needs(AgentsRead)),
    ("PUT",    "/v1/agents/{name}",                       Needs(AgentsDeploy)),
    ("DELETE", "/v1/agents/{name}",                       Needs(AgentsDeploy)),
    ("POST",   "/v1/agents/{name}/call",                  Needs(AgentsCall)),
    ("PUT",    "/v1/agents/{name}/config",                Needs(AgentsDeploy)),
    ("POST",   "/v1/agents/{name}/pause",                 Needs(AgentsDeploy)),
    ("POST",   "/v1/agents/{name}/release",               Needs(AgentsDeploy)),
    ("POST",   "/v1/agents/{name}/resume",                Needs(AgentsDeploy)),
    ("POST",   "/v1/agents/{name}/rollback",              Needs(AgentsDeploy)),
    ("GET",    "/v1/agents/{name}/versions",              Needs(AgentsRead)),
    ("GET",    "/v1/graph",                               Needs(AgentsRead)),

    ("GET",    "/v1/events",                              Needs(EventsRead)),
    ("POST",   "/v1/events",                              Needs(EventsPublish)),
    ("POST",   "/v1/events/batch",                        Needs(EventsPublish)),
    ("GET",    "/v1/events/stream",                       Needs(EventsRead)),
    ("GET",    "/v1/events/{id}",                         Needs(EventsRead)),

    ("GET",    "/v1/turns",                               Needs(TurnsRead)),
    ("GET",    "/v1/turns/{turn}",                        Needs(TurnsRead)),
    ("GET",    "/v1/queue",                               Needs(TurnsRead)),
    ("GET",    "/v1/dead-letters",                        Needs(TurnsRead)),
    ("DELETE", "/v1/dead-letters/{turn}",                 Needs(TurnsWrite)),
    ("POST",   "/v1/dead-letters/{turn}/replay",          Needs(TurnsWrite)),

    ("GET",    "/v1/event-definitions",                   Needs(RegistryRead)),
    ("GET",    "/v1/event-definitions/{type}",            Needs(RegistryRead)),
    ("PUT",    "/v1/event-definitions/{type}",            Needs(RegistryWrite)),
    ("DELETE", "/v1/event-definitions/{type}",            Needs(RegistryWrite)),
    ("GET",    "/v1/schemas",                             Needs(RegistryRead)),
    ("GET",    "/v1/schemas/{name}",                      Needs(RegistryRead)),
    ("PUT",    "/v1/schemas/{name}",                      Needs(RegistryWrite)),
    ("GET",    "/v1/services",                            Needs(RegistryRead)),
    ("POST",   "/v1/services",                            Needs(RegistryWrite)),
    ("POST",   "/v1/services/import",                     Needs(RegistryWrite)),
    ("GET",    "/v1/services/resolve",                    Needs(RegistryRead)),
    ("GET",    "/v1/services/stream",                     Needs(RegistryRead)),
    ("GET",    "/v1/services/ws",                         Needs(RegistryRead)),
    ("GET",    "/v1/services/{name}",                     Needs(RegistryRead)),
    ("DELETE", "/v1/services/{name}",                     Needs(RegistryWrite)),
    ("PUT",    "/v1/services/{name}/heartbeat",           Needs(RegistryWrite)),
    ("POST",   "/v1/services/{name}/heartbeat",           Needs(RegistryWrite)),
    ("PUT",    "/v1/services/{name}/status",              Needs(RegistryWrite)),
    ("GET",    "/v1/signing-keys",                        Needs(RegistryRead)),
    ("PUT",    "/v1/signing-keys/{key}",                  Needs(RegistryWrite)),
    ("DELETE", "/v1/signing-keys/{key}",                  Needs(RegistryWrite)),

    ("GET",    "/agents",                                 Needs(RegistryRead)),
    ("POST",   "/agents/register",                        Needs(RegistryWrite)),
    ("GET",    "/agents/{id}",                            Needs(RegistryRead)),
    ("DELETE", "/agents/{id}",                            Needs(RegistryWrite)),
    ("POST",   "/agents/{id}/heartbeat",                  Needs(RegistryWrite)),
    ("PUT",    "/agents/{id}/status",                     Needs(RegistryWrite)),
    ("GET",    "/api/services",                           Needs(RegistryRead)),
    ("POST",   "/api/services/register",                  Needs(RegistryWrite)),
    ("GET",    "/api/services/{id}",                      Needs(RegistryRead)),
    ("DELETE", "/api/services/{id}",                      Needs(RegistryWrite)),
    ("POST",   "/api/services/{id}/heartbeat",            Needs(RegistryWrite)),

    ("GET",    "/v1/memory/episodes",                     Needs(MemoryRead)),
    ("POST",   "/v1/memory/episodes",                     Needs(MemoryWrite)),
    ("POST",   "/v1/memory/erase",                        Needs(MemoryWrite)),
    ("GET",    "/v1/memory/export",                       Needs(MemoryRead)),
    ("POST",   "/v1/memory/import",                       Needs(MemoryWrite)),
    ("GET",    "/v1/memory/knowledge",                    Needs(MemoryRead)),
    ("POST",   "/v1/memory/knowledge",                    Needs(MemoryWrite)),
    ("POST",   "/v1/memory/knowledge/search",             Needs(MemoryRead)),
    ("GET",    "/v1/memory/knowledge/{id}",               Needs(MemoryRead)),
    ("DELETE", "/v1/memory/knowledge/{id}",               Needs(MemoryWrite)),
    ("GET",    "/v1/memory/procedures",                   Needs(MemoryRead)),
    ("POST",   "/v1/memory/procedures/match",             Needs(MemoryRead)),
    ("GET",    "/v1/memory/procedures/{name}",            Needs(MemoryRead)),
    ("PUT",    "/v1/memory/procedures/{name}",            Needs(MemoryWrite)),
    ("POST",   "/v1/memory/procedures/{name}/activate",   Needs(MemoryWrite)),
    ("POST",   "/v1/memory/procedures/{name}/rollback",   Needs(MemoryWrite)),
    ("GET",    "/v1/memory/sessions",                     Needs(MemoryRead)),
    ("GET",    "/v1/memory/sessions/{id}",                Needs(MemoryRead)),
    ("PUT",    "/v1/memory/sessions/{id}",                Needs(MemoryWrite)),
    ("DELETE", "/v1/memory/sessions/{id}",                Needs(MemoryWrite)),
    ("GET",    "/v1/memory/working/{space}",              Needs(MemoryRead)),
    ("DELETE", "/v1/memory/working/{space}",              Needs(MemoryWrite)),
    ("GET",    "/v1/memory/working/{space}/{key}",        Needs(MemoryRead)),
    ("DELETE", "/v1/memory/working/{space}/{key}",        Needs(MemoryWrite)),
];

static BY_ROUTE: LazyLock<HashMap<(&str, &str), Access>> = LazyLock::new(|| {
    let row =
        |(method, path, access): &(&'static str, &'static str, Access)| ((*method, *path), *access);
    TABLE.iter().map(row).collect()
});

/// What the operation of this request takes.
///
/// # Errors
/// `Denied` to everybody for an operation without a row.
pub(crate) fn of(parts: &Parts) -> ApiResult<Access> {
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
            ("DELETE", &mut item.delete),
        ];
        for (method, operation) in operations {
            let access = BY_ROUTE.get(&(method, path.as_str()));
            if let (Some(operation), Some(access)) = (operation, access) {
                secure(operation, *access);
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
            .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
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
    fn every_scope_opens_something() {
        for scope in Scope::ALL {
            let opens = TABLE.iter().any(|row| row.2 == Needs(scope));
            // The audit log is read over routes of its own.
            assert!(opens || scope == Scope::AuditRead, "{scope}");
        }
    }
}
