//! Every crate begins with a page that says what it is for.

use super::{Finding, SourceFile};
use cargo_metadata::Metadata;

/// Purpose, key types and invariants take at least this many lines.
const SHORTEST_PAGE_LINES: usize = 5;

pub(super) fn check(metadata: &Metadata, files: &[SourceFile]) -> Vec<Finding> {
    let folders = metadata.workspace_packages().into_iter().filter_map(|package| {
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root).ok()?;
        manifest.parent().map(|folder| folder.as_str().to_owned())
    });
    folders.filter_map(|folder| check_crate(&folder, files)).collect()
}

fn check_crate(folder: &str, files: &[SourceFile]) -> Option<Finding> {
    let roots = ["lib.rs", "main.rs"].map(|root| format!("{folder}/src/{root}"));
    let Some(root) = roots.iter().find_map(|root| files.iter().find(|file| &file.path == root)) else {
        return Some(Finding::new(folder, 0, "the crate has neither src/lib.rs nor src/main.rs"));
    };
    let lines = page_lines(&root.text);
    (lines < SHORTEST_PAGE_LINES).then(|| {
        let message = format!(
            "the crate's first page has {lines} lines: say its purpose, key types and invariants in at least {SHORTEST_PAGE_LINES}"
        );
        Finding::new(&root.path, 1, message)
    })
}

/// How many lines of documentation, empty ones not counted, the file begins with.
fn page_lines(text: &str) -> usize {
    let page = text.lines().map_while(|line| line.strip_prefix("//!"));
    page.filter(|line| !line.trim().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_counted_by_its_lines_with_words() {
        assert_eq!(page_lines("//! One.\n//!\n//! Two.\n\n//! Later.\n"), 2);
        assert_eq!(page_lines("// One.\n//! Two.\n"), 0);
    }

    #[test]
    fn a_crate_without_a_page_is_found() {
        let file = |text: &str| SourceFile { path: "crates/a/src/main.rs".to_owned(), text: text.to_owned() };
        assert_eq!(check_crate("crates/a", &[file(&"//! Words.\n".repeat(5))]), None);
        assert!(check_crate("crates/a", &[file("//! Words.\nfn main() {}\n")]).is_some());
        assert!(check_crate("crates/b", &[file("")]).is_some());
    }
}
