//! The guest of the host's tests that asks over HTTP: the event's payload is a list of requests, sent in order through
//! `wasi:http/outgoing-handler`.
//!
//! Leaves what came of each under `answers` in its working memory: status, headers and body, or the error's name. It
//! must not know what a test expects of the host.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Event, Failure, Grant, Topic};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

/// Bytes that are written or read at once.
const CHUNK: usize = 16 << 10;
/// Bytes of a body that are kept in the answer.
const KEPT: usize = 4 << 10;
/// Milliseconds to nanoseconds.
const NS_PER_MS: u64 = 1_000_000;

/// A request.
#[derive(Deserialize)]
#[serde(default)]
struct Ask {
    method: String,
    /// As `wasi:http` has it; none leaves it out.
    scheme: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// A body of so many bytes.
    body_bytes: usize,
    /// Do not finish the body.
    abandon: bool,
    connect_ms: Option<u64>,
    first_byte_ms: Option<u64>,
    between_bytes_ms: Option<u64>,
    /// Keep the answer, unread, until the turn ends.
    hold: bool,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            scheme: None,
            authority: None,
            path: None,
            headers: Vec::new(),
            body: None,
            body_bytes: 0,
            abandon: false,
            connect_ms: None,
            first_byte_ms: None,
            between_bytes_ms: None,
            hold: false,
        }
    }
}

/// What came of it.
#[derive(Default, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: String,
    body_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The agent.
pub fn asker() -> Agent {
    Agent::new("asker")
        .describe("Asks over HTTP what its event says.")
        .on_type(Topic::BusinessFacts, "asker.ask", handle)
        .http("*.test")
        .http("http://*.test")
        .grants(Grant::WORKING)
        .concurrency(64)
}

warren_agent::export!(asker);

#[expect(clippy::needless_pass_by_value, reason = "handlers take their event")]
fn handle(ctx: &Context, event: Event<Vec<Ask>>) -> Result<(), Failure> {
    let mut held = Vec::new();
    let mut answers = Vec::new();
    for ask in &event.data {
        let mut answer = Answer::default();
        match send(ask, &mut answer) {
            Ok(Some(response)) => held.push(response),
            Ok(None) => {}
            Err(error) => answer.error = Some(error),
        }
        answers.push(answer);
    }
    ctx.working().put("answers", &answers)?;
    drop(held);
    Ok(())
}

/// The answer, if it is to be held.
fn send(ask: &Ask, answer: &mut Answer) -> Result<Option<IncomingResponse>, String> {
    let request = request(ask)?;
    let body = request.body().map_err(|()| "body".to_owned())?;
    let pending = outgoing_handler::handle(request, Some(options(ask))).map_err(|e| name(&e))?;
    if !ask.abandon {
        // Whoever refuses the body says why in the answer.
        let _ = write(body, ask);
    }
    pending.subscribe().block();
    let response = pending
        .get()
        .ok_or("not ready")?
        .map_err(|()| "taken".to_owned())?
        .map_err(|error| name(&error))?;
    answer.status = Some(response.status());
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let headers = response.headers().entries().into_iter();
    answer.headers = headers.map(|(name, value)| (name, text(value))).collect();
    if ask.hold {
        return Ok(Some(response));
    }
    let body = response.consume().map_err(|()| "consumed".to_owned())?;
    read(&body, answer)?;
    Ok(None)
}

fn request(ask: &Ask) -> Result<OutgoingRequest, String> {
    let fields = Fields::new();
    for (name, value) in &ask.headers {
        fields
            .append(name, value.as_bytes())
            .map_err(|error| format!("{error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let refused = |what: &'static str| move |()| format!("refused: {what}");
    let method = match ask.method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(refused("method"))?;
    let scheme = ask.scheme.as_deref().map(|scheme| match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    });
    request
        .set_scheme(scheme.as_ref())
        .map_err(refused("scheme"))?;
    request
        .set_authority(ask.authority.as_deref())
        .map_err(refused("authority"))?;
    request
        .set_path_with_query(ask.path.as_deref())
        .map_err(refused("path"))?;
    Ok(request)
}

fn options(ask: &Ask) -> RequestOptions {
    let options = RequestOptions::new();
    let ns = |ms: Option<u64>| ms.map(|ms| ms * NS_PER_MS);
    // The host takes what it is given and keeps its own limits.
    let _ = options.set_connect_timeout(ns(ask.connect_ms));
    let _ = options.set_first_byte_timeout(ns(ask.first_byte_ms));
    let _ = options.set_between_bytes_timeout(ns(ask.between_bytes_ms));
    options
}

fn write(body: OutgoingBody, ask: &Ask) -> Result<(), StreamError> {
    let filler = vec![b'x'; ask.body_bytes];
    let mut rest = ask.body.as_deref().map_or(&*filler, str::as_bytes);
    if let Ok(stream) = body.write() {
        let ready = stream.subscribe();
        while !rest.is_empty() {
            ready.block();
            let permitted = usize::try_from(stream.check_write()?).unwrap_or(CHUNK);
            let (now, later) = rest.split_at(rest.len().min(CHUNK).min(permitted));
            stream.write(now)?;
            rest = later;
        }
        stream.flush()?;
        ready.block();
    }
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

fn read(body: &IncomingBody, answer: &mut Answer) -> Result<(), String> {
    let stream = body.stream().map_err(|()| "streamed".to_owned())?;
    loop {
        match stream.blocking_read(CHUNK as u64) {
            Ok(bytes) => {
                answer.body_bytes += bytes.len();
                let room = KEPT.saturating_sub(answer.body.len()).min(bytes.len());
                let kept = bytes.get(..room).unwrap_or_default();
                answer.body.push_str(&String::from_utf8_lossy(kept));
            }
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                let error = http_error_code(&error);
                return Err(error.map_or("stream".to_owned(), |error| name(&error)));
            }
        }
    }
}

/// The case of an error, without what it carries.
fn name(error: &ErrorCode) -> String {
    let text = format!("{error:?}");
    let case = text.rsplit("ErrorCode::").next().unwrap_or_default();
    let end = case.find(['(', ' ', '{']).unwrap_or(case.len());
    case.get(..end).unwrap_or_default().to_owned()
}
