//! What reads texts of tenants: good texts, damaged in every way that chance finds. What is taken reads back as it was
//! taken; what is not is refused in words of bounded length; nothing panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use warren::clock::Timestamp;
use warren::error::REASON_BYTES_MAX;
use warren::events::{Json, Topic};
use warren::id::{AgentName, CustomerId, Digest, EventId, EventType, TenantName};
use warren::identity::{self, ApiKeySecret, DelegatedToken, Scopes};
use warren::registry::{Address, Bootstrap, BootstrapFormat, Manifest, Unverified, canonical};

use crate::long;

/// Damaged texts of each reader: of an ordinary test run, and of the long form.
const CASES: (u64, u64) = (3_000, 300_000);
/// When tokens are looked at: the good one ends a little later.
const NOW: Timestamp = Timestamp(1_699_999_000_000);
/// Longest refusal, whatever was given: a reason, and the name of what it is about.
const REFUSAL_BYTES_MAX: usize = REASON_BYTES_MAX + 256;

/// What takes a text: what it reads back as if it does, why not if it does not.
type Reader = fn(&str) -> Result<Option<String>, String>;

/// A reader, and texts that it takes.
const READERS: &[(&str, Reader, &[&str])] = &[
    (
        "json",
        json,
        &[
            r#"{"a":[1,2.5e-3,"\u00e9\ud83d\ude00",null,true,{"b":{}}]}"#,
            "[[[[1]]]]",
            "-0.0",
        ],
    ),
    (
        "manifest",
        manifest,
        &[
            r#"{"name":"tiny","kind":"agent","version":"1.0","description":"d","grants":["working:read"],"subscriptions":[{"topic":"business-facts","type":"order.placed"}],"produces":[{"topic":"task-events","type":"a","schema":{"type":"object"}}],"settings":{"timeout_ms":100,"concurrency":2,"attempts":3}}"#,
        ],
    ),
    (
        "instant",
        instant,
        &[
            "2026-01-01T00:00:00Z",
            "2024-02-29T23:59:60+01:00",
            "-009999-01-01T00:00:00.000000001Z",
        ],
    ),
    ("address", address, &["klp://weather/v1/now?x=1", "klp://a"]),
    ("name", name, &["agent-1", "a"]),
    ("type", event_type, &["order.placed", "a.b-c_d.E9"]),
    (
        "signature",
        signature,
        &[
            "eyJhbGciOiJFZERTQSIsImtpZCI6Im1haW4ifQ..AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ],
    ),
    (
        "canonical",
        canonical_json,
        &[r#"{"b":1,"a":[9007199254740991,-5,"\u20ac",{"\ud83d\ude00":1,"z":2}]}"#],
    ),
    (
        "csv",
        csv,
        &[
            "name,type,url,tags\nweather,api,https://weather.example,\"a,b\"\nnews,api,https://news.example,\n",
        ],
    ),
    (
        "key",
        key,
        &["wrn_0123456789abcdef_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"],
    ),
    (
        "token",
        token,
        &[
            "wrd_0123456789abcdef.eyJleHAiOjE3MDAwMDAwMDB9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ],
    ),
    (
        "block",
        block,
        &[
            r#"{"exp":1700000000,"scopes":["events:read"],"agent":"a","plan":"p","customer":"c","user":"u"}"#,
        ],
    ),
    (
        "jwt",
        jwt,
        &[
            r#"{"alg":"EdDSA","kid":"main","typ":"JWT"}.{"iss":"https://login.example","aud":["warren"],"sub":"ada","exp":1700000000}"#,
        ],
    ),
    (
        "rows",
        rows,
        &[r#"[{"name":"weather","type":"api","url":"https://weather.example"}]"#],
    ),
];

fn words(error: warren::error::Error) -> String {
    error.to_string()
}

fn json(text: &str) -> Result<Option<String>, String> {
    let taken = Json::parse("data", text).map_err(words)?;
    let again = Json::parse("data", taken.as_str()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.as_str(), taken.as_str());
    Ok(None)
}

fn manifest(text: &str) -> Result<Option<String>, String> {
    let taken = Manifest::parse(text).map_err(words)?;
    let written = serde_json::to_string(&taken).unwrap();
    let again = Manifest::parse(&written).unwrap_or_else(|e| panic!("{e}: {written}"));
    assert_eq!(again, taken);
    Ok(None)
}

fn instant(text: &str) -> Result<Option<String>, String> {
    let taken = Timestamp::parse("at", text).map_err(words)?;
    assert_eq!(
        Timestamp::parse("at", &taken.to_string()).map_err(words),
        Ok(taken)
    );
    let _ = (
        taken.plus_ms(u64::MAX).to_string(),
        taken.since(Timestamp(i64::MAX)),
    );
    Ok(None)
}

fn address(text: &str) -> Result<Option<String>, String> {
    let taken = Address::parse(text).map_err(words)?;
    assert!(
        !taken.path.split('/').any(|part| part == ".."),
        "{}",
        taken.path
    );
    Ok(None)
}

fn name(text: &str) -> Result<Option<String>, String> {
    let also = [
        TenantName::new(text).is_ok(),
        CustomerId::new(text).is_ok(),
        EventId::new(text).is_ok(),
    ];
    let taken = AgentName::new(text).map_err(words)?;
    assert_eq!(also, [true; 3], "{text}");
    Ok(Some(taken.to_string()))
}

fn event_type(text: &str) -> Result<Option<String>, String> {
    let _ = (
        text.parse::<Topic>().is_ok(),
        text.parse::<Digest>().is_ok(),
    );
    let taken = EventType::new(text).map_err(words)?;
    Ok(Some(taken.to_string()))
}

fn signature(text: &str) -> Result<Option<String>, String> {
    Unverified::parse(text).map_err(words)?;
    Ok(None)
}

fn canonical_json(text: &str) -> Result<Option<String>, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let once = canonical(&value).map_err(words)?;
    let again = serde_json::from_str(&once).unwrap();
    assert_eq!(canonical(&again).map_err(words), Ok(once));
    Ok(None)
}

fn csv(text: &str) -> Result<Option<String>, String> {
    Bootstrap::read(BootstrapFormat::Csv, text.as_bytes()).map_err(words)?;
    Ok(None)
}

fn key(text: &str) -> Result<Option<String>, String> {
    let taken: ApiKeySecret = text.parse().map_err(words)?;
    let shown = format!("{taken:?}");
    assert!(!shown.contains("0123456789abcdef0123"), "{shown}");
    Ok(Some(taken.reveal()))
}

fn token(text: &str) -> Result<Option<String>, String> {
    let taken = DelegatedToken::parse(text).map_err(words)?;
    let _ = (taken.comes_from(&[7; 32]), taken.allows(Scopes::all(), NOW));
    Ok(Some(taken.reveal()))
}

/// What a token allows, whose one block this is: never what its key may not, never for longer than tokens live.
fn block(text: &str) -> Result<Option<String>, String> {
    let block = URL_SAFE_NO_PAD.encode(text);
    let mac = URL_SAFE_NO_PAD.encode([0; 32]);
    let taken = DelegatedToken::parse(&format!("wrd_0123456789abcdef.{block}.{mac}"));
    let may: Scopes = "events:read turns:read".parse().map_err(words)?;
    let allowed = taken.map_err(words)?.allows(may, NOW);
    let allowed = allowed.ok_or("it allows nothing")?;
    assert!(allowed.scopes.within(may), "{:?}", allowed.scopes);
    Ok(None)
}

fn jwt(text: &str) -> Result<Option<String>, String> {
    let (header, claims) = text.split_once("}.").unwrap_or((text, ""));
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signature = part("signature");
    let token = format!(
        "{}.{}.{signature}",
        part(&format!("{header}}}")),
        part(claims)
    );
    identity::Unverified::parse(&token).map_err(|refusal| refusal.0)?;
    Ok(None)
}

fn rows(text: &str) -> Result<Option<String>, String> {
    Bootstrap::read(BootstrapFormat::Json, text.as_bytes()).map_err(words)?;
    Ok(None)
}

/// Parts that readers stumble over.
const PARTS: [&str; 24] = [
    "\0",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\u{202e}",
    "{",
    "[",
    "}",
    "]",
    ",",
    ":",
    "1e999",
    "-",
    "99999999999999999999",
    "null",
    "\r\n",
    "..",
    "/",
    "%2e",
    "=",
    ".",
    "\u{10ffff}",
];

/// Damage a text once, and leave it a text.
fn mutate(text: &mut String, random: &mut fastrand::Rng) {
    let place = |text: &str, random: &mut fastrand::Rng| {
        text.floor_char_boundary(random.usize(..=text.len()))
    };
    let (one, two) = (place(text, random), place(text, random));
    let (from, to) = (one.min(two), one.max(two));
    match random.u8(..7) {
        0 => text.truncate(from),
        1 => drop(text.drain(from..to.min(text.ceil_char_boundary(from + 8)))),
        2 => {
            let copy = text[from..to].to_owned();
            text.insert_str(from, &copy);
        }
        3 => {
            let copy = text[from..to].repeat(random.usize(1..40));
            text.insert_str(to, &copy);
        }
        4 => text.insert(from, random.char(..)),
        5 => {
            let part = random.choice(PARTS).unwrap_or_default();
            text.insert_str(from, &part.repeat(random.usize(1..=80)));
        }
        _ => text.replace_range(from..from, random.choice(PARTS).unwrap_or_default()),
    }
}

/// How many damaged texts a reader took and refused, or what it did with one that it should not have done.
fn tally(read: Reader, texts: &[&str], cases: u64) -> Result<(u64, u64), String> {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..cases {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text = String::from(*random.choice(texts).unwrap());
        for _ in 0..random.usize(1..4) {
            mutate(&mut text, &mut random);
        }
        match catch_unwind(AssertUnwindSafe(|| read(&text))) {
            Ok(Ok(Some(other))) if other != text => {
                return Err(format!("seed {seed}: {text:?} reads back as {other:?}"));
            }
            Ok(Ok(_)) => taken += 1,
            Ok(Err(words)) if words.len() > REFUSAL_BYTES_MAX => {
                return Err(format!("seed {seed}: {} bytes: {words}", words.len()));
            }
            Ok(Err(_)) => refused += 1,
            Err(_) => return Err(format!("seed {seed}: a panic at {text:?}")),
        }
    }
    Ok((taken, refused))
}

#[test]
fn damaged_texts_are_refused_in_words_or_read_back() {
    let cases = long::pick(CASES.0, CASES.1);
    let mut faults = Vec::new();
    for (name, read, texts) in READERS {
        for text in *texts {
            let good = read(text);
            if good.is_err() && *name != "instant" {
                faults.push(format!("{name}: {text}: {good:?}"));
            }
        }
        match tally(*read, texts, cases) {
            Ok((taken, refused)) if refused <= cases / 10 => {
                faults.push(format!("{name}: {taken} taken, {refused} refused: too few"));
            }
            Ok((taken, refused)) => println!("{name}: {taken} taken, {refused} refused"),
            Err(fault) => faults.push(format!("{name}, {fault}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
