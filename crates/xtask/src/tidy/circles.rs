//! Circles of imports among the files of a crate: none of their files can be read, or moved into a crate of its own,
//! without the others.
//!
//! A file imports another where its code names a path into it, by `crate`, `super`, `self` or a module that it declares; code
//! of tests is left out. A path leads to the file in which it was written to be found: what a file passes on by `pub use`
//! counts as its own.

use super::{Finding, SourceFile};
use cargo_metadata::Metadata;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

/// How many files may import each other in a circle, of crates where some do. These numbers only ever become smaller; a
/// crate without one has no circle.
const LIMITS: &[(&str, usize)] = &[
    ("reinette", 15),
    ("reinette-apps", 63),
    ("reinette-assistant", 9),
    ("reinette-core", 23),
    ("reinette-data", 4),
    ("reinette-engine", 14),
    ("reinette-fuzzing", 4),
    ("reinette-kernels", 38),
    ("reinette-schema", 6),
    ("reinette-time", 19),
    ("reinette-train", 18),
    ("xtask", 6),
];

/// More are not named in a message.
const MAX_NAMED: usize = 12;

/// A module's name, from the root of its crate, which is empty.
type ModulePath = Vec<String>;

pub(super) fn check(metadata: &Metadata, files: &[SourceFile]) -> Vec<Finding> {
    let packages = metadata.workspace_packages();
    let crates = packages.iter().filter_map(|package| {
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root).ok()?;
        Some((package.name.as_str(), manifest.parent()?.join("src/").into_string()))
    });
    crates.filter_map(|(name, folder)| check_crate(name, &folder, files)).collect()
}

fn check_crate(name: &str, folder: &str, files: &[SourceFile]) -> Option<Finding> {
    let limit = LIMITS.iter().find(|(of, _)| *of == name).map_or(1, |(_, limit)| *limit);
    let imports = imports(folder, files);
    let circle = largest_circle(&imports);
    (circle.len() > limit).then(|| {
        let named: Vec<String> =
            circle.iter().take(MAX_NAMED).map(|path| format!("crate::{}", path.join("::"))).collect();
        let rest = if circle.len() > MAX_NAMED { ", …" } else { "" };
        let allowed = if limit == 1 { String::new() } else { format!(", of which {limit} may") };
        let message = format!("{} files import each other{allowed}: {}{rest}", circle.len(), named.join(", "));
        Finding::new(folder.trim_end_matches('/'), 0, message)
    })
}

/// The files of a crate, as modules, with those that each imports.
fn imports(folder: &str, files: &[SourceFile]) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let modules: BTreeMap<ModulePath, &str> = files
        .iter()
        .filter_map(|file| Some((module_path(file.path.strip_prefix(folder)?)?, file.text.as_str())))
        .collect();
    let imports_of = |(module, text): (&ModulePath, &&str)| {
        let paths = paths(module, text).into_iter();
        let files = paths.filter_map(|mut path| {
            while !modules.contains_key(&path) {
                path.pop()?;
            }
            Some(path)
        });
        (module.clone(), files.filter(|file| file != module).collect())
    };
    modules.iter().map(imports_of).collect()
}

/// The module that a file of `src` is.
fn module_path(path: &str) -> Option<ModulePath> {
    let path = path.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').map(str::to_owned).collect() })
}

/// The paths into its own crate that the code of a module names, from the root of the crate.
fn paths(module: &[String], text: &str) -> BTreeSet<ModulePath> {
    // What is no Rust, the compiler finds.
    let tokens: TokenStream = text.parse().unwrap_or_default();
    let mut reader = Reader { module: module.to_vec(), children: BTreeSet::new(), found: BTreeSet::new() };
    reader.read_module(tokens);
    reader.found
}

struct Reader {
    /// The module whose code is being read, which may stand within another one of its file.
    module: ModulePath,
    /// The modules that it declares.
    children: BTreeSet<String>,
    found: BTreeSet<ModulePath>,
}

