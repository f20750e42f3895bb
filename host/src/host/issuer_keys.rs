//! Reads the public keys of issuers over HTTPS.
//!
//! Invariant: only addresses of the operator's settings come here. No redirect is followed, no proxy of the
//! environment is used, and every wait and every answer is bounded, so that an issuer that misbehaves costs
//! its own tokens and nothing else.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::identity::{FetchKeys, JWKS_BYTES_MAX};

/// How long an issuer may take for all of its answer: requests with its tokens wait for it.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// A client of issuers.
pub(super) struct IssuerKeys(ureq::Agent);

impl IssuerKeys {
    pub(super) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(true)
            .proxy(None)
            .timeout_global(Some(ANSWER_WAIT))
            .user_agent(concat!("warren/", env!("CARGO_PKG_VERSION")));
        Self(config.build().new_agent())
    }
}

#[async_trait]
impl FetchKeys for IssuerKeys {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        let (agent, url) = (self.0.clone(), url.to_owned());
        tokio::task::spawn_blocking(move || read(&agent, &url))
            .await
            .map_err(|e| Error::internal("reading the keys of an issuer", e))?
    }
}

fn read(agent: &ureq::Agent, url: &str) -> Result<Vec<u8>> {
    let down = |error: ureq::Error| Error::Unavailable {
        what: "the keys of an issuer",
        reason: error.to_string(),
    };
    let mut answer = agent.get(url).call().map_err(down)?;
    if answer.status().as_u16() != 200 {
        return Err(Error::Unavailable {
            what: "the keys of an issuer",
            reason: format!("{url} answers {}", answer.status()),
        });
    }
    // One more than may be, so that what is too long is seen as such and not cut.
    let limited = answer
        .body_mut()
        .with_config()
        .limit(JWKS_BYTES_MAX as u64 + 1);
    limited.read_to_vec().map_err(down)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request with this head and body.
    fn answering(head: &'static str, body: Vec<u8>) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let serve = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).unwrap();
            let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            // Whoever reads no further hangs up.
            let _ = stream.write_all(&body);
        });
        (url, serve)
    }

    #[tokio::test]
    async fn what_is_answered_is_read_within_limits_and_redirects_are_not_followed() {
        let table: [(&str, usize, bool); 5] = [
            ("200 OK", 100, true),
            ("200 OK", JWKS_BYTES_MAX, true),
            ("200 OK", JWKS_BYTES_MAX + 2, false),
            ("500 Oh", 10, false),
            ("302 Found\r\nlocation: http://127.0.0.1:1/", 0, false),
        ];
        for (head, bytes, good) in table {
            let (url, serve) = answering(head, vec![b' '; bytes]);
            let read = IssuerKeys::new().fetch(&url).await;
            assert_eq!(read.is_ok(), good, "{head} {bytes}: {read:?}");
            serve.join().unwrap();
        }
    }
}
