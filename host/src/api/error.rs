//! How errors leave the host: the one mapping from [`Error`] to a status and a stable code.
//!
//! Invariant: exhaustive, so that a new variant does not compile until it has a code; the text of an
//! internal error never leaves, only the id of the request that met it. Absent and foreign objects give
//! the same bytes, because both are [`Error::NotFound`].

use std::error::Error as StdError;
use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::identity::Scope;
use crate::quota::Quota;
use crate::registry::RowFault;

use super::types::Problem;

mod code;

pub(crate) use code::Code;

/// Seconds after which a client that was told to wait should try again. Quotas refill and writers
/// recover within about a second; the client's own back-off does the rest.
const RETRY_AFTER_SECONDS: u32 = 1;

/// What a client is told when there is no room: which file did not grow is the operator's to know.
const STORAGE_FULL: &str = "the disk is full, or the tenant has reached tenant_bytes_max: nothing was \
    changed; reading works, and writing does again when there is room";

/// A request that was not fulfilled. The edge turns it into a document, because only the edge knows the
/// request's id.
#[derive(Debug, Clone)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    detail: Option<String>,
    field: Option<String>,
    limit: Option<String>,
    scope: Option<Scope>,
    event_id: Option<String>,
    turn_id: Option<String>,
    rows: Vec<RowFault>,
    /// Seconds after which the same may succeed, where that is known.
    retry_after: Option<u32>,
    source: Option<Arc<Error>>,
}

