//! Who is answered, and over which wire: names of the host, web pages that may ask it, TLS.
//!
//! Invariant: a host that only this machine reaches answers to names of this machine alone. A web page of
//! elsewhere can make a browser connect to it under a name of its own (DNS rebinding), and cannot make it
//! say another name or origin than the page's.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Settings of the HTTP side that are no limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Names, without ports, under which the host is asked. None given: names of this machine where it
    /// listens for this machine alone, and elsewhere any, as whoever stands in front decides.
    pub hosts: Vec<String>,
    /// Origins, such as `https://console.example`, whose web pages may ask besides those of the host
    /// itself.
    pub origins: Vec<String>,
    /// A PEM file with the certificate chain, the host's own first. Empty: no TLS.
    pub tls_certificate: PathBuf,
    /// A PEM file with the certificate's private key.
    pub tls_key: PathBuf,
}

/// Most names and most origins: every request is compared with them.
pub const FRONT_NAMES_MAX: usize = 64;

/// Whom the HTTP side answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Front {
    hosts: Hosts,
    /// Origins of others.
    pub origins: Vec<String>,
    /// Certificate chain and key.
    pub tls: Option<(PathBuf, PathBuf)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Hosts {
    #[default]
    Any,
    Local,
    Named(Vec<String>),
}

impl HttpSettings {
    /// What they mean for a host that listens on `listen`.
    ///
    /// # Errors
    /// `Invalid` that names the setting.
    pub fn front(&self, listen: SocketAddr) -> Result<Front> {
        for (name, list) in [("http.hosts", &self.hosts), ("http.origins", &self.origins)] {
            if list.len() > FRONT_NAMES_MAX {
                let reason = format!("{} names; at most {FRONT_NAMES_MAX}", list.len());
                return Err(Error::invalid(name, reason));
            }
        }
        let hosts = match (self.hosts.is_empty(), listen.ip().is_loopback()) {
            (true, true) => Hosts::Local,
            (true, false) => Hosts::Any,
            (false, _) => Hosts::Named(self.hosts.iter().map(|host| folded(host)).collect()),
        };
        if let Some(host) = self.hosts.iter().find(|host| !is_host(host)) {
            let reason = format!("`{host}` is no name of a host: give it without scheme and port");
            return Err(Error::invalid("http.hosts", reason));
        }
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            let reason = format!("`{origin}` is no origin: give it as https://host[:port]");
            return Err(Error::invalid("http.origins", reason));
        }
        let (certificate, key) = (&self.tls_certificate, &self.tls_key);
        let empty = |path: &PathBuf| path.as_os_str().is_empty();
        let lacks = |setting| Error::invalid(setting, "TLS takes a certificate and its key");
        let tls = match (empty(certificate), empty(key)) {
            (true, true) => None,
            (false, false) => Some((certificate.clone(), key.clone())),
            (true, false) => return Err(lacks("http.tls_certificate")),
            (false, true) => return Err(lacks("http.tls_key")),
        };
        Ok(Front {
            hosts,
            origins: self.origins.clone(),
            tls,
        })
    }
}

impl Front {
    /// Whether a request for `authority`, a name with or without a port, is for this host.
    pub fn is_host(&self, authority: &str) -> bool {
        let name = folded(without_port(authority));
        match &self.hosts {
            Hosts::Any => true,
            Hosts::Local => is_local(&name),
            Hosts::Named(names) => names.contains(&name),
        }
    }

    /// Whether a page of `origin` may ask the host that it asks for as `authority`.
    pub fn is_origin(&self, origin: &str, authority: &str) -> bool {
        let theirs = origin.split_once("://");
        theirs.is_some_and(|(_, theirs)| theirs.eq_ignore_ascii_case(authority))
            || self
                .origins
                .iter()
                .any(|known| known.eq_ignore_ascii_case(origin))
    }
}

/// A name as names are compared: an address without its brackets, a name without the dot of its root.
fn folded(name: &str) -> String {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port))
            if !port.ends_with(']') && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        _ => authority,
    }
}

fn is_local(name: &str) -> bool {
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_host(text: &str) -> bool {
    let name = folded(text);
    let is_name = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    };
    !name.is_empty() && (name.parse::<IpAddr>().is_ok() || is_name(&name))
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    matches!(scheme, "http" | "https") && is_host(without_port(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(hosts: &[&str], origins: &[&str], listen: &str) -> Result<Front> {
        let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        let settings = HttpSettings {
            hosts: own(hosts),
            origins: own(origins),
            ..HttpSettings::default()
        };
        settings.front(listen.parse().unwrap())
    }

    #[test]
    fn a_host_answers_to_its_names() {
        const LOCAL: &str = "127.0.0.1:7171";
        const WORLD: &str = "0.0.0.0:7171";
        let check = |hosts: &[&str], listen: &str, authority: &str, expect: bool| {
            let front = front(hosts, &[], listen).unwrap();
            assert_eq!(
                front.is_host(authority),
                expect,
                "{hosts:?} {listen} {authority}"
            );
        };
        for name in [
            "localhost",
            "LOCALHOST:7171",
            "localhost.:80",
            "127.0.0.1",
            "127.9.9.9:1",
            "[::1]:7171",
            "::1",
        ] {
            check(&[], LOCAL, name, true);
        }
        for name in [
            "evil.example",
            "evil.example:7171",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "localhost:7171:7171",
            "",
        ] {
            check(&[], LOCAL, name, false);
        }
        check(&[], WORLD, "evil.example", true);
        check(&["warren.example"], WORLD, "Warren.Example:443", true);
        check(&["warren.example"], WORLD, "other.example", false);
        check(&["warren.example"], LOCAL, "localhost", false);
        check(&["[2001:db8::1]"], WORLD, "[2001:db8::1]:443", true);
    }

    #[test]
    fn pages_of_the_host_and_of_named_origins_may_ask() {
        let front = front(&[], &["https://console.example"], "127.0.0.1:1").unwrap();
        for (origin, authority, expect) in [
            ("http://localhost:7171", "localhost:7171", true),
            ("https://console.example", "localhost:7171", true),
            ("https://console.example:8443", "localhost:7171", false),
            ("http://console.example", "localhost:7171", false),
            ("http://localhost:3000", "localhost:7171", false),
            ("http://evil.example", "localhost:7171", false),
            ("null", "localhost:7171", false),
            ("", "", false),
        ] {
            let got = front.is_origin(origin, authority);
            assert_eq!(got, expect, "{origin} at {authority}");
        }
    }

    #[test]
    fn mistakes_name_the_setting() {
        let many = vec!["a"; FRONT_NAMES_MAX + 1];
        assert!(front(&many[1..], &[], "127.0.0.1:1").is_ok());
        let check = |hosts: &[&str], origins: &[&str], word: &str| {
            let error = front(hosts, origins, "127.0.0.1:1").unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        };
        check(&many, &[], "at most 64");
        check(&["https://a"], &[], "http.hosts");
        check(&[""], &[], "http.hosts");
        check(&[], &["console.example"], "http.origins");
        check(&[], &["ftp://console.example"], "http.origins");
        check(&[], &["https://console.example/path"], "http.origins");
        let half = HttpSettings {
            tls_key: PathBuf::from("key.pem"),
            ..HttpSettings::default()
        };
        let error = half.front("127.0.0.1:1".parse().unwrap()).unwrap_err();
        assert!(
            error.to_string().contains("http.tls_certificate"),
            "{error}"
        );
    }
}
