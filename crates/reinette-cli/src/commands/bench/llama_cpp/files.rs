//! The model's file, and the same model in the types for which llama.cpp's kernels are fastest on a processor.

use super::build::{Builds, run};
use super::setting::Build;
use crate::commands::bench::comparison::File;
use crate::commands::bench::process;
use crate::printer::Printer;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The types that its users take on a processor, with the arguments of `llama-quantize`. Pure ones have the type in the
/// output layer too, which is a third of what a small model reads for a token.
const TYPES: [(&str, &[&str]); 3] = [
    ("Q4_0", &["--allow-requantize"]),
    ("Q4_0", &["--allow-requantize", "--pure"]),
    ("IQ4_NL", &["--allow-requantize"]),
];
/// A file of about the same size has at most so many times the bytes.
const MAX_SIZE: f64 = 1.1;
/// A model of about the same quality has at most so many times the perplexity. It is made of weights that were rounded before,
/// which costs what a file made of the original weights would not lose; so more is let through, and told.
const MAX_PERPLEXITY: f64 = 1.3;
/// Tokens of text that perplexity is measured over, 512 at a time: two models of one origin are told apart by fewer than would
/// tell how good one is.
const CHUNKS: &str = "8";

/// The files of one model, the first of them the one that ours reads; what was written here is deleted with this.
pub(super) struct Files {
    folder: PathBuf,
    pub(super) paths: Vec<PathBuf>,
    /// What there is to say about each.
    pub(super) told: Vec<File>,
}

impl Files {
    /// Writes the model in each of the types into `folder`, and keeps those of about the same size and quality.
    ///
    /// # Errors
    /// If perplexity cannot be measured, or the user stops us. A type that cannot be written is left out.
    pub(super) fn new(printer: Printer, builds: &Builds, model: &Path, folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut files = Self { folder, paths: Vec::new(), told: Vec::new() };
        files.add("same file", model, builds)?;
        for (name, arguments) in TYPES {
            process::check_interrupted()?;
            let pure = if arguments.contains(&"--pure") { ", all layers" } else { "" };
            let name = format!("{name}{pure}");
            let path = files.folder.join(format!("{}.gguf", name.replace(", ", "-").replace(' ', "-")));
            let mut command = builds.program(Build::Own, "llama-quantize");
            let quantised =
                run(command.args(arguments).arg(model).arg(&path).arg(name.split(',').next().unwrap_or("")));
            if let Err(error) = quantised.and_then(|_| files.add(&name, &path, builds)) {
                process::check_interrupted()?;
                printer.warn(&format!("{name} is left out: {error:#}"));
            }
        }
        Ok(files)
    }

    /// Takes a file in if it is about as large and as good as the first.
    fn add(&mut self, name: &str, path: &Path, builds: &Builds) -> Result<()> {
        let bytes = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        let mut command = builds.program(Build::Own, "llama-perplexity");
        command.arg("-m").arg(path).arg("-f").arg(builds.text()).args(["-c", "512", "--chunks", CHUNKS]);
        let said = run(&mut command)?;
        let perplexity = said.output.iter().rev().find_map(|line| perplexity(&line.text));
        let perplexity = perplexity.context("llama-perplexity told no perplexity")?;
        let file = File { name: name.to_owned(), bytes, perplexity };
        if self.told.first().is_none_or(|first| is_comparable(&file, first)) {
            self.paths.push(path.to_owned());
            self.told.push(file);
        }
        Ok(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left of it lies in the cache, which may be deleted at any time.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn is_comparable(file: &File, first: &File) -> bool {
    file.bytes as f64 <= first.bytes as f64 * MAX_SIZE && file.perplexity <= first.perplexity * MAX_PERPLEXITY
}

/// Reads `[1]17.6761,[2]12.6158,`: after each piece of text, the perplexity of all so far.
fn perplexity(line: &str) -> Option<f64> {
    let (_, last) = line.trim_end().trim_end_matches(',').rsplit_once(']')?;
    last.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_is_that_of_the_whole_text() {
        assert_eq!(perplexity("[1]17.6761,[2]12.6158,[3]11.2263,"), Some(11.2263));
        assert_eq!(perplexity("2.43 minutes"), None);
    }

    #[test]
    fn a_file_that_is_larger_or_worse_is_no_comparison() {
        let file = |bytes, perplexity| File { name: String::new(), bytes, perplexity };
        let first = file(1000, 10.0);
        assert!(is_comparable(&file(1100, 13.0), &first) && is_comparable(&file(500, 9.0), &first));
        assert!(!is_comparable(&file(1101, 10.0), &first) && !is_comparable(&file(1000, 13.1), &first));
    }
}
