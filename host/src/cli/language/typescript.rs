//! TypeScript: as JavaScript, with types that `tsc` checks and esbuild takes away.

use super::Spec;
use super::javascript::{self, GITIGNORE};

pub(super) const SPEC: Spec = Spec {
    marker: "package.json",
    project: &[
        (
            "package.json",
            include_str!("typescript/project/package.json.in"),
        ),
        (
            "tsconfig.json",
            include_str!("typescript/project/tsconfig.json.in"),
        ),
        (
            "src/agent.ts",
            include_str!("typescript/project/agent.ts.in"),
        ),
        (
            "test/agent.test.ts",
            include_str!("typescript/project/agent.test.ts.in"),
        ),
        ("README.md", include_str!("typescript/project/README.md.in")),
        (".gitignore", GITIGNORE),
    ],
    sdk: javascript::SDK,
    dependency: None,
    first_steps: &["npm install", "npm test"],
    build: javascript::build,
};