impl Reader {
    fn read_module(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let declared = tokens.windows(2).filter(|pair| is_word(&pair[0], "mod")).filter_map(|pair| word(&pair[1]));
        let outer = std::mem::replace(&mut self.children, declared.collect());
        self.read(&tokens);
        self.children = outer;
    }

    fn read(&mut self, tokens: &[TokenTree]) {
        let mut rest = tokens;
        while let [first, after @ ..] = rest {
            rest = match (first, after) {
                (TokenTree::Punct(hash), [TokenTree::Group(attribute), after @ ..]) if hash.as_char() == '#' => {
                    if is_of_tests(attribute) {
                        after_item(after)
                    } else {
                        after
                    }
                }
                (_, [TokenTree::Ident(name), TokenTree::Group(body), after @ ..]) if is_word(first, "mod") => {
                    self.module.push(name.to_string());
                    self.read_module(body.stream());
                    self.module.pop();
                    after
                }
                // `pub(in crate::a)` says who may come in.
                (_, [TokenTree::Group(scope), after @ ..])
                    if is_word(first, "pub") && scope.delimiter() == Delimiter::Parenthesis =>
                {
                    after
                }
                // A path that begins elsewhere.
                (TokenTree::Punct(_), _) if separator(rest).is_some() => after_path(rest),
                (TokenTree::Ident(_), _) if separator(after).is_some() => self.read_path(rest),
                (TokenTree::Group(group), _) => {
                    self.read(&group.stream().into_iter().collect::<Vec<_>>());
                    after
                }
                _ => after,
            };
        }
    }

    /// Reads a path of several words; gives what follows it.
    fn read_path<'a>(&mut self, tokens: &'a [TokenTree]) -> &'a [TokenTree] {
        let first = word(&tokens[0]).unwrap_or_default();
        let base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().saturating_sub(1)].to_vec(),
            child if self.children.contains(child) => [self.module.as_slice(), std::slice::from_ref(&first)].concat(),
            _ => return after_path(&tokens[1..]),
        };
        self.read_segments(base, &tokens[1..])
    }

    /// Reads the words of a path that follow `base`, those in braces included; gives what follows it.
    fn read_segments<'a>(&mut self, mut base: ModulePath, mut tokens: &'a [TokenTree]) -> &'a [TokenTree] {
        while let Some(after) = separator(tokens) {
            match after {
                [segment @ TokenTree::Ident(_), after @ ..] => {
                    follow(&mut base, segment);
                    tokens = after;
                }
                [TokenTree::Group(branches), after @ ..] if branches.delimiter() == Delimiter::Brace => {
                    self.read_branches(&base, branches);
                    return after;
                }
                // A star, or types in angle brackets, which are read as code.
                after => {
                    tokens = after;
                    break;
                }
            }
        }
        self.found.insert(base);
        tokens
    }

    fn read_branches(&mut self, base: &[String], branches: &Group) {
        let tokens: Vec<TokenTree> = branches.stream().into_iter().collect();
        for branch in tokens.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',')) {
            let Some(first) = branch.first() else { continue };
            let mut path = base.to_vec();
            follow(&mut path, first);
            self.read_segments(path, &branch[1..]);
        }
    }
}

/// Goes on to the next segment of a path.
fn follow(path: &mut ModulePath, segment: &TokenTree) {
    match word(segment).as_deref() {
        Some("super") => drop(path.pop()),
        Some("self") | None => {}
        Some(segment) => path.push(segment.to_owned()),
    }
}

fn word(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_word(token: &TokenTree, expected: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == expected)
}

/// What follows `::`, if that comes first.
fn separator(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [TokenTree::Punct(first), TokenTree::Punct(second), after @ ..]
            if first.as_char() == ':' && second.as_char() == ':' =>
        {
            Some(after)
        }
        _ => None,
    }
}

/// What follows the words of a path that leads out of the crate.
fn after_path(mut tokens: &[TokenTree]) -> &[TokenTree] {
    while let Some(after) = separator(tokens) {
        tokens = match after {
            [TokenTree::Ident(_), after @ ..] => after,
            after => return after,
        };
    }
    tokens
}

