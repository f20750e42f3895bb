//! The HTTP client of the commands: one request, one answer, every failure turned into words.
//!
//! Invariant: the bytes of an answer are bounded, every wait has an end, and the key goes to the host of
//! the [`Connection`] alone: redirects are not followed. Knows no resource; those are in the commands.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use ureq::http::{self, HeaderMap, Method, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::connection::{self, Connection};
use super::failure::{Exit, Failure, Result};

mod problem;

/// How long a connection may take to open.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long an answer may take where the command sets no other time: longer than any single commit.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long a stream may be silent: the host sends a heartbeat more often.
const STREAM_SILENCE: Duration = Duration::from_mins(1);
/// Bodies of more bytes than this are announced before they are sent.
const ASK_FIRST_BYTES: usize = 1 << 20;
/// Longest answer in bytes: a full page of the largest events fits.
const ANSWER_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
    wait: Duration,
    by_operator: bool,
}

impl Request {
    /// `GET /v1/<segments joined by slashes>`.
    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    /// How the host is: no key is needed for it.
    pub(crate) fn health() -> Self {
        Self {
            path: "/healthz".to_owned(),
            ..Self::new(Method::GET, &[])
        }
    }

    /// `POST`.
    pub(crate) fn post(segments: &[&str]) -> Self {
        Self::new(Method::POST, segments)
    }

    /// `PATCH`.
    pub(crate) fn patch(segments: &[&str]) -> Self {
        Self::new(Method::PATCH, segments)
    }

    /// `PUT`.
    pub(crate) fn put(segments: &[&str]) -> Self {
        Self::new(Method::PUT, segments)
    }

    /// `DELETE`.
    pub(crate) fn delete(segments: &[&str]) -> Self {
        Self::new(Method::DELETE, segments)
    }

    fn new(method: Method, segments: &[&str]) -> Self {
        let path = segments.iter().fold("/v1".to_owned(), |mut path, segment| {
            path.push('/');
            path.push_str(&encoded(segment));
            path
        });
        Self {
            method,
            path,
            content_type: None,
            body: Vec::new(),
            headers: Vec::new(),
            wait: ANSWER_WAIT,
            by_operator: false,
        }
    }

    /// With a query parameter, if there is a value.
    #[must_use]
    pub(crate) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.path
                .push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(&encoded(name));
            self.path.push('=');
            self.path.push_str(&encoded(&value.to_string()));
        }
        self
    }

    /// With a header, if there is a value.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers
            .extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// With a JSON body.
    ///
    /// # Errors
    /// `Failed` if the value cannot be written as JSON.
    pub(crate) fn json(self, body: &impl Serialize) -> Result<Self> {
        Ok(self.bytes("application/json", serde_json::to_vec(body)?))
    }

    /// With a body.
    #[must_use]
    pub(crate) fn bytes(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.content_type = Some(content_type);
        if body.len() > ASK_FIRST_BYTES {
            // What the host refuses by its size is not sent: it would hang up in the middle, and say nothing.
            self.headers.push(("expect", "100-continue".to_owned()));
        }
        self.body = body;
        self
    }

    /// With another time to wait for the answer.
    #[must_use]
    pub(crate) fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// With the operator's key in place of the tenant's.
    #[must_use]
    pub(crate) fn by_operator(mut self) -> Self {
        self.by_operator = true;
        self
    }
}

/// An answer that was not an error.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Vec<u8>,
}

impl Answer {
    /// Read it as a type of the API.
    ///
    /// # Errors
    /// `Failed` if host and command are of versions that do not understand each other.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its JSON, as the host wrote it; null if it had no body.
    ///
    /// # Errors
    /// `Failed` if it is none.
    pub(crate) fn raw(&self) -> Result<Box<RawValue>> {
        if self.body.is_empty() {
            return Ok(RawValue::NULL.to_owned());
        }
        self.read()
    }
}

/// A client of one host.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    connection: Connection,
}

