//! What may not stand in a file.

use super::{Finding, SourceFile};
use cargo_metadata::camino::Utf8Path;

/// More does not fit into a reader's head.
const LONGEST_FILE_LINES: usize = 600;

/// Files that people write and read as code.
const CODE: [&str; 3] = ["rs", "py", "sh"];

/// Files that people write: code, configuration and text.
const WRITTEN: [&str; 7] = ["rs", "py", "sh", "toml", "md", "yml", "yaml"];

/// Where `unsafe` may stand: vector instructions, and the memory map of weights.
const UNSAFE_PLACES: [&str; 2] = ["crates/reinette-kernels/", "crates/reinette-engine/src/gguf/mapping.rs"];

/// What follows `unsafe` where it is code and not a word in a sentence.
const UNSAFE_FORMS: [&str; 6] = ["{", "fn ", "impl ", "impl<", "trait ", "extern "];

/// Words of unfinished work. Put together here, so that this file does not break its own rule.
const UNFINISHED: [&str; 6] = [
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];

/// Hosts of package registries: packages are found through the user's own package manager, which may use a mirror.
const REGISTRY_HOSTS: [&str; 6] = [
    concat!("pypi.", "org"),
    concat!("python", "hosted.org"),
    concat!("static.crates.", "io"),
    concat!("index.crates.", "io"),
    concat!("registry.npm", "js.org"),
    concat!("proxy.golang.", "org"),
];

/// Beginnings of paths of one machine.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// What follows in the documentation, where the reader puts a name of their own.
const PLACEHOLDER: &str = "you/";

/// Names under which anything can be hidden.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "manager", "misc"];

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.has_extension(&CODE) {
        findings.extend(check_size(file));
        findings.extend(check_name(file));
    }
    let is_rust = file.has_extension(&["rs"]);
    let may_be_unsafe = UNSAFE_PLACES.iter().any(|place| file.path.starts_with(place));
    if !file.has_extension(&WRITTEN) {
        return findings;
    }
    for (index, line) in file.text.lines().enumerate() {
        let mut find = |message: String| findings.push(Finding::new(&file.path, index + 1, message));
        if let Some(word) = UNFINISHED.iter().find(|word| contains_word(line, word)) {
            find(format!("`{word}`: finish it, or describe it as an issue"));
        }
        if let Some(host) = REGISTRY_HOSTS.iter().find(|host| line.contains(*host)) {
            find(format!("`{host}`: no host of a package registry; the user's package manager knows it"));
        }
        if let Some(path) = MACHINE_PATHS.iter().find(|path| contains_path(line, path)) {
            find(format!("`{path}`: a path of one machine"));
        }
        if is_rust && !may_be_unsafe && is_unsafe(line) {
            find("`unsafe` belongs into the kernels and the memory map of weights".to_owned());
        }
    }
    findings
}

fn check_size(file: &SourceFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let message = || format!("{lines} lines: split it, {LONGEST_FILE_LINES} are the limit");
    (lines > LONGEST_FILE_LINES).then(|| Finding::new(&file.path, 0, message()))
}

fn check_name(file: &SourceFile) -> Option<Finding> {
    let mut parts = Utf8Path::new(&file.path).iter().map(|part| part.split('.').next().unwrap_or(part));
    let name = parts.find(|part| EMPTY_NAMES.contains(part))?;
    Some(Finding::new(&file.path, 0, format!("`{name}` names nothing: say what it is about")))
}

/// Whether `word` stands in `line` as a word of its own.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let is_part = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        !is_part(line[..start].chars().next_back()) && !is_part(line[start + word.len()..].chars().next())
    })
}

/// Whether a path that begins with `beginning` stands in `line`, and not the middle of another path.
fn contains_path(line: &str, beginning: &str) -> bool {
    line.match_indices(beginning).any(|(start, _)| {
        let is_middle = |before: char| before.is_alphanumeric() || "._-~}>/*".contains(before);
        let is_placeholder = line[start + beginning.len()..].starts_with(PLACEHOLDER);
        !is_placeholder && !line[..start].chars().next_back().is_some_and(is_middle)
    })
}

/// Whether `line` has `unsafe` code, as opposed to the word in a comment or a string.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split('"').step_by(2).any(|outside_strings| {
        outside_strings.match_indices("unsafe ").any(|(start, keyword)| {
            let rest = outside_strings[start + keyword.len()..].trim_start();
            UNSAFE_FORMS.iter().any(|form| rest.starts_with(form))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        check(&file).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn clean_files_pass() {
        let text = "// A VTODO is a kind of thing to do; a fixture is not unsafe {\nlet home = \"$HOME/homework/\";\n";
        assert_eq!(messages("crates/a/src/lib.rs", text), [""; 0]);
    }

    #[test]
    fn each_rule_finds_what_it_forbids() {
        let unfinished = format!("// {}: later\n", UNFINISHED[0]);
        let call = format!("{}(\"later\")\n", UNFINISHED[4]);
        let host = format!("let index = \"https://{}/simple\";\n", REGISTRY_HOSTS[0]);
        let path = format!("let path = \"{}x\";\n", MACHINE_PATHS[2]);
        for text in [&unfinished, &call, &host, &path, "unsafe { read(pointer) }\n", "pub unsafe fn read() {}\n"] {
            assert_eq!(messages("crates/a/src/lib.rs", text).len(), 1, "{text}");
        }
        assert_eq!(messages("README.md", &host).len(), 1);
        assert_eq!(messages("README.md", &format!("notes = \"{}you/Notes\"\n", MACHINE_PATHS[2])), [""; 0]);
        assert_eq!(messages("crates/a/src/utils.rs", "").len(), 1);
        assert_eq!(messages("crates/a/src/common/mod.rs", "").len(), 1);
    }

    #[test]
    fn unsafe_has_its_places() {
        for path in ["crates/reinette-kernels/src/pool.rs", "crates/reinette-engine/src/gguf/mapping.rs"] {
            assert_eq!(messages(path, "unsafe { map(file) }\n"), [""; 0]);
        }
        assert_eq!(messages("crates/reinette-engine/src/lib.rs", "unsafe impl Send for A {}\n").len(), 1);
    }

    #[test]
    fn files_have_a_longest_length() {
        assert_eq!(messages("a.rs", &"\n".repeat(LONGEST_FILE_LINES)), [""; 0]);
        assert_eq!(messages("a.rs", &"\n".repeat(LONGEST_FILE_LINES + 1)).len(), 1);
        assert_eq!(messages("a.jsonl", &"\n".repeat(LONGEST_FILE_LINES + 1)), [""; 0]);
    }
}
