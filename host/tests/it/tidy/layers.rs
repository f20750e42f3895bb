//! Which module of the host may use which, and which may name a foreign crate.
//!
//! Invariant: without cycles, as a module uses only rows above its own. A new entry is a commit with its reason.

use super::source::SourceFile;
use super::uses::{names_crate, uses};

/// From the ground up: a module, and the modules it may use. `base` and `domain` stand for the rows of those groups.
/// `store` wakes whoever waits on the `bus` trait after a commit; which bus that is stays with `ADAPTERS`.
/// `registry` ranks what it finds with the vectors of `memory`.
/// `app` is what the HTTP side is handed by whoever assembles the host, so it sees traits and no adapters.
const LAYERS: &str = "
    error:
    clock:      error
    crash:
    id:         error
    quota:      error clock id
    identity:   error clock id quota

    events:     base
    memory:     base events
    registry:   base events memory
    plans:      base events
    policy:     base events registry
    models:     base events
    usage:      base events
    secrets:    base events registry
    turn:       base domain
    telemetry:  base domain turn

    embedders:  base domain
    bus:        base domain turn telemetry
    store:      base domain turn telemetry bus
    egress:     base domain turn telemetry
    sandbox:    base domain turn telemetry egress
    dispatch:   base domain turn telemetry bus sandbox
    app:        base domain turn telemetry bus sandbox dispatch
    api:        base domain turn telemetry bus sandbox dispatch app
    host:       base domain turn telemetry embedders egress bus sandbox dispatch api app store
    config:     base domain turn telemetry embedders egress bus sandbox dispatch api app store host
    cli:        base domain turn telemetry embedders egress bus sandbox dispatch api app store host config
";

/// What everything may stand on.
const BASE: &str = "error clock crash id quota identity";
/// What the host does, without how: no HTTP, no SQL, no messenger, no engine.
const DOMAIN: &str = "events registry memory plans policy models usage secrets";

/// Parts of a module that only the assembly names, by path; the first row that fits holds. `config` has the store's
/// settings in its own, and `cli` asks the store for the version of its library and whether a directory is free:
/// `doctor` does so without a host.
const ADAPTERS: &[(&str, &[&str])] = &[
    (
        "store::sqlite::SqliteSettings",
        &["store", "host", "config"],
    ),
    ("store::sqlite::DataDir", &["store", "host", "cli"]),
    ("store::sqlite::SqliteStore", &["store", "host", "cli"]),
    ("store::sqlite", &["store", "host"]),
    ("bus::local", &["bus", "host"]),
    ("bus::nats", &["bus", "host"]),
];

/// Foreign crates that mark a module's job, and the modules whose job it is.
const CRATES: &[(&str, &[&str])] = &[
    ("axum", &["api"]),
    ("ureq", &["cli", "embedders", "host"]),
    ("rusqlite", &["store"]),
    ("sqlx", &["store"]),
    ("async_nats", &["bus"]),
    ("wasmtime", &["sandbox"]),
];

/// Uses that are not in the tables.
pub(super) fn check(file: &SourceFile) -> Vec<String> {
    let rows = rows();
    let module = module_of(&file.path).filter(|_| !file.is_test());
    let Some(row) = rows.iter().find(|row| Some(row.module) == module) else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for (line, used) in uses(file) {
        let fault = unlisted(&used, row, &rows).or_else(|| foreign_adapter(&used, row.module));
        faults.extend(fault.map(|fault| format!("{}:{line}: {fault}", file.path)));
    }
    for (line, code) in file.code() {
        let fault = foreign_crate(code, row.module);
        faults.extend(fault.map(|fault| format!("{}:{line}: {fault}", file.path)));
    }
    faults
}

/// A module without a row.
pub(super) fn check_listed(file: &SourceFile) -> Option<String> {
    let module = module_of(&file.path)?;
    let listed = rows().iter().any(|row| row.module == module);
    (!listed).then(|| {
        format!(
            "{}: give `{module}` a row in tidy/layers.rs that says what it may use",
            file.path
        )
    })
}

/// `host/src/turn/record.rs` → `turn`. The two crate roots only list modules.
fn module_of(path: &str) -> Option<&str> {
    let module = path.strip_prefix("host/src/")?.split('/').next()?;
    let module = module.strip_suffix(".rs").unwrap_or(module);
    (!["lib", "main"].contains(&module)).then_some(module)
}

struct Row {
    module: &'static str,
    may_use: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let words = |text: &'static str| text.split_whitespace();
    let group = |word: &'static str| match word {
        "base" => words(BASE).collect(),
        "domain" => words(DOMAIN).collect(),
        module => vec![module],
    };
    let lines = LAYERS
        .lines()
        .filter_map(|line| line.trim().split_once(':'));
    lines
        .map(|(module, used)| Row {
            module,
            may_use: words(used).flat_map(group).collect(),
        })
        .collect()
}

