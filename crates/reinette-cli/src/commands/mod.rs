//! One file a command.

mod ask;
mod bench;
mod cache;
mod chat;
mod completions;
mod daemon;
mod eval;
mod history;
mod man;
mod mcp;
mod models;
mod setup;
#[cfg(feature = "train")]
mod train;
mod undo;

use crate::context::Context;
use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ask(ask::Ask),
    Chat(chat::Chat),
    Undo(undo::Undo),
    History(history::History),
    Daemon(daemon::Daemon),
    Setup(setup::Setup),
    Models(models::Models),
    Mcp(mcp::Mcp),
    Cache(cache::Cache),
    Eval(eval::Eval),
    Bench(bench::Bench),
    #[cfg(feature = "train")]
    Train(Box<train::Train>),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs a command, and gives the program's exit status. `definition` gives the whole command line that it is a part of.
pub(crate) fn run(context: &Context, command: Command, definition: fn() -> clap::Command) -> Result<ExitCode> {
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
        Command::Mcp(arguments) => mcp::run(context, &arguments),
        Command::Cache(arguments) => cache::run(context, &arguments),
        Command::Completions(arguments) => completions::run(&arguments, &mut definition()),
        Command::Man(arguments) => man::run(&arguments, definition()),
    }?;
    Ok(ExitCode::SUCCESS)
}
