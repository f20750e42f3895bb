//! Tokens that are good, and every way in which one is not.

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::*;
use crate::error::{Error, Result};
use crate::identity::Scopes;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const NOW_S: i64 = 1_700_000_000;
const SECRET: &str = "a-secret-of-more-than-32-bytes-in-length";

fn rsa_pair() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(include_bytes!("../../../tests/data/jwt-rsa-2048.pk8")).unwrap()
}

fn rsa_jwk() -> Map<String, Value> {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(rsa_pair().public());
    members(&json!({
        "kty": "RSA",
        "n": URL_SAFE_NO_PAD.encode(public.n),
        "e": URL_SAFE_NO_PAD.encode(public.e),
    }))
}

fn ed_pair() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[3; 32])
}

fn ed_jwk() -> Map<String, Value> {
    let x = URL_SAFE_NO_PAD.encode(ed_pair().verifying_key().as_bytes());
    members(&json!({ "kty": "OKP", "crv": "Ed25519", "x": x }))
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What a signer does with the bytes that are signed.
#[derive(Clone, Copy)]
enum Signer {
    Hmac,
    Rsa,
    Ed,
    /// HMAC with the public key of RSA as its secret: the confusion of algorithms.
    HmacOfPublic,
    Nothing,
}

const ED_HEADER: &str = r#"{"alg":"EdDSA","kid":"e"}"#;

fn signed(header: &str, claims: &str, signer: Signer) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(header), part(claims));
    let mac = |secret: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
    };
    let signature = match signer {
        Signer::Hmac => mac(SECRET.as_bytes()),
        Signer::HmacOfPublic => mac(rsa_jwk()["n"].as_str().unwrap().as_bytes()),
        Signer::Rsa => {
            let pair = rsa_pair();
            let mut signature = vec![0; pair.public().modulus_len()];
            let random = SystemRandom::new();
            pair.sign(
                &RSA_PKCS1_SHA256,
                &random,
                message.as_bytes(),
                &mut signature,
            )
            .unwrap();
            signature
        }
        Signer::Ed => {
            use ed25519_dalek::Signer as _;
            ed_pair().sign(message.as_bytes()).to_bytes().to_vec()
        }
        Signer::Nothing => Vec::new(),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn settings() -> IssuerSettings {
    let key = |kid: &str, alg, jwk| KeySettings {
        kid: kid.into(),
        alg,
        jwk,
        secret_variable: None,
    };
    IssuerSettings {
        name: crate::id::KeyName::new("login").unwrap(),
        iss: "https://login.example".into(),
        aud: vec!["warren".into(), "other".into()],
        tenant: None,
        tenant_claim: Some("org".into()),
        customer_claim: Some("shop".into()),
        user_claim: Some("sub".into()),
        scopes_claim: Some("scope".into()),
        scopes: "events:publish memory:read".parse().unwrap(),
        leeway_s: 30,
        life_s_max: 3_600,
        keys: vec![
            KeySettings {
                secret_variable: Some("LOGIN_SECRET".into()),
                ..key("h", Algorithm::Hs256, None)
            },
            key("r", Algorithm::Rs256, Some(rsa_jwk())),
            key("e", Algorithm::EdDsa, Some(ed_jwk())),
        ],
        jwks_url: None,
    }
}

fn environment(name: &str) -> Option<String> {
    (name == "LOGIN_SECRET").then(|| SECRET.to_owned())
}

struct NoKeys;

#[async_trait::async_trait]
impl FetchKeys for NoKeys {
    async fn fetch(&self, _: &str) -> Result<Vec<u8>> {
        panic!("nothing is to be read from anywhere")
    }
}

async fn check(issuers: &Issuers, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
    let token = Unverified::parse(token)?;
    let issuer = token.issuer().and_then(|iss| issuers.find(iss));
    let issuer = issuer.ok_or_else(|| Refusal("issuer".into()))?;
    let key = issuer.key(&token, &NoKeys, now).await?;
    token.verify(issuer, &key, now)
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example", "aud": "warren", "exp": NOW_S + 600,
        "org": "acme", "shop": "c-1", "sub": "u-1",
        "scope": "openid events:publish agents:deploy",
    })
}

fn with(changes: &Value) -> String {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => all.as_object_mut().unwrap().remove(name),
            value => all
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    all.to_string()
}

