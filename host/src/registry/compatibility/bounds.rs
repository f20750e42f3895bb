//! Bounds of numbers, lengths and counts.

use serde_json::{Map, Number, Value};

use super::types::{Types, enumerated};
use super::walk::{Pair, Walk};

/// The least and the most of something, and which values have it.
const COUNTS: [(&str, &str, Types); 3] = [
    ("minLength", "maxLength", Types::STRING),
    ("minItems", "maxItems", Types::ARRAY),
    ("minProperties", "maxProperties", Types::OBJECT),
];

/// Compare everything that is a number.
pub(super) fn compare(
    walk: &mut Walk<'_>,
    pair: &Pair<'_>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
) {
    let types = Types::of(from);
    if types.meets(Types::NUMBER) {
        compare_bound(walk, pair, from, to, Side::Lower);
        compare_bound(walk, pair, from, to, Side::Upper);
        compare_multiple(walk, pair, from, to);
    }
    for (least, most, of) in COUNTS {
        if types.meets(of) {
            compare_least(walk, pair, from, to, least);
            compare_most(walk, pair, from, to, most);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Lower,
    Upper,
}

impl Side {
    const fn keywords(self) -> (&'static str, &'static str) {
        match self {
            Self::Lower => ("minimum", "exclusiveMinimum"),
            Self::Upper => ("maximum", "exclusiveMaximum"),
        }
    }

    /// Whether `a` leaves less than `b`.
    fn is_tighter(self, a: f64, b: f64) -> bool {
        match self {
            Self::Lower => a > b,
            Self::Upper => a < b,
        }
    }
}

/// A bound of numbers.
#[derive(Debug, Clone, PartialEq)]
struct Bound<'a> {
    keyword: &'static str,
    number: &'a Number,
    value: f64,
    exclusive: bool,
}

impl Bound<'_> {
    fn is_tighter(&self, than: &Self, side: Side) -> bool {
        side.is_tighter(self.value, than.value)
            || (self.value.total_cmp(&than.value).is_eq() && self.exclusive && !than.exclusive)
    }
}

/// The tighter one of the two keywords of a side.
fn bound(schema: &Map<String, Value>, side: Side) -> Option<Bound<'_>> {
    let (inclusive, exclusive) = side.keywords();
    let of = |keyword: &'static str, exclusive| {
        let number = schema.get(keyword)?.as_number()?;
        let value = number.as_f64()?;
        Some(Bound {
            keyword,
            number,
            value,
            exclusive,
        })
    };
    match (of(inclusive, false), of(exclusive, true)) {
        (Some(a), Some(b)) if a.is_tighter(&b, side) => Some(a),
        (_, Some(b)) => Some(b),
        (a, None) => a,
    }
}

fn compare_bound(
    walk: &mut Walk<'_>,
    pair: &Pair<'_>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    side: Side,
) {
    let Some(is) = bound(to, side) else { return };
    if let Some(values) = enumerated(from) {
        let numbers = values.iter().filter_map(Value::as_f64);
        let outside = |value: f64| {
            side.is_tighter(is.value, value) || (is.exclusive && is.value.total_cmp(&value).is_eq())
        };
        if !numbers.clone().any(outside) {
            return;
        }
    }
    let was = bound(from, side);
    if was.as_ref().is_some_and(|was| !is.is_tighter(was, side)) {
        return;
    }
    let words = was.map_or("no bound".to_owned(), |was| {
        if was.keyword == is.keyword {
            was.number.to_string()
        } else {
            format!("{} {}", was.keyword, was.number)
        }
    });
    walk.became(pair, is.keyword, &words, &is.number.to_string());
}

fn compare_multiple(
    walk: &mut Walk<'_>,
    pair: &Pair<'_>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
) {
    let of = |schema: &Map<String, Value>| schema.get("multipleOf").and_then(Value::as_f64);
    let Some(is) = of(to) else { return };
    let was = of(from);
    // Of decimal fractions the remainder is not exact; equal ones are the common case.
    let divides = |was: f64| was.total_cmp(&is).is_eq() || (was / is).fract() == 0.0;
    if !was.is_some_and(divides) {
        let was = was.map_or("any number".to_owned(), |was| was.to_string());
        walk.became(pair, "multipleOf", &was, &is.to_string());
    }
}

fn count(schema: &Map<String, Value>, keyword: &str) -> Option<f64> {
    schema.get(keyword).and_then(Value::as_f64)
}

fn compare_least(
    walk: &mut Walk<'_>,
    pair: &Pair<'_>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    keyword: &str,
) {
    let (was, is) = (
        count(from, keyword).unwrap_or(0.0),
        count(to, keyword).unwrap_or(0.0),
    );
    if is > was && !lengths_fit(from, |length| length >= is) {
        walk.became(pair, keyword, &was.to_string(), &is.to_string());
    }
}

fn compare_most(
    walk: &mut Walk<'_>,
    pair: &Pair<'_>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    keyword: &str,
) {
    let Some(is) = count(to, keyword) else { return };
    let was = count(from, keyword);
    if was.is_none_or(|was| was > is) && !lengths_fit(from, |length| length <= is) {
        let was = was.map_or("no bound".to_owned(), |was| was.to_string());
        walk.became(pair, keyword, &was, &is.to_string());
    }
}

/// Whether all values are enumerated and their lengths fit.
fn lengths_fit(schema: &Map<String, Value>, fits: impl Fn(f64) -> bool) -> bool {
    enumerated(schema).is_some_and(|values| {
        values.iter().all(|value| match value {
            Value::String(text) => fits(text.chars().count() as f64),
            Value::Array(items) => fits(items.len() as f64),
            Value::Object(members) => fits(members.len() as f64),
            _ => true,
        })
    })
}
