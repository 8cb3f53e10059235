//! What can be wrong with data.

use std::io;
use std::path::{Path, PathBuf};

/// Why data can be neither made nor read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not as it should be.
    #[error("{file}{}: {problem}", place(*line))]
    Line {
        /// The file.
        file: String,
        /// The line, counted from 1; 0 if it is about the whole file.
        line: usize,
        /// What is wrong and what to do about it.
        problem: String,
    },
}

impl DataError {
    /// For `map_err`: a file that could not be read.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn line(file: &str, line: usize, problem: String) -> Self {
        Self::Line { file: file.to_owned(), line, problem }
    }
}

fn place(line: usize) -> String {
    if line == 0 { String::new() } else { format!(", line {line}") }
}
