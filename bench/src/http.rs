//! The same durable turns over HTTP, one event a request, and live streams; the client is on the same
//! cores.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::routing::post;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren::id::KeyName;
use warren::identity::{ApiKey, ApiKeySecret, TenantScope};

use crate::host::{BenchHost, event, runtime};
use crate::sample::Sample;
use crate::table::{Better, Row};

const CONNECTIONS: usize = 64;
const STREAMS: usize = 1_000;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
/// Events that may wait for their turn.
const BACKLOG_MAX: u64 = 512;

/// Rows of the HTTP side.
pub(crate) fn rows() -> Result<Vec<Row>> {
    runtime()?.block_on(async {
        let floor = axum_alone().await?;
        let bench = Arc::new(BenchHost::start(1).await?);
        let scope = bench.tenants.first().context("no tenant")?.clone();
        let key = api_key(&bench, &scope).await?;
        let (listener, address) = listen().await?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let app = Arc::clone(&bench.host.app);
        let serving = stop.clone();
        tasks.spawn(async move { warren::api::serve(listener, app, None, serving).await });
        let posts = publish_rows(&bench, &tasks, address, &key).await?;
        let streams = stream_rows(&bench, &tasks, address, &key, &scope).await?;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        if let Some(bench) = Arc::into_inner(bench) {
            bench.stop().await;
        }
        Ok(vec![
            Row {
                name: "durable turns over HTTP, one event a request".into(),
                unit: "turns/s",
                floor: Some(floor),
                floor_is: "axum, JSON in and out, same client",
                floor_then: Some(60_000.0),
                ours: posts,
                must: Some(8_000.0),
                better: Better::Higher,
            },
            Row {
                name: "SSE fan-out to 1,000 clients".into(),
                unit: "events/s",
                floor: None,
                floor_is: "400,000 measured apart",
                floor_then: None,
                ours: streams,
                must: Some(50_000.0),
                better: Better::Higher,
            },
        ])
    })
}

async fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn api_key(bench: &BenchHost, scope: &TenantScope) -> Result<String> {
    let secret = ApiKeySecret::generate()?;
    let app = &bench.host.app;
    let named = (scope.tenant(), KeyName::new("bench")?);
    let key = ApiKey::new(&secret, &app.keys, named, app.clock.now());
    app.admin.create_key(key).await?;
    Ok(secret.reveal())
}

async fn axum_alone() -> Result<Sample> {
    let echo = axum::Router::new().route(
        "/v1/events",
        post(|axum::Json(value): axum::Json<serde_json::Value>| async move { axum::Json(value) }),
    );
    let (listener, address) = listen().await?;
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tasks.spawn(async move {
        tokio::select! {
            result = axum::serve(listener, echo) => result,
            () = stopped.cancelled() => Ok(()),
        }
    });
    let answered = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let clients = clients(&tasks, address, "none", &answered, &done, || 0);
    let rates = rates(|| answered.load(Ordering::Relaxed)).await;
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(rates)
}

async fn publish_rows(
    bench: &Arc<BenchHost>,
    tasks: &TaskTracker,
    address: SocketAddr,
    key: &str,
) -> Result<Sample> {
    let answered = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let before = bench.committed();
    let (host, sent) = (Arc::clone(bench), Arc::clone(&answered));
    let backlog = move || (sent.load(Ordering::Relaxed) + before).saturating_sub(host.committed());
    let clients = clients(tasks, address, key, &answered, &done, backlog);
    let rates = rates(|| bench.committed()).await;
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    bench.host.dispatcher.settle().await;
    Ok(rates)
}

async fn rates(count: impl Fn() -> u64) -> Sample {
    tokio::time::sleep(ROUND / 2).await;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (begun, before) = (Instant::now(), count());
        tokio::time::sleep(ROUND).await;
        rates.push((count() - before) as f64 / begun.elapsed().as_secs_f64());
    }
    Sample::of(rates)
}

