//! Clients that speak HTTP/2 to do harm: frames that cost the host more than the client. Their connection ends, others
//! are served.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use warren::app::ApiLimits;

use super::listening::{Listening, listen};

/// How long a test waits for the host to give a connection up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Frames of a flood: more than any buffer on the way holds.
const FLOOD: u32 = 50_000;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET /` of the host `a`, as indexes into the table that both sides know.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];
/// The same with POST.
const POST: &[u8] = &[0x83, 0x86, 0x84, 0x41, 1, b'a'];
/// A frame that no stream has: the host ends the connection when it has come that far.
fn nonsense() -> Vec<u8> {
    frame(DATA, 0, 0, b"x")
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn many(count: u32, one: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..count).flat_map(one).collect()
}

/// Send these frames and wait until the host has ended the connection. A client that reads nothing is cut off when it
/// should have taken what is there for it.
async fn send(listening: &Listening, reads: bool, frames: Vec<u8>) {
    let (mut from, mut to) = listening.connect().await.into_split();
    let send = async {
        let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        to.write_all(begin).await?;
        to.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
        to.write_all(&frames).await
    };
    let mut taken = Vec::new();
    if reads {
        let read = from.read_to_end(&mut taken);
        let _ = tokio::join!(send, read);
    } else {
        let _ = send.await;
        let _ = from.read_to_end(&mut taken).await;
    }
}

/// What it is, whether the client reads what comes back, and what it sends.
type Flood = (&'static str, bool, Vec<u8>);

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, GET)
}

/// Too many streams and heads.
fn of_heads() -> Vec<Flood> {
    let stream = |n: u32| 2 * n + 1;
    // A name and a value of 4,000 bytes, kept in the table and said again in one byte each.
    let mut bomb = GET.to_vec();
    bomb.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    bomb.extend([b'y'; 4_000]);
    bomb.extend([0xbe; 12_000]);
    vec![
        (
            "streams that are reset at once",
            true,
            many(FLOOD, |n| {
                let reset = frame(RST_STREAM, 0, stream(n), &8_u32.to_be_bytes());
                [get(stream(n)), reset].concat()
            }),
        ),
        (
            "more streams than there may be",
            true,
            many(FLOOD, |n| get(stream(n))),
        ),
        (
            "a head without end",
            true,
            [
                frame(HEADERS, 0, 1, GET),
                many(FLOOD, |_| {
                    frame(CONTINUATION, 0, 1, &[0, 1, b'a', 1, b'b'].repeat(20))
                }),
            ]
            .concat(),
        ),
        (
            "a head that unpacks to 48 MB",
            true,
            frame(HEADERS, END_STREAM | END_HEADERS, 1, &bomb),
        ),
    ]
}

/// Too many of the small frames, and frames that may not be.
fn of_frames() -> Vec<Flood> {
    vec![
        (
            "empty parts of a body",
            true,
            [
                frame(HEADERS, END_HEADERS, 1, POST),
                many(FLOOD, |_| frame(DATA, 0, 1, &[])),
            ]
            .concat(),
        ),
        (
            "pings, reading nothing",
            false,
            many(20 * FLOOD, |n| {
                frame(PING, 0, 0, &u64::from(n).to_be_bytes())
            }),
        ),
        (
            "settings, reading nothing",
            false,
            many(20 * FLOOD, |_| frame(SETTINGS, 0, 0, &[])),
        ),
        (
            "a window that overflows",
            true,
            many(2, |_| frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ),
        (
            "a frame larger than may be",
            true,
            frame(DATA, 0, 1, &[0; 1 << 16]),
        ),
        ("a stream that the host would open", true, get(2)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_end_the_connection_and_nothing_else() {
    let listening = listen(ApiLimits {
        header_read: Duration::from_secs(1),
        write_stall: Duration::from_millis(500),
        ..ApiLimits::default()
    })
    .await;
    for (name, reads, frames) in of_heads().into_iter().chain(of_frames()) {
        let frames = [frames, nonsense()].concat();
        let ended = tokio::time::timeout(PATIENCE, send(&listening, reads, frames)).await;
        assert!(ended.is_ok(), "{name}: the connection is still open");
        let mut other = listening.connect().await;
        let request = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        other.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        other.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "after {name}");
    }
    listening.stop().await;
}
