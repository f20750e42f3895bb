//! A server that tests ask: it says what its path tells it to, and keeps what it was sent.
//!
//! Threads and blocking sockets, so that it can break off, stall and lie at any byte.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};
use warren::egress::{Held, Resolve};
use warren::registry::HostName;

/// Where it listens.
pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Connections of a test whose ends nobody has waited for yet.
const CONNECTIONS_MAX: usize = 1_000;

/// The server.
pub(super) struct Server {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    /// Tells of each connection that is over.
    ends: Mutex<mpsc::Receiver<()>>,
}

impl Server {
    /// One that speaks in the clear.
    pub(super) fn plain() -> Self {
        Self::start(None)
    }

    /// One that speaks TLS.
    pub(super) fn tls(config: ServerConfig) -> Self {
        Self::start(Some(Arc::new(config)))
    }

    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((HERE, 0)).unwrap();
        let (end, ends) = mpsc::sync_channel(CONNECTIONS_MAX);
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
            connections: Arc::default(),
            ends: Mutex::new(ends),
        };
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        // It ends with the process, which holds one test.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, tls, end) = (Arc::clone(&seen), tls.clone(), end.clone());
                thread::spawn(move || {
                    match tls {
                        None => serve(stream, &seen),
                        Some(config) => {
                            let connection = ServerConnection::new(config).unwrap();
                            serve(StreamOwned::new(connection, stream), &seen);
                        }
                    }
                    let _ = end.send(());
                });
            }
        });
        server
    }

    /// What it was sent, each head with its body.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().clone()
    }

    /// Wait until one more connection is over: answered, or given up by the other side.
    pub(super) fn wait_for_an_end(&self) {
        let patience = std::time::Duration::from_secs(30);
        self.ends.lock().recv_timeout(patience).unwrap();
    }

    /// How often anybody connected.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Answer one request. Whoever is gone is not answered.
fn serve(mut stream: impl Read + Write, seen: &Mutex<Vec<String>>) {
    let Some(request) = request(&mut stream) else {
        return;
    };
    seen.lock().push(request.clone());
    let _ = answer(&mut stream, &request);
    let _ = stream.flush();
}

fn request(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut bytes)?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let chunked = text.contains("transfer-encoding: chunked");
    while bytes.len() < head + length || (chunked && !bytes.ends_with(b"0\r\n\r\n")) {
        more(stream, &mut bytes)?;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 16 << 10];
    let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
    bytes.extend(&buffer[..read]);
    Some(())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn answer(stream: &mut (impl Read + Write), request: &str) -> std::io::Result<()> {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let mut parts = path.trim_start_matches('/').split('/');
    let (what, count) = (parts.next().unwrap_or_default(), parts.next());
    let count: usize = count.and_then(|n| n.parse().ok()).unwrap_or_default();
    let with = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n");
    match what {
        "echo" => {
            let body = request.as_bytes();
            write!(
                stream,
                "{}x-echo: {}\r\n\r\n",
                with(body.len()),
                header(request)
            )?;
            // In small pieces, so that what is looked for in it lies across them.
            for piece in body.chunks(7) {
                stream.write_all(piece)?;
                stream.flush()?;
            }
            Ok(())
        }
        "bytes" => {
            write!(stream, "{}\r\n", with(count))?;
            stream.write_all(&vec![b'x'; count])
        }
        "unsaid" => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            stream.write_all(&vec![b'x'; count])
        }
        "endless" => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            )?;
            loop {
                stream.write_all(b"10\r\n0123456789abcdef\r\n")?;
            }
        }
        "headers" => {
            write!(stream, "{}", with(0))?;
            // One is there.
            (1..count).try_for_each(|n| write!(stream, "x-{n}: 1\r\n"))?;
            write!(stream, "\r\n")
        }
        "head" => write!(stream, "{}x: {}\r\n\r\n", with(0), "x".repeat(count)),
        "packed" => write!(stream, "{}content-encoding: gzip\r\n\r\nx", with(1)),
        "redirect" => write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n"
        ),
        "silent" => stall(stream),
        "stalls" => {
            write!(stream, "{}\r\nxxxxx", with(10))?;
            stall(stream)
        }
        "cut" => write!(stream, "{}\r\nxxxxx", with(10)),
        "garbage" => write!(stream, "this is not HTTP\r\n\r\n"),
        _ => write!(
            stream,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
        ),
    }
}

/// The value of the request's `authorization`.
fn header(request: &str) -> &str {
    let mut lines = request.lines();
    let found = lines.find_map(|line| line.strip_prefix("authorization: "));
    found.unwrap_or("none")
}

/// Say nothing until the other side is gone.
fn stall(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    stream.flush()?;
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

/// Says what a test says, and counts.
#[derive(Default)]
pub(super) struct Names {
    names: Mutex<HashMap<String, Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    /// From now on `name` has these addresses.
    pub(super) fn set(&self, name: &str, addresses: &[IpAddr]) {
        self.names
            .lock()
            .insert(name.to_owned(), addresses.to_vec());
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &HostName, _held: Held) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.names.lock().get(host.as_str()).cloned();
        Ok(found.unwrap_or_default())
    }
}
