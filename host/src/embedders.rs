//! The embedders that a host can be told to use, and the background work that embeds what waits.
//!
//! Invariant: a host has one embedder, made here from its settings once, before anything is opened: what
//! cannot work stops the start. Knows no SQL and none of the host's HTTP side.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::millis;
use crate::error::{Error, Result};
use crate::memory::embed::{Embedder, Offline};

mod openai;
mod worker;

pub use worker::{Work, Worker};

use openai::OpenAi;

/// The environment variable of an endpoint's key.
pub const EMBEDDER_KEY_VARIABLE: &str = "WARREN_EMBEDDER_KEY";
/// Most dimensions of a vector: those of the largest common models, 16 KiB a vector.
pub const EMBEDDER_DIMS_MAX: usize = 4_096;
/// Most texts of one request: what the largest endpoints take.
pub const EMBEDDER_BATCH_MAX: usize = 2_048;

/// Which embedder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbedderKind {
    /// The one that is built in.
    #[default]
    Offline,
    /// An endpoint that speaks as `OpenAI`'s does: `POST <url>/embeddings`.
    Openai,
}

/// The host's embedder: `[memory.embedder]`. Settings of another kind than the chosen one must be left
/// as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbedderSettings {
    /// Which.
    pub kind: EmbedderKind,
    /// Endpoint: what stands before `/embeddings`, for example `http://127.0.0.1:11434/v1`.
    pub url: String,
    /// Endpoint: the model to ask for. With `dims` it makes the name under which vectors are kept.
    pub model: String,
    /// Endpoint: dimensions of the model's vectors; an answer of others is refused.
    pub dims: usize,
    /// Endpoint: ask for vectors of `dims` dimensions, where the model has more. Few models can.
    pub shorten: bool,
    /// Endpoint: texts of one request. More need fewer round trips and more memory there.
    pub batch: usize,
    /// Endpoint: how much of a text is sent, in bytes. Models see some thousand tokens; some endpoints cut
    /// what is longer, others refuse it.
    pub text_bytes_max: usize,
    /// Endpoint: time for a request that embeds entries. A machine without a graphics card may need it.
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
    /// Endpoint: time for a question, after which a search goes on with words alone.
    #[serde(rename = "question_timeout_ms", with = "millis")]
    pub question_timeout: Duration,
    /// Endpoint: its key, from the environment.
    #[serde(skip)]
    pub key: Option<EmbedderKey>,
}

impl Default for EmbedderSettings {
    fn default() -> Self {
        Self {
            kind: EmbedderKind::Offline,
            url: String::new(),
            model: String::new(),
            dims: 0,
            shorten: false,
            batch: 64,
            text_bytes_max: 16 * 1024,
            timeout: Duration::from_secs(30),
            question_timeout: Duration::from_secs(2),
            key: None,
        }
    }
}

/// The key of an endpoint. Shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct EmbedderKey(String);

impl EmbedderKey {
    /// A key as it was given.
    ///
    /// # Errors
    /// `Invalid` if no header can hold it.
    pub fn new(key: &str) -> Result<Self> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid(
                EMBEDDER_KEY_VARIABLE,
                "holds something else than visible ASCII without spaces",
            ));
        }
        Ok(Self(key.to_owned()))
    }

    fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for EmbedderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbedderKey(..)")
    }
}

impl EmbedderSettings {
    /// The embedder of these settings. It is not asked anything yet.
    ///
    /// # Errors
    /// `Invalid` that names the setting that cannot be.
    pub fn build(&self) -> Result<Arc<dyn Embedder>> {
        self.check()?;
        Ok(match self.kind {
            EmbedderKind::Offline => Arc::new(Offline::default()),
            EmbedderKind::Openai => Arc::new(OpenAi::new(self)),
        })
    }

    fn check(&self) -> Result<()> {
        match self.kind {
            EmbedderKind::Offline => self.check_unused(),
            EmbedderKind::Openai => self.check_endpoint(),
        }
    }

    /// Somebody who sets an address believes that it is used.
    fn check_unused(&self) -> Result<()> {
        let set = [
            ("url", !self.url.is_empty()),
            ("model", !self.model.is_empty()),
            ("dims", self.dims != 0),
        ];
        match set.iter().find(|(_, set)| *set) {
            Some((name, _)) => Err(wrong(
                name,
                "is set, but `memory.embedder.kind` is `offline`, which has none; \
                 set the kind to `openai` to use an endpoint",
            )),
            None => Ok(()),
        }
    }

