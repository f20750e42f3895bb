//! Each limit at its value and one past it, the bombs that made them, and bytes that mean nothing.

use std::fmt::Write as _;

use wasmtime::WasmFeatures;

use super::*;
use crate::sandbox::engine;

mod bombs;

/// A limit, text with as much of it as is asked for, and what the error says besides limit and values.
struct Fixture {
    set: fn(&mut IntakeLimits, u64),
    name: &'static str,
    /// At the limit.
    fits: u64,
    text: fn(u64) -> String,
    place: &'static str,
}

fn repeat(n: u64, text: impl Fn(u64) -> String) -> String {
    (0..n).map(text).collect()
}

fn module(fields: &str) -> String {
    format!("(component (core module {fields}))")
}

macro_rules! fixture {
    ($name:ident at $fits:literal $place:literal $text:expr) => {
        Fixture {
            set: |limits, max| limits.$name = max,
            name: stringify!($name),
            fits: $fits,
            text: $text,
            place: $place,
        }
    };
}

/// One for each limit.
const FIXTURES: &[Fixture] = &[
    fixture!(modules_max at 3 "" |n| format!("(component {})", repeat(n, |_| "(core module)".into()))),
    fixture!(components_max at 3 "" |n| format!("(component {})", repeat(n, |_| "(component)".into()))),
    fixture!(component_depth_max at 2 "" |n| {
        format!("{}{}", "(component ".repeat(n as usize + 1), ")".repeat(n as usize + 1))
    }),
    fixture!(instances_max at 3 "" |n| {
        let instances = repeat(n, |_| "(core instance (instantiate $m))".into());
        format!("(component (core module $m) {instances})")
    }),
    fixture!(functions_max at 3 " in core module 0" |n| module(&repeat(n, |_| "(func)".into()))),
    fixture!(body_bytes_max at 30 " in function 1 of core module 0" |n| {
        module(&format!("(func) (func {})", repeat(n - 2, |_| "nop ".into())))
    }),
    fixture!(locals_max at 5 " in function 1 of core module 0" |n| {
        let mixed = repeat(n - 1, |_| "i32 ".into());
        module(&format!("(import \"a\" \"b\" (func)) (func (local i64 {mixed}))"))
    }),
    fixture!(locals_sum_max at 6 "" |n| {
        module(&repeat(n / 2, |i| format!("(func (local i32 {}))", if i == 0 && n % 2 == 1 { "i32 i32" } else { "i32" })))
    }),
    fixture!(params_results_max at 4 " in core module 0" |n| {
        module(&format!("(type (func (param {}) (result i32 i32)))", repeat(n - 2, |_| "i32 ".into())))
    }),
    fixture!(types_max at 4 " in core module 1" |n| {
        let types = repeat(n - 1, |_| "(type (func))".into());
        format!("(component (core module (type (func))) (core module {types}))")
    }),
    fixture!(nesting_max at 4 " in function 0 of core module 0" |n| {
        let (open, close) = ("block ".repeat(n as usize), "end ".repeat(n as usize));
        module(&format!("(func {open} {close} block end)"))
    }),
    fixture!(loops_max at 4 " in function 1 of core module 0" |n| {
        module(&format!("(func loop end) (func {})", repeat(n, |_| "loop end ".into())))
    }),
    fixture!(branch_values_max at 12 " in function 0 of core module 0" |n| {
        // Two values to each of the targets, and to the default.
        let targets = repeat(n / 2, |_| "0 ".into());
        let odd = if n % 2 == 1 { "(block (result i32) (br_table 0 (i32.const 0) (i32.const 0))) drop" } else { "" };
        module(&format!(
            "(func (result i32 i32) {odd} (block (result i32 i32) (br_table {targets} (i32.const 1) (i32.const 2) (i32.const 0))))"
        ))
    }),
    fixture!(data_segments_max at 3 " in core module 0" |n| {
        module(&format!("(memory 1) {}", repeat(n, |_| "(data \"x\")".into())))
    }),
    fixture!(initial_segments_max at 3 " in core module 0" |n| {
        module(&format!("(memory 1) {}", repeat(n, |_| "(data (i32.const 0) \"x\")".into())))
    }),
    fixture!(data_bytes_max at 7 " in core module 0" |n| {
        module(&format!("(memory 1) (data \"x\") (data \"{}\")", "y".repeat(n as usize - 1)))
    }),
    fixture!(element_segments_max at 3 " in core module 0" |n| {
        module(&format!("(func $f) {}", repeat(n, |_| "(elem func $f)".into())))
    }),
    fixture!(elements_max at 5 " in core module 0" |n| {
        let items = "(ref.func $f) ".repeat(n as usize - 1);
        module(&format!("(func $f) (elem func $f) (elem funcref {items})"))
    }),
    fixture!(tables_max at 3 " in core module 0" |n| module(&repeat(n, |_| "(table 1 funcref)".into()))),
    fixture!(table_elements_max at 9 " in core module 0" |n| module(&format!("(table {n} funcref)"))),
    fixture!(memories_max at 2 " in core module 2" |n| {
        let modules = repeat(n, |_| "(core module (memory 0))".into());
        format!("(component {modules})")
    }),
    fixture!(globals_max at 3 " in core module 0" |n| module(&repeat(n, |_| "(global i32 (i32.const 0))".into()))),
    fixture!(imports_max at 3 " in core module 0" |n| module(&repeat(n, |i| format!("(import \"a\" \"{i}\" (func))")))),
    fixture!(exports_max at 3 " in core module 0" |n| {
        module(&format!("(func $f) {}", repeat(n, |i| format!("(export \"{i}\" (func $f))"))))
    }),
    fixture!(type_parts_max at 9 "" |n| {
        // A definition and its fields.
        let fields = repeat(n - 1, |i| format!("(field \"f{i}\" u8)"));
        format!("(component (type (record {fields})))")
    }),
    fixture!(type_depth_max at 4 "" |n| {
        let (open, close) = ("(type (instance ".repeat(n as usize), "))".repeat(n as usize));
        format!("(component {open} {close})")
    }),
    fixture!(component_items_max at 4 "" |n| {
        let aliases = repeat(n - 1, |i| format!("(alias export $i \"f{i}\" (func))"));
        let exports = repeat(n - 1, |i| format!("(export \"f{i}\" (func))"));
        format!("(component (import \"i\" (instance $i {exports})) {aliases})")
    }),
    fixture!(custom_bytes_max at 9 "" |n| {
        let bytes = "z".repeat(n as usize - 1);
        format!("(component (@custom \"a\" \"y\") (core module (@custom \"b\" \"{bytes}\")))")
    }),
];

