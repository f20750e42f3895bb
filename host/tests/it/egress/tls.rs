//! Over TLS: who is trusted, and for which name.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use super::*;

/// A server with a certificate for `name`, and the file of the authority that vouches for it.
fn server(name: &str, dir: &std::path::Path) -> (Server, std::path::PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let file = dir.join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (Server::tls(config), file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_whose_certificate_is_trusted_for_its_name() {
    for (name, trusted, expect) in [
        ("a.test", true, "200"),
        ("a.test", false, "TlsCertificateError"),
        ("b.test", true, "TlsCertificateError"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (server, file) = server(name, dir.path());
        let desk = Desk::before(server, |settings| {
            settings.egress.allow_private = vec![HERE.to_string()];
            if trusted {
                settings.egress.ca_file = file;
            }
        })
        .await;
        let ask = desk.ask("/bytes/1000", json!({ "scheme": "https" }));
        assert_eq!(desk.came(ask).await, expect, "{name} {trusted}");
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let desk = Desk::new().await;
    let ask = desk.ask("/echo", json!({ "scheme": "https", "connect_ms": 200 }));
    assert_eq!(desk.came(ask).await, "ConnectionTimeout");
    assert_eq!(desk.server.seen(), [""; 0]);
    desk.stop().await;
}