/// What a handler answers.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A problem of this sort, told in a sentence.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::bare(code).with(|parts| parts.detail = Some(detail.into()))
    }

    /// A problem of this sort without further words.
    pub(crate) fn bare(code: Code) -> Self {
        Self(Box::new(Parts {
            code,
            detail: None,
            field: None,
            limit: None,
            scope: None,
            event_id: None,
            turn_id: None,
            rows: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// The same with the scope that is lacking.
    pub(crate) fn scope(self, scope: Scope) -> Self {
        self.with(|parts| parts.scope = Some(scope))
    }

    /// The same with the event that was made before it failed.
    pub(crate) fn event(self, id: &impl ToString) -> Self {
        self.with(|parts| parts.event_id = Some(id.to_string()))
    }

    /// The same with the turn that failed.
    pub(crate) fn turn(self, id: &impl ToString) -> Self {
        self.with(|parts| parts.turn_id = Some(id.to_string()))
    }

    /// The same with each row of the input that is to blame.
    pub(crate) fn rows(self, rows: Vec<RowFault>) -> Self {
        self.with(|parts| parts.rows = rows)
    }

    /// What sort it is.
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// Why, for the audit log: the scope that is lacking, or the words that the client is told.
    pub(crate) fn reason(&self) -> Option<String> {
        let scope = self.0.scope.map(|scope| format!("lacks {scope}"));
        scope.or_else(|| self.0.detail.clone())
    }

    /// The document, for the request of this id.
    pub(crate) fn problem(&self, request_id: &str) -> Problem {
        let (status, code, title) = self.0.code.parts();
        Problem {
            problem_type: format!("urn:warren:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: self.0.detail.clone(),
            field: self.0.field.clone(),
            limit: self.0.limit.clone(),
            scope: self.0.scope.map(|scope| scope.to_string()),
            event_id: self.0.event_id.clone(),
            turn_id: self.0.turn_id.clone(),
            rows: self.0.rows.clone(),
            request_id: request_id.to_owned(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(&mut self.0);
        self
    }

    /// Tell the operator what the client is not told, once.
    fn log(&self) {
        let Some(error) = &self.0.source else { return };
        let mut cause = String::new();
        let mut source = error.source();
        while let Some(next) = source {
            cause = format!("{cause}: {next}");
            source = next.source();
        }
        if self.0.code == Code::Internal {
            tracing::error!(error = %error, cause, "a request failed");
        } else {
            tracing::warn!(error = %error, cause, "a request could not be served");
        }
    }
}

/// What to do at a limit.
fn advice(limit: &str) -> &'static str {
    match limit.parse::<Quota>() {
        Ok(_) => "free some, or ask the operator for more",
        Err(_) => "free some, or try again later",
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let words = error.to_string();
        match error {
            Error::Invalid { field, .. } => {
                Self::new(Code::Invalid, words).with(|p| p.field = Some(field.into_owned()))
            }
            Error::Denied { .. } => Self::new(Code::Denied, words),
            Error::NotFound { .. } => Self::new(Code::NotFound, words),
            Error::Conflict { .. } => Self::new(Code::Conflict, words),
            Error::TooLarge { limit, .. } => {
                Self::new(Code::TooLarge, words).with(|p| p.limit = Some(limit.to_owned()))
            }
            Error::Exhausted { limit, .. } => {
                let words = format!("{words}: {}", advice(limit));
                Self::new(Code::Exhausted, words).with(|p| p.limit = Some(limit.to_owned()))
            }
            Error::OverQuota {
                quota,
                retry_after_s,
                ..
            } => Self::new(Code::Exhausted, words).with(|p| {
                p.limit = Some(quota.to_owned());
                p.retry_after = Some(retry_after_s);
            }),
            Error::Suspended { .. } => Self::new(Code::Suspended, words),
            Error::StorageFull { .. } => Self::new(Code::StorageFull, STORAGE_FULL)
                .with(|p| p.source = Some(Arc::new(error))),
            // The reason may name files and addresses of the host.
            Error::Unavailable { what, .. } => {
                Self::new(Code::Unavailable, format!("{what} is not available"))
                    .with(|p| p.source = Some(Arc::new(error)))
            }
            Error::Internal { .. } => {
                Self::bare(Code::Internal).with(|p| p.source = Some(Arc::new(error)))
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.0.code.parts().0.into_response();
        let headers = response.headers_mut();
        match self.0.code {
            Code::Unauthenticated => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"warren\""),
                );
            }
            Code::Exhausted | Code::Unavailable | Code::StorageFull => {
                let seconds = self.0.retry_after.unwrap_or(RETRY_AFTER_SECONDS);
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(error: Error) -> (u16, Problem) {
        let error = ApiError::from(error);
        let status = error.clone().into_response().status().as_u16();
        (status, error.problem("req_1"))
    }

    fn over_quota() -> Error {
        Error::OverQuota {
            quota: "events_per_second",
            unit: "events a second",
            max: 5,
            retry_after_s: 7,
        }
    }

    #[test]
    fn each_error_has_its_status_and_code() {
        let io = || std::io::Error::other("/var/lib/secret");
        let table: [(Error, u16, &str); 11] = [
            (Error::invalid("topic", "no"), 422, "invalid"),
            (
                Error::Denied {
                    what: "x".into(),
                    grant: "y".into(),
                },
                403,
                "denied",
            ),
            (Error::not_found("agent", "a"), 404, "not_found"),
            (Error::conflict("event", "twice"), 409, "conflict"),
            (
                Error::TooLarge {
                    limit: "l",
                    unit: "bytes",
                    max: 1,
                    got: 2,
                },
                413,
                "too_large",
            ),
            (
                Error::Exhausted {
                    limit: "l",
                    unit: "rows",
                    max: 1,
                },
                429,
                "exhausted",
            ),
            (over_quota(), 429, "exhausted"),
            (
                Error::Suspended {
                    what: "tenant",
                    reason: "unpaid".into(),
                },
                403,
                "suspended",
            ),
            (
                Error::Unavailable {
                    what: "the store",
                    reason: "/var/lib/secret".into(),
                },
                503,
                "unavailable",
            ),
            (
                Error::StorageFull {
                    what: "/var/lib/secret".into(),
                },
                507,
                "storage_full",
            ),
            (Error::internal("reading", io()), 500, "internal"),
        ];
        for (error, status, code) in table {
            let (got, problem) = answer(error);
            assert_eq!((got, problem.code.as_str()), (status, code));
            assert_eq!(problem.status, status);
            assert!(!serde_json::to_string(&problem).unwrap().contains("secret"));
        }
    }

    #[test]
    fn a_limit_is_named_and_a_client_is_told_when_to_come_back() {
        let error = Error::Exhausted {
            limit: "streams_per_tenant_max",
            unit: "streams",
            max: 2,
        };
        let error = ApiError::from(error);
        assert_eq!(
            error.problem("r").limit.as_deref(),
            Some("streams_per_tenant_max")
        );
        assert_eq!(
            error.problem("r").detail.as_deref(),
            Some(
                "streams_per_tenant_max is 2 streams, all used: free some, or ask the operator for more"
            )
        );
        let response = error.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let error = ApiError::from(over_quota());
        let problem = error.problem("r");
        assert_eq!(problem.limit.as_deref(), Some("events_per_second"));
        assert!(
            problem
                .detail
                .is_some_and(|words| words.contains("is 5 events a second"))
        );
        assert_eq!(error.into_response().headers()[header::RETRY_AFTER], "7");
    }
}
