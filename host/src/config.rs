//! What a host is told when it starts: defaults, then `warren.toml`, then `WARREN_*`, then flags.
//!
//! Invariant: a setting that is not understood stops the start, with the nearest name there is: a
//! misspelt limit must not silently stay at its default. Secrets come from the environment alone and are
//! in no file. A host reads its environment here alone, but for the crash points of tests; the command line also
//! reads what is its user's: colours, where credentials are kept, which Python.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::app::{AdminKey, ApiLimits, Front, HttpSettings};
use crate::dispatch::DispatchLimits;
use crate::egress::{EgressSettings, SystemResolver};
use crate::embedders::{EMBEDDER_KEY_VARIABLE, EmbedderKey, EmbedderSettings};
use crate::error::{Error, Result};
use crate::host::{HostSettings, RetentionSettings};
use crate::identity::{IssuerSettings, Issuers};
use crate::quota::QuotaSettings;
use crate::registry::RegistrySettings;
use crate::sandbox::SandboxLimits;
use crate::sandbox::intake::IntakeSettings;
use crate::store::sqlite::SqliteSettings;
use crate::telemetry::LogFormat;
use crate::turn::TurnLimits;

mod layers;
mod operator;
mod spelling;

pub use operator::{OperatorKey, OperatorSecret};
pub(crate) use spelling::nearest;

/// Where a host keeps everything if it is told nothing else: beside the caller, never in a home directory.
pub const DATA_DIR: &str = "warren-data";
/// Read from the working directory when no other file is named.
pub const CONFIG_FILE: &str = "warren.toml";
/// The environment variable of the operator's key.
pub const OPERATOR_KEY_VARIABLE: &str = "WARREN_ADMIN_KEY";
/// Above the ports that need privileges and below those that systems hand out, and no common server's.
pub const PORT: u16 = 7171;

/// Settings of a host.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where HTTP is served. This machine only by default: keys travel in the clear until
    /// `http.tls_certificate` is set or something that speaks TLS stands in front, and whoever sees to either knows
    /// the address to give.
    pub listen: SocketAddr,
    /// What the host says of itself.
    pub log: LogSettings,
    /// Who is answered, and over which wire.
    pub http: HttpSettings,
    /// What a client may ask for.
    pub api: ApiLimits,
    /// How uploads are checked and compiled.
    pub intake: IntakeSettings,
    /// What one sandbox may use.
    pub sandbox: SandboxLimits,
    /// What one turn may do.
    pub turn: TurnLimits,
    /// What the dispatcher may hold and run.
    pub dispatch: DispatchLimits,
    /// How the embedded store is run.
    pub store: SqliteSettings,
    /// What is forgotten, and when.
    pub retention: RetentionSettings,
    /// How the catalogue of services is run.
    pub registry: RegistrySettings,
    /// How memory is searched.
    pub memory: MemorySettings,
    /// Who vouches for callers beside this host.
    pub identity: IdentitySettings,
    /// The issuers of `identity`, with their secrets from the environment.
    #[serde(skip)]
    pub issuers: Issuers,
    /// What each tenant may use unless it is set otherwise for one.
    pub quota: QuotaSettings,
    /// What requests of agents to the outside may be, and where they may go.
    pub egress: EgressSettings,
    /// The operator's key, from the environment.
    #[serde(skip)]
    pub admin_key: Option<OperatorSecret>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(DATA_DIR),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            log: LogSettings::default(),
            http: HttpSettings::default(),
            api: ApiLimits::default(),
            intake: IntakeSettings::default(),
            sandbox: SandboxLimits::default(),
            turn: TurnLimits::default(),
            dispatch: DispatchLimits::default(),
            store: SqliteSettings::default(),
            retention: RetentionSettings::default(),
            registry: RegistrySettings::default(),
            memory: MemorySettings::default(),
            identity: IdentitySettings::default(),
            issuers: Issuers::default(),
            quota: QuotaSettings::default(),
            egress: EgressSettings::default(),
            admin_key: None,
        }
    }
}

