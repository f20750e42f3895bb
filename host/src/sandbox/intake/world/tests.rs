//! The contract as it is read, and signatures as they are written. What fits it and what does not is
//! shown with whole components in `tests/it/intake`.

use std::fmt::Write as _;

use wasmparser::component_types::ComponentEntityType;

use super::super::precheck::{self, IntakeLimits};
use super::*;
use crate::registry::AnyGrant;

#[test]
fn the_contract_is_read_whole() {
    let contract = Contract::load().expect("the embedded WIT");
    let interfaces: Vec<&str> = contract.interfaces.keys().map(String::as_str).collect();
    let expect = [
        "clock",
        "context",
        "episodes",
        "events",
        "knowledge",
        "log",
        "procedures",
        "random",
        "registry",
        "types",
        "working",
    ];
    assert_eq!(interfaces, expect);
    assert_eq!(contract.exports["describe"], "func() -> string");
    assert!(
        contract.exports["handle"].starts_with("func(event: record{id: string, source: string")
    );
    assert!(
        contract.exports["handle"]
            .ends_with("-> result<_, variant{retry(option<u32>), reject(string), other(string)}>")
    );
    let error = "variant{denied(string), not-found, invalid(string), conflict(string), exhausted(string), \
                 unavailable(string), other(string)}";
    assert_eq!(
        contract.interfaces["working"]["keys"],
        format!(
            "func(prefix: string, after: option<string>, limit: u32) -> result<list<string>, {error}>"
        )
    );
    assert!(contract.interfaces["types"].is_empty());
}

#[test]
fn the_error_for_an_unknown_import_lists_what_there_is() {
    let contract = Contract::load().expect("the embedded WIT");
    let words = contract.unknown("a:b/c@1.0.0").to_string();
    assert_eq!(
        words,
        "component: it imports `a:b/c@1.0.0`, which this host does not have; there are warren:agent/{clock, context, \
         episodes, events, knowledge, log, procedures, random, registry, types, working}@0.1.0 and, in version 0.2, \
         wasi:cli/{environment, exit, stderr, stdin, stdout, terminal-input, terminal-output, terminal-stderr, \
         terminal-stdin, terminal-stdout}, wasi:clocks/{monotonic-clock, wall-clock}, wasi:filesystem/{preopens, \
         types}, wasi:http/{outgoing-handler, types}, wasi:io/{error, poll, streams}, wasi:random/{insecure, insecure-seed, random}"
    );
}

#[test]
fn a_signature_that_doubles_with_each_type_is_cut() {
    // 65,536 pairs if it were written out.
    let mut text = String::from("(component (type $t0 (tuple u8 u8))");
    for i in 0..16 {
        let _ = write!(text, "(type $t{} (tuple $t{i} $t{i}))", i + 1);
    }
    text.push_str(r#"(import "f" (func (param "x" $t16))))"#);
    let upload = wat::parse_str(text).expect("text");
    let checked = precheck::check(&upload, &IntakeLimits::default()).expect("valid");
    let types = checked.types.as_ref();
    let Some(ComponentEntityType::Func(id)) = types.component_item_for_import("f").map(|i| i.ty)
    else {
        panic!("not a function");
    };
    let written = signature::function(types, id);
    assert!(
        written.ends_with('…') && written.len() < 20_000,
        "{}",
        written.len()
    );
}

#[test]
fn a_difference_is_shown_where_it_is() {
    let check = |got: &str, wanted: &str, expect: &str| {
        assert_eq!(signature::difference(got, wanted), expect);
    };
    check(
        "func(a: u8)",
        "func(a: u16)",
        "it has `func(a: u8)`, this host `func(a: u16)`",
    );
    check(
        "func()",
        "func() -> u8",
        "it has `func()`, this host `func() -> u8`",
    );
    let (before, after) = ("é".repeat(60), "x".repeat(80));
    check(
        &format!("{before}a{after}"),
        &format!("{before}b{after}"),
        &format!(
            "it has `…{0}a{1}…`, this host `…{0}b{1}…`",
            "é".repeat(24),
            "x".repeat(63)
        ),
    );
}

/// A29: who can ask over HTTP says whom.
#[test]
fn who_imports_outgoing_http_asks_for_a_host() {
    let grants = |words: &str| -> GrantSet {
        let words = words.split_whitespace().map(str::parse::<AnyGrant>);
        words.map(Result::unwrap).collect()
    };
    let outgoing = "wasi:http/outgoing-handler@0.2.6";
    for (import, asked, good) in [
        (outgoing, "http:a.test", true),
        (outgoing, "working:read", false),
        ("wasi:http/types@0.2.6", "working:read", true),
        ("wasi:clocks/wall-clock@0.2.6", "", true),
    ] {
        let got = check_asked(&[import.to_owned()], &grants(asked));
        assert_eq!(got.is_ok(), good, "{import} {asked}");
        let told = got.map_or_else(|error| error.to_string(), |()| String::new());
        assert!(
            good || told.contains(import) && told.contains("http:HOST"),
            "{told}"
        );
    }
}
