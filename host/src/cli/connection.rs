//! Which host a command talks to, and with which key.
//!
//! Found in this order: the flag, the environment, the `.warren/dev.toml` of a `warren dev` in this
//! directory or above it, `credentials.toml` in the user's configuration directory, the default address
//! without a key.
//!
//! Invariant: a stored key is only ever sent to the address it was stored with, and a file found by
//! walking up is believed only if this user owns it and it names this machine: a downloaded folder must
//! not be able to choose where keys and components go.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::failure::{Failure, Result};

/// Where a host listens unless told otherwise, and so where a command looks for one.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:7171";
/// Inside the data directory of a `warren dev`.
pub(crate) const DEV_FILE: &str = "dev.toml";
/// The directory a `warren dev` makes where it is started.
pub(crate) const DEV_DIR: &str = ".warren";
/// How far up a [`DEV_DIR`] is looked for: deeper than any project nests.
const LEVELS_MAX: usize = 32;
/// Only its owner may read what holds keys.
const FILE_MODE: u32 = 0o600;

/// What the command line and the environment say about the connection.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ConnectionArgs {
    /// Address of the host, for example `http://127.0.0.1:7171`
    #[arg(
        long,
        global = true,
        env = "WARREN_URL",
        value_name = "URL",
        help_heading = "Connection"
    )]
    pub(crate) url: Option<String>,
    /// API key of a tenant
    #[arg(
        long,
        global = true,
        env = "WARREN_KEY",
        value_name = "KEY",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(crate) key: Option<String>,
    /// Key of the host's operator, for `tenants` and `keys`
    #[arg(
        long,
        global = true,
        env = "WARREN_ADMIN_KEY",
        value_name = "KEY",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(crate) admin_key: Option<String>,
    /// PEM file of the authorities that the host's certificate is trusted by, in place of the public ones
    #[arg(
        long,
        global = true,
        env = "WARREN_CA",
        value_name = "FILE",
        help_heading = "Connection"
    )]
    pub(crate) ca: Option<PathBuf>,
}

/// What `warren dev` leaves for the other commands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// Where the host listens.
    pub(crate) url: String,
    /// The tenant whose key it is.
    #[serde(default)]
    pub(crate) tenant: Option<String>,
    /// The tenant's key.
    #[serde(default)]
    pub(crate) key: Option<String>,
    /// The operator's key.
    #[serde(default)]
    pub(crate) admin_key: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log by way of `{:?}`.
        write!(f, "Credentials({})", self.url)
    }
}

impl Credentials {
    /// Read a file that [`Self::store`] wrote; none if there is none.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        toml::from_str(&text).map(Some).map_err(|error| {
            Failure::usage(format!(
                "{} is damaged: {}",
                path.display(),
                error.message()
            ))
            .hint("remove it and start `warren dev` again, or give --url and --key")
        })
    }

    /// Write them readable by their owner only. The file is replaced as a whole or not at all.
    pub(crate) fn store(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|error| Failure::new(format!("cannot write credentials: {error}")))?;
        let aside = path.with_extension(format!("toml.{}", std::process::id()));
        let write = || {
            if let Some(dir) = path.parent() {
                fs::create_dir_all(dir)?;
            }
            let _ = fs::remove_file(&aside);
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(&aside)?;
            file.write_all(
                b"# Written by `warren dev`. Whoever reads it can act as this tenant.\n",
            )?;
            file.write_all(text.as_bytes())?;
            fs::rename(&aside, path)
        };
        write().map_err(|error| Failure::file("write", path, &error))
    }
}

/// The host to talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Without a slash at its end.
    pub(crate) url: String,
    /// The tenant's key.
    pub(crate) key: Option<String>,
    /// The operator's key.
    pub(crate) admin_key: Option<String>,
    /// Who said so, for messages.
    pub(crate) from: String,
    /// Certificates that are trusted in place of the public authorities', in PEM.
    pub(crate) ca: Option<Vec<u8>>,
}

impl Connection {
    /// To the host of these credentials, which lie in `file`.
    pub(crate) fn to(credentials: &Credentials, file: &Path) -> Self {
        Self {
            url: credentials.url.clone(),
            key: credentials.key.clone(),
            admin_key: credentials.admin_key.clone(),
            from: file.display().to_string(),
            ca: None,
        }
    }

    /// From the command line, the environment and what is stored.
    pub(crate) fn resolve(args: &ConnectionArgs) -> Result<Self> {
        if args.url.is_some() && args.key.is_some() && args.admin_key.is_some() {
            return Self::choose(args, None);
        }
        Self::choose(args, stored()?)
    }

    fn choose(args: &ConnectionArgs, stored: Option<(Credentials, PathBuf)>) -> Result<Self> {
        let given = args.url.as_deref().map(checked_url).transpose()?;
        let (url, from) = match (&given, &stored) {
            (Some(url), _) => (url.clone(), "--url or WARREN_URL".to_owned()),
            (None, Some((credentials, path))) => {
                (checked_url(&credentials.url)?, path.display().to_string())
            }
            (None, None) => (DEFAULT_URL.to_owned(), "the default".to_owned()),
        };
        let (key, admin_key) = stored
            .filter(|(credentials, _)| credentials.url.trim_end_matches('/') == url)
            .map(|(credentials, _)| (credentials.key, credentials.admin_key))
            .unwrap_or_default();
        Ok(Self {
            url,
            key: args.key.clone().or(key),
            admin_key: args.admin_key.clone().or(admin_key),
            from,
            ca: args.ca.as_deref().map(authorities).transpose()?,
        })
    }
}

