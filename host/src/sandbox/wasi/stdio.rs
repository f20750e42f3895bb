//! Standard output and error of a guest: lines of its log.
//!
//! Invariant: what waits here between two host calls is bounded; the turn's log bounds the rest, and
//! escapes it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::turn::{LogLevel, Turn};

/// Bytes that wait for the next host call: as many as the log of a whole turn holds, so that nothing is
/// lost here that would have been kept there.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// Bytes of a line that are kept, one more than the log keeps, so that it sees and marks the cut.
const LINE_BYTES_MAX: usize = (8 << 10) + 1;

/// Both streams of one guest.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct Stdio(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    whole: Vec<(LogLevel, Vec<u8>)>,
    waiting_bytes: usize,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Stdio {
    /// What the guest writes to: output is information, errors are warnings.
    pub(super) fn streams(&self) -> (LineStream, LineStream) {
        let stream = |level| LineStream {
            lines: self.clone(),
            level,
        };
        (stream(LogLevel::Info), stream(LogLevel::Warn))
    }

    /// Move whole lines to the turn's log.
    pub(in crate::sandbox) fn drain_into(&self, turn: &mut Turn) {
        let whole = {
            let mut lines = self.0.lock();
            lines.waiting_bytes = 0;
            std::mem::take(&mut lines.whole)
        };
        for (level, line) in whole {
            turn.log(level, &String::from_utf8_lossy(&line), &[]);
        }
    }

    /// The guest is done: unfinished lines are lines too.
    pub(in crate::sandbox) fn finish_into(&self, turn: &mut Turn) {
        {
            let mut lines = self.0.lock();
            for level in [LogLevel::Info, LogLevel::Warn] {
                if !lines.unfinished(level).is_empty() {
                    lines.push(level, b"\n");
                }
            }
        }
        self.drain_into(turn);
    }
}

impl Lines {
    fn unfinished(&mut self, level: LogLevel) -> &mut Vec<u8> {
        match level {
            LogLevel::Info => &mut self.out,
            _ => &mut self.err,
        }
    }

    fn push(&mut self, level: LogLevel, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let line = self.unfinished(level);
            let room = LINE_BYTES_MAX.saturating_sub(line.len());
            line.extend_from_slice(text.get(..room).unwrap_or(text));
            if ends {
                let line = std::mem::take(line);
                // An empty line costs its place too.
                let weight = line.len() + size_of::<(LogLevel, Vec<u8>)>();
                if self.waiting_bytes + weight <= WAITING_BYTES_MAX + LINE_BYTES_MAX {
                    self.waiting_bytes += weight;
                    self.whole.push((level, line));
                }
            }
        }
    }
}

/// One stream of a guest.
pub(super) struct LineStream {
    lines: Stdio,
    level: LogLevel,
}

impl IsTerminal for LineStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LineStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.again())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.again())
    }
}

impl LineStream {
    fn again(&self) -> Self {
        Self {
            lines: self.lines.clone(),
            level: self.level,
        }
    }
}

#[async_trait::async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.lines.0.lock().push(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WAITING_BYTES_MAX)
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.lines.0.lock().push(self.level, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(written: &[(LogLevel, &[u8])]) -> Lines {
        let mut lines = Lines::default();
        for (level, bytes) in written {
            lines.push(*level, bytes);
        }
        lines
    }

    #[test]
    fn writes_become_lines_by_stream() {
        let lines = lines_of(&[
            (LogLevel::Info, b"one\ntw"),
            (LogLevel::Warn, b"oops\n"),
            (LogLevel::Info, b"o\nrest"),
        ]);
        let whole: Vec<(LogLevel, &[u8])> = lines
            .whole
            .iter()
            .map(|(l, t)| (*l, t.as_slice()))
            .collect();
        assert_eq!(
            whole,
            [
                (LogLevel::Info, &b"one"[..]),
                (LogLevel::Warn, b"oops"),
                (LogLevel::Info, b"two"),
            ]
        );
        assert_eq!(lines.out, b"rest");
    }

    #[test]
    fn a_line_and_what_waits_are_bounded() {
        let endless = vec![b'x'; 1 << 20];
        assert_eq!(
            lines_of(&[(LogLevel::Info, &endless)]).out.len(),
            LINE_BYTES_MAX
        );
        let many = vec![b'\n'; 1 << 20];
        let lines = lines_of(&[(LogLevel::Info, &many)]);
        assert!(lines.waiting_bytes <= WAITING_BYTES_MAX + LINE_BYTES_MAX);
        assert!(lines.whole.len() < 4_096);
    }
}