#[tokio::test]
async fn a_good_token_says_who_and_what_whatever_signed_it() {
    let issuers = Issuers::new(vec![settings()], &environment).unwrap();
    for (alg, kid, signer) in [
        ("HS256", "h", Signer::Hmac),
        ("RS256", "r", Signer::Rsa),
        ("EdDSA", "e", Signer::Ed),
        ("Ed25519", "e", Signer::Ed),
    ] {
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT", "x5t": "seen" });
        let token = signed(&header.to_string(), &claims().to_string(), signer);
        let claims = check(&issuers, &token, NOW).await.expect(alg);
        assert_eq!(claims.tenant.as_str(), "acme");
        assert_eq!(claims.customer.unwrap().as_str(), "c-1");
        assert_eq!(claims.user.unwrap().as_str(), "u-1");
        assert_eq!(
            claims.scopes.to_string(),
            "events:publish",
            "no more than the issuer may give"
        );
        assert_eq!(claims.until, Timestamp((NOW_S + 630) * 1_000));
    }
}

/// What is wrong, who signs, the header.
const BAD_HEADERS: &str = r#"
none                       | nothing | {"alg":"none","kid":"h"}
None                       | nothing | {"alg":"None","kid":"h"}
nOnE                       | hmac    | {"alg":"nOnE","kid":"h"}
no alg                     | hmac    | {"kid":"h"}
alg of another case        | hmac    | {"alg":"hs256","kid":"h"}
alg that is not taken      | hmac    | {"alg":"HS512","kid":"h"}
alg that is no text        | hmac    | {"alg":["HS256"],"kid":"h"}
HS256 with the public key  | public  | {"alg":"HS256","kid":"r"}
RS256 with the shared key  | hmac    | {"alg":"RS256","kid":"h"}
EdDSA with the RSA key     | ed      | {"alg":"EdDSA","kid":"r"}
signed by another key      | ed      | {"alg":"RS256","kid":"r"}
empty signature            | nothing | {"alg":"HS256","kid":"h"}
no kid                     | hmac    | {"alg":"HS256"}
unknown kid                | hmac    | {"alg":"HS256","kid":"x"}
kid that is a path         | hmac    | {"alg":"HS256","kid":"../../dev/null"}
kid that is SQL            | hmac    | {"alg":"HS256","kid":"h' OR '1'='1"}
kid that is no text        | hmac    | {"alg":"HS256","kid":1}
kid twice                  | hmac    | {"alg":"HS256","kid":"x","kid":"h"}
jwk                        | ed      | {"alg":"EdDSA","kid":"e","jwk":{"kty":"OKP"}}
jku                        | ed      | {"alg":"EdDSA","kid":"e","jku":"https://evil.example"}
x5u                        | ed      | {"alg":"EdDSA","kid":"e","x5u":"https://evil.example"}
x5c                        | ed      | {"alg":"EdDSA","kid":"e","x5c":[]}
crit                       | ed      | {"alg":"EdDSA","kid":"e","crit":["exp"]}
b64                        | ed      | {"alg":"EdDSA","kid":"e","b64":false}
typ of something else      | ed      | {"alg":"EdDSA","kid":"e","typ":"logout+jwt"}
typ that is no text        | ed      | {"alg":"EdDSA","kid":"e","typ":1}
a list                     | ed      | ["EdDSA"]
"#;

#[tokio::test]
async fn every_bad_header_is_refused() {
    let issuers = Issuers::new(vec![settings()], &environment).unwrap();
    let good = claims().to_string();
    let signer = |name: &str| match name {
        "hmac" => Signer::Hmac,
        "ed" => Signer::Ed,
        "public" => Signer::HmacOfPublic,
        _ => Signer::Nothing,
    };
    for line in BAD_HEADERS.trim().lines() {
        let columns: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        let token = signed(columns[2], &good, signer(columns[1]));
        let checked = check(&issuers, &token, NOW).await;
        assert!(checked.is_err(), "{}", columns[0]);
    }
}

