//! Finds the paths that code names: below `crate::`, and into foreign crates.
//!
//! Invariant: reads formatted source line by line; a path that a macro puts together stays unseen.

use super::source::SourceFile;

/// Every path below `crate::`, the braces of a `use` resolved, with its line.
pub(super) fn uses(file: &SourceFile) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let lines: Vec<(usize, &str)> = file.code().collect();
    for (index, (number, line)) in lines.iter().enumerate() {
        for (at, _) in line.match_indices("crate::") {
            let before = line.get(..at).and_then(|text| text.chars().next_back());
            if before.is_some_and(|last| last.is_alphanumeric() || last == '_' || last == '$') {
                continue;
            }
            let mut rest = line
                .get(at + "crate::".len()..)
                .unwrap_or_default()
                .to_owned();
            // A group may span lines; formatted source ends it with a semicolon.
            if rest.contains('{') {
                let mut more = lines.iter().skip(index + 1).map(|(_, line)| line.trim());
                while depth(&rest) > 0 {
                    let Some(next) = more.next() else { break };
                    rest.push_str(next);
                }
            }
            found.extend(expand(&rest).into_iter().map(|path| (*number, path)));
        }
    }
    found
}

fn depth(text: &str) -> usize {
    text.matches('{')
        .count()
        .saturating_sub(text.matches('}').count())
}

/// `a::{b, c::{d, e}}` → `a::b`, `a::c::d`, `a::c::e`; whatever follows a path ends it.
fn expand(text: &str) -> Vec<String> {
    let end = text
        .find(|letter: char| !(letter.is_alphanumeric() || "_:".contains(letter)))
        .unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let Some(group) = rest
        .strip_prefix('{')
        .filter(|_| path.is_empty() || path.ends_with("::"))
    else {
        return vec![path.trim_end_matches(':').to_owned()];
    };
    split_group(group)
        .iter()
        .flat_map(|member| expand(member))
        .map(|inner| format!("{path}{inner}"))
        .collect()
}

/// The members of a group whose opening brace is already gone.
fn split_group(text: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut open = 0_usize;
    for letter in text.chars() {
        match letter {
            '}' if open == 0 => break,
            ',' if open == 0 => members.push(String::new()),
            _ => {
                open = open + usize::from(letter == '{') - usize::from(letter == '}');
                if let Some(last) = members.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    members
        .iter()
        .map(|member| member.trim().to_owned())
        .filter(|member| !member.is_empty())
        .collect()
}

/// `name::…` or a crate of its family such as `wasmtime_wasi::…`, in a path.
pub(super) fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, from) = code.split_at(at);
        let starts =
            !before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == ':');
        let tail =
            from.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
        starts && tail.starts_with("::")
    })
}

#[test]
fn groups_are_resolved() {
    let check = |text: &str, expect: &[&str]| assert_eq!(expand(text), expect, "{text}");
    check("a::B;", &["a::B"]);
    check("a::{b, c::{d, e}};", &["a::b", "a::c::d", "a::c::e"]);
    check("{a, b::C};", &["a", "b::C"]);
    check("a::open(1) + b", &["a::open"]);
    check("a::Error>", &["a::Error"]);
}
