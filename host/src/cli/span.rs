//! Spans of time as people write them: `90s`, `15m`, `8h`, `30d`.

use std::str::FromStr;

/// Whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64);

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err("write a number and s, m, h or d, as in `30d`".to_owned()),
        };
        let number: Option<u64> = number.parse().ok();
        number
            .and_then(|number| number.checked_mul(seconds))
            .map(Self)
            .ok_or_else(|| "write a whole number before s, m, h or d, as in `30d`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [
            ("0s", Some(0)),
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("8h", Some(28_800)),
            ("30d", Some(2_592_000)),
            ("30", None),
            ("d", None),
            ("1.5h", None),
            ("-1s", None),
            ("1w", None),
            ("99999999999999999999s", None),
            ("9999999999999999999d", None),
        ] {
            assert_eq!(
                text.parse::<Span>().ok().map(|span| span.0),
                seconds,
                "{text}"
            );
        }
    }
}
