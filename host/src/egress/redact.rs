//! Takes secrets out of what comes back.
//!
//! Invariant: whatever the pieces in which an answer comes, no byte of a whole value passes. What is held back for that
//! has always the same length, whatever it is: else a guest that chooses an answer's end could see by its pieces how much
//! of a value it guessed. Knows each value as it was sent, and as JSON, addresses and forms write it, character by
//! character. A server that changes a value otherwise before it sends it back is a server that was told it: that is what
//! its rules are for.

use http::{HeaderMap, HeaderValue};

use crate::secrets::{PLACEHOLDER_BEGIN, PLACEHOLDER_END};

/// The least that is looked for of what follows a scheme (`Bearer …`) in a value: less would be found anywhere.
const TOKEN_BYTES_MIN: usize = 8;
/// The most bytes that stand for one byte of a value: `\u0041`.
const WRITTEN_BYTES_MAX: usize = 6;

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
    /// As many bytes as a value may be written in, less one.
    held: Vec<u8>,
}

impl Redactor {
    /// Look for this secret too.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        let name = placeholder(name).into_bytes();
        let token = value.rsplit_once(' ').map(|(_, token)| token);
        let token = token.filter(|token| token.len() >= TOKEN_BYTES_MIN);
        for value in [Some(value), token].into_iter().flatten() {
            let value = value.as_bytes().to_vec();
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
        let longest = self.words.first().map_or(0, |word| word.value.len()) * WRITTEN_BYTES_MAX;
        let mut out = Vec::with_capacity(held.len());
        let mut rest = held.as_slice();
        while let Some((first, later)) = rest.split_first() {
            if !all && rest.len() < longest {
                break;
            }
            let found = self
                .words
                .iter()
                .find_map(|word| Some((word, written(&word.value, rest)?)));
            if let Some((word, bytes)) = found {
                out.extend(&word.name);
                rest = rest.get(bytes..).unwrap_or_default();
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

/// In how many of the first bytes of `text` a value is written, each of its characters in whatever way, if it is.
fn written(value: &[u8], text: &[u8]) -> Option<usize> {
    let begins = |first: &u8| ways(*first, text).iter().any(Option::is_some);
    if !value.first().is_some_and(begins) {
        return None;
    }
    // Where the next character may begin: several places where a value holds what also begins an escape.
    let mut places = vec![0];
    for byte in value {
        let mut next = Vec::new();
        for at in places {
            let rest: &[u8] = text.get(at..).unwrap_or_default();
            next.extend(
                ways(*byte, rest)
                    .into_iter()
                    .flatten()
                    .map(|bytes| at + bytes),
            );
        }
        next.sort_unstable();
        next.dedup();
        places = next;
        if places.is_empty() {
            return None;
        }
    }
    places.last().copied()
}

/// The bytes that each way of writing a character takes at the beginning of `text`, where it stands there: as it is, after
/// a backslash or as `\u0041` in JSON, as `%41` or (a space) `+` in addresses and forms.
fn ways(byte: u8, text: &[u8]) -> [Option<usize>; 4] {
    let hex = |from: usize| {
        let digits = std::str::from_utf8(text.get(from..from + 2)?).ok()?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)
    };
    let plain = text.first() == Some(&byte) || (byte == b' ' && text.first() == Some(&b'+'));
    let escaped = !byte.is_ascii_alphanumeric() && text.starts_with(&[b'\\', byte]);
    let json = text.starts_with(b"\\u00") && hex(4) == Some(byte);
    let address = text.starts_with(b"%") && hex(1) == Some(byte);
    [
        plain.then_some(1),
        escaped.then_some(2),
        json.then_some(WRITTEN_BYTES_MAX),
        address.then_some(3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.add("key", "s3cr3t/v\"1");
        redactor.add("long", "s3cr3t/v\"1-and-more");
        redactor.add("of", "Bearer token-4711");
        redactor.add("odd", "100%+\\%2");
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
            ("?k=s3cr3t%2fv%221&x", "?k={{secret:key}}&x"),
            ("s3cr3t\\/v\\\"1", "{{secret:key}}"),
            ("\\u0073\\u0033cr3t\\u002Fv\\u00221", "{{secret:key}}"),
            ("a token-4711 b", "a {{secret:of}} b"),
            ("Bearer token-4711", "{{secret:of}}"),
            ("Bearer+token-4711", "{{secret:of}}"),
            ("Bearer token-471", "Bearer token-471"),
            ("100%+\\%2", "{{secret:odd}}"),
            ("100%25%2B%5c%252", "{{secret:odd}}"),
            ("s3cr3t/v", "s3cr3t/v"),
            ("", ""),
        ] {
            for size in 1..=text.len().max(1) {
                let mut redactor = redactor();
                let mut out = Vec::new();
                for piece in text.as_bytes().chunks(size) {
                    out.extend(redactor.pass(piece));
                    let longest = "s3cr3t/v\"1-and-more".len() * WRITTEN_BYTES_MAX;
                    assert!(redactor.held.len() < longest, "{text} by {size}");
                }
                out.extend(redactor.finish());
                assert_eq!(String::from_utf8(out).unwrap(), expect, "{text} by {size}");
            }
        }
    }

    /// A94: whoever chooses an answer's end learns nothing from the pieces in which it passes.
    #[test]
    fn what_is_held_back_says_nothing_of_the_value() {
        let lengths = |end: &str| {
            let mut redactor = redactor();
            let text = format!("{}{end}", "x".repeat(300));
            let pieces = text.as_bytes().chunks(100);
            let passed: Vec<_> = pieces.map(|piece| redactor.pass(piece).len()).collect();
            (passed, redactor.finish().len())
        };
        for end in ["s3c", "s3cr3t/v", "Bearer "] {
            assert_eq!(lengths(end), lengths(&"y".repeat(end.len())), "{end}");
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