#[test]
fn each_limit_holds_at_its_value_and_no_further() {
    for fixture in FIXTURES {
        let mut limits = IntakeLimits::default();
        (fixture.set)(&mut limits, fixture.fits);
        let parse = |n| wat::parse_str((fixture.text)(n)).unwrap_or_else(|e| panic!("{e}"));
        let fits = check(&parse(fixture.fits), &limits);
        assert!(fits.is_ok(), "{}: {:?}", fixture.name, fits.err());
        let (max, got) = (fixture.fits, fixture.fits + 1);
        let unit = limits
            .list()
            .into_iter()
            .find(|(name, ..)| *name == fixture.name)
            .map_or("", |(_, unit, _)| unit);
        let error = check(&parse(got), &limits).err().expect(fixture.name);
        assert_eq!(
            error.to_string(),
            format!(
                "component: the limit `intake.limits.{}` is {max} {unit}, got {got}{}",
                fixture.name, fixture.place
            )
        );
    }
}

#[test]
fn memory_is_summed_over_modules() {
    let limits = IntakeLimits {
        memory_bytes_max: 3 * PAGE_BYTES,
        ..IntakeLimits::default()
    };
    let text =
        |pages| format!("(component (core module (memory 1)) (core module (memory {pages})))");
    let measure = |pages| check(&wat::parse_str(text(pages)).expect("text"), &limits);
    assert!(measure(2).is_ok());
    let words = measure(3).err().expect("four pages").to_string();
    assert!(
        words.ends_with(
            "`intake.limits.memory_bytes_max` is 196608 bytes, got 262144 in core module 1"
        ),
        "{words}"
    );
    let words = measure(65_536).err().expect("four GiB").to_string();
    assert!(words.contains("memory_bytes_max"), "{words}");
}

