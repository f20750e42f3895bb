//! Telemetry: what the host tells its operator, as log lines and as metrics.
//!
//! Invariant: neither holds payloads, memory contents or keys, and a metric's labels come from bounded
//! sets: never a tenant, an agent or an id.

use std::fmt;
use std::io::IsTerminal as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::error::{Error, Result};

mod metrics;
mod series;

pub use metrics::{Metrics, TurnFigures};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(Error::invalid(
                "log format",
                format!("`{}` is neither `pretty` nor `json`", text.escape_default()),
            )),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        })
    }
}

/// Send log lines to standard error from now on. `filter` is a level such as `info`, or directives such
/// as `warn,warren=debug`.
///
/// # Errors
/// `Invalid` if `filter` cannot be read; `Conflict` if the process logs already.
pub fn start_logging(filter: &str, format: LogFormat) -> Result<()> {
    let directives = EnvFilter::try_new(filter)
        .map_err(|e| Error::invalid("log filter", format!("`{}`: {e}", filter.escape_default())))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(directives)
        .with_writer(BoxMakeWriter::new(std::io::stderr));
    // A file or a service manager would keep colours as control characters.
    let builder = if std::io::stderr().is_terminal() {
        builder
    } else {
        builder.with_ansi(false)
    };
    let started = match format {
        LogFormat::Pretty => builder.with_target(false).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    started.map_err(|e| Error::conflict("log", e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_back_and_others_are_refused() {
        for format in [LogFormat::Pretty, LogFormat::Json] {
            assert_eq!(format.to_string().parse::<LogFormat>().unwrap(), format);
        }
        assert!("xml".parse::<LogFormat>().is_err());
        assert!(start_logging("warren=loudly", LogFormat::Json).is_err());
    }
}