impl Client {
    /// For this connection; nothing is sent yet.
    pub(crate) fn new(connection: Connection) -> Self {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_WAIT))
            .user_agent(concat!("warren/", env!("CARGO_PKG_VERSION")));
        if connection::is_local(&connection.url) {
            config = config.proxy(None);
        }
        if let Some(pem) = &connection.ca {
            let trusted: Vec<Certificate<'static>> = parse_pem(pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            let roots = RootCerts::new_with_certs(&trusted);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Self {
            agent: config.build().new_agent(),
            connection,
        }
    }

    /// Who it talks to.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Send a request and read its answer.
    ///
    /// # Errors
    /// `Unreachable` without a host, else by the status of the problem it reports.
    pub(crate) fn send(&self, request: Request) -> Result<Answer> {
        let (head, bytes) = self.exchange(request)?;
        if !head.status.is_success() {
            return Err(self.refused(head.status, &head.headers, &bytes));
        }
        Ok(Answer { body: bytes })
    }

    /// Send a request to see how it is answered: the status and the body, be it a refusal.
    ///
    /// # Errors
    /// `Unreachable` without a host.
    pub(crate) fn look(&self, request: Request) -> Result<(u16, Vec<u8>)> {
        let (head, bytes) = self.exchange(request)?;
        Ok((head.status.as_u16(), bytes))
    }

    fn exchange(&self, request: Request) -> Result<(http::response::Parts, Vec<u8>)> {
        let wait = request.wait;
        let built = self.build(request, "application/json", None)?;
        let built = self
            .agent
            .configure_request(built)
            .timeout_global(Some(wait))
            .build();
        let response = self
            .agent
            .run(built)
            .map_err(|error| self.unsent(&error, wait))?;
        let (head, mut body) = response.into_parts();
        let bytes = body
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| self.unsent(&error, wait))?;
        Ok((head, bytes))
    }

    /// Open a stream of server-sent events, after the one of this id.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) fn stream(&self, request: Request, last_id: Option<&str>) -> Result<Box<dyn Read>> {
        let built = self.build(request, "text/event-stream", last_id)?;
        let built = self
            .agent
            .configure_request(built)
            .timeout_per_read(Some(STREAM_SILENCE))
            .build();
        let response = self
            .agent
            .run(built)
            .map_err(|error| self.unsent(&error, STREAM_SILENCE))?;
        let (head, mut body) = response.into_parts();
        if !head.status.is_success() {
            let bytes = body
                .with_config()
                .limit(ANSWER_BYTES_MAX)
                .read_to_vec()
                .unwrap_or_default();
            return Err(self.refused(head.status, &head.headers, &bytes));
        }
        Ok(Box::new(body.into_with_config().limit(u64::MAX).reader()))
    }

    fn build(
        &self,
        request: Request,
        accept: &str,
        last_id: Option<&str>,
    ) -> Result<http::Request<Vec<u8>>> {
        let mut built = http::Request::builder()
            .method(request.method)
            .uri(format!("{}{}", self.connection.url, request.path))
            .header("accept", accept);
        if let Some(content_type) = request.content_type {
            built = built.header("content-type", content_type);
        }
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        if let Some(id) = last_id {
            built = built.header("last-event-id", id);
        }
        let key = if request.by_operator {
            Some(
                self.connection
                    .admin_key
                    .as_deref()
                    .ok_or_else(no_admin_key)?,
            )
        } else {
            self.connection.key.as_deref()
        };
        if let Some(key) = key {
            built = built.header("authorization", format!("Bearer {key}"));
        }
        built.body(request.body).map_err(|error| {
            Failure::usage(format!("the address or the key is malformed: {error}"))
        })
    }

    fn unsent(&self, error: &ureq::Error, wait: Duration) -> Failure {
        let url = &self.connection.url;
        match error {
            ureq::Error::Rustls(_) => Failure::of(Exit::Unreachable, format!("{url}: {error}"))
                .hint("name who signed its certificate with --ca or WARREN_CA"),
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                Failure::of(Exit::Unreachable, format!("{url}: {cause}"))
                    .hint("name who signed its certificate with --ca or WARREN_CA")
            }
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Io(_) => {
                let message = format!(
                    "no host answers at {url} (from {}): {error}",
                    self.connection.from
                );
                Failure::of(Exit::Unreachable, message)
                    .hint("start one here with `warren dev`, or name one with --url or WARREN_URL")
            }
            ureq::Error::Timeout(_) => Failure::of(
                Exit::Busy,
                format!("{url} did not answer within {} s", wait.as_secs()),
            )
            .hint("the request may still be at work: look before you send it again"),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Failure::usage(format!("{url} is not an address of a host: {error}"))
                    .hint(format!("write it like {}", connection::DEFAULT_URL))
            }
            other => Failure::of(Exit::Unreachable, format!("{url}: {other}"))
                .hint("is that a Warren host? `curl` its /healthz"),
        }
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        let retry_after = headers
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        problem::failure(status.as_u16(), retry_after, body, &self.connection)
    }
}

fn no_admin_key() -> Failure {
    Failure::of(Exit::Denied, "this needs the operator's key")
        .hint("give --admin-key or WARREN_ADMIN_KEY; the host printed it when it first started")
}

/// Percent-encode all but what RFC 3986 leaves unreserved.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_encoded() {
        let request = Request::get(&["memory", "working", "agent:a", "x/y?"])
            .query("after", Some("ä b"))
            .query("limit", None::<u32>)
            .query("n", Some(3));
        assert_eq!(
            request.path,
            "/v1/memory/working/agent%3Aa/x%2Fy%3F?after=%C3%A4%20b&n=3"
        );
    }
}
