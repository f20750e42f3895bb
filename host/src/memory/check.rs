//! The rules for what memory takes, the same whoever gives it: an agent in its turn, or a client.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::events::Json;

use super::{PROCEDURE_NAME_BYTES_MAX, TAGS_MAX, TEXT_BYTES_MAX};

/// A text of 1 to [`TEXT_BYTES_MAX`] bytes.
///
/// # Errors
/// `Invalid` if it is empty, `TooLarge` past the limit.
pub fn text(field: &'static str, text: &str) -> Result<()> {
    sized(field, text, ("text_bytes_max", TEXT_BYTES_MAX))
}

/// A text of 1 byte to a named limit.
pub(super) fn sized(
    field: &'static str,
    text: &str,
    (limit, max): (&'static str, usize),
) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(field, "is empty"));
    }
    if text.len() > max {
        return Err(Error::TooLarge {
            limit,
            unit: "bytes",
            max: max as u64,
            got: text.len() as u64,
        });
    }
    Ok(())
}

/// At most [`TAGS_MAX`] texts of 1 to `bytes_max` bytes.
///
/// # Errors
/// `Invalid` with the number or the length that does not fit.
pub fn list(field: &'static str, items: &[String], bytes_max: usize) -> Result<()> {
    if items.len() > TAGS_MAX {
        return Err(Error::invalid(
            field,
            format!("{}, the limit is {TAGS_MAX}", items.len()),
        ));
    }
    match items
        .iter()
        .find(|item| item.is_empty() || item.len() > bytes_max)
    {
        None => Ok(()),
        Some(item) => Err(Error::invalid(
            field,
            format!("one is {} bytes, must be 1 to {bytes_max}", item.len()),
        )),
    }
}

/// A JSON object; nothing stands for an empty one.
///
/// # Errors
/// As [`Json::parse`], and `Invalid` for any other JSON.
pub fn object(field: &'static str, text: &str) -> Result<Json> {
    let json = Json::parse(field, if text.is_empty() { "{}" } else { text })?;
    if !json.as_str().starts_with('{') {
        return Err(Error::invalid(field, "is not a JSON object"));
    }
    Ok(json)
}

/// A procedure's name.
///
/// # Errors
/// `Invalid` with the rule.
pub fn procedure_name(text: &str) -> Result<Arc<str>> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    if text.is_empty() || text.len() > PROCEDURE_NAME_BYTES_MAX || !text.bytes().all(good) {
        return Err(Error::invalid(
            "name",
            format!("must be 1 to {PROCEDURE_NAME_BYTES_MAX} characters of `a-z0-9.-`"),
        ));
    }
    Ok(text.into())
}