#[tokio::test]
async fn every_bad_form_is_refused() {
    let issuers = Issuers::new(vec![settings()], &environment).unwrap();
    let token = signed(ED_HEADER, &claims().to_string(), Signer::Ed);
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = parts.as_slice() else {
        panic!("{token}")
    };
    let others = URL_SAFE_NO_PAD.encode(with(&json!({ "org": "beta" })));
    for (what, token) in [
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{token}.x")),
        ("padding", format!("{head}.{body}.{signature}=")),
        ("other claims", format!("{head}.{others}.{signature}")),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
    ] {
        assert!(check(&issuers, &token, NOW).await.is_err(), "{what}");
    }
    assert!(check(&issuers, &token, NOW).await.is_ok(), "as it is");
}

/// What is wrong or not, what is other than in a good token, whether it is good. `T` is now in seconds.
const CLAIMS: &str = r#"
as it is                          | {}                             | good
one of several audiences          | {"aud":["x","other"]}          | good
another audience                  | {"aud":"x"}                    | bad
no audience                       | {"aud":null}                   | bad
an empty list of audiences        | {"aud":[]}                     | bad
another issuer                    | {"iss":"https://evil.example"} | bad
nearly the issuer                 | {"iss":"https://login.example/"} | bad
no issuer                         | {"iss":null}                   | bad
no expiry                         | {"exp":null}                   | bad
expiry as text                    | {"exp":"2099"}                 | bad
expired, within the leeway        | {"exp":T-29}                   | good
expired, at the leeway            | {"exp":T-30}                   | bad
the longest life                  | {"exp":T+3630}                 | good
longer than a life may be         | {"exp":T+3631}                 | bad
an expiry past all years          | {"exp":1e300}                  | bad
a negative expiry                 | {"exp":-1}                     | bad
not yet, within the leeway        | {"nbf":T+30}                   | good
not yet                           | {"nbf":T+31}                   | bad
issued in the future              | {"iat":T+31}                   | bad
no tenant                         | {"org":null}                   | bad
a tenant that is no name          | {"org":"../acme"}              | bad
a tenant that is a list           | {"org":["acme"]}               | bad
no customer                       | {"shop":null}                  | bad
no user                           | {"sub":null}                   | bad
a user with a space               | {"sub":"u 1"}                  | bad
no scopes                         | {"scope":null}                 | bad
scopes as a list                  | {"scope":["memory:read"]}      | good
"#;

/// `T-29` as a number.
fn timed(text: &str) -> Value {
    let Some((before, rest)) = text.split_once('T') else {
        return serde_json::from_str(text).unwrap();
    };
    let (offset, after) = rest.split_at(rest.find('}').unwrap());
    let at = NOW_S + offset.parse::<i64>().unwrap();
    serde_json::from_str(&format!("{before}{at}{after}")).unwrap()
}

#[tokio::test]
async fn every_bad_claim_is_refused_and_times_hold_to_the_second() {
    let issuers = Issuers::new(vec![settings()], &environment).unwrap();
    for line in CLAIMS.trim().lines() {
        let columns: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        let token = signed(ED_HEADER, &with(&timed(columns[1])), Signer::Ed);
        let checked = check(&issuers, &token, NOW).await;
        assert_eq!(checked.is_ok(), columns[2] == "good", "{line}: {checked:?}");
    }
    let twice = claims().to_string().replacen('{', "{\"org\":\"beta\",", 1);
    for (what, claims) in [("a claim twice", &*twice), ("no object", "[]")] {
        let token = signed(ED_HEADER, claims, Signer::Ed);
        assert!(check(&issuers, &token, NOW).await.is_err(), "{what}");
    }
}

#[tokio::test]
async fn tokens_are_read_up_to_their_limit_and_no_further() {
    let issuers = Issuers::new(vec![settings()], &environment).unwrap();
    let of = |filler: usize| {
        signed(
            ED_HEADER,
            &with(&json!({ "fill": "x".repeat(filler) })),
            Signer::Ed,
        )
    };
    let filler = (0..JWT_BYTES_MAX)
        .rev()
        .find(|filler| of(*filler).len() <= JWT_BYTES_MAX)
        .unwrap();
    assert!(check(&issuers, &of(filler), NOW).await.is_ok());
    let refused = check(&issuers, &of(filler + 3), NOW).await.unwrap_err();
    assert!(refused.0.contains("jwt_bytes_max"), "{refused}");
}

