//! The agent's log: bounded, escaped, kept with the turn whether it ends well or not.

use super::{LogLevel, LogLine, Turn};

/// What a cut line ends with.
const CUT: &str = " … (cut)";
/// Most fields of a line: more than anybody reads, and few enough that a line of empty ones weighs little.
const FIELDS_MAX: usize = 32;
/// The name of the field that says that there were more.
const FIELDS_CUT: &str = "…";

impl Turn {
    /// Write a line. What passes a limit is cut and marked as cut; nothing fails.
    pub fn log(&mut self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        let room = self.limits.log_bytes_max.saturating_sub(self.log_bytes);
        if room == 0 {
            return;
        }
        let mut left = room.min(self.limits.log_line_bytes_max);
        let message = take(message, &mut left);
        let fields = take_fields(fields, &mut left);
        let bytes = message.len() + fields.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
        self.log_bytes += bytes.max(1);
        self.logs.push(LogLine {
            at_ms: self.elapsed_ms(),
            level,
            message,
            fields,
        });
        if self.log_bytes >= self.limits.log_bytes_max {
            self.logs.push(LogLine {
                at_ms: self.elapsed_ms(),
                level: LogLevel::Warn,
                message: format!("log limit of {} bytes reached", self.limits.log_bytes_max),
                fields: Vec::new(),
            });
            self.log_bytes = usize::MAX;
        }
    }
}

/// The first [`FIELDS_MAX`] of them, cut to what is left; how many more there were is one more field.
fn take_fields(fields: &[(String, String)], left: &mut usize) -> Vec<(String, String)> {
    let (kept, cut) = fields.split_at(fields.len().min(FIELDS_MAX));
    let mut fields: Vec<(String, String)> = kept
        .iter()
        .map(|(name, value)| (take(name, left), take(value, left)))
        .collect();
    if !cut.is_empty() {
        fields.push((FIELDS_CUT.into(), format!("{} more (cut)", cut.len())));
    }
    fields
}

/// Escape and cut a text to what is left.
fn take(text: &str, left: &mut usize) -> String {
    let mut out = String::with_capacity(text.len().min(*left));
    for c in text.chars() {
        let before = out.len();
        push_escaped(&mut out, c);
        if out.len() > *left {
            out.truncate(before);
            out.push_str(CUT);
            *left = 0;
            return out;
        }
    }
    *left -= out.len();
    out
}

/// Control and bidirectional characters could forge lines or hide text; they are shown as escapes.
fn push_escaped(out: &mut String, c: char) {
    let bidirectional =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if (c.is_control() && c != '\n' && c != '\t') || bidirectional {
        out.extend(c.escape_unicode());
    } else {
        out.push(c);
    }
}

/// Escape and bound a text from a guest that is not a log line: a reason, a trap message.
pub fn guest_text(text: &str, bytes_max: usize) -> String {
    take(text, &mut { bytes_max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_past_the_limit_are_counted() {
        for (given, last) in [
            (FIELDS_MAX - 1, ("field-31", "31")),
            (FIELDS_MAX, ("field-32", "32")),
            (FIELDS_MAX + 1, (FIELDS_CUT, "1 more (cut)")),
            (FIELDS_MAX + 9, (FIELDS_CUT, "9 more (cut)")),
        ] {
            let fields: Vec<_> = (1..=given)
                .map(|n| (format!("field-{n}"), n.to_string()))
                .collect();
            let kept = take_fields(&fields, &mut 8_192);
            assert_eq!(kept.len(), given.min(FIELDS_MAX + 1), "{given} fields");
            let (name, value) = kept.last().unwrap();
            assert_eq!((name.as_str(), value.as_str()), last, "{given} fields");
        }
    }

    #[test]
    fn guest_text_is_escaped_and_cut() {
        for (given, expected) in [
            ("plain", "plain"),
            ("a\u{1b}[31m", "a\\u{1b}[31m"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("0123456789abcdefXYZ", "0123456789abcdef … (cut)"),
        ] {
            assert_eq!(guest_text(given, 16), expected);
        }
    }
}
