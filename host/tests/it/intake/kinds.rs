//! Uploads that are no component: other files, core modules of all sorts, and bytes that were damaged.

use super::{Desk, guest};

#[tokio::test]
async fn files_that_are_not_webassembly() {
    let desk = Desk::new();
    let elf =
        std::fs::read("/proc/self/exe").map_or(b"\x7fELF".to_vec(), |exe| exe[..4096].to_vec());
    let check = async |upload: &[u8], expect: &str| desk.refuse(upload, expect).await;
    check(b"", "this is an empty file").await;
    check(&elf, "this is an ELF program").await;
    check(b"(component)", "this is WebAssembly text").await;
    check(b"PK\x03\x04 and more", "this is a zip archive").await;
    check(b"\x1f\x8b\x08 and more", "this is a gzip archive").await;
    check(b"fn main() {}", "this is a text file").await;
    check(b"\0asm\x0d\0\x01\0\x01", "not valid: unexpected end").await;
}

#[tokio::test]
async fn machine_code_that_this_very_host_made() {
    let desk = Desk::new();
    let upload = guest::module(guest::MANIFEST, "");
    let accepted = desk.accept(&upload).await.unwrap();
    let path = format!("components/{}/artifact.cwasm", accepted.digest.hex());
    let artifact = std::fs::read(desk.dir.path().join(path)).unwrap();
    let words = desk.accept(&artifact).await.unwrap_err().to_string();
    assert!(
        words.contains("a precompiled component (`.cwasm`), which is never accepted"),
        "{words}"
    );
}

#[tokio::test]
async fn core_modules() {
    let desk = Desk::new();
    let half = guest::text(guest::MANIFEST, "").replace("\"handle\"", "\"hande\"");
    desk.refuse(
        &wat::parse_str(half).unwrap(),
        "this is a core module without component metadata, and it does not export `describe` and `handle`: build it",
    )
    .await;
    let command = guest::module(guest::MANIFEST, r#"(func (export "_start"))"#);
    desk.refuse(&command, "this is a WASI command (it exports `_start`)")
        .await;
    let undefined = guest::module(
        guest::MANIFEST,
        r#"(import "env" "malloc" (func)) (import "env" "free" (func))"#,
    );
    desk.refuse(
        &undefined,
        "it imports `env` `malloc`, `env` `free`, which no WIT interface provides: symbols that were left undefined",
    )
    .await;
    let unstable = guest::module(
        guest::MANIFEST,
        r#"(import "wasi_unstable" "proc_exit" (func (param i32)))"#,
    );
    desk.refuse(
        &unstable,
        "it imports `wasi_unstable`, which came before `wasi_snapshot_preview1`",
    )
    .await;
    let unknown = guest::module(
        guest::MANIFEST,
        r#"(import "warren:agent/nowhere@0.1.0" "f" (func))"#,
    );
    desk.refuse(&unknown, "no component can be made of this core module: ")
        .await;
    let missing = guest::module(
        guest::MANIFEST,
        r#"(import "wasi_snapshot_preview1" "no_such_function" (func))"#,
    );
    desk.refuse(&missing, "no_such_function").await;
}

#[tokio::test]
async fn a_module_without_metadata_is_an_agent_by_its_exports() {
    let desk = Desk::new();
    let stranger = guest::text(guest::MANIFEST, r#"(import "env" "malloc" (func))"#);
    desk.refuse(
        &wat::parse_str(stranger).unwrap(),
        "it imports `env` `malloc`, which no WIT interface provides",
    )
    .await;
    let other = guest::text(
        guest::MANIFEST,
        r#"(import "warren:agent/log@0.9.0" "log" (func))"#,
    );
    desk.refuse(
        &wat::parse_str(other).unwrap(),
        "no component can be made of this core module: ",
    )
    .await;
    let bare = wat::parse_str(guest::text(guest::MANIFEST, "")).unwrap();
    let accepted = desk.accept(&bare).await.unwrap();
    assert_eq!(accepted.manifest.name.as_str(), "tiny");
}

#[tokio::test]
async fn a_module_that_uses_wasi_preview_1() {
    let desk = Desk::new();
    let upload = guest::module(
        guest::MANIFEST,
        r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
           (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "environ_get" (func (param i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "path_open"
               (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))"#,
    );
    let accepted = desk.accept(&upload).await.unwrap();
    assert_eq!(accepted.manifest.name.as_str(), "tiny");
    let wasi = accepted
        .imports
        .iter()
        .filter(|name| name.starts_with("wasi:"));
    assert!(wasi.count() > 5, "{:?}", accepted.imports);
}

#[tokio::test]
async fn agents_that_describe_themselves_badly() {
    let desk = Desk::new();
    let check = async |manifest: &str, expect: &str| {
        desk.refuse(&guest::module(manifest, ""), expect).await;
    };
    check("not json", "manifest: ").await;
    check(
        r#"{"name":"Tiny","kind":"agent"}"#,
        "agent name: `Tiny` is not a name",
    )
    .await;
    check(
        r#"{"name":"tiny","kind":"wizard"}"#,
        "unknown variant `wizard`",
    )
    .await;
    check(
        r#"{"name":"tiny","kind":"agent","settings":{"concurrency":0}}"#,
        "manifest.settings.concurrency: 0 is not between 1 and 256",
    )
    .await;
    let module = wat::parse_str(
        guest::text(guest::MANIFEST, "")
            .replace("(result i32) i32.const 0)", "(result i32) unreachable)"),
    );
    let mut trapping = module.unwrap();
    let (resolve, world) = guest::world_with(&[]);
    wit_component::embed_component_metadata(
        &mut trapping,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .unwrap();
    desk.refuse(&trapping, "describe: ").await;
}

#[tokio::test]
async fn damaged_uploads_end_in_words() {
    let desk = Desk::new();
    let whole = guest::component(&guest::module(guest::MANIFEST, ""));
    let mut random = fastrand::Rng::with_seed(0xda_7a);
    // Each that is still valid costs a child, so that these are few; the parser's own test has thousands.
    for _ in 0..150 {
        let mut upload = whole.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(8..upload.len());
            upload[at] ^= 1 << random.u8(0..8);
        }
        upload.truncate(random.usize(8..=upload.len()));
        if let Err(error) = desk.accept(&upload).await {
            let words = error.to_string();
            assert!(!words.contains("internal error"), "{words}");
        }
    }
    desk.accept(&whole).await.unwrap();
}
