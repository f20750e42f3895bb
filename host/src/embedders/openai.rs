//! An embedder behind an endpoint that speaks as `OpenAI`'s does: hosted models, Ollama, vLLM, TEI, llama.cpp.
//!
//! A request is tried [`TRIES_MAX`] times for what may pass (no connection, a time-out, 408, 429, 5xx), with
//! a growing wait of which half is chance. An answer is believed only if it has one vector of the right
//! dimensions and of finite numbers for each text. The client is ureq on a blocking thread: it is in the tree already
//! with its TLS, embedders are called off the async threads anyway, and few requests run at once.
//!
//! Invariant: texts and key go to the configured address alone (no redirects, no proxy), and no error repeats a text
//! or what the endpoint said of one.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;

use super::{EMBEDDER_KEY_VARIABLE, EmbedderSettings};
use crate::error::{Error, Result};
use crate::memory::embed::{Embedder, Embedding, Timing, unavailable};

/// How often a request is sent before it is given up: the background work comes again later.
const TRIES_MAX: u32 = 3;
/// The wait before the second try; it doubles.
const WAIT_FIRST: Duration = Duration::from_millis(250);
/// How long a connection may take to open.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Bytes of an answer for each number in it: up to twenty digits with sign, point, exponent and comma.
const NUMBER_BYTES: usize = 32;
/// Bytes of an answer beside its numbers.
const REST_BYTES: usize = 64 * 1024;
/// A text that every model takes: refused, it is not the texts that are at fault.
const PROBE: &str = "probe";

/// The embedder.
pub(super) struct OpenAi {
    name: Arc<str>,
    settings: EmbedderSettings,
    address: String,
    agent: ureq::Agent,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

/// Why a request brought no vectors.
enum Failure {
    /// It may work when it is sent again.
    Passing(String),
    /// The endpoint will not take these texts.
    Refused(String),
    /// It will not work until somebody changes something.
    Lasting(String),
}

impl OpenAi {
    /// For settings that were checked.
    pub(super) fn new(settings: &EmbedderSettings) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_WAIT))
            .user_agent(concat!("warren/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self {
            name: format!("openai/{}/{}", settings.model, settings.dims).into(),
            address: format!("{}/embeddings", settings.url.trim_end_matches('/')),
            settings: settings.clone(),
            agent,
        }
    }

    fn send(&self, texts: &[&str], wait: Duration) -> Result<Vec<Embedding>, Failure> {
        let request = Request {
            model: &self.settings.model,
            input: texts,
            encoding_format: "float",
            dimensions: self.settings.shorten.then_some(self.settings.dims),
        };
        let mut post = self.agent.post(&self.address);
        if let Some(key) = &self.settings.key {
            post = post.header("authorization", format!("Bearer {}", key.reveal()));
        }
        let sent = post
            .config()
            .timeout_global(Some(wait))
            .build()
            .send_json(&request);
        let mut answer = sent.map_err(|error| self.unsent(&error, wait))?;
        let status = answer.status();
        let numbers = texts.len().saturating_mul(self.settings.dims);
        let bytes_max = numbers * NUMBER_BYTES + REST_BYTES;
        let mut body = Vec::new();
        let reader = answer.body_mut().as_reader();
        reader
            .take(bytes_max as u64 + 1)
            .read_to_end(&mut body)
            .map_err(|error| Failure::Passing(format!("{}: {error}", self.address)))?;
        if !status.is_success() {
            return Err(self.refused(status, &body));
        }
        if body.len() > bytes_max {
            let reason = format!("answered more than {bytes_max} bytes");
            return Err(self.lasting(&reason));
        }
        self.read(texts.len(), &body)
    }

    /// The vectors of an answer, in the order of the texts.
    fn read(&self, texts: usize, body: &[u8]) -> Result<Vec<Embedding>, Failure> {
        let answer: Answer = serde_json::from_slice(body).map_err(|error| {
            // Its place and no more: the error's own words may quote the answer.
            let (line, column) = (error.line(), error.column());
            self.lasting(&format!("answered no vectors: line {line} column {column}"))
        })?;
        if answer.data.len() != texts {
            let reason = format!("answered {} vectors for {texts} texts", answer.data.len());
            return Err(self.lasting(&reason));
        }
        let mut vectors = vec![None; texts];
        for Item { index, embedding } in answer.data {
            let dims = embedding.len();
            if dims != self.settings.dims {
                let reason = format!(
                    "answered a vector of {dims} dimensions, memory.embedder.dims is {}",
                    self.settings.dims
                );
                return Err(self.lasting(&reason));
            }
            let vector = Embedding::new(embedding).ok_or_else(|| {
                self.lasting("answered a vector with a number that is not finite")
            })?;
            match vectors.get_mut(index) {
                Some(place @ None) => *place = Some(vector),
                _ => {
                    let reason = format!("answered index {index} twice or past the {texts} texts");
                    return Err(self.lasting(&reason));
                }
            }
        }
        // As many as places, each in one of its own: none is left.
        Ok(vectors.into_iter().flatten().collect())
    }

    fn lasting(&self, reason: &str) -> Failure {
        Failure::Lasting(format!("{} {reason}", self.address))
    }

    fn unsent(&self, error: &ureq::Error, wait: Duration) -> Failure {
        let address = &self.address;
        match error {
            ureq::Error::Timeout(_) => Failure::Passing(format!(
                "{address} took longer than {} ms",
                wait.as_millis()
            )),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::Json(_) => {
                Failure::Lasting(format!("{address} cannot be asked: {error}"))
            }
            other => Failure::Passing(format!("{address} cannot be reached: {other}")),
        }
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let code = code_of(body).map_or_else(String::new, |code| format!(" ({code})"));
        let answered = format!("{} answered {}{code}", self.address, status.as_u16());
        match status.as_u16() {
            400 | 413 | 422 => Failure::Refused(answered),
            401 | 403 => Failure::Lasting(format!("{answered}: check {EMBEDDER_KEY_VARIABLE}")),
            404 => Failure::Lasting(format!(
                "{answered}: check memory.embedder.url and memory.embedder.model"
            )),
            408 | 425 | 429 | 500..=599 => Failure::Passing(answered),
            _ => Failure::Lasting(answered),
        }
    }

    fn cut<'a>(&self, text: &'a str) -> &'a str {
        let end = text.floor_char_boundary(self.settings.text_bytes_max);
        text.get(..end).unwrap_or(text)
    }

    /// Whether it refuses even what every model takes.
    fn refuses_all(&self) -> bool {
        matches!(
            self.send(&[PROBE], self.settings.timeout),
            Err(Failure::Refused(_))
        )
    }
}

