//! Grants of outgoing HTTP: which hosts an agent may ask, over which scheme and on which port.
//!
//! Invariant: a host has one spelling. What is compared was read by [`HostName::parse`], on both sides, so that no
//! address in decimal, octal, hexadecimal or short form, no user before an `@` and no dot at the end means something
//! else to whoever checks than to whoever dials. Knows names and never what they resolve to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};

/// Most hosts that one agent may be granted: enough for any honest integration, few enough to look through at each
/// request.
pub const HTTP_GRANTS_MAX: usize = 64;
/// Longest host name in bytes: the limit of the domain name system.
const HOST_BYTES_MAX: usize = 253;
/// Longest part of a name between two dots.
const LABEL_BYTES_MAX: usize = 63;
/// What the word of such a grant begins with.
const WORD: &str = "http:";
const PLAIN: &str = "http://";
const SECURE: &str = "https://";
/// What stands for one or more labels.
const BELOW: &str = "*.";

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HttpScheme {
    /// Over TLS.
    Https,
    /// In the clear.
    Http,
}

impl HttpScheme {
    /// Its port if none is named.
    pub const fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }

    /// What an origin begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Https => SECURE,
            Self::Http => PLAIN,
        }
    }
}

/// A host in its one spelling: a name in lower case, or an address as the machine prints it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

impl HostName {
    /// Read a host as it stands in an authority, without its port.
    ///
    /// # Errors
    /// `Invalid` for anything that could be read in two ways.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(address) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            let address: Ipv6Addr = address.parse().map_err(|_| no_host(text, "no address"))?;
            return Ok(Self(format!("[{address}]").into()));
        }
        let name = text.to_ascii_lowercase();
        if name.is_empty() || name.len() > HOST_BYTES_MAX {
            return Err(no_host(text, "a host has 1 to 253 bytes"));
        }
        let labels = || name.split('.');
        if !labels().all(is_label) {
            return Err(no_host(
                text,
                "a host is labels of letters, digits and hyphens between dots, other alphabets as `xn--…`",
            ));
        }
        let last = labels().next_back().unwrap_or_default();
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        if numeric {
            // Only as four decimal numbers: everything else is read differently by different readers.
            let plain = name.parse::<Ipv4Addr>().is_ok();
            if !plain {
                return Err(no_host(text, "an address is four decimal numbers"));
            }
        }
        Ok(Self(name.into()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.0
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()
    }

    /// Whether it is below `parent`, by a label or more.
    fn is_below(&self, parent: &Self) -> bool {
        let rest = self.0.strip_suffix(&*parent.0);
        rest.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn no_host(text: &str, why: &str) -> Error {
    let shown: String = text
        .chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect();
    Error::invalid("host", format!("`{shown}` is none: {why}"))
}

/// Where a request goes: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// How.
    pub scheme: HttpScheme,
    /// To whom.
    pub host: HostName,
    /// At which port.
    pub port: u16,
}

impl Origin {
    /// The host with the port where that is not the scheme's own: what stands in the `Host` header.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme.prefix(), self.authority())
    }
}

/// Leave to ask one host, or those below a name: `http:api.example.com`, `http:*.example.com:8443`. Over TLS, unless it
/// says `http:http://printer.example`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpGrant {
    origin: Origin,
    /// Whether it is for what is below the host, and not for the host itself.
    below: bool,
}

impl HttpGrant {
    /// Whether it lets a request go there.
    pub fn allows(&self, to: &Origin) -> bool {
        let host = if self.below {
            to.host.is_below(&self.origin.host)
        } else {
            to.host == self.origin.host
        };
        host && to.scheme == self.origin.scheme && to.port == self.origin.port
    }

    /// Whether it allows all that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        if !other.below {
            return self.allows(&other.origin);
        }
        let (own, theirs) = (&self.origin, &other.origin);
        let host = theirs.host == own.host || theirs.host.is_below(&own.host);
        self.below && host && theirs.scheme == own.scheme && theirs.port == own.port
    }

    /// The narrowest one that lets a request go there.
    pub fn of(origin: Origin) -> Self {
        Self {
            origin,
            below: false,
        }
    }

    /// Whether this is the word of such a grant.
    pub fn is_word(text: &str) -> bool {
        text.starts_with(WORD)
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.origin.scheme {
            HttpScheme::Https => "",
            HttpScheme::Http => PLAIN,
        };
        let below = if self.below { BELOW } else { "" };
        write!(f, "{WORD}{scheme}{below}{}", self.origin.authority())
    }
}

impl FromStr for HttpGrant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let rest = text
            .strip_prefix(WORD)
            .ok_or_else(|| no_grant(text, "it begins with `http:`"))?;
        let (scheme, rest) = match (rest.strip_prefix(PLAIN), rest.strip_prefix(SECURE)) {
            (Some(rest), _) => (HttpScheme::Http, rest),
            (None, Some(rest)) => (HttpScheme::Https, rest),
            (None, None) => (HttpScheme::Https, rest),
        };
        let (below, rest) = match rest.strip_prefix(BELOW) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (host, port) = split_port(rest).ok_or_else(|| no_grant(text, "its port is none"))?;
        let origin = Origin {
            scheme,
            host: HostName::parse(host).map_err(|e| no_grant(text, &e.to_string()))?,
            port: port.unwrap_or(scheme.port()),
        };
        if below && origin.host.address().is_some() {
            return Err(no_grant(text, "nothing is below an address"));
        }
        Ok(Self { origin, below })
    }
}