/// Whether an attribute keeps an item to tests.
fn is_of_tests(attribute: &Group) -> bool {
    let condition: String = attribute.stream().to_string().split_whitespace().collect();
    condition == "cfg(test)" || condition.starts_with("cfg(all(test,")
}

/// What follows the item that comes first: it ends in a semicolon or in braces.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    let end = tokens.iter().position(is_end).map_or(tokens.len(), |end| end + 1);
    &tokens[end..]
}

/// The most modules of which each leads to each other one by imports.
fn largest_circle(imports: &BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> Vec<&ModulePath> {
    let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
        imports.keys().map(|module| (module, reached_from(module, imports))).collect();
    let circles = imports.keys().map(|module| {
        let others = reached[module].iter().copied();
        others.filter(|other| reached[*other].contains(module)).collect::<Vec<_>>()
    });
    circles.max_by_key(Vec::len).unwrap_or_default()
}

/// The modules to which imports lead from `start`, itself included if they come back to it.
fn reached_from<'a>(
    start: &ModulePath,
    imports: &'a BTreeMap<ModulePath, BTreeSet<ModulePath>>,
) -> BTreeSet<&'a ModulePath> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&ModulePath> = imports[start].iter().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(&imports[module]);
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(texts: &[(&str, &str)]) -> Vec<SourceFile> {
        let file = |(path, text): &(&str, &str)| SourceFile { path: format!("a/src/{path}"), text: (*text).to_owned() };
        texts.iter().map(file).collect()
    }

    fn imports_of(module: &str, texts: &[(&str, &str)]) -> Vec<String> {
        let module = module_path(module).unwrap();
        imports("a/src/", &crate_of(texts))[&module].iter().map(|path| path.join("::")).collect()
    }

    fn imported(text: &str) -> Vec<String> {
        imports_of(
            "b/mod.rs",
            &[("lib.rs", ""), ("b/mod.rs", text), ("b/c.rs", ""), ("d.rs", ""), ("e/mod.rs", ""), ("e/f.rs", "")],
        )
    }

    #[test]
    fn paths_lead_to_the_deepest_file() {
        for (text, expected) in [
            ("use crate::d::Type;", &["d"][..]),
            ("use super::{d::{self, Type as Other}, e::f::function};", &["d", "e::f"]),
            ("use crate::e::*;\npub(crate) use crate::e::f;", &["e", "e::f"]),
            ("mod c;\nfn run() { c::run::<crate::d::Type>() }", &["b::c", "d"]),
            ("macro_rules! m { () => { super::d::function() } }", &["d"]),
            ("use crate::Root;", &[""]),
        ] {
            assert_eq!(imported(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_imported_is_left_out() {
        for text in [
            "use d::Type; fn run() { std::d::run(); serde::e::f() }",
            "// use crate::d::Type;\nconst TEXT: &str = \"crate::d::Type\";",
            "pub(in crate::d) fn run(self) -> Self { self.d }",
            "mod inner { use super::Own; fn run() { self::other() } }",
            "#[cfg(test)]\nmod tests { use crate::d::Type; }",
            "#[cfg(all(test, unix))]\n#[path = \"x\"]\nuse crate::d::Type;",
        ] {
            assert_eq!(imported(text), [""; 0], "{text}");
        }
        assert_eq!(imported("#[cfg(unix)]\nuse crate::d::Type;"), ["d"]);
        assert_eq!(imported("mod inner { use super::super::d::Type; }"), ["d"]);
    }

    #[test]
    fn a_circle_is_found_and_a_line_is_none() {
        let line = [("lib.rs", "mod b; mod c; use b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "pub struct C;")];
        assert_eq!(check_crate("a", "a/src/", &crate_of(&line)), None);
        let circle =
            [("lib.rs", "mod b; mod c; use b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "use super::b::B;")];
        let finding = check_crate("a", "a/src/", &crate_of(&circle)).unwrap();
        assert_eq!(finding.message, "2 files import each other: crate::b, crate::c");
    }
}