    fn check_endpoint(&self) -> Result<()> {
        let (url, bytes) = (&self.url, self.text_bytes_max);
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            let reason = format!(
                "`{url}` does not begin with http:// or https://; give what stands before /embeddings, \
                 such as http://127.0.0.1:11434/v1"
            );
            return Err(wrong("url", reason));
        }
        if url.contains(['@', '?', '#']) {
            let reason = format!(
                "holds a user, a query or a fragment; a key belongs into {EMBEDDER_KEY_VARIABLE}"
            );
            return Err(wrong("url", reason));
        }
        if self.model.is_empty() || self.model.contains(char::is_control) {
            return Err(wrong("model", "names no model; the endpoint needs one"));
        }
        within("dims", self.dims, 1, EMBEDDER_DIMS_MAX)?;
        within("batch", self.batch, 1, EMBEDDER_BATCH_MAX)?;
        within("text_bytes_max", bytes, 1, crate::memory::TEXT_BYTES_MAX)?;
        let spans = [
            ("timeout_ms", self.timeout),
            ("question_timeout_ms", self.question_timeout),
        ];
        match spans.iter().find(|(_, span)| span.is_zero()) {
            Some((name, _)) => Err(wrong(name, "is 0; nothing is answered in no time")),
            None => Ok(()),
        }
    }
}

fn within(name: &str, got: usize, min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&got) {
        return Ok(());
    }
    Err(wrong(name, format!("is {got}, not {min} to {max}")))
}

fn wrong(name: &str, reason: impl Into<String>) -> Error {
    Error::invalid(format!("memory.embedder.{name}"), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> EmbedderSettings {
        EmbedderSettings {
            kind: EmbedderKind::Openai,
            url: "http://127.0.0.1:1/v1".to_owned(),
            model: "small".to_owned(),
            dims: 8,
            ..EmbedderSettings::default()
        }
    }

    #[test]
    fn the_name_says_what_vectors_depend_on() {
        let name = |settings: EmbedderSettings| settings.build().unwrap().name().to_string();
        assert_eq!(name(EmbedderSettings::default()), "hash-384-2");
        assert_eq!(name(endpoint()), "openai/small/8");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let check = |change: &dyn Fn(&mut EmbedderSettings), words: &[&str]| {
            let mut settings = endpoint();
            change(&mut settings);
            let error = settings.build().err().unwrap().to_string();
            for word in words {
                assert!(error.contains(word), "{error} should say {word}");
            }
        };
        check(&|s| s.url.clear(), &["embedder.url", "http://"]);
        check(&|s| s.url = "ftp://x".into(), &["embedder.url", "ftp://x"]);
        check(
            &|s| s.url = "https://key@x/v1".into(),
            &["embedder.url", EMBEDDER_KEY_VARIABLE],
        );
        check(&|s| s.model.clear(), &["embedder.model"]);
        check(&|s| s.dims = 0, &["embedder.dims", "0", "1 to 4096"]);
        check(&|s| s.dims = 4_097, &["embedder.dims", "4097"]);
        check(&|s| s.batch = 2_049, &["embedder.batch", "2049"]);
        check(&|s| s.text_bytes_max = 65_537, &["text_bytes_max", "65537"]);
        check(&|s| s.timeout = Duration::ZERO, &["timeout_ms"]);
        check(
            &|s| s.question_timeout = Duration::ZERO,
            &["question_timeout_ms"],
        );
        check(
            &|s| s.kind = EmbedderKind::Offline,
            &["url", "offline", "openai"],
        );
        for (dims, batch) in [(1, 1), (4_096, 2_048)] {
            let at = EmbedderSettings {
                dims,
                batch,
                ..endpoint()
            };
            assert!(at.build().is_ok());
        }
    }

    #[test]
    fn a_key_is_shown_to_nobody_and_fits_a_header() {
        let key = EmbedderKey::new(" sk-secret\n").unwrap();
        assert_eq!(key.reveal(), "sk-secret");
        let settings = EmbedderSettings {
            key: Some(key),
            ..endpoint()
        };
        assert!(!format!("{settings:?}").contains("secret"));
        for bad in ["", "  ", "a b", "é"] {
            assert!(EmbedderKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
