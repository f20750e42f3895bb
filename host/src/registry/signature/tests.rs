//! What verifies, and every way in which a signature must not.

use ed25519_dalek::{Signer, SigningKey as Secret};
use serde_json::json;

use super::*;

fn secret(seed: u8) -> Secret {
    Secret::from_bytes(&[seed; 32])
}

fn key(id: &str, seed: u8) -> SigningKey {
    SigningKey {
        id: KeyName::new(id).unwrap(),
        owner: KeyName::new("main").unwrap(),
        public: secret(seed).verifying_key().to_bytes(),
        created: Timestamp(0),
    }
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A compact JWS over `payload` under this header, by the key of this seed.
fn sign(header: &str, payload: &str, seed: u8) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let raw = secret(seed).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(raw.to_bytes()))
}

fn detach(jws: &str) -> String {
    let parts: Vec<&str> = jws.split('.').collect();
    format!("{}..{}", parts[0], parts[2])
}

fn verify(jws: &str, document: &Value) -> Result<Signature, String> {
    Unverified::parse(jws)
        .and_then(|jws| jws.verify(&key("k1", 1), document))
        .map_err(|e| e.to_string())
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"k1"}"#;

#[test]
fn a_signature_over_the_document_verifies_attached_and_detached() {
    let document =
        json!({ "type": "api", "name": "weather", "metadata": { "b": [1, null], "a": "é" } });
    let text = r#"{"metadata":{"a":"é","b":[1,null]},"name":"weather","type":"api"}"#;
    assert_eq!(canonical(&document).unwrap(), text);
    let attached = sign(HEADER, text, 1);
    let spaced = sign(
        r#"{"kid":"k1","typ":"JOSE","alg":"Ed25519"}"#,
        &document.to_string(),
        1,
    );
    for jws in [&attached, &detach(&attached), &spaced] {
        let signature = verify(jws, &document).unwrap();
        assert_eq!((signature.key.as_str(), signature.verified), ("k1", true));
        assert!(
            verify(&signature.jws, &document).is_ok(),
            "what is kept verifies again"
        );
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one row a case reads best in one table"
)]
fn every_trick_is_refused() {
    let document = json!({ "name": "weather", "type": "api" });
    let text = document.to_string();
    let good = sign(HEADER, &text, 1);
    let parts: Vec<&str> = good.split('.').collect();
    let header = |header: &str| sign(header, &text, 1);
    let flipped = {
        let mut bytes = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        bytes[0] ^= 1;
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            URL_SAFE_NO_PAD.encode(bytes)
        )
    };
    let table = [
        ("alg none", header(r#"{"alg":"none","kid":"k1"}"#)),
        ("alg None", header(r#"{"alg":"None","kid":"k1"}"#)),
        ("alg nOnE", header(r#"{"alg":"nOnE","kid":"k1"}"#)),
        ("alg HS256", header(r#"{"alg":"HS256","kid":"k1"}"#)),
        ("alg ES256", header(r#"{"alg":"ES256","kid":"k1"}"#)),
        ("alg RS256", header(r#"{"alg":"RS256","kid":"k1"}"#)),
        ("no alg", header(r#"{"kid":"k1"}"#)),
        ("no kid", header(r#"{"alg":"EdDSA"}"#)),
        (
            "kid path",
            header(r#"{"alg":"EdDSA","kid":"../../etc/passwd"}"#),
        ),
        (
            "kid SQL",
            header(r#"{"alg":"EdDSA","kid":"k1' OR '1'='1"}"#),
        ),
        (
            "jwk",
            header(r#"{"alg":"EdDSA","kid":"k1","jwk":{"kty":"OKP"}}"#),
        ),
        (
            "jku",
            header(r#"{"alg":"EdDSA","kid":"k1","jku":"https://a"}"#),
        ),
        (
            "x5u",
            header(r#"{"alg":"EdDSA","kid":"k1","x5u":"https://a"}"#),
        ),
        ("x5c", header(r#"{"alg":"EdDSA","kid":"k1","x5c":["a"]}"#)),
        (
            "crit",
            header(r#"{"alg":"EdDSA","kid":"k1","crit":["exp"]}"#),
        ),
        ("b64", header(r#"{"alg":"EdDSA","kid":"k1","b64":false}"#)),
        (
            "alg twice",
            header(r#"{"alg":"none","alg":"EdDSA","kid":"k1"}"#),
        ),
        (
            "kid twice",
            header(r#"{"alg":"EdDSA","kid":"k2","kid":"k1"}"#),
        ),
        ("header no JSON", header("EdDSA")),
        ("empty signature", format!("{}.{}.", parts[0], parts[1])),
        ("short signature", format!("{}.{}.AAAA", parts[0], parts[1])),
        ("padded", format!("{good}=")),
        ("flipped bit", flipped),
        ("other key", sign(HEADER, &text, 2)),
        (
            "other document",
            sign(HEADER, r#"{"name":"weather","type":"tool"}"#, 1),
        ),
        (
            "member twice",
            sign(
                HEADER,
                r#"{"name":"other","name":"weather","type":"api"}"#,
                1,
            ),
        ),
        ("payload no JSON", sign(HEADER, "weather", 1)),
        (
            "header of another",
            format!(
                "{}.{}.{}",
                encode(r#"{"alg":"Ed25519","kid":"k1"}"#),
                parts[1],
                parts[2]
            ),
        ),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.a")),
        ("empty", String::new()),
    ];
    assert!(verify(&good, &document).is_ok());
    for (trick, jws) in table {
        let told = verify(&jws, &document).err();
        assert!(
            told.as_deref()
                .is_some_and(|told| told.starts_with("signature: ")),
            "{trick}: {told:?}"
        );
    }
}

#[test]
fn the_length_of_a_signature_holds_at_and_one_past() {
    let told = |n: usize| Unverified::parse(&"a".repeat(n)).err().unwrap();
    assert!(matches!(told(JWS_BYTES_MAX), Error::Invalid { .. }));
    assert!(matches!(told(JWS_BYTES_MAX + 1), Error::TooLarge { .. }));
}

#[test]
fn numbers_that_programs_write_differently_are_not_signed_detached() {
    for (number, good) in [
        (json!(0), true),
        (json!(-5), true),
        (json!(INTEGER_MAX), true),
        (json!(INTEGER_MAX + 1), false),
        (json!(1.5), false),
        (json!(1e30), false),
    ] {
        assert_eq!(canonical(&number).is_ok(), good, "{number}");
    }
    let document = json!({ "n": 1.5 });
    assert!(verify(&sign(HEADER, &document.to_string(), 1), &document).is_ok());
}

#[test]
fn members_are_sorted_by_utf_16_as_the_standard_says() {
    // U+10000 is two code units from 0xD800 on, and so comes before U+FF61.
    let document = json!({ "\u{ff61}": 1, "\u{10000}": 2, "a": 3 });
    assert_eq!(
        canonical(&document).unwrap(),
        "{\"a\":3,\"\u{10000}\":2,\"\u{ff61}\":1}"
    );
}

#[test]
fn only_ed25519_keys_are_taken() {
    let jwk = |kty: &str, crv: &str, x: &str| PublicJwk {
        kty: kty.to_owned(),
        crv: crv.to_owned(),
        x: x.to_owned(),
    };
    let x = URL_SAFE_NO_PAD.encode(key("k1", 1).public);
    assert_eq!(
        jwk("OKP", "Ed25519", &x).read().unwrap(),
        key("k1", 1).public
    );
    let (zero, one) = ([0_u8; 32], {
        let mut one = [0_u8; 32];
        one[0] = 1;
        one
    });
    for bad in [
        jwk("EC", "P-256", &x),
        jwk("OKP", "X25519", &x),
        jwk("OKP", "Ed448", &x),
        jwk("oct", "Ed25519", &x),
        jwk("OKP", "Ed25519", ""),
        jwk("OKP", "Ed25519", &x[1..]),
        jwk("OKP", "Ed25519", &URL_SAFE_NO_PAD.encode(zero)),
        jwk("OKP", "Ed25519", &URL_SAFE_NO_PAD.encode(one)),
    ] {
        assert!(bad.read().is_err(), "{bad:?}");
    }
}