fn unlisted(used: &str, row: &Row, rows: &[Row]) -> Option<String> {
    let root = used.split("::").next().unwrap_or_default();
    let module = row.module;
    let layered = rows.iter().any(|row| row.module == root);
    (layered && root != module && !row.may_use.contains(&root)).then(|| {
        format!(
            "`{module}` must not use `{root}`: \
             let `{root}` implement a trait of `{module}`, or move the code up"
        )
    })
}

fn foreign_adapter(used: &str, module: &str) -> Option<String> {
    let under = |adapter: &str| {
        used.strip_prefix(adapter)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let (adapter, may) = ADAPTERS.iter().find(|(adapter, _)| under(adapter))?;
    (!may.contains(&module)).then(|| {
        format!(
            "only {} may name `{adapter}`: take its trait",
            may.join(", ")
        )
    })
}

fn foreign_crate(code: &str, module: &str) -> Option<String> {
    let (name, may) = CRATES.iter().find(|(name, _)| names_crate(code, name))?;
    (!may.contains(&module)).then(|| {
        format!(
            "`{module}` must not name `{name}`, only {}: put it behind a trait",
            may.join(", ")
        )
    })
}

#[test]
fn rows_stand_on_rows_above_them() {
    let rows = rows();
    for (index, row) in rows.iter().enumerate() {
        for used in &row.may_use {
            let above = rows.iter().take(index).any(|above| above.module == *used);
            assert!(
                above,
                "`{}` uses `{used}`, which is not above it",
                row.module
            );
        }
    }
}

/// Each of the faults of a file of this text holds these words.
fn finds(path: &str, text: &str, expect: &[&str]) {
    let file = SourceFile {
        path: path.into(),
        text: text.into(),
    };
    let faults = check(&file);
    assert_eq!(faults.len(), expect.len(), "{path}: {text}: {faults:?}");
    for (fault, words) in faults.iter().zip(expect) {
        assert!(fault.contains(words), "{fault}");
    }
}

#[test]
fn uses_out_of_order_are_found() {
    finds(
        "host/src/turn.rs",
        "use crate::events::{Event, NewEvent};\n",
        &[],
    );
    finds(
        "host/src/events.rs",
        "use crate::turn::Delivery;\n",
        &["events.rs:1: `events` must not use `turn`"],
    );
    finds(
        "host/src/events/a.rs",
        "use crate::{\n    error::Error,\n    api::{self, App},\n};\n",
        &["`api`", "`api`"],
    );
    finds(
        "host/src/api/a.rs",
        "fn a() { crate::store::open() }\n",
        &["`store`"],
    );
    finds(
        "host/src/memory.rs",
        "use rusqlite::Row;\n",
        &["must not name `rusqlite`"],
    );
    finds(
        "host/src/dispatch.rs",
        "fn a() -> wasmtime_wasi::A {}\n",
        &["must not name `wasmtime`"],
    );
    finds("host/src/sandbox.rs", "use wasmtime::Engine;\n", &[]);
    finds(
        "host/src/memory.rs",
        "// crate::api and rusqlite::Row\nlet axum = 1;\n",
        &[],
    );
    finds(
        "host/src/memory.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::store::Fake;\n}\n",
        &[],
    );
    finds("host/src/lib.rs", "pub use crate::api::App;\n", &[]);
    finds("host/tests/it/a.rs", "use crate::api;\n", &[]);
}

/// Adapters are named where a host is put together, and for their settings and their look at a directory.
#[test]
fn adapters_out_of_place_are_found() {
    finds(
        "host/src/host.rs",
        "use crate::store::sqlite::Store;\nuse crate::bus::local::LocalBus;\n",
        &[],
    );
    finds(
        "host/src/dispatch.rs",
        "use crate::bus::local::LocalBus;\n",
        &["may name `bus::local`"],
    );
    finds(
        "host/src/config.rs",
        "use crate::store::sqlite::{SqliteSettings, DataDir};\n",
        &["may name `store::sqlite::DataDir`"],
    );
    finds(
        "host/src/cli/a.rs",
        "use crate::store::sqlite::DataDir;\nuse axum::Router;\n",
        &["must not name `axum`"],
    );
    finds(
        "host/src/cli/a.rs",
        "use crate::store::sqlite::connect;\n",
        &["may name `store::sqlite`"],
    );
    finds(
        "host/src/dispatch.rs",
        "use crate::bus::{Bus, nats};\n",
        &["`bus::nats`"],
    );
}

#[test]
fn a_module_without_a_row_is_found() {
    let file = |path: &str| SourceFile {
        path: path.into(),
        text: String::new(),
    };
    assert!(
        check_listed(&file("host/src/misc/a.rs")).is_some_and(|fault| fault.contains("`misc`"))
    );
    assert_eq!(check_listed(&file("host/src/turn/a.rs")), None);
    assert_eq!(check_listed(&file("host/src/main.rs")), None);
}
