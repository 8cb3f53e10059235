//! `reinette undo`: takes back what the last request changed.

use crate::context::Context;
use crate::conversation;
use crate::printer::Record;
use anyhow::{Result, bail};
use clap::Args;
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
    let lines = conversation::open_to_read(context)?.undo()?;
    if lines.is_empty() {
        bail!("there is nothing to take back");
    }
    let conflict = lines.iter().find_map(|line| line.reason.clone());
    let nothing_left = lines.iter().all(|line| line.state == State::Spent);
    for line in lines {
        context.printer.print(&Undone(line))?;
    }
    match conflict {
        Some(reason) => bail!("{reason}. This is told once: undo takes back what was before it"),
        None if nothing_left => bail!("there is nothing else to take back"),
        None => Ok(()),
    }
}