/// Take a host and its port apart; none if the port is no port.
pub fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let Some((host, port)) = authority.rsplit_once(':').filter(|(host, _)| {
        // The colons of an address in brackets are no port's.
        !host.starts_with('[') || host.ends_with(']')
    }) else {
        return Some((authority, None));
    };
    let plain = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| plain && *port > 0)?;
    Some((host, Some(port)))
}

fn no_grant(text: &str, why: &str) -> Error {
    let shown: String = text
        .chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect();
    Error::invalid(
        "grant",
        format!(
            "`{shown}` names no host: {why}; such a grant is `http:HOST[:PORT]`, `http:*.HOST[:PORT]` for all below, or \
             `http:http://HOST[:PORT]` without TLS"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        let scheme = if text.starts_with(PLAIN) {
            HttpScheme::Http
        } else {
            HttpScheme::Https
        };
        let (host, port) = split_port(&text[scheme.prefix().len()..]).unwrap();
        Origin {
            scheme,
            host: HostName::parse(host).unwrap(),
            port: port.unwrap_or(scheme.port()),
        }
    }

    #[test]
    fn a_host_has_one_spelling() {
        let long = "a".repeat(63);
        let longest = [&long[..], &long, &long, &long[..61]].join(".");
        assert_eq!(longest.len(), HOST_BYTES_MAX);
        for (text, expect) in [
            ("api.example.com", Some("api.example.com")),
            ("API.Example.COM", Some("api.example.com")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("localhost", Some("localhost")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("[2001:DB8:0::1]", Some("[2001:db8::1]")),
            ("[::ffff:127.0.0.1]", Some("[::ffff:127.0.0.1]")),
            (&longest, Some(&longest)),
            (&format!("{longest}a"), None),
            (&format!("{long}a.example"), None),
            ("", None),
            (".", None),
            ("example.com.", None),
            ("a..b", None),
            ("-a.example", None),
            ("a-.example", None),
            ("bücher.example", None),
            ("ｅxample.com", None),
            ("a_b.example", None),
            ("user@example.com", None),
            ("example.com/", None),
            ("example.com#", None),
            ("example.com?x", None),
            ("example.com%2e", None),
            ("exa mple.com", None),
            ("2130706433", None),
            ("0x7f000001", None),
            ("0x7f.1", None),
            ("127.1", None),
            ("0177.0.0.1", None),
            ("127.0.0.01", None),
            ("127.0.0.0x1", None),
            ("1.2.3.4.5", None),
            ("256.0.0.1", None),
            ("::1", None),
            ("[::1", None),
            ("[::1%eth0]", None),
            ("[127.0.0.1]", None),
        ] {
            let got = HostName::parse(text).ok();
            assert_eq!(got.as_ref().map(HostName::as_str), expect, "{text}");
        }
    }

    #[test]
    fn grants_are_read_and_written_in_one_way() {
        for (text, expect) in [
            ("http:api.example.com", Some("http:api.example.com")),
            ("http:API.example.com:443", Some("http:api.example.com")),
            ("http:https://api.example.com", Some("http:api.example.com")),
            (
                "http:api.example.com:8443",
                Some("http:api.example.com:8443"),
            ),
            ("http:*.example.com", Some("http:*.example.com")),
            ("http:http://printer:80", Some("http:http://printer")),
            ("http:http://*.lan:8080", Some("http:http://*.lan:8080")),
            ("http:[2001:db8::1]:8443", Some("http:[2001:db8::1]:8443")),
            ("http:", None),
            ("http:*", None),
            ("http:*.192.0.2.1", None),
            ("http:a.*.example", None),
            ("http:example.com:0", None),
            ("http:example.com:65536", None),
            ("http:example.com:+80", None),
            ("http:example.com:", None),
            ("http:ftp://example.com", None),
            ("http:example.com/path", None),
            ("api.example.com", None),
        ] {
            let got = text
                .parse::<HttpGrant>()
                .ok()
                .map(|grant| grant.to_string());
            assert_eq!(got.as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn a_grant_is_for_its_scheme_host_and_port() {
        for (grant, to, allowed) in [
            ("http:a.example", "https://a.example", true),
            ("http:a.example", "https://a.example:443", true),
            ("http:a.example", "https://a.example:8443", false),
            ("http:a.example", "http://a.example", false),
            ("http:a.example", "http://a.example:443", false),
            ("http:a.example", "https://b.a.example", false),
            ("http:http://a.example", "http://a.example", true),
            ("http:http://a.example", "https://a.example", false),
            ("http:*.example", "https://a.example", true),
            ("http:*.example", "https://b.a.example", true),
            ("http:*.example", "https://example", false),
            ("http:*.example", "https://evilexample", false),
            ("http:*.a.example", "https://xa.example", false),
        ] {
            let grant: HttpGrant = grant.parse().unwrap();
            assert_eq!(grant.allows(&origin(to)), allowed, "{grant} {to}");
        }
    }

    #[test]
    fn a_wider_grant_covers_a_narrower_one() {
        for (wide, narrow, covered) in [
            ("http:*.example", "http:a.example", true),
            ("http:*.example", "http:*.a.example", true),
            ("http:*.example", "http:*.example", true),
            ("http:*.a.example", "http:*.example", false),
            ("http:a.example", "http:*.a.example", false),
            ("http:*.example", "http:http://a.example", false),
        ] {
            let grants: [HttpGrant; 2] = [wide.parse().unwrap(), narrow.parse().unwrap()];
            assert_eq!(grants[0].covers(&grants[1]), covered, "{wide} {narrow}");
        }
    }
}
