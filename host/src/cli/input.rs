//! JSON that is given on the command line, in a file or through a pipe.

use std::io::{self, Read};
use std::path::Path;

use crate::error::Error;
use crate::events::{JSON_BYTES_MAX, Json};

use super::failure::{Failure, Result};

/// What to do with a payload that is too long.
const SMALLER: &str = "keep what is large elsewhere and send where it is";

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
                let unread = |error: io::Error| {
                    Failure::file("read", Path::new(path), &error)
                        .hint("the payload is read from the file after @; nothing was sent")
                };
                let file = std::fs::File::open(path).map_err(unread)?;
                read_bounded(path, file)?
            }
            None => argument.to_owned(),
        },
    };
    Json::parse("data", &text).map_err(|error| {
        let hint = match error {
            Error::TooLarge { .. } => SMALLER,
            _ => "quote it for the shell: '{\"name\": \"Ada\"}', or give @FILE or -",
        };
        Failure::from(error).hint(hint)
    })
}

/// Reads one byte more than the limit: enough to know that it is too much, however much there is.
fn read_bounded(what: &str, reader: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    reader
        .take(JSON_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file("read", Path::new(what), &error))?;
    if bytes.len() > JSON_BYTES_MAX {
        let message = format!("{what}: json_bytes_max is {JSON_BYTES_MAX} bytes, and it has more");
        return Err(Failure::usage(message).hint(SMALLER));
    }
    String::from_utf8(bytes).map_err(|error| {
        Failure::usage(format!("{what}: not text: {}", error.utf8_error()))
            .hint("a payload is JSON in UTF-8; nothing was sent")
    })
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
        let large = tempfile::NamedTempFile::new().unwrap();
        let at = format!("@{}", large.path().display());
        let check = |bytes: usize, words: &str| {
            // A character of two bytes that the limit cuts must not pass for text that is none.
            std::fs::write(large.path(), format!("\"{}\"", "é".repeat(bytes / 2 - 1))).unwrap();
            let got =
                payload(Some(&at)).map_or_else(|failure| failure.to_string(), |_| String::new());
            assert!(got.starts_with(words) && got.contains(words), "{got}");
            assert_eq!(got.is_empty(), words.is_empty(), "{got}");
        };
        check(JSON_BYTES_MAX, "");
        check(
            JSON_BYTES_MAX + 2,
            &format!("{}: json_bytes_max is 262144 bytes", &at[1..]),
        );
        std::fs::write(large.path(), b"\xff").unwrap();
        let binary = payload(Some(&at)).unwrap_err();
        assert_eq!(binary.exit, Exit::Usage, "{binary}");
        let absent = payload(Some("@/nonexistent")).unwrap_err();
        assert_eq!(absent.exit, Exit::Failed);
        assert!(absent.next_step().is_some());
    }
}
