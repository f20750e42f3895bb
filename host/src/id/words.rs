//! Words of closed sets: how a value of one is printed, and how it is read back.
//!
//! Invariant: what is printed is read back as the same value, in text and in JSON alike, and a word that
//! is not in the set is refused with those that are. Knows none of the sets.

use crate::error::Error;

/// Characters of a refused word that are shown.
const SHOWN_CHARS: usize = 80;

/// The refusal of a word that is not in the set.
pub(crate) fn unknown_word(what: &'static str, text: &str, words: &[&str]) -> Error {
    let shown: String = text
        .chars()
        .take(SHOWN_CHARS)
        .flat_map(char::escape_default)
        .collect();
    let words = words.join(", ");
    Error::invalid(
        what,
        format!("`{shown}` is not a {what}; the {what}s are {words}"),
    )
}

/// Print and read a type that has `ALL` its values and the word of each as `as_str`.
macro_rules! words {
    ($name:ident, $what:literal) => {
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::error::Error;

            fn from_str(text: &str) -> $crate::error::Result<Self> {
                let mut all = Self::ALL.into_iter();
                all.find(|value| value.as_str() == text).ok_or_else(|| {
                    $crate::id::unknown_word($what, text, &Self::ALL.map(Self::as_str))
                })
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct Word;

                impl ::serde::de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str(concat!("a ", $what))
                    }

                    fn visit_str<E: ::serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                // Every event that is read has a topic: no copy of the word is made.
                deserializer.deserialize_str(Word)
            }
        }
    };
}
pub(crate) use words;
