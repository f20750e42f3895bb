//! The listening side, over real sockets on a port that the system chooses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use warren::api;
use warren::app::ApiLimits;

use super::harness::{Host, Setup, eventually};

/// A host that listens.
pub(super) struct Listening {
    pub(super) host: Host,
    address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinSet<()>,
}

pub(super) async fn listen(limits: ApiLimits) -> Listening {
    let setup = Setup {
        limits,
        ..Setup::default()
    };
    listen_with(setup, None).await
}

pub(super) async fn listen_with(
    setup: Setup,
    certificate: Option<Arc<api::Certificate>>,
) -> Listening {
    let host = Host::with(setup).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let mut server = JoinSet::new();
    let (app, until) = (Arc::clone(&host.app), shutdown.clone());
    server.spawn(async move {
        api::serve(listener, app, certificate, until).await.unwrap();
    });
    Listening {
        host,
        address,
        shutdown,
        server,
    }
}

impl Listening {
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(super) async fn stop(mut self) {
        self.shutdown.cancel();
        self.server.join_next().await.unwrap().unwrap();
        assert!(self.host.app.health.draining().is_cancelled());
    }
}

/// All that comes until the host closes the connection.
pub(super) async fn rest(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = socket.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_request_is_answered_and_the_host_stops_in_order() {
    let listening = listen(ApiLimits::default()).await;
    let mut idle = listening.connect().await;
    let mut socket = listening.connect().await;
    let request = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    assert!(rest(&mut socket).await.starts_with("HTTP/1.1 200 OK"));
    listening.stop().await;
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed");
}

#[tokio::test]
async fn an_open_stream_ends_when_the_host_stops() {
    let listening = listen(ApiLimits::default()).await;
    let acme = listening.host.tenant("acme").await;
    let mut socket = listening.connect().await;
    let key = acme.key.unwrap();
    let request =
        format!("GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut begin = vec![0; 12];
    socket.read_exact(&mut begin).await.unwrap();
    assert_eq!(begin, b"HTTP/1.1 200");
    listening.stop().await;
    let text = rest(&mut socket).await;
    assert!(text.contains("event: disconnected"), "{text}");
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_head_is_cut_off() {
    let listening = listen(ApiLimits {
        header_read: Duration::from_millis(50),
        ..ApiLimits::default()
    })
    .await;
    let mut socket = listening.connect().await;
    socket
        .write_all(b"GET /healthz HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    // Returns only because the host closes the connection.
    let text = rest(&mut socket).await;
    assert!(!text.contains("200 OK"), "{text}");
    listening.stop().await;
}

#[tokio::test]
async fn heads_are_limited_in_bytes() {
    let limits = ApiLimits::default();
    let max = limits.header_bytes_max;
    let listening = listen(limits).await;
    for (bytes, fits) in [(max / 2, true), (2 * max, false)] {
        let mut socket = listening.connect().await;
        let head = format!(
            "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: {}\r\n\r\n",
            "a".repeat(bytes)
        );
        // The host may close before it has read everything.
        let _ = socket.write_all(head.as_bytes()).await;
        let text = rest(&mut socket).await;
        assert_eq!(text.starts_with("HTTP/1.1 200 OK"), fits, "{bytes}: {text}");
    }
    listening.stop().await;
}

#[tokio::test]
async fn connections_are_taken_up_to_the_limit_and_the_next_one_waits() {
    let listening = listen(ApiLimits {
        connections_max: 2,
        ..ApiLimits::default()
    })
    .await;
    let open = || {
        let metrics = listening.host.app.metrics.render();
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix("warren_connections "));
        count.unwrap().to_owned()
    };
    let [mut first, mut second, mut third] = [
        listening.connect().await,
        listening.connect().await,
        listening.connect().await,
    ];
    third.write_all(HEALTH.as_bytes()).await.unwrap();
    for socket in [&mut first, &mut second] {
        assert!(answer(socket).await.starts_with("HTTP/1.1 200 OK"));
    }
    assert_eq!(open(), "2", "the third one waits in the system's queue");
    drop(second);
    let mut begin = vec![0; 15];
    third.read_exact(&mut begin).await.unwrap();
    assert_eq!(begin, b"HTTP/1.1 200 OK");
    listening.stop().await;
}

/// The answer is larger than what the system keeps for a socket, so that the host is left with the rest.
#[tokio::test]
async fn a_client_that_stops_reading_its_answer_is_cut_off() {
    let listening = listen(ApiLimits {
        write_stall: Duration::from_millis(50),
        ..ApiLimits::default()
    })
    .await;
    let acme = listening.host.tenant("acme").await;
    let data = "x".repeat(200 * 1024);
    for _ in 0..60 {
        acme.publish("large", &json!({ "data": data })).await;
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut socket = socket.connect(listening.address).await.unwrap();
    let key = acme.key.unwrap();
    let request = format!(
        "GET /v1/events?limit=60 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut begin = vec![0; 12];
    socket.read_exact(&mut begin).await.unwrap();
    assert_eq!(begin, b"HTTP/1.1 200");
    eventually(async || {
        let metrics = listening.host.app.metrics.render();
        metrics.contains("warren_connections 0\n")
    })
    .await;
    let all = 60 * data.len();
    assert!(rest(&mut socket).await.len() < all, "it was cut");
    listening.stop().await;
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// Ask for something small on a connection that stays open.
async fn answer(socket: &mut TcpStream) -> String {
    socket.write_all(HEALTH.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.ends_with('}') {
        let mut bytes = [0; 1_024];
        let got = socket.read(&mut bytes).await.unwrap();
        assert!(got > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..got]));
    }
    text
}
