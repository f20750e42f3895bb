//! Reads the repository's files and tells code from comments and tests.
//!
//! Invariant: a line-based reading that holds for formatted source; it needs no parser.

use std::fs;
use std::path::Path;

/// Directories that hold no source of ours.
const SKIPPED: &[&str] = &[
    "target",
    "dist",
    "node_modules",
    "__pycache__",
    ".venv",
    ".git",
    ".warren",
];

/// A file of the repository.
pub(crate) struct SourceFile {
    /// Relative to the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All files with one of the `endings`, in order of their paths.
pub(crate) fn repository(endings: &[&str]) -> Vec<SourceFile> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = host
        .parent()
        .expect("the host is a directory of the repository");
    let mut files = Vec::new();
    walk(root, root, endings, &mut files);
    assert!(
        !endings.contains(&"rs") || !files.is_empty(),
        "no source below {}",
        root.display()
    );
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

fn walk(root: &Path, dir: &Path, endings: &[&str], files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(dir).expect("a directory of the repository") {
        let entry = entry.expect("an entry of the repository");
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().expect("a known kind").is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(root, &path, endings, files);
            }
        } else if path
            .extension()
            .is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted))
        {
            let relative = path
                .strip_prefix(root)
                .expect("below the root")
                .to_string_lossy()
                .replace('\\', "/");
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{relative}: {error}"));
            files.push(SourceFile {
                path: relative,
                text,
            });
        }
    }
}

impl SourceFile {
    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    pub(crate) fn lines_without_tests(&self) -> usize {
        self.product_lines().count()
    }

    /// Numbered lines of code: no tests, no comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.product_lines()
            .map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
            .filter(|(_, line)| !line.trim().is_empty())
    }

    /// Everything but `#[cfg(test)] mod … { … }`, which formatting ends with a brace in the first column.
    fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut product = Vec::with_capacity(lines.len());
        let mut number = 0;
        while let Some(line) = lines.get(number) {
            let opens = lines
                .get(number + 1)
                .is_some_and(|next| next.contains("mod ") && next.ends_with('{'));
            if *line == "#[cfg(test)]" && opens {
                while lines.get(number).is_some_and(|line| *line != "}") {
                    number += 1;
                }
            } else {
                product.push((number + 1, *line));
            }
            number += 1;
        }
        product.into_iter()
    }
}

#[test]
fn tests_and_comments_do_not_count() {
    let text = "//! A.\nuse a; // b\n\n#[cfg(test)]\nmod tests {\n    use b;\n}\nfn c() {}\n";
    let file = SourceFile {
        path: "a.rs".into(),
        text: text.into(),
    };
    assert_eq!(file.lines_without_tests(), 4);
    assert_eq!(
        file.code().collect::<Vec<_>>(),
        [(2, "use a; "), (8, "fn c() {}")]
    );
}