/// A file of certificates, of which there must be one at least.
fn authorities(file: &Path) -> Result<Vec<u8>> {
    let pem = fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(pem),
        _ => Err(
            Failure::usage(format!("{} holds no certificate in PEM", file.display()))
                .hint("give the certificate of whoever signed the host's, or the host's own"),
        ),
    }
}

/// Where `warren dev` also leaves its credentials, so that commands work from any directory.
pub(crate) fn user_file() -> Option<PathBuf> {
    let dir = env::var_os("XDG_CONFIG_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".config")))?;
    Some(dir.join("warren/credentials.toml"))
}

/// Whether `url` names this machine.
pub(crate) fn is_local(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // `http://localhost:1@evil.example` names a user of another machine.
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn stored() -> Result<Option<(Credentials, PathBuf)>> {
    let cwd = env::current_dir().unwrap_or_default();
    if let Some(found) = find_dev(&cwd)? {
        return Ok(Some(found));
    }
    let Some(path) = user_file() else {
        return Ok(None);
    };
    Ok(Credentials::load(&path)?.map(|credentials| (credentials, path)))
}

/// The credentials of the `warren dev` of this directory or the nearest one above.
fn find_dev(from: &Path) -> Result<Option<(Credentials, PathBuf)>> {
    for dir in from.ancestors().take(LEVELS_MAX) {
        let path = dir.join(DEV_DIR).join(DEV_FILE);
        let owner = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => found.uid(),
            _ => continue,
        };
        if owner != rustix::process::geteuid().as_raw() {
            continue;
        }
        let Some(credentials) = Credentials::load(&path)? else {
            continue;
        };
        if is_local(&credentials.url) {
            return Ok(Some((credentials, path)));
        }
    }
    Ok(None)
}

fn checked_url(url: &str) -> Result<String> {
    let trimmed = url.trim_end_matches('/');
    let is_http = ["http://", "https://"].iter().any(|scheme| {
        trimmed
            .strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    });
    if is_http {
        return Ok(trimmed.to_owned());
    }
    Err(
        Failure::usage(format!("`{url}` is not an address of a host"))
            .hint(format!("write it like {DEFAULT_URL}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: Option<&str>, key: Option<&str>) -> ConnectionArgs {
        ConnectionArgs {
            url: url.map(str::to_owned),
            key: key.map(str::to_owned),
            admin_key: None,
            ca: None,
        }
    }

    fn credentials(url: &str) -> Credentials {
        Credentials {
            url: url.to_owned(),
            tenant: Some("dev".to_owned()),
            key: Some("stored".to_owned()),
            admin_key: Some("operator".to_owned()),
        }
    }

    #[test]
    fn what_is_given_wins_and_a_stored_key_goes_only_where_it_came_from() {
        let check = |args: ConnectionArgs, stored: Option<&str>, url: &str, key: Option<&str>| {
            let stored = stored.map(|url| (credentials(url), PathBuf::from("f")));
            let got = Connection::choose(&args, stored).unwrap();
            assert_eq!((got.url.as_str(), got.key.as_deref()), (url, key));
        };
        let (a, b) = ("http://127.0.0.1:1", "https://b.example");
        check(args(None, None), None, DEFAULT_URL, None);
        check(args(None, None), Some(a), a, Some("stored"));
        check(args(Some(a), None), Some(a), a, Some("stored"));
        check(
            args(Some("http://127.0.0.1:1/"), None),
            Some(a),
            a,
            Some("stored"),
        );
        check(args(Some(b), None), Some(a), b, None);
        check(args(None, Some("given")), Some(a), a, Some("given"));
        check(args(Some(b), Some("given")), None, b, Some("given"));
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for bad in ["", "localhost:7171", "ftp://x", "http://", "https:///"] {
            assert!(checked_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for local in [
            "http://127.0.0.1:1",
            "http://localhost",
            "http://[::1]:7171/x",
            "http://127.9.9.9",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1:1",
            "https://localhost.example",
            "http://localhost:1@evil.example",
            "http://localhost@evil.example",
            "http://[::1]@evil.example",
            "x",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn credentials_are_private_and_found_from_below() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(DEV_DIR).join(DEV_FILE);
        let stored = credentials("http://127.0.0.1:7171");
        stored.store(&path).unwrap();
        stored.store(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, FILE_MODE);
        let below = dir.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        assert_eq!(find_dev(&below).unwrap().unwrap().0, stored);

        credentials("http://evil.example").store(&path).unwrap();
        assert!(
            find_dev(&below).unwrap().is_none(),
            "only this machine is believed"
        );
        fs::write(&path, "url = ").unwrap();
        assert_eq!(
            find_dev(&below).unwrap_err().exit,
            super::super::failure::Exit::Usage
        );
    }
}
