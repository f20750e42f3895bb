//! Keys read from an address: how often it is asked, and how long what it said is believed.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;

/// RFC 8037's public key.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn set(kids: impl IntoIterator<Item = String>) -> Vec<u8> {
    let key = |kid| json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": kid });
    let keys: Vec<_> = kids.into_iter().map(key).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

/// Answers what it is told to, and counts.
struct Address {
    asked: AtomicUsize,
    answer: RwLock<Option<Vec<u8>>>,
}

impl Address {
    fn with(kid: &str) -> Self {
        Self {
            asked: AtomicUsize::new(0),
            answer: RwLock::new(Some(set([kid.to_owned()]))),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FetchKeys for Address {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        assert_eq!(
            url, "https://login.example/keys",
            "the operator's address and no other"
        );
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.answer.read().clone().ok_or(Error::Unavailable {
            what: "keys",
            reason: "down".into(),
        })
    }
}

fn jwks() -> Jwks {
    Jwks::new("https://login.example/keys".into())
}

fn at(ms: u64) -> Timestamp {
    Timestamp(1_000_000).plus_ms(ms)
}

#[tokio::test]
async fn the_address_is_asked_once_in_a_while_whatever_tokens_name() {
    let (jwks, address) = (jwks(), Address::with("a"));
    for round in 0..3 {
        assert!(jwks.key("a", &address, at(round)).await.is_some());
        assert!(
            jwks.key(&format!("guess-{round}"), &address, at(round))
                .await
                .is_none()
        );
    }
    assert_eq!(address.asked(), 1);
    assert!(
        jwks.key("guess", &address, at(JWKS_RETRY_MS - 1))
            .await
            .is_none()
    );
    assert_eq!(address.asked(), 1);
    jwks.key("guess", &address, at(JWKS_RETRY_MS)).await;
    assert_eq!(
        address.asked(),
        2,
        "a key that is new is found within a minute"
    );
}

#[tokio::test]
async fn many_at_once_ask_once() {
    let (jwks, address) = (jwks(), Address::with("a"));
    let all = (0..50).map(|_| jwks.key("a", &address, at(0)));
    let found = futures_util::future::join_all(all).await;
    assert!(found.iter().all(Option::is_some));
    assert_eq!(address.asked(), 1);
}

#[tokio::test]
async fn a_withdrawn_key_ends_when_the_set_is_no_longer_fresh() {
    let (jwks, address) = (jwks(), Address::with("a"));
    assert!(jwks.key("a", &address, at(0)).await.is_some());
    *address.answer.write() = Some(set(["b".to_owned()]));
    assert!(
        jwks.key("a", &address, at(JWKS_FRESH_MS - 1))
            .await
            .is_some()
    );
    assert!(jwks.key("a", &address, at(JWKS_FRESH_MS)).await.is_none());
    assert!(jwks.key("b", &address, at(JWKS_FRESH_MS)).await.is_some());
}

#[tokio::test]
async fn when_the_address_is_down_keys_live_on_for_a_while_and_no_longer() {
    let (jwks, address) = (jwks(), Address::with("a"));
    assert!(jwks.key("a", &address, at(0)).await.is_some());
    *address.answer.write() = None;
    assert!(
        jwks.key("a", &address, at(JWKS_STALE_MS - 1))
            .await
            .is_some()
    );
    assert!(jwks.key("a", &address, at(JWKS_STALE_MS)).await.is_none());
}

#[test]
fn sets_are_read_up_to_their_limits() {
    let many = |count: usize| set((0..count).map(|index| format!("k{index}")));
    assert_eq!(read(&many(JWKS_KEYS_MAX)).unwrap().len(), JWKS_KEYS_MAX);
    let past = read(&many(JWKS_KEYS_MAX + 1));
    assert!(matches!(
        past,
        Err(Error::TooLarge {
            limit: "jwks_keys_max",
            ..
        })
    ));
    let mut padded = set(["a".to_owned()]);
    padded.resize(JWKS_BYTES_MAX, b' ');
    assert!(read(&padded).is_ok());
    padded.push(b' ');
    assert!(matches!(
        read(&padded),
        Err(Error::TooLarge {
            limit: "jwks_bytes_max",
            ..
        })
    ));
}

#[test]
fn what_is_not_for_us_in_a_set_is_passed_over_and_what_is_no_set_refused() {
    let mixed = json!({ "keys": [
        { "kty": "EC", "crv": "P-256", "kid": "ec", "x": "a", "y": "b" },
        { "kty": "oct", "kid": "secret", "k": "c2VjcmV0" },
        { "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "enc", "use": "enc" },
        { "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "wrong", "alg": "HS256" },
        { "kty": "OKP", "crv": "Ed25519", "x": X },
        { "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "good", "use": "sig", "alg": "EdDSA" },
        "what",
    ] });
    let keys = read(mixed.to_string().as_bytes()).unwrap();
    assert_eq!(keys.iter().map(JwtKey::id).collect::<Vec<_>>(), ["good"]);
    for bad in ["", "{}", "[]", "{\"keys\":{}}", "<html>"] {
        assert!(read(bad.as_bytes()).is_err(), "{bad}");
    }
}
