//! Secrets of a tenant: set once, sent by the host, shown to nobody.
//!
//! Invariant: a value goes in and is never read back by anybody but the host's client, for a request of the tenant that it
//! belongs to, to a host and in a header that it was set for. It is sealed before it reaches a store, bound to its tenant
//! and name, so that it opens nowhere else. Knows nothing of SQL or HTTP.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::SecretName;
use crate::identity::TenantScope;
use crate::registry::{HTTP_GRANTS_MAX, HttpGrant, Origin};

mod vault;

pub use vault::Vault;

/// Most secrets of a tenant.
pub const SECRETS_PER_TENANT_MAX: u64 = 100;
/// Shortest value in bytes: what is shorter is found by chance in any answer, and guessed by trying.
pub const SECRET_BYTES_MIN: usize = 8;
/// Longest value in bytes: the longest tokens that servers take.
pub const SECRET_BYTES_MAX: usize = 4 << 10;
/// Most headers that one may be sent in.
pub const SECRET_HEADERS_MAX: usize = 8;
/// Where one is sent unless it is said.
const HEADER: &str = "authorization";
/// Longest name of a header in bytes.
const HEADER_BYTES_MAX: usize = 64;

/// What stands for a secret in a header that a guest writes.
pub const PLACEHOLDER_BEGIN: &str = "{{secret:";
/// Its end.
pub const PLACEHOLDER_END: &str = "}}";

/// The value of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Check and take one.
    ///
    /// # Errors
    /// `Invalid` that does not repeat it.
    pub fn new(text: String) -> Result<Self> {
        let got = text.len();
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&got) {
            let reason = format!("{got} bytes; it has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}");
            return Err(Error::invalid("value", reason));
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        {
            let reason = "it goes into a header: visible ASCII and spaces";
            return Err(Error::invalid("value", reason));
        }
        if text.starts_with(' ') || text.ends_with(' ') || text.contains(PLACEHOLDER_BEGIN) {
            let reason = "it begins or ends with a space, or names another secret";
            return Err(Error::invalid("value", reason));
        }
        Ok(Self(text))
    }

    /// What nobody but whoever sends it may see.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(..)")
    }
}

/// Where a secret may be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRules {
    /// To which hosts, in the words of grants without `http:`.
    pub hosts: Vec<String>,
    /// In which headers, in lower case.
    pub headers: Vec<String>,
}

impl SecretRules {
    /// Check rules and write them in one way.
    ///
    /// # Errors
    /// `Invalid` that names what is wrong.
    pub fn new(hosts: &[String], headers: &[String]) -> Result<Self> {
        let (few, many) = (hosts.is_empty(), hosts.len() > HTTP_GRANTS_MAX);
        if few || many {
            let reason = format!(
                "{} hosts; a secret is for 1 to {HTTP_GRANTS_MAX}",
                hosts.len()
            );
            return Err(Error::invalid("hosts", reason));
        }
        let read = |host: &String| grant(host).map(|grant| shown(&grant));
        let hosts = hosts.iter().map(read).collect::<Result<_>>()?;
        if headers.len() > SECRET_HEADERS_MAX {
            let reason = format!("{} headers; at most {SECRET_HEADERS_MAX}", headers.len());
            return Err(Error::invalid("headers", reason));
        }
        let mut headers: Vec<String> = headers.iter().map(|name| name.to_lowercase()).collect();
        if let Some(wrong) = headers.iter().find(|name| !is_header(name)) {
            let reason = format!("`{}` is no name of a header", wrong.escape_default());
            return Err(Error::invalid("headers", reason));
        }
        if headers.is_empty() {
            headers.push(HEADER.to_owned());
        }
        Ok(Self { hosts, headers })
    }

    /// Whether it may be sent there, in this header.
    pub fn allow(&self, to: &Origin, header: &str) -> bool {
        let host = |host: &String| grant(host).is_ok_and(|grant| grant.allows(to));
        self.headers.iter().any(|own| own == header) && self.hosts.iter().any(host)
    }
}

fn grant(host: &str) -> Result<HttpGrant> {
    let grant = format!("http:{host}").parse::<HttpGrant>();
    grant.map_err(|error| Error::invalid("hosts", error.to_string()))
}

fn shown(grant: &HttpGrant) -> String {
    let text = grant.to_string();
    text.strip_prefix("http:").unwrap_or(&text).to_owned()
}

fn is_header(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=HEADER_BYTES_MAX).contains(&name.len()) && name.bytes().all(token)
}

/// What may be told of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretEntry {
    /// Its name.
    pub name: SecretName,
    /// Where it may be sent.
    pub rules: SecretRules,
    /// When it was first set.
    pub created: Timestamp,
    /// When it was set last.
    pub updated: Timestamp,
}

/// A secret as the host sends it.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Where it may be sent.
    pub rules: SecretRules,
    /// What is sent.
    pub value: SecretValue,
}

/// Secrets of tenants.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Set one, whatever it was before.
    ///
    /// # Errors
    /// `Exhausted` at [`SECRETS_PER_TENANT_MAX`].
    async fn put(
        &self,
        scope: &TenantScope,
        name: SecretName,
        secret: Secret,
        now: Timestamp,
    ) -> Result<SecretEntry>;
    /// All of them, by name, without their values.
    async fn list(&self, scope: &TenantScope) -> Result<Vec<SecretEntry>>;
    /// Forget one. `NotFound` if there is none of this name.
    async fn delete(&self, scope: &TenantScope, name: &SecretName) -> Result<()>;
    /// One as it is sent, for the host's client alone.
    async fn reveal(&self, scope: &TenantScope, name: &SecretName) -> Result<Option<Secret>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_at_their_limits_and_one_past_and_are_never_shown() {
        for (value, good) in [
            ("x".repeat(SECRET_BYTES_MIN), true),
            ("x".repeat(SECRET_BYTES_MIN - 1), false),
            ("x".repeat(SECRET_BYTES_MAX), true),
            ("x".repeat(SECRET_BYTES_MAX + 1), false),
            ("Bearer abc123".to_owned(), true),
            ("line\r\nx: y12".to_owned(), false),
            (" leading-space".to_owned(), false),
            ("se\u{e9}cret-value".to_owned(), false),
            ("{{secret:other}}".to_owned(), false),
        ] {
            let got = SecretValue::new(value.clone());
            assert_eq!(got.is_ok(), good, "{value}");
            let shown = got.map_or_else(|error| error.to_string(), |value| format!("{value:?}"));
            assert!(!shown.contains(&value), "{shown}");
        }
    }

    #[test]
    fn rules_are_checked_and_written_in_one_way() {
        let own = |list: &[&str]| {
            list.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let read = |hosts: &[&str], headers: &[&str]| SecretRules::new(&own(hosts), &own(headers));
        let rules = read(&["API.example.com:443", "*.b.test"], &["X-Api-Key"]).unwrap();
        assert_eq!(rules.hosts, ["api.example.com", "*.b.test"]);
        assert_eq!(rules.headers, ["x-api-key"]);
        assert_eq!(read(&["a.test"], &[]).unwrap().headers, ["authorization"]);
        let many = vec!["a.test"; HTTP_GRANTS_MAX + 1];
        for (hosts, headers) in [
            (&[][..], &[][..]),
            (&["a.test/x"], &[]),
            (&["*"], &[]),
            (&many, &[]),
            (&["a.test"], &["x y"]),
            (&["a.test"], &[""]),
            (&["a.test"], &["x"; SECRET_HEADERS_MAX + 1]),
        ] {
            assert!(read(hosts, headers).is_err(), "{hosts:?} {headers:?}");
        }
    }
}
