//! The contract's files, which the toolchains of other languages make their bindings from: every SDK that
//! is written into a project brings them along.

use super::File;

/// The files of `wit/` below `$dir`, after other files.
macro_rules! with_contract {
    ($dir:literal, $($file:expr),* $(,)?) => {
        &[
            $($file,)*
            (concat!($dir, "/types.wit"), $crate::cli::language::contract::TYPES),
            (concat!($dir, "/events.wit"), $crate::cli::language::contract::EVENTS),
            (concat!($dir, "/memory.wit"), $crate::cli::language::contract::MEMORY),
            (concat!($dir, "/registry.wit"), $crate::cli::language::contract::REGISTRY),
            (concat!($dir, "/host.wit"), $crate::cli::language::contract::HOST),
            (concat!($dir, "/world.wit"), $crate::cli::language::contract::WORLD),
        ]
    };
}
pub(super) use with_contract;

pub(super) const TYPES: &str = include_str!("../../../../wit/types.wit");
pub(super) const EVENTS: &str = include_str!("../../../../wit/events.wit");
pub(super) const MEMORY: &str = include_str!("../../../../wit/memory.wit");
pub(super) const REGISTRY: &str = include_str!("../../../../wit/registry.wit");
pub(super) const HOST: &str = include_str!("../../../../wit/host.wit");
pub(super) const WORLD: &str = include_str!("../../../../wit/world.wit");

/// That it is a list of files is checked where it is used.
const _: &[File] = with_contract!("wit",);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_contract_is_brought_along() {
        let there = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
        let files = there.map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|end| end == "wit"));
        let names = files.map(|file| file.file_name().unwrap().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        let brought: &[File] = with_contract!("wit",);
        let mut brought: Vec<&str> = brought
            .iter()
            .map(|(path, _)| &path["wit/".len()..])
            .collect();
        brought.sort_unstable();
        assert_eq!(names, brought);
    }
}
