//! C: compiled by Zig's C compiler, which brings a C library along; the SDK's sources are written into the project.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cli::failure::{Failure, Result};

use super::driver::{self, Words};
use super::{BuildOptions, File, Product, Spec};

/// The SDK's files, its own tests left out.
macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        &[$((
            concat!("warren/", $file),
            include_str!(concat!("../../../../guest-sdk/c/", $file)),
        )),*]
    };
}

const SDK: &[File] = sdk![
    "README.md",
    "warren.h",
    "warren.c",
    "warren_test.h",
    "warren_test.c",
    "src/internal.h",
    "src/text.c",
    "src/json.c",
    "src/host.c",
    "src/memory.c",
    "src/registry.c",
    "src/agent.c",
    "bindings/agent.h",
    "bindings/agent.c",
];

pub(super) const SPEC: Spec = Spec {
    marker: "agent.c",
    project: &[
        ("agent.c", include_str!("c/project/agent.c.in")),
        ("agent_test.c", include_str!("c/project/agent_test.c.in")),
        (MAKEFILE, include_str!("c/project/Makefile.in")),
        ("README.md", include_str!("c/project/README.md.in")),
        (".gitignore", include_str!("c/project/gitignore.in")),
    ],
    sdk: SDK,
    dependency: None,
    first_steps: &["make test"],
    build,
};

const MAKEFILE: &str = "Makefile";
/// Where the agent goes; passed over by whoever watches the project.
const OUTPUT: &str = "dist";
/// How the compiler may be called: as a program of its own, or as the Python package.
const COMPILERS: [&[&str]; 3] = [
    &["zig"],
    &["python3", "-m", "ziglang"],
    &["python", "-m", "ziglang"],
];
const WORDS: Words<'_> = Words {
    compiler: "zig",
    no_program: "run `pip install ziglang`",
    install: "pip install ziglang",
};
/// As in the Makefile. Without a stack size the linker reserves 16 MiB, which every turn would have to clear.
const FLAGS: [&str; 10] = [
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-Os",
    "-flto",
    "-s",
    "-std=c11",
    "-Wall",
    "-Wno-missing-field-initializers",
    "-Wl,-z,stack-size=131072",
];

fn build(dir: &Path, options: &BuildOptions<'_>) -> Result<Product> {
    let dir = driver::whole(dir)?;
    let project = Project::read(&dir)?;
    let compiler = driver::first_that_runs(&COMPILERS, "version").ok_or_else(|| {
        Failure::new("the C compiler of Zig is missing: neither `zig` nor Python's package `ziglang` is there")
            .hint(format!("run `{}`", WORDS.install))
    })?;
    let output = dir.join(OUTPUT);
    std::fs::create_dir_all(&output).map_err(|error| Failure::file("make", &output, &error))?;
    let file = output.join(format!("{}.wasm", project.name));
    let mut zig = driver::command(compiler);
    zig.current_dir(&dir)
        .arg("cc")
        .args(FLAGS)
        .arg("-I")
        .arg(&project.sdk)
        .args(&project.sources)
        .arg(project.sdk.join("warren.c"))
        .arg("-o")
        .arg(&file);
    driver::compile(&mut zig, &dir, &WORDS, options.context)?;
    Ok(Product {
        name: project.name,
        file,
    })
}

/// What the Makefile says, and the sources there are.
#[derive(Debug, PartialEq, Eq)]
struct Project {
    name: String,
    sdk: PathBuf,
    sources: Vec<PathBuf>,
}

impl Project {
    fn read(dir: &Path) -> Result<Self> {
        let makefile = dir.join(MAKEFILE);
        let text = std::fs::read_to_string(&makefile).map_err(|error| {
            Failure::file("read", &makefile, &error)
                .hint("it says the agent's NAME and where the SDK is; `warren new` makes one")
        })?;
        let variable = |name: &str| {
            let value = text.lines().find_map(|line| {
                line.strip_prefix(name)?
                    .trim_start()
                    .trim_start_matches([':', '?'])
                    .strip_prefix('=')
            });
            value
                .map(str::trim)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| {
                    Failure::usage(format!("{} has no line `{name} = …`", makefile.display()))
                        .hint("copy it from a project that `warren new --lang c` makes")
                })
        };
        let sdk = dir.join(variable("SDK")?);
        if !sdk.join("warren.c").is_file() {
            return Err(Failure::usage(format!(
                "{} holds no SDK: it has no warren.c",
                sdk.display()
            ))
            .hint(format!(
                "put right the line `SDK = …` of {}",
                makefile.display()
            )));
        }
        Ok(Self {
            name: variable("NAME")?.to_owned(),
            sdk,
            sources: sources(dir)?,
        })
    }
}

/// The agent's sources, in order: a build must not depend on the directory's.
fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Failure::file("read", dir, &error);
    let mut sources = Vec::new();
    for entry in dir.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.extension() == Some(OsStr::new("c")) && !name.ends_with("_test.c") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn the_whole_sdk_is_written_into_projects() {
        driver::tests::check_sdk("guest-sdk/c", SDK);
    }

    #[test]
    fn the_flags_are_those_of_the_makefile() {
        let makefile = SPEC
            .project
            .iter()
            .find(|(file, _)| *file == MAKEFILE)
            .unwrap()
            .1;
        for flag in FLAGS {
            assert!(makefile.contains(flag), "{flag}");
        }
    }

    #[test]
    fn the_makefile_says_name_and_sdk() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
        let refused = || Project::read(dir.path()).unwrap_err();
        assert!(refused().to_string().contains("Makefile"));
        write("Makefile", "NAMES = x\nNAME := greeter \nSDK =\n");
        assert_eq!(refused().exit, Exit::Usage);
        write("Makefile", "NAME := greeter \nSDK = sdk\n");
        assert!(refused().to_string().contains("holds no SDK"));
        std::fs::create_dir(dir.path().join("sdk")).unwrap();
        for file in [
            "sdk/warren.c",
            "b.c",
            "agent.c",
            "agent_test.c",
            "notes.txt",
        ] {
            write(file, "");
        }
        let expect = Project {
            name: "greeter".into(),
            sdk: dir.path().join("sdk"),
            sources: vec![dir.path().join("agent.c"), dir.path().join("b.c")],
        };
        assert_eq!(Project::read(dir.path()).unwrap(), expect);
    }
}
