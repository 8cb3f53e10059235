//! The `reinette` program: the only crate that prints.
//!
//! - [`arguments`]: what can be typed, each option defined once, with its documentation; [`global_arguments`]: the options that
//!   every command has, which the [`Context`] resolves.
//! - [`commands`]: one file a command; each takes the [`Context`] and its own arguments.
//! - [`printer`]: the one place that writes. Data goes to standard output, everything about the work to standard error.
//! - [`conversation`]: what a conversation needs; [`turn`]: the user's side of it, what is shown and what is asked;
//!   [`policy`]: when.
//! - [`ringing`]: timers, alarms and reminders whose time has come, for the daemon and for a chat.
//! - [`interrupt`]: Ctrl-C, and the system's requests to end.
//! - [`fetching`]: the model that a command needs, fetched on first need.
//!
//! Invariants: exit status 0 is done, 1 is failed, 2 is a mistake on the command line, 130 is stopped by the user (129 and 143: by the system); with
//! `--json` every line on standard output is one JSON object with a `type`; a reader that went away is no error.

mod arguments;
mod commands;
mod context;
mod conversation;
mod fetching;
mod global_arguments;
mod interrupt;
mod measure;
mod notification;
mod policy;
mod printer;
mod ringing;
mod turn;

use context::Context;
use printer::Printer;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return printer::command_line(&error),
    };
    let printer = Printer::new(arguments.global.output_format(), arguments.global.verbosity());
    let outcome = Context::new(printer, arguments.global)
        .and_then(|context| commands::run(&context, arguments.command, arguments::definition));
    match outcome {
        Ok(status) => status,
        Err(error) => printer.failure(&error),
    }
}
