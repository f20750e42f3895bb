//! Python: `CPython` made into a component by componentize-py, which `warren_agent/build.py` drives.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::failure::{Failure, Result};

use super::contract::with_contract;
use super::driver::{self, Words};
use super::{BuildOptions, File, Product, Spec};

/// The SDK as a package in the project.
macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        with_contract!(
            "warren_agent/wit",
            $((
                concat!("warren_agent/", $file),
                include_str!(concat!("../../../../guest-sdk/python/warren_agent/", $file)),
            )),*
        )
    };
}

const SDK: &[File] = sdk![
    "__init__.py",
    "agent.py",
    "build.py",
    "component.py",
    "context.py",
    "errors.py",
    "event.py",
    "grants.py",
    "host.py",
    "memory.py",
    "payload.py",
    "process.py",
    "py.typed",
    "testing/__init__.py",
    "testing/fake.py",
    "testing/memory.py",
    "testing/registry.py",
    "testing/world.py",
];

pub(super) const SPEC: Spec = Spec {
    marker: "pyproject.toml",
    project: &[
        (
            "pyproject.toml",
            include_str!("python/project/pyproject.toml.in"),
        ),
        ("agent.py", include_str!("python/project/agent.py.in")),
        (
            "test_agent.py",
            include_str!("python/project/test_agent.py.in"),
        ),
        ("README.md", include_str!("python/project/README.md.in")),
        (".gitignore", include_str!("python/project/gitignore.in")),
    ],
    sdk: SDK,
    dependency: None,
    first_steps: &["python3 -m unittest", INSTALL],
    build,
};

/// Installs the compiler, in the version that the SDK was tried with.
const INSTALL: &str = "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1";

fn build(dir: &Path, options: &BuildOptions<'_>) -> Result<Product> {
    let dir = driver::whole(dir)?;
    if !dir.join("warren_agent/build.py").is_file() {
        let message = format!("{} holds no SDK: it has no warren_agent/", dir.display());
        return Err(Failure::usage(message)
            .hint("`warren new NAME --lang python` writes it; copy it from there"));
    }
    let shown = dir.display();
    let words = Words {
        compiler: "componentize-py",
        no_program: "install Python 3.10 or newer, from https://www.python.org or as `apt-get install python3-venv`",
        install: &format!("cd {shown} && {INSTALL}"),
    };
    let mut python = Command::new(interpreter(
        &dir,
        env::var_os("VIRTUAL_ENV").map(PathBuf::from),
    ));
    python
        .current_dir(&dir)
        .args(["-m", "warren_agent.build"])
        .arg(&dir);
    driver::run(&mut python, &dir, &words, options.context)
}

/// The project's Python, else that of the environment that is active, else the machine's.
fn interpreter(dir: &Path, active: Option<PathBuf>) -> PathBuf {
    let environments = [Some(dir.join(".venv")), active];
    let mut found = environments
        .into_iter()
        .flatten()
        .map(|environment| environment.join("bin/python"));
    found
        .find(|python| python.is_file())
        .unwrap_or_else(|| PathBuf::from("python3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sdk_is_written_into_projects() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/python/warren_agent");
        for dir in [".", "testing"] {
            for entry in root.join(dir).read_dir().unwrap() {
                let path = entry.unwrap().path();
                let file = path.strip_prefix(&root).unwrap();
                let file = file.to_string_lossy().replace("./", "");
                let there = SDK
                    .iter()
                    .any(|(to, _)| *to == format!("warren_agent/{file}"));
                assert!(there || path.is_dir(), "{file} is missing in `SDK`");
            }
        }
    }

    #[test]
    fn the_projects_own_python_comes_first() {
        let (project, active) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let find = || interpreter(project.path(), Some(active.path().to_path_buf()));
        assert_eq!(find(), PathBuf::from("python3"));
        for environment in [active.path().to_path_buf(), project.path().join(".venv")] {
            let python = environment.join("bin/python");
            std::fs::create_dir_all(python.parent().unwrap()).unwrap();
            std::fs::write(&python, "").unwrap();
            assert_eq!(find(), python);
        }
    }
}
