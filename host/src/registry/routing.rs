//! From an address or a wish to the one entry to ask: `klp://name/path`, or what it must be able to do.
//!
//! Invariant: what is chosen works at this very moment, as far as anybody knows: active before degraded,
//! and never unhealthy, paused or offline.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{AgentId, AgentName};

use super::discovery::{Entry, Found};
use super::lifecycle::{HostedFacts, ServiceState};
use super::{Directory, Service, ServiceQuery, URL_BYTES_MAX, Viewer};

/// What addresses begin with.
const SCHEME: &str = "klp://";

/// An address `klp://name/path`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whom.
    pub name: AgentName,
    /// What of it: empty, or with a slash in front.
    pub path: String,
}

impl Address {
    /// Read an address.
    ///
    /// # Errors
    /// `Invalid` if it is none, or leads out of the entry by `..`.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |reason: String| Err(Error::invalid("address", reason));
        if text.len() > URL_BYTES_MAX {
            let got = text.len();
            return refuse(format!("{got} bytes, the limit is {URL_BYTES_MAX}"));
        }
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return refuse(format!(
                "it does not begin with `{SCHEME}`: write `klp://name/path`"
            ));
        };
        let (name, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let leads_out = path.split('/').any(|part| {
            let part = part.to_ascii_lowercase().replace("%2e", ".");
            part == ".." || part == "."
        });
        if leads_out || !path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return refuse(format!("`{}` is not a path", path.escape_default()));
        }
        Ok(Self {
            name: AgentName::new(name)?,
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl Service {
    /// Where a path of it is; none if it says not where it is.
    pub fn url_of(&self, path: &str) -> Option<String> {
        let url = self.definition.url.as_deref()?;
        if path.is_empty() {
            return Some(url.to_owned());
        }
        // What asks or points belongs to the url alone, not to a path below it.
        let base = url.split(['?', '#']).next().unwrap_or(url);
        Some(format!("{}{path}", base.trim_end_matches('/')))
    }

    /// Whether it may be asked now.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        matches!(
            self.state_at(now),
            ServiceState::Active | ServiceState::Degraded
        )
    }
}

impl Directory {
    /// All that match and may be asked now, services that have a url and agents of this host, the best first:
    /// active before degraded, then the one with the most idle processor (one that tells nothing counts as half
    /// busy), then by name.
    pub fn best(
        &self,
        viewer: Viewer<'_>,
        query: &ServiceQuery,
        facts: &HashMap<AgentId, HostedFacts>,
        now: Timestamp,
    ) -> Vec<Found> {
        let mut found = self.entries(viewer, query, facts, now);
        found.retain(|found| {
            let is_somewhere = found.is_hosted() || found.definition.url.is_some();
            is_somewhere && matches!(found.state, ServiceState::Active | ServiceState::Degraded)
        });
        found.sort_by(|a, b| {
            let by_load = load(a).partial_cmp(&load(b)).unwrap_or(Ordering::Equal);
            let by_state = a.state.cmp(&b.state).then(by_load);
            by_state.then_with(|| a.name().cmp(b.name()))
        });
        found
    }
}

/// Percent of the processor in use.
fn load(found: &Found) -> f64 {
    /// What is assumed of what tells nothing, as agents do.
    const UNKNOWN: f64 = 50.0;
    let told = match &found.entry {
        Entry::Service(service) => service.health.as_ref(),
        Entry::Agent(..) => None,
    };
    let told = told.and_then(|health| health.cpu_percent);
    told.unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_name_and_a_path() {
        let read = |text: &str| {
            let address = Address::parse(text).ok()?;
            Some((address.name.to_string(), address.path))
        };
        let table = [
            ("klp://weather", Some(("weather", ""))),
            ("klp://weather/", Some(("weather", ""))),
            ("klp://weather/ask/now", Some(("weather", "/ask/now"))),
            ("weather", None),
            ("http://weather", None),
            ("klp://", None),
            ("klp://Weather", None),
            ("klp://weather:80", None),
            ("klp://user@weather", None),
            ("klp://weather/../admin", None),
            ("klp://weather/%2e%2E/admin", None),
            ("klp://weather/a b", None),
            ("klp://weather/a\\b", None),
        ];
        for (text, expect) in table {
            let expect =
                expect.map(|(name, path): (&str, &str)| (name.to_owned(), path.to_owned()));
            assert_eq!(read(text), expect, "{text}");
        }
        let long = |n: usize| format!("klp://a/{}", "x".repeat(n - 8));
        assert!(read(&long(URL_BYTES_MAX)).is_some());
        assert!(read(&long(URL_BYTES_MAX + 1)).is_none());
    }
}
