//! The framework's public interface, written down: whoever changes it sees so in the same commit.
//!
//! rustdoc writes it as JSON, which is not stable yet: `RUSTC_BOOTSTRAP` lets the stable rustdoc do it. Were the variable
//! set for cargo, every dependency would be compiled anew for it; so this program stands in for rustdoc and sets it there.

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};
use serde_json::Value;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

/// The crate whose interface is kept: the one that programs depend on.
const CRATE: &str = "reinette";
/// The crate of most of what it exports, which rustdoc describes there only. What is written down names it as programs do.
const CORE: &str = "reinette-core";
/// Where it is kept, from the root of the repository.
const SNAPSHOT: &str = "docs/public-api.txt";
/// The formats of rustdoc's JSON that the crate `public-api` reads as it is pinned: shown by running it on them.
const FORMATS: [u64; 2] = [56, 57];
/// Set where this program stands in for rustdoc.
const STANDS_IN: &str = "REINETTE_XTASK_AS_RUSTDOC";

/// What is done with the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is compared with what was written down.
    Check,
    /// It is written down.
    Write,
}

/// Compares the interface with what was written down, or writes it down.
pub(crate) fn run(mode: Mode) -> Result<ExitCode> {
    let metadata = MetadataCommand::new().exec().context("cannot ask cargo about the workspace")?;
    let mut interface = String::new();
    for name in [CRATE, CORE] {
        let Some(lines) = interface_of(name, &metadata)? else { return Ok(ExitCode::SUCCESS) };
        interface.push_str(&lines);
    }
    let interface = interface.replace("reinette_core", CRATE);
    let path = metadata.workspace_root.join(SNAPSHOT);
    if mode == Mode::Write {
        fs::write(&path, interface).with_context(|| format!("cannot write {path}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let kept = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let differences = differences(&kept, &interface);
    let mut output = io::stderr().lock();
    for line in &differences {
        writeln!(output, "{line}")?;
    }
    if differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(output, "the interface of `{CRATE}` is not what {SNAPSHOT} says: if that is meant, run")?;
    writeln!(output, "`cargo xtask public-api --write`, and commit the file with what changed")?;
    Ok(ExitCode::FAILURE)
}

/// The interface of a crate, an item a line; `None` if this rustdoc writes what is not read, which is said.
fn interface_of(name: &str, metadata: &Metadata) -> Result<Option<String>> {
    let own = env::current_exe().context("cannot tell where this program is")?;
    let status = Command::new(env!("CARGO"))
        .args(["rustdoc", "--package", name, "--lib", "--", "-Zunstable-options", "--output-format=json"])
        .current_dir(&metadata.workspace_root)
        .env("RUSTDOC", own)
        .env(STANDS_IN, "1")
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "rustdoc failed");
    let json = metadata.target_directory.join("doc").join(name.replace('-', "_")).with_extension("json");
    let text = fs::read_to_string(&json).with_context(|| format!("cannot read {json}"))?;
    let format = serde_json::from_str::<Value>(&text)?["format_version"].as_u64().unwrap_or(0);
    if !FORMATS.contains(&format) {
        writeln!(io::stderr(), "skipped: this rustdoc writes format {format}, and of it {FORMATS:?} are read")?;
        return Ok(None);
    }
    let interface = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("{json} cannot be read, although its format is {format}"))?;
    Ok(Some(interface.to_string()))
}

/// Whether cargo runs this program as rustdoc; if so, how that ended.
pub(crate) fn stand_in_for_rustdoc() -> Option<Result<ExitCode>> {
    env::var_os(STANDS_IN)?;
    let run = || {
        let status = Command::new("rustdoc")
            .args(env::args_os().skip(1))
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove(STANDS_IN)
            .status()
            .context("cannot run rustdoc")?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    };
    Some(run())
}

/// The lines that are gone, and those that are new.
fn differences(before: &str, after: &str) -> Vec<String> {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (before.lines().collect(), after.lines().collect());
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    gone.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn what_is_gone_and_what_is_new_is_told() {
        let found = differences("pub fn a()\npub fn b()\n", "pub fn b()\npub fn c()\n");
        assert_eq!(found, ["- pub fn a()", "+ pub fn c()"]);
        assert!(differences("pub fn a()\n", "pub fn a()\n").is_empty());
    }
}
