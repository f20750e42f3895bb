//! JavaScript: `QuickJS` made into a component by `build.js` of the SDK, which npm installs from the files
//! that are written into the project.

use std::path::Path;
use std::process::Command;

use crate::cli::failure::{Failure, Result};

use super::contract::with_contract;
use super::driver::{self, Words};
use super::{BuildOptions, File, Product, Spec};

/// The SDK as a package in the project, tests left out.
macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        with_contract!(
            "vendor/warren-agent/wit",
            $((
                concat!("vendor/warren-agent/", $file),
                include_str!(concat!("../../../../guest-sdk/javascript/", $file)),
            )),*
        )
    };
}

pub(super) const SDK: &[File] = sdk![
    "package.json",
    "README.md",
    "build.js",
    "index.d.ts",
    "testing.d.ts",
    "src/agent.js",
    "src/component.js",
    "src/context.js",
    "src/errors.js",
    "src/event.js",
    "src/globals.js",
    "src/grants.js",
    "src/index.js",
    "src/json.js",
    "src/stack.js",
    "src/testing.js",
    "src/testing/fake.js",
    "src/testing/memory.js",
    "src/testing/registry.js",
    "src/testing/world.js",
];

pub(super) const SPEC: Spec = Spec {
    marker: "package.json",
    project: &[
        (
            "package.json",
            include_str!("javascript/project/package.json.in"),
        ),
        (
            "src/agent.js",
            include_str!("javascript/project/agent.js.in"),
        ),
        (
            "test/agent.test.js",
            include_str!("javascript/project/agent.test.js.in"),
        ),
        ("README.md", include_str!("javascript/project/README.md.in")),
        (".gitignore", GITIGNORE),
    ],
    sdk: SDK,
    dependency: None,
    first_steps: &["npm install", "npm test"],
    build,
};

pub(super) const GITIGNORE: &str = "/node_modules\n/dist\n/.warren\n";

/// Where npm puts the SDK, from the files in the project or from elsewhere.
const SCRIPT: &str = "node_modules/warren-agent/build.js";

pub(super) fn build(dir: &Path, options: &BuildOptions<'_>) -> Result<Product> {
    let dir = driver::whole(dir)?;
    let install = format!("npm install --prefix {}", dir.display());
    let script = dir.join(SCRIPT);
    if !script.is_file() {
        let message = format!("the packages of {} are not installed", dir.display());
        return Err(Failure::new(message).hint(format!("run `{install}`")));
    }
    let words = Words {
        compiler: "QuickJS",
        no_program: "install Node.js 20 or newer, from https://nodejs.org or as `apt-get install nodejs npm`",
        install: &install,
    };
    let mut node = Command::new("node");
    node.current_dir(&dir).arg(script).arg(&dir);
    driver::run(&mut node, &dir, &words, options.context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sdk_is_written_into_projects() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/javascript");
        for dir in [".", "src", "src/testing"] {
            for entry in root.join(dir).read_dir().unwrap() {
                let path = entry.unwrap().path();
                let file = path.strip_prefix(&root).unwrap();
                let file = file.to_string_lossy().replace("./", "");
                let passed_over = path.is_dir() || file == "package-lock.json";
                let there = SDK.iter().any(|(to, _)| to.ends_with(&format!("/{file}")));
                assert!(there || passed_over, "{file} is missing in `SDK`");
            }
        }
    }
}
