//! A socket whose reader must keep reading.
//!
//! Invariant: only time in which the other side takes no byte of what waits for it counts, and any byte it
//! takes starts it anew. So a slow reader of a large answer is served, and one that has stopped is cut off
//! with what it holds. Knows nothing of HTTP.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A socket that gives up on a reader that has stopped.
pub(super) struct Patience<S> {
    socket: S,
    stall: Duration,
    /// Since the first write that found no room.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patience<S> {
    /// `socket`, whose reader may take nothing for as long as `stall`.
    pub(super) fn new(socket: S, stall: Duration) -> Self {
        Self {
            socket,
            stall,
            stalled: None,
        }
    }

    /// Count the time while a write waits.
    fn watch<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        stalled.as_mut().poll(cx).map(|()| {
            let words = format!("the client read nothing for {} ms", stall.as_millis());
            Err(io::Error::new(io::ErrorKind::TimedOut, words))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.watch(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.watch(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush that is done says nothing of the reader: the bytes may wait here, in the system's buffer.
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// What the pipe between writer and reader holds.
    const PIPE_BYTES: usize = 64;

    #[tokio::test]
    async fn a_reader_that_has_stopped_is_given_up() {
        let (socket, _reader) = duplex(PIPE_BYTES);
        let mut socket = Patience::new(socket, Duration::from_millis(1));
        let fits = socket.write_all(&[0; PIPE_BYTES]).await;
        assert!(fits.is_ok(), "what has room waits for nobody");
        let past = socket.write_all(&[0]).await.unwrap_err();
        assert_eq!(past.kind(), io::ErrorKind::TimedOut);
        assert_eq!(past.to_string(), "the client read nothing for 1 ms");
    }

    #[tokio::test]
    async fn a_reader_that_goes_on_gets_everything() {
        let (socket, mut reader) = duplex(PIPE_BYTES);
        let mut socket = Patience::new(socket, Duration::from_hours(1));
        let all = [7; 16 * PIPE_BYTES];
        let write = async {
            socket.write_all(&all).await.unwrap();
            assert!(socket.stalled.is_none(), "each byte starts the time anew");
            drop(socket);
        };
        let mut got = Vec::new();
        let read = reader.read_to_end(&mut got);
        let ((), read) = tokio::join!(write, read);
        assert_eq!(read.unwrap(), all.len());
    }
}
