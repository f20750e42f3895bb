//! Names of interfaces, `namespace:package/interface@version`, and when a version serves another.

use std::fmt;

/// A version without pre-release or build labels: published WIT has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        let version = Self {
            major: parts.next()??,
            minor: parts.next()??,
            patch: parts.next()??,
        };
        parts.next().is_none().then_some(version)
    }

    /// Whether a host of this version can serve a guest built against `wanted`: the linker's rule. A
    /// patch release may only add functions, and those that are missing are named one by one.
    pub(super) fn serves(self, wanted: Self) -> bool {
        match (self.major, self.minor) {
            (0, 0) => self == wanted,
            (0, minor) => wanted.major == 0 && wanted.minor == minor,
            (major, _) => wanted.major == major,
        }
    }

    /// The versions that this one serves, as people write them.
    pub(super) fn series(self) -> String {
        match (self.major, self.minor) {
            (0, 0) => self.to_string(),
            (0, minor) => format!("0.{minor}.x"),
            (major, _) => format!("{major}.x"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The name of an interface, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InterfaceName<'a> {
    /// `namespace:package`.
    pub(super) package: &'a str,
    pub(super) interface: &'a str,
    pub(super) version: Option<Version>,
}

impl<'a> InterfaceName<'a> {
    /// `None` if it is no such name, or has a version that nobody publishes.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(Version::parse(version)?)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/')?;
        package.contains(':').then_some(Self {
            package,
            interface,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_apart() {
        let check = |text: &str, expect: Option<(&str, &str, &str)>| {
            let got = InterfaceName::parse(text).map(|name| {
                let version = name.version.map(|v| v.to_string()).unwrap_or_default();
                (name.package, name.interface, version)
            });
            assert_eq!(
                got.as_ref().map(|(p, i, v)| (*p, *i, v.as_str())),
                expect,
                "{text}"
            );
        };
        check("a:b/c@1.2.3", Some(("a:b", "c", "1.2.3")));
        check("a:b/c", Some(("a:b", "c", "")));
        check("a:b/c@1.2", None);
        check("a:b/c@1.2.3.4", None);
        check("a:b/c@1.2.3-rc", None);
        check("handle", None);
        check("b/c", None);
    }

    #[test]
    fn serves_what_the_linker_serves() {
        let check = |host: &str, guest: &str, expect: bool| {
            let parse = |text| Version::parse(text).expect("a version");
            assert_eq!(parse(host).serves(parse(guest)), expect, "{host} {guest}");
        };
        check("0.1.0", "0.1.0", true);
        check("0.1.0", "0.1.9", true);
        check("0.1.0", "0.2.0", false);
        check("0.1.0", "1.1.0", false);
        check("1.4.0", "1.9.0", true);
        check("1.4.0", "2.0.0", false);
        check("0.0.1", "0.0.2", false);
    }
}