#[tokio::test]
async fn without_a_kid_the_only_key_is_meant_and_the_tenant_may_be_fixed() {
    let mut only = settings();
    only.keys.truncate(1);
    only.tenant = Some("acme".parse().unwrap());
    (
        only.tenant_claim,
        only.customer_claim,
        only.user_claim,
        only.scopes_claim,
    ) = (None, None, None, None);
    let issuers = Issuers::new(vec![only], &environment).unwrap();
    let token = signed(
        r#"{"alg":"HS256"}"#,
        &with(&json!({ "org": "beta" })),
        Signer::Hmac,
    );
    let claims = check(&issuers, &token, NOW).await.unwrap();
    assert_eq!((claims.tenant.as_str(), claims.user), ("acme", None));
    assert_eq!(
        claims.scopes.to_string(),
        "events:publish memory:read",
        "all of the issuer's"
    );
}

/// Put a member into the public key of this number.
fn put(settings: &mut IssuerSettings, key: usize, name: &str, value: &str) {
    let jwk = settings.keys[key].jwk.as_mut().unwrap();
    jwk.insert(name.into(), json!(value));
}

/// Change good settings, and require an error that has this word.
fn bad(change: fn(&mut IssuerSettings), word: &str) {
    let mut settings = settings();
    change(&mut settings);
    let error = Issuers::new(vec![settings], &environment)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("login") && error.contains(word),
        "{error} should say {word}"
    );
}

#[test]
fn settings_that_cannot_be_meant_are_refused_by_name() {
    bad(|s| s.iss.clear(), "iss");
    bad(|s| s.aud.clear(), "aud");
    bad(|s| s.scopes = Scopes::NONE, "scopes");
    bad(|s| s.leeway_s = JWT_LEEWAY_S_MAX + 1, "leeway_s");
    bad(|s| s.life_s_max = JWT_LIFE_S_MAX + 1, "life_s_max");
    bad(|s| s.life_s_max = 0, "life_s_max");
    bad(|s| s.keys.clear(), "keys");
    bad(|s| s.tenant = Some("acme".parse().unwrap()), "tenant");
    bad(|s| s.tenant_claim = None, "tenant");
    bad(
        |s| s.keys[0].secret_variable = Some("NOWHERE".into()),
        "NOWHERE",
    );
    bad(|s| s.keys[0].secret_variable = None, "keys");
    bad(|s| s.keys[1].alg = Algorithm::EdDsa, "alg");
    bad(|s| s.keys[1].kid = "e".into(), "kid");
    bad(|s| put(s, 2, "d", "x"), "secret part");
    bad(|s| put(s, 2, "alg", "RS256"), "alg");
    bad(|s| put(s, 1, "n", "AQAB"), "bits");
}

#[test]
fn keys_are_read_from_addresses_that_nobody_listens_in_on() {
    let read = |url: &str| {
        let mut settings = settings();
        settings.jwks_url = Some(url.into());
        Issuers::new(vec![settings], &environment).is_ok()
    };
    for good in [
        "https://login.example/keys",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
    ] {
        assert!(read(good), "{good}");
    }
    for bad in [
        "http://login.example/keys",
        "https://login.example@evil.example/",
        "file:///etc/passwd",
        "http://127.0.0.1:1@evil.example/",
        "https://",
        "",
    ] {
        assert!(!read(bad), "{bad}");
    }
}

#[test]
fn settings_hold_at_their_limits() {
    let mut at = settings();
    (at.leeway_s, at.life_s_max) = (JWT_LEEWAY_S_MAX, JWT_LIFE_S_MAX);
    assert!(Issuers::new(vec![at.clone()], &environment).is_ok());
    assert!(
        Issuers::new(vec![at.clone(), at], &environment).is_err(),
        "two of one name"
    );
    let short = |_: &str| Some("x".repeat(key::HS256_SECRET_BYTES_MIN - 1));
    assert!(Issuers::new(vec![settings()], &short).is_err());
    let enough = |_: &str| Some("x".repeat(key::HS256_SECRET_BYTES_MIN));
    assert!(Issuers::new(vec![settings()], &enough).is_ok());
}

#[test]
fn no_secret_is_shown() {
    let issuers = Issuers::new(vec![settings()], &environment).unwrap();
    assert!(!format!("{issuers:?}").contains(SECRET));
    assert!(matches!(
        JwtKey::shared("k", b"short"),
        Err(Error::Invalid { .. })
    ));
}
