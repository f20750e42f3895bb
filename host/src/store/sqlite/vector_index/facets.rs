//! What of a row filters ask for, as numbers: its source, each tag, each member of its metadata.
//!
//! Invariant: what is equal to a filter has the filter's number. Two that differ may share one, once in 2^64
//! and nobody outside knows which: the key is drawn for each table.

use std::hash::{BuildHasher as _, Hash as _, Hasher, RandomState};

use serde_json::{Map, Value};

/// Most facets kept of a row: 512 bytes. A row with more is read from the database by every search that
/// filters.
pub(super) const FACETS_MAX: usize = 64;

/// One thing to filter by.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Facet<'a> {
    /// It comes from there.
    Source(&'a str),
    /// It carries this tag.
    Tag(&'a str),
    /// Its metadata has this member with this value.
    Member(&'a str, &'a Value),
}

/// Makes the numbers.
#[derive(Default)]
pub(super) struct Numbers(RandomState);

impl Numbers {
    pub(super) fn of(&self, facet: Facet<'_>) -> u64 {
        let mut hasher = self.0.build_hasher();
        match facet {
            Facet::Source(source) => (0_u8, source).hash(&mut hasher),
            Facet::Tag(tag) => (1_u8, tag).hash(&mut hasher),
            Facet::Member(name, value) => {
                (2_u8, name).hash(&mut hasher);
                feed(value, &mut hasher);
            }
        }
        hasher.finish()
    }

    /// Of a row, sorted; none if they are too many.
    pub(super) fn of_row(
        &self,
        source: Option<&str>,
        tags: &[String],
        metadata: &Map<String, Value>,
    ) -> Option<Box<[u64]>> {
        let count = usize::from(source.is_some()) + tags.len() + metadata.len();
        if count > FACETS_MAX {
            return None;
        }
        let tags = tags.iter().map(|tag| Facet::Tag(tag));
        let members = metadata
            .iter()
            .map(|(name, value)| Facet::Member(name, value));
        let facets = source.map(Facet::Source).into_iter().chain(tags);
        let mut numbers: Vec<u64> = facets.chain(members).map(|facet| self.of(facet)).collect();
        numbers.sort_unstable();
        Some(numbers.into())
    }
}

/// Equal values feed equal bytes: numbers by value, members in any order.
fn feed(value: &Value, hasher: &mut impl Hasher) {
    match value {
        Value::Null => 0_u8.hash(hasher),
        Value::Bool(value) => (1_u8, value).hash(hasher),
        // Adding zero makes both zeros the positive one.
        Value::Number(value) => {
            (2_u8, (value.as_f64().unwrap_or_default() + 0.0).to_bits()).hash(hasher);
        }
        Value::String(value) => (3_u8, value).hash(hasher),
        Value::Array(values) => {
            (4_u8, values.len()).hash(hasher);
            for value in values {
                feed(value, hasher);
            }
        }
        Value::Object(members) => {
            (5_u8, members.len()).hash(hasher);
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in members {
                name.hash(hasher);
                feed(value, hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_equal_numbers_and_others_not() {
        let numbers = Numbers::default();
        let check = |a: Value, b: Value, equal: bool| {
            let [x, y] = [&a, &b].map(|value| numbers.of(Facet::Member("m", value)));
            assert_eq!(x == y, equal, "{a} and {b}");
        };
        check(json!(1), json!(1.0), true);
        check(json!(0), json!(-0.0), true);
        check(
            json!({"a": [1], "b": 2}),
            json!({"b": 2.0, "a": [1.0]}),
            true,
        );
        check(json!(1), json!("1"), false);
        check(json!(null), json!(false), false);
        check(json!([1, 2]), json!([2, 1]), false);
        check(json!(["ab", "c"]), json!(["a", "bc"]), false);
        check(json!({"a": 1}), json!({"a": 1, "b": null}), false);
        assert_ne!(
            numbers.of(Facet::Source("x")),
            numbers.of(Facet::Tag("x")),
            "a source is no tag"
        );
    }

    #[test]
    fn a_row_has_so_many_and_not_one_more() {
        let tags = |count: usize| -> Vec<String> { (0..count).map(|i| i.to_string()).collect() };
        let none = Map::new();
        let numbers = Numbers::default();
        let kept = numbers.of_row(None, &tags(FACETS_MAX), &none).unwrap();
        assert_eq!(kept.len(), FACETS_MAX);
        assert!(kept.is_sorted());
        assert!(
            numbers
                .of_row(Some("x"), &tags(FACETS_MAX), &none)
                .is_none()
        );
    }
}
