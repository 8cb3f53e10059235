//! What neither the compiler nor clippy checks.

mod circles;
mod first_page;
mod imports;
mod judged;
mod libraries;
mod text;

use anyhow::{Context, Result, ensure};
use cargo_metadata::camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, MetadataCommand};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

/// A rule that is broken somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// The file, from the root of the repository.
    path: String,
    /// The line, counted from 1; 0 when it is about the whole file.
    line: usize,
    /// What is wrong and what to do about it.
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, message } = self;
        match line {
            0 => write!(formatter, "{path}: {message}"),
            line => write!(formatter, "{path}:{line}: {message}"),
        }
    }
}

/// A text file of the repository.
struct SourceFile {
    /// From the root of the repository, with slashes.
    path: String,
    text: String,
}

impl SourceFile {
    fn has_extension(&self, extensions: &[&str]) -> bool {
        Utf8Path::new(&self.path).extension().is_some_and(|extension| extensions.contains(&extension))
    }
}

/// Checks every rule, prints what it finds, and fails if that is anything.
pub(crate) fn run() -> Result<ExitCode> {
    let metadata = MetadataCommand::new().exec().context("cannot ask cargo about the workspace")?;
    let files = source_files(&metadata.workspace_root)?;
    let findings = check(&metadata, &files);
    let mut output = io::stderr().lock();
    for finding in &findings {
        writeln!(output, "{finding}")?;
    }
    writeln!(output, "tidy: {} files, {} findings", files.len(), findings.len())?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(metadata: &Metadata, files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = imports::check(metadata);
    let misused = libraries::check(metadata).into_iter();
    findings.extend(misused.map(|(manifest, message)| Finding::new(&manifest, 0, message)));
    findings.extend(circles::check(metadata, files));
    findings.extend(first_page::check(metadata, files));
    findings.extend(judged::check(files));
    findings.extend(files.iter().flat_map(text::check));
    findings.sort();
    findings
}

/// The text files that git tracks or would take.
fn source_files(root: &Utf8Path) -> Result<Vec<SourceFile>> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    ensure!(listing.status.success(), "git cannot list the files of {root}");
    let listing = String::from_utf8(listing.stdout).context("a file name is not UTF-8")?;
    let mut files = Vec::new();
    for path in listing.split_terminator('\0') {
        let absolute: Utf8PathBuf = root.join(path);
        // A file that was deleted but not committed yet is listed too.
        let Ok(bytes) = fs::read(&absolute) else { continue };
        // Weights and other binary files have no lines to check.
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(SourceFile { path: path.to_owned(), text });
        }
    }
    Ok(files)
}
