//! The feed of the catalogue: the same changes over server-sent events, a WebSocket and the log.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use warren::app::ApiLimits;

use super::harness::{Client, Host};
use super::listening::{Listening, listen};

/// Register, change, take out.
async fn live_and_die(client: &Client) {
    let service = |url: &str| json!({ "name": "weather", "type": "api", "url": url });
    client
        .post("/v1/services", &service("https://a"))
        .await
        .ok();
    client
        .post("/v1/services", &service("https://b"))
        .await
        .ok();
    assert_eq!(client.delete("/v1/services/weather").await.status, 204);
}

const TOLD: [&str; 3] = [
    "service.registered",
    "service.changed",
    "service.deregistered",
];

#[tokio::test]
async fn a_stream_resumes_after_what_it_has_told_and_tells_nothing_else() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    live_and_die(&beta).await;
    live_and_die(&acme).await;
    // Who says so is the host: a client's event of the same name is not one of the feed.
    let forged = json!({ "topic": "system-events", "data": { "name": "weather" } });
    acme.publish("service.offline", &forged).await;
    live_and_die(&acme).await;
    let mut stream = acme.follow("/v1/services/stream?after=0", &[]).await;
    let mut last = 0;
    for expect in TOLD {
        let event = stream.event().await;
        assert_eq!(event.data["type"], expect);
        assert_eq!(event.data["subject"], "weather");
        last = event.id;
    }
    let id = last.to_string();
    let resumed = [("last-event-id", id.as_str())];
    let mut stream = acme.follow("/v1/services/stream", &resumed).await;
    for expect in TOLD {
        assert_eq!(stream.event().await.data["type"], expect);
    }
    let log = acme.get("/v1/events?topic=system-events").await.ok();
    assert_eq!(log["items"].as_array().unwrap().len(), 2 * TOLD.len() + 1);
}

/// A WebSocket without a library: the host's frames come whole and unmasked.
struct Socket(TcpStream);

impl Socket {
    async fn open(listening: &Listening, key: &str, query: &str) -> Self {
        let mut socket = listening.connect().await;
        let request = format!(
            "GET /v1/services/ws{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // What RFC 6455 answers to its own sample.
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        Self(socket)
    }

    /// The next message; none when the host closes.
    async fn next(&mut self) -> Option<Value> {
        let kind = self.0.read_u8().await.unwrap();
        let bytes = match self.0.read_u8().await.unwrap() {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            short => usize::from(short),
        };
        let mut text = vec![0; bytes];
        self.0.read_exact(&mut text).await.unwrap();
        match kind {
            0x81 => Some(serde_json::from_slice(&text).unwrap()),
            0x88 => None,
            other => panic!("frame {other:#x}"),
        }
    }
}

#[tokio::test]
async fn a_web_socket_tells_the_same_and_ends_with_the_host() {
    let listening = listen(ApiLimits::default()).await;
    let acme = listening.host.tenant("acme").await;
    let key = acme.key.clone().unwrap();
    let mut socket = Socket::open(&listening, &key, "").await;
    let connected = socket.next().await.unwrap();
    assert_eq!(connected["kind"], "connected");
    live_and_die(&acme).await;
    let mut reached = Value::Null;
    for expect in TOLD {
        let message = socket.next().await.unwrap();
        assert_eq!(message["kind"], "event");
        assert_eq!(message["event"]["type"], expect);
        reached = message["position"].clone();
    }
    let mut second = Socket::open(&listening, &key, "?after=0").await;
    assert_eq!(second.next().await.unwrap()["kind"], "connected");
    for _ in TOLD {
        assert_eq!(second.next().await.unwrap()["kind"], "event");
    }
    listening.stop().await;
    let farewell = socket.next().await.unwrap();
    assert_eq!(farewell["kind"], "disconnected");
    assert_eq!(farewell["position"], reached);
    assert_eq!(farewell["data"]["reason"], "shutdown");
    assert_eq!(socket.next().await, None);
}
