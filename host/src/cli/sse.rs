//! Reads server-sent events (the WHATWG format) from any reader.
//!
//! Invariant: an event is yielded only when its empty line has come, so that a cut connection never
//! yields half of one; a line longer than the limit ends the stream.

use std::io::{self, BufRead, BufReader, Read};

/// Longest line in bytes: an event of the largest payload with room for its envelope.
const LINE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SseEvent {
    /// What to ask to continue after.
    pub(crate) id: Option<String>,
    /// Its kind; empty means `message`.
    pub(crate) kind: String,
    /// What it says.
    pub(crate) data: String,
}

/// The events of a stream.
#[derive(Debug)]
pub(crate) struct SseReader<R> {
    lines: BufReader<R>,
}

impl<R: Read> SseReader<R> {
    /// Over a response body.
    pub(crate) fn new(body: R) -> Self {
        Self {
            lines: BufReader::new(body),
        }
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if read == 0 || line.last() != Some(&b'\n') {
            return if read as u64 == LINE_BYTES_MAX {
                let message = format!("a line of the stream is over {LINE_BYTES_MAX} bytes");
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            } else {
                Ok(None)
            };
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    fn event(&mut self) -> io::Result<Option<SseEvent>> {
        let mut event = SseEvent::default();
        let mut data: Option<String> = None;
        while let Some(line) = self.line()? {
            if line.is_empty() {
                let Some(data) = data.take() else {
                    // A heartbeat or a bare id: nothing to tell.
                    event = SseEvent::default();
                    continue;
                };
                return Ok(Some(SseEvent { data, ..event }));
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => event.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut event.kind),
                "data" => match &mut data {
                    Some(lines) => {
                        lines.push('\n');
                        lines.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                },
                _ => {}
            }
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for SseReader<R> {
    type Item = io::Result<SseEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.event().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Option<String>, String, String)> {
        SseReader::new(text.as_bytes())
            .map(|event| event.unwrap())
            .map(|event| (event.id, event.kind, event.data))
            .collect()
    }

    #[test]
    fn events_are_read_and_what_is_cut_is_not() {
        let event = |id: Option<&str>, kind: &str, data: &str| {
            (id.map(str::to_owned), kind.to_owned(), data.to_owned())
        };
        let check = |text: &str, expect: &[(Option<String>, String, String)]| {
            assert_eq!(read(text), expect, "{text:?}");
        };
        check("", &[]);
        check(": beat\n\n", &[]);
        check(
            "id: 7\nevent: e\ndata: {}\n\n",
            &[event(Some("7"), "e", "{}")],
        );
        check("data:a\r\ndata: b\r\n\r\n", &[event(None, "", "a\nb")]);
        check("retry: 5\n\ndata\n\n", &[event(None, "", "")]);
        check(
            "id: 1\ndata: x\n\nid: 2\ndata: cut\n",
            &[event(Some("1"), "", "x")],
        );
        check("id: 1\ndata: x", &[]);
    }

    #[test]
    fn a_line_without_end_is_refused_instead_of_kept() {
        let endless = io::repeat(b'x');
        let mut reader = SseReader::new(endless);
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
