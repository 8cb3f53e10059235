//! `reinette completions`: a script for the user's shell.

use crate::printer;
use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

/// Print a script that completes commands and options in a shell
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Completions, command: &mut Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "reinette", &mut script);
    printer::write_raw(&script)
}
