//! One file a command.

pub(crate) mod completions;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod setup;

use crate::arguments::Command;
use crate::context::Context;
use anyhow::Result;

/// Runs a command.
pub(crate) fn run(context: &Context, command: Command) -> Result<()> {
    match command {
        Command::Setup(arguments) => setup::run(context, &arguments),
        Command::Models(arguments) => models::run(context, arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
