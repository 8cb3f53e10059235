//! One file a command.

pub(crate) mod ask;
pub(crate) mod bench;
pub(crate) mod cache;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod daemon;
pub(crate) mod eval;
pub(crate) mod history;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod setup;
#[cfg(feature = "train")]
pub(crate) mod train;
pub(crate) mod undo;

use crate::arguments::Command;
use crate::context::Context;
use anyhow::Result;
use std::process::ExitCode;

/// Runs a command, and gives the program's exit status.
pub(crate) fn run(context: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Ask(arguments) => return ask::run(context, &arguments),
        Command::Chat(arguments) => chat::run(context, &arguments),
        Command::Undo(arguments) => undo::run(context, &arguments),
        Command::History(arguments) => history::run(context, &arguments),
        Command::Daemon(arguments) => daemon::run(context, &arguments),
        Command::Eval(arguments) => eval::run(context, &arguments),
        Command::Bench(arguments) => bench::run(context, &arguments),
        #[cfg(feature = "train")]
        Command::Train(arguments) => train::run(context, &arguments),
        Command::Setup(arguments) => setup::run(context, &arguments),
        Command::Models(arguments) => models::run(context, arguments),
        Command::Cache(arguments) => cache::run(context, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}
