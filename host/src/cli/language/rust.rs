//! Rust: cargo, a WebAssembly target, and the SDK as a package.

use std::path::{Path, PathBuf};

use crate::cli::failure::{Failure, Result};

use super::{BuildOptions, Dependency, Product, Spec};

mod cargo;
mod toolchain;

/// The SDK of the checkout that this program was built from.
const SDK_OF_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/rust");
/// The SDK's name on the package site and in `Cargo.toml`.
const SDK_PACKAGE: &str = "warren-agent";

pub(super) const SPEC: Spec = Spec {
    marker: "Cargo.toml",
    project: &[
        ("Cargo.toml", include_str!("rust/project/Cargo.toml.in")),
        ("src/lib.rs", include_str!("rust/project/lib.rs.in")),
        ("README.md", include_str!("rust/project/README.md.in")),
        (".gitignore", include_str!("rust/project/gitignore.in")),
    ],
    sdk: &[],
    dependency: Some(|named| dependency(named, Path::new(SDK_OF_CHECKOUT))),
    first_steps: &["cargo test"],
    build,
};

fn build(dir: &Path, options: &BuildOptions<'_>) -> Result<Product> {
    let project = cargo::project(dir)?;
    let compiler = toolchain::find(&project)?;
    let progress = format!("Building {} with {}", project.name, compiler.describe());
    options.context.console.note(progress);
    let file = cargo::compile(&project, &compiler, options.profile)?;
    Ok(Product {
        name: project.name,
        file,
    })
}

fn dependency(named: Option<&Path>, of_checkout: &Path) -> Result<Dependency> {
    let dir = sdk(named, of_checkout)?;
    Ok(match dir {
        Some(dir) => Dependency {
            // A TOML string takes the escapes of a JSON one.
            text: format!("{{ path = {:?} }}", dir.display().to_string()),
            note: None,
            dir: Some(dir),
        },
        None => Dependency {
            text: format!("{:?}", env!("CARGO_PKG_VERSION")),
            note: Some(format!(
                "Cargo.toml asks the package site for {SDK_PACKAGE} {}, which is there once that version is \
                 published; until then give --sdk CHECKOUT/guest-sdk/rust",
                env!("CARGO_PKG_VERSION")
            )),
            dir: None,
        },
    })
}

/// The SDK's directory: the one that was named, else that of the checkout if it is still there.
fn sdk(named: Option<&Path>, of_checkout: &Path) -> Result<Option<PathBuf>> {
    let dir = named.unwrap_or(of_checkout);
    if dir.join("Cargo.toml").is_file() {
        let found = dir.canonicalize();
        return found
            .map(Some)
            .map_err(|error| Failure::file("find", dir, &error));
    }
    if named.is_some() {
        return Err(Failure::usage(format!(
            "{} holds no SDK: it has no Cargo.toml",
            dir.display()
        ))
        .hint("name guest-sdk/rust of a checkout of Warren"));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;
    use crate::cli::language::filled;
    use crate::id::AgentName;

    #[test]
    fn the_manifest_is_toml_wherever_the_sdk_is() {
        let name = AgentName::new("greeter").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let quoted = dir.path().join("a dir with \"quotes\"");
        std::fs::create_dir(&quoted).unwrap();
        std::fs::write(quoted.join("Cargo.toml"), "").unwrap();
        for named in [None, Some(quoted.as_path())] {
            let dependency = dependency(named, Path::new("/nowhere")).unwrap();
            assert_eq!(dependency.note.is_some(), named.is_none());
            let text = filled(SPEC.project[0].1, &name, &dependency.text);
            let manifest: toml::Table = text.parse().unwrap();
            assert_eq!(manifest["package"]["name"].as_str(), Some("greeter"));
            let package = &manifest["dependencies"][SDK_PACKAGE];
            let path = package.get("path").and_then(toml::Value::as_str);
            let expect = named.map(|dir| dir.canonicalize().unwrap());
            assert_eq!(path.map(PathBuf::from), expect);
        }
    }

    #[test]
    fn the_sdk_is_the_named_one_or_the_checkouts_or_a_version() {
        let dir = tempfile::tempdir().unwrap();
        let checkout = dir.path().join("checkout");
        assert_eq!(sdk(None, &checkout).unwrap(), None);
        assert_eq!(
            sdk(Some(dir.path()), &checkout).unwrap_err().exit,
            Exit::Usage
        );
        std::fs::create_dir(&checkout).unwrap();
        std::fs::write(checkout.join("Cargo.toml"), "").unwrap();
        let found = checkout.canonicalize().unwrap();
        assert_eq!(sdk(None, &checkout).unwrap(), Some(found.clone()));
        assert_eq!(sdk(Some(&checkout), dir.path()).unwrap(), Some(found));
    }
}
