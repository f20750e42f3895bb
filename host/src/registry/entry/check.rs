//! The limits of a service's definition.

use crate::error::{Error, Result};
use crate::registry::manifest::{Promises, TAGS_MAX, check_count, check_word};
use crate::registry::{DESCRIPTION_BYTES_MAX, MANIFEST_BYTES_MAX};

use super::ServiceDefinition;

/// Longest definition as JSON in bytes, as a manifest's.
pub const SERVICE_BYTES_MAX: usize = MANIFEST_BYTES_MAX;
/// Longest url in bytes: what servers take.
pub const URL_BYTES_MAX: usize = 2_048;
/// Most endpoints.
pub const ENDPOINTS_MAX: usize = 64;
/// Longest metadata in bytes: labels and settings, not data.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// Most keys that may see a private service beside its owner's.
pub const READERS_MAX: usize = 32;
/// Names that are words of the HTTP side: `/v1/services/resolve` is no service.
pub const RESERVED_NAMES: [&str; 6] = ["brief", "import", "overview", "resolve", "stream", "ws"];
/// Longest time to live in seconds: a day. What beats less often should say that it never does.
pub const TTL_S_MAX: u32 = 86_400;

impl ServiceDefinition {
    /// Check it against the limits.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` that names the member, its value and the rule.
    pub fn check(&self) -> Result<()> {
        if RESERVED_NAMES.contains(&self.name.as_str()) {
            let reason = format!(
                "`{}` is a word of the host's own: choose another",
                self.name
            );
            return Err(Error::invalid("name", reason));
        }
        self.check_words()?;
        self.check_lists()?;
        self.check_texts()?;
        if let Some(url) = &self.url {
            check_url(url)?;
        }
        if let Some(metadata) = &self.metadata {
            if !metadata.as_str().starts_with('{') {
                return Err(Error::invalid("metadata", "it is not a JSON object"));
            }
            fits("metadata", metadata.as_str().len(), METADATA_BYTES_MAX)?;
        }
        if let Some(ttl_s) = self.ttl_s.filter(|ttl_s| *ttl_s > TTL_S_MAX) {
            let reason = format!(
                "{ttl_s} seconds, the limit is {TTL_S_MAX}; 0 is for one that sends no heartbeats"
            );
            return Err(Error::invalid("ttl_s", reason));
        }
        let promises = Promises {
            prefix: "",
            capabilities: &self.capabilities,
            handled: &self.subscriptions,
            published: &self.produces,
        };
        promises.check()?;
        let text =
            serde_json::to_string(self).map_err(|e| Error::internal("writing a service", e))?;
        if text.len() > SERVICE_BYTES_MAX {
            return Err(Error::TooLarge {
                limit: "service_bytes_max",
                unit: "bytes",
                max: SERVICE_BYTES_MAX as u64,
                got: text.len() as u64,
            });
        }
        Ok(())
    }

    fn check_words(&self) -> Result<()> {
        if !self.version.is_empty() {
            check_word("version", &self.version)?;
        }
        let words = [
            ("category", self.category.as_deref()),
            ("protocol", self.protocol.as_deref()),
        ];
        for (field, word) in words {
            word.map_or(Ok(()), |word| check_word(field, word))?;
        }
        for tag in &self.tags {
            check_word("tags", tag)?;
        }
        for method in self.endpoints.iter().filter_map(|e| e.method.as_deref()) {
            check_word("endpoints.method", method)?;
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<()> {
        let lists = [
            ("tags", self.tags.len(), TAGS_MAX),
            ("endpoints", self.endpoints.len(), ENDPOINTS_MAX),
            ("readers", self.readers.len(), READERS_MAX),
        ];
        for (field, got, max) in lists {
            check_count(field, got, max)?;
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<()> {
        let described = [("description", self.description.as_str())];
        let hint = self.auth.iter().map(|auth| ("auth.hint", &*auth.hint));
        let endpoints = self
            .endpoints
            .iter()
            .map(|e| ("endpoints.description", &*e.description));
        for (field, text) in described.into_iter().chain(hint).chain(endpoints) {
            fits(field, text.len(), DESCRIPTION_BYTES_MAX)?;
        }
        for endpoint in &self.endpoints {
            fits("endpoints.path", endpoint.path.len(), URL_BYTES_MAX)?;
            if !endpoint.path.starts_with('/') || !is_visible(&endpoint.path) {
                let shown = shown(&endpoint.path);
                let reason = format!("`{shown}` does not begin with `/`, or holds a space");
                return Err(Error::invalid("endpoints.path", reason));
            }
        }
        Ok(())
    }
}

/// A url tells where, and nothing of how to get in: one with a password in it is refused.
fn check_url(url: &str) -> Result<()> {
    fits("url", url.len(), URL_BYTES_MAX)?;
    let refuse = |reason: &str| {
        let shown = shown(url);
        Err(Error::invalid("url", format!("`{shown}` {reason}")))
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return refuse("has no scheme: write `https://host/path`");
    };
    let named = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !named || authority.is_empty() || !is_visible(url) {
        return refuse("is not a url: write `https://host/path`");
    }
    if authority.contains('@') {
        // What stands before the `@` may be a password: not shown.
        return Err(Error::invalid(
            "url",
            "it holds a user or a password before `@`: the catalogue is no place for secrets",
        ));
    }
    Ok(())
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

fn fits(field: &'static str, got: usize, max: usize) -> Result<()> {
    if got > max {
        let reason = format!("{got} bytes, the limit is {max}");
        return Err(Error::invalid(field, reason));
    }
    Ok(())
}

fn shown(text: &str) -> String {
    text.chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect()
}
