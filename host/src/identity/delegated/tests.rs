//! Tokens that are handed on: what they allow, and that nothing done to one makes it stronger.

use super::*;

const HASH: [u8; 32] = [7; 32];
const NOW: Timestamp = Timestamp(1_000_000);

fn key() -> KeyId {
    KeyId::parse("0123456789abcdef").unwrap()
}

fn block(scopes: &str, exp: i64) -> Block {
    Block {
        exp: Some(exp),
        scopes: Some(scopes.parse().unwrap()),
        ..Block::default()
    }
}

fn bound_to(agent: &str) -> Block {
    Block {
        agent: Some(AgentName::new(agent).unwrap()),
        ..Block::default()
    }
}

fn minted(first: &Block) -> DelegatedToken {
    DelegatedToken::mint(&key(), &HASH, first).unwrap()
}

fn allowed(token: &DelegatedToken) -> Option<Allowed> {
    token
        .comes_from(&HASH)
        .then(|| token.allows(Scopes::all(), NOW))
        .flatten()
}

#[test]
fn a_token_reads_back_and_comes_from_its_key_alone() {
    let token = minted(&block("events:read memory:read", 1_100));
    let again = DelegatedToken::parse(&token.reveal()).unwrap();
    assert_eq!(again, token);
    assert_eq!(again.key(), &key());
    assert!(
        !again.comes_from(&[8; 32]),
        "a rotated key takes its tokens with it"
    );
    let allowed = allowed(&again).unwrap();
    assert_eq!(allowed.scopes.to_string(), "events:read memory:read");
    assert_eq!(allowed.until, Timestamp(1_100_000));
    assert!(
        !format!("{token:?}").contains('.') || !token.reveal().ends_with(&format!("{token:?}"))
    );
}

#[test]
fn handed_on_it_only_gets_weaker() {
    let token = minted(&block("events:read memory:read", 1_100));
    let wider = token
        .clone()
        .narrowed(&block("events:read agents:deploy", 9_999))
        .unwrap();
    let wider = allowed(&wider).unwrap();
    assert_eq!(
        wider.scopes.to_string(),
        "events:read",
        "what was not there does not come back"
    );
    assert_eq!(wider.until, Timestamp(1_100_000), "nor does time");

    let one = token.narrowed(&bound_to("greeter")).unwrap();
    assert_eq!(
        allowed(&one).unwrap().bounds.agent,
        Some(AgentName::new("greeter").unwrap())
    );
    let two = one.narrowed(&bound_to("mailer")).unwrap();
    assert_eq!(
        allowed(&two),
        None,
        "for one agent and for another is for none"
    );
}

#[test]
fn it_never_allows_what_its_key_may_not() {
    let token = minted(&Block {
        exp: Some(1_100),
        ..Block::default()
    });
    let key: Scopes = "memory:read".parse().unwrap();
    assert_eq!(token.allows(key, NOW).unwrap().scopes, key);
}

#[test]
fn nothing_done_to_a_token_makes_it_pass() {
    let narrow = minted(&block("events:read", 1_100))
        .narrowed(&bound_to("greeter"))
        .unwrap();
    let text = narrow.reveal();
    let parts: Vec<&str> = text.split('.').collect();
    let [head, first, second, mac] = parts.as_slice() else {
        panic!("{text}")
    };
    let wide = Block {
        exp: Some(1_100),
        ..Block::default()
    }
    .write()
    .unwrap();
    let other = "fedcba9876543210";
    for (what, forged) in [
        ("the last block taken off", format!("{head}.{first}.{mac}")),
        (
            "the first block taken off",
            format!("{head}.{second}.{mac}"),
        ),
        (
            "blocks changed over",
            format!("{head}.{second}.{first}.{mac}"),
        ),
        ("a block replaced", format!("{head}.{wide}.{second}.{mac}")),
        (
            "a block added without a mac",
            format!("{head}.{first}.{second}.{wide}.{mac}"),
        ),
        (
            "another key's id",
            format!("wrd_{other}.{first}.{second}.{mac}"),
        ),
    ] {
        let token = DelegatedToken::parse(&forged).expect(what);
        assert!(!token.comes_from(&HASH), "{what}");
    }
    for malformed in [
        format!("{head}.{mac}"),
        format!("{head}.{first}.{second}."),
        format!("{head}.{first}.{second}.AAAA"),
        head.to_string(),
        String::from("wrd_"),
        format!("wrn_{}.{first}.{mac}", key().as_str()),
    ] {
        assert!(DelegatedToken::parse(&malformed).is_err(), "{malformed}");
    }
}

#[test]
fn a_block_that_is_not_understood_is_not_read_in_part() {
    let mut token = minted(&block("events:read", 1_100));
    let unknown = URL_SAFE_NO_PAD.encode(br#"{"region":"eu"}"#);
    token.mac = link(&token.mac, unknown.as_bytes());
    token.blocks.push(unknown);
    assert!(token.comes_from(&HASH), "its maker is no forger");
    assert_eq!(token.allows(Scopes::all(), NOW), None);
}

#[test]
fn lives_end_at_and_hold_one_before() {
    let week = TOKEN_LIFE_S_MAX as i64;
    for (exp, lives) in [
        (Some(1_000), false),
        (Some(1_001), true),
        (Some(1_000 + week), true),
        (Some(1_001 + week), false),
        (Some(i64::MAX), false),
        (None, false),
    ] {
        let token = minted(&Block {
            exp,
            ..Block::default()
        });
        assert_eq!(allowed(&token).is_some(), lives, "{exp:?}");
    }
}

#[test]
fn sizes_hold_at_and_one_past() {
    let mut token = minted(&block("events:read", 1_100));
    for _ in 1..TOKEN_BLOCKS_MAX {
        token = token.narrowed(&Block::default()).unwrap();
    }
    assert!(allowed(&DelegatedToken::parse(&token.reveal()).unwrap()).is_some());
    let past = token.narrowed(&Block::default());
    assert!(matches!(
        past,
        Err(Error::TooLarge {
            limit: "token_blocks_max",
            ..
        })
    ));

    let text = minted(&block("events:read", 1_100)).reveal();
    let at = format!("{text}{}", "A".repeat(TOKEN_BYTES_MAX - text.len()));
    assert!(
        matches!(DelegatedToken::parse(&at), Err(Error::Invalid { .. })),
        "read, and no mac"
    );
    let past = DelegatedToken::parse(&format!("{at}A"));
    assert!(matches!(
        past,
        Err(Error::TooLarge {
            limit: "token_bytes_max",
            ..
        })
    ));
}
