//! From the host's problem+json to words, a hint and an exit code.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::cli::connection::Connection;
use crate::cli::failure::{Exit, Failure};
use crate::registry::RowFault;

/// What of RFC 9457 is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    field: Option<String>,
    request_id: Option<String>,
    event_id: Option<String>,
    rows: Vec<RowFault>,
}

impl Problem {
    /// Whether a payload is refused: what is wrong is at `data`, or at a place in it.
    fn is_of_payload(&self) -> bool {
        let place = self.field.as_deref().and_then(|f| f.strip_prefix("data"));
        place.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Longest excerpt of an answer that is not a problem document, in characters.
const EXCERPT_CHARS: usize = 200;

/// The failure that an answer with an error status is.
pub(super) fn failure(
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    connection: &Connection,
) -> Failure {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return stranger(status, body, connection);
    };
    let words = problem.detail.as_deref().or(problem.title.as_deref());
    let mut message = words.map_or_else(|| format!("status {status}"), str::to_owned);
    if let Some(code) = &problem.code {
        message = format!("{message} [{code}]");
    }
    for row in &problem.rows {
        let _ = write!(message, "\n  {}", told(row));
    }
    let failure = Failure::of(exit(status), message);
    match hint(status, retry_after, &problem, connection) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What is wrong with a row of a file.
fn told(fault: &RowFault) -> String {
    let line = fault.line.map(|line| format!(" (line {line})"));
    let name = fault.name.as_ref().map(|name| format!(" {name}"));
    format!(
        "row {}{}{}: {}: {}",
        fault.row,
        line.unwrap_or_default(),
        name.unwrap_or_default(),
        fault.field,
        fault.reason
    )
}

fn exit(status: u16) -> Exit {
    match status {
        400 | 413 | 415 | 422 => Exit::Usage,
        401 | 403 => Exit::Denied,
        404 => Exit::NotFound,
        408 | 429 | 503 | 504 | 507 => Exit::Busy,
        _ => Exit::Failed,
    }
}

fn hint(
    status: u16,
    retry_after: Option<&str>,
    problem: &Problem,
    connection: &Connection,
) -> Option<String> {
    if let Some(event) = &problem.event_id {
        return Some(format!(
            "`warren turns --event {event}` says what became of it"
        ));
    }
    let hint = match status {
        401 if connection.key.is_none() => {
            "give the tenant's key with --key or WARREN_KEY; `warren dev` makes and stores one"
                .to_owned()
        }
        401 => "the key may be revoked, or of another host: `warren keys list TENANT` as operator"
            .to_owned(),
        403 => "tenants' keys are for `--key`, the operator's is for `--admin-key`".to_owned(),
        422 if problem.is_of_payload() => {
            "nothing was published; `warren schemas` shows what payloads must look like".to_owned()
        }
        400 | 415 | 422 => {
            "nothing was done; the command with --help shows what it takes".to_owned()
        }
        413 => "nothing was done; send less (of a component: strip debug information, leave packages out), or have \
                the operator of the host raise that limit in its settings"
            .to_owned(),
        409 => {
            "nothing was changed; `warren agents` and `warren services` show what is there".to_owned()
        }
        404 => {
            "lists show what there is: `warren agents`, `services`, `events`, `turns`, `dead-letters`, `tenants`"
                .to_owned()
        }
        429 | 503 => match retry_after {
            Some(seconds) => format!("try again in {seconds} s"),
            None => "try again in a moment".to_owned(),
        },
        507 => "free some space on the host's disk, or raise tenant_bytes_max; then try again"
            .to_owned(),
        500.. => match &problem.request_id {
            Some(id) => format!("the host's log says why, under request id {id}"),
            None => "the host's log says why".to_owned(),
        },
        _ => return None,
    };
    Some(hint)
}

/// Something answered that does not speak our protocol.
fn stranger(status: u16, body: &[u8], connection: &Connection) -> Failure {
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .take(EXCERPT_CHARS)
        .collect();
    let message = format!(
        "{} answered with status {status}: {}",
        connection.url,
        text.trim()
    );
    Failure::of(exit(status), message).hint(format!(
        "is that a Warren host? The address is from {}",
        connection.from
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_exit_code_and_a_hint() {
        let connection = Connection {
            url: "http://127.0.0.1:7171".to_owned(),
            key: None,
            admin_key: None,
            from: "the default".to_owned(),
            ca: None,
        };
        let check = |status: u16, exit: Exit, hint: &str| {
            let body = br#"{"title":"T","detail":"D","code":"c","request_id":"r1"}"#;
            let failure = failure(status, Some("7"), body, &connection);
            assert_eq!(
                (failure.exit, failure.to_string().as_str()),
                (exit, "D [c]")
            );
            let got = failure.next_step().unwrap_or_default();
            assert!(got.contains(hint), "{status}: {got}");
        };
        check(400, Exit::Usage, "--help");
        check(401, Exit::Denied, "--key");
        check(403, Exit::Denied, "--admin-key");
        check(404, Exit::NotFound, "warren agents");
        check(409, Exit::Failed, "warren agents");
        check(413, Exit::Usage, "send less");
        check(429, Exit::Busy, "in 7 s");
        check(500, Exit::Failed, "r1");
        check(503, Exit::Busy, "in 7 s");
        check(507, Exit::Busy, "tenant_bytes_max");
        let refused = |field: &str| {
            let body = format!(r#"{{"detail":"D","field":"{field}"}}"#);
            let failure = failure(422, None, body.as_bytes(), &connection);
            failure.next_step().unwrap_or_default().to_owned()
        };
        assert!(refused("data/total").contains("warren schemas"));
        assert!(refused("data").contains("warren schemas"));
        assert!(refused("database").contains("--help"));
        let called = failure(504, None, br#"{"event_id":"evt_1"}"#, &connection);
        assert_eq!(called.exit, Exit::Busy);
        let next = called.next_step().unwrap_or_default();
        assert!(next.contains("--event evt_1"), "{next}");
        let other = failure(502, None, b"<html>Bad gateway", &connection);
        assert!(other.to_string().contains("<html>Bad gateway"), "{other}");
    }
}
