//! Takes secrets out of what comes back.
//!
//! Invariant: whatever the pieces in which an answer comes, no byte of a whole value passes; what is held back for that is
//! less than one value. Knows each value as it was sent, as JSON and as an address would write it. A server that changes
//! a value otherwise before it sends it back is a server that was told it: that is what its rules are for.

use http::{HeaderMap, HeaderValue};

use crate::secrets::{PLACEHOLDER_BEGIN, PLACEHOLDER_END};

/// A value to look for, and what is put in its place.
#[derive(Clone)]
struct Word {
    value: Vec<u8>,
    name: Vec<u8>,
}

/// Looks for the secrets of one request.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    /// The longest first: one may begin with another.
    words: Vec<Word>,
    /// What may be the beginning of a value.
    held: Vec<u8>,
}

impl Redactor {
    /// Look for this secret too.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        let name = placeholder(name).into_bytes();
        for value in [value.to_owned(), as_json(value), as_address(value)] {
            let value = value.into_bytes();
            if !self.words.iter().any(|word| word.value == value) {
                let name = name.clone();
                self.words.push(Word { value, name });
            }
        }
        let longest = |word: &Word| std::cmp::Reverse(word.value.len());
        self.words.sort_by_key(longest);
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// What of the next piece may pass.
    pub(super) fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend(piece);
        self.sift(false)
    }

    /// The rest, when nothing more comes.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.sift(true)
    }

    fn sift(&mut self, all: bool) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let mut out = Vec::with_capacity(held.len());
        let mut rest = held.as_slice();
        while let Some((first, later)) = rest.split_first() {
            let begins =
                |word: &Word| word.value.len() > rest.len() && word.value.starts_with(rest);
            // Before a shorter one is taken out that a longer one begins with.
            if !all && self.words.iter().any(begins) {
                break;
            }
            if let Some(word) = self.words.iter().find(|word| rest.starts_with(&word.value)) {
                out.extend(&word.name);
                rest = rest.get(word.value.len()..).unwrap_or_default();
                continue;
            }
            out.push(*first);
            rest = later;
        }
        self.held = rest.to_vec();
        out
    }

    /// Take secrets out of headers.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut one = Self {
                words: self.words.clone(),
                held: Vec::new(),
            };
            let mut clean = one.pass(value.as_bytes());
            clean.extend(one.finish());
            if clean != value.as_bytes() {
                // Of a value's characters and a placeholder's, both of which a header may hold.
                *value =
                    HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("redacted"));
            }
        }
    }
}

/// What stands for a secret.
pub(super) fn placeholder(name: &str) -> String {
    format!("{PLACEHOLDER_BEGIN}{name}{PLACEHOLDER_END}")
}

/// As it stands within a text of JSON.
fn as_json(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

/// As it stands within an address.
fn as_address(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.add("key", "s3cr3t/v\"1");
        redactor.add("long", "s3cr3t/v\"1-and-more");
        redactor
    }

    /// A94: in whatever pieces an echo comes.
    #[test]
    fn no_value_passes_in_whatever_pieces_it_comes() {
        for (text, expect) in [
            ("a s3cr3t/v\"1 b", "a {{secret:key}} b"),
            ("s3cr3t/v\"1-and-more", "{{secret:long}}"),
            ("s3cr3t/v\"1-and-", "{{secret:key}}-and-"),
            ("s3cr3t/v\"1s3cr3t/v\"1", "{{secret:key}}{{secret:key}}"),
            ("s3s3cr3t/v\"1", "s3{{secret:key}}"),
            ("\"s3cr3t/v\\\"1\"", "\"{{secret:key}}\""),
            ("?k=s3cr3t%2Fv%221&x", "?k={{secret:key}}&x"),
            ("s3cr3t/v", "s3cr3t/v"),
            ("", ""),
        ] {
            for size in 1..=text.len().max(1) {
                let mut redactor = redactor();
                let mut out = Vec::new();
                for piece in text.as_bytes().chunks(size) {
                    out.extend(redactor.pass(piece));
                    let longest = "s3cr3t%2Fv%221-and-more".len();
                    assert!(redactor.held.len() < longest, "{text} by {size}");
                }
                out.extend(redactor.finish());
                assert_eq!(String::from_utf8(out).unwrap(), expect, "{text} by {size}");
            }
        }
    }

    #[test]
    fn headers_are_looked_through() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("Bearer s3cr3t/v\"1");
        headers.insert("x-echo", value);
        headers.insert("x-other", HeaderValue::from_static("as it was"));
        redactor().headers(&mut headers);
        assert_eq!(headers["x-echo"], "Bearer {{secret:key}}");
        assert_eq!(headers["x-other"], "as it was");
    }
}
