//! The rules of the house as code.
//!
//! - [`tidy`]: every rule that neither the compiler nor clippy knows, one function a rule.
//! - [`public_api`]: the framework's public interface, compared with the one that was written down.
//!
//! Usage: `cargo xtask tidy` reads the files that git knows or would take, prints what breaks a rule, one line a finding as
//! `path:line: what`, and fails when there is any. `cargo xtask public-api` prints how the interface differs from
//! `docs/public-api.txt`, and fails when it does; `--write` writes it there.
//!
//! Invariants: it changes nothing but that file, reads nothing outside the repository, and needs no network.

mod public_api;
mod tidy;

use anyhow::{Result, bail};
use std::env;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    if let Some(result) = public_api::stand_in_for_rustdoc() {
        return result;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(),
        ["public-api"] => public_api::run(public_api::Mode::Check),
        ["public-api", "--write"] => public_api::run(public_api::Mode::Write),
        _ => bail!("usage: cargo xtask tidy, or cargo xtask public-api [--write]"),
    }
}