/// Who vouches for callers beside this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentitySettings {
    /// Issuers of JSON Web Tokens.
    pub issuers: Vec<IssuerSettings>,
}

/// The host's log, on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// Which lines: directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How they look.
    pub format: LogFormat,
}

impl Default for LogSettings {
    /// A line a start, a stop and a trouble; what each turn did is in its record.
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Pretty,
        }
    }
}

/// How memory is searched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemorySettings {
    /// What makes the vectors of knowledge. Another one than last time embeds all of it anew, in the
    /// background.
    pub embedder: EmbedderSettings,
}

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file; none means [`CONFIG_FILE`] if it is there.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// What flags say, as a file would.
    pub flags: toml::Table,
}

impl Sources {
    /// The environment of this process. Variables that are not text are left out: none of ours is one.
    #[must_use]
    pub fn from_environment() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            environment: std::env::vars_os().filter_map(text).collect(),
            ..Self::default()
        }
    }

    /// A secret of the environment; one that is empty is none.
    fn secret(&self, variable: &str) -> Option<&str> {
        let mut given = self.environment.iter();
        given
            .find(|(name, value)| name == variable && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// Settings and what to tell the operator about them.
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Variables that look misspelt. Not refused: orchestrators put variables of their own beside ours.
    pub notes: Vec<String>,
}

impl Config {
    /// Whom a host of these settings answers.
    ///
    /// # Errors
    /// `Invalid` that names the setting.
    pub fn front(&self) -> Result<Front> {
        self.http.front(self.listen)
    }

    /// Require a sandbox for each turn that may run: one without would be tried again until it is given up.
    fn sandboxes_suffice(&self) -> Result<()> {
        let (turns, sandboxes) = (self.dispatch.turns_running_max, self.sandbox.turns_max);
        if turns > sandboxes as usize {
            let reason = format!(
                "is {turns}, and sandbox.turns_max, what those turns run in, is {sandboxes}: lower the one or raise \
                 the other"
            );
            return Err(Error::invalid("dispatch.turns_running_max", reason));
        }
        Ok(())
    }

    /// What a host of these settings is made of.
    ///
    /// # Errors
    /// As [`Self::front`].
    pub fn into_settings(self, admin_key: AdminKey) -> Result<HostSettings> {
        Ok(HostSettings {
            front: self.front()?,
            data_dir: self.data_dir,
            admin_key,
            issuers: self.issuers,
            intake: self.intake,
            sandbox: self.sandbox,
            turn: self.turn,
            dispatch: self.dispatch,
            store: self.store,
            retention: self.retention,
            embedder: self.memory.embedder,
            api: self.api,
            registry: self.registry,
            quota: self.quota,
            egress: self.egress,
            resolver: Arc::new(SystemResolver::default()),
        })
    }

    /// Put the settings together, `defaults` below everything.
    ///
    /// # Errors
    /// `Invalid` that names the setting, its value, where it comes from and the nearest one there is.
    pub fn load(defaults: &Self, sources: &Sources) -> Result<Loaded> {
        let mut table = toml::Table::try_from(defaults)
            .map_err(|e| Error::internal("writing the default settings", e))?;
        if let Some((path, file)) = read_file(sources.file.as_deref())? {
            layers::merge(&mut table, file, &path.display().to_string())?;
        }
        let notes = layers::merge_environment(&mut table, &sources.environment)?;
        layers::merge(&mut table, sources.flags.clone(), "a flag")?;
        layers::require_positive(&table, &MAY_BE_ZERO)?;
        let mut config: Self = table
            .try_into()
            .map_err(|e: toml::de::Error| Error::invalid("settings", e.to_string().trim_end()))?;
        let variable = |name: &str| sources.secret(name).map(str::to_owned);
        config.issuers = Issuers::new(config.identity.issuers.clone(), &variable)?;
        config.admin_key = match sources.secret(OPERATOR_KEY_VARIABLE) {
            Some(key) => Some(OperatorSecret::given(key)?),
            None => defaults.admin_key.clone(),
        };
        let key = sources.secret(EMBEDDER_KEY_VARIABLE);
        config.memory.embedder.key = key.map(EmbedderKey::new).transpose()?;
        // Built for its mistakes: the start is the time to hear of them.
        config.memory.embedder.build()?;
        config.front()?;
        config.egress.check()?;
        config.sandboxes_suffice()?;
        Ok(Loaded { config, notes })
    }
}

/// Numbers of which 0 means something: for ever, at once, not at all. Any other limit of 0 would make a host
/// that starts and does nothing.
const MAY_BE_ZERO: [&str; 12] = [
    "retention.days",
    "retention.interval_ms",
    "dispatch.reruns_max",
    "dispatch.retry_first_ms",
    "dispatch.breaker_failures",
    "dispatch.drain_ms",
    "memory.embedder.dims",
    "quota.turns_per_second",
    "quota.cpu_seconds_per_day",
    "quota.events_per_second",
    "quota.payload_bytes_per_second",
    "quota.egress_bytes_per_day",
];

fn read_file(named: Option<&Path>) -> Result<Option<(PathBuf, toml::Table)>> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(None),
        Err(e) => {
            let reason = format!("cannot read {}: {e}", path.display());
            return Err(Error::invalid("settings file", reason));
        }
    };
    let table = text.parse().map_err(|e: toml::de::Error| {
        Error::invalid(path.display().to_string(), e.to_string().trim_end())
    })?;
    Ok(Some((path.to_path_buf(), table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], flags: &str) -> Result<Loaded> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("given.toml");
        std::fs::write(&path, file).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(
            &Config::default(),
            &Sources {
                file: Some(path),
                environment: environment.collect(),
                flags: flags.parse().unwrap(),
            },
        )
    }

    #[test]
    fn flags_win_over_the_environment_over_the_file_over_defaults() {
        let check = |file: &str, environment: &[(&str, &str)], flags: &str, expect: &str| {
            let listen = load(file, environment, flags).unwrap().config.listen;
            assert_eq!(listen.to_string(), expect);
        };
        let file = "listen = \"127.0.0.1:2\"";
        let environment = [("WARREN_LISTEN", "127.0.0.1:3")];
        let flags = "listen = \"127.0.0.1:4\"";
        check("", &[], "", "127.0.0.1:7171");
        check(file, &[], "", "127.0.0.1:2");
        check(file, &environment, "", "127.0.0.1:3");
        check(file, &environment, flags, "127.0.0.1:4");
    }

    #[test]
    fn an_embedder_is_set_like_anything_else_and_its_key_in_the_environment() {
        let file = "[memory.embedder]\nkind = \"openai\"\nmodel = \"m\"\ndims = 8";
        let environment = [
            ("WARREN_MEMORY_EMBEDDER_URL", "https://models.example/v1"),
            ("WARREN_EMBEDDER_KEY", "sk-1"),
        ];
        let loaded = load(file, &environment, "").unwrap();
        assert_eq!(loaded.notes, [""; 0]);
        let embedder = loaded.config.memory.embedder;
        assert_eq!(embedder.key, Some(EmbedderKey::new("sk-1").unwrap()));
        assert_eq!(&**embedder.build().unwrap().name(), "openai/m/8");
    }

    #[test]
    fn sections_are_merged_by_key() {
        let loaded = load(
            "[log]\nformat = \"json\"",
            &[("WARREN_LOG_FILTER", "debug")],
            "",
        )
        .unwrap();
        let expect = LogSettings {
            filter: "debug".to_owned(),
            format: LogFormat::Json,
        };
        assert_eq!(loaded.config.log, expect);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let check = |file: &str, environment: &[(&str, &str)], words: &[&str]| {
            let error = load(file, environment, "").err().unwrap().to_string();
            for word in words {
                assert!(error.contains(word), "{error} should say {word}");
            }
        };
        check(
            "lisen = \"x\"",
            &[],
            &["`lisen`", "given.toml", "did you mean `listen`"],
        );
        check(
            "[log]\nfiltre = \"x\"",
            &[],
            &["`log.filtre`", "`log.filter`"],
        );
        check("zzzzzz = 1", &[], &["`zzzzzz`", "data_dir", "listen"]);
        check(
            "listen = 7171",
            &[],
            &["listen", "7171", "an integer, not a string"],
        );
        check("log = \"debug\"", &[], &["log", "a string, not a table"]);
        check("listen = \"here\"", &[], &["socket address"]);
        check("listen = ", &[], &["given.toml", "line 1"]);
        check("[log]\nformat = \"xml\"", &[], &["xml", "json"]);
        check("admin_key = \"x\"", &[], &["WARREN_ADMIN_KEY"]);
        check(
            "[memory.embedder]\nkey = \"x\"",
            &[],
            &["memory.embedder.key", "WARREN_EMBEDDER_KEY"],
        );
        check(
            "[memory.embedder]\nmodl = \"x\"",
            &[],
            &["`memory.embedder.modl`", "`memory.embedder.model`"],
        );
        check(
            "[memory.embedder]\nkind = \"openai\"",
            &[],
            &["memory.embedder.url"],
        );
        check(
            "",
            &[("WARREN_MEMORY_EMBEDDER_KIND", "opnai")],
            &["opnai", "openai"],
        );
        check("", &[("WARREN_LISTEN", "here")], &["socket address"]);
        check(
            "[sandbox]\nturns_max = 127",
            &[],
            &[
                "dispatch.turns_running_max: is 128",
                "sandbox.turns_max",
                "127",
            ],
        );
        load("[sandbox]\nturns_max = 128", &[], "").unwrap();
        check(
            "",
            &[("WARREN_ADMIN_KEY", "short")],
            &["WARREN_ADMIN_KEY", "32"],
        );
    }

    #[test]
    fn an_issuer_is_read_from_the_file_and_its_secret_from_the_environment() {
        let file = r#"
            [[identity.issuers]]
            name = "login"
            iss = "https://login.example"
            aud = ["warren"]
            tenant = "acme"
            user_claim = "sub"
            scopes = ["events:publish"]
            keys = [{ kid = "a", alg = "HS256", secret_variable = "LOGIN_SECRET" }]
        "#;
        let secret = "s".repeat(32);
        let loaded = load(file, &[("LOGIN_SECRET", &secret)], "").unwrap();
        let issuer = loaded.config.issuers.find("https://login.example").unwrap();
        assert_eq!(issuer.name().as_str(), "jwt-login");
        let error = |file: &str, environment: &[(&str, &str)]| {
            load(file, environment, "").err().unwrap().to_string()
        };
        assert!(error(file, &[]).contains("LOGIN_SECRET"));
        let inline = file.replace("secret_variable", "secret");
        assert!(
            error(&inline, &[]).contains("secret"),
            "secrets are in no file"
        );
        let wide = file.replace("events:publish", "everything");
        assert!(error(&wide, &[("LOGIN_SECRET", &secret)]).contains("events:publish"));
    }

    #[test]
    fn a_variable_that_looks_misspelt_is_pointed_out_and_others_are_not() {
        let environment = [
            ("WARREN_LISTN", "127.0.0.1:1"),
            ("WARREN_URL", "http://x"),
            ("WARREN_PORT_7171_TCP_ADDR", "10.0.0.1"),
        ];
        let loaded = load("", &environment, "").unwrap();
        assert_eq!(loaded.config.listen.port(), PORT);
        assert_eq!(
            loaded.notes,
            ["WARREN_LISTN is no setting; did you mean WARREN_LISTEN?"]
        );
    }

    #[test]
    fn a_named_file_must_exist() {
        let sources = Sources {
            file: Some(PathBuf::from("/nonexistent/warren.toml")),
            ..Sources::default()
        };
        assert!(Config::load(&Config::default(), &sources).is_err());
    }
}
