//! The rules of the house as code: `cargo xtask tidy`.
//!
//! - [`tidy`]: every rule that neither the compiler nor clippy knows, one function a rule.
//!
//! Usage: `cargo xtask tidy` reads the files that git knows or would take, prints what breaks a rule, one line a finding as
//! `path:line: what`, and fails when there is any.
//!
//! Invariants: it changes nothing, reads nothing outside the repository, and needs no network.

mod tidy;

use anyhow::{Result, bail};
use std::env;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(),
        _ => bail!("usage: cargo xtask tidy"),
    }
}
