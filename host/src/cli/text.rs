//! Words for people: escaping, sizes, spans of time.
//!
//! Invariant: text that came from an agent, an event or a server never reaches a terminal with its
//! control characters, or a payload could move the cursor, rename the window or hide what was printed.

use std::borrow::Cow;

/// `text` with control characters and what turns the direction of writing shown as escapes.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().fold(String::new(), |mut out, c| {
        if is_unsafe(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    });
    Cow::Owned(escaped)
}

/// Like [`safe`] for words of several lines: line breaks and tabs stay.
pub(crate) fn safe_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let cells: Vec<Cow<'_, str>> = line.split('\t').map(safe).collect();
            cells.join("\t")
        })
        .collect();
    lines.join("\n")
}

fn is_unsafe(c: char) -> bool {
    // U+202A..U+202E and U+2066..U+2069 reorder what stands around them.
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first `chars_max` characters of `text`, marked if there was more.
pub(crate) fn shorten(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.char_indices().nth(chars_max).is_none() {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    Cow::Owned(format!("{kept}…"))
}

/// A count of bytes: `71.2 KiB`.
pub(crate) fn bytes(count: u64) -> String {
    const KIB: f64 = 1024.0;
    let size = count as f64;
    if size < KIB {
        format!("{count} B")
    } else if size < KIB * KIB {
        format!("{:.1} KiB", size / KIB)
    } else if size < KIB * KIB * KIB {
        format!("{:.1} MiB", size / KIB / KIB)
    } else {
        format!("{:.1} GiB", size / KIB / KIB / KIB)
    }
}

/// A count of things: `1 turn`, `2 turns`.
pub(crate) fn count(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// A span of microseconds: `870 µs`, `3.2 ms`, `1.8 s`.
pub(crate) fn micros(count: u64) -> String {
    let span = count as f64;
    if count < 1_000 {
        format!("{count} µs")
    } else if count < 1_000_000 {
        format!("{:.1} ms", span / 1e3)
    } else {
        format!("{:.1} s", span / 1e6)
    }
}

/// The clock of an RFC 3339 instant, for lines that come as things happen: `10:42:07.120`.
pub(crate) fn clock_of(instant: &str) -> &str {
    instant
        .split_once('T')
        .map_or(instant, |(_, clock)| clock.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_drive_a_terminal_is_shown_as_escapes() {
        let check = |text: &str, expect: &str| assert_eq!(safe(text), expect, "{text:?}");
        check("plain ünïcode 漢字", "plain ünïcode 漢字");
        check("\u{1b}[2Jgone", "\\u{1b}[2Jgone");
        check("\u{9b}31m", "\\u{9b}31m");
        check("a\r\nb\tc", "a\\r\\nb\\tc");
        check("abc\u{202e}cba", "abc\\u{202e}cba");
    }

    #[test]
    fn shortening_counts_characters_and_marks_the_cut() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüx", 3), "äö…");
        assert_eq!(shorten("", 0), "");
    }

    #[test]
    fn quantities_read_well_on_both_sides_of_a_unit() {
        let sizes = [0, 1023, 1024, 72_909, 1_048_575, 1_048_576].map(bytes);
        assert_eq!(
            sizes,
            [
                "0 B",
                "1023 B",
                "1.0 KiB",
                "71.2 KiB",
                "1024.0 KiB",
                "1.0 MiB"
            ]
        );
        let spans = [0, 999, 1_000, 999_949, 1_000_000].map(micros);
        assert_eq!(spans, ["0 µs", "999 µs", "1.0 ms", "999.9 ms", "1.0 s"]);
        assert_eq!(clock_of("2026-01-02T03:04:05.678Z"), "03:04:05.678");
    }
}