fn clients(
    tasks: &TaskTracker,
    address: SocketAddr,
    key: &str,
    answered: &Arc<AtomicU64>,
    done: &Arc<AtomicBool>,
    backlog: impl Fn() -> u64 + Clone + Send + 'static,
) -> Vec<tokio::task::JoinHandle<Result<()>>> {
    (0..CONNECTIONS)
        .map(|index| {
            let (key, backlog) = (key.to_owned(), backlog.clone());
            let (answered, done) = (Arc::clone(answered), Arc::clone(done));
            tasks.spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let mut n = index;
                let mut buffer = vec![0; 16 * 1024];
                while !done.load(Ordering::Relaxed) {
                    if backlog() > BACKLOG_MAX {
                        tokio::time::sleep(Duration::from_micros(500)).await;
                        continue;
                    }
                    stream.write_all(request(&key, n).as_bytes()).await?;
                    read_answer(&mut stream, &mut buffer).await?;
                    answered.fetch_add(1, Ordering::Relaxed);
                    n += CONNECTIONS;
                }
                Ok(())
            })
        })
        .collect()
}

fn request(key: &str, n: usize) -> String {
    let text = "0123456789abcdef".repeat(12);
    let body = format!(
        r#"{{"topic":"business-facts","type":"bench.run","subject":"key-{}","data":{{"n":{n},"text":"{text}"}}}}"#,
        n % 1_000
    );
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Read one answer: its head up to the empty line, then as many bytes as it says.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let room = buffer
            .get_mut(filled..)
            .context("an answer longer than the buffer")?;
        let got = stream.read(room).await?;
        anyhow::ensure!(got > 0, "the server closed the connection");
        filled += got;
        let text = String::from_utf8_lossy(buffer.get(..filled).unwrap_or_default());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        anyhow::ensure!(head.starts_with("HTTP/1.1 20"), "refused: {text}");
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0_usize);
        if body.len() >= length {
            return Ok(());
        }
    }
}

async fn stream_rows(
    bench: &Arc<BenchHost>,
    tasks: &TaskTracker,
    address: SocketAddr,
    key: &str,
    scope: &TenantScope,
) -> Result<Sample> {
    let delivered = Arc::new(AtomicU64::new(0));
    let stop = CancellationToken::new();
    let readers = (0..STREAMS).map(|_| {
        let (delivered, stop, key) = (Arc::clone(&delivered), stop.clone(), key.to_owned());
        tasks.spawn(async move {
            tokio::select! {
                result = read_stream(address, &key, &delivered) => result,
                () = stop.cancelled() => Ok(()),
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let done = Arc::new(AtomicBool::new(false));
    let (host, publisher, finished) = (Arc::clone(bench), scope.clone(), Arc::clone(&done));
    let publishing = tasks.spawn(async move {
        let mut n = 0;
        while !finished.load(Ordering::Relaxed) {
            let mut event = event(&publisher, &*host.host.app.clock, n)?;
            // Nobody handles it: streams are what is measured.
            event.event_type = "bench.seen".parse()?;
            host.host.app.events.append(&publisher, vec![event]).await?;
            n += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok::<_, anyhow::Error>(())
    });
    let rates = rates(|| delivered.load(Ordering::Relaxed)).await;
    done.store(true, Ordering::Relaxed);
    publishing.await??;
    stop.cancel();
    for reader in readers {
        reader.await??;
    }
    Ok(rates)
}

async fn read_stream(address: SocketAddr, key: &str, delivered: &AtomicU64) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /v1/events/stream?type=bench.seen HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\naccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let got = stream.read(&mut buffer).await?;
        anyhow::ensure!(got > 0, "the stream ended");
        let text = String::from_utf8_lossy(buffer.get(..got).unwrap_or_default());
        delivered.fetch_add(text.matches("\nid:").count() as u64, Ordering::Relaxed);
    }
}
