//! JSON that is given on the command line, in a file or through a pipe.

use std::io::{self, Read};
use std::path::Path;

use crate::error::Error;
use crate::events::{JSON_BYTES_MAX, Json};

use super::failure::{Failure, Result};

/// Read `argument`: JSON itself, `@FILE`, or `-` for stdin; an empty object without one.
///
/// # Errors
/// `Usage` if it is not JSON within the limits of the host.
pub(crate) fn payload(argument: Option<&str>) -> Result<Json> {
    let text = match argument {
        None => "{}".to_owned(),
        Some("-") => read_bounded("stdin", io::stdin().lock())?,
        Some(argument) => match argument.strip_prefix('@') {
            Some(path) => {
                let file = std::fs::File::open(path).map_err(|error| {
                    Failure::file("read", Path::new(path), &error)
                        .hint("the payload is read from the file after @; nothing was sent")
                })?;
                read_bounded(path, file)?
            }
            None => argument.to_owned(),
        },
    };
    Json::parse("data", &text).map_err(|error| {
        let hint = match error {
            Error::TooLarge { .. } => "keep what is large elsewhere and send where it is",
            _ => "quote it for the shell: '{\"name\": \"Ada\"}', or give @FILE or -",
        };
        Failure::from(error).hint(hint)
    })
}

/// Reads one byte more than the limit, so that the check that follows names what is too much.
fn read_bounded(what: &str, reader: impl Read) -> Result<String> {
    let mut text = String::new();
    reader
        .take(JSON_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::file("read", Path::new(what), &error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn payloads_come_as_text_or_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " [1]\n").unwrap();
        let at = format!("@{}", file.path().display());
        let check = |argument: Option<&str>, expect: &str| {
            assert_eq!(payload(argument).unwrap().as_str(), expect, "{argument:?}");
        };
        check(None, "{}");
        check(Some("7"), "7");
        check(Some(&at), "[1]");
    }

    #[test]
    fn what_is_no_payload_is_a_usage_error_with_a_hint() {
        let too_long = format!("\"{}\"", "x".repeat(JSON_BYTES_MAX));
        for bad in ["", "{name: 1}", &too_long] {
            let failure = payload(Some(bad)).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{failure}");
            assert!(failure.next_step().is_some());
        }
        let absent = payload(Some("@/nonexistent")).unwrap_err();
        assert_eq!(absent.exit, Exit::Failed);
        assert!(absent.next_step().is_some());
    }
}
