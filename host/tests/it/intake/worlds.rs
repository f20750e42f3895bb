//! Imports and exports: what fits the worlds that are linked, and in which words the rest is refused.

use super::{Desk, guest};
use crate::guests;

/// A component of a world that is the contract with something replaced.
fn of_changed(replace: &[(&str, &str)]) -> Vec<u8> {
    let module = guest::module_of(&guest::world_with(replace), guest::MANIFEST, "");
    guest::component(&module)
}

/// A component as text that imports `import` and exports an agent that is never asked anything.
fn importing(import: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {import})")).unwrap()
}

#[tokio::test]
async fn interfaces_that_there_are_not() {
    let desk = Desk::new();
    let there = "there are warren:agent/{clock, context, episodes, events, knowledge, log, procedures, random, \
                 registry, types, working}@0.1.0";
    for name in [
        "warren:agent/plans@0.1.0",
        "example:shop/cart@1.2.3",
        "wasi:keyvalue/store@0.2.0",
    ] {
        let upload = importing(&format!("(import \"{name}\" (instance))"));
        desk.refuse(
            &upload,
            &format!("it imports `{name}`, which this host does not have; {there}"),
        )
        .await;
    }
    let upload = importing(r#"(import "fetch" (func (param "url" string)))"#);
    desk.refuse(
        &upload,
        "it imports `fetch`, which belongs to no interface; there are",
    )
    .await;
    let upload = importing(r#"(import "m" (core module))"#);
    desk.refuse(&upload, "it imports `m`, which belongs to no interface")
        .await;
}

#[tokio::test]
async fn interfaces_of_another_version() {
    let desk = Desk::new();
    let check = async |name: &str, expect: &str| {
        let upload = importing(&format!("(import \"{name}\" (instance))"));
        desk.refuse(&upload, expect).await;
    };
    check(
        "warren:agent/events@0.2.0",
        "it imports `warren:agent/events@0.2.0`, and this host has `warren:agent/events@0.1.0`: build it against \
         WIT of version 0.1.x",
    )
    .await;
    check("warren:agent/events@1.0.0", "`warren:agent/events@0.1.0`").await;
    check(
        "warren:agent/events",
        "it imports `warren:agent/events` without a version; this host has version 0.1.0",
    )
    .await;
    check(
        "wasi:clocks/monotonic-clock@0.3.0",
        "this host has `wasi:clocks/monotonic-clock@0.2.0`: build it against WIT of version 0.2.x",
    )
    .await;
}

#[tokio::test]
async fn interfaces_that_take_a_grant_or_that_nothing_gives() {
    let desk = Desk::new();
    let http = desk.accept(&guests::bytes("asker")).await.unwrap();
    let outgoing = |import: &String| import.starts_with("wasi:http/outgoing-handler@");
    assert!(http.imports.iter().any(outgoing), "{:?}", http.imports);
    assert_eq!(http.manifest.grants.http().len(), 2, "it says whom it asks");
    let desk = Desk::new();
    let sockets = importing(r#"(import "wasi:sockets/tcp@0.2.6" (instance))"#);
    desk.refuse(
        &sockets,
        "agents have no sockets and no grant gives them any",
    )
    .await;
}

#[tokio::test]
async fn functions_that_the_contract_does_not_have() {
    let desk = Desk::new();
    let upload = importing(
        r#"(import "warren:agent/clock@0.1.7" (instance (export "nanoseconds" (func (result u32)))))"#,
    );
    desk.refuse(
        &upload,
        "it imports `nanoseconds` of `warren:agent/clock@0.1.7`, which `warren:agent/clock@0.1.0` of this host does \
         not have",
    )
    .await;
    let upload = importing(
        r#"(import "warren:agent/clock@0.1.0" (instance (export "elapsed-ms" (func (result u64)))))"#,
    );
    desk.refuse(
        &upload,
        "it imports `elapsed-ms` of `warren:agent/clock@0.1.0` with another signature: it has `func() -> u64`, this \
         host `func() -> u32`",
    )
    .await;
}

#[tokio::test]
async fn exports_that_are_missing_or_different() {
    let desk = Desk::new();
    let empty = wat::parse_str("(component)").unwrap();
    desk.refuse(
        &empty,
        "it does not export `describe`, which the world `warren:agent/agent@0.1.0` wants; it exports nothing",
    )
    .await;
    let only = wat::parse_str(
        r#"(component
            (core module $m (memory (export "m") 1) (func (export "d") (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func (export "describe") (result string)
                (canon lift (core func $i "d") (memory $i "m"))))"#,
    )
    .unwrap();
    desk.refuse(&only, "it does not export `handle`, which the world `warren:agent/agent@0.1.0` wants; it exports `describe`")
        .await;
    let narrower = of_changed(&[("        source: string,\n", "")]);
    desk.refuse(
        &narrower,
        "its export `handle` has another signature than in the world `warren:agent/agent@0.1.0`: it has",
    )
    .await;
    let named = wat::parse_str(r#"(component (instance (export "describe")))"#).unwrap();
    desk.refuse(&named, "its export `describe` is not a function")
        .await;
}

#[tokio::test]
async fn a_wasi_command() {
    let desk = Desk::new();
    let command = wat::parse_str(
        r#"(component
            (core module $m (func (export "run") (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance (export "wasi:cli/run@0.2.6") (export "run" (func $run))))"#,
    )
    .unwrap();
    desk.refuse(
        &command,
        "it is a WASI command (it exports `wasi:cli/run`), which runs once and exits",
    )
    .await;
}

#[tokio::test]
async fn a_later_patch_of_the_same_contract_and_extra_exports() {
    let desk = Desk::new();
    // Built against 0.1.9, which has a function more that this guest does not import.
    let world = guest::world_with(&[
        ("package warren:agent@0.1.0;", "package warren:agent@0.1.9;"),
        (
            "elapsed-ms: func() -> u32;",
            "elapsed-ms: func() -> u32;\n @since(version = 0.1.0) elapsed-us: func() -> u32;",
        ),
        (
            "export describe: func() -> json;",
            "export describe: func() -> json;\n export also: func() -> u32;",
        ),
    ]);
    let more = r#"(import "warren:agent/clock@0.1.9" "elapsed-ms" (func (result i32)))
        (func (export "also") (result i32) i32.const 1)"#;
    let later = guest::component(&guest::module_of(&world, guest::MANIFEST, more));
    let accepted = desk.accept(&later).await.unwrap();
    assert_eq!(accepted.manifest.name.as_str(), "tiny");
    assert_eq!(
        accepted.imports,
        ["warren:agent/types@0.1.9", "warren:agent/clock@0.1.9"]
    );
}