impl Embedder for OpenAi {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn dims(&self) -> usize {
        self.settings.dims
    }

    fn timing(&self) -> Timing {
        Timing::Deferred
    }

    fn batch_max(&self) -> usize {
        self.settings.batch
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        let texts: Vec<&str> = texts.iter().map(|text| self.cut(text)).collect();
        let mut tries = 0;
        loop {
            tries += 1;
            match self.send(&texts, self.settings.timeout) {
                Ok(vectors) => return Ok(vectors),
                Err(Failure::Passing(_)) if tries < TRIES_MAX => {
                    let whole = WAIT_FIRST.saturating_mul(1 << (tries - 1));
                    std::thread::sleep(whole.mul_f64(0.5 + fastrand::f64() / 2.0));
                }
                Err(Failure::Passing(reason)) => {
                    return Err(unavailable(format!("{reason} ({TRIES_MAX} tries)")));
                }
                Err(Failure::Lasting(reason)) => return Err(unavailable(reason)),
                Err(Failure::Refused(reason)) => {
                    // With several texts the caller finds the one.
                    return Err(if texts.len() == 1 && self.refuses_all() {
                        unavailable(format!("{reason} to any text: check memory.embedder"))
                    } else {
                        Error::invalid("text", reason)
                    });
                }
            }
        }
    }

    fn embed_question(&self, text: &str) -> Result<Embedding> {
        let sent = self.send(&[self.cut(text)], self.settings.question_timeout);
        let vectors = sent.map_err(|failure| match failure {
            Failure::Passing(reason) | Failure::Lasting(reason) => unavailable(reason),
            Failure::Refused(reason) => Error::invalid("text", reason),
        })?;
        // `read` makes as many as there were texts.
        Ok(vectors.into_iter().next().unwrap_or_default())
    }
}

/// The endpoint's word for what is wrong, if it is a word and not a sentence that may hold anything.
fn code_of(body: &[u8]) -> Option<String> {
    const CODE_BYTES_MAX: usize = 64;
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    let words = ["code", "type"].map(|name| error.get(name).and_then(serde_json::Value::as_str));
    let is_word = |word: &&str| {
        !word.is_empty()
            && word.len() <= CODE_BYTES_MAX
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    words.into_iter().flatten().find(is_word).map(str::to_owned)
}

#[cfg(test)]
mod tests;
