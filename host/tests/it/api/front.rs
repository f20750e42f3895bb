//! Whom the host answers, and TLS over a real socket.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use warren::api::Certificate;
use warren::app::{Front, HttpSettings};

use super::harness::{Host, Setup};
use super::listening::{listen_with, rest};

const CONSOLE: &str = "https://console.example";

/// What a host on this machine answers whose settings name a console.
fn local() -> Front {
    let settings = HttpSettings {
        origins: vec![CONSOLE.to_owned()],
        ..HttpSettings::default()
    };
    let listen = SocketAddr::from(([127, 0, 0, 1], 7171));
    settings.front(listen).unwrap()
}

async fn host() -> Host {
    let setup = Setup {
        front: local(),
        ..Setup::default()
    };
    Host::with(setup).await
}

/// A page that rebinds its name to this machine, and pages of other sites, whatever key they send.
#[tokio::test]
async fn a_web_page_of_elsewhere_cannot_ask() {
    let host = host().await;
    let acme = host.nobody();
    for (name, origin, refusal) in [
        ("localhost:7171", None, None),
        ("127.0.0.1", Some("http://127.0.0.1"), None),
        ("localhost:7171", Some(CONSOLE), None),
        ("evil.example", None, Some((421, "misdirected"))),
        (
            "evil.example",
            Some("http://evil.example"),
            Some((421, "misdirected")),
        ),
        (
            "localhost",
            Some("http://evil.example"),
            Some((403, "denied")),
        ),
        ("localhost", Some("null"), Some((403, "denied"))),
        (
            "localhost:7171",
            Some("http://localhost:3000"),
            Some((403, "denied")),
        ),
    ] {
        for (method, path) in [
            ("GET", "/v1/agents"),
            ("GET", "/healthz"),
            ("GET", "/nowhere"),
        ] {
            let mut headers = vec![("host", name)];
            headers.extend(origin.map(|origin| ("origin", origin)));
            let answer = acme.send(method, path, &headers, "").await;
            let told = format!("{path} at {name} for {origin:?}");
            match refusal {
                None => assert!(![421, 403].contains(&answer.status), "{told}"),
                Some((status, code)) => {
                    answer.problem(status, code);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_named_console_is_told_what_it_may_send() {
    let host = host().await;
    let ask = [
        ("host", "localhost"),
        ("origin", CONSOLE),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = host
        .nobody()
        .send("OPTIONS", "/v1/agents/a", &ask, "")
        .await;
    answer.ok();
    assert_eq!(answer.headers["access-control-allow-origin"], CONSOLE);
    let methods = answer.headers["access-control-allow-methods"]
        .to_str()
        .unwrap();
    assert!(methods.contains("PUT"), "{methods}");
    let own = [("host", "localhost"), ("origin", "http://localhost")];
    let answer = host.nobody().send("GET", "/healthz", &own, "").await;
    let allowed = answer.headers.get("access-control-allow-origin");
    assert_eq!(allowed, None, "a page of the host itself needs no leave");
}

#[tokio::test]
async fn a_host_with_a_certificate_speaks_tls_alone() {
    let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let CertifiedKey { cert, signing_key } = made;
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
    fs::write(&chain, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    let certificate = Certificate::read(&(chain, key)).unwrap();
    let listening = listen_with(Setup::default(), Some(certificate)).await;

    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let connector = connector(cert.der());
    let name = ServerName::try_from("localhost").unwrap();
    let socket = listening.connect().await;
    let mut secured = connector.connect(name, socket).await.unwrap();
    secured.write_all(request).await.unwrap();
    let text = rest(&mut secured).await;
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");

    let mut plain = listening.connect().await;
    plain.write_all(request).await.unwrap();
    let text = rest(&mut plain).await;
    assert!(!text.contains("HTTP/1.1"), "{text}");
    listening.stop().await;
}

/// A client that trusts this certificate alone.
fn connector(certificate: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