#[test]
fn every_limit_has_a_fixture() {
    // Two that have tests of their own: size is `format`'s, and memory comes in pages.
    let elsewhere = ["upload_bytes_max", "memory_bytes_max"];
    let mut without: Vec<&str> = IntakeLimits::default()
        .list()
        .into_iter()
        .map(|(name, ..)| name)
        .filter(|name| !FIXTURES.iter().any(|fixture| fixture.name == *name))
        .collect();
    without.sort_unstable();
    let mut elsewhere = elsewhere.to_vec();
    elsewhere.sort_unstable();
    assert_eq!(without, elsewhere);
}

#[test]
fn what_is_sealed_off_stays_off() {
    let engine = engine::compile_engine()
        .expect("compiler")
        .get_wasm_features();
    // The library's own adapters between inner components use several memories; uploads must not.
    assert_eq!(engine, FEATURES | WasmFeatures::MULTI_MEMORY);
    let cases = [
        ("two memories", "(memory 0) (memory 0)"),
        ("memory64", "(memory i64 1)"),
        ("shared memory", "(memory 1 1 shared)"),
        ("tail calls", "(func $f return_call $f)"),
        ("garbage collection", "(type (struct))"),
        ("exceptions", "(tag)"),
    ];
    for (name, fields) in cases {
        let upload = wat::parse_str(module(fields)).expect(name);
        let words = check(&upload, &IntakeLimits::default())
            .err()
            .expect(name)
            .to_string();
        assert!(
            words.starts_with("component: not valid: "),
            "{name}: {words}"
        );
    }
}

#[test]
fn names_only_the_outermost_imports_and_exports() {
    let text = r#"(component
        (import "outer" (func $f))
        (component (import "inner" (func)) (export "inner-out" (func 0)))
        (export "out" (func $f)))"#;
    let upload = wat::parse_str(text).expect("text");
    let checked = check(&upload, &IntakeLimits::default()).expect("valid");
    assert_eq!(checked.imports, ["outer"]);
    assert_eq!(checked.exports, ["out"]);
}

#[test]
fn bytes_cut_or_flipped_never_panic() {
    let seed = 0x5eed;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut text =
        String::from("(component (core module $m (memory (export \"m\") 1) (table 3 funcref)");
    for i in 0..40 {
        let _ = write!(
            text,
            "(func (export \"f{i}\") (param i32) (result i32) (local i64 f32) loop (result i32)
                (br_if 0 (local.get 0)) (block (br_table 0 0 (i32.const 1))) (i32.const {i}) end)"
        );
    }
    text.push_str(
        r#") (core instance $i (instantiate $m))
           (type (record (field "a" string) (field "b" (list u8))))
           (type $t (instance (type (enum "x" "y")) (export "e" (type (eq 0)))))
           (import "a:b/c@1.0.0" (instance (type $t)))
           (alias core export $i "f0" (core func $f))
           (func (export "f") (param "x" u32) (result u32) (canon lift (core func $f))))"#,
    );
    let whole = wat::parse_str(&text).expect("text");
    let limits = IntakeLimits::default();
    check(&whole, &limits).expect("it is valid before it is damaged");
    for cut in 0..whole.len() {
        // Cut between two sections it may be valid, only poorer.
        let _ = check(&whole[..cut], &limits);
    }
    for _ in 0..4_000 {
        let mut damaged = whole.clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(8..damaged.len());
            damaged[at] ^= 1 << random.u8(0..8);
        }
        // Whether it is still valid is not the point.
        let _ = check(&damaged, &limits);
    }
}
