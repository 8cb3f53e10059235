//! `reinette undo`: takes back what the last request changed.

use crate::context::Context;
use crate::conversation;
use crate::printer::{Printer, Record};
use anyhow::{Result, anyhow};
use clap::Args;
use reinette_assistant::Assistant;
use reinette_assistant::journal::{Line, State};
use serde::Serialize;

/// Take back what the last request changed; again, what the one before changed
#[derive(Args, Debug)]
pub(crate) struct Undo {}

/// A change that was to be taken back, with its new state.
#[derive(Serialize)]
#[serde(transparent)]
struct Undone(Line);

impl Record for Undone {
    const TYPE: &'static str = "undone";
    const IS_REPORT: bool = true;

    fn to_text(&self) -> String {
        match self.0.state {
            State::Spent => format!("· has rung, and is over: {}", self.0.effect),
            State::Abandoned => format!("✗ not taken back: {}", self.0.effect),
            _ => format!("↩ taken back: {}", self.0.effect),
        }
    }
}

pub(crate) fn run(context: &Context, _arguments: &Undo) -> Result<()> {
    take_back(context.printer, &mut conversation::open_to_read(context)?)?
}

/// Takes back what the last request changed, and tells what became of each change.
///
/// # Errors
/// If nothing can be written any more. What cannot be taken back is the inner error: a conversation can go on after it.
pub(super) fn take_back(printer: Printer, assistant: &mut Assistant) -> Result<Result<()>> {
    let lines = match assistant.undo() {
        Ok(lines) => lines,
        Err(error) => return Ok(Err(error.into())),
    };
    let conflict = lines.iter().find_map(|line| line.reason.clone());
    let (is_empty, is_over) = (lines.is_empty(), lines.iter().all(|line| line.state == State::Spent));
    for line in lines {
        printer.print(&Undone(line))?;
    }
    Ok(match conflict {
        Some(reason) => Err(anyhow!("{reason}. This is told once: undo takes back what was before it")),
        None if is_empty => Err(anyhow!("there is nothing to take back")),
        None if is_over => Err(anyhow!("there is nothing else to take back")),
        None => Ok(()),
    })
}
